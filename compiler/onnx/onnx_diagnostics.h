// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The diagnostics of onnx_diagnostics.def as types.
#pragma once

#include "dsl/diagnostics.h"

namespace cnnc::diag {

#define CNNC_ERROR(NAME, TEXT, ...) CNNC_DECLARE_DIAGNOSTIC(NAME, error, TEXT)
#define CNNC_WARNING(NAME, TEXT, ...) CNNC_DECLARE_DIAGNOSTIC(NAME, warning, TEXT)
#define CNNC_NOTE(NAME, TEXT, ...) CNNC_DECLARE_DIAGNOSTIC(NAME, note, TEXT)
#include "compiler/onnx/onnx_diagnostics.def"
#undef CNNC_ERROR
#undef CNNC_WARNING
#undef CNNC_NOTE

} // namespace cnnc::diag
