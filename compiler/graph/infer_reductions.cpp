// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The types of operators along dimensions.
#include "compiler/graph/infer.h"

#include <algorithm>

namespace cnnc {

namespace {

// Dimensions become 1, or go.
Shape reduced(Shape shape, const Extents &dims, bool keepdim) {
    for (size_t i = dims.size(); i-- > 0;) {
        if (keepdim) {
            shape[size_t(dims[i])] = 1;
        } else {
            shape.erase(shape.begin() + dims[i]);
        }
    }
    return shape;
}

TypeClass operand_class(ReduceKind kind) {
    switch (kind) {
    case ReduceKind::sum:
    case ReduceKind::amax:
    case ReduceKind::amin:
    case ReduceKind::prod:
    case ReduceKind::sum_square:
        return TypeClass::numbers;
    case ReduceKind::mean:
    case ReduceKind::l1:
    case ReduceKind::l2:
    case ReduceKind::log_sum_exp:
        return TypeClass::f32;
    }
    return TypeClass::f32;
}

} // namespace

Type infer(const Softmax &s, const InferCall &call) {
    const bool good = check_class(call, 0, TypeClass::f32) && check_dim(call, "dim", s.dim);
    return good ? Type(call.operands[0]) : std::nullopt;
}

Type infer(const Reduce &r, const InferCall &call) {
    if (!check_class(call, 0, operand_class(r.kind)) || !check_min_rank(call, 1) ||
        !check_dims(call, "dim", r.dims)) {
        return std::nullopt;
    }
    if (r.dims.empty()) {
        call.bad_argument<diag::no_dims>("dim", "dim", call.name);
        return std::nullopt;
    }
    return call.same_dtype(reduced(call.shape(), r.dims, r.keepdim));
}

Type infer(const ArgReduce &r, const InferCall &call) {
    if (!check_class(call, 0, TypeClass::f32) || !check_dim(call, "dim", r.dim)) {
        return std::nullopt;
    }
    return TensorType{DType::i64, reduced(call.shape(), {r.dim}, r.keepdim)};
}

Type infer(const TopK &t, const InferCall &call) {
    if (!check_class(call, 0, TypeClass::f32) || !check_dim(call, "dim", t.dim) ||
        !check_positive(call, "k", t.k)) {
        return std::nullopt;
    }
    Shape shape = call.shape();
    if (t.k > shape[size_t(t.dim)]) {
        call.note_operand(call.bad_argument<diag::topk_too_many>("k", call.name,
                                                                 shape[size_t(t.dim)], t.dim, t.k));
        return std::nullopt;
    }
    shape[size_t(t.dim)] = t.k;
    return TensorType{t.indices ? DType::i64 : DType::f32, std::move(shape)};
}

} // namespace cnnc
