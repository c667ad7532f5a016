# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What networks.py and exports.py share: running a network in cnnc and in ONNX Runtime."""
import json
import os
import re
import subprocess

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
TYPES = {"float32": np.float32, "uint8": np.uint8, "int8": np.int8, "int32": np.int32,
         "int64": np.int64, "bool": np.bool_}


def call(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:3])}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def run_onnxruntime(npm, model, inputs, folder):
    """The outputs of an ONNX file for these arrays, in the model's order."""
    request = []
    for i, array in enumerate(inputs):
        path = os.path.join(folder, f"input{i}.bin")
        np.ascontiguousarray(array).tofile(path)
        request.append({"type": array.dtype.name, "dims": list(array.shape), "file": path})
    path = os.path.join(folder, "request.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"inputs": request}, file)
    printed = call(["node", os.path.join(HERE, "onnxruntime_run.js"), os.path.abspath(model), path],
                   cwd=npm)
    return [np.fromfile(os.path.join(folder, f"output{i}.bin"),
                        TYPES[o["type"]]).reshape([int(d) for d in o["dims"]])
            for i, o in enumerate(json.loads(printed))]


def ports(network):
    """Names of a .cnn file's inputs and outputs, in order."""
    with open(network, encoding="utf-8") as file:
        text = file.read()
    return (re.findall(r"^\s*input (\w+):", text, re.M),
            re.findall(r"^\s*output (\w+)", text, re.M))


def run_cnnc(cnnc, network, weights, inputs, folder):
    """The outputs of a .cnn file for these arrays, in the file's order."""
    names, outputs = ports(network)
    command = [cnnc, "run", network, *weights, "--output-dir", folder]
    for name, array in zip(names, inputs):
        path = os.path.join(folder, f"in_{name}.npy")
        np.save(path, array)
        command += ["--input", f"{name}={path}"]
    call(command)
    return [np.load(os.path.join(folder, name + ".npy")) for name in outputs]


def worst_error(got, want):
    """The largest difference of any output, relative to that output's scale."""
    worst = 0.0
    if len(got) != len(want):
        raise RuntimeError(f"{len(got)} outputs instead of {len(want)}")
    for a, b in zip(got, want):
        if a.shape != b.shape:
            raise RuntimeError(f"an output is {a.shape} instead of {b.shape}")
        is_rounded = a.dtype.kind in "iu"
        a, b = a.astype(np.float64), b.astype(np.float64)
        # Of integers that were rounded, one in a thousand may be the neighbour.
        if is_rounded and np.abs(a - b).max() <= 1 and (a != b).mean() <= 1e-3:
            continue
        scale = np.abs(b).max() or 1.0
        difference = np.abs(a - b).max() / scale
        worst = max(worst, difference if np.isfinite(difference) else np.inf)
    return worst
