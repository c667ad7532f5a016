// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The graph passes in their order.
#include "compiler/passes/passes.h"

#include <cassert>

namespace cnnc {

const std::vector<Pass> &graph_passes() {
    static const std::vector<Pass> passes = {
        {"remove_no_ops", remove_no_ops},
        {"fold_constants", fold_constants},
        {"fold_batch_norm", fold_batch_norm},
        // From here on there is no BatchNorm.
        {"remove_dead_code", remove_dead_code},
    };
    return passes;
}

Graph optimize(Graph graph, const std::function<void(const Pass &, const Graph &)> &after) {
    for (const Pass &pass : graph_passes()) {
        graph = pass.run(std::move(graph));
        assert(verify(graph).empty());
        if (after)
            after(pass, graph);
    }
    return graph;
}

} // namespace cnnc
