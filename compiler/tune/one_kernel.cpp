// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/tune/one_kernel.h"

#include "compiler/reference/interpret.h"
#include "compiler/tune/workload_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

namespace cnnc {
namespace {

// Element by element in the logical order: its place in the view's memory.
template <class F>
void for_each_place(const TensorView &view, const F &f) {
    std::vector<int64_t> index(view.shape.size(), 0);
    for (int64_t i = 0, count = element_count(view.shape); i < count; ++i) {
        int64_t place = 0;
        for (size_t d = 0; d < index.size(); ++d)
            place += index[d] * view.strides[d];
        f(i, size_t(place));
        for (size_t d = index.size(); d-- > 0 && ++index[d] == view.shape[d];)
            index[d] = 0;
    }
}

Bytes to_bytes(const TensorData &data) {
    return {data.bytes, data.bytes + data.byte_count()};
}

// Memory of an input, filled from its first element to its last.
Bytes random_memory(const Workload &w, size_t input, std::mt19937 &random) {
    const TensorView &view = w.inputs[input];
    TensorD flat{{int64_t(view_span(view))}, {}};
    for (size_t i = 0; i < view_span(view); ++i)
        flat.values.push_back(random_element(w, input, random));
    return to_bytes(to_tensor_data(flat, view.dtype));
}

TensorData owned(const TensorType &type, Bytes bytes) {
    auto owner = std::make_shared<const Bytes>(std::move(bytes));
    return {type, owner, owner->data()};
}

std::vector<double> logical_values(const TensorView &view, const Bytes &memory) {
    const TensorType flat{view.dtype, {int64_t(view_span(view))}};
    const std::vector<double> all = to_double(owned(flat, memory)).values;
    std::vector<double> values(size_t(element_count(view.shape)));
    for_each_place(view, [&](int64_t i, size_t place) { values[size_t(i)] = all[place]; });
    return values;
}

// ---- the workload as a graph ----

class Builder {
  public:
    Builder(Graph &graph, std::string layer) : graph_(graph), layer_(std::move(layer)) {}

    NodeId input(const TensorView &view, size_t index) {
        const NodeId id =
            add(Input{}, {}, fmt::format("input{}", index), TensorType{view.dtype, view.shape});
        graph_.inputs.push_back(id);
        return id;
    }
    NodeId constant(const TensorType &type, std::vector<double> values) {
        return add(Constant(type, std::move(values)), {}, fmt::format("c{}", graph_.nodes.size()),
                   type);
    }
    NodeId add(const Op &op, std::vector<NodeId> inputs, std::string name, TensorType type) {
        graph_.nodes.push_back({op, std::move(inputs), {}, std::move(type), std::move(name), {}});
        return NodeId(graph_.nodes.size()) - 1;
    }
    NodeId apply(const Op &op, std::vector<NodeId> inputs, std::string name) {
        std::vector<TensorType> types;
        for (NodeId id : inputs)
            types.push_back(graph_[id].type);
        Diagnostics ignored;
        const auto type = infer_type(op, types, {}, ignored);
        if (!type)
            throw std::logic_error("a valid workload has a type");
        return add(op, std::move(inputs), std::move(name), *type);
    }

