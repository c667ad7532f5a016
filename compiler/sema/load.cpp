// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The language front end as one call.
#include "compiler/sema/load.h"

namespace cnnc {

std::optional<Graph> load_network(const std::string &path, SourceManager &sources,
                                  Diagnostics &diags, const ElaborateOptions &options) {
    std::optional<Program> program = load_program(path, sources, diags);
    if (!program)
        return std::nullopt;
    return elaborate(*program, sources, options, diags);
}

std::optional<Graph> load_network_text(const std::string &name, std::string text,
                                       SourceManager &sources, Diagnostics &diags,
                                       const ElaborateOptions &options) {
    Program program = load_program_text(name, std::move(text), sources, diags);
    return elaborate(program, sources, options, diags);
}

} // namespace cnnc
