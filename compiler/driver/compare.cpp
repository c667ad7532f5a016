// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Errors of floats, and exact comparison of integers.
#include "compiler/driver/compare.h"

#include "compiler/driver/tensors.h"
#include "compiler/reference/interpret.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace cnnc {
namespace {

Shape position_of(int64_t element, const Shape &shape) {
    Shape position(shape.size());
    for (size_t d = shape.size(); d-- > 0;) {
        position[d] = element % shape[d];
        element /= shape[d];
    }
    return position;
}

bool only_neighbours(const Difference &difference) {
    return difference.type.dtype != DType::boolean && difference.max <= 1 &&
           difference.unequal <= (element_count(difference.type.shape) + 99) / 100;
}

std::string unequal_text(const Difference &difference) {
    return fmt::format("{} of {}", difference.unequal, element_count(difference.type.shape));
}

bool only_moves_elements(const Op &op) {
    return match(
        op, [](const Concat &) { return true; }, [](const Slice &) { return true; },
        [](const Permute &) { return true; }, [](const Flatten &) { return true; },
        [](const Reshape &) { return true; }, [](const Expand &) { return true; },
        [](const Tile &) { return true; }, [](const Pad &) { return true; },
        [](const PixelShuffle &) { return true; }, [](const PixelUnshuffle &) { return true; },
        [](const ChannelShuffle &) { return true; }, [](const IndexSelect &) { return true; },
        [](const Unary &u) {
            return u.kind == UnaryKind::identity || u.kind == UnaryKind::clamp ||
                   u.kind == UnaryKind::relu;
        },
        [](const Cast &) { return true; }, [](const auto &) { return false; });
}

} // namespace

Difference compare(const TensorData &actual, const std::vector<double> &expected) {
    Difference difference;
    difference.type = actual.type;
    const std::vector<double> values = to_double(actual).values;
    double squares = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
        const double error = std::abs(values[i] - expected[i]);
        difference.finite &= std::isfinite(values[i]) && std::isfinite(expected[i]);
        difference.max = std::max(difference.max, error);
        difference.scale = std::max(difference.scale, std::abs(expected[i]));
        squares += error * error;
        if (values[i] == expected[i])
            continue;
        if (difference.unequal++ == 0) {
            difference.first = int64_t(i);
            difference.first_actual = values[i];
            difference.first_expected = expected[i];
        }
    }
    difference.rms = std::sqrt(squares / double(std::max<size_t>(1, expected.size())));
    if (!is_integer(actual.type.dtype) && difference.scale > 0) {
        difference.max /= difference.scale;
        difference.rms /= difference.scale;
    }
    return difference;
}

bool within(const Difference &difference, const Tolerance &tolerance) {
    if (is_integer(difference.type.dtype))
        return difference.unequal == 0 || (tolerance.rounded && only_neighbours(difference));
    return difference.finite && difference.max <= tolerance.relative;
}

std::string verdict(const Difference &difference, const Tolerance &tolerance) {
    const bool good = within(difference, tolerance);
    if (is_integer(difference.type.dtype)) {
        if (difference.unequal == 0)
            return "ok";
        if (good)
            return fmt::format("ok ({} rounded to a neighbour)", unequal_text(difference));
        const Shape position = position_of(difference.first, difference.type.shape);
        return fmt::format("{} DIFFER, the first at [{}]: {:.17g}, not {:.17g}",
                           unequal_text(difference), fmt::join(position, ", "),
                           difference.first_actual, difference.first_expected);
    }
    if (!difference.finite)
        return "NOT FINITE";
    return good ? "ok" : "TOO FAR OFF";
}

bool is_rounded(const Graph &graph, NodeId node) {
    if (!is_integer(graph[node].type.dtype) || graph[node].type.dtype == DType::boolean)
        return false;
    // Operands have smaller ids, so each node is met after all that read it.
    std::vector<bool> reached(size_t(node) + 1);
    reached[size_t(node)] = true;
    for (NodeId id = node; id >= 0; --id) {
        const Node &at = graph[id];
        if (!reached[size_t(id)] || !only_moves_elements(at.op))
            continue;
        for (const NodeId input : at.inputs) {
            const DType dtype = graph[input].type.dtype;
            if (std::holds_alternative<Cast>(at.op) && dtype == DType::f32)
                return true;
            reached[size_t(input)] = true;
        }
    }
    return false;
}

} // namespace cnnc