  private:
    Graph &graph_;
    std::string layer_;
};

void add_weights(const OneKernel &k, Graph &graph, NodeId anchor, const std::string &layer) {
    const Kernel &kernel = k.kernels.kernels[0];
    for (const auto &[role, data] : {std::pair("weight", &kernel.weight), {"bias", &kernel.bias}}) {
        if (!data->defined())
            continue;
        graph[anchor].params.push_back(ParamId(graph.params.size()));
        graph.params.push_back({layer + "." + role, data->type, *data, {}});
    }
}

// Operands of the anchor and of the epilogue; tables of a Sample are constants.
std::vector<NodeId> add_inputs(Builder &builder, const Workload &w,
                               const std::vector<Bytes> &memory) {
    std::vector<NodeId> ids;
    const bool sample = std::holds_alternative<Sample>(w.anchor);
    for (size_t i = 0; i < w.inputs.size(); ++i) {
        const TensorView &view = w.inputs[i];
        if (sample && i > 0 && i < anchor_operands(w.anchor))
            ids.push_back(
                builder.constant({view.dtype, view.shape}, logical_values(view, memory[i])));
        else
            ids.push_back(builder.input(view, i));
    }
    return ids;
}

NodeId add_anchor(Builder &builder, const Workload &w, const std::vector<NodeId> &inputs,
                  const std::string &layer) {
    std::vector<NodeId> operands(inputs.begin(),
                                 inputs.begin() + std::ptrdiff_t(anchor_operands(w.anchor)));
    const Shape &shape = w.inputs[0].shape;
    if (std::holds_alternative<Linear>(w.anchor) && shape.size() > 2) {
        const int64_t features = element_count(shape) / shape[0];
        operands[0] = builder.apply(Reshape{{shape[0], features}}, {operands[0]}, "rows");
    }
    return builder.apply(w.anchor, operands, layer);
}

NodeId add_step(Builder &builder, const Graph &graph, const Workload &w, size_t index, NodeId v,
                const std::vector<NodeId> &inputs, const std::string &layer) {
    const EpilogueStep &step = w.epilogue[index];
    std::vector<NodeId> operands;
    for (size_t i = 0; i < step.operands.size(); ++i) {
        const StepOperand &operand = step.operands[i];
        operands.push_back(
            operand.input >= 0
                ? inputs[size_t(operand.input)]
                : builder.constant({step_operand_dtype(step, i, w, graph[v].type.dtype), {}},
                                   {operand.scalar}));
    }
    operands.insert(operands.begin() + step.position, v);
    const Op op = match(step.op, [](const auto &o) { return Op(o); });
    return builder.apply(op, std::move(operands), fmt::format("{}.step{}", layer, index));
}

void build_graph(OneKernel &k, const std::string &layer, const std::vector<Bytes> &memory) {
    Graph &graph = k.kernels.graph;
    graph.name = "kernel";
    Builder builder(graph, layer);
    const std::vector<NodeId> inputs = add_inputs(builder, k.workload, memory);
    NodeId v = add_anchor(builder, k.workload, inputs, layer);
    k.kernels.kernels[0].nodes = {v};
    add_weights(k, graph, v, layer);
    for (size_t i = 0; i < k.workload.epilogue.size(); ++i) {
        v = add_step(builder, graph, k.workload, i, v, inputs, layer);
        k.kernels.kernels[0].nodes.push_back(v);
    }
    k.kernels.kernels[0].result = v;
    graph.outputs.push_back({"result", v, Layout::nchw, {}});
}

// ---- its memory ----

TensorData weights_of(const std::optional<TensorType> &type, std::vector<float> values) {
    return type ? TensorData::from_floats(type->shape, std::move(values)) : TensorData();
}

int add_buffer(OneKernel &k, Buffer::Kind kind, int index, int64_t bytes) {
    Buffer buffer;
    buffer.kind = kind;
    buffer.index = index;
    buffer.bytes = bytes;
    buffer.name = fmt::format("b{}", k.kernels.buffers.size());
    k.kernels.buffers.push_back(std::move(buffer));
    return int(k.kernels.buffers.size()) - 1;
}

void add_buffers(OneKernel &k, std::vector<Bytes> memory) {
    Kernel &kernel = k.kernels.kernels[0];
    const Workload &w = k.workload;
    const bool sample = std::holds_alternative<Sample>(w.anchor);
    for (size_t i = 0; i < memory.size(); ++i) {
        const auto bytes = int64_t(memory[i].size());
        const bool table = sample && i > 0 && i < anchor_operands(w.anchor);
        const int buffer = add_buffer(k, table ? Buffer::Kind::constant : Buffer::Kind::input,
                                      table ? -1 : int(k.inputs.size()), bytes);
        kernel.inputs.push_back({buffer, 0});
        const TensorType flat{w.inputs[i].dtype, {int64_t(view_span(w.inputs[i]))}};
        if (table)
            k.kernels.buffers[size_t(buffer)].data = owned(flat, std::move(memory[i]));
        else
            k.inputs.push_back(std::move(memory[i]));
    }
    k.output_bytes = view_span(w.output) * dtype_bytes(w.output.dtype);
    kernel.output = {add_buffer(k, Buffer::Kind::output, 0, int64_t(k.output_bytes)), 0};
}

void compute_expected(OneKernel &k, const std::vector<Bytes> &memory) {
    const Graph &graph = k.kernels.graph;
    std::vector<TensorData> values;
    const bool sample = std::holds_alternative<Sample>(k.workload.anchor);
    for (size_t i = 0; i < memory.size(); ++i) {
        if (sample && i > 0 && i < anchor_operands(k.workload.anchor))
            continue;
        const TensorView &view = k.workload.inputs[i];
        values.push_back(to_tensor_data({view.shape, logical_values(view, memory[i])}, view.dtype));
    }
    k.expected = interpret(graph, values)[0].values;
    for (double v : k.expected)
        if (std::isfinite(v))
            k.scale = std::max(k.scale, std::fabs(v));
}

} // namespace

OneKernel one_kernel(const Workload &workload, const std::string &layer, uint64_t seed) {
    OneKernel k;
    k.workload = workload;
    std::mt19937 random(static_cast<uint32_t>(seed));
    std::vector<Bytes> memory;
    for (size_t i = 0; i < workload.inputs.size(); ++i)
        memory.push_back(random_memory(workload, i, random));
    k.kernels.kernels.resize(1);
    Kernel &kernel = k.kernels.kernels[0];
    kernel.name = layer;
    kernel.workload = workload;
    kernel.weight = weights_of(workload_weight(workload), random_weight(workload, random));
    kernel.bias = weights_of(workload_bias(workload), random_bias(workload, random));
    build_graph(k, layer, memory);
    compute_expected(k, memory);
    add_buffers(k, std::move(memory));
    k.plan = plan_memory(k.kernels);
    return k;
}

std::string result_problem(const OneKernel &k, const Bytes &output) {
    const TensorView &view = k.workload.output;
    if (output.size() != k.output_bytes)
        return fmt::format("the result has {} bytes, not {}", output.size(), k.output_bytes);
    const std::vector<double> actual = logical_values(view, output);
    const double tolerance = view.dtype == DType::f32 ? kernel_tolerance(k.workload, k.scale) : 0;
    for (size_t i = 0; i < actual.size(); ++i) {
        const double expected = k.expected[i];
        const bool near = std::isfinite(expected) ? std::fabs(expected - actual[i]) <= tolerance
                                                  : expected == actual[i] || std::isnan(expected);
        if (!near)
            return fmt::format("element {} of {} is {}, not {} (tolerance {:.2g})", i,
                               actual.size(), actual[i], expected, tolerance);
    }
    return "";
}

Library one_kernel_library(const OneKernel &k, const std::string &name,
                           const CompiledKernel &compiled, const Schedule &schedule,
                           const Target &target) {
    LibraryRequest request;
    request.name = name;
    request.kernels = &k.kernels;
    request.plan = &k.plan;
    request.variants.push_back({target_text(target), target, {&compiled}, {schedule}, {"tuning"}});
    return build_library(request);
}

} // namespace cnnc
