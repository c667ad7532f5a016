// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Words that diagnostics of calls share.
#pragma once

#include "dsl/ast.h"
#include "dsl/diagnostics.h"

#include <string>
#include <vector>

namespace cnnc {

// "the arguments `a`, `b` and `c`"
std::string arguments_text(const std::vector<std::string> &names);
// "2 operands"
std::string count_text(size_t count, std::string_view noun);
void report_unknown_argument(const ast::Identifier &argument, const std::string &callee,
                             const std::vector<std::string> &known, Diagnostics &diags);

} // namespace cnnc
