// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Constants of a driver's module: the run time's structs, field by field. Pointers in them are to
// bytes, which LLVM 14 tells from others.
#pragma once

#include "compiler/codegen/gpu_program.h"

#include <llvm/IR/Module.h>

#include <string>
#include <vector>

namespace cnnc {

llvm::PointerType *byte_pointer(const llvm::Module &module);
// `global` as a pointer to bytes.
llvm::Constant *address_of(llvm::Constant *global);
llvm::Constant *integer_constant(const llvm::Module &module, unsigned bits, uint64_t value);
// The address of the text, with a zero behind it.
llvm::Constant *text_constant(llvm::Module &module, const std::string &text);
// The address of the elements, or null when there are none.
llvm::Constant *array_constant(llvm::Module &module, const std::string &name,
                               const std::vector<llvm::Constant *> &elements);

// The address of a struct cnnc_gpu_program (runtime/gpu.h). The network's ports have these sizes.
llvm::Constant *gpu_program_constant(llvm::Module &module, const GpuProgram &program,
                                     const std::vector<int64_t> &port_bytes);

} // namespace cnnc
