// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The commands of cnnc. Each adds itself to the command line and, when it is the one asked for,
// leaves what to do in `action`.
#pragma once

#include "compiler/driver/console.h"

#include <functional>

namespace CLI {
class App;
}

namespace cnnc {

using Action = std::function<int(Console &)>;

void add_check_command(CLI::App &app, Action &action);
void add_summary_command(CLI::App &app, Action &action);
void add_build_command(CLI::App &app, Action &action);
void add_run_command(CLI::App &app, Action &action);
void add_verify_command(CLI::App &app, Action &action);
void add_bench_command(CLI::App &app, Action &action);
void add_tune_command(CLI::App &app, Action &action);
void add_sched_command(CLI::App &app, Action &action);
void add_import_command(CLI::App &app, Action &action);
void add_export_command(CLI::App &app, Action &action);
void add_explain_command(CLI::App &app, Action &action);
void add_opt_command(CLI::App &app, Action &action);
void add_fmt_command(CLI::App &app, Action &action);
void add_targets_command(CLI::App &app, Action &action);

// The text of `cnnc --version`.
std::string version_text();

} // namespace cnnc
