// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Forked children over two pipes: one for the result, one for whatever is printed.
#include "compiler/codegen/child.h"

#include "compiler/codegen/kernel.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string_view>

namespace cnnc {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t max_log_bytes = 16 << 10;
constexpr size_t max_data_bytes = size_t(1) << 30;
constexpr size_t shown_log_lines = 8;
// Exit code of a child whose work threw; the words went to the log.
constexpr int threw = 97;

void close_if_open(int &fd) {
    if (fd >= 0)
        close(fd);
    fd = -1;
}

// Runs in the child and never returns: nothing of the parent (streams, destructors) may run twice.
[[noreturn]] void child_main(const std::function<void(int)> &work, int data_fd, int log_fd,
                             pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1); // the parent died before the line above
    const rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    dup2(log_fd, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
    close(log_fd);
    std::string problem;
    try {
        work(data_fd);
        fflush(nullptr);
        _exit(0);
    } catch (const KernelError &error) {
        problem = error.message;
    } catch (const std::exception &error) {
        problem = error.what();
    } catch (...) {
        problem = "an unknown exception";
    }
    fflush(nullptr);
    problem += "\n";
    write_all(STDERR_FILENO, problem.data(), problem.size());
    _exit(threw);
}

void keep_tail(std::string &text, size_t limit) {
    if (text.size() > limit)
        text.erase(0, text.size() - limit);
}

// Reads what there is, if anything; closes the descriptor at its end. Data past the limit is
// dropped, which the reader of the data notices.
bool read_some(int &fd, std::string &into, size_t limit, bool keep_last) {
    char buffer[64 << 10];
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR)
        return true;
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n <= 0) {
        close_if_open(fd);
        return false;
    }
    if (keep_last || into.size() < limit)
        into.append(buffer, size_t(n));
    if (keep_last)
        keep_tail(into, limit);
    return true;
}

std::string with_log(std::string words, const Child &child) {
    const std::string lines = last_words(child);
    if (!lines.empty())
        words += ":\n" + lines;
    return words;
}

// `status` is waitpid's. What a grandchild may still print is not waited for.
void finish(Child &child, int status, bool timed_out) {
    close_if_open(child.data_fd);
    close_if_open(child.log_fd);
    child.ended = true;
    child.timed_out = timed_out;
    child.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    if (timed_out) {
        const std::chrono::duration<double> limit = child.deadline - child.started;
        child.failure =
            with_log(fmt::format("did not finish within {:.3g} s", limit.count()), child);
    } else if (WIFSIGNALED(status)) {
        child.signal = WTERMSIG(status);
        child.failure = with_log(
            fmt::format("ended by signal {} ({})", child.signal, strsignal(child.signal)), child);
    } else if (child.exit_code == threw) {
        child.failure = last_words(child);
    } else if (child.exit_code != 0) {
        child.failure = with_log(fmt::format("ended with exit code {}", child.exit_code), child);
    }
}

int milliseconds_until(Clock::time_point deadline) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    return int(std::clamp<int64_t>(left + 1, 0, 1000 * 1000));
}

// How long to sleep at most: a child's end wakes us through its pipes unless something it started
// holds them open, and a moment before it can be waited for.
Clock::duration longest_sleep(const std::vector<Child *> &running) {
    const bool ending = std::any_of(running.begin(), running.end(), [](const Child *child) {
        return child->data_fd < 0 && child->log_fd < 0;
    });
    return std::chrono::milliseconds(ending ? 1 : 50);
}

struct Watched {
    Child *child;
    bool log;
};

// Reads from everything that is ready.
void poll_once(const std::vector<Child *> &running, Clock::time_point until) {
    until = std::min(until, Clock::now() + longest_sleep(running));
    std::vector<pollfd> fds;
    std::vector<Watched> owners;
    for (Child *child : running) {
        until = std::min(until, child->deadline);
        for (bool log : {false, true}) {
            const int fd = log ? child->log_fd : child->data_fd;
            if (fd < 0)
                continue;
            fds.push_back({fd, POLLIN, 0});
            owners.push_back({child, log});
        }
    }
    if (poll(fds.data(), nfds_t(fds.size()), milliseconds_until(until)) <= 0)
        return;
    for (size_t i = 0; i < fds.size(); ++i) {
        Child &child = *owners[i].child;
        if (fds[i].revents == 0)
            continue;
        if (owners[i].log)
            read_some(child.log_fd, child.log, max_log_bytes, true);
        else
            read_some(child.data_fd, child.data, max_data_bytes, false);
    }
}

