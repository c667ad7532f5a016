# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# What make_expected.py computes values of: (expression of the operands and weights, operands'
# shapes or (element type, shape), weights' shapes, the same in PyTorch).
import itertools

import numpy as np
import torch
import torch.nn.functional as F
from onnx.backend.test.case.node import resize as onnx_resize


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


def conv_transpose(x, p, pads=None, **kw):
    """Any padding, by cropping what no padding gives: [(lo, hi), ...], outermost first."""
    f = {3: F.conv_transpose1d, 4: F.conv_transpose2d, 5: F.conv_transpose3d}[x.dim()]
    y = f(x, p["weight"], p.get("bias"), **kw)
    for dim, (lo, hi) in enumerate(pads or []):
        y = y.narrow(dim + 2, lo, y.shape[dim + 2] - lo - hi)
    return y


def per_channel(values, x):
    return torch.tensor(values, dtype=torch.float64).reshape([-1] + [1] * (x.dim() - 2))


def saturate(x, dtype):
    """Float to integer as we define it; PyTorch leaves what is out of range undefined."""
    bounds = torch.iinfo(dtype)
    return torch.trunc(x).clamp(bounds.min, bounds.max).to(dtype)


def argfirst(x, dim, greatest):
    """The first of equals, which PyTorch does not promise."""
    f = np.argmax if greatest else np.argmin
    return torch.tensor(f(x.numpy(), axis=dim))


def top(x, k, dim, largest=True):
    values, indices = torch.sort(x, dim=dim, descending=largest, stable=True)
    return values.narrow(dim, 0, k), indices.narrow(dim, 0, k)


