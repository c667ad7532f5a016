# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# cmake -DINPUTS="a;b" -DOUTPUT=file.cpp -P HashSources.cmake: one hash of all the files' contents,
# in their order, as the string `cnnc_sources_hash`.
set(hashes)
foreach(input ${INPUTS})
  file(SHA256 ${input} hash)
  string(APPEND hashes ${hash})
endforeach()
string(SHA256 hash "${hashes}")
string(SUBSTRING ${hash} 0 32 hash)
file(WRITE ${OUTPUT}
"extern const char *const cnnc_sources_hash;
const char *const cnnc_sources_hash = \"${hash}\";
")
