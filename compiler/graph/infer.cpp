// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The type of every operator's result, and with it every rule about its attributes and operands.
// One overload of infer() per operator; a missing one does not compile.
#include "compiler/graph/graph.h"

#include "compiler/graph/arguments.h"
#include "compiler/graph/graph_diagnostics.h"
#include "compiler/graph/registry.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace cnnc {

namespace {

using std::string;
using Type = std::optional<TensorType>;
using Extents = std::vector<int64_t>;

// Attributes stay below this, so that products and sums of two of them fit an int64_t.
constexpr int64_t max_attribute = std::numeric_limits<int32_t>::max();

// One call: its operator's name, operands, places in the text, and where to report.
struct Call {
    string name;
    const std::vector<TensorType> &operands;
    const CallSpans &where;
    Diagnostics &diags;

    const Shape &shape(size_t i = 0) const { return operands[i].shape; }
    Type f32(Shape shape) const { return TensorType{DType::f32, std::move(shape)}; }

    template <typename D, typename... Args>
    DiagnosticBuilder bad_argument(std::string_view argument, const Args &...args) const {
        return diags.report<D>(where.argument(argument), args...);
    }
    template <typename D, typename... Args>
    DiagnosticBuilder bad_operand(size_t i, const Args &...args) const {
        return diags.report<D>(where.operand(i), args...);
    }
};

bool check_positive(const Call &call, const char *argument, int64_t value) {
    if (value <= 0) {
        call.bad_argument<diag::not_positive>(argument, argument, call.name, value);
    } else if (value > max_attribute) {
        call.bad_argument<diag::number_too_large>(argument, argument, call.name, max_attribute,
                                                  value);
    } else {
        return true;
    }
    return false;
}

bool check_positive(const Call &call, const char *argument, const Extents &values) {
    for (int64_t value : values) {
        if (!check_positive(call, argument, value)) {
            return false;
        }
    }
    return true;
}

bool check_padding(const Call &call, const Extents &values) {
    for (int64_t value : values) {
        if (value < 0) {
            call.bad_argument<diag::negative>("padding", "padding", call.name, value);
            return false;
        }
        if (value > max_attribute) {
            call.bad_argument<diag::number_too_large>("padding", "padding", call.name,
                                                      max_attribute, value);
            return false;
        }
    }
    return true;
}

bool check_finite(const Call &call, const char *argument, double value) {
    if (!std::isfinite(value)) {
        call.bad_argument<diag::not_finite>(argument, argument, call.name, number_text(value));
        return false;
    }
    return true;
}

bool check_dim(const Call &call, const char *argument, int64_t dim) {
    const int rank = int(call.shape().size());
    if (dim < 0 || dim >= rank) {
        call.bad_argument<diag::dim_out_of_range>(argument, argument, call.name, -rank, rank - 1,
                                                  rank, dim);
        return false;
    }
    return true;
}

bool check_min_rank(const Call &call, int rank) {
    if (int(call.shape().size()) < rank) {
        call.bad_operand<diag::operand_min_rank>(0, call.name, rank, type_text(call.operands[0]));
        return false;
    }
    return true;
}

bool check_spatial_rank(const Call &call, size_t spatial_rank) {
    assert(spatial_rank >= 1 && spatial_rank <= 3);
    if (call.shape().size() != spatial_rank + 2) {
        report_rank(call.name, spatial_rank, call.operands[0], call.where, call.diags);
        return false;
    }
    return true;
}

// What convolutions and poolings have in common: a window that moves over the spatial dimensions.
struct Window {
    const Extents &kernel, &stride, &pad_lo, &pad_hi, &dilation;
    bool ceil_mode = false;
};

bool check_window(const Call &call, const Window &w) {
    const size_t rank = w.kernel.size();
    assert(w.stride.size() == rank && w.dilation.size() == rank);
    assert(w.pad_lo.size() == rank && w.pad_hi.size() == rank);
    (void)rank;
    return check_positive(call, "kernel", w.kernel) && check_positive(call, "stride", w.stride) &&
           check_positive(call, "dilation", w.dilation) && check_padding(call, w.pad_lo) &&
           check_padding(call, w.pad_hi);
}

// A pooling window must not lie in the padding alone.
bool check_pool_padding(const Call &call, const Window &w) {
    for (size_t i = 0; i < w.kernel.size(); ++i) {
        const int64_t padding = std::max(w.pad_lo[i], w.pad_hi[i]);
        if (padding > w.kernel[i] / 2) {
            call.bad_argument<diag::pool_padding>("padding", call.name, w.kernel[i], padding);
            return false;
        }
    }
    return true;
}

// How many places the window has in dimension i, or nothing after reporting that it has none.
std::optional<int64_t> window_places(const Call &call, const Window &w, size_t i) {
    const int64_t extent = call.shape()[i + 2];
    const int64_t padded = extent + w.pad_lo[i] + w.pad_hi[i];
    const int64_t span = w.dilation[i] * (w.kernel[i] - 1) + 1;
    // Rounded up, the last window may reach past the padding, by less than a step, ...
    const int64_t rest = padded - span + (w.ceil_mode ? w.stride[i] - 1 : 0);
    if (rest < 0) {
        call.bad_argument<diag::window_too_large>("kernel", call.name, span, int(i + 2), padded)
            .note<diag::operand_is>(call.where.operand(0), type_text(call.operands[0]));
        return std::nullopt;
    }
    const int64_t places = rest / w.stride[i] + 1;
    // ... but must not start in the right padding.
    const bool starts_in_padding = (places - 1) * w.stride[i] >= extent + w.pad_lo[i];
    return w.ceil_mode && starts_in_padding ? places - 1 : places;
}

// [N, channels, places of the window...].
std::optional<Shape> window_shape(const Call &call, const Window &w, int64_t channels) {
    Shape shape = {call.shape()[0], channels};
    for (size_t i = 0; i < w.kernel.size(); ++i) {
        std::optional<int64_t> places = window_places(call, w, i);
        if (!places) {
            return std::nullopt;
        }
        shape.push_back(*places);
    }
    return shape;
}

bool check_groups(const Call &call, const Conv &c) {
    const int64_t channels = call.shape()[1];
    if (channels % c.groups != 0) {
        call.bad_argument<diag::input_channels_per_group>("groups", call.name, c.groups, c.groups,
                                                          channels)
            .note<diag::operand_is>(call.where.operand(0), type_text(call.operands[0]));
        return false;
    }
    if (c.out_channels % c.groups != 0) {
        call.bad_argument<diag::output_channels_per_group>("groups", call.name, c.groups, c.groups,
                                                           c.out_channels);
        return false;
    }
    return true;
}

// The type of a network input or a constant is not inferred from anything.
Type infer(const Input &, const Call &) {
    assert(false && "an input's type is declared, not inferred");
    return std::nullopt;
}

Type infer(const Constant &, const Call &call) {
    return call.f32({});
}

Type infer(const Parameter &p, const Call &call) {
    for (int64_t extent : p.shape) {
        if (extent <= 0) {
            call.bad_argument<diag::extent_not_positive>("shape", extent, shape_text(p.shape));
            return std::nullopt;
        }
    }
    return call.f32(p.shape);
}

Type infer(const Conv &c, const Call &call) {
    const Window window = {c.kernel, c.stride, c.pad_lo, c.pad_hi, c.dilation};
    if (!check_positive(call, "out_channels", c.out_channels) || !check_window(call, window) ||
        !check_positive(call, "groups", c.groups) || !check_spatial_rank(call, c.kernel.size()) ||
        !check_groups(call, c)) {
        return std::nullopt;
    }
    std::optional<Shape> shape = window_shape(call, window, c.out_channels);
    return shape ? call.f32(*shape) : std::nullopt;
}

Type infer(const BatchNorm &b, const Call &call) {
    if (!check_finite(call, "eps", b.eps) || !check_min_rank(call, 2)) {
        return std::nullopt;
    }
    if (b.eps < 0) {
        call.bad_argument<diag::negative>("eps", "eps", call.name, b.eps);
        return std::nullopt;
    }
    return call.operands[0];
}

Type infer(const Linear &l, const Call &call) {
    if (!check_positive(call, "out_features", l.out_features) || !check_min_rank(call, 1)) {
        return std::nullopt;
    }
    Shape shape = call.shape();
    shape.back() = l.out_features;
    return call.f32(std::move(shape));
}

Type infer_pool(const Window &window, const Call &call) {
    if (!check_window(call, window) || !check_pool_padding(call, window) ||
        !check_spatial_rank(call, window.kernel.size())) {
        return std::nullopt;
    }
    std::optional<Shape> shape = window_shape(call, window, call.shape()[1]);
    return shape ? call.f32(*shape) : std::nullopt;
}

Type infer(const MaxPool &p, const Call &call) {
    return infer_pool({p.kernel, p.stride, p.pad_lo, p.pad_hi, p.dilation, p.ceil_mode}, call);
}

Type infer(const AvgPool &p, const Call &call) {
    const Extents no_dilation(p.kernel.size(), 1);
    return infer_pool({p.kernel, p.stride, p.pad_lo, p.pad_hi, no_dilation, p.ceil_mode}, call);
}

Type infer(const GlobalAvgPool &, const Call &call) {
    if (call.shape().size() < 3 || call.shape().size() > 5) {
        report_rank(call.name, 2, call.operands[0], call.where, call.diags);
        return std::nullopt;
    }
    Shape shape(call.shape().size(), 1);
    shape[0] = call.shape()[0];
    shape[1] = call.shape()[1];
    return call.f32(std::move(shape));
}

Type infer(const Unary &u, const Call &call) {
    if (u.kind == UnaryKind::dropout && !(u.a >= 0 && u.a <= 1)) {
        call.bad_argument<diag::not_probability>("p", number_text(u.a));
        return std::nullopt;
    }
    if (u.kind == UnaryKind::leaky_relu && !check_finite(call, "negative_slope", u.a)) {
        return std::nullopt;
    }
    if (u.kind == UnaryKind::clamp && !(u.a <= u.b)) {
        call.bad_argument<diag::clamp_order>("min", number_text(u.a), number_text(u.b));
        return std::nullopt;
    }
    return call.operands[0];
}

Type infer(const Binary &, const Call &call) {
    std::optional<Shape> shape = broadcast(call.shape(0), call.shape(1));
    if (!shape) {
        const string a = type_text(call.operands[0]), b = type_text(call.operands[1]);
        call.diags.report<diag::no_broadcast>(call.where.call, call.name, a, b)
            .note<diag::operand_is>(call.where.operand(0), a)
            .note<diag::operand_is>(call.where.operand(1), b);
        return std::nullopt;
    }
    return call.f32(std::move(*shape));
}

Type infer(const Softmax &s, const Call &call) {
    return check_dim(call, "dim", s.dim) ? Type(call.operands[0]) : std::nullopt;
}

Type infer(const Concat &c, const Call &call) {
    if (!check_dim(call, "dim", c.dim)) {
        return std::nullopt;
    }
    Shape shape = call.shape();
    for (size_t i = 1; i < call.operands.size(); ++i) {
        const Shape &other = call.shape(i);
        if (other.size() != shape.size()) {
            call.bad_operand<diag::concat_rank>(i, type_text(call.operands[0]),
                                                type_text(call.operands[i]))
                .note<diag::operand_is>(call.where.operand(0), type_text(call.operands[0]));
            return std::nullopt;
        }
        for (size_t d = 0; d < shape.size(); ++d) {
            if (int64_t(d) != c.dim && other[d] != shape[d]) {
                call.bad_operand<diag::concat_extent>(i, c.dim, int(d), shape[d], other[d])
                    .note<diag::operand_is>(call.where.operand(0), type_text(call.operands[0]));
                return std::nullopt;
            }
        }
        shape[size_t(c.dim)] += other[size_t(c.dim)];
    }
    return call.f32(std::move(shape));
}

Type infer(const Flatten &f, const Call &call) {
    if (!check_min_rank(call, 1) || !check_dim(call, "start_dim", f.start_dim) ||
        !check_dim(call, "end_dim", f.end_dim)) {
        return std::nullopt;
    }
    if (f.start_dim > f.end_dim) {
        call.bad_argument<diag::flatten_order>("start_dim", f.start_dim, f.end_dim);
        return std::nullopt;
    }
    const Shape &from = call.shape();
    const auto start = from.begin() + f.start_dim, end = from.begin() + f.end_dim + 1;
    Shape shape(from.begin(), start);
    shape.push_back(element_count(Shape(start, end)));
    shape.insert(shape.end(), end, from.end());
    return call.f32(std::move(shape));
}

Type infer(const Reshape &r, const Call &call) {
    for (int64_t extent : r.shape) {
        if (extent <= 0) {
            call.bad_argument<diag::extent_not_positive>("shape", extent, shape_text(r.shape));
            return std::nullopt;
        }
    }
    const std::optional<int64_t> to = checked_elements(r.shape);
    if (!to) {
        call.bad_argument<diag::tensor_too_large>("shape", max_elements, shape_text(r.shape));
        return std::nullopt;
    }
    const int64_t from = element_count(call.shape());
    if (from != *to) {
        call.bad_argument<diag::reshape_elements>("shape", type_text(call.operands[0]), from,
                                                  shape_text(r.shape), *to);
        return std::nullopt;
    }
    return call.f32(r.shape);
}

template <class T>
Type infer(const T &, const Call &) { // MISSING
    return std::nullopt;
}

bool check_operand_types(const Call &call) {
    for (size_t i = 0; i < call.operands.size(); ++i) {
        if (call.operands[i].dtype != DType::f32) {
            call.bad_operand<diag::operand_type>(i, call.name, type_text(call.operands[i]));
            return false;
        }
    }
    return true;
}

bool check_sizes(const Op &op, const TensorType &result, const Call &call) {
    if (!checked_elements(result.shape)) {
        call.diags.report<diag::result_too_large>(call.where.call, call.name, type_text(result),
                                                  max_elements);
        return false;
    }
    for (const ParamSpec &param : param_types(op, call.operands)) {
        if (!checked_elements(param.type.shape)) {
            call.diags.report<diag::weight_too_large>(call.where.call, call.name,
                                                      type_text(param.type), max_elements);
            return false;
        }
    }
    return true;
}

} // namespace

