#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How good a short search is: draws convolution shapes by a seed and tunes each of them with few
and with many trials; then the two results and the default race, five times.

    bench/tuning_quality.py [--shapes 8] [--short 48] [--long 1000] [--seed 1] [--cnnc build/cnnc]
                            [--kernel-bench build/kernel_bench] [--folder DIR]

Interrupted, it goes on where it was when run again with the same folder; shapes that are done are
not measured again. Prints a row per shape: the short search's time over the long one's, and both over
the default's; at the end, or the interruption, the worst of those done.
"""
import argparse
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys


def draw(rng):
    size = rng.choice([7, 14, 28, 56])
    c, k = (rng.choice([16, 24, 32, 48, 64, 96, 128, 192, 256]) for _ in range(2))
    kernel = rng.choice([1, 3, 3, 5])
    stride = rng.choice([1, 1, 1, 2])
    return size, c, k, kernel, stride


def network(index, size, c, k, kernel, stride):
    return (f"network shape{index} {{\n"
            f"    input x: f32[1, {c}, {size}, {size}] layout NHWC\n"
            f"    y = conv2d(x, {k}, kernel={kernel}, stride={stride}, padding={kernel // 2}) as conv\n"
            f"    output y = relu(y) layout NHWC\n}}\n")


def tune(cnnc, cnn, sched, trials):
    """Brings the file of records to this many trials."""
    done = 0
    if os.path.exists(sched + ".tried"):
        with open(sched + ".tried", encoding="utf-8") as file:
            done = sum(1 for _ in file)
    if done < trials:
        subprocess.run([cnnc, "tune", cnn, "--no-records", "--trials", str(trials - done),
                        "-o", sched], check=True, stdout=subprocess.DEVNULL)
    with open(sched, encoding="utf-8") as file:
        _, workload, schedule, _, origin = file.readline().split(" | ")
    return workload, schedule, "weights from memory" in origin


def race(kernel_bench, workload, cold, schedules):
    """Median milliseconds, in turn in one process: the default's, and those of each schedule."""
    out = subprocess.run([kernel_bench, *(["--cold"] if cold else []), workload, "default",
                          *schedules], check=True, capture_output=True, text=True).stdout
    times, default = {}, None
    for line in out.splitlines():
        found = re.match(r" *([0-9.]+) ms min +([0-9.]+) median.* s  (.*)$", line)
        if found:
            # A schedule that is the default's is not another.
            times.setdefault(found.group(3), float(found.group(2)))
            default = default or float(found.group(2))
    return default, times


def ratios_of(kernel_bench, workload, cold, short, long):
    """Of the times: short over long, default over short, default over long. Where memory lies in
    the caches differs from process to process by more than the schedules do: the median of five."""
    rows = []
    for _ in range(5):
        default, times = race(kernel_bench, workload, cold, dict.fromkeys([short, long]))
        rows.append([times[short] / times[long], default / times[short], default / times[long]])
    return [statistics.median(column) for column in zip(*rows)]


def measure(args, index, shape):
    """The three ratios of a shape; from the folder, if they were measured before."""
    base = os.path.join(args.folder, f"shape{index}-seed{args.seed}")
    result = f"{base}-{args.short}-{args.long}.json"
    if os.path.exists(result):
        with open(result, encoding="utf-8") as file:
            return json.load(file)
    cnn = base + ".cnn"
    with open(cnn, "w", encoding="utf-8") as file:
        file.write(network(index, *shape))
    workload, short, cold = tune(args.cnnc, cnn, base + "-short.sched", args.short)
    _, long, _ = tune(args.cnnc, cnn, base + "-long.sched", args.long)
    ratios = ratios_of(args.kernel_bench, workload, cold, short, long)
    with open(result + ".new", "w", encoding="utf-8") as file:
        json.dump(ratios, file)
    os.replace(result + ".new", result)
    return ratios


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", type=int, default=8)
    parser.add_argument("--short", type=int, default=48)
    parser.add_argument("--long", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cnnc", default="build/cnnc")
    parser.add_argument("--kernel-bench", default="build/kernel_bench")
    parser.add_argument("--folder", default="build/tuning_quality")
    args = parser.parse_args()
    os.makedirs(args.folder, exist_ok=True)
    signal.signal(signal.SIGTERM, interrupt)
    rng = random.Random(args.seed)
    worst, done = 0, 0
    print(f"{'SHAPE':34} {'SHORT/LONG':>10} {'DEFAULT/SHORT':>13} {'DEFAULT/LONG':>12}")
    try:
        for index in range(args.shapes):
            size, c, k, kernel, stride = shape = draw(rng)
            ratio, default_short, default_long = measure(args, index, shape)
            worst, done = max(worst, ratio), done + 1
            print(f"{f'{kernel}x{kernel}/{stride}, {c}->{k}, {size}x{size}':34} {ratio:10.3f} "
                  f"{default_short:13.3f} {default_long:12.3f}", flush=True)
    except KeyboardInterrupt:
        pass
    print(f"worst of {done} shapes: {worst:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
