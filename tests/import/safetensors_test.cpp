// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Safetensors: good files are read as they are, every kind of broken file is told apart.
#include "compiler/import/safetensors.h"
#include "tests/import/files.h"

namespace cnnc::test {
namespace {

using testing::TempDir;

std::optional<WeightsFile> parse(const std::string &text, Diagnostics &diags) {
    return parse_safetensors("w.safetensors", file_bytes(text), diags);
}

// What is reported about a file, which must not be read.
std::string errors(const std::string &text) {
    Diagnostics diags;
    EXPECT_FALSE(parse(text, diags).has_value());
    return rendered(diags);
}

std::string header_errors(const std::string &header) {
    return errors(safetensors(header, ""));
}

// A file of one u8 entry `a` whose fields are given, with four bytes of data.
std::string entry_errors(const std::string &fields) {
    return errors(safetensors("{\"a\":{" + fields + "}}", "1234"));
}

TEST(Safetensors, ReadsEntriesSortedByName) {
    std::string data = bytes_of<float>({1.5f, -2.0f}) + bytes_of<int64_t>({-7});
    Diagnostics diags;
    auto file = parse(safetensors(R"({"__metadata__":{"format":"pt"},)"
                                  R"("z":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
                                  R"("b":{"dtype":"I64","shape":[],"data_offsets":[8,16]}}  )",
                                  data),
                      diags);
    ASSERT_TRUE(file) << rendered(diags);
    ASSERT_EQ(file->entries.size(), 2u);
    EXPECT_EQ(file->entries[0].name, "b");
    EXPECT_EQ(type_text(file->entries[0].data.type), "i64[]");
    EXPECT_EQ(type_text(file->entries[1].data.type), "f32[2, 1]");
    EXPECT_EQ(file->find("z")->data.floats()[0], 1.5f);
    EXPECT_EQ(file->find("z")->data.floats()[1], -2.0f);
    EXPECT_EQ(std::memcmp(file->find("b")->data.bytes, data.data() + 8, 8), 0);
    EXPECT_EQ(file->find("c"), nullptr);
}

TEST(Safetensors, KnowsEveryDType) {
    const std::pair<const char *, DType> dtypes[] = {
        {"F64", DType::f64}, {"F32", DType::f32},     {"F16", DType::f16}, {"BF16", DType::bf16},
        {"I64", DType::i64}, {"I32", DType::i32},     {"I16", DType::i16}, {"I8", DType::i8},
        {"U8", DType::u8},   {"BOOL", DType::boolean}};
    for (auto [name, dtype] : dtypes) {
        size_t bytes = 3 * dtype_bytes(dtype);
        Diagnostics diags;
        auto file = parse(
            safetensors(fmt::format(R"({{"a":{{"dtype":"{}","shape":[3],"data_offsets":[0,{}]}}}})",
                                    name, bytes),
                        std::string(bytes, 'x')),
            diags);
        ASSERT_TRUE(file) << rendered(diags);
        EXPECT_EQ(file->entries[0].data.type, (TensorType{dtype, {3}}));
    }
}

TEST(Safetensors, SharesTheFilesBytesWhereTheyAreAligned) {
    for (size_t padding : {0, 1, 2, 3}) {
        std::string header = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
        header += std::string((8 - header.size() % 8) % 8 + padding, ' ');
        FileBytes bytes = file_bytes(safetensors(header, bytes_of<float>({3.25f})));
        Diagnostics diags;
        auto file = parse_safetensors("w", bytes, diags);
        ASSERT_TRUE(file);
        const TensorData &data = file->entries[0].data;
        EXPECT_EQ(data.floats()[0], 3.25f);
        EXPECT_EQ(data.bytes == bytes.data + bytes.size - 4, padding == 0);
    }
}

TEST(Safetensors, ReadsEmptyTensors) {
    Diagnostics diags;
    auto file = parse(
        safetensors(R"({"a":{"dtype":"F32","shape":[4,0],"data_offsets":[0,0]}})", ""), diags);
    ASSERT_TRUE(file) << rendered(diags);
    EXPECT_TRUE(file->entries[0].data.defined());
    EXPECT_EQ(file->entries[0].data.byte_count(), 0u);
}

TEST(Safetensors, WrittenFilesDoNotDependOnTheOrder) {
    NamedTensor a{"a", TensorData::from_floats({2}, {1, 2})};
    NamedTensor b{"b", TensorData::from_floats({1, 1}, {3})};
    auto byte = std::make_shared<uint8_t>(7);
    NamedTensor narrow{"_", {{DType::u8, {1}}, byte, reinterpret_cast<std::byte *>(byte.get())}};
    std::string one = temporary("one.safetensors"), two = temporary("two.safetensors");
    Diagnostics diags;
    ASSERT_TRUE(write_safetensors(one, {narrow, a, b}, diags)) << rendered(diags);
    ASSERT_TRUE(write_safetensors(two, {b, narrow, a}, diags)) << rendered(diags);
    EXPECT_EQ(contents(one), contents(two));
    std::string header = R"({"_":{"data_offsets":[12,13],"dtype":"U8","shape":[1]},)"
                         R"("a":{"data_offsets":[0,8],"dtype":"F32","shape":[2]},)"
                         R"("b":{"data_offsets":[8,12],"dtype":"F32","shape":[1,1]}})";
    header += std::string((8 - header.size() % 8) % 8, ' ');
    EXPECT_EQ(contents(one), safetensors(header, bytes_of<float>({1, 2, 3}) + "\7"));

    auto file = read_safetensors(one, diags);
    ASSERT_TRUE(file) << rendered(diags);
    EXPECT_EQ(file->find("b")->data.floats()[0], 3.0f);
    EXPECT_EQ(file->find("_")->data.bytes[0], std::byte(7));
}

TEST(Safetensors, ReadsTheTrainedWeights) {
    Diagnostics diags;
    auto file = read_safetensors(CNNC_SOURCE_DIR "/examples/lenet5/lenet5.safetensors", diags);
    ASSERT_TRUE(file) << rendered(diags);
    EXPECT_EQ(file->entries.size(), 10u);
    EXPECT_EQ(type_text(file->find("conv2.weight")->data.type), "f32[16, 6, 5, 5]");
}

TEST(Safetensors, ReportsFilesThatCannotBeRead) {
    Diagnostics diags;
    EXPECT_FALSE(read_safetensors("no/such.safetensors", diags));
    EXPECT_FALSE(read_safetensors("/", diags));
    EXPECT_FALSE(read_safetensors("/dev/null", diags));
    EXPECT_EQ(rendered(diags),
              "error: cannot read `no/such.safetensors`: No such file or directory\n"
              "error: cannot read `/`: Is a directory\n"
              "error: cannot read `/dev/null`: not a regular file\n");
}

TEST(Safetensors, ReportsFilesThatCannotBeWritten) {
    Diagnostics diags;
    EXPECT_FALSE(write_safetensors("no/such/w.safetensors", {}, diags));
    EXPECT_EQ(rendered(diags),
              "error: cannot write `no/such/w.safetensors`: No such file or directory\n");
}

TEST(Safetensors, ReportsShortFiles) {
    EXPECT_EQ(errors("{}"),
              "error: `w.safetensors` is not a safetensors file: it has only 2 bytes\n");
    EXPECT_EQ(errors(""),
              "error: `w.safetensors` is not a safetensors file: it has only 0 bytes\n");
    EXPECT_EQ(errors("\x10" + std::string(7, '\0') + "{}"),
              "error: `w.safetensors` is not a safetensors file, or is cut off: its header should "
              "have 16 bytes, but 2 follow\n");
    EXPECT_EQ(errors(std::string(8, '\xff') + "{}"),
              "error: `w.safetensors` is not a safetensors file, or is cut off: its header should "
              "have 18446744073709551615 bytes, but 2 follow\n");
}

TEST(Safetensors, ReportsHeadersBeyondTheLimit) {
    EXPECT_EQ(header_errors(std::string(100'000'001, ' ')),
              "error: the header of `w.safetensors` has 100000001 bytes, more than the 100000000 "
              "allowed\n");
}

TEST(Safetensors, ReportsHeadersThatAreNoJson) {
    auto at = [](int byte) {
        return fmt::format(
            "error: the header of `w.safetensors` is not JSON in UTF-8: error at byte {}\n", byte);
    };
    EXPECT_EQ(header_errors(""), at(9));
    EXPECT_EQ(header_errors("{\"a\":"), at(14));
    EXPECT_EQ(header_errors("{\"a\xff\":{}}"), at(12));
    EXPECT_EQ(header_errors("{} {}"), at(12));
    EXPECT_EQ(header_errors(std::string(50'000'000, ' ')), at(50'000'009));
}

TEST(Safetensors, ReportsDeepNestingAtOnce) {
    std::string deep(50'000'000, '[');
    EXPECT_EQ(header_errors(deep),
              "error: the header of `w.safetensors` should be an object, found a list\n");
    EXPECT_EQ(header_errors("{\"a\":" + deep),
              "error: entry `a` of `w.safetensors` should be an object, found a list\n");
    EXPECT_EQ(entry_errors("\"shape\":" + deep),
              "error: `shape` of entry `a` of `w.safetensors` should be a list of extents, found a "
              "list\n");
    EXPECT_EQ(header_errors("{\"__metadata__\":{\"a\":" + deep),
              "error: `__metadata__` of `w.safetensors` should hold strings, found a list\n");
}

TEST(Safetensors, ReportsValuesOfTheWrongForm) {
    auto entry = [](std::string_view field, std::string_view form, std::string_view found) {
        return fmt::format("error: `{}` of entry `a` of `w.safetensors` should be {}, found {}\n",
                           field, form, found);
    };
    EXPECT_EQ(header_errors("7"),
              "error: the header of `w.safetensors` should be an object, found 7\n");
    EXPECT_EQ(header_errors(R"({"__metadata__":3})"),
              "error: entry `__metadata__` of `w.safetensors` should be an object, found 3\n");
    EXPECT_EQ(entry_errors(R"("dtype":5)"), entry("dtype", "a string", "5"));
    EXPECT_EQ(entry_errors(R"("dtype":null)"), entry("dtype", "a string", "null"));
    EXPECT_EQ(entry_errors(R"("shape":"4")"), entry("shape", "a list of extents", "a string"));
    EXPECT_EQ(entry_errors(R"("shape":[-4])"), entry("shape", "a list of extents", "-4"));
    EXPECT_EQ(entry_errors(R"("shape":[4.5])"), entry("shape", "a list of extents", "4.5"));
    EXPECT_EQ(entry_errors(R"("shape":[{}])"), entry("shape", "a list of extents", "an object"));
    EXPECT_EQ(entry_errors(R"("shape":true)"), entry("shape", "a list of extents", "true"));
    EXPECT_EQ(entry_errors(R"("shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,)"
                           R"(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1])"),
              entry("shape", "a list of extents", "more than 32 extents"));
    EXPECT_EQ(entry_errors(R"("data_offsets":[0])"),
              entry("data_offsets", "a list of two numbers", "1 numbers"));
    EXPECT_EQ(entry_errors(R"("data_offsets":[0,1,2])"),
              entry("data_offsets", "a list of two numbers", "more than two numbers"));
    EXPECT_EQ(entry_errors(R"("data_offsets":[0,1e99])"),
              entry("data_offsets", "a list of two numbers", "1e99"));
}

TEST(Safetensors, ReportsFieldsAndEntriesThatDoNotBelong) {
    EXPECT_EQ(entry_errors(R"("size":[4])"),
              "error: entry `a` of `w.safetensors` has an unknown field `size`\n");
    EXPECT_EQ(entry_errors(R"("dtype":"U8","dtype":"U8")"),
              "error: entry `a` of `w.safetensors` has two `dtype`\n");
    EXPECT_EQ(entry_errors(R"("shape":[4],"shape":[4])"),
              "error: entry `a` of `w.safetensors` has two `shape`\n");
    EXPECT_EQ(entry_errors(R"("data_offsets":[0,4],"data_offsets":[0,4])"),
              "error: entry `a` of `w.safetensors` has two `data_offsets`\n");
    EXPECT_EQ(header_errors(R"({"a":{},"b":{},"a":{}})"),
              "error: `w.safetensors` has two entries `a`\n");
}

TEST(Safetensors, ReportsEveryEntryWithAFieldMissing) {
    EXPECT_EQ(errors(safetensors(R"({"a":{"shape":[4],"data_offsets":[0,4]},)"
                                 R"("b":{"dtype":"U8","data_offsets":[0,4]},)"
                                 R"("c":{"dtype":"U8","shape":[4]}})",
                                 "1234")),
              "error: entry `a` of `w.safetensors` has no `dtype`\n"
              "error: entry `b` of `w.safetensors` has no `shape`\n"
              "error: entry `c` of `w.safetensors` has no `data_offsets`\n");
}

TEST(Safetensors, ReportsTypesThatCannotBe) {
    EXPECT_EQ(entry_errors(R"("dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4])"),
              "error: entry `a` of `w.safetensors` has an unknown dtype `F8_E4M3`\n");
    EXPECT_EQ(entry_errors(R"("dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,4])"),
              "error: entry `a` of `w.safetensors` has too many elements: [4294967296, "
              "4294967296]\n");
    EXPECT_EQ(
        entry_errors(R"("dtype":"U8","shape":[0,18446744073709551615],"data_offsets":[0,0])"),
        "error: entry `a` of `w.safetensors` has too many elements: [0, 18446744073709551615]\n");
    EXPECT_EQ(
        entry_errors(R"("dtype":"F32","shape":[4],"data_offsets":[0,4])"),
        "error: entry `a` of `w.safetensors` is f32[4], which takes 16 bytes, but it has 4\n");
}

