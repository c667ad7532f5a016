// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Objects of bare data and archives, as the system's own tools and linker see them.
#include "compiler/codegen/archive.h"
#include "compiler/codegen/data_object.h"
#include "tests/codegen/workshop.h"

#include <gtest/gtest.h>

namespace cnnc {
namespace {

std::string data_object(const Target &target, const std::string &symbol, const std::string &data) {
    std::string bytes(data_object_offset, '\0');
    bytes += data;
    finish_data_object(bytes, target, symbol);
    return bytes;
}

TEST(DataObject, IsSoundForEveryTarget) {
    Workshop shop;
    for (const KnownTarget &known : known_targets()) {
        Target target = parse_target(known.name, nullptr).value();
        shop.write("data.o", data_object(target, "the_data", "some bytes"));
        std::string text = shop.run("readelf -W -h -S -s data.o");
        EXPECT_EQ(text.find("arning"), std::string::npos) << known.name << "\n" << text;
        EXPECT_EQ(text.find("rror"), std::string::npos) << known.name << "\n" << text;
        EXPECT_NE(text.find("10 OBJECT  GLOBAL HIDDEN     1 the_data"), std::string::npos) << text;
        EXPECT_NE(text.find(".rodata.the_data"), std::string::npos) << text;
        EXPECT_NE(text.find(".note.GNU-stack"), std::string::npos) << text;
    }
}

TEST(DataObject, LinksAlignedAndReadOnly) {
    Workshop shop;
    std::string data(1000, 'x');
    data[0] = 'a';
    data[999] = 'z';
    shop.write("data.o", data_object(host_target(), "the_data", data));
    shop.write("main.c", "#include <stdint.h>\n"
                         "#include <stdio.h>\n"
                         "extern const char the_data[] __attribute__((visibility(\"hidden\")));\n"
                         "int main(void) {\n"
                         "    printf(\"%c%c %d\", the_data[0], the_data[999],\n"
                         "           (int)((uintptr_t)the_data % 64));\n"
                         "}\n");
    for (const char *mode : {"-pie -fPIE", "-no-pie", "-static"}) {
        shop.run(std::string(CNNC_CC) + " -Wl,--fatal-warnings main.c data.o -o main " + mode);
        EXPECT_EQ(shop.run("./main"), "az 0") << mode;
    }
    EXPECT_EQ(shop.run("readelf -W -l main").find("RWE"), std::string::npos);
}

class Archive : public testing::Test {
  protected:
    Workshop shop_;
    std::string odd_ = "odd", even_ = "even bytes";

    std::vector<ArchiveMember> members() {
        return {{"a.o", odd_, {"first", "second"}},
                {"a_member_with_a_long_name.o", even_, {"third"}},
                {"exactly15chars.", odd_, {}},
                {"another_member_with_a_long_name.o", odd_, {"fourth"}}};
    }
};

TEST_F(Archive, IsReadByAr) {
    shop_.write("lib.a", write_archive(members()));
    EXPECT_EQ(shop_.run("ar t lib.a"), "a.o\na_member_with_a_long_name.o\nexactly15chars.\n"
                                       "another_member_with_a_long_name.o\n");
    EXPECT_EQ(shop_.run("ar p lib.a a.o"), odd_);
    EXPECT_EQ(shop_.run("ar p lib.a a_member_with_a_long_name.o"), even_);
    EXPECT_EQ(shop_.run("ar p lib.a another_member_with_a_long_name.o"), odd_);
}

TEST_F(Archive, SymbolTableNamesMembers) {
    shop_.write("lib.a", write_archive(members()));
    std::string table = shop_.try_run("nm -s lib.a").output;
    EXPECT_NE(table.find("first in a.o\nsecond in a.o\n"
                         "third in a_member_with_a_long_name.o\n"
                         "fourth in another_member_with_a_long_name.o\n"),
              std::string::npos)
        << table;
}

TEST_F(Archive, OfNothing) {
    shop_.write("lib.a", write_archive({}));
    EXPECT_EQ(shop_.run("ar t lib.a"), "");
}

} // namespace
} // namespace cnnc
