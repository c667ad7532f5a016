#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Writes the tables of docs/machine-code.md: what `cnnc bench --static` says of networks on CPUs, by
# kind of layer.
#
#     tools/static_table.py build/cnnc > tables.md
import json
import re
import subprocess
import sys

NETWORKS = ["resnet18", "mobilenet_v2"]
CPUS = ["cortex-a72", "cortex-a76", "neoverse-n1"]


def report(cnnc, network, cpu):
    command = [cnnc, "bench", f"examples/{network}/{network}.cnn", "--static", "--json"]
    command += ["--target", "arm64", "--cpu", cpu]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def kind_of(layer):
    family = re.match(r"\w+", layer["schedule"]).group()
    return f"`{layer['op']}` by `{family}`"


def rows_of(layers):
    kinds = {}
    for layer in layers:
        if layer["macs"]:
            kinds.setdefault(kind_of(layer), []).append(layer)
    for kind, members in kinds.items():
        macs = sum(m["macs"] for m in members)
        cycles = sum(m["macs"] / m["fraction"] for m in members)
        most = max(members, key=lambda m: m["macs"])
        spilling = sum(m["spills"] > 0 for m in members)
        yield (kind, len(members), macs, most, spilling, macs / cycles)


def main():
    cnnc = sys.argv[1]
    for network in NETWORKS:
        print(f"### {network}\n")
        print("| CPU | layers | number | multiply-adds | FMAs | loads | stores | instructions |"
              " layers that spill | of the FMA peak |")
        print("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|")
        for cpu in CPUS:
            result = report(cnnc, network, cpu)
            for kind, number, macs, most, spilling, fraction in rows_of(result["layers"]):
                print(f"| {cpu} | {kind} | {number} | {macs / 1e6:.1f} M | {most['multiply_adds']} |"
                      f" {most['loads']} | {most['stores']} | {most['instructions']} | {spilling} |"
                      f" {fraction:.0%} |")
            print(f"| {cpu} | all | | {result['counted_macs'] / 1e6:.1f} M | | | | | |"
                  f" **{result['fraction']:.0%}** |")
        print()


if __name__ == "__main__":
    main()