def resize(x, sizes, mode, coordinates, rounding="floor", a=-0.75):
    """ONNX's own definition, for what PyTorch has not."""
    coefficients = {"nearest": lambda r: onnx_resize.nearest_coeffs(r, rounding),
                    "linear": onnx_resize.linear_coeffs,
                    "cubic": lambda r: onnx_resize.cubic_coeffs(r, a)}[mode]
    planes = x.numpy().reshape([-1] + list(x.shape[2:]))
    result = [onnx_resize.interpolate_nd(plane, coefficients, output_size=sizes,
                                         coordinate_transformation_mode=coordinates)
              for plane in planes]
    return torch.tensor(np.array(result)).reshape(list(x.shape[:2]) + list(sizes))


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
    # Transposed convolutions: each rank, padding, output_padding, groups, dilation.
    ("conv_transpose1d(x, 3, 3)", {"x": [2, 2, 4]}, {"weight": [2, 3, 3], "bias": [3]},
     conv_transpose),
    ("conv_transpose1d(x, 2, 3, stride=2, padding=[[2, 1]], output_padding=1, bias=false)",
     {"x": [1, 3, 4]}, {"weight": [3, 2, 3]},
     lambda x, p: conv_transpose(x, p, [(2, 1)], stride=2, output_padding=1)),
    ("conv_transpose2d(x, 2, kernel=2, stride=2)", {"x": [1, 3, 3, 2]},
     {"weight": [3, 2, 2, 2], "bias": [2]}, lambda x, p: conv_transpose(x, p, stride=2)),
    ("conv_transpose2d(x, 2, kernel=3, stride=2, padding=1, output_padding=1)",
     {"x": [1, 2, 3, 3]}, {"weight": [2, 2, 3, 3], "bias": [2]},
     lambda x, p: conv_transpose(x, p, stride=2, padding=1, output_padding=1)),
    ("conv_transpose2d(x, 4, kernel=[3, 2], stride=[1, 3], padding=[1, 0], groups=2, "
     "dilation=[2, 1], output_padding=[1, 2])", {"x": [1, 4, 3, 2]},
     {"weight": [4, 2, 3, 2], "bias": [4]},
     lambda x, p: conv_transpose(x, p, stride=(1, 3), padding=(1, 0), groups=2, dilation=(2, 1),
                                 output_padding=(1, 2))),
    ("conv_transpose2d(x, 3, kernel=4, stride=3, groups=3, bias=false)", {"x": [2, 3, 2, 2]},
     {"weight": [3, 1, 4, 4]}, lambda x, p: conv_transpose(x, p, stride=3, groups=3)),
    ("conv_transpose3d(x, 2, kernel=[1, 2, 3], stride=[2, 1, 2], padding=[0, 1, 1])",
     {"x": [1, 2, 2, 3, 2]}, {"weight": [2, 2, 1, 2, 3], "bias": [2]},
     lambda x, p: conv_transpose(x, p, stride=(2, 1, 2), padding=(0, 1, 1))),
    # Other norms.
    ("instance_norm(x)", {"x": [2, 2, 3, 2]}, {}, lambda x, p: F.instance_norm(x)),
    ("instance_norm(x, eps=0.25, affine=true)", {"x": [1, 3, 4]}, {"weight": [3], "bias": [3]},
     lambda x, p: F.instance_norm(x, weight=p["weight"], bias=p["bias"], eps=0.25)),
    ("group_norm(x, 2)", {"x": [2, 4, 3]}, {"weight": [4], "bias": [4]},
     lambda x, p: F.group_norm(x, 2, p["weight"], p["bias"])),
    ("group_norm(x, 3, eps=0.5, affine=false)", {"x": [2, 6]}, {},
     lambda x, p: F.group_norm(x, 3, eps=0.5)),
    ("layer_norm(x, 5)", {"x": [2, 3, 5]}, {"weight": [5], "bias": [5]},
     lambda x, p: F.layer_norm(x, [5], p["weight"], p["bias"])),
    ("layer_norm(x, [3, 4], eps=0.125, bias=false)", {"x": [2, 3, 4]}, {"weight": [3, 4]},
     lambda x, p: F.layer_norm(x, [3, 4], p["weight"], None, 0.125)),
    ("layer_norm(x, [2, 2], elementwise_affine=false)", {"x": [3, 2, 2]}, {},
     lambda x, p: F.layer_norm(x, [2, 2])),
    ("local_response_norm(x, 5)", {"x": [1, 7, 2]}, {}, lambda x, p: F.local_response_norm(x, 5)),
    ("local_response_norm(x, 4, alpha=2, beta=0.5, k=3)", {"x": [2, 6, 2, 2]}, {},
     lambda x, p: F.local_response_norm(x, 4, 2, 0.5, 3)),
    ("local_response_norm(x, 9, alpha=1)", {"x": [1, 3, 2]}, {},
     lambda x, p: F.local_response_norm(x, 9, 1)),
    ("normalize(x, mean=[0.5, -1, 0.25], std=[0.5, 2, 4])", {"x": [1, 3, 2, 2]}, {},
     lambda x, p: (x - per_channel([0.5, -1, 0.25], x)) / per_channel([0.5, 2, 4], x)),
    ("normalize(x, mean=0.5, std=0.25)", {"x": [2, 2, 2]}, {}, lambda x, p: (x - 0.5) / 0.25),
    # Matrix products.
    ("matmul(x, y)", {"x": [2, 3], "y": [3, 4]}, {}, lambda x, y, p: x @ y),
    ("matmul(x, y)", {"x": [2, 1, 2, 3], "y": [3, 3, 2]}, {}, lambda x, y, p: x @ y),
    ("matmul(x, y)", {"x": [2, 3], "y": [2, 2, 3, 1]}, {}, lambda x, y, p: x @ y),
    # Other pools.
    ("global_max_pool1d(x)", {"x": [2, 2, 5]}, {}, lambda x, p: F.adaptive_max_pool1d(x, 1)),
    ("global_max_pool2d(x)", {"x": [2, 3, 2, 3]}, {}, lambda x, p: F.adaptive_max_pool2d(x, 1)),
    ("global_max_pool3d(x)", {"x": [1, 2, 2, 1, 3]}, {}, lambda x, p: F.adaptive_max_pool3d(x, 1)),
    ("adaptive_avg_pool1d(x, 3)", {"x": [1, 2, 7]}, {}, lambda x, p: F.adaptive_avg_pool1d(x, 3)),
    ("adaptive_avg_pool2d(x, [2, 5])", {"x": [2, 2, 5, 3]}, {},
     lambda x, p: F.adaptive_avg_pool2d(x, (2, 5))),
    ("adaptive_avg_pool3d(x, 2)", {"x": [1, 1, 3, 4, 2]}, {},
     lambda x, p: F.adaptive_avg_pool3d(x, 2)),
    ("adaptive_max_pool1d(x, 4)", {"x": [1, 2, 6]}, {}, lambda x, p: F.adaptive_max_pool1d(x, 4)),
    ("adaptive_max_pool2d(x, [3, 2])", {"x": [2, 2, 7, 5]}, {},
     lambda x, p: F.adaptive_max_pool2d(x, (3, 2))),
    ("adaptive_max_pool3d(x, [1, 2, 3])", {"x": [1, 1, 3, 3, 2]}, {},
     lambda x, p: F.adaptive_max_pool3d(x, (1, 2, 3))),
    # Functions.
    ("elu(2 * x)", {"x": [2, 9]}, {}, lambda x, p: F.elu(2 * x)),
    ("elu(x, alpha=0.5)", {"x": [9]}, {}, lambda x, p: F.elu(x, 0.5)),
    ("selu(x)", {"x": [2, 9]}, {}, lambda x, p: F.selu(x)),
    ("celu(x)", {"x": [9]}, {}, lambda x, p: F.celu(x)),
    ("celu(x, alpha=2)", {"x": [9]}, {}, lambda x, p: F.celu(x, 2)),
    ("gelu(2 * x)", {"x": [2, 9]}, {}, lambda x, p: F.gelu(2 * x)),
    ("gelu(2 * x, approximate=tanh)", {"x": [2, 9]}, {},
     lambda x, p: F.gelu(2 * x, approximate="tanh")),
    ("mish(50 * x)", {"x": [2, 9]}, {}, lambda x, p: F.mish(50 * x)),
    ("softplus(30 * x)", {"x": [2, 9]}, {}, lambda x, p: F.softplus(30 * x)),
    ("softplus(x, beta=2, threshold=1)", {"x": [2, 9]}, {}, lambda x, p: F.softplus(x, 2, 1)),
    ("softsign(x)", {"x": [9]}, {}, lambda x, p: F.softsign(x)),
    ("hard_sigmoid(4 * x)", {"x": [2, 9]}, {}, lambda x, p: F.hardsigmoid(4 * x)),
    ("hard_sigmoid(4 * x, alpha=0.2, beta=0.25)", {"x": [2, 9]}, {},
     lambda x, p: torch.clamp(0.2 * 4 * x + 0.25, 0, 1)),
    ("hard_tanh(x)", {"x": [2, 9]}, {}, lambda x, p: F.hardtanh(x)),
    ("hard_tanh(x, min=-0.5, max=1.5)", {"x": [9]}, {}, lambda x, p: F.hardtanh(x, -0.5, 1.5)),
    ("log_sigmoid(50 * x)", {"x": [2, 9]}, {}, lambda x, p: F.logsigmoid(50 * x)),
    ("hard_shrink(x)", {"x": [3, 9]}, {}, lambda x, p: F.hardshrink(x)),
    ("soft_shrink(x, lambd=0.75)", {"x": [2, 9]}, {}, lambda x, p: F.softshrink(x, 0.75)),
    ("threshold(x, 0.5, -3)", {"x": [3, 9]}, {}, lambda x, p: F.threshold(x, 0.5, -3)),
    ("exp(x)", {"x": [9]}, {}, lambda x, p: torch.exp(x)),
    ("log(abs(x) + 0.125)", {"x": [9]}, {}, lambda x, p: torch.log(abs(x) + 0.125)),
    ("sqrt(abs(x))", {"x": [9]}, {}, lambda x, p: torch.sqrt(abs(x))),
    ("rsqrt(abs(x) + 0.125)", {"x": [9]}, {}, lambda x, p: torch.rsqrt(abs(x) + 0.125)),
    ("reciprocal(x + 2.0625)", {"x": [9]}, {}, lambda x, p: 1 / (x + 2.0625)),
    ("erf(x)", {"x": [9]}, {}, lambda x, p: torch.erf(x)),
    ("sin(10 * x)", {"x": [9]}, {}, lambda x, p: torch.sin(10 * x)),
    ("cos(10 * x)", {"x": [9]}, {}, lambda x, p: torch.cos(10 * x)),
    ("neg(x)", {"x": [5]}, {}, lambda x, p: -x),
    ("sign(x)", {"x": [2, 9]}, {}, lambda x, p: torch.sign(x)),
    ("floor(4 * x)", {"x": [2, 9]}, {}, lambda x, p: torch.floor(4 * x)),
    ("ceil(4 * x)", {"x": [2, 9]}, {}, lambda x, p: torch.ceil(4 * x)),
    ("round(4 * x)", {"x": [3, 9]}, {}, lambda x, p: torch.round(4 * x)),
    ("is_nan(log(x))", {"x": [2, 9]}, {}, lambda x, p: torch.isnan(torch.log(x))),
    ("logical_not(x)", {"x": ("bool", [6])}, {}, lambda x, p: ~x),
    ("abs(x) - neg(x) + sign(x) * relu(x)", {"x": ("i32", [9])}, {},
     lambda x, p: abs(x) + x + torch.sign(x) * F.relu(x)),
    ("clamp(x, -3, 11)", {"x": ("i64", [9])}, {}, lambda x, p: torch.clamp(x, -3, 11)),
    ("prelu(x)", {"x": [2, 3, 2]}, {"weight": [1]}, lambda x, p: F.prelu(x, p["weight"])),
    ("prelu(x, num_parameters=3)", {"x": [2, 3, 2]}, {"weight": [3]},
     lambda x, p: F.prelu(x, p["weight"])),
    ("prelu(x, num_parameters=4)", {"x": [2, 4]}, {"weight": [4]},
     lambda x, p: F.prelu(x, p["weight"])),
    # Two operands and three.
    ("prelu(x, y)", {"x": [2, 3, 2], "y": [3, 1]}, {},
     lambda x, y, p: torch.where(x > 0, x, x * y)),
    ("x / (y + 2.5)", {"x": [2, 3], "y": [3]}, {}, lambda x, y, p: x / (y + 2.5)),
    ("pow(x, 3)", {"x": [9]}, {}, lambda x, p: x ** 3),
    ("pow(abs(x) + 0.25, y)", {"x": [2, 3], "y": [2, 3]}, {},
     lambda x, y, p: (abs(x) + 0.25) ** y),
    ("maximum(x, y)", {"x": [2, 5], "y": [2, 5]}, {}, lambda x, y, p: torch.maximum(x, y)),
    ("minimum(x, 0.25)", {"x": [9]}, {}, lambda x, p: torch.clamp(x, max=0.25)),
    ("remainder(x, y)", {"x": [4, 1], "y": [4]}, {}, lambda x, y, p: torch.remainder(x, y)),
    ("fmod(x, y)", {"x": [4, 1], "y": [4]}, {}, lambda x, y, p: torch.fmod(x, y)),
    ("remainder(x, y)", {"x": ("i32", [6, 1]), "y": ("i32", [6])}, {},
     lambda x, y, p: torch.where(y == 0, 0, torch.remainder(x, torch.where(y == 0, 1, y)))),
    ("fmod(x, y)", {"x": ("i64", [6, 1]), "y": ("i64", [6])}, {},
     lambda x, y, p: torch.where(y == 0, 0, torch.fmod(x, torch.where(y == 0, 1, y)))),
    ("x * 200000000 + y", {"x": ("i32", [7]), "y": ("i32", [7])}, {},
     lambda x, y, p: x * 200000000 + y),
    ("x * 2000000 - 1", {"x": ("i64", [7])}, {}, lambda x, p: x * 2000000 - 1),
    ("maximum(minimum(x, y), -5)", {"x": ("i32", [3, 1]), "y": ("i32", [1, 4])}, {},
     lambda x, y, p: torch.clamp(torch.minimum(x, y), min=-5)),
    ("x == y", {"x": ("u8", [2, 40]), "y": ("u8", [2, 40])}, {}, lambda x, y, p: x == y),
    ("x != y", {"x": ("bool", [8]), "y": ("bool", [8])}, {}, lambda x, y, p: x != y),
    ("x < y", {"x": [4, 1], "y": [4]}, {}, lambda x, y, p: x < y),
    ("le(x, 0.5)", {"x": [20]}, {}, lambda x, p: x <= 0.5),
    ("x > y", {"x": ("i8", [5, 1]), "y": ("i8", [5])}, {}, lambda x, y, p: x > y),
    ("x >= y", {"x": ("i64", [5, 1]), "y": ("i64", [5])}, {}, lambda x, y, p: x >= y),
    ("eq(x, 0)", {"x": ("i32", [20])}, {}, lambda x, p: x == 0),
    ("logical_and(x, y)", {"x": ("bool", [8]), "y": ("bool", [8])}, {}, lambda x, y, p: x & y),
    ("logical_or(x, y)", {"x": ("bool", [8]), "y": ("bool", [8])}, {}, lambda x, y, p: x | y),
    ("logical_xor(x, y)", {"x": ("bool", [8]), "y": ("bool", [8])}, {}, lambda x, y, p: x ^ y),
    ("where(c, x, y)", {"c": ("bool", [2, 1, 3]), "x": [4, 1], "y": [3]}, {},
     lambda c, x, y, p: torch.where(c, x, y)),
    ("where(x > 3, x, -1)", {"x": ("i32", [9])}, {}, lambda x, p: torch.where(x > 3, x, -1)),
    # Element types.
    ("cast(3 * x, i32)", {"x": [20]}, {}, lambda x, p: saturate(3 * x, torch.int32)),
    ("cast(200 * x, u8)", {"x": [20]}, {}, lambda x, p: saturate(200 * x, torch.uint8)),
    ("cast(100 * x, i8)", {"x": [20]}, {}, lambda x, p: saturate(100 * x, torch.int8)),
    ("cast(3000000000 * x, i32)", {"x": [9]}, {},
     lambda x, p: saturate(3000000000 * x, torch.int32)),
    ("cast(3000000000 * x, i64)", {"x": [9]}, {},
     lambda x, p: torch.trunc(3000000000 * x).to(torch.int64)),
    ("cast(log(x), i64)", {"x": [9]}, {},
     lambda x, p: torch.where(x == 0, torch.iinfo(torch.int64).min,
                              torch.where(x < 0, 0, torch.log(abs(x) + (x == 0)).to(torch.int64)))),
    ("cast(x, bool)", {"x": [20]}, {}, lambda x, p: x != 0),
    ("cast(20 * x, u8)", {"x": ("i32", [20])}, {}, lambda x, p: (20 * x).to(torch.uint8)),
    ("cast(20 * x, i8)", {"x": ("i64", [20])}, {}, lambda x, p: (20 * x).to(torch.int8)),
    ("cast(x, i32)", {"x": ("u8", [9])}, {}, lambda x, p: x.to(torch.int32)),
    ("cast(x, i8)", {"x": ("u8", [9])}, {}, lambda x, p: x.to(torch.int8)),
    ("cast(x, f32) / 255", {"x": ("u8", [9])}, {}, lambda x, p: x.to(torch.float64) / 255),
    ("cast(x, f32)", {"x": ("bool", [6])}, {}, lambda x, p: x.to(torch.float64)),
    ("x * tensor([[1.5], [-2]])", {"x": [2, 3]}, {},
     lambda x, p: x * torch.tensor([[1.5], [-2]])),
    ("x + tensor([3, 4], dtype=i64)", {"x": ("i64", [3, 2])}, {},
     lambda x, p: x + torch.tensor([3, 4])),
    # Over whole dimensions.
    ("log_softmax(100 * x)", {"x": [2, 5]}, {}, lambda x, p: F.log_softmax(100 * x, 1)),
    ("log_softmax(x, dim=0)", {"x": [3, 2, 2]}, {}, lambda x, p: F.log_softmax(x, 0)),
    ("sum(x, [0, 2])", {"x": [2, 3, 4]}, {}, lambda x, p: torch.sum(x, [0, 2])),
    ("sum(x)", {"x": [2, 3]}, {}, lambda x, p: torch.sum(x)),
    ("sum(x * 50000000, 1)", {"x": ("i32", [2, 9])}, {},
     lambda x, p: torch.sum(x * 50000000, 1).to(torch.int32)),
    ("mean(x, dim=-1, keepdim=true)", {"x": [2, 3, 4]}, {},
     lambda x, p: torch.mean(x, -1, keepdim=True)),
    ("mean(x, dim=[1, 2])", {"x": [2, 3, 4, 2]}, {}, lambda x, p: torch.mean(x, [1, 2])),
    ("amax(x, dim=[1, 3], keepdim=true)", {"x": [2, 3, 2, 4]}, {},
     lambda x, p: torch.amax(x, [1, 3], keepdim=True)),
    ("amin(x, dim=0)", {"x": ("i64", [5, 3])}, {}, lambda x, p: torch.amin(x, 0)),
    ("prod(x, dim=1)", {"x": [3, 4]}, {}, lambda x, p: torch.prod(x, 1)),
    ("prod(x, dim=1)", {"x": ("i32", [3, 9])}, {}, lambda x, p: torch.prod(x, 1).to(torch.int32)),
    ("sum_square(x, dim=1)", {"x": [3, 4]}, {}, lambda x, p: torch.sum(x * x, 1)),
    ("logsumexp(100 * x, dim=[0, 1])", {"x": [3, 4]}, {},
     lambda x, p: torch.logsumexp(100 * x, [0, 1])),
    ("norm(x, dim=1)", {"x": [3, 4]}, {}, lambda x, p: torch.linalg.vector_norm(x, 2, 1)),
    ("norm(x, p=1, dim=[0, 1], keepdim=true)", {"x": [3, 4]}, {},
     lambda x, p: torch.linalg.vector_norm(x, 1, [0, 1], keepdim=True)),
    ("argmax(x, dim=1)", {"x": [3, 9, 2]}, {}, lambda x, p: argfirst(x, 1, True)),
    ("argmin(floor(x), dim=-1, keepdim=true)", {"x": [3, 9]}, {},
     lambda x, p: argfirst(torch.floor(x), 1, False).unsqueeze(1)),
    ("argmax(round(x), dim=0)", {"x": [40, 2]}, {}, lambda x, p: argfirst(torch.round(x), 0, True)),
    ("topk(x, 3)[0]", {"x": [2, 7]}, {}, lambda x, p: top(x, 3, 1)[0]),
    ("topk(floor(x), 5, dim=0)[1]", {"x": [7, 2]}, {}, lambda x, p: top(torch.floor(x), 5, 0)[1]),
    ("topk_values(x, 2, dim=1, largest=false)", {"x": [2, 5, 2]}, {},
     lambda x, p: top(x, 2, 1, False)[0]),
    ("topk_indices(floor(x), 6, dim=1, largest=false)", {"x": [2, 7]}, {},
     lambda x, p: top(torch.floor(x), 6, 1, False)[1]),
    # Moving elements.
    ("squeeze(x)", {"x": [1, 2, 1, 3]}, {}, lambda x, p: torch.squeeze(x)),
    ("squeeze(x, dim=0)", {"x": [1, 2, 1]}, {}, lambda x, p: torch.squeeze(x, 0)),
    ("unsqueeze(x, dim=1)", {"x": [2, 3]}, {}, lambda x, p: torch.unsqueeze(x, 1)),
    ("stack(x, y, dim=1)", {"x": [2, 3], "y": [2, 3]}, {}, lambda x, y, p: torch.stack((x, y), 1)),
    ("permute(x, [2, 0, 3, 1])", {"x": [2, 3, 1, 4]}, {},
     lambda x, p: torch.permute(x, (2, 0, 3, 1))),
    ("transpose(x, 0, -1)", {"x": ("i8", [2, 3, 4])}, {}, lambda x, p: torch.transpose(x, 0, -1)),
    ("channel_shuffle(x, 3)", {"x": [2, 6, 2, 1]}, {}, lambda x, p: F.channel_shuffle(x, 3)),
    ("pixel_shuffle(x, 2)", {"x": [2, 8, 2, 3]}, {}, lambda x, p: F.pixel_shuffle(x, 2)),
    ("pixel_unshuffle(x, 3)", {"x": [1, 2, 6, 3]}, {}, lambda x, p: F.pixel_unshuffle(x, 3)),
    ("expand(x, [2, 3, -1])", {"x": [3, 4]}, {}, lambda x, p: x.expand(2, 3, -1)),
    ("expand(x, [4, 2])", {"x": ("bool", [4, 1])}, {}, lambda x, p: x.expand(4, 2)),
    ("tile(x, [2, 1, 3])", {"x": [1, 2, 2]}, {}, lambda x, p: x.tile(2, 1, 3)),
    ("slice(x, 1, 1, 6, step=2)", {"x": [2, 8, 2]}, {}, lambda x, p: x[:, 1:6:2]),
    ("slice(x, -1, start=-3)", {"x": ("u8", [2, 5])}, {}, lambda x, p: x[:, -3:]),
    ("strided_slice(x, starts=[1, 4], extents=[1, 3], steps=[1, -2])", {"x": [2, 5]}, {},
     lambda x, p: x[1:2].flip(1)[:, 0::2]),
    ("narrow(x, 0, 1, 2)", {"x": [4, 2]}, {}, lambda x, p: x.narrow(0, 1, 2)),
    ("flip(x, [0, 2])", {"x": [2, 2, 3]}, {}, lambda x, p: x.flip(0, 2)),
    ("split(x, [1, 3], dim=1)[1] - split(x, 3, dim=1)[0]", {"x": [2, 4]}, {},
     lambda x, p: x.split([1, 3], 1)[1] - x.split(3, 1)[0]),
    ("chunk(x, 3, dim=1)[2]", {"x": [2, 8]}, {}, lambda x, p: x.chunk(3, 1)[2]),
    ("index_select(x, 1, [2, 0, 0])", {"x": [2, 3, 2]}, {},
     lambda x, p: x.index_select(1, torch.tensor([2, 0, 0]))),
    ("pad(x, [[1, 0], [2, 3]])", {"x": [1, 2, 2, 3]}, {}, lambda x, p: F.pad(x, (2, 3, 1, 0))),
    ("pad(x, [[-1, 1]], value=2.5)", {"x": [2, 4]}, {}, lambda x, p: F.pad(x, (-1, 1), value=2.5)),
    ("pad(x, [[0, 1], [1, 1]], value=7)", {"x": ("u8", [2, 3])}, {},
     lambda x, p: F.pad(x, (1, 1, 0, 1), value=7)),
    ("pad(x, [[1, 2], [3, 0]], mode=reflect)", {"x": [1, 2, 3, 4]}, {},
     lambda x, p: F.pad(x, (3, 0, 1, 2), mode="reflect")),
    ("pad(x, [[1, 2], [3, 5]], mode=replicate)", {"x": [1, 2, 2, 3]}, {},
     lambda x, p: F.pad(x, (3, 5, 1, 2), mode="replicate")),
    ("pad(x, [[1, 2], [3, 0]], mode=circular)", {"x": [1, 2, 3, 4]}, {},
     lambda x, p: F.pad(x, (3, 0, 1, 2), mode="circular")),
    # Resizing: PyTorch's modes, then ONNX's coordinates and roundings.
    ("interpolate(x, scale_factor=2)", {"x": [1, 2, 2, 3]}, {},
     lambda x, p: F.interpolate(x, scale_factor=2)),
    ("interpolate(x, size=[5, 3])", {"x": [1, 1, 3, 7]}, {},
     lambda x, p: F.interpolate(x, (5, 3))),
    ("interpolate(x, size=7, mode=nearest_exact)", {"x": [1, 2, 5]}, {},
     lambda x, p: F.interpolate(x, 7, mode="nearest-exact")),
    ("interpolate(x, size=[3, 4, 2])", {"x": [1, 1, 2, 3, 4]}, {},
     lambda x, p: F.interpolate(x, (3, 4, 2))),
    ("interpolate(x, size=7, mode=linear)", {"x": [1, 2, 4]}, {},
     lambda x, p: F.interpolate(x, 7, mode="linear")),
    ("interpolate(x, size=[5, 3], mode=bilinear)", {"x": [1, 2, 3, 7]}, {},
     lambda x, p: F.interpolate(x, (5, 3), mode="bilinear")),
    ("interpolate(x, scale_factor=1.7, mode=bilinear)", {"x": [1, 1, 3, 5]}, {},
     lambda x, p: F.interpolate(x, scale_factor=1.7, mode="bilinear")),
    ("interpolate(x, size=[5, 1], mode=bilinear, align_corners=true)", {"x": [1, 2, 3, 4]}, {},
     lambda x, p: F.interpolate(x, (5, 1), mode="bilinear", align_corners=True)),
    ("interpolate(x, size=[3, 2, 5], mode=trilinear)", {"x": [1, 1, 2, 3, 3]}, {},
     lambda x, p: F.interpolate(x, (3, 2, 5), mode="trilinear")),
    ("interpolate(x, size=[6, 3], mode=bicubic)", {"x": [1, 1, 4, 5]}, {},
     lambda x, p: F.interpolate(x, (6, 3), mode="bicubic")),
    ("interpolate(x, size=[7, 3], mode=bicubic, align_corners=true)", {"x": [1, 1, 4, 5]}, {},
     lambda x, p: F.interpolate(x, (7, 3), mode="bicubic", align_corners=True)),
    ("interpolate(x, size=[3, 4], mode=bilinear, antialias=true)", {"x": [1, 2, 8, 11]}, {},
     lambda x, p: F.interpolate(x, (3, 4), mode="bilinear", antialias=True)),
    ("interpolate(x, size=[3, 14], mode=bilinear, antialias=true)", {"x": [1, 1, 8, 6]}, {},
     lambda x, p: F.interpolate(x, (3, 14), mode="bilinear", antialias=True)),
    ("interpolate(x, size=[3, 4], mode=bicubic, antialias=true, cubic_a=-0.5)",
     {"x": [1, 1, 8, 11]}, {},
     lambda x, p: F.interpolate(x, (3, 4), mode="bicubic", antialias=True)),
    ("interpolate(x, size=[5, 7], mode=bicubic, antialias=true)",
     {"x": [1, 1, 4, 11]}, {},
     lambda x, p: F.interpolate(x, (5, 7), mode="bicubic", antialias=True)),
]

