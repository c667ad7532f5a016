// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Tokens to syntax tree, by recursive descent: one function per rule of the grammar.
#pragma once

#include "dsl/ast.h"
#include "dsl/diagnostics.h"

namespace cnnc {

// Parses a whole file. Mistakes are reported, as many as can be told apart; what could be parsed
// is in the tree nevertheless.
ast::File parse_file(FileId file, const SourceManager &sources, Diagnostics &diags);

// Parses text that is one expression (a value given on the command line).
ast::ExprPtr parse_expression(FileId file, const SourceManager &sources, Diagnostics &diags);

} // namespace cnnc
