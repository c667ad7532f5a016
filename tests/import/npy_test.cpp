// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// .npy files as NumPy writes them, and as it never would.
#include "compiler/import/npy.h"
#include "tests/import/files.h"

namespace cnnc::test {
namespace {

std::string npy(const std::string &header, const std::string &data, int version = 1) {
    size_t length = header.size();
    std::string text = "\x93NUMPY";
    text += {char(version), '\0', char(length & 255), char(length >> 8)};
    if (version > 1)
        text += {'\0', '\0'};
    return text + header + data;
}

std::string header(const std::string &element, const std::string &shape,
                   const std::string &fortran = "False") {
    return "{'descr': '" + element + "', 'fortran_order': " + fortran + ", 'shape': " + shape +
           ", }\n";
}

std::optional<TensorData> parse(const std::string &text, Diagnostics &diags) {
    return parse_npy("a.npy", file_bytes(text), diags);
}

std::string errors(const std::string &text) {
    Diagnostics diags;
    EXPECT_FALSE(parse(text, diags).has_value());
    return rendered(diags);
}

template <typename Element>
std::vector<Element> elements(const TensorData &data) {
    std::vector<Element> result(size_t(element_count(data.type.shape)));
    std::memcpy(result.data(), data.bytes, data.byte_count());
    return result;
}

TEST(Npy, ReadsEveryVersion) {
    for (int version : {1, 2, 3}) {
        Diagnostics diags;
        auto data = parse(npy(header("<f4", "(2, 1)"), bytes_of<float>({1, -2}), version), diags);
        ASSERT_TRUE(data) << rendered(diags);
        EXPECT_EQ(type_text(data->type), "f32[2, 1]");
        EXPECT_EQ(elements<float>(*data), (std::vector<float>{1, -2}));
    }
}

TEST(Npy, ReadsEveryElementType) {
    const std::pair<const char *, DType> types[] = {
        {"<f2", DType::f16}, {"<f4", DType::f32}, {"<f8", DType::f64},
        {"|i1", DType::i8},  {"<i2", DType::i16}, {"<i4", DType::i32},
        {"<i8", DType::i64}, {"|u1", DType::u8},  {"|b1", DType::boolean}};
    for (auto [name, dtype] : types) {
        Diagnostics diags;
        auto data =
            parse(npy(header(name, "(3,)"), std::string(3 * dtype_bytes(dtype), '\1')), diags);
        ASSERT_TRUE(data) << rendered(diags);
        EXPECT_EQ(data->type, (TensorType{dtype, {3}}));
    }
}

TEST(Npy, ReadsScalarsAndEmptyArrays) {
    Diagnostics diags;
    auto scalar = parse(npy(header("<i4", "()"), bytes_of<int32_t>({9})), diags);
    ASSERT_TRUE(scalar) << rendered(diags);
    EXPECT_EQ(elements<int32_t>(*scalar), std::vector<int32_t>{9});
    auto empty = parse(npy(header("<f4", "(2, 0)"), ""), diags);
    ASSERT_TRUE(empty) << rendered(diags);
    EXPECT_EQ(type_text(empty->type), "f32[2, 0]");
}

TEST(Npy, TurnsFortranOrderRound) {
    // [[[0, 1], [2, 3], [4, 5]], [[6, ...]]] with the first index varying fastest.
    std::string data = bytes_of<int16_t>({0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11});
    Diagnostics diags;
    auto read = parse(npy(header("<i2", "(2, 3, 2)", "True"), data), diags);
    ASSERT_TRUE(read) << rendered(diags);
    EXPECT_EQ(elements<int16_t>(*read),
              (std::vector<int16_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
}

TEST(Npy, TurnsBigEndianBytesRound) {
    Diagnostics diags;
    auto ints =
        parse(npy(header(">i4", "(2,)"), std::string("\0\0\1\2\xff\xff\xff\xfe", 8)), diags);
    ASSERT_TRUE(ints) << rendered(diags);
    EXPECT_EQ(elements<int32_t>(*ints), (std::vector<int32_t>{258, -2}));
    auto floats = parse(npy(header(">f8", "(1,)"), std::string("\x3f\xf8\0\0\0\0\0\0", 8)), diags);
    ASSERT_TRUE(floats) << rendered(diags);
    EXPECT_EQ(elements<double>(*floats), std::vector<double>{1.5});
    // In Fortran's order as well: [[1, 2], [3, 4]].
    auto both =
        parse(npy(header(">i2", "(2, 2)", "True"), std::string("\0\1\0\3\0\2\0\4", 8)), diags);
    ASSERT_TRUE(both) << rendered(diags);
    EXPECT_EQ(elements<int16_t>(*both), (std::vector<int16_t>{1, 2, 3, 4}));
    auto bytes = parse(npy(header(">u1", "(2,)"), "\1\2"), diags);
    ASSERT_TRUE(bytes) << rendered(diags);
    EXPECT_EQ(elements<uint8_t>(*bytes), (std::vector<uint8_t>{1, 2}));
}

TEST(Npy, BoolsAreZeroOrOne) {
    Diagnostics diags;
    for (const char *fortran : {"False", "True"}) {
        auto bools =
            parse(npy(header("|b1", "(4,)", fortran), std::string("\0\1\2\xff", 4)), diags);
        ASSERT_TRUE(bools) << rendered(diags);
        EXPECT_EQ(elements<uint8_t>(*bools), (std::vector<uint8_t>{0, 1, 1, 1}));
    }
}

TEST(Npy, WritesEveryElementType) {
    std::string path = temporary("typed.npy");
    for (DType dtype : {DType::f32, DType::f16, DType::f64, DType::u8, DType::i8, DType::i16,
                        DType::i32, DType::i64, DType::boolean}) {
        auto bytes = std::make_shared<std::vector<std::byte>>(3 * dtype_bytes(dtype), std::byte(1));
        Diagnostics diags;
        ASSERT_TRUE(write_npy(path, {{dtype, {3}}, bytes, bytes->data()}, diags));
        auto data = read_npy(path, diags);
        ASSERT_TRUE(data) << rendered(diags);
        EXPECT_EQ(data->type, (TensorType{dtype, {3}}));
        EXPECT_EQ(std::memcmp(data->bytes, bytes->data(), bytes->size()), 0);
    }
}

TEST(Npy, WritesWhatItReads) {
    std::string path = temporary("written.npy");
    Diagnostics diags;
    for (const Shape &shape : {Shape{}, Shape{6}, Shape{2, 3}, Shape{1, 2, 3, 1}}) {
        std::vector<float> values(size_t(element_count(shape)), 2.5f);
        values.back() = -1;
        ASSERT_TRUE(write_npy(path, TensorData::from_floats(shape, values), diags));
        auto data = read_npy(path, diags);
        ASSERT_TRUE(data) << rendered(diags);
        EXPECT_EQ(data->type, (TensorType{DType::f32, shape}));
        EXPECT_EQ(elements<float>(*data), values);
    }
}

TEST(Npy, WritesExactlyWhatNumPyWould) {
    std::string path = temporary("exact.npy");
    Diagnostics diags;
    ASSERT_TRUE(write_npy(path, TensorData::from_floats({1, 2}, {1, 2}), diags));
    std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }";
    header += std::string(118 - 1 - header.size(), ' ') + "\n";
    EXPECT_EQ(contents(path), npy(header, bytes_of<float>({1, 2})));
}

TEST(Npy, WritesBfloatsAsFloats) {
    uint16_t element = 0x3fc0;
    TensorData data{{DType::bf16, {1}}, nullptr, reinterpret_cast<const std::byte *>(&element)};
    Diagnostics diags;
    ASSERT_TRUE(write_npy(temporary("bf16.npy"), data, diags));
    auto read = read_npy(temporary("bf16.npy"), diags);
    ASSERT_TRUE(read) << rendered(diags);
    EXPECT_EQ(read->floats()[0], 1.5f);
}

TEST(Npy, ReportsOtherFiles) {
    EXPECT_EQ(errors(""), "error: `a.npy` is not a .npy file\n");
    EXPECT_EQ(errors("\x93NUMPX\1"), "error: `a.npy` is not a .npy file\n");
    EXPECT_EQ(errors(npy(header("<f4", "()"), "1234", 4)),
              "error: `a.npy` has version 4.0 of the .npy format; 1, 2 and 3 are known\n");
}

TEST(Npy, ReportsEveryPlaceTheHeaderMayBeCut) {
    std::string whole = npy(header("<f4", "(1,)"), "");
    for (size_t length = 6; length < whole.size(); ++length)
        EXPECT_EQ(errors(whole.substr(0, length)), "error: `a.npy` is cut off within its header\n");
    EXPECT_EQ(errors(std::string("\x93NUMPY\2\0\xff\xff\xff\xff{}", 14)),
              "error: `a.npy` is cut off within its header\n");
}

TEST(Npy, ReportsMalformedHeaders) {
    auto at = [](const std::string &header, const std::string &expected, size_t byte) {
        EXPECT_EQ(
            errors(npy(header, "")),
            fmt::format("error: the header of `a.npy` is malformed: expected {} at its byte {}\n",
                        expected, byte));
    };
    at("", "{", 0);
    at("{", "a string", 1);
    at("{'descr", "a string with an end", 1);
    at("{'descr' 1", ":", 9);
    at("{'descr': <f4", "a string", 10);
    at("{'type': '<f4'}", "'descr', 'fortran_order' and 'shape' once each", 1);
    at("{'descr': '<f4', 'descr': '<f4'}", "'descr', 'fortran_order' and 'shape' once each", 17);
    at("{'descr': '<f4' 'shape'", "}", 16);
    at("{'descr': '<f4'}", "'descr', 'fortran_order' and 'shape'", 16);
    at("{'fortran_order': 1}", "True or False", 18);
    at("{'shape': [1]}", "(", 10);
    at("{'shape': (-1,)}", "an integer", 11);
    at("{'shape': (1 2)}", ")", 13);
    at("{'shape': (1234567890123456789,)}", "an integer of at most 18 digits", 29);
    std::string ones;
    for (int i = 0; i < 33; ++i)
        ones += "1,";
    at("{'shape': (" + ones, "at most 32 extents", 11 + 64);
    at(header("<f4", "()") + "x", "nothing more", header("<f4", "()").size());
    at("{'shape': " + std::string(60000, '('), "an integer", 11);
}

TEST(Npy, ReportsElementTypesItDoesNotRead) {
    for (const char *element : {"=f4", "|f4", "<u2", "<c8", "O", "<U3"})
        EXPECT_EQ(
            errors(npy(header(element, "(1,)"), "1234")),
            fmt::format("error: `a.npy` has elements of type `{}`, which cnnc does not read\n"
                        "help: it reads f4, f8, f2, u1, i1, i2, i4, i8, b1 in either byte order\n",
                        element));
}

TEST(Npy, ReportsSizesThatDoNotFit) {
    EXPECT_EQ(errors(npy(header("<f4", "(2,)"), "1234")),
              "error: `a.npy` is f32[2], which takes 8 bytes, but it has 4\n");
    EXPECT_EQ(errors(npy(header("<f4", "(1,)"), "12345")),
              "error: `a.npy` is f32[1], which takes 4 bytes, but it has 5\n");
    EXPECT_EQ(errors(npy(header("<f4", "(4294967296, 4294967296)", "True"), "")),
              "error: `a.npy` has too many elements: [4294967296, 4294967296]\n");
    EXPECT_EQ(errors(npy(header("<f4", "(0, 100000000000000000)"), "")),
              "error: `a.npy` has too many elements: [0, 100000000000000000]\n");
}

} // namespace
} // namespace cnnc::test
