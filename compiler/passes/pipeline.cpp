// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The graph passes in their order.
#include "compiler/passes/passes.h"

#include <cassert>

namespace cnnc {

const std::vector<Pass> &graph_passes() {
    static const std::vector<Pass> passes = {
        {"remove_no_ops", remove_no_ops},
        {"fold_constants", fold_constants},
        {"simplify", simplify},
        {"matmul_to_linear", matmul_to_linear},
        {"decompose_norms", decompose_norms},
        {"fold_batch_norm", fold_batch_norm},
        // From here on there are no norms.
        {"fold_padding", fold_padding},
        {"decompose_conv_transpose", decompose_conv_transpose},
        {"decompose_pools", decompose_pools},
        {"decompose_reductions", decompose_reductions},
        {"decompose_resize", decompose_resize},
        {"decompose_movements", decompose_movements},
        // From here on there are core operators only.
        {"merge_samples", merge_samples},
        {"merge_movements", merge_movements},
        {"merge_equal", merge_equal},
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
