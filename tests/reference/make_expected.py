#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Computes what PyTorch makes of every operator: operators.txt (values) beside this file and
# ../graph/shapes.txt (shapes and refusals only). Run it after adding a case; it needs PyTorch
# (Debian's python3-torch), the tests do not.
import itertools
import os
import random
import warnings

import torch
import torch.nn.functional as F

warnings.simplefilter("ignore")
HERE = os.path.dirname(os.path.abspath(__file__))


# --- Values: (expression of x, y and w(eights), shapes, the same in PyTorch) ---------------------

def conv(x, p, **kw):
    f = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}[x.dim()]
    return f(x, p["weight"], p.get("bias"), **kw)


def norm(x, p, eps=1e-5):
    return F.batch_norm(x, p["running_mean"], p["running_var"], p.get("weight"), p.get("bias"),
                        eps=eps)


def padded_mean(x, kernel, stride, pads):
    """Average pooling with any padding that does not count."""
    ones = F.pad(torch.ones_like(x), pads)
    f = {3: F.avg_pool1d, 4: F.avg_pool2d, 5: F.avg_pool3d}[x.dim()]
    return f(F.pad(x, pads), kernel, stride) / f(ones, kernel, stride)


STATS = {"running_mean": [4], "running_var": [4]}
NORM = {"weight": [4], "bias": [4], **STATS}

