// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reading and writing safetensors.
//
// The header is read by a handler that knows which value may come next, so nothing is built that
// the format does not have: depth is at most three, memory a small multiple of the header's length.
#include "compiler/import/safetensors.h"

#include "compiler/import/convert.h"
#include "compiler/import/import_diagnostics.h"

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <tuple>
#include <unordered_set>

namespace cnnc {
namespace {

using nlohmann::json;

constexpr size_t length_bytes = 8;
constexpr size_t max_header_bytes = 100'000'000; // the format's own limit
constexpr size_t max_rank = 32;

struct DTypeName {
    std::string_view text;
    DType dtype;
};
constexpr DTypeName dtype_names[] = {
    {"F32", DType::f32}, {"F16", DType::f16},      {"BF16", DType::bf16}, {"F64", DType::f64},
    {"U8", DType::u8},   {"I8", DType::i8},        {"I16", DType::i16},   {"I32", DType::i32},
    {"I64", DType::i64}, {"BOOL", DType::boolean},
};

// One entry as the header states it, unchecked.
struct HeaderEntry {
    std::string name;
    std::optional<std::string> dtype;
    std::optional<std::vector<uint64_t>> shape;
    std::optional<std::vector<uint64_t>> offsets;
};

// What nlohmann's parser calls for each value; `false` stops it. Reports the first thing that is
// not as the format has it.
class HeaderReader {
  public:
    using number_integer_t = json::number_integer_t;
    using number_unsigned_t = json::number_unsigned_t;
    using number_float_t = json::number_float_t;
    using string_t = json::string_t;
    using binary_t = json::binary_t;

    HeaderReader(const std::string &path, Diagnostics &diags) : path_(path), diags_(diags) {}

    std::vector<HeaderEntry> take() { return std::move(entries_); }

    bool key(string_t &name);
    bool start_object(size_t);
    bool end_object();
    bool start_array(size_t);
    bool end_array();
    bool string(string_t &text);
    bool number_unsigned(number_unsigned_t value);
    bool number_integer(number_integer_t value) { return unexpected(fmt::format("{}", value)); }
    bool number_float(number_float_t, const string_t &text) { return unexpected(brief(text)); }
    bool boolean(bool value) { return unexpected(value ? "true" : "false"); }
    bool null() { return unexpected("null"); }
    bool binary(binary_t &) { return unexpected("binary data"); }
    bool parse_error(size_t position, const std::string &, const json::exception &);

  private:
    // What encloses the next value.
    enum class Place { file, header, entry, field, list, metadata };
    enum class Field { dtype, shape, offsets };

    bool begin_entry(const string_t &name);
    bool begin_field(const string_t &name);
    bool unexpected(std::string_view found);
    HeaderEntry &entry() { return entries_.back(); }

