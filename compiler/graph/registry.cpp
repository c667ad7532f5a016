// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The table of operators: one row each, and for each kind of operator a function that makes it.
#include "compiler/graph/registry.h"

#include "compiler/graph/arguments.h"
#include "compiler/graph/graph_diagnostics.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace cnnc {

namespace {

using Operands = std::vector<TensorType>;
// Makes an operator; what it returns counts only if the arguments stayed ok.
using Make = std::function<Op(Arguments &, const Operands &)>;

constexpr double infinity = std::numeric_limits<double>::infinity();

OpSpec row(std::string_view name, int min_operands, int max_operands, std::vector<ArgSpec> args,
           std::string_view doc, Make make) {
    OpSpec spec = {name, min_operands, max_operands, args, doc, nullptr};
    spec.make = [name, args = std::move(args), make = std::move(make)](
                    const ArgValues &values, const Operands &operands, const CallSpans &where,
                    Diagnostics &diags) -> std::optional<Op> {
        Arguments arguments(name, args, values, where, diags);
        Op op = make(arguments, operands);
        return arguments.ok() ? std::optional<Op>(std::move(op)) : std::nullopt;
    };
    return spec;
}

OpSpec unary_row(std::string_view name, std::vector<ArgSpec> args, std::string_view doc,
                 Make make) {
    return row(name, 1, 1, std::move(args), doc, std::move(make));
}

// An element-by-element operator without arguments.
OpSpec simple_row(std::string_view name, UnaryKind kind, std::string_view doc) {
    return unary_row(name, {}, doc, [kind](Arguments &, const Operands &) { return Unary{kind}; });
}

Value integer(int64_t i) {
    return {i};
}
Value number(double d) {
    return {d};
}
Value boolean(bool b) {
    return {b};
}
Value text(std::string_view s) {
    return {std::string(s)};
}

Value list(const std::vector<int64_t> &entries) {
    ValueList values;
    for (int64_t entry : entries) {
        values.push_back(integer(entry));
    }
    return {std::move(values)};
}

Value pairs(const std::vector<int64_t> &lo, const std::vector<int64_t> &hi) {
    ValueList values;
    for (size_t i = 0; i < lo.size(); ++i) {
        values.push_back(list({lo[i], hi[i]}));
    }
    return {std::move(values)};
}

// Names of operators that exist per spatial rank, for rank 1 first.
constexpr std::string_view conv_names[] = {"conv1d", "conv2d", "conv3d"};
constexpr std::string_view max_pool_names[] = {"max_pool1d", "max_pool2d", "max_pool3d"};
constexpr std::string_view avg_pool_names[] = {"avg_pool1d", "avg_pool2d", "avg_pool3d"};
constexpr std::string_view global_avg_pool_names[] = {"global_avg_pool1d", "global_avg_pool2d",
                                                      "global_avg_pool3d"};

// Arguments that several operators share.
ArgSpec padding_arg() {
    return {"padding", ArgKind::padding, integer(0),
            "border on each side, or [before, after] per dimension"};
}
ArgSpec dilation_arg() {
    return {"dilation", ArgKind::dims, integer(1), "distance between elements of the window"};
}
ArgSpec pool_stride_arg() {
    return {"stride", ArgKind::dims, {}, "step of the window", "kernel"};
}
ArgSpec ceil_mode_arg() {
    return {"ceil_mode", ArgKind::boolean, boolean(false),
            "round the output's extents up instead of down"};
}
ArgSpec bias_arg() {
    return {"bias", ArgKind::boolean, boolean(true), "whether there is a bias"};
}

OpSpec conv_row(size_t rank) {
    return unary_row(
        conv_names[rank - 1],
        {{"out_channels", ArgKind::integer, {}, "channels of the result"},
         {"kernel", ArgKind::dims, {}, "extents of the window"},
         {"stride", ArgKind::dims, integer(1), "step of the window"},
         padding_arg(),
         dilation_arg(),
         {"groups", ArgKind::integer, integer(1), "groups of channels convolved separately"},
         bias_arg()},
        "Convolution with zero padding, and a bias per output channel.",
        [rank](Arguments &a, const Operands &) {
            Conv c;
            c.out_channels = a.integer("out_channels");
            c.kernel = a.dims("kernel", rank);
            c.stride = a.dims("stride", rank);
            c.dilation = a.dims("dilation", rank);
            Arguments::Padding padding = a.padding(c.kernel, c.stride, c.dilation);
            c.pad_lo = std::move(padding.lo);
            c.pad_hi = std::move(padding.hi);
            c.groups = a.integer("groups");
            c.bias = a.boolean("bias");
            return c;
        });
}

OpSpec max_pool_row(size_t rank) {
    return unary_row(max_pool_names[rank - 1],
                     {{"kernel", ArgKind::dims, {}, "extents of the window"},
                      pool_stride_arg(),
                      padding_arg(),
                      dilation_arg(),
                      ceil_mode_arg()},
                     "Maximum of each window; padding never wins.",
                     [rank](Arguments &a, const Operands &) {
                         MaxPool p;
                         p.kernel = a.dims("kernel", rank);
                         p.stride = a.dims("stride", rank, p.kernel);
                         p.dilation = a.dims("dilation", rank);
                         Arguments::Padding padding = a.padding(p.kernel, p.stride, p.dilation);
                         p.pad_lo = std::move(padding.lo);
                         p.pad_hi = std::move(padding.hi);
                         p.ceil_mode = a.boolean("ceil_mode");
                         return p;
                     });
}

OpSpec avg_pool_row(size_t rank) {
    return unary_row(avg_pool_names[rank - 1],
                     {{"kernel", ArgKind::dims, {}, "extents of the window"},
                      pool_stride_arg(),
                      padding_arg(),
                      ceil_mode_arg(),
                      {"count_include_pad", ArgKind::boolean, boolean(true),
                       "whether padding counts in the mean, as zeros"}},
                     "Mean of each window.", [rank](Arguments &a, const Operands &) {
                         AvgPool p;
                         p.kernel = a.dims("kernel", rank);
                         p.stride = a.dims("stride", rank, p.kernel);
                         const std::vector<int64_t> no_dilation(rank, 1);
                         Arguments::Padding padding = a.padding(p.kernel, p.stride, no_dilation);
                         p.pad_lo = std::move(padding.lo);
                         p.pad_hi = std::move(padding.hi);
                         p.ceil_mode = a.boolean("ceil_mode");
                         p.count_include_pad = a.boolean("count_include_pad");
                         return p;
                     });
}

OpSpec global_avg_pool_row(size_t rank) {
    return unary_row(global_avg_pool_names[rank - 1], {},
                     "Mean over all spatial dimensions, which stay as extents of 1.",
                     [rank](Arguments &a, const Operands &operands) {
                         a.check_spatial_rank(rank, operands);
                         return GlobalAvgPool{};
                     });
}

Op make_clamp(Arguments &a, const Operands &) {
    if (!a.given("min") && !a.given("max")) {
        a.report<diag::clamp_without_bounds>("");
    }
    return Unary{UnaryKind::clamp, a.number("min", -infinity), a.number("max", infinity)};
}

Op make_flatten(Arguments &a, const Operands &operands) {
    const size_t rank = operands[0].shape.size();
    const int64_t start = a.dimension("start_dim", rank);
    return Flatten{start, a.dimension("end_dim", rank)};
}

// Fills in an extent of -1.
Op make_reshape(Arguments &a, const Operands &operands) {
    Shape shape = a.shape("shape");
    const auto open = std::find(shape.begin(), shape.end(), -1);
    if (open == shape.end()) {
        return Reshape{std::move(shape)};
    }
    if (const auto count = std::count(shape.begin(), shape.end(), -1); count > 1) {
        a.report<diag::several_unknown_extents>("shape", count);
        return Reshape{};
    }
    *open = 1;
    const std::optional<int64_t> known = checked_elements(shape);
    const int64_t elements = element_count(operands[0].shape);
    if (!known || *known == 0 || elements % *known != 0) {
        *open = -1;
        a.report<diag::unknown_extent>("shape", shape_text(shape), elements);
        return Reshape{};
    }
    *open = elements / *known;
    return Reshape{std::move(shape)};
}

void add_layers(std::vector<OpSpec> &rows) {
    for (size_t rank = 1; rank <= 3; ++rank) {
        rows.push_back(conv_row(rank));
    }
    rows.push_back(unary_row(
        "linear",
        {{"out_features", ArgKind::integer, {}, "extent of the result's last dimension"},
         bias_arg()},
        "Matrix product over the last dimension, and a bias.", [](Arguments &a, const Operands &) {
            const int64_t out_features = a.integer("out_features");
            return Linear{out_features, a.boolean("bias")};
        }));
    rows.push_back(
        unary_row("batch_norm",
                  {{"eps", ArgKind::number, number(1e-5), "added to the variance"},
                   {"affine", ArgKind::boolean, boolean(true), "whether weight and bias follow"}},
                  "Normalises each channel by its running mean and variance.",
                  [](Arguments &a, const Operands &) {
                      const double eps = a.number("eps");
                      return BatchNorm{eps, a.boolean("affine")};
                  }));
}

void add_pools(std::vector<OpSpec> &rows) {
    for (size_t rank = 1; rank <= 3; ++rank) {
        rows.push_back(max_pool_row(rank));
    }
    for (size_t rank = 1; rank <= 3; ++rank) {
        rows.push_back(avg_pool_row(rank));
    }
    for (size_t rank = 1; rank <= 3; ++rank) {
        rows.push_back(global_avg_pool_row(rank));
    }
}

void add_activations(std::vector<OpSpec> &rows) {
    rows.push_back(simple_row("relu", UnaryKind::relu, "max(x, 0)."));
    rows.push_back(simple_row("relu6", UnaryKind::relu6, "min(max(x, 0), 6)."));
    rows.push_back(unary_row("clamp",
                             {{"min", ArgKind::number, {}, "lower bound", "no bound"},
                              {"max", ArgKind::number, {}, "upper bound", "no bound"}},
                             "min(max(x, min), max).", make_clamp));
    rows.push_back(unary_row(
        "leaky_relu",
        {{"negative_slope", ArgKind::number, number(0.01), "factor of negative elements"}},
        "x where positive, negative_slope * x elsewhere.", [](Arguments &a, const Operands &) {
            return Unary{UnaryKind::leaky_relu, a.number("negative_slope")};
        }));
    rows.push_back(simple_row("sigmoid", UnaryKind::sigmoid, "1 / (1 + exp(-x))."));
    rows.push_back(simple_row("tanh", UnaryKind::tanh, "Hyperbolic tangent."));
    rows.push_back(simple_row("silu", UnaryKind::silu, "x * sigmoid(x)."));
    rows.push_back(simple_row("hard_swish", UnaryKind::hard_swish, "x * relu6(x + 3) / 6."));
    rows.push_back(unary_row(
        "softmax",
        {{"dim", ArgKind::integer, integer(1), "dimension along which results sum to 1"}},
        "exp(x) divided by its sum along a dimension.", [](Arguments &a, const Operands &operands) {
            return Softmax{a.dimension("dim", operands[0].shape.size())};
        }));
    rows.push_back(unary_row("dropout",
                             {{"p", ArgKind::number, number(0.5), "share dropped while training"}},
                             "Nothing at inference.", [](Arguments &a, const Operands &) {
                                 return Unary{UnaryKind::dropout, a.number("p")};
                             }));
    rows.push_back(simple_row("identity", UnaryKind::identity, "Its operand, unchanged."));
}

OpSpec binary_row(std::string_view name, BinaryKind kind, std::string_view doc) {
    return row(name, 2, 2, {}, doc, [kind](Arguments &, const Operands &) { return Binary{kind}; });
}

void add_combinations(std::vector<OpSpec> &rows) {
    rows.push_back(binary_row("add", BinaryKind::add, "Sum, with broadcasting; also written +."));
    rows.push_back(
        binary_row("sub", BinaryKind::sub, "Difference, with broadcasting; also written -."));
    rows.push_back(
        binary_row("mul", BinaryKind::mul, "Product, with broadcasting; also written *."));
    rows.push_back(row(
        "concat", 2, -1, {{"dim", ArgKind::integer, integer(1), "dimension along which to join"}},
        "Joins tensors along a dimension.", [](Arguments &a, const Operands &operands) {
            return Concat{a.dimension("dim", operands[0].shape.size())};
        }));
}

void add_shapes(std::vector<OpSpec> &rows) {
    rows.push_back(unary_row("flatten",
                             {{"start_dim", ArgKind::integer, integer(1), "first dimension joined"},
                              {"end_dim", ArgKind::integer, integer(-1), "last dimension joined"}},
                             "Joins neighbouring dimensions into one.", make_flatten));
    rows.push_back(
        unary_row("reshape", {{"shape", ArgKind::shape, {}, "the new extents; one may be -1"}},
                  "The same elements, in row-major order, under another shape.", make_reshape));
    rows.push_back(row("parameter", 0, 0, {{"shape", ArgKind::shape, {}, "its extents"}},
                       "A tensor from the weights file.",
                       [](Arguments &a, const Operands &) { return Parameter{a.shape("shape")}; }));
}

std::vector<OpSpec> make_rows() {
    std::vector<OpSpec> rows;
    add_layers(rows);
    add_pools(rows);
    add_activations(rows);
    add_combinations(rows);
    add_shapes(rows);
    return rows;
}

std::string_view unary_name(UnaryKind kind) {
    switch (kind) {
    case UnaryKind::identity:
        return "identity";
    case UnaryKind::dropout:
        return "dropout";
    case UnaryKind::relu:
        return "relu";
    case UnaryKind::relu6:
        return "relu6";
    case UnaryKind::clamp:
        return "clamp";
    case UnaryKind::leaky_relu:
        return "leaky_relu";
    case UnaryKind::sigmoid:
        return "sigmoid";
    case UnaryKind::tanh:
        return "tanh";
    case UnaryKind::silu:
        return "silu";
    case UnaryKind::hard_swish:
        return "hard_swish";
    default: // MISSING
        return "";
    }
    return "";
}

using NamedValues = std::vector<std::pair<std::string, Value>>;

NamedValues unary_arguments(const Unary &u) {
    switch (u.kind) {
    case UnaryKind::dropout:
        return {{"p", number(u.a)}};
    case UnaryKind::leaky_relu:
        return {{"negative_slope", number(u.a)}};
    case UnaryKind::clamp: {
        NamedValues bounds;
        if (u.a != -infinity) {
            bounds.emplace_back("min", number(u.a));
        }
        if (u.b != infinity) {
            bounds.emplace_back("max", number(u.b));
        }
        return bounds;
    }
    case UnaryKind::identity:
    case UnaryKind::relu:
    case UnaryKind::relu6:
    case UnaryKind::sigmoid:
    case UnaryKind::tanh:
    case UnaryKind::silu:
    case UnaryKind::hard_swish:
    default: // MISSING
        return {};
    }
    return {};
}

} // namespace