// The pipes' rest, as far as it is there.
void drain(Child &child) {
    while (child.data_fd >= 0 && read_some(child.data_fd, child.data, max_data_bytes, false)) {
    }
    while (child.log_fd >= 0 && read_some(child.log_fd, child.log, max_log_bytes, true)) {
    }
}

// Ends the child's record if the child has ended or is late.
bool finish_if_over(Child &child) {
    int status = 0;
    pid_t pid = waitpid(child.pid, &status, WNOHANG);
    const bool late = pid == 0 && Clock::now() >= child.deadline;
    if (late) {
        kill(child.leads_group ? -child.pid : child.pid, SIGKILL);
        while ((pid = waitpid(child.pid, &status, 0)) < 0 && errno == EINTR) {
        }
    }
    if (pid != child.pid)
        return false;
    if (child.leads_group)
        kill(-child.pid, SIGKILL); // what it left behind
    drain(child);
    finish(child, status, late);
    return true;
}

std::vector<Child *> running_of(const std::vector<Child *> &children) {
    std::vector<Child *> running;
    std::copy_if(children.begin(), children.end(), std::back_inserter(running),
                 [](const Child *child) { return !child->ended; });
    return running;
}

Child failed_to_start(const char *what) {
    Child child;
    child.ended = true;
    child.failure = fmt::format("cannot start a process: {}: {}", what, strerror(errno));
    return child;
}

} // namespace

std::string last_words(const Child &child) {
    std::string_view log = child.log;
    while (!log.empty() && (log.back() == '\n' || log.back() == '\r'))
        log.remove_suffix(1);
    size_t begin = log.size();
    for (size_t lines = 0; begin > 0; --begin)
        if (log[begin - 1] == '\n' && ++lines == shown_log_lines)
            break;
    return std::string(log.substr(begin));
}

void write_all(int fd, const void *bytes, size_t size) {
    const char *at = static_cast<const char *>(bytes);
    while (size > 0) {
        const ssize_t n = write(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            _exit(1);
        at += n;
        size -= size_t(n);
    }
}

Child start_child(const std::function<void(int)> &work, double timeout_seconds) {
    int data[2], log[2];
    if (pipe2(data, O_CLOEXEC) != 0)
        return failed_to_start("pipe");
    if (pipe2(log, O_CLOEXEC) != 0) {
        close(data[0]);
        close(data[1]);
        return failed_to_start("pipe");
    }
    fflush(nullptr); // else the child would print the parent's buffered text again
    const pid_t parent = getpid();
    Child child;
    child.pid = fork();
    if (child.pid == 0) {
        close(data[0]);
        close(log[0]);
        child_main(work, data[1], log[1], parent);
    }
    close(data[1]);
    close(log[1]);
    child.data_fd = data[0];
    child.log_fd = log[0];
    fcntl(data[0], F_SETFL, O_NONBLOCK);
    fcntl(log[0], F_SETFL, O_NONBLOCK);
    if (child.pid < 0) {
        close(data[0]);
        close(log[0]);
        return failed_to_start("fork");
    }
    child.started = Clock::now();
    const auto limit = std::chrono::duration<double>(std::min(timeout_seconds, 1e7));
    child.deadline = child.started + std::chrono::duration_cast<Clock::duration>(limit);
    return child;
}

void wait_for_any(const std::vector<Child *> &children, double max_seconds) {
    const auto limit = std::chrono::duration<double>(max_seconds < 0 ? 1e7 : max_seconds);
    const Clock::time_point until =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(limit);
    const std::vector<Child *> running = running_of(children);
    bool any = running.empty();
    while (!any && Clock::now() < until) {
        poll_once(running, until);
        for (Child *child : running)
            any |= finish_if_over(*child);
    }
}

Child run_child(const std::function<void(int)> &work, double timeout_seconds) {
    Child child = start_child(work, timeout_seconds);
    while (!child.ended)
        wait_for_any({&child});
    return child;
}

} // namespace cnnc
