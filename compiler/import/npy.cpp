// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reading and writing .npy: a magic number, a header that is the text of a Python dictionary
// ({'descr': '<f4', 'fortran_order': False, 'shape': (1, 10), }), the elements.
#include "compiler/import/npy.h"

#include "compiler/import/convert.h"
#include "compiler/import/import_diagnostics.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

namespace cnnc {
namespace {

constexpr std::string_view magic("\x93NUMPY", 6);
constexpr size_t max_rank = 32; // NumPy's

struct ElementName {
    std::string_view text; // without the byte order: < (little), > (big) or | (of a single byte)
    DType dtype;
};
constexpr ElementName element_names[] = {
    {"f4", DType::f32}, {"f8", DType::f64}, {"f2", DType::f16},
    {"u1", DType::u8},  {"i1", DType::i8},  {"i2", DType::i16},
    {"i4", DType::i32}, {"i8", DType::i64}, {"b1", DType::boolean},
};

// Nothing for a type that is not read.
const ElementName *find_element(std::string_view descr) {
    if (descr.empty() || std::string_view("<>|").find(descr[0]) == std::string_view::npos)
        return nullptr;
    for (const ElementName &name : element_names) {
        if (name.text == descr.substr(1) && (descr[0] != '|' || dtype_bytes(name.dtype) == 1))
            return &name;
    }
    return nullptr;
}

struct Header {
    std::string element;
    bool fortran_order = false;
    std::vector<uint64_t> shape;
};

// Reads the dictionary. Each function consumes one construct, or leaves in `expected` what should
// have stood at `position` and returns false.
class HeaderParser {
  public:
    explicit HeaderParser(std::string_view text) : text_(text) {}

    bool dictionary(Header &header);

    size_t position() const { return position_; }
    std::string_view expected() const { return expected_; }

  private:
    bool fail(std::string_view expected) {
        expected_ = expected;
        return false;
    }
    void skip_space();
    bool accept(std::string_view token);
    bool expect(std::string_view token) { return accept(token) || fail(token); }
    bool string(std::string &value);
    bool boolean(bool &value);
    bool integer(uint64_t &value);
    bool tuple(std::vector<uint64_t> &values);
    bool item(Header &header, unsigned &seen);

