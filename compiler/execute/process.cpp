// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A child that becomes another program.
#include "compiler/execute/process.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace cnnc {
namespace {

// What a child writes that could not become the program; the reason follows.
constexpr std::string_view not_started = "cnnc cannot start this: ";

// In the child; returns only on failure.
void become(const std::vector<std::string> &words, const std::string &input_file, int output) {
    setpgid(0, 0);
    const int input = open(input_file.c_str(), O_RDONLY);
    std::vector<char *> arguments;
    for (const std::string &word : words)
        arguments.push_back(const_cast<char *>(word.c_str()));
    arguments.push_back(nullptr);
    const int own_output = dup(output); // closed by a successful exec
    fcntl(own_output, F_SETFD, FD_CLOEXEC);
    if (input >= 0 && dup2(input, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0)
        execvp(arguments[0], arguments.data());
    const std::string why = strerror(errno);
    write_all(own_output, not_started.data(), not_started.size());
    write_all(own_output, why.data(), why.size());
    _exit(127);
}

} // namespace

Finished run_program(const std::vector<std::string> &words, const std::string &input_file,
                     double timeout_seconds, TempFolder &folder) {
    Finished finished;
    Child &child = finished.child;
    child = start_child([&](int output) { become(words, input_file, output); }, timeout_seconds);
    if (child.ended) {
        finished.start_error = child.failure;
        return finished;
    }
    setpgid(child.pid, child.pid); // here too: whoever is first
    child.leads_group = true;
    folder.note_group(child.pid);
    while (!child.ended)
        wait_for_any({&child});
    folder.note_group(0);
    if (std::string_view(child.data).substr(0, not_started.size()) == not_started)
        finished.start_error = child.data.substr(not_started.size());
    return finished;
}

} // namespace cnnc
