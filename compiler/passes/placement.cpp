// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// See placement.h. A reader that has a place offers its operands their parts of it; since readers
// are placed first, every offer is there when an operand is placed.
#include "compiler/passes/placement.h"

#include "compiler/passes/sink_movements.h"
#include "compiler/passes/views.h"

#include <algorithm>
#include <unordered_map>

namespace cnnc {
namespace {

int64_t bytes_of(const TensorType &type) {
    return element_count(type.shape) * int64_t(dtype_bytes(type.dtype));
}

TensorView user_view(const TensorType &type, Layout layout) {
    return normalized(layout == Layout::nhwc ? channels_last(type.dtype, type.shape)
                                             : row_major(type.dtype, type.shape));
}

// Whether elements next to one another along some dimension of `dims` are so in memory too.
bool has_run(const TensorView &view, const std::vector<size_t> &dims) {
    bool long_dim = false;
    for (size_t d : dims) {
        if (view.shape[d] > 1 && view.strides[d] == 1)
            return true;
        long_dim = long_dim || view.shape[d] > 1;
    }
    return !long_dim;
}

class Placer {
  public:
    Placer(const Graph &graph, const Clusters &clusters, const std::vector<TensorView> &layouts)
        : graph_(graph), clusters_(clusters), layouts_(layouts), offers_(graph.nodes.size()) {
        result_.places.resize(graph.nodes.size());
        result_.written_into.assign(graph.nodes.size(), -1);
    }

    Placement run() {
        place_inputs();
        make_outputs();
        for (size_t n = graph_.nodes.size(); n-- > 0;)
            if (is_stored(NodeId(n)))
                place(NodeId(n));
        return std::move(result_);
    }

  private:
    int add_buffer(Buffer::Kind kind, int index, const TensorType &type, const std::string &name) {
        result_.buffers.push_back({kind, index, bytes_of(type), {}, name});
        return int(result_.buffers.size()) - 1;
    }

    void place_inputs() {
        for (size_t i = 0; i < graph_.inputs.size(); i++) {
            const Node &node = graph_[graph_.inputs[i]];
            int buffer = add_buffer(Buffer::Kind::input, int(i), node.type, node.name);
            result_.places[size_t(graph_.inputs[i])] =
                Place{{buffer, 0}, user_view(node.type, std::get<Input>(node.op).layout)};
        }
    }

    void make_outputs() {
        for (size_t i = 0; i < graph_.outputs.size(); i++) {
            const Output &output = graph_.outputs[i];
            const TensorType &type = graph_[output.node].type;
            int buffer = add_buffer(Buffer::Kind::output, int(i), type, output.name);
            result_.outputs.push_back({{buffer, 0}, user_view(type, output.layout)});
        }
    }

    // Whether a node's value exists outside of a kernel (constants apart).
    bool is_stored(NodeId id) const {
        const Op &op = graph_[id].op;
        if (std::holds_alternative<Concat>(op) || is_view(op))
            return true;
        return is_result(id);
    }

    bool is_result(NodeId id) const {
        int cluster = clusters_.of_node[size_t(id)];
        return cluster >= 0 && clusters_.clusters[size_t(cluster)].result() == id;
    }

    void place(NodeId id) {
        const Node &node = graph_[id];
        std::optional<Place> &place = result_.places[size_t(id)];
        if (!place_as_output(id) && !place_in_reader(id) &&
            (!is_view(node.op) || needs_order(id))) {
            int buffer = add_buffer(Buffer::Kind::temp, -1, node.type, node.name);
            place = Place{{buffer, 0}, normalized(layouts_[size_t(id)])};
        }
        if (place && is_view(node.op))
            offer_view(id, *place);
        if (place && std::holds_alternative<Concat>(node.op))
            offer_slices(id, *place);
    }

    // A reshape of permuted elements that are in the wrong order by themselves, but need not be:
    // the kernel that makes them may write them in the right one.
    bool needs_order(NodeId id) const {
        const Node &reshape = graph_[id];
        NodeId below = reshape.inputs[0];
        if (!std::holds_alternative<Permute>(graph_[below].op) ||
            view_through(reshape.op, layouts_[size_t(below)], reshape.type.shape))
            return false;
        while (is_view(graph_[below].op))
            below = graph_[below].inputs[0];
        return clusters_.of_node[size_t(below)] >= 0;
    }

    bool place_as_output(NodeId id) {
        for (size_t i = 0; i < graph_.outputs.size(); i++)
            if (graph_.outputs[i].node == id && can_write(id, result_.outputs[i].view)) {
                result_.places[size_t(id)] = result_.outputs[i];
                return true;
            }
        return false;
    }

    bool place_in_reader(NodeId id) {
        for (const Offer &offer : offers_[size_t(id)]) {
            if (!can_write(id, offer.place.view))
                continue;
            result_.places[size_t(id)] = offer.place;
            result_.written_into[size_t(id)] = offer.reader;
            return true;
        }
        return false;
    }

    // What a view reads may lie in the view's place, if strides can say so.
    void offer_view(NodeId reader, const Place &whole) {
        const Node &node = graph_[reader];
        const NodeId input = node.inputs[0];
        if (auto view = view_back(node.op, whole.view, graph_[input].type.shape))
            offers_[size_t(input)].push_back({reader, {whole.ref, *view}});
    }

    // What is concatenated may lie in its slice, unless it is concatenated twice.
    void offer_slices(NodeId reader, const Place &whole) {
        const Node &node = graph_[reader];
        const auto dim = size_t(std::get<Concat>(node.op).dim);
        std::unordered_map<NodeId, int> times;
        for (NodeId input : node.inputs)
            times[input]++;
        int64_t begin = 0;
        for (NodeId input : node.inputs) {
            const int64_t extent = graph_[input].type.shape[dim];
            if (times[input] == 1)
                offers_[size_t(input)].push_back({reader, part(whole, dim, begin, extent)});
            begin += extent;
        }
    }

    // Whether the kernel that makes a value can write it like this. A linear layer writes rows: all
    // extents in front of the last as one.
    bool can_write(NodeId id, const TensorView &view) const {
        const int cluster = clusters_.of_node[size_t(id)];
        if (cluster < 0)
            return true;
        const Op &anchor = graph_[clusters_.clusters[size_t(cluster)].anchor()].op;
        const size_t last = view.shape.size() - 1;
        if (std::holds_alternative<Linear>(anchor)) {
            const int64_t features = view.shape.back();
            return has_run(view, {last}) &&
                   reshape_view(view, {element_count(view.shape) / features, features});
        }
        if (std::holds_alternative<MatMul>(anchor))
            return has_run(view, {last});
        const bool image = std::holds_alternative<Conv>(anchor) ||
                           std::holds_alternative<MaxPool>(anchor) ||
                           std::holds_alternative<AvgPool>(anchor);
        return !image || has_run(view, {1, last});
    }

    // A place that a reader has for its operand.
    struct Offer {
        NodeId reader;
        Place place;
    };

    const Graph &graph_;
    const Clusters &clusters_;
    const std::vector<TensorView> &layouts_;
    std::vector<std::vector<Offer>> offers_; // per node
    Placement result_;
};

} // namespace

Place part(const Place &whole, size_t dim, int64_t begin, int64_t extent) {
    ViewPart slice = slice_view(whole.view, dim, begin, extent);
    return {{whole.ref.buffer, whole.ref.offset + slice.offset}, slice.view};
}

Placement place_values(const Graph &graph, const Clusters &clusters,
                       const std::vector<TensorView> &layouts) {
    return Placer(graph, clusters, layouts).run();
}

} // namespace cnnc
