// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The script over there reads all of its input into a file first: `head` may read more of a pipe
// than it was asked for. It needs a POSIX shell and mktemp, head and tail; `timeout` is used if it
// is there, for when the connection breaks and nobody is left to end the program.
#include "compiler/execute/ssh.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace cnnc {
namespace {

// Exit codes: ssh's own, the script's, that of `timeout -s KILL` on a late program.
constexpr int ssh_failed = 255, script_failed = 96, late = 128 + 9;

constexpr const char *script =
    R"(sh -c 'd=$(mktemp -d) || exit 96; )"
    R"(trap "rm -rf $d" EXIT; trap "exit 96" HUP INT TERM PIPE; )"
    R"(cat > $d/all || exit 96; )"
    R"(test $(wc -c < $d/all) -eq {2} || {{ echo "the copy is cut off" >&2; exit 96; }}; )"
    R"(head -c {0} $d/all > $d/program && tail -c {1} $d/all > $d/call && rm $d/all && )"
    R"(chmod 700 $d/program || exit 96; )"
    R"(limit=; command -v timeout > /dev/null && limit="timeout -s KILL {3}"; )"
    R"($limit $d/program < $d/call')";

} // namespace

bool is_ssh(const std::vector<std::string> &runner) {
    if (runner.empty())
        return false;
    const std::string &program = runner.front();
    return program.substr(program.rfind('/') + 1) == "ssh";
}

std::vector<std::string> ssh_command(const std::vector<std::string> &runner, size_t program_bytes,
                                     size_t call_bytes, double seconds) {
    std::vector<std::string> words = runner;
    // There is nobody to type a password: ssh is to fail instead of waiting for one.
    const bool has_mode = std::any_of(words.begin(), words.end(), [](const std::string &word) {
        return word.find("BatchMode") != std::string::npos;
    });
    if (!has_mode)
        words.insert(words.begin() + 1, {"-o", "BatchMode=yes"});
    words.push_back(fmt::format(script, program_bytes, call_bytes, program_bytes + call_bytes,
                                int64_t(std::ceil(seconds))));
    return words;
}

RunProblem ssh_problem(const std::string &command, const Child &child) {
    using Kind = RunProblem::Kind;
    if (child.exit_code == ssh_failed)
        return {Kind::unavailable, fmt::format("`{}` failed: it {}", command, child.failure)};
    if (child.exit_code == script_failed)
        return {Kind::unavailable,
                fmt::format("`{}`: the program cannot be copied there: the shell {}", command,
                            child.failure)};
    if (child.exit_code == late)
        return {Kind::timed_out,
                fmt::format("`{}`: the program was killed over there, as when it takes too long",
                            command)};
    return {};
}

} // namespace cnnc
