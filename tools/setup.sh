# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# What run-demo and run-tests share: steps that say what they do, missing Debian packages, the
# build. Sourced by bash in the project's folder, with `set -euo pipefail`.

# What building and testing cnnc takes beside Halide.
cnnc_packages=(
  cmake g++ libcli11-dev libfmt-dev libgtest-dev libjpeg-dev libonnx-dev libpng-dev
  libprotobuf-dev ninja-build nlohmann-json3-dev pkg-config protobuf-compiler
)
# Debian's packages of Halide, in Debian 12, 13 and unstable. Each was built with the LLVM of its
# own number; clang of that number compiles the libraries' runtime.
halide_packages=(libhalide14-0-dev libhalide19-dev libhalide21-dev)

step() { printf '\n==> %s\n' "$*"; }
fail() {
  printf '\nerror: %s\n' "$*" >&2
  exit 1
}

is_installed() {
  [[ $(dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null) == ii* ]]
}

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  else
    sudo "$@"
  fi
}

# Runs a talkative command: everything goes to a file; on a terminal its last line is shown in
# place. The file is printed if the command fails.
quietly() {
  local log=$1 line
  shift
  if ! "$@" 2>&1 </dev/null | tee "$log" | while IFS= read -r line; do
    if [[ -t 1 ]]; then printf '\r\033[K    %.70s' "$line"; fi
  done; then
    printf '\n'
    cat "$log" >&2
    fail "this failed: $*"
  fi
  if [[ -t 1 ]]; then printf '\r\033[K'; fi
}

# install_missing PACKAGE...: calls apt only if something is missing.
install_missing() {
  local package missing=()
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    step "this is no Debian: taking for granted that these are there in some form: $*"
    return
  fi
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  if [[ ${#missing[@]} == 0 ]]; then
    return
  fi
  step "installing with apt (a minute or two): ${missing[*]}"
  if [[ $(id -u) != 0 ]] && ! command -v sudo >/dev/null; then
    fail "this takes root or sudo; as root: apt-get install ${missing[*]}"
  fi
  mkdir -p build
  quietly build/apt-update.log as_root apt-get update
  quietly build/apt-install.log as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"
}

# Prints Debian's package of Halide: what is installed, or else what apt can install.
halide_package() {
  local package
  for package in "${halide_packages[@]}"; do
    if is_installed "$package"; then
      echo "$package"
      return
    fi
  done
  for package in "${halide_packages[@]}"; do
    if apt-cache show "$package" >/dev/null 2>&1; then
      echo "$package"
      return
    fi
  done
  return 1
}

# install_cnnc_packages [PACKAGE...]: what building and testing takes, and the packages named.
install_cnnc_packages() {
  local halide version
  if ! command -v dpkg-query >/dev/null || ! command -v apt-cache >/dev/null; then
    install_missing "${cnnc_packages[@]}" Halide LLVM clang "$@"
    return
  fi
  if ! halide=$(halide_package); then
    step "asking apt for its lists of packages"
    mkdir -p build
    quietly build/apt-update.log as_root apt-get update
    halide=$(halide_package) ||
      fail "no Halide that cnnc knows is installed or to be had: one of ${halide_packages[*]}"
  fi
  version=${halide#libhalide}
  version=${version%%-*}
  install_missing "${cnnc_packages[@]}" "$halide" "llvm-$version-dev" "clang-$version" "$@"
}

# One compiler process per core, and no more than have 1.5 GB each: Halide's header is large.
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable/ { print int($2 / 1500000) }' /proc/meminfo)
  if ((memory < 1)); then memory=1; fi
  echo $((cores < memory ? cores : memory))
}

# build_cnnc PRESET [TARGET...]: configures and builds; without targets everything.
build_cnnc() {
  local preset=$1 targets=()
  shift
  if [[ $# -gt 0 ]]; then targets=(--target "$@"); fi
  step "building cnnc in build/ (the first time takes some minutes)"
  mkdir -p build
  quietly build/configure.log cmake --preset "$preset"
  cmake --build build --parallel "$(build_jobs)" "${targets[@]}"
}
