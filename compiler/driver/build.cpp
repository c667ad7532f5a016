// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// cnnc build: the network as a static library with its header, manifest and package files.
#include "compiler/driver/commands.h"
#include "compiler/driver/compile.h"
#include "compiler/driver/files.h"
#include "compiler/driver/network.h"
#include "compiler/sema/call_text.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <memory>
#include <ostream>
#include <set>

namespace cnnc {
namespace {

struct Options {
    NetworkArguments network;
    WeightArguments weights;
    CompileArguments compile;
    std::string dir;
    bool weights_file = false;
};

std::vector<OutputFile> files_of(const Library &library, const std::string &archive,
                                 const std::string &name) {
    std::vector<OutputFile> files = {
        {fmt::format("lib{}.a", name), archive}, {name + ".h", library.header},
        {name + ".json", library.manifest},      {name + "-config.cmake", library.cmake_config},
        {name + ".pc", library.pkg_config},
    };
    if (!library.weights.empty())
        files.push_back({name + ".weights", library.weights});
    return files;
}

void report(const std::vector<Scheduled> &variants,
            const std::vector<std::vector<KernelResult>> &results, const Library &library,
            size_t archive_bytes, const std::string &dir, double seconds, Console &console) {
    std::set<std::string> distinct, cached;
    for (const auto &variant : results)
        for (const KernelResult &result : variant) {
            distinct.insert(result.kernel.symbol);
            if (result.cached)
                cached.insert(result.kernel.symbol);
        }
    std::vector<std::string> targets;
    for (const Scheduled &variant : variants)
        targets.push_back(target_text(variant.target));
    console.err << fmt::format(
        "{}/lib{}.a: {} for {}, in {}\n", dir, variants.front().kernels.graph.name,
        bytes_text(int64_t(archive_bytes)), fmt::join(targets, ", "), seconds_text(seconds));
    console.err << fmt::format(
        "{}, {} ({} compiled, {} from the cache), {} of memory when it "
        "runs\n",
        count_text(results.front().size(), "step"), count_text(distinct.size(), "kernel"),
        distinct.size() - cached.size(), cached.size(), bytes_text(library.memory_bytes));
}

int build(const Options &options, Console &console) {
    const auto start = std::chrono::steady_clock::now();
    chosen_targets(options.compile); // a bad --target is said before anything is loaded
    const Graph graph = load_graph(options.network, options.weights, Need::weights, console);
    const std::vector<Scheduled> variants = schedule_variants(graph, options.compile, console);
    std::vector<std::vector<KernelResult>> results;
    for (const Scheduled &variant : variants)
        results.push_back(compile_scheduled(variant, options.compile, console));
    const Library library = link_variants(variants, results, options.weights_file);
    const std::string archive = library_archive(library);
    write_files(options.dir, files_of(library, archive, graph.name));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    report(variants, results, library, archive.size(), options.dir, took.count(), console);
    return exit_ok;
}

} // namespace

void add_build_command(CLI::App &app, Action &action) {
    auto options = std::make_shared<Options>();
    CLI::App *command = app.add_subcommand("build", "Compile a network into a static library");
    add_network_arguments(*command, options->network);
    command->add_option("-o,--output", options->dir, "Folder for the files, made if need be")
        ->required()
        ->type_name("DIR");
    add_weight_arguments(*command, options->weights);
    command->add_flag("--weights-file", options->weights_file,
                      "Put the weights into a file that is mapped at run time");
    add_compile_arguments(*command, options->compile);
    command->get_option("--target")
        ->description(
            "Compile for this (see `cnnc targets`), or for several: A,B,C; the first that "
            "fits is chosen when it runs");
    command->get_option("--cpu")->description(
        "The CPU to schedule for (see `cnnc targets`); for several targets one each: C,C,C");
    command->callback([options, &action] {
        action = [options](Console &console) { return build(*options, console); };
    });
}

} // namespace cnnc