TEST(Safetensors, ReportsOffsetsOutsideTheFile) {
    EXPECT_EQ(entry_errors(R"("dtype":"U8","shape":[5],"data_offsets":[0,5])"),
              "error: entry `a` of `w.safetensors` takes bytes 0 to 5 of the data, which has 4\n");
    EXPECT_EQ(entry_errors(R"("dtype":"U8","shape":[4],"data_offsets":[4,0])"),
              "error: entry `a` of `w.safetensors` takes bytes 4 to 0 of the data, which has 4\n");
    EXPECT_EQ(entry_errors(R"("dtype":"U8","shape":[1],)"
                           R"("data_offsets":[18446744073709551615,0])"),
              "error: entry `a` of `w.safetensors` takes bytes 18446744073709551615 to 0 of the "
              "data, which has 4\n");
}

TEST(Safetensors, ReportsOverlapsAndGaps) {
    auto two = [](int a_begin, int a_end, int b_begin, int b_end) {
        return errors(safetensors(
            fmt::format(R"({{"a":{{"dtype":"U8","shape":[{}],"data_offsets":[{},{}]}},)"
                        R"("b":{{"dtype":"U8","shape":[{}],"data_offsets":[{},{}]}}}})",
                        a_end - a_begin, a_begin, a_end, b_end - b_begin, b_begin, b_end),
            "1234"));
    };
    EXPECT_EQ(two(1, 4, 0, 2), "error: entries `b` and `a` of `w.safetensors` overlap\n");
    EXPECT_EQ(two(0, 4, 0, 4), "error: entries `a` and `b` of `w.safetensors` overlap\n");
    EXPECT_EQ(two(0, 1, 2, 4),
              "error: `w.safetensors` has 1 bytes of data that belong to no entry\n");
    EXPECT_EQ(two(0, 1, 1, 2),
              "error: `w.safetensors` has 2 bytes of data that belong to no entry\n");
}

TEST(Safetensors, CutsAbsurdNamesShort) {
    std::string name(1'000'000, 'n');
    std::string report = header_errors("{\"" + name + "\":1}");
    EXPECT_EQ(report, "error: entry `" + std::string(100, 'n') +
                          "...` of `w.safetensors` should be an object, found 1\n");
}

} // namespace
} // namespace cnnc::test
