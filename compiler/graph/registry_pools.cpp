// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The rows of poolings.
#include "compiler/graph/registry_rows.h"

namespace cnnc {

namespace {

// Names of operators that exist per spatial rank, for rank 1 first.
constexpr std::string_view max_pool_names[] = {"max_pool1d", "max_pool2d", "max_pool3d"};
constexpr std::string_view avg_pool_names[] = {"avg_pool1d", "avg_pool2d", "avg_pool3d"};
constexpr std::string_view global_avg_pool_names[] = {"global_avg_pool1d", "global_avg_pool2d",
                                                      "global_avg_pool3d"};
constexpr std::string_view global_max_pool_names[] = {"global_max_pool1d", "global_max_pool2d",
                                                      "global_max_pool3d"};
constexpr std::string_view adaptive_avg_pool_names[] = {
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"};
constexpr std::string_view adaptive_max_pool_names[] = {
    "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d"};

ArgSpec kernel_arg() {
    return {"kernel", ArgKind::dims, {}, "extents of the window"};
}
ArgSpec stride_arg() {
    return {"stride", ArgKind::dims, {}, "step of the window", "kernel"};
}
ArgSpec padding_arg() {
    return {"padding", ArgKind::padding, integer(0),
            "border on each side, or [before, after] per dimension"};
}
ArgSpec ceil_mode_arg() {
    return {"ceil_mode", ArgKind::boolean, boolean(false),
            "round the output's extents up instead of down"};
}

OpSpec max_pool_row(size_t rank) {
    return unary_row(
        max_pool_names[rank - 1],
        {kernel_arg(),
         stride_arg(),
         padding_arg(),
         {"dilation", ArgKind::dims, integer(1), "distance between elements of the window"},
         ceil_mode_arg()},
        "Maximum of each window; padding never wins.", [rank](Arguments &a, const Operands &) {
            MaxPool p;
            p.kernel = a.dims("kernel", rank);
            p.stride = a.dims("stride", rank, p.kernel);
            p.dilation = a.dims("dilation", rank);
            Arguments::Padding padding = a.padding(p.kernel, p.stride, p.dilation);
            p.pad_lo = std::move(padding.lo);
            p.pad_hi = std::move(padding.hi);
            p.ceil_mode = a.boolean("ceil_mode");
            return p;
        });
}

OpSpec avg_pool_row(size_t rank) {
    return unary_row(avg_pool_names[rank - 1],
                     {kernel_arg(),
                      stride_arg(),
                      padding_arg(),
                      ceil_mode_arg(),
                      {"count_include_pad", ArgKind::boolean, boolean(true),
                       "whether padding counts in the mean, as zeros"}},
                     "Mean of each window.", [rank](Arguments &a, const Operands &) {
                         AvgPool p;
                         p.kernel = a.dims("kernel", rank);
                         p.stride = a.dims("stride", rank, p.kernel);
                         const std::vector<int64_t> no_dilation(rank, 1);
                         Arguments::Padding padding = a.padding(p.kernel, p.stride, no_dilation);
                         p.pad_lo = std::move(padding.lo);
                         p.pad_hi = std::move(padding.hi);
                         p.ceil_mode = a.boolean("ceil_mode");
                         p.count_include_pad = a.boolean("count_include_pad");
                         return p;
                     });
}

template <class Pool>
OpSpec global_pool_row(std::string_view name, std::string_view doc, size_t rank) {
    return unary_row(name, {}, doc, [rank](Arguments &a, const Operands &operands) {
        a.check_spatial_rank(rank, operands);
        return Pool{};
    });
}

template <class Pool>
OpSpec adaptive_pool_row(std::string_view name, std::string_view doc, size_t rank) {
    return unary_row(
        name, {{"output_size", ArgKind::dims, {}, "spatial extents of the result"}}, doc,
        [rank](Arguments &a, const Operands &) { return Pool{a.dims("output_size", rank)}; });
}

} // namespace

void add_pools(Rows &rows) {
    for (size_t rank = 1; rank <= 3; ++rank) {
        rows.push_back(max_pool_row(rank));
    }
    for (size_t rank = 1; rank <= 3; ++rank) {
        rows.push_back(avg_pool_row(rank));
    }
    for (size_t rank = 1; rank <= 3; ++rank) {
        rows.push_back(global_pool_row<GlobalAvgPool>(
            global_avg_pool_names[rank - 1],
            "Mean over all spatial dimensions, which stay as extents of 1.", rank));
    }
    for (size_t rank = 1; rank <= 3; ++rank) {
        rows.push_back(global_pool_row<GlobalMaxPool>(
            global_max_pool_names[rank - 1],
            "Maximum over all spatial dimensions, which stay as extents of 1.", rank));
    }
    for (size_t rank = 1; rank <= 3; ++rank) {
        rows.push_back(adaptive_pool_row<AdaptiveAvgPool>(
            adaptive_avg_pool_names[rank - 1],
            "Mean of as many windows as the result has elements, which share the operand evenly.",
            rank));
    }
    for (size_t rank = 1; rank <= 3; ++rank) {
        rows.push_back(adaptive_pool_row<AdaptiveMaxPool>(
            adaptive_max_pool_names[rank - 1],
            "Maximum of as many windows as the result has elements, which share the operand "
            "evenly.",
            rank));
    }
}

} // namespace cnnc
