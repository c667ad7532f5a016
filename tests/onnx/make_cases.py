#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes tests/onnx/cases: ONNX's own operator cases, of each operator a few small ones.

    make_cases.py [FOLDER]

Needs Debian's python3-onnx. A case is one file: the model, of which all inputs but the first are
initializers, as networks have them; the first input's value and the expected outputs are
initializers that no node reads, named `given:NAME` and `expected:NAME`. The files are the seeds of
the importer's fuzzer too.
"""
import os
import sys

import numpy as np

# The package of Debian 12 was written for an older numpy, which had these names.
for alias, kind in (("float", float), ("int", int), ("bool", bool), ("object", object)):
    if alias not in np.__dict__:
        setattr(np, alias, kind)

from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

LARGEST = 2500  # bytes of a file
PER_OPERATOR = 7

# Operators that cnnc imports.
OPERATORS = """
Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast CastLike Ceil Celu Clip Concat
Constant ConstantOfShape Conv ConvTranspose Cos DepthToSpace Div Dropout Einsum Elu Equal Erf Exp
Expand EyeLike Flatten Floor Gather Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual
HardSigmoid HardSwish Hardmax Identity If InstanceNormalization IsInf IsNaN LRN LayerNormalization
LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max MaxPool Mean MeanVarianceNormalization Min Mod
Mul Neg Not OneHot Or PRelu Pad Pow Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum
ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape
Resize Round Selu Shape Shrink Sigmoid Sign Sin Sinh Cosh Size Slice Softmax Softplus Softsign
SpaceToDepth Split Sqrt Squeeze Sub Sum Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze
Upsample Where Xor Acosh Asinh Atanh
""".split()

# Operators of which every input has to be known.
ALL_KNOWN = {"ConstantOfShape", "If", "Range"}

LEFT_OUT = {
    # ONNX Runtime computes them as cnnc does: extents are rounded before corners are aligned.
    "test_resize_downsample_scales_cubic_align_corners",
    "test_resize_downsample_scales_linear_align_corners",
    # cnnc does not support pooling's indices.
    "test_maxpool_with_argmax_2d_precomputed_pads",
    "test_maxpool_with_argmax_2d_precomputed_strides",
}


def is_plain(values):
    return all(isinstance(x, (np.ndarray, np.generic)) for x in values) and all(
        np.asarray(x).dtype in (np.float32, np.int32, np.int64, np.uint8, np.int8, bool)
        and np.asarray(x).size > 0 for x in values)


def one_file(case):
    """The case's bytes, or nothing if it does not fit the form."""
    inputs, outputs = case.data_sets[0]
    if not is_plain(inputs[:1]) or not is_plain(outputs):
        return None
    graph = case.model.graph
    given = 0 if graph.node[0].op_type in ALL_KNOWN else 1
    for i, value in enumerate(inputs):
        name = graph.input[i].name if i >= given else "given:" + graph.input[i].name
        graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    for info, value in zip(graph.output, outputs):
        graph.initializer.append(numpy_helper.from_array(np.asarray(value), "expected:" + info.name))
    del graph.input[given:]
    graph.name = "case"
    return case.model.SerializeToString()


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "cases")
    os.makedirs(folder, exist_ok=True)
    for old in os.listdir(folder):
        os.remove(os.path.join(folder, old))
    kept = {}
    try:
        cases = collect_testcases(None)
    except TypeError:
        cases = collect_testcases()
    for case in sorted(cases, key=lambda case: case.name):
        nodes = case.model.graph.node
        op = nodes[0].op_type
        training = "training" in case.name
        if len(nodes) != 1 or op not in OPERATORS or case.name in LEFT_OUT or training:
            continue
        data = one_file(case)
        if data is None or len(data) > LARGEST:
            continue
        kept.setdefault(op, []).append((case.name.replace("test_", "", 1), data))
    for op, found in kept.items():
        step = max(1, -(-len(found) // PER_OPERATOR))  # spread over their alphabet
        for name, data in found[::step]:
            with open(os.path.join(folder, name + ".onnx"), "wb") as file:
                file.write(data)
    for op in OPERATORS:
        if op not in kept:
            print("no small case of", op)


main()
