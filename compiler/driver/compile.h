// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// From a graph to compiled kernels and a library, as commands ask for it on the command line.
#pragma once

#include "compiler/codegen/library.h"
#include "compiler/codegen/service.h"
#include "compiler/driver/console.h"
#include "compiler/graph/kernel_graph.h"
#include "compiler/plan/plan.h"
#include "compiler/target/target.h"
#include "schedules/choose.h"

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace cnnc {

struct CompileArguments {
    std::string target = "host";             // one, or for some commands several, between commas
    std::string cpu;                         // as many
    std::vector<std::string> schedule_files; // --schedules F
    std::vector<std::string> schedules;      // --schedule 'LAYER: EXPR'
    bool no_records = false;                 // those that come with cnnc
    int jobs = 0;
    bool no_cache = false;
};
void add_compile_arguments(CLI::App &command, CompileArguments &arguments);

// A network after passes, kernel forming and planning, with a schedule for every kernel. `source`
// is the graph as it was loaded.
struct Scheduled {
    std::string target_name; // as the user wrote it
    Target target;
    KernelGraph kernels;
    Plan plan;
    std::vector<ScheduleChoice> choices; // per kernel
};
// Says what read_records has returned of a file.
void warn_of_skipped(const std::vector<std::string> &problems, Console &console);
// The records the arguments name, and those that come with cnnc.
ScheduleBook read_book(const CompileArguments &arguments, Console &console);

Scheduled schedule_network(const Graph &graph, const CompileArguments &arguments, Console &console);
// The same kernels, memory and plan for each of several targets.
std::vector<Scheduled> schedule_variants(const Graph &graph, const CompileArguments &arguments,
                                         Console &console);

// The target of the arguments; throws for one that does not exist, and for several.
Target chosen_target(const CompileArguments &arguments);
// Throws as well when they cannot be variants of one library.
struct NamedTarget {
    std::string name; // as the user wrote it
    Target target;
};
std::vector<NamedTarget> chosen_targets(const CompileArguments &arguments);

// What compiles a kernel of `scheduled`.
KernelRequest kernel_request(const Scheduled &scheduled, size_t index);

// Per kernel of `scheduled`. A kernel that cannot be compiled is a bug and ends the command with
// what is needed to reproduce it. `compile`, where given, takes the place of compile_kernel, and
// then nothing is taken from or put into the cache.
using CompileFunction = CompiledKernel (*)(const KernelRequest &);
std::vector<KernelResult> compile_scheduled(const Scheduled &scheduled,
                                            const CompileArguments &arguments, Console &console,
                                            CompileFunction compile = nullptr);

Library link_library(const Scheduled &scheduled, const std::vector<KernelResult> &results,
                     bool weights_file);
// `results` per variant.
Library link_variants(const std::vector<Scheduled> &variants,
                      const std::vector<std::vector<KernelResult>> &results, bool weights_file);

// The operator of a kernel's anchor, as the language writes it.
std::string kernel_op_name(const Kernel &kernel, const Graph &graph);

} // namespace cnnc
