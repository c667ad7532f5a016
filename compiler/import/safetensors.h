// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Weights in safetensors files: eight bytes of header length, a JSON header that names each
// tensor's type, shape and place, then the data. A file is never trusted: whatever its bytes, the
// answer is a WeightsFile whose every entry lies inside it, or diagnostics.
#pragma once

#include "compiler/graph/graph.h"
#include "compiler/import/file.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cnnc {

struct NamedTensor {
    std::string name;
    TensorData data;
};

struct WeightsFile {
    std::string path; // what diagnostics call it
    // Sorted by name, no two alike. The data are views into the mapped file (copies only where the
    // file keeps them unaligned).
    std::vector<NamedTensor> entries;

    const NamedTensor *find(std::string_view name) const;
};

// Maps the file; costs its header, not its data.
std::optional<WeightsFile> read_safetensors(const std::string &path, Diagnostics &diags);
// The same for bytes already at hand.
std::optional<WeightsFile> parse_safetensors(std::string path, const FileBytes &bytes,
                                             Diagnostics &diags);

// A file's bytes. The same tensors in whatever order give the same bytes. Names must differ.
std::string safetensors_bytes(std::vector<NamedTensor> tensors);
// The same, written without a copy of the tensors.
bool write_safetensors(const std::string &path, std::vector<NamedTensor> tensors,
                       Diagnostics &diags);

// Gives every param of the graph its data from the entry of its name. f16, bf16 and f64 entries
// become f32; anything else must have the param's type. Reports what is missing or does not fit at
// the instance that asked for it. Returns the names of entries nobody asked for, without those
// that training leaves behind (`num_batches_tracked`).
std::vector<std::string> bind_weights(Graph &graph, const WeightsFile &weights, Diagnostics &diags);

} // namespace cnnc
