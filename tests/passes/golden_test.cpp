// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Golden cases: a network's text, and the kernels it becomes.
#include "compiler/passes/passes.h"
#include "compiler/sema/load.h"
#include "tests/golden_runner.h"

#include <gtest/gtest.h>

namespace cnnc {
namespace {

std::string kernels_of(const testing::GoldenCase &golden) {
    SourceManager sources;
    Diagnostics diags;
    const testing::GoldenSection *file = golden.find("file");
    auto graph = load_network_text(file->argument, file->text, sources, diags);
    if (!graph) {
        ADD_FAILURE() << diags.render(sources);
        return "";
    }
    const KernelGraph kernels = form_kernels(optimize(std::move(*graph)));
    for (const std::string &finding : verify(kernels))
        ADD_FAILURE() << finding;
    return kernel_graph_text(kernels);
}

} // namespace
} // namespace cnnc

int main(int argc, char **argv) {
    cnnc::testing::register_golden_cases("Kernels", CNNC_SOURCE_DIR "/tests/passes/golden",
                                         cnnc::kernels_of);
    return cnnc::testing::golden_main(argc, argv);
}