std::string_view binary_name(BinaryKind kind) {
    switch (kind) {
    case BinaryKind::add:
        return "add";
    case BinaryKind::sub:
        return "sub";
    case BinaryKind::mul:
        return "mul";
    default: // MISSING
        return "";
    }
    return "";
}

const std::vector<OpSpec> &op_specs() {
    static const std::vector<OpSpec> rows = make_rows();
    return rows;
}

const OpSpec *find_op(std::string_view name) {
    const std::vector<OpSpec> &rows = op_specs();
    const auto found =
        std::find_if(rows.begin(), rows.end(), [&](const OpSpec &s) { return s.name == name; });
    return found == rows.end() ? nullptr : &*found;
}

std::string op_name(const Op &op, const std::vector<TensorType> &operands) {
    using View = std::string_view;
    return std::string(match(
        op, [](const Input &) -> View { return "input"; },
        [](const Constant &) -> View { return "constant"; },
        [](const Parameter &) -> View { return "parameter"; },
        [](const Conv &c) { return conv_names[c.kernel.size() - 1]; },
        [](const BatchNorm &) -> View { return "batch_norm"; },
        [](const Linear &) -> View { return "linear"; },
        [](const MaxPool &p) { return max_pool_names[p.kernel.size() - 1]; },
        [](const AvgPool &p) { return avg_pool_names[p.kernel.size() - 1]; },
        [&](const GlobalAvgPool &) {
            const size_t rank = operands.empty() ? 4 : operands[0].shape.size();
            return global_avg_pool_names[std::clamp<size_t>(rank, 3, 5) - 3];
        },
        [](const auto &) -> View { return ""; }, // MISSING
        [](const Unary &u) { return unary_name(u.kind); },
        [](const Binary &b) { return binary_name(b.kind); },
        [](const Softmax &) -> View { return "softmax"; },
        [](const Concat &) -> View { return "concat"; },
        [](const Flatten &) -> View { return "flatten"; },
        [](const Reshape &) -> View { return "reshape"; }));
}

