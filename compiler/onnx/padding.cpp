// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Padding by ONNX's rules.
#include "compiler/onnx/padding.h"

#include <algorithm>

namespace cnnc {
namespace {

// What makes the output's extent the input's divided by the stride, rounded up.
int64_t total_padding(int64_t extent, int64_t kernel, int64_t stride, int64_t dilation) {
    int64_t outputs = (extent + stride - 1) / stride;
    return std::max<int64_t>(0, (outputs - 1) * stride + dilation * (kernel - 1) + 1 - extent);
}

} // namespace

std::optional<Padding> read_padding(OnnxNode &node, const Shape &shape, const Window &window) {
    size_t spatial = shape.size() - 2;
    std::string how = node.text("auto_pad", "NOTSET");
    if (how.empty() || how == "NOTSET") {
        std::vector<int64_t> pads = node.extents("pads", 2 * spatial, 0);
        auto middle = pads.begin() + std::ptrdiff_t(spatial);
        if (node.failed())
            return std::nullopt;
        return Padding{{pads.begin(), middle}, {middle, pads.end()}};
    }
    Padding padding{std::vector<int64_t>(spatial, 0), std::vector<int64_t>(spatial, 0)};
    if (how == "VALID")
        return padding;
    if (how != "SAME_UPPER" && how != "SAME_LOWER")
        return node.fail<diag::onnx_attribute_value>("auto_pad", node.op_type(), brief(how));
    for (size_t d = 0; d < spatial; ++d) {
        // The operator's own check of its attributes comes later.
        int64_t least = std::min({window.kernel[d], window.stride[d], window.dilation[d]});
        if (least < 1 || window.kernel[d] > INT32_MAX)
            return node.fail<diag::onnx_attribute_value>(
                "auto_pad", node.op_type(),
                fmt::format("{} with windows of {}", how, shape_text(window.kernel)));
        int64_t total =
            total_padding(shape[d + 2], window.kernel[d], window.stride[d], window.dilation[d]);
        padding.lo[d] = how == "SAME_UPPER" ? total / 2 : total - total / 2;
        padding.hi[d] = total - padding.lo[d];
    }
    return padding;
}

} // namespace cnnc
