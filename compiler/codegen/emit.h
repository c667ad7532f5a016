// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The last step of every compilation: an optimized LLVM module becomes machine code for exactly the
// target and CPU that were asked for. Kernels and the driver both end here.
#pragma once

#include "compiler/target/target.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace cnnc {

// Position-independent, optimizing, each function and datum in a section of its own.
std::unique_ptr<llvm::TargetMachine> make_target_machine(const Target &target);

// Gives the module the target's triple and data layout, and takes CPU and features off its
// functions (what clang or Halide compiled them for), so that the target machine's hold. Do this
// before optimizing a module that will be emitted for `target`.
void set_target(llvm::Module &module, const Target &target);

// Both call set_target first. The same module gives the same bytes. LLVM may abort the process on
// code it cannot select instructions for.
std::string emit_object(llvm::Module &module, const Target &target); // ELF
std::string emit_assembly(llvm::Module &module, const Target &target);

// Why the releases of Halide and LLVM that cnnc was built with cannot compile for the target; ""
// when they can.
std::string release_problem(const Target &target);

// True when `cpu` is a name of LLVM's for the target's architecture ("" is: the least CPU).
bool is_llvm_cpu(const Target &target, std::string_view cpu);

// LLVM's name for this machine's CPU; when that CPU has a feature that this machine lacks (virtual
// machines hide some), the nearest lesser CPU's. "" where there is none.
std::string host_cpu_name();

// "14.0.6".
std::string llvm_version();

} // namespace cnnc
