// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The rows of layers with weights, of matrix products, and of tensors that are no results.
#include "compiler/graph/registry_rows.h"

#include <algorithm>

namespace cnnc {

namespace {

// Names of operators that exist per spatial rank, for rank 1 first.
constexpr std::string_view conv_names[] = {"conv1d", "conv2d", "conv3d"};
constexpr std::string_view conv_transpose_names[] = {"conv_transpose1d", "conv_transpose2d",
                                                     "conv_transpose3d"};

ArgSpec bias_arg() {
    return {"bias", ArgKind::boolean, boolean(true), "whether there is a bias"};
}
ArgSpec dilation_arg() {
    return {"dilation", ArgKind::dims, integer(1), "distance between elements of the window"};
}

OpSpec conv_row(size_t rank) {
    return unary_row(
        conv_names[rank - 1],
        {{"out_channels", ArgKind::integer, {}, "channels of the result"},
         {"kernel", ArgKind::dims, {}, "extents of the window"},
         {"stride", ArgKind::dims, integer(1), "step of the window"},
         {"padding", ArgKind::padding, integer(0),
          "border on each side, or [before, after] per dimension"},
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

OpSpec conv_transpose_row(size_t rank) {
    return unary_row(
        conv_transpose_names[rank - 1],
        {{"out_channels", ArgKind::integer, {}, "channels of the result"},
         {"kernel", ArgKind::dims, {}, "extents of the window"},
         {"stride", ArgKind::dims, integer(1), "step of the window in the result"},
         {"padding", ArgKind::borders, integer(0),
          "what is cut off the result on each side, or [before, after] per dimension"},
         {"output_padding", ArgKind::dims, integer(0), "what is added behind the result"},
         {"groups", ArgKind::integer, integer(1), "groups of channels convolved separately"},
         bias_arg(),
         dilation_arg()},
        "Transposed convolution, and a bias per output channel.",
        [rank](Arguments &a, const Operands &) {
            ConvTranspose c;
            c.out_channels = a.integer("out_channels");
            c.kernel = a.dims("kernel", rank);
            c.stride = a.dims("stride", rank);
            Arguments::Padding padding = a.borders("padding", rank);
            c.pad_lo = std::move(padding.lo);
            c.pad_hi = std::move(padding.hi);
            c.output_padding = a.dims("output_padding", rank);
            c.groups = a.integer("groups");
            c.bias = a.boolean("bias");
            c.dilation = a.dims("dilation", rank);
            return c;
        });
}

OpSpec linear_row() {
    return unary_row(
        "linear",
        {{"out_features", ArgKind::integer, {}, "extent of the result's last dimension"},
         bias_arg()},
        "Matrix product over the last dimension, and a bias.", [](Arguments &a, const Operands &) {
            const int64_t out_features = a.integer("out_features");
            return Linear{out_features, a.boolean("bias")};
        });
}

// Reads nested lists into a constant, checking that they are of one shape.
class TensorReader {
  public:
    TensorReader(Arguments &arguments, const Value &value) : arguments_(arguments) {
        const Value *inner = &value;
        while (const ValueList *list = std::get_if<ValueList>(&inner->v)) {
            constant_.type.shape.push_back(int64_t(list->size()));
            if (list->empty()) {
                break;
            }
            inner = &list->front();
        }
        constant_.values.clear();
        read(value, 0);
    }

    bool all_booleans() const { return all_booleans_; }

    Constant finish(DType dtype) {
        constant_.type.dtype = dtype;
        for (double value : constant_.values) {
            if (!can_hold(constant_.type.dtype, value)) {
                report<diag::tensor_value>(dtype_name(constant_.type.dtype), value);
                break;
            }
        }
        return std::move(constant_);
    }

  private:
    template <class D, class... Args>
    void report(const Args &...args) {
        if (arguments_.ok()) {
            arguments_.report<D>("values", args...);
        }
    }

    void read(const Value &value, size_t depth) {
        const Shape &shape = constant_.type.shape;
        const ValueList *list = std::get_if<ValueList>(&value.v);
        if ((list != nullptr) != (depth < shape.size()) ||
            (list && int64_t(list->size()) != shape[depth])) {
            report<diag::ragged_tensor>();
        } else if (!list) {
            add(value);
        } else if (list->empty()) {
            report<diag::extent_not_positive>(0, shape_text(shape));
        } else {
            for (const Value &entry : *list) {
                read(entry, depth + 1);
            }
        }
    }

    void add(const Value &value) {
        const bool *flag = std::get_if<bool>(&value.v);
        all_booleans_ = all_booleans_ && flag;
        constant_.values.push_back(flag ? double(*flag) : number_list(value)[0]);
    }

    Arguments &arguments_;
    Constant constant_;
    bool all_booleans_ = true;
};

Op make_tensor(Arguments &a, const Operands &) {
    const Value *values = a.value_of("values");
    DType dtype = a.dtype("dtype");
    if (!values || !a.ok()) {
        return Constant();
    }
    TensorReader reader(a, *values);
    if (!a.given("dtype") && reader.all_booleans()) {
        dtype = DType::boolean;
    }
    return reader.finish(dtype);
}

} // namespace

void add_layers(Rows &rows) {
    for (size_t rank = 1; rank <= 3; ++rank) {
        rows.push_back(conv_row(rank));
    }
    for (size_t rank = 1; rank <= 3; ++rank) {
        rows.push_back(conv_transpose_row(rank));
    }
    rows.push_back(linear_row());
    rows.push_back(row("matmul", 2, 2, {},
                       "Matrix product over the last two dimensions; those before broadcast.",
                       [](Arguments &, const Operands &) { return MatMul{}; }));
    rows.push_back(row("parameter", 0, 0,
                       {{"shape", ArgKind::shape, {}, "its extents"},
                        {"dtype", ArgKind::dtype, text("f32"), "its element type"}},
                       "A tensor from the weights file.", [](Arguments &a, const Operands &) {
                           Shape shape = a.shape("shape");
                           return Parameter{std::move(shape), a.dtype("dtype")};
                       }));
    rows.push_back(row(
        "tensor", 0, 0,
        {{"values", ArgKind::tensor, {}, "a number, or lists of them nested as deep as the rank"},
         {"dtype", ArgKind::dtype, {}, "its element type", "f32; bool for true and false"}},
        "A constant tensor.", make_tensor));
}

} // namespace cnnc
