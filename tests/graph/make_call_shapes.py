#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Writes call_shapes.txt beside this file: random calls of the operators without a window, with legal
# and illegal arguments, and the shape PyTorch gives them. It needs PyTorch (Debian's python3-torch),
# the tests do not.
import os
import random
import warnings

import torch
import torch.nn.functional as F

warnings.simplefilter("ignore")
RNG = random.Random(3)


def extents(rank, low=1, high=6):
    return [RNG.randint(low, high) for _ in range(rank)]


def any_dim(rank):
    """Now and then one too far."""
    return RNG.randint(-rank, rank - 1) if RNG.random() < 0.9 else RNG.choice([rank, -rank - 1])


def ranked():
    shape = extents(RNG.randint(1, 5))
    return shape, len(shape)


def conv_transpose(rank):
    groups = RNG.choice([1, 1, 2])
    shape = [1, 2 * RNG.randint(1, 2)] + extents(rank)
    out = groups * RNG.randint(1, 3)
    a = {name: extents(rank, low, high) for name, low, high in
         [("kernel", 1, 4), ("stride", 1, 3), ("padding", 0, 2), ("output_padding", 0, 2),
          ("dilation", 1, 2)]}
    text = ", ".join(f"{k}={v}" for k, v in a.items())
    f = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][rank - 1]
    weight = torch.zeros([shape[1], out // groups] + a["kernel"])
    return (f"conv_transpose{rank}d({out}, groups={groups}, {text})", shape,
            lambda x: f(x, weight, None, a["stride"], a["padding"], a["output_padding"], groups,
                        a["dilation"]))


def adaptive_pool(rank):
    kind = RNG.choice(["avg", "max"])
    size = extents(rank)
    f = getattr(F, f"adaptive_{kind}_pool{rank}d")
    return f"adaptive_{kind}_pool{rank}d({size})", [2, 3] + extents(rank), lambda x: f(x, size)


def slice_():
    shape, rank = ranked()
    dim = RNG.randrange(rank)
    start, end = (RNG.choice([None, RNG.randint(-8, 8)]) for _ in range(2))
    step = RNG.randint(1, 3)
    args = "".join(f", {k}={v}" for k, v in [("start", start), ("end", end)] if v is not None)
    index = (slice(None),) * dim + (slice(start, end, step),)
    return f"slice({dim}{args}, step={step})", shape, lambda x: x[index]


def backward_slice():
    """NumPy's, which PyTorch lacks."""
    shape, rank = ranked()
    dim = RNG.randrange(rank)
    start, end = (RNG.choice([None, RNG.randint(-8, 8)]) for _ in range(2))
    step = RNG.randint(-3, -1)
    args = "".join(f", {k}={v}" for k, v in [("start", start), ("end", end)] if v is not None)
    index = (slice(None),) * dim + (slice(start, end, step),)
    return (f"slice({dim}{args}, step={step})", shape,
            lambda x: torch.from_numpy(x.numpy()[index].copy()))


def narrow():
    shape, rank = ranked()
    dim, start, length = any_dim(rank), RNG.randint(-3, 5), RNG.randint(1, 4)
    return (f"narrow({dim}, {start}, {length})", shape,
            lambda x: torch.narrow(x, dim, start, length))


def split():
    shape, rank = ranked()
    dim, part = RNG.randrange(rank), RNG.randint(1, 3)
    if RNG.random() < 0.5:
        sizes = RNG.randint(1, 4)
    else:
        first = RNG.randint(1, 4)
        sizes = [first, max(1, shape[dim] - first)]
    return (f"split({sizes}, dim={dim})[{part - 1}]", shape,
            lambda x: torch.split(x, sizes, dim)[part - 1])


def chunk():
    shape, rank = ranked()
    dim, chunks, part = RNG.randrange(rank), RNG.randint(1, 5), RNG.randint(1, 4)
    return (f"chunk({chunks}, dim={dim})[{part - 1}]", shape,
            lambda x: torch.chunk(x, chunks, dim)[part - 1])


def permute():
    shape, rank = ranked()
    dims = [RNG.choice([d, d - rank]) for d in RNG.sample(range(rank), rank)]
    if RNG.random() < 0.2:
        dims[0] = RNG.randint(-rank, rank)
    return f"permute({dims})", shape, lambda x: torch.permute(x, dims)


def transpose():
    shape, rank = ranked()
    a, b = any_dim(rank), any_dim(rank)
    return f"transpose({a}, {b})", shape, lambda x: torch.transpose(x, a, b)


def squeeze():
    shape = extents(RNG.randint(1, 5), 1, 2)
    if RNG.random() < 0.3:
        return "squeeze()", shape, torch.squeeze
    dim = any_dim(len(shape))
    return f"squeeze({dim})", shape, lambda x: torch.squeeze(x, dim)


def unsqueeze():
    shape, rank = ranked()
    dim = any_dim(rank + 1)
    return f"unsqueeze({dim})", shape, lambda x: torch.unsqueeze(x, dim)


def expand():
    shape = extents(RNG.randint(1, 4), 1, 2)
    to = [e if e > 1 or RNG.random() < 0.3 else RNG.randint(1, 4) for e in shape]
    to = [RNG.choice([e, e, -1]) for e in to]
    if RNG.random() < 0.2:
        to[0] += 1
    to = extents(RNG.randint(0, 2)) + to
    return f"expand({to})", shape, lambda x: x.expand(to)


def tile():
    shape, rank = ranked()
    repeats = extents(RNG.randint(1, rank), 1, 3)
    return f"tile({repeats})", shape, lambda x: torch.tile(x, repeats)


def flip():
    shape, rank = ranked()
    dims = [any_dim(rank) for _ in range(RNG.randint(1, 2))]
    return f"flip({dims})", shape, lambda x: torch.flip(x, dims)


def index_select():
    shape, rank = ranked()
    dim, index = any_dim(rank), [RNG.randint(0, 3) for _ in range(RNG.randint(1, 4))]
    return (f"index_select({dim}, {index})", shape,
            lambda x: torch.index_select(x, dim, torch.tensor(index)))


def pad():
    mode = RNG.choice(["constant", "reflect", "replicate", "circular"])
    rank = RNG.randint(1, 3)
    low = -2 if mode == "constant" else 0
    pairs = [extents(2, low, 4) for _ in range(rank)]
    flat = [n for pair in reversed(pairs) for n in pair]
    return (f"pad({pairs}, mode={mode})", [1, 2] + extents(rank),
            lambda x: F.pad(x, flat, mode=mode))


def interpolate():
    rank = RNG.randint(1, 3)
    mode = RNG.choice(["nearest", "nearest_exact", ["linear", "bilinear", "trilinear"][rank - 1]])
    torch_mode = mode.replace("_", "-")
    if RNG.random() < 0.5:
        size = extents(rank)
        return (f"interpolate({size}, mode={mode})", [1, 2] + extents(rank),
                lambda x: F.interpolate(x, size, mode=torch_mode))
    scales = [RNG.choice([0.3, 0.5, 1.5, 2.0, 3.0]) for _ in range(rank)]
    return (f"interpolate(scale_factor={scales}, mode={mode})", [1, 2] + extents(rank),
            lambda x: F.interpolate(x, scale_factor=scales, mode=torch_mode))


def reduction():
    name = RNG.choice(["sum", "mean", "amax", "amin", "logsumexp", "norm"])
    shape, rank = ranked()
    keep = RNG.random() < 0.5
    dims = [any_dim(rank) for _ in range(RNG.randint(1, 3))]
    f = getattr(torch, name)
    call = (lambda x: f(x, 2, dims, keep)) if name == "norm" else (lambda x: f(x, dims, keep))
    return f"{name}(dim={dims}, keepdim={str(keep).lower()})", shape, call


def argument():
    name = RNG.choice(["argmax", "argmin"])
    shape, rank = ranked()
    dim, keep = any_dim(rank), RNG.random() < 0.5
    return (f"{name}({dim}, keepdim={str(keep).lower()})", shape,
            lambda x: getattr(torch, name)(x, dim, keep))


def topk():
    shape, rank = ranked()
    k, dim = RNG.randint(1, 4), any_dim(rank)
    return f"topk({k}, dim={dim})[1]", shape, lambda x: torch.topk(x, k, dim)[1]


def shuffle():
    r = RNG.randint(1, 3)
    shape = [RNG.randint(1, 2), RNG.randint(1, 18)] + extents(2)
    name = RNG.choice(["pixel_shuffle", "pixel_unshuffle", "channel_shuffle"])
    f = {"pixel_shuffle": F.pixel_shuffle, "pixel_unshuffle": F.pixel_unshuffle,
         "channel_shuffle": torch.channel_shuffle}[name]
    return f"{name}({r})", shape, lambda x: f(x, r)


def norm():
    shape = extents(RNG.randint(2, 4), 1, 6)
    if RNG.random() < 0.5:
        groups = RNG.randint(1, 4)
        # PyTorch refuses what it cannot learn from: one element per group.
        shape = [2, shape[1], 3] + shape[2:]
        return f"group_norm({groups})", shape, lambda x: F.group_norm(x, groups)
    last = shape[-RNG.randint(1, len(shape)):]
    if RNG.random() < 0.2:
        last = last + [2]
    return f"layer_norm({last})", shape, lambda x: F.layer_norm(x, last)


def broadcast():
    name = RNG.choice(["add", "maximum", "prelu", "lt"])
    a, b = (extents(RNG.randint(1, 4), 1, 2) for _ in range(2))
    f = {"add": torch.add, "maximum": torch.maximum, "lt": torch.lt,
         "prelu": lambda x, y: torch.where(x > 0, x, x * y)}[name]
    return f"{name}(parameter({b}))", a, lambda x: f(x, torch.zeros(b))


def matmul():
    k = RNG.randint(1, 3)
    a = extents(RNG.randint(0, 2), 1, 2) + [RNG.randint(1, 4), k]
    b = extents(RNG.randint(0, 2), 1, 2) + [RNG.choice([k, k, k, 4]), RNG.randint(1, 4)]
    return f"matmul(parameter({b}))", a, lambda x: torch.matmul(x, torch.zeros(b))


def main():
    makers = [slice_, backward_slice, narrow, split, chunk, permute, transpose, squeeze, unsqueeze,
              expand, tile, flip, index_select, pad, interpolate, reduction, argument, topk, shuffle,
              norm, broadcast, matmul]
    for rank in (1, 2, 3):
        makers += [lambda r=rank: conv_transpose(r), lambda r=rank: adaptive_pool(r)]
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "call_shapes.txt")
    with open(path, "w") as out:
        out.write("# Written by make_call_shapes.py with PyTorch; do not edit.\n"
                  "# operator and arguments | operand's shape | what PyTorch makes of them\n")
        for make in makers * 25:
            call, shape, f = make()
            try:
                result = list(f(torch.zeros(shape)).shape)
                text = "refused" if 0 in result else str(result)
            except (RuntimeError, IndexError, ValueError):
                text = "refused"
            out.write(f"{call} | {shape} | {text}\n")


if __name__ == "__main__":
    main()
