// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/lower/example_workloads.h"

#include "compiler/passes/passes.h"
#include "compiler/sema/load.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace cnnc {
namespace {

std::string example_text(const std::string &name, int size) {
    std::ifstream file(fmt::format("{0}/examples/{1}/{1}.cnn", CNNC_SOURCE_DIR, name));
    std::stringstream stream;
    stream << file.rdbuf();
    std::string text = stream.str();
    const std::string full = "224, 224";
    if (size_t at = text.find(full); at != std::string::npos)
        text.replace(at, full.size(), fmt::format("{0}, {0}", size));
    return text;
}

} // namespace

std::vector<Workload> example_workloads(const std::string &name, int size) {
    SourceManager sources;
    Diagnostics diags;
    auto graph = load_network_text(name + ".cnn", example_text(name, size), sources, diags);
    EXPECT_TRUE(graph) << diags.render(sources);
    std::vector<Workload> workloads;
    if (graph)
        for (const Kernel &kernel : form_kernels(optimize(std::move(*graph))).kernels)
            workloads.push_back(kernel.workload);
    return workloads;
}

} // namespace cnnc
