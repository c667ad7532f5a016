#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The examples that work on pictures, built and run as their READMEs say: pictures.sh CNNC CC SOURCE
# Pictures: upscale.png and upscale_expected.png are @upscalerjs/default-model's own (MIT); faces.png
# is a part of NASA's portrait of Eileen Collins (public domain).
set -euo pipefail
cnnc=$1 cc=$2 source=$3
pictures=$source/tests/e2e/pictures
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! echo '#include <png.h>' | "$cc" -E - >/dev/null 2>&1; then
  echo "skipped: libpng's header is not here"
  exit 77
fi

# build EXAMPLE [OPTION...]: the library of an example, and its program.
build() {
  local name=$1 example=$source/examples/$1
  shift
  "$cnnc" build "$example/$name.cnn" "$@" --weights "$example/$name.safetensors" -o "$work/$name.out"
  "$cc" -O2 -Wall -Wextra -Werror "$example/$name.c" -I"$work/$name.out" \
    "$work/$name.out/lib$name.a" -lpng -lm -lpthread -o "$work/$name"
}

build upscale
"$work/upscale" "$pictures/upscale.png" "$work/upscaled.png"
"$cc" -O2 -Wall -Wextra -Werror "$source/tests/e2e/compare_pictures.c" -lpng -o "$work/compare"
# The package's picture was computed in another order of additions: some bytes round otherwise.
"$work/compare" "$work/upscaled.png" "$pictures/upscale_expected.png" 1 100

build faces --set height=128 --set width=128
"$work/faces" "$pictures/faces.png" "$work/boxes.png" | tee "$work/found"
grep -qx 'face 1: 9[0-9]% at .*' "$work/found"
[[ $(wc -l <"$work/found") == 1 ]]
# Only the face's frame and landmarks have been drawn.
if "$work/compare" "$work/boxes.png" "$pictures/faces.png" 0 0; then
  exit 1
fi
"$work/compare" "$work/boxes.png" "$pictures/faces.png" 255 8000