Span CallSpans::argument(std::string_view name) const {
    for (const auto &[argument, span] : arguments) {
        if (argument == name) {
            return span;
        }
    }
    return call;
}

bool check_type(const TensorType &type, Span where, Diagnostics &diags) {
    for (int64_t extent : type.shape) {
        if (extent <= 0) {
            diags.report<diag::extent_not_positive>(where, extent, shape_text(type.shape));
            return false;
        }
    }
    if (!checked_elements(type.shape)) {
        diags.report<diag::tensor_too_large>(where, max_elements, shape_text(type.shape));
        return false;
    }
    return true;
}

std::optional<TensorType> infer_type(const Op &op, const std::vector<TensorType> &operands,
                                     const CallSpans &where, Diagnostics &diags) {
    const Call call = {op_name(op, operands), operands, where, diags};
    if (!check_operand_types(call)) {
        return std::nullopt;
    }
    Type type = std::visit([&](const auto &o) { return infer(o, call); }, op);
    if (type && !check_sizes(op, *type, call)) {
        return std::nullopt;
    }
    return type;
}

std::vector<ParamSpec> param_types(const Op &op, const std::vector<TensorType> &operands) {
    const auto f32 = [](Shape shape) { return TensorType{DType::f32, std::move(shape)}; };
    return match(
        op,
        [&](const Parameter &p) -> std::vector<ParamSpec> {
            return {{"", f32(p.shape)}};
        },
        [&](const Conv &c) {
            Shape weight = {c.out_channels, operands[0].shape[1] / c.groups};
            weight.insert(weight.end(), c.kernel.begin(), c.kernel.end());
            std::vector<ParamSpec> specs = {{"weight", f32(weight)}};
            if (c.bias) {
                specs.push_back({"bias", f32({c.out_channels})});
            }
            return specs;
        },
        [&](const Linear &l) {
            std::vector<ParamSpec> specs = {
                {"weight", f32({l.out_features, operands[0].shape.back()})}};
            if (l.bias) {
                specs.push_back({"bias", f32({l.out_features})});
            }
            return specs;
        },
        [&](const BatchNorm &b) {
            std::vector<ParamSpec> specs;
            const TensorType channels = f32({operands[0].shape[1]});
            if (b.affine) {
                specs = {{"weight", channels}, {"bias", channels}};
            }
            specs.push_back({"running_mean", channels});
            specs.push_back({"running_var", channels});
            return specs;
        },
        [](const auto &) { return std::vector<ParamSpec>(); });
}

} // namespace cnnc
