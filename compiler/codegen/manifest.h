// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What stands beside a library for machines to read: the manifest, and the files by which CMake and
// pkg-config find it.
#pragma once

#include "compiler/codegen/c_interface.h"
#include "compiler/codegen/library.h"
#include "compiler/codegen/packed_weights.h"

#include <string>

namespace cnnc {

// JSON: target, versions, inputs, outputs, memory, steps with workload and schedule, kernels. The
// target, steps and kernels of the first variant; with several, all of them under "variants".
std::string manifest_text(const LibraryRequest &request, const CInterface &interface,
                          const PackedWeights &weights, int64_t memory_bytes);

// NAME-config.cmake: the target NAME::NAME, wherever the files lie. A library for GPUs loads their
// driver, which takes libdl where that is not yet a part of the C library.
std::string cmake_config_text(const std::string &name, bool gpu);
// NAME.pc, relocatable too.
std::string pkg_config_text(const std::string &name, bool gpu);

} // namespace cnnc
