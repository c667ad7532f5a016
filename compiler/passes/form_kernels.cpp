// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// From nodes to kernels over buffers. fuse() has decided what makes up a kernel and place_values()
// where values live; this writes down the workloads, in the normal forms of workload.h, and adds a
// copy wherever a value is needed in an order in which it does not lie.
#include "compiler/passes/fuse.h"
#include "compiler/passes/layouts.h"
#include "compiler/passes/normal_forms.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/placement.h"
#include "compiler/passes/sink_movements.h"
#include "compiler/passes/views.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cassert>
#include <unordered_set>

namespace cnnc {
namespace {

// How a kernel sees shapes: as the graph does, with H = 1 put in, or with all but the last
// dimension joined to rows.
enum class Form { plain, one_d, rows };

class Former {
  public:
    explicit Former(Graph graph)
        : clusters_(fuse(graph)), layouts_(preferred_layouts(graph)),
          placement_(place_values(graph, clusters_, layouts_)),
          row_major_copies_(graph.nodes.size()), image_copies_(graph.nodes.size()),
          is_only_a_view_(graph.nodes.size()) {
        out_.graph = std::move(graph);
        out_.buffers = std::move(placement_.buffers);
    }

    KernelGraph run() {
        for (NodeId id : clusters_.order) {
            const Op &op = node(id).op;
            if (std::holds_alternative<Concat>(op))
                join(id);
            else if (is_view(op))
                finish_view(id);
            else
                add_kernel(cluster_of(id));
        }
        for (size_t i = 0; i < out_.graph.outputs.size(); i++)
            finish_output(i);
        note_views();
        assert(verify(out_).empty());
        return std::move(out_);
    }

  private:
    const Node &node(NodeId id) const { return out_.graph[id]; }
    const Cluster &cluster_of(NodeId id) const {
        return clusters_.clusters[size_t(clusters_.of_node[size_t(id)])];
    }
    std::optional<Place> &place(NodeId id) { return placement_.places[size_t(id)]; }

    // ---- values as operands ----

    // Where the value of `id` lies, under its own shape.
    Place value(NodeId id) {
        if (place(id))
            return *place(id);
        const Node &n = node(id);
        if (is_constant(n.op)) {
            place(id) = Place{{add_constant(n), 0}, row_major(n.type.dtype, n.type.shape)};
            return *place(id);
        }
        assert(is_view(n.op));
        place(id) = look_through(id);
        return *place(id);
    }

    // A view as its operand's elements; these are copied where no strides say that.
    Place look_through(NodeId id) {
        const Node &n = node(id);
        const NodeId original = n.inputs[0];
        const Place from = value(original);
        if (auto seen = view_of(id, from)) {
            is_only_a_view_[size_t(id)] = true;
            return *seen;
        }
        const TensorView &wanted = layouts_[size_t(id)];
        const TensorView rows = normalized(row_major(n.type.dtype, n.type.shape));
        auto back = view_back(n.op, wanted, node(original).type.shape);
        if (!back || wanted == rows)
            return *view_of(id, row_major_copy(original, n.name + " needs row-major order"));
        const Place copied =
            copy_to_temp(original, *back, n.name + " needs another order of elements");
        return {copied.ref, wanted};
    }

    // A view of an operand that lies somewhere.
    std::optional<Place> view_of(NodeId id, const Place &operand) const {
        auto part = view_through(node(id).op, operand.view, node(id).type.shape);
        if (!part)
            return std::nullopt;
        return Place{{operand.ref.buffer, operand.ref.offset + part->offset}, part->view};
    }

    // As `value`, for a convolution or pooling: these read vectors of channels. A value that lies
    // otherwise (in the caller's memory) is copied first, unless there are too few channels.
    Place image_value(NodeId id) {
        const Node &n = node(id);
        const Place original = value(id);
        if (is_image(original.view))
            return original;
        auto &copied = image_copies_[size_t(id)];
        if (!copied)
            copied = copy_to_temp(id, image_layout(n.type),
                                  fmt::format("the elements of {} lie in another order", n.name));
        return *copied;
    }

    Place row_major_copy(NodeId id, const std::string &why) {
        auto &copied = row_major_copies_[size_t(id)];
        if (!copied)
            copied = copy_to_temp(id, row_major(node(id).type.dtype, node(id).type.shape), why);
        return *copied;
    }

