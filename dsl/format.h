// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The formatter behind `cnnc fmt`: one way to lay out a .cnn file.
//
// Comments stay, up to one blank line stays where there were any, and so do the line breaks of a
// chain, since they group its stages. Everything else is decided here: four columns of indentation,
// lines of 100 columns, the `->` of a chain below one another. Formatting twice changes nothing,
// and the text formatted has the same syntax tree.
#pragma once

#include "dsl/diagnostics.h"
#include "dsl/source.h"

#include <optional>
#include <string>

namespace cnnc {

// The text of a file, formatted; nothing after reporting that it does not parse.
std::optional<std::string> format_source(FileId file, const SourceManager &sources,
                                         Diagnostics &diags);

} // namespace cnnc
