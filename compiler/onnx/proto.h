// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// ONNX's messages. Only the classes that protoc made are used: ONNX's own checker and shape
// inference throw and abort when a file is wrong.
#pragma once

#include <onnx/onnx_pb.h>

namespace cnnc {

namespace pb = ONNX_NAMESPACE;

} // namespace cnnc
