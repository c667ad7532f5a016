#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Measures the records that come with cnnc: tunes the example networks for this machine, and for
# AVX2 where it has AVX-512. Run it while nothing else uses the machine.
#
#     tools/tune_examples.sh [BUDGET [NETWORK ...]]       (default: 10m, all examples)
#
# Each network is tuned into FOLDER/NETWORK-TARGET.sched ($CNNC_TUNE_DIR, default: build/tuned) and can be
# interrupted and run again. What the look-up needs of it (`cnnc sched prune`) goes to
# schedules/TARGET.sched.
set -euo pipefail
cd "$(dirname "$0")/.."
cnnc=${CNNC:-build/cnnc}
folder=${CNNC_TUNE_DIR:-build/tuned}
budget=${1:-10m}
shift || true
networks=("$@")
if [ ${#networks[@]} -eq 0 ]; then
  networks=(lenet5 squeezenet mobilenet_v1 mobilenet_v2 resnet18 resnet50 vgg16)
fi
targets=(host)
if grep -q -m1 avx512f /proc/cpuinfo; then
  targets+=(avx2)
fi
mkdir -p "$folder"

name_of() { # of a target: what its file of records is called
  if [ "$1" != host ]; then
    echo "$1"
  elif grep -q -m1 avx512f /proc/cpuinfo; then
    echo avx512
  elif grep -q -m1 avx2 /proc/cpuinfo; then
    echo avx2
  else
    echo "$(uname -m)"
  fi
}

for network in "${networks[@]}"; do
  for target in "${targets[@]}"; do
    echo "== $network for $target, $budget"
    # The records that come with cnnc would only hide what this machine says.
    "$cnnc" tune "examples/$network/$network.cnn" --target "$target" --no-records \
      --budget "$budget" -o "$folder/$network-$(name_of "$target").sched"
  done
done
for target in "${targets[@]}"; do
  name=$(name_of "$target")
  "$cnnc" sched prune "$folder"/*-"$name".sched -o "schedules/$name.sched"
  echo "schedules/$name.sched: $(wc -l < "schedules/$name.sched") records"
done
