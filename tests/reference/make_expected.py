#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Computes what PyTorch makes of every operator: operators.txt (values) beside this file and
# ../graph/shapes.txt (shapes and refusals only). Run it after adding a case; it needs PyTorch and
# ONNX (Debian's python3-torch and python3-onnx), the tests do not.
import itertools
import os
import random
import warnings

import torch
import torch.nn.functional as F

from operator_cases import CASES

warnings.simplefilter("ignore")
HERE = os.path.dirname(os.path.abspath(__file__))


DTYPES = {"f32": torch.float64, "u8": torch.uint8, "i8": torch.int8, "i32": torch.int32,
          "i64": torch.int64, "bool": torch.bool}
RANGES = {"u8": (0, 255), "i8": (-128, 127), "i32": (-20, 20), "i64": (-20, 20), "bool": (0, 1)}


def random_tensor(rng, type, name):
    dtype, shape = type if isinstance(type, tuple) else ("f32", type)
    count = 1
    for extent in shape:
        count *= extent
    if dtype == "f32":
        low = 1 if name == "running_var" else -16
        values = [rng.randint(low, 16) / 8 for _ in range(count)]
    else:
        values = [rng.randint(*RANGES[dtype]) for _ in range(count)]
    return torch.tensor(values, dtype=DTYPES[dtype]).reshape(shape)


def write_tensor(out, kind, tensor, name=None):
    dtype = {torch_type: name for name, torch_type in DTYPES.items()}[tensor.dtype]
    head = kind if name is None else f"{kind} {name}".rstrip()
    print(f"{head} {dtype}{list(tensor.shape)}", file=out)
    number = "%.10g" if dtype == "f32" else "%d"
    print(" ", " ".join(number % v for v in tensor.flatten().tolist()), file=out)


def write_operators(out):
    rng = random.Random(1)
    print("# Written by make_expected.py with PyTorch; do not edit.", file=out)
    for expression, inputs, params, compute in CASES:
        values = {n: random_tensor(rng, s, n) for n, s in inputs.items()}
        weights = {n: random_tensor(rng, s, n) for n, s in params.items()}
        print("\ncase", expression, file=out)
        for name, value in values.items():
            write_tensor(out, "input", value, name)
        for name, value in weights.items():
            write_tensor(out, "param", value, name)
        write_tensor(out, "output", compute(*values.values(), weights))


# --- Shapes of random windows ---------------------------------------------------------------------

def attempt(call):
    try:
        return str(list(call().shape))
    except (RuntimeError, ValueError):
        return "refused"


def text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def write_shapes(out):
    rng = random.Random(2)
    print("# Written by ../reference/make_expected.py with PyTorch; do not edit.", file=out)
    print("# operator and arguments, operand's shape, what PyTorch makes of them", file=out)
    for rank, _ in itertools.product((1, 2, 3), range(60)):
        def dims(low, high):
            return [rng.randint(low, high) for _ in range(rank)]

        # Mostly what fits, with enough beyond that refusals are compared too.
        shape = [rng.randint(1, 2), rng.choice([2, 4, 6])]
        shape += dims(3 if rng.random() < 0.8 else 1, 14)
        x = torch.zeros(shape)
        kernel, stride, dilation = dims(1, 5), dims(1, 4), dims(1, rng.choice([1, 1, 3]))
        padding = [rng.randint(0, k // 2) for k in kernel] if rng.random() < 0.8 else dims(0, 3)
        ceil_mode = rng.random() < 0.5
        groups = rng.choice([1, 1, 2])
        out_channels = groups * rng.choice([1, 3]) + (rng.random() < 0.2)
        weight = lambda: torch.zeros([out_channels, max(shape[1] // groups, 1)] + kernel)
        f = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[rank]
        result = attempt(lambda: f(x, weight(), None, stride, padding, dilation, groups))
        # F.conv2d itself does not check the input's side of groups the way nn.Conv2d does.
        if shape[1] % groups or out_channels % groups:
            result = "refused"
        print(f"conv{rank}d({out_channels}, kernel={kernel}, stride={stride}, padding={padding}, "
              f"dilation={dilation}, groups={groups}) {shape} -> {result}", file=out)
        f = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}[rank]
        result = attempt(lambda: f(x, kernel, stride, padding, dilation, ceil_mode))
        print(f"max_pool{rank}d({kernel}, stride={stride}, padding={padding}, dilation={dilation}, "
              f"ceil_mode={text(ceil_mode)}) {shape} -> {result}", file=out)
        f = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}[rank]
        # PyTorch refuses operands smaller than the kernel in 3-D, padded or not, but not in 1-D and
        # 2-D, nor for max_pool3d; we make no such difference.
        if rank == 3 and any(extent < k for extent, k in zip(shape[2:], kernel)):
            continue
        result = attempt(lambda: f(x, kernel, stride, padding, ceil_mode))
        print(f"avg_pool{rank}d({kernel}, stride={stride}, padding={padding}, "
              f"ceil_mode={text(ceil_mode)}) {shape} -> {result}", file=out)


if __name__ == "__main__":
    with open(os.path.join(HERE, "operators.txt"), "w") as out:
        write_operators(out)
    with open(os.path.join(HERE, "../graph/shapes.txt"), "w") as out:
        write_shapes(out)