# Nearest: every rounding with every kind of coordinates, ties included (4 to 8, 6 to 9, 6 to 4).
for coordinates, rounding in itertools.product(
        ("half_pixel", "asymmetric", "align_corners"),
        ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")):
    for before, after in ([6, 4], [4, 8]), ([6, 3], [9, 5]):
        CASES.append((
            f"interpolate(x, size={after}, coordinates={coordinates}, rounding={rounding})",
            {"x": [1, 1] + before}, {},
            lambda x, p, s=after, c=coordinates, r=rounding: resize(x, s, "nearest", c, r)))
for mode, coordinates in itertools.product(
        ("linear", "cubic"),
        ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners")):
    for size in ([7, 3], [4, 9]):
        text_mode = {"linear": "bilinear", "cubic": "bicubic"}[mode]
        CASES.append((
            f"interpolate(x, size={size}, mode={text_mode}, coordinates={coordinates})",
            {"x": [1, 1, 5, 4]}, {},
            lambda x, p, s=size, m=mode, c=coordinates: resize(x, s, m, c)))
CASES += [
    ("interpolate(x, size=[4, 9], mode=bicubic, cubic_a=-0.5)", {"x": [1, 1, 5, 4]}, {},
     lambda x, p: resize(x, [4, 9], "cubic", "half_pixel", a=-0.5)),
    # The core operator: tables of indices and weights.
    ("sample(x, tensor([[2], [-1], [0]], dtype=i32), kind=pick, dims=[1], fill=9)",
     {"x": ("i32", [2, 3])}, {}, lambda x, p: F.pad(x[:, [2, 0, 0]], (0, 0)).index_fill(
         1, torch.tensor([1]), 9)),
    ("sample(x, tensor([[1], [0]], dtype=i32), tensor([[2], [2], [0]], dtype=i32), kind=pick, "
     "dims=[0, 2])", {"x": [2, 2, 3]}, {}, lambda x, p: x[[1, 0]][:, :, [2, 2, 0]]),
    ("sample(x, tensor([[0, 1], [3, 3]], dtype=i32), tensor([[0.25, 0.75], [2, -1]]), "
     "kind=weighted_sum, dims=[1])", {"x": [2, 4]}, {},
     lambda x, p: torch.stack((0.25 * x[:, 0] + 0.75 * x[:, 1], x[:, 3]), 1)),
    ("sample(x, tensor([[0, 1, 2], [1, 3, 3]], dtype=i32), kind=max, dims=[0])", {"x": [4, 3]}, {},
     lambda x, p: torch.stack((x[0:3].amax(0), x[[1, 3]].amax(0)))),
]
