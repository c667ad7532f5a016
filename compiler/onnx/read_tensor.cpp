// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// From a TensorProto to elements. Its data may lie in any of several fields, or in another file.
#include "compiler/onnx/content.h"

#include "compiler/import/convert.h"
#include "compiler/onnx/onnx_diagnostics.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace cnnc {
namespace {

constexpr OnnxType onnx_types[] = {
    {1, "f32", 4, DType::f32},   {2, "u8", 1, DType::u8},       {3, "i8", 1, DType::i8},
    {4, "u16", 2, DType::i32},   {5, "i16", 2, DType::i32},     {6, "i32", 4, DType::i32},
    {7, "i64", 8, DType::i64},   {8, "string", 0, {}},          {9, "bool", 1, DType::boolean},
    {10, "f16", 2, DType::f32},  {11, "f64", 8, DType::f32},    {12, "u32", 4, DType::i64},
    {13, "u64", 8, DType::i64},  {14, "complex64", 0, {}},      {15, "complex128", 0, {}},
    {16, "bf16", 2, DType::f32}, {17, "float8e4m3fn", 0, {}},   {18, "float8e4m3fnuz", 0, {}},
    {19, "float8e5m2", 0, {}},   {20, "float8e5m2fnuz", 0, {}}, {21, "u4", 0, {}},
    {22, "i4", 0, {}},           {23, "float4e2m1", 0, {}},
};

// The elements as they stand in the file, little-endian.
struct RawElements {
    std::shared_ptr<const void> owner;
    const std::byte *bytes = nullptr;
};

// The fields for elements of each type.
enum class Field { floats, ints32, ints64, doubles, uints64 };

Field field_of(int type) {
    switch (type) {
    case 1:
        return Field::floats;
    case 7:
        return Field::ints64;
    case 11:
        return Field::doubles;
    case 12:
    case 13:
        return Field::uints64;
    default:
        return Field::ints32;
    }
}

size_t field_length(const pb::TensorProto &tensor, Field field) {
    switch (field) {
    case Field::floats:
        return size_t(tensor.float_data_size());
    case Field::ints64:
        return size_t(tensor.int64_data_size());
    case Field::doubles:
        return size_t(tensor.double_data_size());
    case Field::uints64:
        return size_t(tensor.uint64_data_size());
    default:
        return size_t(tensor.int32_data_size());
    }
}

template <typename Values>
void copy_low_bytes(const Values &values, size_t size, std::byte *to) {
    for (auto value : values) {
        std::memcpy(to, &value, size); // little-endian: the low bytes come first
        to += size;
    }
}

class TensorReader {
  public:
    TensorReader(const pb::TensorProto &tensor, const std::string &name, ModelFiles &files,
                 Diagnostics &diags)
        : tensor_(tensor), name_(brief(name)), files_(files), diags_(diags),
          type_(onnx_type_of(tensor.data_type())) {}

    std::optional<TensorData> read() {
        if (!type_.computed) {
            diags_.report<diag::onnx_element_type>({}, name_, type_.name);
            return std::nullopt;
        }
        if (!read_shape())
            return std::nullopt;
        std::optional<RawElements> raw = elements();
        if (!raw)
            return std::nullopt;
        return convert(*raw);
    }

  private:
    bool read_shape() {
        if (size_t(tensor_.dims_size()) > max_onnx_rank) {
            diags_.report<diag::onnx_too_many_dims>({}, name_, size_t(tensor_.dims_size()),
                                                    max_onnx_rank);
            return false;
        }
        // Negative extents become too large ones.
        std::optional<Shape> shape =
            shape_from_file({tensor_.dims().begin(), tensor_.dims().end()});
        if (!shape || !has_sound_extents(*shape)) {
            diags_.report<diag::onnx_tensor_extents>(
                {}, name_, fmt::format("[{}]", fmt::join(tensor_.dims(), ", ")));
            return false;
        }
        shape_ = *shape;
        count_ = size_t(element_count(shape_));
        return true;
    }

    std::optional<RawElements> elements() {
        if (tensor_.data_location() == pb::TensorProto::EXTERNAL)
            return external();
        if (tensor_.has_raw_data()) {
            const std::string &raw = tensor_.raw_data();
            if (!has_size(count_ * type_.bytes, "bytes", raw.size()))
                return std::nullopt;
            return RawElements{files_.owner, reinterpret_cast<const std::byte *>(raw.data())};
        }
        return typed();
    }

    std::optional<RawElements> typed() {
        Field field = field_of(type_.number);
        if (!has_size(count_, "elements", field_length(tensor_, field)))
            return std::nullopt;
        auto bytes = std::make_shared<std::vector<std::byte>>(count_ * type_.bytes + 1);
        std::byte *to = bytes->data();
        if (field == Field::floats)
            copy_low_bytes(tensor_.float_data(), type_.bytes, to);
        else if (field == Field::ints64)
            copy_low_bytes(tensor_.int64_data(), type_.bytes, to);
        else if (field == Field::doubles)
            copy_low_bytes(tensor_.double_data(), type_.bytes, to);
        else if (field == Field::uints64)
            copy_low_bytes(tensor_.uint64_data(), type_.bytes, to);
        else
            copy_low_bytes(tensor_.int32_data(), type_.bytes, to);
        return RawElements{bytes, bytes->data()};
    }

