// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Samples that follow one another become one, with what lies between them: a picture that is
// converted, resized, normalized, cropped and has its channels swapped is read once. Slices and
// samples move in front of elementwise operators on the way to the one that reads the picture.
#include "compiler/passes/constants.h"
#include "compiler/passes/fuse.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/sample_tables.h"
#include "compiler/passes/sink_movements.h"

#include <algorithm>
#include <cmath>

namespace cnnc {
namespace {

// Constants of more elements are not sampled.
constexpr int64_t max_constant = 1 << 16;
// Samples move in front of no more operators than this, so that it takes no time.
constexpr size_t max_between = 16;
constexpr double tolerance = 1e-6;

// A slice picks positions of every dimension that it changes.
TabledSample as_sample(const Slice &slice, const Shape &in) {
    TabledSample sample;
    for (size_t d = 0; d < in.size(); d++) {
        if (slice.extents[d] == in[d])
            continue;
        std::vector<int64_t> positions;
        for (int64_t i = 0; i < slice.extents[d]; i++)
            positions.push_back(slice.starts[d] + i * slice.steps[d]);
        sample.tables[int64_t(d)] = pick_table(std::move(positions));
    }
    return sample;
}

bool sums_to_one(const SampleTable &table) {
    for (size_t i = 0; i < table.weight.size(); i += size_t(table.taps)) {
        double sum = 0;
        for (size_t t = 0; t < size_t(table.taps); t++)
            sum += table.weight[i + t];
        if (std::fabs(sum - 1) > tolerance)
            return false;
    }
    return true;
}

// What one slice or sample becomes part of.
class Merger {
  public:
    Merger(Replacement &r, const std::vector<int> &uses) : r_(r), uses_(uses) {}

    bool merge() {
        const Op &op = r_.node().op;
        if (const auto *slice = std::get_if<Slice>(&op)) {
            slice_ = slice;
            sample_ = as_sample(*slice, r_.shape(r_.input()));
        } else if (std::holds_alternative<Sample>(op)) {
            auto sample = read_sample(r_.old_graph(), r_.old_id());
            if (!sample)
                return false;
            sample_ = std::move(*sample);
        } else {
            return false;
        }
        const NodeId x = walk();
        NodeId bottom = at_bottom(x);
        if (bottom < 0)
            return false;
        for (size_t i = between_.size(); i-- > 0;)
            bottom = sampled(between_[i], bottom, i == 0 ? "" : "moved");
        r_.finish(bottom);
        return true;
    }

  private:
    bool is_read_once(NodeId id) const { return uses_[size_t(id)] == 1; }

    // Down to the first value that the sample cannot be moved in front of.
    NodeId walk() {
        NodeId x = r_.input();
        while (is_elementwise(r_.at(x).op) && is_read_once(x) && between_.size() < max_between) {
            const int operand = operand_of(x);
            if (operand < 0 || !can_pass(x, size_t(operand)))
                break;
            between_.push_back(x);
            x = r_.at(x).inputs[size_t(operand)];
        }
        return x;
    }

    // The one operand of an elementwise node that is not constant, if it has the result's shape.
    int operand_of(NodeId id) const {
        const Node &node = r_.at(id);
        int found = -1;
        for (size_t i = 0; i < node.inputs.size(); i++) {
            const Node &input = r_.at(node.inputs[i]);
            const bool constant = is_constant(input.op) &&
                                  element_count(input.type.shape) <= max_constant &&
                                  constant_values(r_.graph(), node.inputs[i]);
            if (constant)
                continue;
            if (found >= 0 || input.type.shape != node.type.shape)
                return -1;
            found = int(i);
        }
        return found;
    }

    // Whether sampling before the elementwise node gives the same as behind it.
    bool can_pass(NodeId id, size_t operand) const {
        const Node &node = r_.at(id);
        if (sample_.kind == SampleKind::pick)
            return !has_fill(sample_) || is_cast_of_fill(node);
        if (sample_.kind != SampleKind::weighted_sum || node.type.dtype != DType::f32)
            return false;
        if (const auto *cast = std::get_if<Cast>(&node.op))
            return r_.at(node.inputs[0]).type.dtype == DType::u8 && cast->dtype == DType::f32;
        const auto *binary = std::get_if<Binary>(&node.op);
        if (!binary || !all_broadcast(node, operand))
            return false;
        if (binary->kind == BinaryKind::mul || (binary->kind == BinaryKind::div && operand == 0))
            return true;
        const bool shifts = binary->kind == BinaryKind::add || binary->kind == BinaryKind::sub;
        return shifts && std::all_of(sample_.tables.begin(), sample_.tables.end(),
                                     [](const auto &entry) { return sums_to_one(entry.second); });
    }

    // Whether the fill is a number of the type that is converted to a wider one.
    bool is_cast_of_fill(const Node &node) const {
        if (!std::holds_alternative<Cast>(node.op))
            return false;
        const DType narrow = r_.at(node.inputs[0]).type.dtype;
        const double fill = sample_.fill;
        if (narrow == DType::u8)
            return std::nearbyint(fill) == fill && fill >= 0 && fill <= 255;
        return narrow == DType::i8 && std::nearbyint(fill) == fill && fill >= -128 && fill <= 127;
    }

