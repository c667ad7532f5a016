// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// See placement.h. A reader that has a place offers its operands their parts of it; since readers
// are placed first, every offer is there when an operand is placed.
#include "compiler/passes/placement.h"

#include "compiler/passes/sink_reshapes.h"
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

// Few channels, and rows long enough for vectors.
bool is_planar(const Shape &shape) {
    return shape.size() >= 4 && shape[1] < few_channels && shape.back() >= few_channels;
}

class Placer {
  public:
    Placer(const Graph &graph, const Clusters &clusters)
        : graph_(graph), clusters_(clusters), offers_(graph.nodes.size()),
          prefers_rows_(graph.nodes.size()) {
        result_.places.resize(graph.nodes.size());
        result_.written_into.assign(graph.nodes.size(), -1);
    }

    Placement run() {
        place_inputs();
        make_outputs();
        find_row_values();
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

    // Results of linear layers of rank 3 and more are lists of rows; they and what is computed
    // element by element from them are stored that way.
    void find_row_values() {
        for (size_t n = 0; n < graph_.nodes.size(); n++) {
            const Node &node = graph_.nodes[n];
            auto has_rows = [&](NodeId input) {
                return prefers_rows_[size_t(input)] && graph_[input].type == node.type;
            };
            prefers_rows_[n] = std::holds_alternative<Linear>(node.op);
            if (is_elementwise(node.op) || std::holds_alternative<Softmax>(node.op))
                prefers_rows_[n] = std::any_of(node.inputs.begin(), node.inputs.end(), has_rows);
        }
    }

    // Whether a node's value exists outside of a kernel (constants apart).
    bool is_stored(NodeId id) const {
        const Op &op = graph_[id].op;
        if (std::holds_alternative<Concat>(op) || is_reshape(op))
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
        if (!place_as_output(id) && !place_in_reader(id) && !is_reshape(node.op)) {
            int buffer = add_buffer(Buffer::Kind::temp, -1, node.type, node.name);
            const bool rows = prefers_rows_[size_t(id)] || is_planar(node.type.shape);
            const auto dense = rows ? row_major : channels_last;
            place = Place{{buffer, 0}, normalized(dense(node.type.dtype, node.type.shape))};
        }
        if (place && is_reshape(node.op))
            offer_reshaped(id, *place);
        if (place && std::holds_alternative<Concat>(node.op))
            offer_slices(id, *place);
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

    // What a reshape reads may lie in the reshape's place, if strides can say so.
    void offer_reshaped(NodeId reader, const Place &whole) {
        const NodeId input = graph_[reader].inputs[0];
        if (auto view = reshape_view(whole.view, graph_[input].type.shape))
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

    // A linear layer writes rows: all extents in front of the last as one.
    bool can_write(NodeId id, const TensorView &view) const {
        int cluster = clusters_.of_node[size_t(id)];
        if (cluster < 0 || !is_row_wise(graph_, clusters_.clusters[size_t(cluster)].anchor()))
            return true;
        const int64_t features = view.shape.back();
        return reshape_view(view, {element_count(view.shape) / features, features}).has_value();
    }

    // A place that a reader has for its operand.
    struct Offer {
        NodeId reader;
        Place place;
    };

    const Graph &graph_;
    const Clusters &clusters_;
    std::vector<std::vector<Offer>> offers_; // per node
    std::vector<bool> prefers_rows_;
    Placement result_;
};

} // namespace

Place part(const Place &whole, size_t dim, int64_t begin, int64_t extent) {
    ViewPart slice = slice_view(whole.view, dim, begin, extent);
    return {{whole.ref.buffer, whole.ref.offset + slice.offset}, slice.view};
}

Placement place_values(const Graph &graph, const Clusters &clusters) {
    return Placer(graph, clusters).run();
}

} // namespace cnnc
