// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A workload: what one kernel has to compute, as a value. It says nothing about where the tensors
// come from or how the loops run; it keys kernel deduplication, the kernel cache, tuning records
// and the tests' generators.
//
// A kernel is an anchor operator followed by element-by-element steps on its result (the
// epilogue). Normal forms, made by form_kernels() and checked by valid_workload():
// - Anchor is one of Conv, Linear, MatMul, MaxPool, AvgPool, Softmax, Reduce, ArgReduce, TopK,
//   Sample, or Unary{identity}: a pointwise kernel, whose first epilogue step does the work (none:
//   a copy).
// - Conv and pools are 2-D or 3-D: a 1-D one has become 2-D with H = 1.
// - Linear reads [rows, features...]: every dimension behind the first is a feature dimension, and
//   weight column f belongs to the f-th element of them in row-major order of the *shape*; the
//   strides may order memory otherwise (a flattened NHWC tensor). It writes [rows, out_features].
// - MatMul's operands have the output's rank; a batch dimension that was broadcast has the output's
//   extent and stride 0. Any strides will do; the product is fastest where B has unit stride along
//   N (else each panel of B is transposed when it is staged).
// - Reduce and ArgReduce keep their dimensions (keepdim).
// - A pointwise kernel's anchor operand has the output's shape; where it was broadcast to that, its
//   stride is 0. Only Conv, Linear and pools need operands whose elements lie apart.
// - Anchor operands come first in `inputs` (anchor_operands() of them: two for MatMul; for Sample
//   x, then per dimension its index table and, for a weighted sum, its weight table, dense
//   row-major; otherwise one), then the epilogue's operands in the order of the steps and their
//   operands.
// - An epilogue operand's shape broadcasts to the output's, has the output's rank (padded with
//   leading 1s) and stride 0 in every broadcast dimension.
// - Weight and bias (Conv, Linear) are no inputs: the kernel takes them packed, behind the inputs.
// - Element types are f32, u8, i8, i32, i64 and bool (a byte, 0 or 1). Conv, Linear, MatMul, pools
//   and Softmax are f32. The value an anchor makes has the type its operator says (anchor_dtype);
//   each step's result has the type infer_type says (step_dtype); the last is the output's. All
//   operands of a step but the value so far come from inputs or are scalars, which have the type
//   the step needs (step_operand_dtype; f32 where both of a Where's are scalars).
#pragma once

#include "compiler/graph/ops.h"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace cnnc {

// How a tensor lies in memory: shape in PyTorch's order, and each dimension's stride in elements.
struct TensorView {
    DType dtype = DType::f32;
    Shape shape;
    std::vector<int64_t> strides;

    bool operator==(const TensorView &o) const {
        return dtype == o.dtype && shape == o.shape && strides == o.strides;
    }
};

// Dense strides with channels innermost ([N, C, spatial...] stored N, spatial..., C), and dense
// row-major strides.
TensorView channels_last(DType dtype, const Shape &shape);
TensorView row_major(DType dtype, const Shape &shape);
// True when no two elements share a place and the elements fill one block without gaps.
bool is_dense(const TensorView &view);

// One element-by-element step of an epilogue: an operator of which one operand is the value so far
// (`v`) and the others, in their order, are these.
struct StepOperand {
    int input = -1; // index into Workload::inputs; -1: `scalar`
    double scalar = 0;
};
struct EpilogueStep {
    std::variant<Unary, Binary, Where, Cast> op;
    std::vector<StepOperand> operands; // none, one (Binary) or two (Where)
    int position = 0;                  // of v among the operator's operands
};

struct Workload {
    Op anchor;
    std::vector<TensorView> inputs;
    std::vector<EpilogueStep> epilogue;
    TensorView output;

    bool operator==(const Workload &o) const;
};

// The canonical one-line text; equal workloads and only they have equal text:
//   conv2d(64, kernel=[3, 3], stride=[1, 1], padding=[[1, 1], [1, 1]], dilation=[1, 1], groups=1,
//     bias=true) f32[1, 64, 56, 56] -> add(f32[1, 64, 56, 56]) -> relu -> f32[1, 64, 56, 56]
// Several operands of an anchor stand side by side (matmul f32[...], f32[...]). A step whose first
// operand is not the value so far names it: sub(1.0, v), where(bool[...], v, 0.0). Layouts print
// behind a shape only where they are not channels-last dense: `@nchw` for row-major dense, `@[s0,
// s1, ...]` (strides) otherwise.
std::string workload_text(const Workload &workload);
// Reads the text back (tuning records, the command line); nothing if it is no workload.
std::optional<Workload> parse_workload(std::string_view text);

// Why this is no valid workload, or "" when it is.
std::string workload_problem(const Workload &workload);

// How many of the inputs are the anchor's.
size_t anchor_operands(const Op &anchor);

// Element types: of the value the anchor makes; of a step's i-th operand, where the value so far
// has type `v`; and of the step's result, or nothing where it cannot work on these.
DType anchor_dtype(const Workload &workload);
DType step_operand_dtype(const EpilogueStep &step, size_t i, const Workload &workload, DType v);
std::optional<DType> step_dtype(const EpilogueStep &step, const Workload &workload, DType v);

// Weight and bias types of the anchor in PyTorch's order; nothing where it has none.
std::optional<TensorType> workload_weight(const Workload &workload);
std::optional<TensorType> workload_bias(const Workload &workload);
// Multiply-adds of the anchor (convolution, linear layers and matrix products).
int64_t workload_macs(const Workload &workload);
// Bytes read and written at least once: inputs, weights and output.
int64_t workload_bytes(const Workload &workload);

} // namespace cnnc
