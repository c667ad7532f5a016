// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One walk in topological order. For each spatial dimension of the input a value knows its field,
// and which of its own dimensions moves the field: an operator that slides a window over that
// dimension widens it, one that mixes the whole dimension (a sum, a softmax, a linear layer) makes
// it cover everything.
#include "compiler/graph/receptive_field.h"

#include "compiler/graph/receptive_window.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace cnnc {
namespace {

// Fields stop growing here, so that no chain of layers makes them overflow.
constexpr double largest = double(int64_t(1) << 40);

double capped(double x) {
    return std::clamp(x, -largest, largest);
}

constexpr int nowhere = -1; // no dimension moves the field
constexpr int lost = -2;    // several do, in no simple way

struct Axis {
    ReceptiveField field;
    bool known = true;
    int dim = nowhere;
    // The dimension may be several that were joined: the position along this one is
    // index / (its extent / outer / extent) % extent.
    int64_t outer = 1;
    int64_t extent = 1;

    // Whether the field depends on where the element is.
    bool moves() const { return field.stride != 0 && extent > 1; }
};
using Axes = std::vector<Axis>;

double first(const ReceptiveField &field) {
    return field.centre - (field.size - 1) / 2;
}
double last(const ReceptiveField &field) {
    return field.centre + (field.size - 1) / 2;
}
ReceptiveField from_to(double first, double last, double stride) {
    return {capped(last - first + 1), capped(stride), capped((first + last) / 2)};
}

void slide(Axis &axis, const Window &window) {
    ReceptiveField &field = axis.field;
    field.centre = capped(field.centre + window.middle * field.stride);
    field.size = capped(field.size + (window.span - 1) * std::abs(field.stride));
    field.stride = capped(field.stride * window.step);
}

// A window over dimension `dim`, which then has `extent` elements.
void slide_dim(Axes &axes, size_t dim, const Window &window, const Shape &before, int64_t extent) {
    for (Axis &axis : axes) {
        const bool here = axis.dim == int(dim);
        const bool alone = here && axis.outer == 1 && axis.extent == before[dim];
        const bool changes = !window.is_trivial() || before[dim] != extent;
        if (alone) {
            slide(axis, window);
            axis.extent = extent;
        } else if ((here || axis.dim == lost) && axis.moves() && changes) {
            axis.known = false;
        }
    }
}

// Every element depends on all positions.
void cover(Axis &axis) {
    const double reach = double(axis.extent - 1) * axis.field.stride;
    const double begin = first(axis.field) + std::min(reach, 0.0);
    const double end = last(axis.field) + std::max(reach, 0.0);
    axis.field = from_to(begin, end, 0);
}

// Every element depends on all of dimensions begin..end (end left out) of a value of `rank`.
void mix(Axes &axes, size_t begin, size_t end, size_t rank) {
    for (Axis &axis : axes) {
        if (axis.dim == lost && axis.moves()) {
            if (begin <= 1 && end == rank)
                cover(axis);
            else
                axis.known = false;
        } else if (axis.dim >= int(begin) && axis.dim < int(end)) {
            cover(axis);
        }
    }
}

int64_t product(const Shape &shape, size_t end) {
    return std::accumulate(shape.begin(), shape.begin() + int64_t(end), int64_t(1),
                           std::multiplies<>());
}

// Finds each axis among the dimensions of another shape with the same elements.
void reshape(Axes &axes, const Shape &before, const Shape &after) {
    for (Axis &axis : axes) {
        if (axis.dim < 0)
            continue;
        const int64_t begin = product(before, size_t(axis.dim)) * axis.outer;
        const int64_t end = begin * axis.extent;
        axis.dim = axis.extent == 1 ? nowhere : lost;
        for (size_t d = 0; d < after.size() && axis.extent > 1; ++d) {
            const int64_t dim_begin = product(after, d), dim_end = product(after, d + 1);
            const bool inside = dim_begin <= begin && end <= dim_end;
            if (inside && begin % dim_begin == 0 && dim_end % end == 0) {
                axis.dim = int(d);
                axis.outer = begin / dim_begin;
                break;
            }
        }
    }
}

// Dimension d becomes new_dim[d].
void move_dims(Axes &axes, const std::vector<int> &new_dim) {
    for (Axis &axis : axes) {
        if (axis.dim >= 0)
            axis.dim = new_dim[size_t(axis.dim)];
    }
}

// To a shape that the value is broadcast to.
void expand(Axes &axes, const Shape &before, const Shape &after) {
    for (Axis &axis : axes) {
        if (axis.dim < 0)
            continue;
        const int64_t extent = before[size_t(axis.dim)];
        axis.dim += int(after.size() - before.size());
        if (extent != after[size_t(axis.dim)])
            axis.field.stride = 0;
    }
}

// What an element depends on that depends on one of each.
Axis joined(Axis a, Axis b) {
    a.known &= b.known;
    const bool same_place = a.dim == b.dim && a.outer == b.outer && a.extent == b.extent;
    if (a.moves() && b.moves() && same_place) {
        const auto at = [&](double position) {
            const double da = position * a.field.stride, db = position * b.field.stride;
            return std::pair(std::min(first(a.field) + da, first(b.field) + db),
                             std::max(last(a.field) + da, last(b.field) + db));
        };
        const auto [begin, end] = at(0);
        const auto [last_begin, last_end] = at(double(a.extent - 1));
        const bool a_faster = std::abs(a.field.stride) >= std::abs(b.field.stride);
        a.field = from_to(begin, end, a_faster ? a.field.stride : b.field.stride);
        a.field.size = capped(std::max(end - begin, last_end - last_begin) + 1);
        return a;
    }
    if (!a.moves() && !b.moves() && a.field.stride == b.field.stride) {
        a.field = from_to(std::min(first(a.field), first(b.field)),
                          std::max(last(a.field), last(b.field)), a.field.stride);
        return a;
    }
    cover(a);
    cover(b);
    a.field = from_to(std::min(first(a.field), first(b.field)),
                      std::max(last(a.field), last(b.field)), 0);
    return a;
}

Axes joined(Axes a, const Axes &b) {
    for (size_t i = 0; i < b.size(); ++i) {
        if (i < a.size())
            a[i] = joined(a[i], b[i]);
        else
            a.push_back(b[i]);
    }
    return a;
}

Axes input_axes(const Shape &shape) {
    // [N, H, W, C], as TensorFlow's models have it, is told by its extents.
    const bool channels_last =
        shape.size() == 4 && shape[3] <= 4 && shape[1] >= 16 && shape[2] >= 16;
    Axes axes;
    for (size_t d = channels_last ? 1 : 2; d < shape.size() - (channels_last ? 1 : 0); ++d) {
        Axis axis;
        axis.dim = int(d);
        axis.extent = shape[d];
        axes.push_back(axis);
    }
    return axes;
}

// A node whose axes are computed from those of its operands.
struct Step {
    const Graph &graph;
    const Node &node;
    std::vector<Axes> operands;

