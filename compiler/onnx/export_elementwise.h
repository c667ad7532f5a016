// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Element-by-element operators in ONNX. Private to export*.cpp.
#pragma once

#include "compiler/onnx/onnx_writer.h"

namespace cnnc {

void write_unary(const Unary &unary, const OnnxCall &call);
void write_binary(BinaryKind kind, const OnnxCall &call);

} // namespace cnnc
