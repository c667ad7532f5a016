// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operators of the language that the graph says with several of its own.
#pragma once

#include "compiler/graph/registry.h"

namespace cnnc {

// Their rows. They lack what makes an operator: Elaborator::apply_composite() makes the nodes.
const std::vector<OpSpec> &composite_specs();

// An operator of the language: one of the graph's, or a composite.
const OpSpec *find_operator(std::string_view name);

} // namespace cnnc
