// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// cnnc fmt: .cnn files in the one layout everybody reads; `-` formats standard input.
#include "compiler/driver/commands.h"
#include "compiler/driver/files.h"
#include "dsl/format.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <iterator>
#include <memory>
#include <ostream>

namespace cnnc {
namespace {

struct Options {
    std::vector<std::string> files;
    bool check = false;
};

// The formatted text, or nothing after its mistakes were printed.
std::optional<std::string> formatted(const std::string &name, const std::string &text,
                                     Console &console) {
    SourceManager sources;
    Diagnostics diags;
    auto result = format_source(sources.add(name, text), sources, diags);
    console.err << diags.render(sources, console.colour);
    return result;
}

int format_stdin(Console &console) {
    const std::string text(std::istreambuf_iterator<char>(console.in), {});
    const auto result = formatted("<stdin>", text, console);
    if (result)
        console.out << *result;
    return result ? exit_ok : exit_bad_input;
}

int format_file(const std::string &path, bool check, Console &console) {
    const std::string text = read_whole_file(path);
    const auto result = formatted(path, text, console);
    if (!result)
        return exit_bad_input;
    if (*result == text)
        return exit_ok;
    if (!check) {
        write_file_whole(path, *result);
        return exit_ok;
    }
    console.err << fmt::format("{}: is not formatted; run `cnnc fmt {}`\n", path, path);
    return exit_bad_input;
}

int format_all(const Options &options, Console &console) {
    int code = exit_ok;
    for (const std::string &path : options.files) {
        const int one =
            path == "-" ? format_stdin(console) : format_file(path, options.check, console);
        code = code == exit_ok ? one : code;
    }
    return code;
}

} // namespace

void add_fmt_command(CLI::App &app, Action &action) {
    auto options = std::make_shared<Options>();
    CLI::App *command = app.add_subcommand("fmt", "Format .cnn files in place");
    command->add_option("FILE", options->files, "Files to format; - formats standard input")
        ->required()
        ->type_name("");
    command->add_flag("--check", options->check, "Change nothing; exit 1 if a file would change");
    command->callback([options, &action] {
        action = [options](Console &console) { return format_all(*options, console); };
    });
}

} // namespace cnnc
