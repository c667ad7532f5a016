// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// cnnc targets and cnnc --version: what can be compiled for, and with what.
#include "compiler/driver/commands.h"

#include "compiler/codegen/emit.h"
#include "compiler/codegen/versions.h"
#include "compiler/target/target.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <ostream>

namespace cnnc {
namespace {

int list_targets(Console &console) {
    Table targets({"TARGET", "IN FULL", "FOR"});
    for (const KnownTarget &target : known_targets())
        targets.add(
            {std::string(target.name), std::string(target.text), std::string(target.about)});
    Table cpus({"CPU", "WHICH IS"});
    for (const KnownCpu &cpu : known_cpus())
        cpus.add({std::string(cpu.name), std::string(cpu.about)});
    const Target host = host_target();
    const Machine machine = machine_for(host);
    console.out << targets.text() << "\n" << cpus.text() << "\n";
    console.out << fmt::format("This machine (--target host): {}\n", target_text(host));
    console.out << fmt::format("{} cores, {} vector registers of {} bytes, L1 {}, L2 {}\n",
                               machine.cores, machine.vector_registers, machine.vector_bytes,
                               bytes_text(machine.l1_bytes), bytes_text(machine.l2_bytes));
    return exit_ok;
}

} // namespace

std::string version_text() {
    return fmt::format("cnnc {}\nHalide {}\nLLVM {}\n", cnnc_version(), halide_version(),
                       llvm_version());
}

void add_targets_command(CLI::App &app, Action &action) {
    CLI::App *command = app.add_subcommand("targets", "List the known targets and CPUs");
    command->callback([&action] { action = list_targets; });
}

} // namespace cnnc
