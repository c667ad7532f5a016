// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// From the command line to a command, and from whatever ends it to an exit code.
#include "compiler/driver/driver.h"

#include "compiler/driver/command_line.h"
#include "compiler/driver/commands.h"
#include "dsl/diagnostics.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <new>
#include <ostream>

namespace cnnc {
namespace {

constexpr const char *description =
    R"(cnnc compiles a convolutional neural network, described in a .cnn file, into a
static library with a C interface.

Examples:
  cnnc check net.cnn
      look for mistakes
  cnnc build net.cnn --weights net.safetensors -o out
      write out/libnet.a, out/net.h and what CMake and pkg-config need
  cnnc run net.cnn --weights net.safetensors --input image=photo.png
      one inference on this machine
  cnnc verify net.cnn --random-weights 1
      compare the compiled network with the reference interpreter
  cnnc bench net.cnn --layers
      time it, layer by layer
  cnnc tune net.cnn --budget 10m -o net.sched
      search faster schedules; build with them: cnnc build net.cnn --schedules net.sched ...
  cnnc import model.onnx -o net
      turn an ONNX model into net/NAME.cnn and net/NAME.safetensors
  cnnc explain net.cnn conv1
      what was fused, which schedule it got, and why
)";

constexpr const char *footer =
    R"(
`cnnc COMMAND --help` says more about a command; `cnnc --version` what cnnc is made of.
Exit codes: 0 success, 1 the input is wrong, 2 bad command line, 3 the environment
failed (disk full, no permission), 70 a bug in cnnc.
)";

// The help of cnnc itself; a command's is CLI11's.
std::string top_help(const CLI::App &app) {
    std::string text =
        std::string(description) + "\nUsage: cnnc COMMAND ARGUMENTS...\n\nCommands:\n";
    for (const CLI::App *command : app.get_subcommands(nullptr))
        text += fmt::format("  {:9}{}\n", command->get_name(), command->get_description());
    return text + footer;
}

std::string quoted_command(const std::vector<std::string> &args) {
    std::string text = "cnnc";
    for (const std::string &arg : args) {
        const bool plain = arg.find_first_of(" \t\n'\"\\$*?[](){};&|<>`!#") == std::string::npos;
        text += plain && !arg.empty() ? " " + arg : " '" + arg + "'";
    }
    return text;
}

void say(Console &console, std::string_view kind, std::string_view message) {
    console.err << fmt::format("cnnc: {}: {}\n", kind, message);
}

int report_bug(Console &console, const std::vector<std::string> &args, std::string_view what) {
    say(console, "bug", what);
    console.err << fmt::format(
        "This is a mistake in cnnc, not in your network. Please report it with the\n"
        ".cnn file, the output of `cnnc --version` and this command:\n    {}\n",
        quoted_command(args));
    return exit_bug;
}

// CLI11 would only say that a command is required.
void check_command_name(const CLI::App &app, const std::vector<std::string> &args) {
    if (args.empty())
        throw Failure{exit_bad_command_line, "no command; `cnnc --help` lists them"};
    std::vector<std::string> names;
    for (const CLI::App *command : app.get_subcommands(nullptr))
        names.push_back(command->get_name());
    if (args[0].substr(0, 1) == "-" ||
        std::find(names.begin(), names.end(), args[0]) != names.end())
        return;
    const std::string near = nearest_name(args[0], names);
    throw Failure{exit_bad_command_line,
                  fmt::format("there is no command `{}`; {}", args[0],
                              near.empty() ? "`cnnc --help` lists them"
                                           : fmt::format("did you mean `{}`?", near))};
}

int parse(CLI::App &app, std::vector<std::string> args, Console &console, bool &stop) {
    stop = true;
    try {
        std::reverse(args.begin(), args.end()); // as CLI11 wants it
        app.parse(args);
        stop = false;
        return exit_ok;
    } catch (const CLI::CallForHelp &) {
        console.out << app.help(); // of the command, if there is one
        return exit_ok;
    } catch (const CLI::CallForVersion &) {
        console.out << version_text();
        return exit_ok;
    } catch (const CLI::ParseError &error) {
        const CommandLineProblem problem = command_line_problem(app, error);
        say(console, "error", problem.message);
        console.err << fmt::format("Run `{} --help` for help.\n", problem.command);
        return exit_bad_command_line;
    }
}

} // namespace

int cnnc_main(std::vector<std::string> args, Console &console) {
    try {
        CLI::App app(description, "cnnc");
        Action action;
        app.require_subcommand(1);
        app.set_version_flag("--version", "", "Print the versions of cnnc, Halide and LLVM");
        app.get_formatter()->column_width(34);
        for (const auto add :
             {add_check_command, add_summary_command, add_build_command, add_run_command,
              add_verify_command, add_bench_command, add_tune_command, add_sched_command,
              add_explain_command, add_import_command, add_export_command, add_opt_command,
              add_fmt_command, add_targets_command})
            add(app, action);
        refuse_values_of_flags(app);
        app.formatter_fn([](const CLI::App *asked, std::string, CLI::AppFormatMode) {
            return top_help(*asked);
        });
        check_command_name(app, args);
        bool stop = false;
        const int code = parse(app, args, console, stop);
        return stop ? code : action(console);
    } catch (const Failure &failure) {
        if (failure.code == exit_bug)
            return report_bug(console, args, failure.message);
        if (!failure.message.empty())
            say(console, "error", failure.message);
        return failure.code;
    } catch (const std::bad_alloc &) {
        say(console, "error", "not enough memory");
        return exit_environment;
    } catch (const std::exception &error) {
        return report_bug(console, args, error.what());
    } catch (...) {
        return report_bug(console, args, "an exception of unknown kind");
    }
}

} // namespace cnnc
