#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times networks in cnnc and in ONNX Runtime, alternating, and prints a table.

    npm install --ignore-scripts onnxruntime-node       # in a folder of yours; run this from there
    against_onnxruntime.py --cnnc build/cnnc examples/resnet18/resnet18.cnn=resnet18.onnx ...

Each pair is a .cnn file and an ONNX file of the same network. Machines are noisy: the two are run in
turn (A B A B ...), and the table has the ratio of the minima over all rounds, the median of the
rounds' ratios of medians, and the machine's FMA peak, the best that any round saw.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys


def run_json(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout)


def measure(pair, options):
    network, model = pair.split('=', 1)
    here = os.path.dirname(os.path.abspath(__file__))
    ours, theirs = [], []
    for _ in range(options.rounds):
        theirs.append(run_json(['node', os.path.join(here, 'onnxruntime.js'), model,
                                str(options.threads), str(options.seconds)]))
        ours.append(run_json([options.cnnc, 'bench', network, '--random-weights', '1', '--json',
                              '--threads', str(options.threads),
                              '--seconds', str(options.seconds)]))
    best = [min(r['min_ms'] for r in rows) for rows in (ours, theirs)]
    medians = statistics.median(a['median_ms'] / b['median_ms'] for a, b in zip(ours, theirs))
    peak = max(r['peak_gflops'] for r in ours)
    gflops = 2e-6 * ours[0]['macs'] / best[0]
    print(f"| {ours[0]['network']} | {best[0]:.4g} | {best[1]:.4g} | {best[0] / best[1]:.2f} "
          f"| {medians:.2f} | {gflops:.0f} | {peak:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('pairs', nargs='+', metavar='NET.cnn=MODEL.onnx')
    parser.add_argument('--cnnc', default='build/cnnc')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=10)
    parser.add_argument('--seconds', type=float, default=1, help='per run and round')
    options = parser.parse_args()
    print('| network | cnnc ms | ONNX Runtime ms | ratio of minima | ratio of medians '
          '| cnnc GFLOP/s | FMA peak |')
    print('|---|---|---|---|---|---|---|', flush=True)
    for pair in options.pairs:
        measure(pair, options)
    return 0


if __name__ == '__main__':
    sys.exit(main())