std::vector<std::pair<std::string, Value>> op_arguments(const Op &op) {
    return match(
        op,
        [](const Input &i) -> NamedValues {
            return {{"layout", text(i.layout == Layout::nhwc ? "nhwc" : "nchw")}};
        },
        [](const Constant &c) -> NamedValues {
            return {{"value", number(c.value())}};
        },
        [](const Parameter &p) -> NamedValues {
            return {{"shape", list(p.shape)}};
        },
        [](const Conv &c) -> NamedValues {
            return {{"out_channels", integer(c.out_channels)},
                    {"kernel", list(c.kernel)},
                    {"stride", list(c.stride)},
                    {"padding", pairs(c.pad_lo, c.pad_hi)},
                    {"dilation", list(c.dilation)},
                    {"groups", integer(c.groups)},
                    {"bias", boolean(c.bias)}};
        },
        [](const BatchNorm &b) -> NamedValues {
            return {{"eps", number(b.eps)}, {"affine", boolean(b.affine)}};
        },
        [](const Linear &l) -> NamedValues {
            return {{"out_features", integer(l.out_features)}, {"bias", boolean(l.bias)}};
        },
        [](const MaxPool &p) -> NamedValues {
            return {{"kernel", list(p.kernel)},
                    {"stride", list(p.stride)},
                    {"padding", pairs(p.pad_lo, p.pad_hi)},
                    {"dilation", list(p.dilation)},
                    {"ceil_mode", boolean(p.ceil_mode)}};
        },
        [](const AvgPool &p) -> NamedValues {
            return {{"kernel", list(p.kernel)},
                    {"stride", list(p.stride)},
                    {"padding", pairs(p.pad_lo, p.pad_hi)},
                    {"ceil_mode", boolean(p.ceil_mode)},
                    {"count_include_pad", boolean(p.count_include_pad)}};
        },
        [](const GlobalAvgPool &) -> NamedValues { return {}; },
        [](const Unary &u) { return unary_arguments(u); },
        [](const Binary &) -> NamedValues { return {}; },
        [](const Softmax &s) -> NamedValues {
            return {{"dim", integer(s.dim)}};
        },
        [](const Concat &c) -> NamedValues {
            return {{"dim", integer(c.dim)}};
        },
        [](const Flatten &f) -> NamedValues {
            return {{"start_dim", integer(f.start_dim)}, {"end_dim", integer(f.end_dim)}};
        },
        [](const Reshape &r) -> NamedValues {
            return {{"shape", list(r.shape)}};
        });
}

std::vector<std::string> argument_texts(const Op &op) {
    const bool unnamed_first =
        std::holds_alternative<Conv>(op) || std::holds_alternative<Linear>(op) ||
        std::holds_alternative<Reshape>(op) || std::holds_alternative<Parameter>(op);
    std::vector<std::string> texts;
    for (const auto &[name, value] : op_arguments(op)) {
        const bool unnamed = unnamed_first && texts.empty();
        texts.push_back(unnamed ? value_text(value) : name + "=" + value_text(value));
    }
    return texts;
}

} // namespace cnnc