    const std::string &path_;
    Diagnostics &diags_;
    std::vector<HeaderEntry> entries_;
    std::unordered_set<std::string> names_;
    Place place_ = Place::file;
    Field field_ = Field::dtype;
    bool next_is_metadata_ = false;
};

bool HeaderReader::key(string_t &name) {
    switch (place_) {
    case Place::header:
        return begin_entry(name);
    case Place::entry:
        return begin_field(name);
    default:
        return true; // of the metadata, which nothing here reads
    }
}

bool HeaderReader::begin_entry(const string_t &name) {
    if (!names_.insert(name).second) {
        diags_.report<diag::weights_repeated_entry>({}, path_, brief(name));
        return false;
    }
    next_is_metadata_ = name == "__metadata__";
    if (!next_is_metadata_)
        entries_.push_back({name, {}, {}, {}});
    return true;
}

bool HeaderReader::begin_field(const string_t &name) {
    bool repeated = false;
    if (name == "dtype") {
        field_ = Field::dtype;
        repeated = entry().dtype.has_value();
    } else if (name == "shape") {
        field_ = Field::shape;
        repeated = entry().shape.has_value();
    } else if (name == "data_offsets") {
        field_ = Field::offsets;
        repeated = entry().offsets.has_value();
    } else {
        diags_.report<diag::weights_unknown_field>({}, brief(entry().name), path_, brief(name));
        return false;
    }
    if (repeated)
        diags_.report<diag::weights_repeated_field>({}, brief(entry().name), path_, name);
    place_ = Place::field;
    return !repeated;
}

bool HeaderReader::start_object(size_t) {
    if (place_ == Place::file)
        place_ = Place::header;
    else if (place_ == Place::header)
        place_ = next_is_metadata_ ? Place::metadata : Place::entry;
    else
        return unexpected("an object");
    return true;
}

bool HeaderReader::end_object() {
    bool inside = place_ == Place::entry || place_ == Place::metadata;
    place_ = inside ? Place::header : Place::file;
    return true;
}

bool HeaderReader::start_array(size_t) {
    if (place_ != Place::field || field_ == Field::dtype)
        return unexpected("a list");
    (field_ == Field::shape ? entry().shape : entry().offsets).emplace();
    place_ = Place::list;
    return true;
}

bool HeaderReader::end_array() {
    place_ = Place::entry;
    if (field_ == Field::offsets && entry().offsets->size() != 2)
        return unexpected(fmt::format("{} numbers", entry().offsets->size()));
    return true;
}

bool HeaderReader::string(string_t &text) {
    if (place_ == Place::metadata)
        return true;
    if (place_ != Place::field || field_ != Field::dtype)
        return unexpected("a string");
    entry().dtype = std::move(text);
    place_ = Place::entry;
    return true;
}

bool HeaderReader::number_unsigned(number_unsigned_t value) {
    if (place_ != Place::list)
        return unexpected(fmt::format("{}", value));
    std::vector<uint64_t> &list = field_ == Field::shape ? *entry().shape : *entry().offsets;
    if (field_ == Field::shape && list.size() == max_rank)
        return unexpected(fmt::format("more than {} extents", max_rank));
    if (field_ == Field::offsets && list.size() == 2)
        return unexpected("more than two numbers");
    list.push_back(value);
    return true;
}

bool HeaderReader::unexpected(std::string_view found) {
    switch (place_) {
    case Place::file:
        diags_.report<diag::weights_header_form>({}, path_, "an object", found);
        return false;
    case Place::header:
        diags_.report<diag::weights_bad_entry>(
            {}, next_is_metadata_ ? "__metadata__" : brief(entry().name), path_, found);
        return false;
    case Place::metadata:
        diags_.report<diag::weights_bad_metadata>({}, path_, found);
        return false;
    default:
        break;
    }
    std::string_view name = field_ == Field::dtype   ? "dtype"
                            : field_ == Field::shape ? "shape"
                                                     : "data_offsets";
    std::string_view form = field_ == Field::dtype   ? "a string"
                            : field_ == Field::shape ? "a list of extents"
                                                     : "a list of two numbers";
    diags_.report<diag::weights_bad_field>({}, name, brief(entry().name), path_, form, found);
    return false;
}

bool HeaderReader::parse_error(size_t position, const std::string &, const json::exception &) {
    diags_.report<diag::weights_header_syntax>({}, path_, length_bytes + position);
    return false;
}

// The bytes of an entry, as offsets into the data.
struct Extent {
    uint64_t begin = 0, end = 0;
    size_t entry = 0;
};

// Everything that is needed to turn header entries into tensors.
struct DataReader {
    const std::string &path;
    FileBytes data; // behind the header
    Diagnostics &diags;

