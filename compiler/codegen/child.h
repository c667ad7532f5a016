// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Work done in a forked child, whose crash, hang or babble cannot hurt the caller: compiling a
// kernel, running a compiled network.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace cnnc {

// A running or ended child.
struct Child {
    pid_t pid = -1;
    int data_fd = -1; // read end: what the work writes
    int log_fd = -1;  // read end: the child's stdout and stderr
    std::chrono::steady_clock::time_point started, deadline;
    bool leads_group = false; // set by who made it a group's leader: the whole group is killed
    bool ended = false;
    std::string data;
    std::string log;     // the last few kilobytes
    std::string failure; // once ended: "" or what became of it, in words, with the log's last lines
    bool timed_out = false;
    int exit_code = 0; // if nothing else ended it
    int signal = 0;    // that ended it, or 0
};

// Runs `work(data_fd)` in a fork of this process, which must have no other threads. The child ends
// when the work returns; an exception that leaves it is a failure with the exception's words. The
// child dies with its parent.
Child start_child(const std::function<void(int)> &work, double timeout_seconds);

// Reads from the children that have not ended until at least one more has, or until
// `max_seconds` have passed (negative: no limit). Kills those past their deadline.
void wait_for_any(const std::vector<Child *> &children, double max_seconds = -1);

// The last lines of what the child printed, without the last line's end.
std::string last_words(const Child &child);

// start_child and wait in one.
Child run_child(const std::function<void(int)> &work, double timeout_seconds);

// Writes all bytes or ends the process quietly (the reader has gone). For use in a child.
void write_all(int fd, const void *bytes, size_t size);

} // namespace cnnc