    // The operand of a linear layer: [rows, features...]. Reads through a reshape where it can, so
    // that flattening a channels-last tensor costs nothing.
    Place linear_value(NodeId id, int64_t rows) {
        if (std::holds_alternative<Reshape>(node(id).op) && !place(id)) {
            const Place original = value(node(id).inputs[0]);
            if (auto found = split_rows(original.view, rows)) {
                is_only_a_view_[size_t(id)] = true;
                return {original.ref, *found};
            }
        }
        const Place own = value(id);
        if (auto found = split_rows(own.view, rows))
            return {own.ref, *found};
        const Place copied = row_major_copy(id, "the layer reads rows");
        return {copied.ref, *split_rows(copied.view, rows)};
    }

    int add_constant(const Node &n) {
        Buffer buffer{Buffer::Kind::constant, -1, 0, {}, n.name};
        buffer.bytes = element_count(n.type.shape) * int64_t(dtype_bytes(n.type.dtype));
        if (const auto *constant = std::get_if<Constant>(&n.op))
            buffer.data = encode(constant->type, constant->values);
        else
            buffer.data = out_.graph.params[size_t(n.params[0])].data;
        out_.buffers.push_back(std::move(buffer));
        return int(out_.buffers.size()) - 1;
    }

    // ---- copies ----

    void copy(NodeId id, const Place &from, const Place &to, const std::string &why) {
        assert(from.view.shape == to.view.shape);
        Kernel kernel;
        kernel.name = unique_name(node(id).name + ".copy");
        kernel.workload = {Unary{}, {normalized(from.view)}, {}, normalized(to.view)};
        kernel.inputs = {from.ref};
        kernel.output = to.ref;
        kernel.result = id;
        kernel.notes = {"a copy: " + why};
        out_.kernels.push_back(std::move(kernel));
    }

    Place copy_to_temp(NodeId id, const TensorView &view, const std::string &why) {
        const Place from = value(id);
        const TensorType &type = node(id).type;
        const int64_t bytes = element_count(type.shape) * int64_t(dtype_bytes(type.dtype));
        out_.buffers.push_back({Buffer::Kind::temp, -1, bytes, {}, node(id).name + ".copy"});
        const Place to{{int(out_.buffers.size()) - 1, 0}, view};
        copy(id, from, to, why);
        return to;
    }

    // The operands that were not computed in their slices are copied there.
    void join(NodeId id) {
        const Node &n = node(id);
        const auto dim = size_t(std::get<Concat>(n.op).dim);
        int64_t begin = 0;
        std::vector<std::string> in_place;
        for (NodeId input : n.inputs) {
            const int64_t extent = node(input).type.shape[dim];
            if (placement_.written_into[size_t(input)] == id)
                in_place.push_back(node(input).name);
            else
                copy(input, value(input), part(*place(id), dim, begin, extent),
                     fmt::format("{} joins {} but {}", node(input).name, n.name,
                                 why_elsewhere(input)));
            begin += extent;
        }
        if (!in_place.empty())
            out_.notes.push_back(
                fmt::format("{}: {} written in place", n.name, fmt::join(in_place, ", ")));
    }

    // Why a value does not lie in the place that a reader has for it.
    std::string why_elsewhere(NodeId id) const {
        const Node &n = node(id);
        if (std::holds_alternative<Input>(n.op))
            return "is an input";
        if (is_constant(n.op))
            return "is a constant";
        if (NodeId other = placement_.written_into[size_t(id)]; other >= 0)
            return "lies in " + node(other).name;
        for (const Output &output : out_.graph.outputs)
            if (output.node == id)
                return "is an output";
        return is_view(n.op) ? "is a view" : "is joined twice, or its order does not fit";
    }

    // A view that has its own place and into which its operand was not written is filled now.
    // Others are made when they are read.
    void finish_view(NodeId id) {
        const Node &n = node(id);
        const NodeId original = n.inputs[0];
        if (!place(id) || placement_.written_into[size_t(original)] == id)
            return;
        const Place from = value(original), to = *place(id);
        const std::string why = fmt::format("{} has its own place but {} {}", n.name,
                                            node(original).name, why_elsewhere(original));
        if (auto view = view_back(n.op, to.view, from.view.shape))
            return copy(original, from, {to.ref, *view}, why);
        if (auto seen = view_of(id, from))
            return copy(id, *seen, to, why);
        const Place rows = row_major_copy(original, n.name + " needs row-major order");
        copy(id, *view_of(id, rows), to, why);
    }