    std::optional<TensorType> type(const HeaderEntry &entry) const;
    std::optional<Extent> extent(const HeaderEntry &entry, const TensorType &type) const;
    bool covers_all(std::vector<Extent> extents, const std::vector<NamedTensor> &entries) const;
};

bool has_all_fields(const HeaderEntry &entry, const std::string &path, Diagnostics &diags) {
    std::string_view missing = !entry.dtype     ? "dtype"
                               : !entry.shape   ? "shape"
                               : !entry.offsets ? "data_offsets"
                                                : "";
    if (!missing.empty())
        diags.report<diag::weights_missing_field>({}, brief(entry.name), path, missing);
    return missing.empty();
}

std::optional<TensorType> DataReader::type(const HeaderEntry &entry) const {
    auto named = std::find_if(std::begin(dtype_names), std::end(dtype_names),
                              [&](const DTypeName &n) { return n.text == *entry.dtype; });
    if (named == std::end(dtype_names)) {
        diags.report<diag::weights_unknown_dtype>({}, brief(entry.name), path, brief(*entry.dtype));
        return std::nullopt;
    }
    std::optional<Shape> shape = shape_from_file(*entry.shape);
    if (!shape) {
        diags.report<diag::weights_too_many_elements>(
            {}, brief(entry.name), path, fmt::format("[{}]", fmt::join(*entry.shape, ", ")));
        return std::nullopt;
    }
    return TensorType{named->dtype, *shape};
}

std::optional<Extent> DataReader::extent(const HeaderEntry &entry, const TensorType &type) const {
    uint64_t begin = (*entry.offsets)[0], end = (*entry.offsets)[1];
    if (begin > end || end > data.size) {
        diags.report<diag::weights_outside>({}, brief(entry.name), path, begin, end, data.size);
        return std::nullopt;
    }
    size_t bytes = size_t(element_count(type.shape)) * dtype_bytes(type.dtype);
    if (end - begin != bytes) {
        diags.report<diag::weights_wrong_size>({}, brief(entry.name), path, type_text(type), bytes,
                                               end - begin);
        return std::nullopt;
    }
    return Extent{begin, end, 0};
}

// The format allows neither overlaps nor bytes that no entry owns: nothing can hide in a file.
bool DataReader::covers_all(std::vector<Extent> extents,
                            const std::vector<NamedTensor> &entries) const {
    std::sort(extents.begin(), extents.end(), [](const Extent &a, const Extent &b) {
        return std::tie(a.begin, a.end, a.entry) < std::tie(b.begin, b.end, b.entry);
    });
    uint64_t reached = 0, gaps = 0;
    const Extent *last = nullptr;
    for (const Extent &extent : extents) {
        if (extent.begin < reached) {
            diags.report<diag::weights_overlap>({}, brief(entries[last->entry].name),
                                                brief(entries[extent.entry].name), path);
            return false;
        }
        gaps += extent.begin - reached;
        reached = extent.end;
        last = &extent;
    }
    gaps += data.size - reached;
    if (gaps > 0)
        diags.report<diag::weights_gap>({}, path, gaps);
    return gaps == 0;
}

// The header's text, or nothing after reporting why there is none.
std::optional<std::string_view> header_text(const std::string &path, const FileBytes &bytes,
                                            Diagnostics &diags) {
    if (bytes.size < length_bytes) {
        diags.report<diag::weights_too_short>({}, path, bytes.size);
        return std::nullopt;
    }
    uint64_t length = 0; // little-endian, as is every machine that runs cnnc
    std::memcpy(&length, bytes.data, length_bytes);
    if (length > bytes.size - length_bytes) {
        diags.report<diag::weights_header_cut>({}, path, length, bytes.size - length_bytes);
        return std::nullopt;
    }
    if (length > max_header_bytes) {
        diags.report<diag::weights_header_too_long>({}, path, length, max_header_bytes);
        return std::nullopt;
    }
    return bytes.text().substr(length_bytes, size_t(length));
}

} // namespace

const NamedTensor *WeightsFile::find(std::string_view name) const {
    auto at = std::lower_bound(
        entries.begin(), entries.end(), name,
        [](const NamedTensor &tensor, std::string_view key) { return tensor.name < key; });
    return at != entries.end() && at->name == name ? &*at : nullptr;
}

std::optional<WeightsFile> parse_safetensors(std::string path, const FileBytes &bytes,
                                             Diagnostics &diags) {
    std::optional<std::string_view> header = header_text(path, bytes, diags);
    if (!header)
        return std::nullopt;
    HeaderReader reader(path, diags);
    if (!json::sax_parse(header->begin(), header->end(), &reader))
        return std::nullopt;
    std::vector<HeaderEntry> stated = reader.take();
    std::sort(stated.begin(), stated.end(),
              [](const HeaderEntry &a, const HeaderEntry &b) { return a.name < b.name; });

    size_t start = length_bytes + header->size();
    DataReader data{path, {bytes.owner, bytes.data + start, bytes.size - start}, diags};
    WeightsFile weights{path, {}};
    std::vector<Extent> extents;
    bool sound = true;
    for (HeaderEntry &entry : stated) {
        std::optional<TensorType> type;
        std::optional<Extent> extent;
        if (has_all_fields(entry, path, diags) && (type = data.type(entry)))
            extent = data.extent(entry, *type);
        sound = sound && extent.has_value();
        if (diags.full())
            return std::nullopt;
        if (!extent)
            continue;
        extent->entry = weights.entries.size();
        extents.push_back(*extent);
        const std::byte *place = data.data.data + extent->begin;
        weights.entries.push_back({std::move(entry.name), aligned_view(*type, bytes.owner, place)});
    }
    if (!sound || !data.covers_all(std::move(extents), weights.entries))
        return std::nullopt;
    return weights;
}

std::optional<WeightsFile> read_safetensors(const std::string &path, Diagnostics &diags) {
    std::optional<FileBytes> bytes = map_file(path, diags);
    if (!bytes)
        return std::nullopt;
    return parse_safetensors(path, *bytes, diags);
}

namespace {

std::string_view format_name(DType dtype) {
    for (const DTypeName &name : dtype_names) {
        if (name.dtype == dtype)
            return name.text;
    }
    return "";
}

std::string make_header(const std::vector<NamedTensor> &tensors) {
    json header = json::object(); // sorted by name
    size_t offset = 0;
    for (const NamedTensor &tensor : tensors) {
        size_t end = offset + tensor.data.byte_count();
        header[tensor.name] = {{"dtype", format_name(tensor.data.type.dtype)},
                               {"shape", tensor.data.type.shape},
                               {"data_offsets", {offset, end}}};
        offset = end;
    }
    std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
    text.append((8 - text.size() % 8) % 8, ' ');
    return text;
}

std::string_view elements_of(const NamedTensor &tensor) {
    return {reinterpret_cast<const char *>(tensor.data.bytes), tensor.data.byte_count()};
}

// What stands in front of the elements; sorts the tensors into the file's order.
std::string make_start(std::vector<NamedTensor> &tensors) {
    // Wide elements first, so that every tensor is aligned to its own.
    std::sort(tensors.begin(), tensors.end(), [](const NamedTensor &a, const NamedTensor &b) {
        size_t wide = dtype_bytes(a.data.type.dtype), other = dtype_bytes(b.data.type.dtype);
        return std::tie(other, a.name) < std::tie(wide, b.name);
    });
    const std::string header = make_header(tensors);
    const uint64_t length = header.size();
    return std::string(reinterpret_cast<const char *>(&length), length_bytes) + header;
}

} // namespace

std::string safetensors_bytes(std::vector<NamedTensor> tensors) {
    std::string bytes = make_start(tensors);
    size_t size = bytes.size();
    for (const NamedTensor &tensor : tensors)
        size += tensor.data.byte_count();
    bytes.reserve(size);
    for (const NamedTensor &tensor : tensors)
        bytes += elements_of(tensor);
    return bytes;
}

bool write_safetensors(const std::string &path, std::vector<NamedTensor> tensors,
                       Diagnostics &diags) {
    const std::string start = make_start(tensors);
    std::vector<std::string_view> pieces = {start};
    for (const NamedTensor &tensor : tensors)
        pieces.push_back(elements_of(tensor));
    return write_file(path, pieces, diags);
}

} // namespace cnnc
