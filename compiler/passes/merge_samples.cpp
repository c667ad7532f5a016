// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Samples that follow one another become one, with slices and casts between them: a picture that is
// converted, resized, cropped and has its channels swapped is read once.
#include "compiler/passes/constants.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/sample_tables.h"

#include <cmath>

namespace cnnc {
namespace {

class Merger {
  public:
    Merger(Replacement &r, const std::vector<int> &uses) : r_(r), uses_(uses) {}

    // Whether the node has been finished as part of what it reads.
    bool merge() {
        const Op &op = r_.node().op;
        if (const auto *slice = std::get_if<Slice>(&op))
            return merge_slice(*slice);
        if (!std::holds_alternative<Sample>(op))
            return false;
        auto sample = read_sample(r_.old_graph(), r_.old_id());
        return sample && merge_sample(*sample);
    }

  private:
    bool is_only_reader() const { return uses_[size_t(r_.node().inputs[0])] == 1; }

    // The dimensions that the sample picks anyway pick less, the others are sliced before.
    bool merge_slice(const Slice &slice) {
        const NodeId below = r_.input();
        if (!std::holds_alternative<Sample>(r_.at(below).op) || !is_only_reader())
            return false;
        auto inner = read_sample(r_.graph(), below);
        if (!inner)
            return false;
        NodeId x = r_.at(below).inputs[0];
        TabledSample outer;
        Slice before = slice;
        const Shape &in = r_.shape(x);
        bool slices = false;
        for (size_t d = 0; d < in.size(); d++) {
            if (inner->tables.count(int64_t(d)) == 0) {
                slices = slices || slice.extents[d] != in[d];
                continue;
            }
            std::vector<int64_t> positions;
            for (int64_t i = 0; i < slice.extents[d]; i++)
                positions.push_back(slice.starts[d] + i * slice.steps[d]);
            outer.tables[int64_t(d)] = pick_table(std::move(positions));
            before.starts[d] = 0;
            before.extents[d] = in[d];
            before.steps[d] = 1;
        }
        auto merged = compose(*inner, outer);
        if (!merged)
            return false;
        if (slices)
            x = r_.add(before, {x}, "slice");
        finish(x, *merged);
        return true;
    }

    bool merge_sample(TabledSample sample) {
        NodeId x = r_.input();
        const Op &below = r_.at(x).op;
        if (std::holds_alternative<Sample>(below) && is_only_reader()) {
            auto inner = read_sample(r_.graph(), x);
            auto merged = inner ? compose(*inner, sample) : std::nullopt;
            if (!merged)
                return false;
            finish(r_.at(x).inputs[0], *merged);
            return true;
        }
        if (std::holds_alternative<Cast>(below))
            return merge_cast(sample, x);
        if (std::holds_alternative<Binary>(below) && is_only_reader())
            return move_in_front_of_factor(sample, x);
        return false;
    }

    // Weighted sums read u8; what is picked may be converted after it.
    bool merge_cast(TabledSample &sample, NodeId cast) {
        const NodeId x = r_.at(cast).inputs[0];
        const DType from = r_.at(x).type.dtype, to = r_.at(cast).type.dtype;
        if (sample.kind == SampleKind::weighted_sum && from == DType::u8 && to == DType::f32) {
            finish(x, sample);
            return true;
        }
        const bool smaller = dtype_bytes(from) < dtype_bytes(to);
        if (sample.kind != SampleKind::pick || !is_only_reader() || !smaller ||
            (has_fill(sample) && !can_convert_back(sample.fill, from)))
            return false;
        const NodeId picked = add_sample(r_, x, sample, "picked");
        r_.finish(r_.add(Cast{to}, {picked}, ""));
        return true;
    }

    // Whether a fill of the wider type is one of the narrower type.
    static bool can_convert_back(double fill, DType narrow) {
        if (narrow == DType::boolean)
            return fill == 0 || fill == 1;
        return std::nearbyint(fill) == fill && fill >= (narrow == DType::u8 ? 0 : -128) &&
               fill <= (narrow == DType::i8 ? 127 : 255);
    }

    // sample(x * c) is sample(x) * c; so a picture is resized as it comes.
    bool move_in_front_of_factor(const TabledSample &sample, NodeId product) {
        const Node node = r_.at(product);
        if (sample.kind != SampleKind::weighted_sum ||
            std::get<Binary>(node.op).kind != BinaryKind::mul ||
            r_.shape(node.inputs[0]) != node.type.shape ||
            !scalar_value(r_.graph(), node.inputs[1]))
            return false;
        NodeId x = node.inputs[0];
        if (const auto *cast = std::get_if<Cast>(&r_.at(x).op);
            cast && r_.at(r_.at(x).inputs[0]).type.dtype == DType::u8)
            x = r_.at(x).inputs[0];
        const NodeId sampled = add_sample(r_, x, sample, "sampled");
        r_.finish(r_.binary(BinaryKind::mul, sampled, node.inputs[1], ""));
        return true;
    }

    void finish(NodeId x, const TabledSample &sample) { r_.finish(add_sample(r_, x, sample, "")); }

    Replacement &r_;
    const std::vector<int> &uses_; // of the old graph
};

} // namespace

Graph merge_samples(Graph graph) {
    const std::vector<int> uses = count_uses(graph);
    return replace_nodes(graph, [&](Replacement &r) { return Merger(r, uses).merge(); });
}

} // namespace cnnc
