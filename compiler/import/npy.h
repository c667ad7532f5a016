// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// NumPy's .npy files: one array, its type and shape. As with weights, a file is never trusted.
#pragma once

#include "compiler/graph/tensor.h"
#include "compiler/import/file.h"

#include <optional>
#include <string>

namespace cnnc {

// Reads an array of f2, f4, f8, i1, i2, i4, i8, u1 or b1, of either byte order. Fortran order
// becomes C order. The data are a view into the mapped file where they can be.
std::optional<TensorData> read_npy(const std::string &path, Diagnostics &diags);
// The same for bytes already at hand.
std::optional<TensorData> parse_npy(const std::string &path, const FileBytes &bytes,
                                    Diagnostics &diags);

// Writes version 1.0 in C order. bf16 has no name in NumPy: it is written as f4.
bool write_npy(const std::string &path, const TensorData &data, Diagnostics &diags);

} // namespace cnnc
