// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Writes, links and starts the program, and puts what went wrong into words.
#include "compiler/execute/program.h"

#include "compiler/codegen/limits.h"
#include "compiler/execute/places.h"
#include "compiler/execute/process.h"
#include "compiler/execute/ssh.h"
#include "compiler/execute/words.h"

#include <fmt/format.h>

#include <cstring>
#include <fstream>
#include <iterator>

// Embedded files.
extern "C" {
extern const unsigned char cnnc_measure_c[], cnnc_measure_h[], cnnc_options_h[];
extern const size_t cnnc_measure_c_size, cnnc_measure_h_size, cnnc_options_h_size;
}

namespace cnnc {
namespace {

std::string_view text(const unsigned char *bytes, size_t size) {
    return {reinterpret_cast<const char *>(bytes), size};
}

std::string declarations(const Library &library) {
    std::string code =
        fmt::format("int {0}_create(const cnnc_options *, void **);\n"
                    "int {0}_run_arrays(void *, const void *const *, void *const *);\n"
                    "void {0}_destroy(void *);\nconst char *{0}_error_message(int);\n"
                    "int {0}_step_count(void);\n",
                    library.prefix);
    if (!library.weights_symbol.empty())
        code += fmt::format("extern const char {}[];\n", library.weights_symbol);
    return code;
}

std::string callee(const Library &library) {
    return fmt::format("    {{\"{0}\", {0}_create, {0}_run_arrays, {0}_destroy, {0}_error_message,"
                       " {0}_step_count, {1}, {2}}},\n",
                       library.prefix,
                       library.weights_symbol.empty() ? "0" : library.weights_symbol,
                       library.weights_bytes);
}

std::string main_source(const std::vector<const Library *> &libraries, bool with_limits) {
    std::string declared, callees;
    for (const Library *library : libraries) {
        declared += declarations(*library);
        callees += callee(*library);
    }
    if (with_limits)
        declared += "double cnnc_limit_multiply_add(int64_t);\n"
                    "int cnnc_limit_read(const char *, int64_t, int64_t);\n";
    return fmt::format("#include \"compiler/execute/measure.h\"\n{}"
                       "static const struct cnnc_callee networks[] = {{\n{}}};\n"
                       "static const struct cnnc_limits limits = {{{}}};\n"
                       "int main(void) {{\n"
                       "    return cnnc_serve(networks, {}, &limits, 0, 1);\n"
                       "}}\n",
                       declared, callees,
                       with_limits ? "cnnc_limit_multiply_add, cnnc_limit_read" : "0, 0",
                       libraries.size());
}

RunProblem unavailable(std::string message) {
    return {RunProblem::Kind::unavailable, std::move(message)};
}

// Writes what the program is made of; `words` get the names of what is to be linked.
std::string write_parts(TempFolder &folder, const Place &place,
                        const std::vector<const Library *> &libraries, bool with_limits,
                        std::vector<std::string> &words) {
    std::string problem;
    const auto write = [&](const std::string &name, std::string_view bytes, bool linked) {
        if (problem.empty())
            problem = folder.write(name, bytes);
        if (linked)
            words.push_back(folder.path(name));
    };
    write("runtime/cnnc_options.h", text(cnnc_options_h, cnnc_options_h_size), false);
    write("compiler/execute/measure.h", text(cnnc_measure_h, cnnc_measure_h_size), false);
    write("compiler/execute/measure.c", text(cnnc_measure_c, cnnc_measure_c_size), true);
    write("main.c", main_source(libraries, with_limits), true);
    for (size_t i = 0; i < libraries.size(); ++i)
        write(fmt::format("lib{}.a", i), library_archive(*libraries[i]), true);
    if (with_limits)
        write("limits.o", limits_object(place.target), true);
    return problem;
}

// Makes `program` in the folder.
RunProblem link_program(TempFolder &folder, const Place &place,
                        const std::vector<const Library *> &libraries, bool with_limits) {
    std::vector<std::string> words = compiler_words(place);
    words.insert(words.end(), {"-O2", "-pthread", "-I", folder.path("")});
    const bool gpu = gpu_api(place.target) != GpuApi::none;
    if (!gpu) // so that emulators and boards need none of our libraries
        words.emplace_back("-static");
    const std::string problem = write_parts(folder, place, libraries, with_limits, words);
    if (!problem.empty())
        return unavailable(problem);
    words.insert(words.end(), {"-o", folder.path("program"), "-lm"});
    if (gpu)
        words.emplace_back("-ldl");
    const Finished linker = run_program(words, "/dev/null", place.timeout_seconds, folder);
    if (!linker.start_error.empty())
        return unavailable(fmt::format("cannot start `{}`: {}", words.front(), linker.start_error));
    if (!linker.child.failure.empty())
        return unavailable(fmt::format("the network cannot be linked for {}: `{}` {}",
                                       target_text(place.target), quoted_command(words),
                                       linker.child.failure));
    return {};
}

// Shells and runners tell of a signal by an exit code above 128; 255 is not among them: that is a
// runner's own error.
int signal_of(const Child &child) {
    if (child.signal)
        return child.signal;
    return child.exit_code > 128 && child.exit_code < 128 + 65 ? child.exit_code - 128 : 0;
}

// What was said, behind a colon, if anything was.
std::string tail(const Child &child) {
    const std::string words = last_words(child);
    return words.empty() ? "" : ":\n" + words;
}

RunProblem problem_of(const std::string &command, bool through_ssh, const Finished &finished,
                      const Answer &answer) {
    using Kind = RunProblem::Kind;
    const Child &child = finished.child;
    if (!finished.start_error.empty())
        return unavailable(fmt::format("cannot start `{}`: {}", command, finished.start_error));
    if (child.timed_out)
        return {Kind::timed_out, fmt::format("`{}` {}", command, child.failure)};
    if (!answer.refusal.empty())
        return {Kind::refused, answer.refusal};
    if (through_ssh)
        if (RunProblem problem = ssh_problem(command, child))
            return problem;
    if (const int signal = signal_of(child))
        return {Kind::crashed, fmt::format("`{}`: the program was ended by signal {} ({}){}",
                                           command, signal, strsignal(signal), tail(child))};
    if (answer.whole && child.failure.empty())
        return {};
    if (!answer.begun) {
        const std::string end =
            child.failure.empty() ? "ended without an answer" + tail(child) : child.failure;
        return unavailable(fmt::format("`{}` did not run the program: it {}", command, end));
    }
    if (!child.failure.empty())
        return {Kind::crashed, fmt::format("`{}` {}", command, child.failure)};
    return {Kind::crashed,
            fmt::format("`{}` ended in the middle of its answer{}", command, tail(child))};
}

// A command with what it reads.
struct Start {
    std::vector<std::string> words;
    std::string input;   // a file
    std::string shown;   // in messages
    std::string problem; // with the files
};

std::string contents(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Start start_of(TempFolder &folder, const Place &place, const Call &call) {
    Start start;
    start.words = split_command(place.runner).value_or(std::vector<std::string>());
    start.input = folder.path("input");
    std::string bytes = call_bytes(call);
    if (is_ssh(start.words)) {
        start.shown = quoted_command(start.words);
        const std::string program = contents(folder.path("program"));
        start.words = ssh_command(start.words, program.size(), bytes.size(), place.timeout_seconds);
        bytes.insert(0, program);
    } else {
        start.words.push_back(folder.path("program"));
        start.shown = quoted_command(start.words);
    }
    start.problem = folder.write("input", bytes);
    return start;
}

} // namespace

TimingResult measure_elsewhere(const Place &place, const std::vector<const Library *> &libraries,
                               const Call &call) {
    TimingResult failed;
    failed.libraries.resize(libraries.size());
    TempFolder folder;
    if (!folder.problem().empty()) {
        failed.problem = unavailable(folder.problem());
        return failed;
    }
    failed.problem = link_program(folder, place, libraries, call.head.peak || call.head.bandwidth);
    if (failed.problem)
        return failed;
    const Start start = start_of(folder, place, call);
    if (!start.problem.empty()) {
        failed.problem = unavailable(start.problem);
        return failed;
    }
    const Finished finished = run_program(start.words, start.input, place.timeout_seconds, folder);
    Answer answer = read_answer(finished.child.data, libraries.size());
    answer.result.problem = problem_of(start.shown, is_ssh(start.words), finished, answer);
    return std::move(answer.result);
}

} // namespace cnnc