    // Whether the other operands are the same along every sampled dimension.
    bool all_broadcast(const Node &node, size_t operand) const {
        for (size_t i = 0; i < node.inputs.size(); i++)
            for (const auto &[dim, table] : sample_.tables)
                if (i != operand && extent_along(node.inputs[i], node.type.shape, dim) != 1)
                    return false;
        return true;
    }

    // Of a constant's dimension that is dimension `dim` of the result.
    int64_t extent_along(NodeId constant, const Shape &result, int64_t dim) const {
        const Shape shape = r_.shape(constant);
        const int64_t own = dim - int64_t(result.size() - shape.size());
        return own < 0 ? 1 : shape[size_t(own)];
    }

    // The sample of `x`, or -1 if there is nothing to gain. A picture that comes in is sampled at
    // once, unless that is what would happen anyway.
    NodeId at_bottom(NodeId x) {
        const bool only_cast = between_.size() == 1 && is_absorbed(between_[0]);
        const std::string role = between_.empty() || only_cast ? "" : "sampled";
        if (std::holds_alternative<Sample>(r_.at(x).op) && is_read_once(x)) {
            const auto inner = read_sample(r_.graph(), x);
            if (!inner)
                return -1;
            if (slice_)
                return sliced_sample(x, *inner, role);
            auto merged = compose(*inner, sample_);
            return merged ? add_merged(r_.at(x).inputs[0], std::move(*merged), role) : -1;
        }
        const Op &op = r_.at(x).op;
        if (between_.empty() || !(std::holds_alternative<Input>(op) || is_view(op)))
            return -1;
        return slice_ ? r_.add(*slice_, {x}, role) : add_sample(r_, x, sample_, role);
    }

    // Of the dimensions that the sample picks anyway it picks less; the others are sliced first.
    NodeId sliced_sample(NodeId below, const TabledSample &inner, const std::string &role) {
        NodeId x = r_.at(below).inputs[0];
        TabledSample outer = sample_;
        Slice before = *slice_;
        const Shape in = r_.shape(x);
        bool slices = false;
        for (size_t d = 0; d < in.size(); d++) {
            if (inner.tables.count(int64_t(d)) == 0) {
                slices = outer.tables.erase(int64_t(d)) > 0 || slices;
                continue;
            }
            before.starts[d] = 0;
            before.extents[d] = in[d];
            before.steps[d] = 1;
        }
        auto merged = compose(inner, outer);
        if (!merged)
            return -1;
        if (slices)
            x = r_.add(before, {x}, "slice");
        return add_merged(x, std::move(*merged), role);
    }

    // Without dimensions that have come back to what they were.
    NodeId add_merged(NodeId x, TabledSample sample, const std::string &role) {
        const Shape in = r_.shape(x);
        for (auto it = sample.tables.begin(); it != sample.tables.end();) {
            const bool needed = sample.kind != SampleKind::pick && sample.tables.size() == 1;
            if (!needed && is_identity(it->second, in[size_t(it->first)]))
                it = sample.tables.erase(it);
            else
                ++it;
        }
        return add_sample(r_, x, sample, role);
    }

    // A weighted sum reads u8 itself.
    bool is_absorbed(NodeId id) const {
        return std::holds_alternative<Cast>(r_.at(id).op) &&
               sample_.kind == SampleKind::weighted_sum;
    }

    // An elementwise node once more, on what has been sampled.
    NodeId sampled(NodeId id, NodeId x, const std::string &role) {
        if (is_absorbed(id))
            return x;
        const Node node = r_.at(id);
        const auto operand = size_t(operand_of(id));
        std::vector<NodeId> inputs;
        for (size_t i = 0; i < node.inputs.size(); i++)
            inputs.push_back(i == operand ? x : sampled_constant(node.inputs[i], node.type.shape));
        return r_.add(node.op, std::move(inputs), role);
    }

    NodeId sampled_constant(NodeId id, const Shape &result) {
        TensorType type = r_.at(id).type;
        std::vector<double> values = *constant_values(r_.graph(), id);
        bool changed = false;
        for (const auto &[dim, table] : sample_.tables) {
            if (extent_along(id, result, dim) == 1)
                continue;
            const size_t own = size_t(dim) - (result.size() - type.shape.size());
            values = picked(values, type.shape, own, table.index);
            type.shape[own] = table.extent();
            changed = true;
        }
        return changed ? r_.constant(type, std::move(values), "constant") : id;
    }

    static std::vector<double> picked(const std::vector<double> &values, const Shape &shape,
                                      size_t dim, const std::vector<int64_t> &positions) {
        int64_t inner = 1;
        for (size_t d = dim + 1; d < shape.size(); d++)
            inner *= shape[d];
        const int64_t block = inner * shape[dim];
        std::vector<double> result;
        for (int64_t outer = 0; outer < int64_t(values.size()); outer += block)
            for (int64_t position : positions)
                for (int64_t i = 0; i < inner; i++)
                    result.push_back(values[size_t(outer + position * inner + i)]);
        return result;
    }

    Replacement &r_;
    const std::vector<int> &uses_; // of the new graph
    TabledSample sample_;
    const Slice *slice_ = nullptr; // where the sample is but a slice
    std::vector<NodeId> between_;  // the last one first
};

} // namespace

Graph merge_samples(Graph graph) {
    UseCounts uses(graph);
    return replace_nodes(graph, [&](Replacement &r) { return Merger(r, uses.before(r)).merge(); });
}

} // namespace cnnc
