// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What was meant is read from CLI11's options after a failed parse: its messages differ from
// release to release. Only the name of the option in question is taken from them.
#include "compiler/driver/command_line.h"

#include "dsl/diagnostics.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace cnnc {
namespace {

bool is_flag(const CLI::Option &option) {
    return option.get_expected_max() == 0;
}

// The command that was asked for, and its name from `cnnc` on.
std::pair<const CLI::App *, std::string> asked_command(const CLI::App &app) {
    const CLI::App *command = &app;
    std::string name = app.get_name();
    while (!command->get_subcommands().empty()) {
        command = command->get_subcommands().back();
        name += " " + command->get_name();
    }
    return {command, name};
}

// "" unless there is an option that the command does not have.
std::string unknown_option(const CLI::App &command, const std::string &name) {
    const std::vector<std::string> rest = command.remaining();
    const auto option = std::find_if(rest.begin(), rest.end(), [](const std::string &word) {
        return word.size() > 1 && word[0] == '-';
    });
    if (option == rest.end())
        return "";
    const std::string word = option->substr(0, option->find('='));
    std::vector<std::string> names;
    for (const CLI::Option *known : command.get_options())
        for (const std::string &long_name : known->get_lnames())
            names.push_back("--" + long_name);
    const std::string near = nearest_name(word, names);
    return fmt::format("`{}` has no option `{}`{}", name, word,
                       near.empty() ? "" : fmt::format("; did you mean `{}`?", near));
}

// "" unless a command of commands was given none of them.
std::string missing_command(const CLI::App &command, const std::string &name) {
    std::vector<std::string> names;
    for (const CLI::App *sub : command.get_subcommands(nullptr))
        names.push_back(sub->get_name());
    if (names.empty())
        return "";
    const std::vector<std::string> rest = command.remaining();
    if (!rest.empty()) {
        const std::string near = nearest_name(rest[0], names);
        return fmt::format("there is no command `{} {}`; {}", name, rest[0],
                           near.empty() ? fmt::format("`{} --help` lists them", name)
                                        : fmt::format("did you mean `{} {}`?", name, near));
    }
    std::string list = names.back();
    for (size_t i = names.size() - 1; i-- > 0;)
        list = names[i] + (i + 2 == names.size() ? " or " : ", ") + list;
    return fmt::format("`{}` needs a command: {}", name, list);
}

std::string missing_option(const CLI::App &command, const std::string &name) {
    for (const CLI::Option *option : command.get_options()) {
        if (!option->get_required() || option->count() > 0)
            continue;
        std::string about = option->get_description();
        about[0] = char(std::tolower(about[0]));
        const std::string type = option->get_type_name();
        return fmt::format("`{}` needs {}{}{}: {}", name, option->get_name(),
                           type.empty() ? "" : " ", type, about);
    }
    return "";
}

// CLI11 ends a sentence now with a newline, now without.
std::string one_line(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '.'))
        text.pop_back();
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

// "--threads: takes ..." and the like.
std::string value_problem(const CLI::App &command, const CLI::ParseError &error) {
    std::string text = one_line(error.what());
    std::string name = text.substr(0, text.find_first_of(": "));
    const CLI::Option *option = command.get_option_no_throw(name);
    if (!option) // of flags the bare name
        option = command.get_option_no_throw(name = "--" + name);
    if (option && dynamic_cast<const CLI::ArgumentMismatch *>(&error)) {
        if (is_flag(*option))
            return fmt::format("{} takes no value", name);
        return fmt::format(option->count() > 1 ? "{} is given twice" : "{} needs a value", name);
    }
    if (const size_t at = text.find(": takes "); at == name.size())
        text.erase(at, 1);
    return text;
}

} // namespace

ValueCheck whole_number(uint64_t least, uint64_t most) {
    return [=](const std::string &text) -> std::string {
        uint64_t value = 0;
        const char *const end = text.data() + text.size();
        const auto read = std::from_chars(text.data(), end, value);
        if (read.ec == std::errc() && read.ptr == end && value >= least && value <= most)
            return "";
        const std::string range =
            most == UINT64_MAX ? "" : fmt::format(" from {} to {}", least, most);
        return fmt::format("takes a whole number{}, not `{}`", range, text);
    };
}

ValueCheck number(double least, double most) {
    return [=](const std::string &text) -> std::string {
        char *end = nullptr;
        const double value = std::strtod(text.c_str(), &end);
        if (!text.empty() && !*end && value >= least && value <= most)
            return "";
        return fmt::format("takes a number from {} to {}, not `{}`", least, most, text);
    };
}

void refuse_values_of_flags(CLI::App &app) {
    for (CLI::Option *option : app.get_options())
        if (is_flag(*option))
            option->disable_flag_override();
    for (CLI::App *command : app.get_subcommands(nullptr))
        refuse_values_of_flags(*command);
}

CommandLineProblem command_line_problem(const CLI::App &app, const CLI::ParseError &error) {
    const auto [command, name] = asked_command(app);
    const std::vector<std::string> rest = command->remaining();
    std::string message = unknown_option(*command, name);
    if (message.empty())
        message = missing_command(*command, name);
    if (message.empty() && !rest.empty())
        message = fmt::format("`{}` is one argument too many for `{}`", rest[0], name);
    if (message.empty() && dynamic_cast<const CLI::RequiredError *>(&error))
        message = missing_option(*command, name);
    if (message.empty())
        message = value_problem(*command, error);
    return {name, message};
}

} // namespace cnnc