    bool has_size(size_t needed, std::string_view unit, size_t found) {
        if (needed != found)
            diags_.report<diag::onnx_tensor_size>({}, name_, type_.name, shape_text(shape_), needed,
                                                  unit, found);
        return needed == found;
    }

    std::optional<RawElements> external();
    std::optional<uint64_t> external_number(std::string_view key, uint64_t fallback,
                                            const std::string &location);
    const std::string *external_entry(std::string_view key) const;
    TensorData convert(const RawElements &raw) const;

    const pb::TensorProto &tensor_;
    std::string name_;
    ModelFiles &files_;
    Diagnostics &diags_;
    OnnxType type_;
    Shape shape_;
    size_t count_ = 0;
};

const std::string *TensorReader::external_entry(std::string_view key) const {
    for (const pb::StringStringEntryProto &entry : tensor_.external_data()) {
        if (entry.key() == key)
            return &entry.value();
    }
    return nullptr;
}

std::optional<uint64_t> TensorReader::external_number(std::string_view key, uint64_t fallback,
                                                      const std::string &location) {
    const std::string *text = external_entry(key);
    if (!text)
        return fallback;
    uint64_t number = 0;
    auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc() || end != text->data() + text->size()) {
        diags_.report<diag::onnx_external_number>({}, key, name_, brief(location), brief(*text));
        return std::nullopt;
    }
    return number;
}

// Whether a path stays below the folder it is relative to.
bool is_inside(const std::string &location) {
    if (location.empty() || location[0] == '/' || location.find('\0') != std::string::npos)
        return false;
    for (size_t begin = 0; begin <= location.size();) {
        size_t end = std::min(location.find('/', begin), location.size());
        if (location.compare(begin, end - begin, "..") == 0)
            return false;
        begin = end + 1;
    }
    return true;
}

std::optional<RawElements> TensorReader::external() {
    const std::string *location = external_entry("location");
    if (!location) {
        diags_.report<diag::onnx_external_unnamed>({}, name_);
        return std::nullopt;
    }
    if (files_.folder.empty() || !is_inside(*location)) {
        diags_.report<diag::onnx_external_place>({}, name_, brief(*location));
        return std::nullopt;
    }
    auto file = files_.mapped.find(*location);
    if (file == files_.mapped.end()) {
        std::optional<FileBytes> bytes = map_file(files_.folder + "/" + *location, diags_);
        if (!bytes)
            return std::nullopt;
        file = files_.mapped.emplace(*location, *bytes).first;
    }
    const FileBytes &bytes = file->second;
    std::optional<uint64_t> offset = external_number("offset", 0, *location);
    std::optional<uint64_t> length = external_number("length", count_ * type_.bytes, *location);
    if (!offset || !length || !has_size(count_ * type_.bytes, "bytes", size_t(*length)))
        return std::nullopt;
    if (*offset > bytes.size || *length > bytes.size - *offset) {
        diags_.report<diag::onnx_external_outside>({}, name_, *length, *offset, brief(*location),
                                                   bytes.size);
        return std::nullopt;
    }
    return RawElements{bytes.owner, bytes.data + *offset};
}

template <typename From, typename To>
TensorData converted(const RawElements &raw, const Shape &shape, DType dtype) {
    size_t count = size_t(element_count(shape));
    auto bytes = std::make_shared<std::vector<std::byte>>(count * sizeof(To) + 1);
    for (size_t i = 0; i < count; ++i) {
        From from;
        std::memcpy(&from, raw.bytes + i * sizeof from, sizeof from);
        To to = To(from);
        std::memcpy(bytes->data() + i * sizeof to, &to, sizeof to);
    }
    return {{dtype, shape}, bytes, bytes->data()};
}

TensorData TensorReader::convert(const RawElements &raw) const {
    switch (type_.number) {
    case 4:
        return converted<uint16_t, int32_t>(raw, shape_, DType::i32);
    case 12:
        return converted<uint32_t, int64_t>(raw, shape_, DType::i64);
    case 13:
        return converted<uint64_t, int64_t>(raw, shape_, DType::i64);
    default:
        break;
    }
    DType dtype = type_.number == 5    ? DType::i16
                  : type_.number == 10 ? DType::f16
                  : type_.number == 11 ? DType::f64
                  : type_.number == 16 ? DType::bf16
                                       : *type_.computed;
    return computed_form(aligned_view({dtype, shape_}, raw.owner, raw.bytes));
}

} // namespace

OnnxType onnx_type_of(int number) {
    for (const OnnxType &type : onnx_types) {
        if (type.number == number)
            return type;
    }
    return {number, "unknown", 0, {}};
}

bool has_sound_extents(const Shape &shape) {
    Shape others = shape;
    std::replace(others.begin(), others.end(), int64_t(0), int64_t(1));
    return shape.size() <= max_onnx_rank && checked_elements(others).has_value();
}

std::optional<TensorData> read_tensor(const pb::TensorProto &tensor, const std::string &name,
                                      ModelFiles &files, Diagnostics &diags) {
    return TensorReader(tensor, name, files, diags).read();
}

} // namespace cnnc
