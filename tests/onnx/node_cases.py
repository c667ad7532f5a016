#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ONNX's own operator cases through `cnnc import` and `cnnc run`.

    node_cases.py --cnnc build/cnnc [--list tests/onnx/node_cases.txt] [--update] [-j N] [PATTERN...]

Every case of the onnx package (a model of one operator, inputs, expected outputs) is imported, then
compiled for this machine and run on the case's inputs; the outputs must have the expected shapes
and values. A case that `import` refuses is unsupported, for the reason it gives. The list says what
is expected of each case; any difference from it, in either direction, fails, and --update rewrites
it. Where a case gives as inputs what a network has as weights or attributes (a convolution's
kernel, a reshape's shape), these become constants.
"""
import argparse
import concurrent.futures
import dataclasses
import fnmatch
import os
import re
import subprocess
import sys
import tempfile

import numpy as np

# The package of Debian 12 was written for an older numpy, which had these names.
for alias, kind in (("float", float), ("int", int), ("bool", bool), ("object", object)):
    if alias not in np.__dict__:
        setattr(np, alias, kind)

try:
    from onnx.backend.test.case.node import collect_testcases
except ImportError:
    print("skipped: the onnx package for Python (python3-onnx) is not installed")
    sys.exit(77)

TIMEOUT = 120
BFLOAT16 = 16  # onnx.TensorProto.BFLOAT16


# Cases that ONNX Runtime leaves out too: they resize by a factor to an extent that is no integer,
# and expect positions computed from that. PyTorch, and later editions of ONNX, round it first.
LEFT_OUT = {
    "test_resize_downsample_scales_cubic_align_corners",
    "test_resize_downsample_scales_linear_align_corners",
}


class Failure(Exception):
    """The case is not refused, but goes wrong."""


class Refusal(Exception):
    """`cnnc import` says why it does not support the case."""


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    if done.returncode not in (0, 1):
        raise Failure(f"{command[1]} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return done


def reason(stderr):
    """What a refused import says, on one line and without the file's name. What is unsupported
    stands in notes: the operator, and names of nodes, which are dropped."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if "error: " in line] or lines or ["no message"]
    text = errors[0].split("error: ", 1)[-1]
    if "does not support" in text:
        notes = [line.split("note: ", 1)[-1] for line in lines
                 if line.startswith("note: ") and "the network takes" not in line]
        text = ", ".join(re.sub(r": .*", "", note) for note in notes)
    return re.sub(r"`/[^`]*`", "the model", text)


def import_case(cnnc, folder, model, inputs, constants):
    """Imports with some inputs made constants. The names of the network's inputs and outputs."""
    for path in ("net.cnn", "net.safetensors"):
        if os.path.exists(os.path.join(folder, path)):
            os.remove(os.path.join(folder, path))
    command = [cnnc, "import", os.path.join(folder, "case.onnx"), "-o", folder, "--name", "net"]
    for i in constants:
        path = os.path.join(folder, f"constant{i}.npy")
        np.save(path, inputs[i])
        command += ["--constant", f"{model.graph.input[i].name}={path}"]
    done = run(command)
    if done.returncode == 1:
        raise Refusal(reason(done.stderr))
    with open(os.path.join(folder, "net.cnn"), encoding="utf-8") as file:
        text = file.read()
    return (re.findall(r"^\s*input (\w+):", text, re.M),
            re.findall(r"^\s*output (\w+)", text, re.M))


def from_bfloat16(ports, values):
    """bfloat16 comes as its bits in 16-bit integers; here as float32."""
    return [(v.astype(np.uint32) << 16).view(np.float32)
            if port.type.tensor_type.elem_type == BFLOAT16 else v
            for port, v in zip(ports, values)]


def has_shape(value, port):
    dims = port.type.tensor_type.shape.dim
    extents = np.asarray(value).shape
    return len(dims) == len(extents) and all(
        not d.HasField("dim_value") or d.dim_value == e for d, e in zip(dims, extents))


def computed(dtype):
    """The element type in which a case's type is computed and given back."""
    return np.dtype(np.float32) if dtype in (np.float16, np.float64) else dtype


def compare(case, outputs, expected, folder):
    rtol = case.rtol
    if any(port.type.tensor_type.elem_type == BFLOAT16 for port in case.model.graph.output):
        rtol = 2.0 ** -7  # cnnc computes such values in float32; the cases cut bits off
    if len(outputs) != len(expected):
        raise Failure(f"{len(outputs)} outputs instead of {len(expected)}")
    for name, want in zip(outputs, expected):
        got = np.load(os.path.join(folder, name + ".npy"))
        if got.shape != want.shape:
            raise Failure(f"output {name} is {got.shape}, expected {want.shape}")
        if got.dtype != computed(want.dtype):
            raise Failure(f"output {name} is {got.dtype}, expected {want.dtype}")
        if not np.allclose(got.astype(np.float64), want.astype(np.float64), rtol=rtol,
                           atol=max(case.atol, 1e-6), equal_nan=True):
            with np.errstate(invalid="ignore"):
                error = np.abs(got.astype(np.float64) - want.astype(np.float64))
            raise Failure(f"output {name} differs by up to {np.nanmax(error):.3g}")


def run_case(cnnc, folder, case, constants):
    inputs, expected = case.data_sets[0]
    names, outputs = import_case(cnnc, folder, case.model, inputs, constants)
    given = [x for i, x in enumerate(inputs) if i not in constants]
    if len(names) != len(given):
        raise Failure(f"{len(names)} inputs instead of {len(given)}")
    command = [cnnc, "run", os.path.join(folder, "net.cnn"), "--output-dir", folder]
    if os.path.exists(os.path.join(folder, "net.safetensors")):
        command += ["--weights", os.path.join(folder, "net.safetensors")]
    for name, value in zip(names, given):
        path = os.path.join(folder, f"in_{name}.npy")
        np.save(path, value.astype(computed(value.dtype)))
        command += ["--input", f"{name}={path}"]
    done = run(command)
    if done.returncode != 0:
        raise Failure(f"run: {reason(done.stderr)}")
    compare(case, outputs, expected, folder)


def result_of(cnnc, case):
    """"passed", "unsupported: why" or "FAILED: why"."""
    inputs, expected = case.data_sets[0]
    if not all(isinstance(x, (np.ndarray, np.generic)) for x in [*inputs, *expected]):
        return "unsupported: sequences and optional values"
    if any(np.asarray(x).dtype.kind not in "fiub" for x in [*inputs, *expected]):
        return "unsupported: text and complex numbers"
    if any(np.asarray(x).size == 0 for x in [*inputs, *expected]):
        return "unsupported: tensors without elements"
    if case.name in LEFT_OUT:
        return "unsupported: resizing to extents that are no integers"
    graph = case.model.graph
    if any(not has_shape(x, port) for x, port in zip(inputs, graph.input)):
        return "unsupported: input of another shape than the model says"
    arrays = (from_bfloat16(graph.input, [np.asarray(x) for x in inputs]),
              from_bfloat16(graph.output, [np.asarray(x) for x in expected]))
    case = dataclasses.replace(case, data_sets=[arrays])
    with tempfile.TemporaryDirectory(prefix="cnnc-case-") as folder:
        with open(os.path.join(folder, "case.onnx"), "wb") as file:
            file.write(case.model.SerializeToString())
        first_refusal = None
        # As few constants as will do: none, all but the first input, all but the first two.
        for kept in (len(inputs), 1, 2):
            if kept > len(inputs):
                continue
            try:
                run_case(cnnc, folder, case, range(kept, len(inputs)))
                return "passed"
            except Refusal as why:
                first_refusal = first_refusal or f"unsupported: {why}"
            except Failure as why:
                return f"FAILED: {why}"
            except subprocess.TimeoutExpired:
                return f"FAILED: not done after {TIMEOUT} s"
        return first_refusal


def read_list(path):
    with open(path, encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in file if line.strip() and not line.startswith("#")]
    return dict(line.split(" ", 1) for line in lines)


def write_list(path, results):
    with open(path, "w", encoding="utf-8") as file:
        file.write("# What is expected of each of ONNX's operator cases (node_cases.py --update).\n")
        for name, result in sorted(results.items()):
            file.write(f"{name} {result}\n")


def print_table(results):
    failed = {n: r for n, r in results.items() if r.startswith("FAILED")}
    passed = sum(r == "passed" for r in results.values())
    print(f"{len(results)} cases: {passed} passed, {len(results) - passed - len(failed)} "
          f"unsupported, {len(failed)} failed")
    for name, result in sorted(failed.items()):
        print(f"  {name}: {result}")
    return not failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cnnc", required=True)
    parser.add_argument("--list")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("-j", type=int, default=os.cpu_count())
    parser.add_argument("--verbose", action="store_true", help="print every case's result")
    parser.add_argument("patterns", nargs="*", help="names of cases, with * and ?")
    args = parser.parse_args()

    cases = [c for c in collect_testcases(None)
             if not args.patterns or any(fnmatch.fnmatch(c.name, p) for p in args.patterns)]
    with concurrent.futures.ThreadPoolExecutor(args.j) as pool:
        results = dict(zip([c.name for c in cases],
                           pool.map(lambda c: result_of(args.cnnc, c), cases)))
    if args.verbose:
        for name, result in sorted(results.items()):
            print(f"{name} {result}")
    good = print_table(results)
    if args.list and args.update and not args.patterns:
        write_list(args.list, results)
    elif args.list:
        listed = read_list(args.list)
        for name, result in sorted(results.items()):
            if listed.get(name) != result:
                good = False
                print(f"  {name}: {result}\n    listed: {listed.get(name, 'not at all')}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
