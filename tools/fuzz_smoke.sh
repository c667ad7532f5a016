#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Builds the libFuzzer targets and runs each for a short while from its seed corpus.
#
#     tools/fuzz_smoke.sh [SECONDS]
#
# What a run finds it leaves in build-fuzz/; to look for longer, run the programs in
# build-fuzz/tests by hand.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup.sh

seconds=${1:-15}
targets=()
for source in tests/fuzz/*_fuzzer.cpp; do
  targets+=("$(basename "$source" .cpp)")
done

step "building the fuzz targets in build-fuzz/: ${targets[*]}"
mkdir -p build-fuzz
quietly build-fuzz/configure.log cmake --preset fuzz
cmake --build build-fuzz --parallel "$(build_jobs)" --target "${targets[@]}"

for target in "${targets[@]}"; do
  step "fuzzing for $seconds s: $target"
  work=build-fuzz/corpus/$target # new inputs go here, seeds stay as they are
  mkdir -p "$work"
  quietly "build-fuzz/$target.log" "build-fuzz/tests/$target" -max_total_time="$seconds" \
    -artifact_prefix=build-fuzz/ "$work" "tests/fuzz/corpus/${target%_fuzzer}"
  tail -n 1 "build-fuzz/$target.log"
done