    std::string_view text_;
    size_t position_ = 0;
    std::string_view expected_;
};

void HeaderParser::skip_space() {
    while (position_ < text_.size() && std::strchr(" \t\n", text_[position_]) &&
           text_[position_] != '\0')
        ++position_;
}

bool HeaderParser::accept(std::string_view token) {
    skip_space();
    if (text_.substr(position_, token.size()) != token)
        return false;
    position_ += token.size();
    return true;
}

// 'text' or "text", without escapes: no key or type name has any.
bool HeaderParser::string(std::string &value) {
    skip_space();
    char quote = position_ < text_.size() ? text_[position_] : '\0';
    if (quote != '\'' && quote != '"')
        return fail("a string");
    size_t end = text_.find(quote, position_ + 1);
    if (end == std::string_view::npos)
        return fail("a string with an end");
    value = text_.substr(position_ + 1, end - position_ - 1);
    position_ = end + 1;
    return true;
}

bool HeaderParser::boolean(bool &value) {
    value = accept("True");
    return value || accept("False") || fail("True or False");
}

bool HeaderParser::integer(uint64_t &value) {
    skip_space();
    size_t begin = position_;
    value = 0;
    while (position_ < text_.size() && text_[position_] >= '0' && text_[position_] <= '9') {
        if (position_ - begin == 18)
            return fail("an integer of at most 18 digits");
        value = value * 10 + uint64_t(text_[position_++] - '0');
    }
    return position_ > begin || fail("an integer");
}

// () or (1,) or (1, 2) or (1, 2,)
bool HeaderParser::tuple(std::vector<uint64_t> &values) {
    if (!expect("("))
        return false;
    while (!accept(")")) {
        if (values.size() == max_rank)
            return fail("at most 32 extents");
        if (!integer(values.emplace_back()))
            return false;
        if (!accept(","))
            return expect(")");
    }
    return true;
}

// 'key': value
bool HeaderParser::item(Header &header, unsigned &seen) {
    std::string key;
    size_t begin = position_;
    if (!string(key) || !expect(":"))
        return false;
    unsigned bit = key == "descr" ? 1 : key == "fortran_order" ? 2 : key == "shape" ? 4 : 0;
    if (bit == 0 || (seen & bit)) {
        position_ = begin;
        return fail("'descr', 'fortran_order' and 'shape' once each");
    }
    seen |= bit;
    return bit == 1   ? string(header.element)
           : bit == 2 ? boolean(header.fortran_order)
                      : tuple(header.shape);
}

bool HeaderParser::dictionary(Header &header) {
    unsigned seen = 0;
    if (!expect("{"))
        return false;
    while (!accept("}")) {
        if (!item(header, seen))
            return false;
        if (!accept(",")) {
            if (!expect("}"))
                return false;
            break;
        }
    }
    skip_space();
    if (seen != 7)
        return fail("'descr', 'fortran_order' and 'shape'");
    return position_ == text_.size() || fail("nothing more");
}

// Where the header's text lies in the file.
struct HeaderPlace {
    size_t begin = 0, end = 0;
};

std::optional<HeaderPlace> find_header(const std::string &path, const FileBytes &bytes,
                                       Diagnostics &diags) {
    std::string_view text = bytes.text();
    if (text.substr(0, magic.size()) != magic) {
        diags.report<diag::npy_not_npy>({}, path);
        return std::nullopt;
    }
    auto byte = [&](size_t i) {
        return i < bytes.size ? std::to_integer<size_t>(bytes.data[i]) : 0;
    };
    int major = int(byte(6)), minor = int(byte(7));
    if (bytes.size > 7 && (major < 1 || major > 3)) {
        diags.report<diag::npy_version>({}, path, major, minor);
        return std::nullopt;
    }
    size_t begin = major == 1 ? 10 : 12;
    size_t length = byte(8) | byte(9) << 8;
    if (major != 1)
        length |= byte(10) << 16 | byte(11) << 24;
    if (bytes.size < begin || length > bytes.size - begin) {
        diags.report<diag::npy_cut>({}, path);
        return std::nullopt;
    }
    return HeaderPlace{begin, begin + length};
}

std::optional<TensorType> checked_type(const std::string &path, const Header &header,
                                       Diagnostics &diags) {
    const ElementName *named = find_element(header.element);
    if (!named) {
        std::vector<std::string_view> known;
        for (const ElementName &name : element_names)
            known.push_back(name.text);
        diags.report<diag::npy_element_type>({}, path, brief(header.element))
            .help(fmt::format("it reads {} in either byte order", fmt::join(known, ", ")));
        return std::nullopt;
    }
    std::optional<Shape> shape = shape_from_file(header.shape);
    if (!shape) {
        diags.report<diag::npy_too_many_elements>(
            {}, path, fmt::format("[{}]", fmt::join(header.shape, ", ")));
        return std::nullopt;
    }
    return TensorType{named->dtype, *shape};
}

// Copies elements whose first index varies fastest into row-major order.
TensorData from_fortran_order(const TensorType &type, const std::byte *source) {
    size_t size = dtype_bytes(type.dtype);
    size_t count = size_t(element_count(type.shape));
    auto bytes = std::make_shared<std::vector<std::byte>>(count * size);
    std::vector<size_t> strides(type.shape.size(), 1); // of the source, in elements
    for (size_t d = 1; d < strides.size(); ++d)
        strides[d] = strides[d - 1] * size_t(type.shape[d - 1]);
    std::vector<int64_t> index(type.shape.size());
    size_t from = 0;
    for (size_t to = 0; to < count; ++to) {
        std::memcpy(bytes->data() + to * size, source + from * size, size);
        for (size_t d = index.size(); d-- > 0;) {
            from += strides[d];
            if (++index[d] < type.shape[d])
                break;
            from -= strides[d] * size_t(type.shape[d]);
            index[d] = 0;
        }
    }
    return aligned_view(type, bytes, bytes->data());
}

TensorData with_bytes_reversed(const TensorData &data) {
    const size_t size = dtype_bytes(data.type.dtype), count = data.byte_count();
    auto bytes = std::make_shared<std::vector<std::byte>>(data.bytes, data.bytes + count);
    for (size_t i = 0; i < count; i += size)
        std::reverse(bytes->begin() + int64_t(i), bytes->begin() + int64_t(i + size));
    return {data.type, bytes, bytes->data()};
}

} // namespace

std::optional<TensorData> parse_npy(const std::string &path, const FileBytes &bytes,
                                    Diagnostics &diags) {
    std::optional<HeaderPlace> place = find_header(path, bytes, diags);
    if (!place)
        return std::nullopt;
    Header header;
    HeaderParser parser(bytes.text().substr(place->begin, place->end - place->begin));
    if (!parser.dictionary(header)) {
        diags.report<diag::npy_header>({}, path, parser.expected(), parser.position());
        return std::nullopt;
    }
    std::optional<TensorType> type = checked_type(path, header, diags);
    if (!type)
        return std::nullopt;
    size_t needed = size_t(element_count(type->shape)) * dtype_bytes(type->dtype);
    if (needed != bytes.size - place->end) {
        diags.report<diag::npy_size>({}, path, type_text(*type), needed, bytes.size - place->end);
        return std::nullopt;
    }
    const std::byte *elements = bytes.data + place->end;
    TensorData data = header.fortran_order ? from_fortran_order(*type, elements)
                                           : aligned_view(*type, bytes.owner, elements);
    if (header.element[0] == '>' && data.byte_count() > 0)
        data = with_bytes_reversed(data);
    return data;
}

std::optional<TensorData> read_npy(const std::string &path, Diagnostics &diags) {
    std::optional<FileBytes> bytes = map_file(path, diags);
    if (!bytes)
        return std::nullopt;
    return parse_npy(path, *bytes, diags);
}

bool write_npy(const std::string &path, const TensorData &data, Diagnostics &diags) {
    if (data.type.dtype == DType::bf16)
        return write_npy(path, to_f32(data), diags);
    std::string element = dtype_bytes(data.type.dtype) == 1 ? "|" : "<";
    for (const ElementName &name : element_names) {
        if (name.dtype == data.type.dtype)
            element += name.text;
    }
    std::string shape = fmt::format("{}", fmt::join(data.type.shape, ", "));
    if (data.type.shape.size() == 1)
        shape += ",";
    std::string text =
        fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", element, shape);
    text.append(63 - (magic.size() + 4 + text.size()) % 64, ' '); // the data begin at a 64th byte
    text += '\n';
    std::string start(magic);
    start += {'\1', '\0', char(text.size() & 255), char(text.size() >> 8)};
    std::string_view elements(reinterpret_cast<const char *>(data.bytes), data.byte_count());
    return write_file(path, {start, text, elements}, diags);
}

} // namespace cnnc
