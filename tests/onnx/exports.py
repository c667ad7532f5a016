#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Exports networks, has ONNX's checker look at the models, and compares ONNX Runtime with cnnc.

    exports.py --cnnc build/cnnc [--npm FOLDER] NETWORK.cnn...

Networks have random weights, or those of a .safetensors file beside them; inputs are random.
Without --npm (a folder with the npm package onnxruntime-node) only the checker runs. Needs numpy
and onnx (python3-onnx).
"""
import argparse
import os
import sys
import tempfile

import numpy as np

try:
    import onnx
except ImportError:
    print("skipped: the onnx package for Python (python3-onnx) is not installed")
    sys.exit(77)

from against_onnxruntime import call, run_cnnc, run_onnxruntime, worst_error

TOLERANCE = 1e-3
NUMPY_TYPES = {onnx.TensorProto.FLOAT: np.float32, onnx.TensorProto.UINT8: np.uint8,
               onnx.TensorProto.INT8: np.int8, onnx.TensorProto.INT32: np.int32,
               onnx.TensorProto.INT64: np.int64, onnx.TensorProto.BOOL: np.bool_}


def random_input(port, generator):
    tensor = port.type.tensor_type
    shape = [d.dim_value for d in tensor.shape.dim]
    dtype = NUMPY_TYPES[tensor.elem_type]
    if dtype == np.float32:
        return generator.standard_normal(shape).astype(dtype)
    return generator.integers(0, 2 if dtype == np.bool_ else 100, shape).astype(dtype)


def compare(network, options):
    weights = ["--random-weights", "1"]
    beside = os.path.splitext(network)[0] + ".safetensors"
    if os.path.exists(beside):
        weights = ["--weights", beside]
    with tempfile.TemporaryDirectory(prefix="cnnc-export-") as folder:
        model = os.path.join(folder, "model.onnx")
        call([options.cnnc, "export", network, *weights, "-o", model])
        proto = onnx.load(model)
        opset = proto.opset_import[0].version
        if opset > onnx.defs.onnx_opset_version():
            checked = f"not checked: operator set {opset} is unknown to this onnx"
        else:
            onnx.checker.check_model(proto, full_check=True)
            checked = "checked"
        if not options.npm:
            return checked, True
        generator = np.random.default_rng(1)
        inputs = [random_input(port, generator) for port in proto.graph.input]
        ours = run_cnnc(options.cnnc, network, weights, inputs, folder)
        theirs = run_onnxruntime(options.npm, model, inputs, folder)
    error = worst_error(ours, theirs)
    return f"{error:.1e}, {checked}", error <= TOLERANCE


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--cnnc", default="build/cnnc")
    parser.add_argument("--npm")
    options = parser.parse_args()
    options.cnnc = os.path.abspath(options.cnnc)
    print("| network | worst difference |\n|---|---|", flush=True)
    all_good = True
    for network in options.networks:
        try:
            text, good = compare(network, options)
        except (RuntimeError, onnx.checker.ValidationError) as why:
            text, good = f"FAILED: {why}", False
        print(f"| {os.path.basename(network)} | {text} |", flush=True)
        all_good &= good
    return 0 if all_good else 1


if __name__ == "__main__":
    sys.exit(main())
