// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The helper process outlives its owner by a moment, and only to clean up.
#include "compiler/execute/temp_folder.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>

namespace cnnc {
namespace {

namespace fs = std::filesystem;

// The helper: waits until the socket's other end is closed, by its owner or by the system.
[[noreturn]] void wait_and_remove(int from_owner, const std::string &folder) {
    setsid(); // signals of the terminal are not for it
    pid_t group = 0, next = 0;
    ssize_t n = 0;
    while ((n = read(from_owner, &next, sizeof next)) == sizeof next || (n < 0 && errno == EINTR))
        group = n > 0 ? next : group;
    if (group > 0)
        kill(-group, SIGKILL);
    std::error_code ignored;
    fs::remove_all(folder, ignored);
    _exit(0);
}

} // namespace

TempFolder::TempFolder() {
    std::error_code error;
    const fs::path parent = fs::temp_directory_path(error);
    std::string name = (error ? "/tmp" : parent.string()) + "/cnnc-run-XXXXXX";
    int ends[2];
    if (!mkdtemp(name.data())) {
        problem_ = fmt::format("cannot make a folder {}: {}", name, strerror(errno));
        return;
    }
    folder_ = name;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0) {
        helper_ = fork();
        if (helper_ == 0) {
            close(ends[1]);
            wait_and_remove(ends[0], folder_);
        }
        close(ends[0]);
        to_helper_ = ends[1];
    }
    if (helper_ < 0)
        problem_ = fmt::format("cannot start a process: {}", strerror(errno));
}

TempFolder::~TempFolder() {
    if (to_helper_ >= 0)
        close(to_helper_);
    while (helper_ > 0 && waitpid(helper_, nullptr, 0) < 0 && errno == EINTR) {
    }
    std::error_code ignored;
    if (!folder_.empty()) // for the case that the helper was killed
        fs::remove_all(folder_, ignored);
}

std::string TempFolder::write(const std::string &name, std::string_view bytes, bool executable) {
    const std::string file = path(name);
    std::error_code ignored;
    fs::create_directories(fs::path(file).parent_path(), ignored);
    const int fd =
        open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, executable ? 0700 : 0600);
    bool good = fd >= 0;
    while (good && !bytes.empty()) {
        const ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR)
            continue;
        good = n > 0;
        if (good)
            bytes.remove_prefix(size_t(n));
    }
    const int why = errno;
    if (fd >= 0 && close(fd) != 0)
        good = false;
    return good ? "" : fmt::format("cannot write {}: {}", file, strerror(why));
}

void TempFolder::note_group(pid_t group) {
    send(to_helper_, &group, sizeof group, MSG_NOSIGNAL); // fails if the helper was killed
}

} // namespace cnnc
