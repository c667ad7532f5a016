// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Computing an operator when importing, where all its operands are known: what the reference
// interpreter says, rounded to the result's type at every step, as the model's own run time would.
#pragma once

#include "compiler/onnx/content.h"

namespace cnnc {

// Elements that may still be computed in one import, so that a small file cannot ask for much.
struct FoldBudget {
    int64_t elements = int64_t(1) << 24;
    int64_t moved = int64_t(1) << 31; // by permuting alone, which is what large weights need
};

// The result, or nothing: not an operator for this, or too much work. `type` is what infer_type
// says.
std::optional<TensorData> fold(const Op &op, const std::vector<const TensorData *> &operands,
                               const TensorType &type, FoldBudget &budget);

} // namespace cnnc