    const Shape &shape(size_t operand) const { return graph[node.inputs[operand]].type.shape; }
    const Shape &result() const { return node.type.shape; }

    // A window for each of the last dimensions.
    template <typename WindowOf>
    Axes windows(size_t count, const WindowOf &window_of) const {
        Axes axes = operands[0];
        const size_t begin = shape(0).size() - count;
        for (size_t i = 0; i < count; ++i)
            slide_dim(axes, begin + i, window_of(i), shape(0), result()[begin + i]);
        return axes;
    }
    Axes mixed(size_t begin, size_t end) const {
        Axes axes = operands[0];
        mix(axes, begin, end, shape(0).size());
        return axes;
    }
    Axes convolved(const Axes &axes, int64_t groups) const {
        Axes result = axes;
        if (groups != shape(0)[1])
            mix(result, 1, 2, shape(0).size());
        return result;
    }
    // Some positions become unknown.
    Axes unknown_along(const std::vector<int64_t> &dims) const {
        Axes axes = operands[0];
        for (Axis &axis : axes) {
            const bool hit = std::find(dims.begin(), dims.end(), axis.dim) != dims.end();
            axis.known &= !axis.moves() || (!hit && axis.dim != lost);
        }
        return axes;
    }
    Axes broadcast() const {
        Axes axes;
        for (size_t i = 0; i < operands.size(); ++i) {
            Axes operand = operands[i];
            expand(operand, shape(i), result());
            axes = joined(std::move(axes), operand);
        }
        return axes;
    }
    Axes concatenated(const Concat &concat) const {
        Axes axes;
        for (const Axes &operand : operands)
            axes = joined(std::move(axes), operand);
        for (Axis &axis : axes)
            axis.known &= !axis.moves() || axis.dim != int(concat.dim);
        return axes;
    }
    Axes multiplied() const {
        Axes axes;
        for (size_t i = 0; i < 2; ++i) {
            const size_t rank = shape(i).size(), dim = i == 0 ? rank - 1 : rank - 2;
            Axes operand = operands[i];
            mix(operand, dim, dim + 1, rank);
            for (Axis &axis : operand)
                axis.dim += axis.dim >= 0 ? int(result().size() - rank) : 0;
            axes = joined(std::move(axes), operand);
        }
        return axes;
    }
    Axes permuted(const Permute &permute) const {
        std::vector<int> new_dim(permute.dims.size());
        for (size_t d = 0; d < permute.dims.size(); ++d)
            new_dim[size_t(permute.dims[d])] = int(d);
        Axes axes = operands[0];
        move_dims(axes, new_dim);
        return axes;
    }
    Axes reduced(const std::vector<int64_t> &dims, bool keepdim) const {
        Axes axes = operands[0];
        std::vector<int> new_dim;
        int next = 0;
        for (size_t d = 0; d < shape(0).size(); ++d) {
            const bool gone = std::find(dims.begin(), dims.end(), int64_t(d)) != dims.end();
            if (gone)
                mix(axes, d, d + 1, shape(0).size());
            new_dim.push_back(gone ? nowhere : next);
            next += !gone || keepdim;
        }
        move_dims(axes, new_dim);
        return axes;
    }
    Axes reshaped() const {
        Axes axes = operands[0];
        reshape(axes, shape(0), result());
        return axes;
    }
    Axes expanded() const {
        Axes axes = operands[0];
        expand(axes, shape(0), result());
        return axes;
    }
};

Axes axes_of(const Step &s) {
    const size_t rank = s.node.inputs.empty() ? 0 : s.shape(0).size();
    const auto pool = [&](const auto &p) {
        return s.windows(p.kernel.size(), [&](size_t i) {
            return sliding(p.kernel[i], p.stride[i], p.pad_lo[i], 1);
        });
    };
    const auto global = [&](const auto &) { return s.mixed(2, rank); };
    const auto adapt = [&](const auto &p) {
        return s.windows(p.output_size.size(),
                         [&](size_t i) { return adaptive(s.shape(0)[2 + i], p.output_size[i]); });
    };
    const auto per_dim = [&](const auto &window_of) { return s.windows(rank, window_of); };
    return match(
        s.node.op, [&](const Input &) { return input_axes(s.result()); },
        [&](const Conv &c) {
            const Axes axes = s.windows(c.kernel.size(), [&](size_t i) {
                return sliding(c.kernel[i], c.stride[i], c.pad_lo[i], c.dilation[i]);
            });
            return s.convolved(axes, c.groups);
        },
        [&](const ConvTranspose &c) {
            const Axes axes =
                s.windows(c.kernel.size(), [&](size_t i) { return transposed(c, i); });
            return s.convolved(axes, c.groups);
        },
        [&](const MaxPool &p) {
            return s.windows(p.kernel.size(), [&](size_t i) {
                return sliding(p.kernel[i], p.stride[i], p.pad_lo[i], p.dilation[i]);
            });
        },
        [&](const AvgPool &p) { return pool(p); },
        [&](const GlobalAvgPool &p) { return global(p); },
        [&](const GlobalMaxPool &p) { return global(p); },
        [&](const AdaptiveAvgPool &p) { return adapt(p); },
        [&](const AdaptiveMaxPool &p) { return adapt(p); },
        [&](const InstanceNorm &n) { return global(n); },
        [&](const GroupNorm &) { return s.mixed(1, rank); },
        [&](const LayerNorm &n) { return s.mixed(rank - size_t(n.dims), rank); },
        [&](const LocalResponseNorm &) { return s.mixed(1, 2); },
        [&](const Linear &) { return s.mixed(rank - 1, rank); },
        [&](const MatMul &) { return s.multiplied(); },
        [&](const Softmax &m) { return s.mixed(size_t(m.dim), size_t(m.dim) + 1); },
        [&](const TopK &t) { return s.mixed(size_t(t.dim), size_t(t.dim) + 1); },
        [&](const Reduce &r) { return s.reduced(r.dims, r.keepdim); },
        [&](const ArgReduce &r) { return s.reduced({r.dim}, r.keepdim); },
        [&](const Concat &c) { return s.concatenated(c); },
        [&](const Slice &c) {
            return per_dim([&](size_t d) {
                return Window{double(c.steps[d]), double(c.starts[d]), 1};
            });
        },
        [&](const Pad &p) {
            return per_dim([&](size_t d) { return Window{1, -double(p.lo[d]), 1}; });
        },
        [&](const Permute &p) { return s.permuted(p); },
        [&](const Flatten &) { return s.reshaped(); },
        [&](const Reshape &) { return s.reshaped(); }, [&](const Expand &) { return s.expanded(); },
        [&](const Tile &t) {
            std::vector<int64_t> dims;
            for (size_t d = 0; d < t.repeats.size(); ++d)
                if (t.repeats[d] != 1)
                    dims.push_back(int64_t(d));
            return s.unknown_along(dims);
        },
        [&](const IndexSelect &p) {
            const std::optional<Window> window = picking(p.index);
            if (!window)
                return s.unknown_along({p.dim});
            return per_dim([&](size_t d) { return int64_t(d) == p.dim ? *window : Window{}; });
        },
        [&](const Resize &r) {
            return s.windows(r.size.size(),
                             [&](size_t i) { return resizing(r, i, s.shape(0)[2 + i]); });
        },
        [&](const PixelShuffle &p) {
            return s.windows(2, [&](size_t) { return Window{1 / double(p.upscale_factor), 0, 1}; });
        },
        [&](const PixelUnshuffle &p) {
            const double factor = double(p.downscale_factor);
            return s.windows(2, [&](size_t) { return Window{factor, (factor - 1) / 2, factor}; });
        },
        [&](const Sample &p) { return s.unknown_along(p.dims); },
        // Element by element.
        [&](const auto &) { return s.broadcast(); });
}

} // namespace

std::vector<std::vector<std::optional<ReceptiveField>>> receptive_fields(const Graph &graph) {
    std::vector<Axes> axes;
    std::vector<std::vector<std::optional<ReceptiveField>>> fields;
    for (const Node &node : graph.nodes) {
        Step step = {graph, node, {}};
        for (const NodeId input : node.inputs)
            step.operands.push_back(axes[size_t(input)]);
        axes.push_back(axes_of(step));
        auto &known = fields.emplace_back();
        for (const Axis &axis : axes.back())
            known.push_back(axis.known ? std::optional(axis.field) : std::nullopt);
    }
    return fields;
}

} // namespace cnnc
