// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The rows of padding, resizing, and the general form behind them.
#include "compiler/graph/registry_rows.h"

#include <algorithm>
#include <cmath>

namespace cnnc {

const std::vector<std::string_view> &resize_modes() {
    static const std::vector<std::string_view> words = {"nearest", "linear", "cubic"};
    return words;
}
const std::vector<std::string_view> &resize_coordinates() {
    static const std::vector<std::string_view> words = {"half_pixel", "pytorch_half_pixel",
                                                        "align_corners", "asymmetric"};
    return words;
}
const std::vector<std::string_view> &resize_roundings() {
    static const std::vector<std::string_view> words = {"floor", "ceil", "round_prefer_floor",
                                                        "round_prefer_ceil"};
    return words;
}
const std::vector<std::string_view> &pad_modes() {
    static const std::vector<std::string_view> words = {"constant", "reflect", "replicate",
                                                        "circular"};
    return words;
}
const std::vector<std::string_view> &sample_kinds() {
    static const std::vector<std::string_view> words = {"pick", "weighted_sum", "max"};
    return words;
}

namespace {

// The words of interpolate's mode: what each means, and the spatial rank it is for (0: any).
struct InterpolateMode {
    std::string_view word;
    ResizeMode mode;
    size_t rank = 0;
};
constexpr InterpolateMode interpolate_modes[] = {
    {"nearest", ResizeMode::nearest},     {"nearest_exact", ResizeMode::nearest},
    {"linear", ResizeMode::linear},       {"bilinear", ResizeMode::linear, 2},
    {"trilinear", ResizeMode::linear, 3}, {"cubic", ResizeMode::cubic},
    {"bicubic", ResizeMode::cubic, 2},
};

std::vector<std::string_view> interpolate_words() {
    std::vector<std::string_view> words;
    for (const InterpolateMode &mode : interpolate_modes) {
        words.push_back(mode.word);
    }
    return words;
}

// One entry per spatial dimension, of a number or a list.
template <class T>
std::vector<T> per_dimension(Arguments &a, std::string_view name, std::vector<T> entries,
                             size_t rank) {
    const Value *value = a.value_of(name);
    if (value && !std::holds_alternative<ValueList>(value->v)) {
        entries.assign(rank, entries[0]);
    } else if (value && entries.size() != rank) {
        a.report<diag::argument_length>(name, name, "interpolate", rank, entries.size());
        entries.assign(rank, T(1));
    }
    return entries;
}

// PyTorch's output extent; far too large ones are infer_type's to refuse.
int64_t scaled_extent(int64_t extent, double scale) {
    const double scaled = std::floor(double(extent) * scale);
    constexpr double limit = 4e18;
    return scaled >= 0 && scaled < limit ? int64_t(scaled) : scaled > 0 ? int64_t(limit) : 0;
}

void set_size(Arguments &a, const Shape &shape, Resize &resize) {
    const size_t rank = shape.size() - 2;
    if (!a.given("size") && !a.given("scale_factor")) {
        a.report<diag::interpolate_without_size>("");
        return;
    }
    resize.size = per_dimension(a, "size", a.integers("size"), rank);
    resize.scales = per_dimension(a, "scale_factor", a.numbers("scale_factor"), rank);
    if (!a.ok()) {
        return;
    }
    for (size_t i = 0; i < rank; ++i) {
        const int64_t extent = shape[i + 2];
        if (!a.given("size")) {
            resize.size.push_back(scaled_extent(extent, resize.scales[i]));
        } else if (!a.given("scale_factor")) {
            resize.scales.push_back(double(resize.size[i]) / double(extent));
        }
    }
}

// What PyTorch's mode implies, unless our own arguments say otherwise.
void set_coordinates(Arguments &a, const InterpolateMode &mode, Resize &resize) {
    const bool align_corners = a.boolean("align_corners");
    resize.mode = mode.mode;
    if (align_corners && mode.mode == ResizeMode::nearest) {
        a.report<diag::align_corners_of_nearest>("align_corners", mode.word);
    }
    if (align_corners && a.given("coordinates")) {
        a.report<diag::align_corners_twice>("align_corners");
    }
    resize.coordinates = align_corners            ? ResizeCoordinates::align_corners
                         : mode.word == "nearest" ? ResizeCoordinates::asymmetric
                                                  : ResizeCoordinates::half_pixel;
    resize.rounding =
        mode.word == "nearest_exact" ? ResizeRounding::round_prefer_ceil : ResizeRounding::floor;
    if (a.given("coordinates")) {
        resize.coordinates = ResizeCoordinates(a.choice("coordinates"));
    }
    if (a.given("rounding")) {
        resize.rounding = ResizeRounding(a.choice("rounding"));
    }
    resize.antialias = a.boolean("antialias");
    const bool smooth = resize.antialias && mode.mode == ResizeMode::cubic;
    resize.cubic_a = a.number("cubic_a", smooth ? -0.5 : -0.75);
}

Op make_interpolate(Arguments &a, const Operands &operands) {
    Resize resize;
    const Shape &shape = operands[0].shape;
    const InterpolateMode &mode = interpolate_modes[a.choice("mode")];
    if (shape.size() < 3 || shape.size() > 5) {
        a.check_spatial_rank(mode.rank == 0 ? 2 : mode.rank, operands);
        return resize;
    }
    if (mode.rank != 0) {
        a.check_spatial_rank(mode.rank, operands);
    }
    set_coordinates(a, mode, resize);
    set_size(a, shape, resize);
    return resize;
}

OpSpec interpolate_row() {
    return unary_row(
        "interpolate",
        {{"size", ArgKind::integers, {}, "spatial extents of the result", "from scale_factor"},
         {"scale_factor", ArgKind::numbers, {}, "how much larger", "from size"},
         {"mode", ArgKind::choice, text("nearest"), "how", {}, interpolate_words()},
         {"align_corners", ArgKind::boolean, boolean(false),
          "whether the corners' centres coincide"},
         {"antialias", ArgKind::boolean, boolean(false), "whether shrinking takes all in between"},
         {"coordinates",
          ArgKind::choice,
          {},
          "where an element of the result lies in the operand (ONNX's names)",
          "PyTorch's for the mode",
          resize_coordinates()},
         {"rounding",
          ArgKind::choice,
          {},
          "to which element, when picking the nearest",
          "PyTorch's for the mode",
          resize_roundings()},
         {"cubic_a",
          ArgKind::number,
          {},
          "coefficient of the cubic kernel",
          "-0.75; with antialias -0.5, as in PyTorch"}},
        "Resizes the spatial dimensions.", make_interpolate);
}

// Pairs are for the last dimensions.
Op make_pad(Arguments &a, const Operands &operands) {
    const size_t rank = operands[0].shape.size();
    Pad pad;
    pad.lo.assign(rank, 0);
    pad.hi.assign(rank, 0);
    pad.mode = PadMode(a.choice("mode"));
    pad.value = a.number("value");
    const Value *padding = a.value_of("padding");
    const ValueList *list = padding ? std::get_if<ValueList>(&padding->v) : nullptr;
    if (!padding) {
        return pad;
    }
    if (!list) {
        std::fill(pad.lo.begin() + std::min<long>(2, long(rank)), pad.lo.end(),
                  std::get<int64_t>(padding->v));
        pad.hi = pad.lo;
        return pad;
    }
    if (list->size() > rank) {
        a.report<diag::pad_rank>("padding", type_text(operands[0]), list->size());
        return pad;
    }
    for (size_t i = 0; i < list->size(); ++i) {
        const ValueList &pair = std::get<ValueList>((*list)[i].v);
        if (pair.size() != 2) {
            a.report<diag::padding_pair>("padding", "pad", pair.size());
            return pad;
        }
        const size_t dim = rank - list->size() + i;
        pad.lo[dim] = std::get<int64_t>(pair[0].v);
        pad.hi[dim] = std::get<int64_t>(pair[1].v);
    }
    return pad;
}

OpSpec pad_row() {
    return unary_row(
        "pad",
        {{"padding",
          ArgKind::pairs,
          {},
          "[before, after] for each of the last dimensions, or a number for every spatial one"},
         {"mode", ArgKind::choice, text("constant"), "what stands there", {}, pad_modes()},
         {"value", ArgKind::number, number(0), "the constant"}},
        "Adds elements at the ends of dimensions; negative numbers crop.", make_pad);
}

OpSpec sample_row() {
    OpSpec spec =
        row("sample", 2, -1,
            {{"kind", ArgKind::choice, text("pick"), "what becomes of them", {}, sample_kinds()},
             {"dims", ArgKind::shape, {}, "dimensions, each with its tables"},
             {"fill", ArgKind::number, number(0), "what an index of -1 picks"}},
            "Elements at the positions in tables, one per dimension, with weights where they are "
            "summed: what resizing and padding become.",
            [](Arguments &a, const Operands &) {
                Sample sample;
                sample.kind = SampleKind(a.choice("kind"));
                sample.dims = a.shape("dims");
                sample.fill = a.number("fill");
                return sample;
            });
    return spec;
}

} // namespace

void add_resampling(Rows &rows) {
    rows.push_back(pad_row());
    rows.push_back(interpolate_row());
    rows.push_back(sample_row());
}

} // namespace cnnc
