// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/lower/tensors.h"

namespace cnnc {

using Halide::Expr;

namespace {

void fix_dimension(Halide::Internal::Dimension dim, int64_t extent, int64_t stride) {
    dim.set_bounds(0, int32_t(extent));
    dim.set_stride(int32_t(stride));
}

} // namespace

Expr Image::operator()(const std::vector<Expr> &at) const {
    Expr element = param(at);
    return dtype == DType::boolean ? element != Expr(uint8_t(0)) : element;
}

Image image(const std::string &name, DType dtype, const std::vector<int64_t> &extents,
            const std::vector<int64_t> &strides) {
    Halide::Type type = dtype == DType::boolean ? Halide::UInt(8) : value_type(dtype);
    Halide::ImageParam param(type, int(extents.size()), name);
    for (size_t i = 0; i < extents.size(); ++i)
        fix_dimension(param.dim(int(i)), extents[i], strides[i]);
    return {param, dtype};
}

Halide::ImageParam packed_image(const std::string &name, const std::vector<int64_t> &extents) {
    std::vector<int64_t> strides;
    int64_t stride = 1;
    for (int64_t e : extents) {
        strides.push_back(stride);
        stride *= e;
    }
    Halide::ImageParam param = image(name, DType::f32, extents, strides).param;
    param.set_host_alignment(64);
    return param;
}

Expr stored(const Expr &value) {
    return value.type().is_bool() ? Halide::cast<uint8_t>(value) : value;
}

void fix_output(Halide::Func output, const std::vector<Halide::Var> &vars,
                const std::vector<int64_t> &extents, const std::vector<int64_t> &strides) {
    for (size_t i = 0; i < vars.size(); ++i) {
        fix_dimension(output.output_buffer().dim(int(i)), extents[i], strides[i]);
        output.bound(vars[i], 0, int32_t(extents[i]));
    }
}

} // namespace cnnc