    void finish_output(size_t i) {
        const NodeId id = out_.graph.outputs[i].node;
        const Place to = placement_.outputs[i];
        const Place from = value(id);
        if (from.ref.buffer != to.ref.buffer)
            copy(id, from, to,
                 fmt::format("output {}: {} {}", out_.graph.outputs[i].name, node(id).name,
                             why_elsewhere(id)));
    }

    void note_views() {
        for (size_t n = 0; n < out_.graph.nodes.size(); n++) {
            const Node &view = out_.graph.nodes[n];
            const auto original = size_t(view.inputs.empty() ? 0 : view.inputs[0]);
            if (is_only_a_view_[n] ||
                (is_view(view.op) && placement_.written_into[original] == NodeId(n)))
                out_.notes.push_back(
                    fmt::format("{}: a view of {}", view.name, node(view.inputs[0]).name));
        }
    }

    // ---- kernels ----

    void add_kernel(const Cluster &cluster) {
        const Node &anchor = node(cluster.anchor());
        Kernel kernel;
        kernel.name = unique_name(anchor.name);
        kernel.nodes = cluster.nodes;
        kernel.notes = cluster.notes;
        kernel.result = cluster.result();
        const Form form = form_of(anchor);
        const Place output = *place(cluster.result());
        kernel.output = output.ref;
        kernel.workload.output = output_view(output.view, form);
        set_anchor(kernel, anchor, form);
        for (size_t i = is_elementwise(anchor.op) ? 0 : 1; i < cluster.nodes.size(); i++)
            add_step(kernel, cluster, i, form);
        out_.kernels.push_back(std::move(kernel));
    }

    Form form_of(const Node &anchor) const {
        if (std::holds_alternative<Linear>(anchor.op))
            return Form::rows;
        return is_spatial(anchor.op) && anchor.type.shape.size() == 3 ? Form::one_d : Form::plain;
    }

    static TensorView output_view(const TensorView &view, Form form) {
        if (form == Form::one_d)
            return insert_dim(view, 2);
        if (form == Form::plain)
            return normalized(view);
        const int64_t features = view.shape.back();
        // place_values() has seen to it that this works.
        return *reshape_view(view, {element_count(view.shape) / features, features});
    }

    void set_anchor(Kernel &kernel, const Node &anchor, Form form) {
        const NodeId operand = anchor.inputs[is_elementwise(anchor.op) ? main_operand(anchor) : 0];
        Place input;
        if (form == Form::rows)
            input = linear_value(operand, kernel.workload.output.shape[0]);
        else if (is_spatial(anchor.op))
            input = image_value(operand);
        else
            input = value(operand);

        kernel.workload.anchor = form == Form::one_d ? as_2d(anchor.op) : anchor.op;
        if (form == Form::one_d)
            input.view = insert_dim(input.view, 2);
        if (is_elementwise(anchor.op)) {
            kernel.workload.anchor = Unary{};
            input.view = expanded(input.view, anchor.type.shape);
        }
        if (std::holds_alternative<MatMul>(anchor.op))
            return set_factors(kernel, anchor);
        add_input(kernel, input);
        if (std::holds_alternative<Sample>(anchor.op))
            for (size_t table = 1; table < anchor.inputs.size(); table++)
                add_input(kernel, value(anchor.inputs[table]));
        if (!anchor.params.empty())
            kernel.weight = param_data(anchor, 0, form);
        if (anchor.params.size() > 1)
            kernel.bias = param_data(anchor, 1, Form::plain);
    }

    static void add_input(Kernel &kernel, const Place &place) {
        kernel.workload.inputs.push_back(normalized(place.view));
        kernel.inputs.push_back(place.ref);
    }

    // Both factors with the result's batch dimensions.
    void set_factors(Kernel &kernel, const Node &anchor) {
        for (NodeId factor : anchor.inputs) {
            Place place = value(factor);
            const Shape &own = node(factor).type.shape;
            Shape shape(anchor.type.shape.begin(), anchor.type.shape.end() - 2);
            shape.insert(shape.end(), own.end() - 2, own.end());
            place.view = expanded(place.view, shape);
            add_input(kernel, place);
        }
    }

