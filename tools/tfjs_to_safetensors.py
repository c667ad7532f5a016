#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Weights of a TensorFlow.js layers model as safetensors, in PyTorch's order and names.

    tools/tfjs_to_safetensors.py MODEL.json OUT.safetensors

`NAME/kernel` of a convolution [H, W, in, out] becomes `NAME.weight` [out, in, H, W], a dense one
[in, out] is transposed, `NAME/bias` becomes `NAME.bias`. Only float32 weights are read (not the
quantized ones). Needs nothing but Python's standard library.
"""
import array
import json
import os
import struct
import sys


def transposed(values, shape, order):
    """Row-major `values` of `shape`, rearranged: dimension d of the result is order[d]."""
    strides = [1] * len(shape)
    for d in range(len(shape) - 2, -1, -1):
        strides[d] = strides[d + 1] * shape[d + 1]
    offsets = [0]
    for d in order:
        offsets = [o + i * strides[d] for o in offsets for i in range(shape[d])]
    result = array.array("f", (values[o] for o in offsets))
    return result, [shape[d] for d in order]


def read_model(path):
    """Name, shape and values of every weight, in the order of the manifest."""
    with open(path, encoding="utf-8") as file:
        manifest = json.load(file)["weightsManifest"]
    for group in manifest:
        data = b""
        for shard in group["paths"]:
            with open(os.path.join(os.path.dirname(path), shard), "rb") as file:
                data += file.read()
        at = 0
        for weight in group["weights"]:
            if weight["dtype"] != "float32" or "quantization" in weight:
                sys.exit(f"{path}: {weight['name']} is not plain float32")
            count = 1
            for extent in weight["shape"]:
                count *= extent
            values = array.array("f")
            values.frombytes(data[at:at + 4 * count])
            at += 4 * count
            yield weight["name"], weight["shape"], values
        if at != len(data):
            sys.exit(f"{path}: {len(data) - at} bytes belong to no weight")


def to_pytorch(name, shape, values):
    layer, role = name.rsplit("/", 1)
    if role == "kernel" and len(shape) == 4:
        values, shape = transposed(values, shape, [3, 2, 0, 1])
    elif role == "kernel" and len(shape) == 2:
        values, shape = transposed(values, shape, [1, 0])
    return f"{layer}.{'weight' if role == 'kernel' else role}", shape, values


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, shape, values in tensors:
        begin = len(data)
        data += values.tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    write_safetensors(sys.argv[2], [to_pytorch(*weight) for weight in read_model(sys.argv[1])])


if __name__ == "__main__":
    main()
