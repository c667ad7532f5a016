// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One overload of evaluate() per operator, written after its definition in ops.h.
#include "compiler/reference/interpret.h"

#include "compiler/reference/contract.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <limits>
#include <numeric>

namespace cnnc {

namespace {

using Extents3 = std::array<int64_t, 3>;

// A node with what it works on.
struct Call {
    const Graph &graph;
    const Node &node;
    const std::vector<const TensorD *> &operands;

    const TensorD &operand() const { return *operands[0]; }
    const float *param(size_t i) const {
        const TensorData &data = graph.params[size_t(node.params[i])].data;
        assert(data.defined());
        return data.floats();
    }
    // The result, all zeros.
    TensorD result() const {
        return {node.type.shape, std::vector<double>(size_t(element_count(node.type.shape)))};
    }
    // The operand's elements under the result's shape.
    TensorD same_elements() const { return {node.type.shape, operand().values}; }
};

int64_t product(Shape::const_iterator begin, Shape::const_iterator end) {
    return std::accumulate(begin, end, int64_t(1), std::multiplies<>());
}

// One number per spatial dimension as D, H, W; dimensions that are not there get `missing`.
Extents3 three(std::vector<int64_t>::const_iterator begin, std::vector<int64_t>::const_iterator end,
               int64_t missing) {
    Extents3 result = {missing, missing, missing};
    for (size_t i = result.size(); i > 0 && begin != end; --i)
        result[i - 1] = *--end;
    return result;
}

Extents3 three(const std::vector<int64_t> &v, int64_t missing) {
    return three(v.begin(), v.end(), missing);
}

// The spatial side of a convolution or pooling in three dimensions.
struct Window {
    Extents3 in, out, kernel, stride, pad_lo, pad_hi, dilation;
};

template <typename WindowOp>
Window window_of(const WindowOp &op, const std::vector<int64_t> &dilation, const Call &call) {
    const Shape &in = call.operand().shape, &out = call.node.type.shape;
    return {three(in.begin() + 2, in.end(), 1),
            three(out.begin() + 2, out.end(), 1),
            three(op.kernel, 1),
            three(op.stride, 1),
            three(op.pad_lo, 0),
            three(op.pad_hi, 0),
            three(dilation, 1)};
}

// Calls f(z, y, x) in row-major order.
template <typename F>
void for_each(const Extents3 &extents, const F &f) {
    for (int64_t z = 0; z < extents[0]; ++z) {
        for (int64_t y = 0; y < extents[1]; ++y) {
            for (int64_t x = 0; x < extents[2]; ++x) {
                f(z, y, x);
            }
        }
    }
}

int64_t offset(const Extents3 &extents, int64_t z, int64_t y, int64_t x) {
    return (z * extents[1] + y) * extents[2] + x;
}

int64_t volume(const Extents3 &extents) {
    return extents[0] * extents[1] * extents[2];
}

// --- Layers with weights -------------------------------------------------------------------------

// The operand's planes with a border of zeros around each.
std::vector<double> pad(const TensorD &operand, const Window &w, const Extents3 &padded) {
    const int64_t planes = operand.shape[0] * operand.shape[1];
    std::vector<double> result(size_t(planes * volume(padded)));
    for (int64_t plane = 0; plane < planes; ++plane) {
        for (int64_t z = 0; z < w.in[0]; ++z) {
            for (int64_t y = 0; y < w.in[1]; ++y) {
                const int64_t to = offset(padded, z + w.pad_lo[0], y + w.pad_lo[1], w.pad_lo[2]);
                std::copy_n(operand.values.begin() + plane * volume(w.in) + offset(w.in, z, y, 0),
                            w.in[2], result.begin() + plane * volume(padded) + to);
            }
        }
    }
    return result;
}

// A term of the sum per channel of the group and element of the kernel, in the weight's order.
std::vector<int64_t> conv_taps(const Window &w, const Extents3 &padded, int64_t channels) {
    std::vector<int64_t> taps;
    for (int64_t c = 0; c < channels; ++c) {
        for_each(w.kernel, [&](int64_t z, int64_t y, int64_t x) {
            taps.push_back(c * volume(padded) +
                           offset(padded, z * w.dilation[0], y * w.dilation[1], x * w.dilation[2]));
        });
    }
    return taps;
}

TensorD evaluate(const Conv &c, const Call &call) {
    const Window w = window_of(c, c.dilation, call);
    Extents3 padded;
    for (size_t i = 0; i < 3; ++i) {
        padded[i] = w.pad_lo[i] + w.in[i] + w.pad_hi[i];
    }
    const std::vector<double> values = pad(call.operand(), w, padded);
    const int64_t batch = call.operand().shape[0];
    const int64_t group_in = call.operand().shape[1] / c.groups;
    const int64_t group_out = c.out_channels / c.groups;
    const std::vector<int64_t> taps = conv_taps(w, padded, group_in);
    std::vector<int64_t> positions;
    for_each(w.out, [&](int64_t z, int64_t y, int64_t x) {
        positions.push_back(offset(padded, z * w.stride[0], y * w.stride[1], x * w.stride[2]));
    });

    TensorD result = call.result();
    for (int64_t i = 0; i < batch * c.groups; ++i) { // image by image, group by group
        const int64_t group = i % c.groups;
        reference::Contraction sums;
        sums.values = values.data() + i * group_in * volume(padded);
        sums.positions = &positions;
        sums.taps = &taps;
        sums.weights = call.param(0) + group * group_out * int64_t(taps.size());
        sums.bias = c.bias ? call.param(1) + group * group_out : nullptr;
        sums.channels = group_out;
        sums.results = result.values.data() + i * group_out * volume(w.out);
        sums.channel_stride = volume(w.out);
        reference::contract(sums);
    }
    return result;
}

TensorD evaluate(const Linear &l, const Call &call) {
    const int64_t features = call.operand().shape.back();
    const int64_t rows = int64_t(call.operand().values.size()) / features;
    std::vector<int64_t> taps(static_cast<size_t>(features)), positions;
    std::iota(taps.begin(), taps.end(), 0);
    for (int64_t row = 0; row < rows; ++row) {
        positions.push_back(row * features);
    }
    TensorD result = call.result();
    reference::Contraction sums;
    sums.values = call.operand().values.data();
    sums.positions = &positions;
    sums.taps = &taps;
    sums.weights = call.param(0);
    sums.bias = l.bias ? call.param(1) : nullptr;
    sums.channels = l.out_features;
    sums.results = result.values.data();
    sums.position_stride = l.out_features;
    reference::contract(sums);
    return result;
}

TensorD evaluate(const BatchNorm &b, const Call &call) {
    const float *weight = b.affine ? call.param(0) : nullptr;
    const float *bias = b.affine ? call.param(1) : nullptr;
    const float *mean = call.param(b.affine ? 2 : 0);
    const float *variance = call.param(b.affine ? 3 : 1);
    const Shape &shape = call.operand().shape;
    const int64_t plane = product(shape.begin() + 2, shape.end());
    TensorD result = call.result();
    for (int64_t i = 0; i < shape[0] * shape[1]; ++i) {
        const int64_t c = i % shape[1];
        const double deviation = std::sqrt(double(variance[c]) + b.eps);
        for (int64_t j = i * plane; j < (i + 1) * plane; ++j) {
            const double x = (call.operand().values[size_t(j)] - mean[c]) / deviation;
            result.values[size_t(j)] = b.affine ? x * weight[c] + bias[c] : x;
        }
    }
    return result;
}

// --- Pooling -------------------------------------------------------------------------------------

// Calls f(z, y, x) for every element of the operand that the window at o covers.
template <typename F>
void for_each_covered(const Window &w, const Extents3 &o, const F &f) {
    for_each(w.kernel, [&](int64_t z, int64_t y, int64_t x) {
        const Extents3 k = {z, y, x};
        Extents3 at;
        for (size_t i = 0; i < 3; ++i) {
            at[i] = o[i] * w.stride[i] - w.pad_lo[i] + k[i] * w.dilation[i];
            if (at[i] < 0 || at[i] >= w.in[i]) {
                return;
            }
        }
        f(at[0], at[1], at[2]);
    });
}

// Applies pool(plane of the operand, place of the window) for every element of the result.
template <typename Pool>
TensorD pool_planes(const Call &call, const Window &w, const Pool &pool) {
    TensorD result = call.result();
    const double *plane = call.operand().values.data();
    double *to = result.values.data();
    for (int64_t i = 0; i < call.operand().shape[0] * call.operand().shape[1]; ++i) {
        for_each(w.out, [&](int64_t z, int64_t y, int64_t x) {
            *to++ = pool(plane, Extents3{z, y, x});
        });
        plane += volume(w.in);
    }
    return result;
}

TensorD evaluate(const MaxPool &p, const Call &call) {
    const Window w = window_of(p, p.dilation, call);
    return pool_planes(call, w, [&](const double *plane, const Extents3 &o) {
        double largest = -std::numeric_limits<double>::infinity();
        for_each_covered(w, o, [&](int64_t z, int64_t y, int64_t x) {
            largest = std::max(largest, plane[offset(w.in, z, y, x)]);
        });
        return largest;
    });
}

// How many elements a mean counts when padding counts: those of the window that lie in the padded
// operand (with ceil_mode, a window may reach past the padding).
int64_t elements_in_padded(const Window &w, const Extents3 &o) {
    int64_t elements = 1;
    for (size_t i = 0; i < 3; ++i) {
        const int64_t begin = o[i] * w.stride[i] - w.pad_lo[i];
        elements *= std::min(begin + w.kernel[i], w.in[i] + w.pad_hi[i]) - begin;
    }
    return elements;
}

TensorD evaluate(const AvgPool &p, const Call &call) {
    const Window w = window_of(p, std::vector<int64_t>(p.kernel.size(), 1), call);
    return pool_planes(call, w, [&](const double *plane, const Extents3 &o) {
        double sum = 0;
        int64_t covered = 0;
        for_each_covered(w, o, [&](int64_t z, int64_t y, int64_t x) {
            sum += plane[offset(w.in, z, y, x)];
            ++covered;
        });
        return sum / double(p.count_include_pad ? elements_in_padded(w, o) : covered);
    });
}

TensorD evaluate(const GlobalAvgPool &, const Call &call) {
    const Shape &shape = call.operand().shape;
    const int64_t plane = product(shape.begin() + 2, shape.end());
    TensorD result = call.result();
    auto from = call.operand().values.begin();
    for (double &mean : result.values) {
        mean = std::accumulate(from, from + plane, 0.0) / double(plane);
        from += plane;
    }
    return result;
}

// --- Element by element --------------------------------------------------------------------------

TensorD evaluate(const Unary &u, const Call &call) {
    TensorD result = call.result();
    std::transform(call.operand().values.begin(), call.operand().values.end(),
                   result.values.begin(), [&](double x) { return apply(u, x); });
    return result;
}

// By how much an operand's offset grows per dimension of the result; 0 where it is broadcast.
std::vector<int64_t> broadcast_strides(const Shape &operand, const Shape &result) {
    std::vector<int64_t> strides(result.size(), 0);
    const size_t behind = result.size() - operand.size();
    int64_t stride = 1;
    for (size_t i = operand.size(); i-- > 0;) {
        strides[behind + i] = operand[i] == 1 ? 0 : stride;
        stride *= operand[i];
    }
    return strides;
}

TensorD evaluate(const Binary &b, const Call &call) {
    TensorD result = call.result();
    const Shape &shape = result.shape;
    const std::vector<int64_t> a_strides = broadcast_strides(call.operands[0]->shape, shape);
    const std::vector<int64_t> b_strides = broadcast_strides(call.operands[1]->shape, shape);
    std::vector<int64_t> index(shape.size(), 0);
    int64_t a_offset = 0, b_offset = 0;
    for (double &value : result.values) {
        value = apply(b.kind, call.operands[0]->values[size_t(a_offset)],
                      call.operands[1]->values[size_t(b_offset)]);
        // To the next element: like an odometer, from the last dimension.
        for (size_t d = shape.size(); d-- > 0;) {
            a_offset += a_strides[d];
            b_offset += b_strides[d];
            if (++index[d] < shape[d]) {
                break;
            }
            a_offset -= a_strides[d] * shape[d];
            b_offset -= b_strides[d] * shape[d];
            index[d] = 0;
        }
    }
    return result;
}

TensorD evaluate(const Softmax &s, const Call &call) {
    TensorD result = call.operand();
    const Shape &shape = result.shape;
    const int64_t extent = shape[size_t(s.dim)];
    const int64_t inner = product(shape.begin() + s.dim + 1, shape.end());
    const int64_t outer = product(shape.begin(), shape.begin() + s.dim);
    for (int64_t i = 0; i < outer * inner; ++i) {
        double *line = &result.values[size_t(i / inner * extent * inner + i % inner)];
        double largest = line[0], sum = 0;
        for (int64_t j = 0; j < extent; ++j) {
            largest = std::max(largest, line[j * inner]);
        }
        for (int64_t j = 0; j < extent; ++j) {
            line[j * inner] = std::exp(line[j * inner] - largest);
            sum += line[j * inner];
        }
        for (int64_t j = 0; j < extent; ++j) {
            line[j * inner] /= sum;
        }
    }
    return result;
}

// --- Shapes and sources --------------------------------------------------------------------------

TensorD evaluate(const Concat &c, const Call &call) {
    TensorD result = call.result();
    const int64_t outer = product(result.shape.begin(), result.shape.begin() + c.dim);
    auto to = result.values.begin();
    for (int64_t i = 0; i < outer; ++i) {
        for (const TensorD *operand : call.operands) {
            const int64_t run = int64_t(operand->values.size()) / outer;
            to = std::copy_n(operand->values.begin() + i * run, run, to);
        }
    }
    return result;
}

TensorD evaluate(const Flatten &, const Call &call) {
    return call.same_elements();
}
TensorD evaluate(const Reshape &, const Call &call) {
    return call.same_elements();
}

// A constant is of type f32, like every other tensor.
TensorD evaluate(const Constant &c, const Call &) {
    return {{}, {double(float(c.value()))}};
}

TensorD to_double(const TensorData &data) {
    assert(data.defined() && data.type.dtype == DType::f32);
    const int64_t count = element_count(data.type.shape);
    return {data.type.shape, std::vector<double>(data.floats(), data.floats() + count)};
}

TensorD evaluate(const Parameter &, const Call &call) {
    return to_double(call.graph.params[size_t(call.node.params[0])].data);
}

template <class T>
TensorD evaluate(const T &, const Call &call) { // MISSING
    return call.result();
}

TensorD evaluate(const Input &, const Call &) {
    assert(false && "inputs are given, not evaluated");
    return {};
}

// For each node, the last one that reads it: itself if none does, past the end for an output.
std::vector<NodeId> last_uses(const Graph &graph) {
    std::vector<NodeId> last(graph.nodes.size());
    for (NodeId id = 0; id < NodeId(graph.nodes.size()); ++id) {
        last[size_t(id)] = id;
        for (NodeId input : graph[id].inputs) {
            last[size_t(input)] = id;
        }
    }
    for (const Output &output : graph.outputs) {
        last[size_t(output.node)] = NodeId(graph.nodes.size());
    }
    return last;
}

TensorD input_value(const Graph &graph, NodeId id, const std::vector<TensorData> &inputs) {
    const auto place = std::find(graph.inputs.begin(), graph.inputs.end(), id);
    const TensorData &data = inputs[size_t(place - graph.inputs.begin())];
    assert(data.type == graph[id].type);
    return to_double(data);
}

} // namespace

TensorD interpret_node(const Graph &graph, NodeId id,
                       const std::vector<const TensorD *> &operands) {
    const Call call = {graph, graph[id], operands};
    return std::visit([&](const auto &op) { return evaluate(op, call); }, call.node.op);
}

std::vector<TensorD> interpret(const Graph &graph, const std::vector<TensorData> &inputs,
                               const NodeVisitor &visit) {
    assert(inputs.size() == graph.inputs.size());
    const std::vector<NodeId> last = last_uses(graph);
    std::vector<TensorD> values(graph.nodes.size());
    for (NodeId id = 0; id < NodeId(graph.nodes.size()); ++id) {
        const Node &node = graph[id];
        std::vector<const TensorD *> operands;
        for (NodeId input : node.inputs) {
            operands.push_back(&values[size_t(input)]);
        }
        const bool is_input = std::holds_alternative<Input>(node.op);
        values[size_t(id)] =
            is_input ? input_value(graph, id, inputs) : interpret_node(graph, id, operands);
        if (visit) {
            visit(id, values[size_t(id)]);
        }
        for (NodeId used : node.inputs) {
            if (last[size_t(used)] == id) {
                values[size_t(used)] = {};
            }
        }
        if (last[size_t(id)] == id) {
            values[size_t(id)] = {};
        }
    }
    std::vector<TensorD> results;
    for (const Output &output : graph.outputs) {
        results.push_back(values[size_t(output.node)]);
    }
    return results;
}

std::vector<TensorD> interpret(const Graph &graph, const std::vector<TensorData> &inputs) {
    return interpret(graph, inputs, nullptr);
}

} // namespace cnnc