    TensorData param_data(const Node &anchor, size_t i, Form form) const {
        TensorData data = out_.graph.params[size_t(anchor.params[i])].data;
        Shape &shape = data.type.shape;
        if (data.defined() && form == Form::one_d)
            shape.insert(shape.begin() + 2, 1);
        return data;
    }

    // Of an elementwise node that starts a kernel, the operand that the kernel walks over: one of
    // the result's shape if there is one, and no scalar.
    size_t main_operand(const Node &n) const {
        for (size_t i = 0; i < n.inputs.size(); i++)
            if (node(n.inputs[i]).type.shape == n.type.shape && !is_number(n.inputs[i]))
                return i;
        for (size_t i = 0; i < n.inputs.size(); i++)
            if (!is_number(n.inputs[i]))
                return i;
        return 0;
    }

    // What is written into kernels instead of being read.
    bool is_number(NodeId id) const {
        const auto *constant = std::get_if<Constant>(&node(id).op);
        return constant && constant->values.size() == 1;
    }

    void add_step(Kernel &kernel, const Cluster &cluster, size_t i, Form form) {
        const Node &n = node(cluster.nodes[i]);
        if (const auto *unary = std::get_if<Unary>(&n.op))
            if (unary->kind == UnaryKind::identity || unary->kind == UnaryKind::dropout)
                return;
        size_t so_far = i == 0 ? main_operand(n) : 0;
        while (i > 0 && n.inputs[so_far] != cluster.nodes[i - 1])
            so_far++;
        EpilogueStep step{step_op(n.op), {}, int(so_far)};
        if (commutes(n.op)) // equal steps are to be the same
            step.position = 0;
        // Two numbers would not say which type the choice between them has, but f32 is assumed.
        const bool chooses =
            std::holds_alternative<Where>(n.op) && step.position == 0 && n.type.dtype != DType::f32;
        for (size_t operand = 0; operand < n.inputs.size(); operand++)
            if (operand != so_far)
                step.operands.push_back(step_operand(kernel, n.inputs[operand], n.type.shape, form,
                                                     !chooses || operand == 2));
        kernel.workload.epilogue.push_back(std::move(step));
    }

    StepOperand step_operand(Kernel &kernel, NodeId id, const Shape &shape, Form form,
                             bool may_be_number) {
        if (is_number(id) && may_be_number)
            return {-1, std::get<Constant>(node(id).op).value()};
        const Place place = epilogue_value(id, shape, form);
        kernel.inputs.push_back(place.ref);
        kernel.workload.inputs.push_back(
            broadcast_operand(place.view, kernel.workload.output.shape));
        return {int(kernel.inputs.size()) - 1, 0};
    }

    // An operand that is broadcast to `shape`, with the dimensions of the kernel's form.
    Place epilogue_value(NodeId id, const Shape &shape, Form form) {
        Place place = value(id);
        TensorView view = broadcast_operand(place.view, shape);
        if (form == Form::one_d)
            return {place.ref, insert_dim(view, 2)};
        if (form == Form::plain)
            return place;
        const int64_t features = view.shape.back();
        const Shape rows{element_count(view.shape) / features, features};
        auto joined = reshape_view(view, rows);
        if (!joined) {
            place = row_major_copy(id, "its reader works on rows");
            joined = reshape_view(broadcast_operand(place.view, shape), rows);
        }
        return {place.ref, *joined};
    }

    std::string unique_name(const std::string &wanted) {
        std::string name = wanted;
        for (int i = 1; !names_.insert(name).second; i++)
            name = wanted + std::to_string(i);
        return name;
    }

    Clusters clusters_;
    std::vector<TensorView> layouts_;
    Placement placement_;
    KernelGraph out_;
    std::vector<std::optional<Place>> row_major_copies_, image_copies_; // per node
    std::vector<bool> is_only_a_view_;                                  // per node
    std::unordered_set<std::string> names_;                             // of kernels
};

} // namespace

KernelGraph form_kernels(Graph graph) {
    return Former(sink_movements(std::move(graph))).run();
}

} // namespace cnnc