CASES = [
    # Convolutions: each rank, padding of every kind, groups, odd attributes.
    ("conv1d(x, 3, 3)", {"x": [2, 2, 7]}, {"weight": [3, 2, 3], "bias": [3]}, conv),
    ("conv1d(x, 2, 4, stride=3, padding=2, dilation=2, bias=false)", {"x": [1, 3, 11]},
     {"weight": [2, 3, 4]}, lambda x, p: conv(x, p, stride=3, padding=2, dilation=2)),
    ("conv1d(x, 4, 4, padding=same, groups=2)", {"x": [1, 4, 6]},
     {"weight": [4, 2, 4], "bias": [4]}, lambda x, p: conv(x, p, padding="same", groups=2)),
    ("conv2d(x, 4, kernel=3, padding=1)", {"x": [1, 3, 5, 6]},
     {"weight": [4, 3, 3, 3], "bias": [4]}, lambda x, p: conv(x, p, padding=1)),
    ("conv2d(x, 9, kernel=[3, 2], stride=[2, 1], padding=[2, 0], bias=false)", {"x": [2, 2, 6, 5]},
     {"weight": [9, 2, 3, 2]}, lambda x, p: conv(x, p, stride=(2, 1), padding=(2, 0))),
    ("conv2d(x, 2, kernel=[2, 3], padding=[[1, 0], [0, 2]])", {"x": [1, 2, 4, 5]},
     {"weight": [2, 2, 2, 3], "bias": [2]}, lambda x, p: conv(F.pad(x, (0, 2, 1, 0)), p)),
    ("conv2d(x, 2, kernel=[2, 3], dilation=[3, 2], padding=same)", {"x": [1, 1, 5, 5]},
     {"weight": [2, 1, 2, 3], "bias": [2]},
     lambda x, p: conv(x, p, dilation=(3, 2), padding="same")),
    ("conv2d(x, 2, kernel=3, padding=valid)", {"x": [1, 1, 4, 4]},
     {"weight": [2, 1, 3, 3], "bias": [2]}, lambda x, p: conv(x, p, padding="valid")),
    ("conv2d(x, 6, kernel=3, groups=3, stride=2, padding=1)", {"x": [1, 3, 5, 5]},
     {"weight": [6, 1, 3, 3], "bias": [6]}, lambda x, p: conv(x, p, groups=3, stride=2, padding=1)),
    ("conv2d(x, 18, kernel=1, groups=2)", {"x": [1, 4, 2, 3]},
     {"weight": [18, 2, 1, 1], "bias": [18]}, lambda x, p: conv(x, p, groups=2)),
    ("conv2d(x, 2, kernel=5, padding=4)", {"x": [1, 1, 2, 1]},
     {"weight": [2, 1, 5, 5], "bias": [2]}, lambda x, p: conv(x, p, padding=4)),
    ("conv3d(x, 2, kernel=[1, 2, 3], stride=[2, 1, 2], padding=[0, 1, 1])", {"x": [1, 2, 3, 3, 4]},
     {"weight": [2, 2, 1, 2, 3], "bias": [2]},
     lambda x, p: conv(x, p, stride=(2, 1, 2), padding=(0, 1, 1))),
    ("conv3d(x, 4, kernel=2, groups=4, dilation=[2, 1, 1], padding=same)", {"x": [2, 4, 2, 2, 3]},
     {"weight": [4, 1, 2, 2, 2], "bias": [4]},
     lambda x, p: conv(x, p, groups=4, dilation=(2, 1, 1), padding="same")),
    # Other layers with weights.
    ("linear(x, 3)", {"x": [2, 5]}, {"weight": [3, 5], "bias": [3]},
     lambda x, p: F.linear(x, p["weight"], p["bias"])),
    ("linear(x, 11, bias=false)", {"x": [2, 3, 4]}, {"weight": [11, 4]},
     lambda x, p: F.linear(x, p["weight"])),
    ("linear(x, 2)", {"x": [6]}, {"weight": [2, 6], "bias": [2]},
     lambda x, p: F.linear(x, p["weight"], p["bias"])),
    ("batch_norm(x)", {"x": [2, 4, 3, 2]}, NORM, norm),
    ("batch_norm(x, eps=0.125)", {"x": [1, 4, 5]}, NORM, lambda x, p: norm(x, p, 0.125)),
    ("batch_norm(x, affine=false)", {"x": [3, 4]}, STATS, norm),
    ("batch_norm(x)", {"x": [1, 4, 2, 1, 3]}, NORM, norm),
    # Pooling.
    ("max_pool1d(x, 3)", {"x": [2, 2, 8]}, {}, lambda x, p: F.max_pool1d(x, 3)),
    ("max_pool2d(x, 3, stride=2, padding=1)", {"x": [1, 2, 6, 7]}, {},
     lambda x, p: F.max_pool2d(x, 3, 2, 1)),
    ("max_pool2d(x, [2, 3], stride=[1, 2], padding=[1, 0], dilation=[2, 1], ceil_mode=true)",
     {"x": [1, 2, 5, 6]}, {}, lambda x, p: F.max_pool2d(x, (2, 3), (1, 2), (1, 0), (2, 1), True)),
    ("max_pool2d(x, 3, stride=2, padding=[[0, 1], [1, 0]])", {"x": [1, 1, 4, 4]}, {},
     lambda x, p: F.max_pool2d(F.pad(x, (1, 0, 0, 1), value=-float("inf")), 3, 2)),
    ("max_pool2d(x, 2, ceil_mode=true)", {"x": [1, 1, 3, 5]}, {},
     lambda x, p: F.max_pool2d(x, 2, ceil_mode=True)),
    ("max_pool3d(x, 2, stride=[1, 2, 1], padding=[1, 0, 1])", {"x": [1, 2, 2, 4, 3]}, {},
     lambda x, p: F.max_pool3d(x, 2, (1, 2, 1), (1, 0, 1))),
    ("avg_pool1d(x, 4, stride=3, padding=2)", {"x": [1, 2, 7]}, {},
     lambda x, p: F.avg_pool1d(x, 4, 3, 2)),
    ("avg_pool2d(x, 3, stride=2, padding=1)", {"x": [1, 2, 5, 6]}, {},
     lambda x, p: F.avg_pool2d(x, 3, 2, 1)),
    ("avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=false)", {"x": [1, 1, 5, 6]}, {},
     lambda x, p: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)),
    ("avg_pool2d(x, 3, stride=2, padding=1, ceil_mode=true)", {"x": [1, 2, 6, 4]}, {},
     lambda x, p: F.avg_pool2d(x, 3, 2, 1, True)),
    ("avg_pool2d(x, [3, 2], stride=[2, 3], ceil_mode=true, count_include_pad=false)",
     {"x": [1, 1, 6, 6]}, {},
     lambda x, p: F.avg_pool2d(x, (3, 2), (2, 3), 0, True, count_include_pad=False)),
    ("avg_pool2d(x, [2, 3], stride=[1, 2], padding=[[0, 1], [1, 0]])", {"x": [1, 1, 4, 4]}, {},
     lambda x, p: F.avg_pool2d(F.pad(x, (1, 0, 0, 1)), (2, 3), (1, 2))),
    ("avg_pool2d(x, [2, 3], stride=[1, 2], padding=[[0, 1], [1, 0]], count_include_pad=false)",
     {"x": [1, 1, 4, 4]}, {}, lambda x, p: padded_mean(x, (2, 3), (1, 2), (1, 0, 0, 1))),
    ("avg_pool3d(x, [2, 1, 3], stride=2, padding=[1, 0, 1], ceil_mode=true)",
     {"x": [1, 1, 3, 2, 4]}, {}, lambda x, p: F.avg_pool3d(x, (2, 1, 3), 2, (1, 0, 1), True)),
    ("global_avg_pool1d(x)", {"x": [2, 2, 5]}, {}, lambda x, p: F.adaptive_avg_pool1d(x, 1)),
    ("global_avg_pool2d(x)", {"x": [2, 3, 2, 3]}, {}, lambda x, p: F.adaptive_avg_pool2d(x, 1)),
    ("global_avg_pool3d(x)", {"x": [1, 2, 2, 1, 3]}, {}, lambda x, p: F.adaptive_avg_pool3d(x, 1)),
    # Element by element. Small integers in x hit the corners exactly.
    ("identity(x)", {"x": [5]}, {}, lambda x, p: x),
    ("dropout(x)", {"x": [5]}, {}, lambda x, p: F.dropout(x, 0.5, False)),
    ("relu(x)", {"x": [2, 9]}, {}, lambda x, p: F.relu(x)),
    ("relu6(3 * x)", {"x": [2, 9]}, {}, lambda x, p: F.relu6(3 * x)),
    ("clamp(x, -0.5, 0.75)", {"x": [2, 9]}, {}, lambda x, p: torch.clamp(x, -0.5, 0.75)),
    ("clamp(x, max=0.25)", {"x": [9]}, {}, lambda x, p: torch.clamp(x, max=0.25)),
    ("clamp(x, min=-1)", {"x": [9]}, {}, lambda x, p: torch.clamp(x, min=-1)),
    ("leaky_relu(x)", {"x": [9]}, {}, lambda x, p: F.leaky_relu(x)),
    ("leaky_relu(x, negative_slope=0.25)", {"x": [9]}, {}, lambda x, p: F.leaky_relu(x, 0.25)),
    ("sigmoid(8 * x)", {"x": [2, 9]}, {}, lambda x, p: torch.sigmoid(8 * x)),
    ("tanh(x)", {"x": [2, 9]}, {}, lambda x, p: torch.tanh(x)),
    ("silu(4 * x)", {"x": [2, 9]}, {}, lambda x, p: F.silu(4 * x)),
    ("hard_swish(4 * x)", {"x": [2, 9]}, {}, lambda x, p: F.hardswish(4 * x)),
    ("softmax(x)", {"x": [2, 5]}, {}, lambda x, p: F.softmax(x, 1)),
    ("softmax(100 * x, dim=0)", {"x": [3, 2, 2]}, {}, lambda x, p: F.softmax(100 * x, 0)),
    ("softmax(x, dim=-2)", {"x": [2, 3, 4, 2]}, {}, lambda x, p: F.softmax(x, -2)),
    # Two operands.
    ("x + y", {"x": [2, 3], "y": [2, 3]}, {}, lambda x, y, p: x + y),
    ("x - y", {"x": [2, 3, 1, 2], "y": [3, 4, 1]}, {}, lambda x, y, p: x - y),
    ("x * y", {"x": [3, 1], "y": [2, 1, 4]}, {}, lambda x, y, p: x * y),
    ("x * y", {"x": [1, 3, 2, 2], "y": [1, 3, 1, 1]}, {}, lambda x, y, p: x * y),
    ("1.5 - x", {"x": [2, 2]}, {}, lambda x, p: 1.5 - x),
    ("concat(x, y)", {"x": [2, 1, 3], "y": [2, 2, 3]}, {}, lambda x, y, p: torch.cat((x, y), 1)),
    ("concat(x, y, x, dim=0)", {"x": [1, 3], "y": [2, 3]}, {},
     lambda x, y, p: torch.cat((x, y, x), 0)),
    ("concat(y, x, dim=-1)", {"x": [1, 2, 2, 3], "y": [1, 2, 2, 1]}, {},
     lambda x, y, p: torch.cat((y, x), -1)),
    # Shapes.
    ("flatten(x)", {"x": [2, 2, 3, 1]}, {}, lambda x, p: torch.flatten(x, 1)),
    ("flatten(x, start_dim=0, end_dim=1)", {"x": [2, 2, 3]}, {},
     lambda x, p: torch.flatten(x, 0, 1)),
    ("flatten(x, start_dim=-2)", {"x": [2, 2, 3]}, {}, lambda x, p: torch.flatten(x, -2)),
    ("reshape(x, [3, -1])", {"x": [2, 2, 3]}, {}, lambda x, p: torch.reshape(x, (3, -1))),
    ("reshape(x, [2, 3, 1, 2])", {"x": [2, 2, 3]}, {}, lambda x, p: torch.reshape(x, (2, 3, 1, 2))),
    ("x * parameter([3, 1])", {"x": [1, 3, 4]}, {"": [3, 1]}, lambda x, p: x * p[""]),
]


def random_tensor(rng, shape, name):
    count = 1
    for extent in shape:
        count *= extent
    low = 1 if name == "running_var" else -16
    return torch.tensor([rng.randint(low, 16) / 8 for _ in range(count)],
                        dtype=torch.float64).reshape(shape)


def write_tensor(out, kind, tensor, name=None):
    head = kind if name is None else f"{kind} {name}".rstrip()
    print(head, list(tensor.shape), file=out)
    print(" ", " ".join("%.10g" % v for v in tensor.flatten().tolist()), file=out)


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
        shape = [rng.randint(1, 2), rng.choice([2, 4, 6])] + dims(3 if rng.random() < 0.8 else 1, 14)
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
