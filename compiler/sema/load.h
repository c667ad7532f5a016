// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The language front end as one call: file in, graph or diagnostics out.
#pragma once

#include "compiler/sema/elaborate.h"

#include <optional>
#include <string>

namespace cnnc {

// Reads `path` and what it imports, parses and elaborates. Nothing after an error was reported.
std::optional<Graph> load_network(const std::string &path, SourceManager &sources,
                                  Diagnostics &diags, const ElaborateOptions &options = {});

// The same for text in memory, called `name` in diagnostics. Imports are looked up as if the text
// stood in a file of that name.
std::optional<Graph> load_network_text(const std::string &name, std::string text,
                                       SourceManager &sources, Diagnostics &diags,
                                       const ElaborateOptions &options = {});

} // namespace cnnc
