# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# cmake -DINPUT=file -DOUTPUT=file.cpp -DNAME=symbol -P EmbedFile.cmake: the file's bytes as the
# array `symbol` and their number as `symbol_size`.
file(READ ${INPUT} hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR size "${digits} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE ${OUTPUT}
"#include <cstddef>
extern \"C\" {
extern const unsigned char ${NAME}[];
extern const size_t ${NAME}_size;
alignas(8) const unsigned char ${NAME}[] = {${bytes}};
const size_t ${NAME}_size = ${size};
}
")
