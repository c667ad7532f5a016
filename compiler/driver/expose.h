// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Looking into a compiled network without changing its kernels.
#pragma once

#include "compiler/graph/kernel_graph.h"

namespace cnnc {

// The same kernels, with every temporary buffer moved to a place of its own in one more output of
// the network, the last: there all results are left after a run.
KernelGraph expose_results(KernelGraph kernels);

} // namespace cnnc
