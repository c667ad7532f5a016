// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Writing through temporary names, with the system's own words when it refuses.
#include "compiler/driver/files.h"

#include "compiler/driver/console.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace cnnc {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const char *what, const std::string &path, const char *why) {
    throw Failure{exit_environment, fmt::format("cannot {} `{}`: {}", what, path, why)};
}

// Removes what is left of the temporary files when writing ends early.
struct Partials {
    std::vector<std::string> paths;
    ~Partials() {
        for (const std::string &path : paths)
            unlink(path.c_str());
    }
};

// write() takes at most 2 GiB at a time on Linux.
constexpr size_t max_piece = size_t(1) << 30;

void write_new_file(const std::string &path, const std::string &shown, std::string_view bytes) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        refuse("write", shown, strerror(errno));
    while (!bytes.empty()) {
        const ssize_t n = write(fd, bytes.data(), std::min(bytes.size(), max_piece));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            const int error = errno;
            close(fd);
            refuse("write", shown, strerror(error));
        }
        bytes.remove_prefix(size_t(n));
    }
    if (close(fd) != 0)
        refuse("write", shown, strerror(errno));
}

std::string partial_name(const std::string &path) {
    return fmt::format("{}.{}.partial", path, getpid());
}

void write_all_files(const std::vector<std::string> &paths,
                     const std::vector<std::string_view> &contents) {
    Partials partials;
    for (size_t i = 0; i < paths.size(); ++i) {
        partials.paths.push_back(partial_name(paths[i]));
        write_new_file(partials.paths.back(), paths[i], contents[i]);
    }
    for (size_t i = 0; i < paths.size(); ++i)
        if (rename(partials.paths[i].c_str(), paths[i].c_str()) != 0)
            refuse("write", paths[i], strerror(errno));
    partials.paths.clear();
}

} // namespace

void write_files(const std::string &dir, const std::vector<OutputFile> &files) {
    std::error_code error;
    fs::create_directories(dir, error);
    if (error)
        refuse("make the folder", dir, error.message().c_str());
    std::vector<std::string> paths;
    std::vector<std::string_view> contents;
    for (const OutputFile &file : files) {
        paths.push_back((fs::path(dir) / file.name).string());
        contents.push_back(file.bytes);
    }
    write_all_files(paths, contents);
}

void write_file_whole(const std::string &path, std::string_view bytes) {
    write_all_files({path}, {bytes});
}

std::string read_whole_file(const std::string &path) {
    std::error_code error;
    if (fs::is_directory(path, error))
        throw Failure{exit_bad_input, fmt::format("cannot read `{}`: it is a folder", path)};
    std::ifstream file(path, std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(file), {});
    if (!file)
        throw Failure{exit_bad_input, fmt::format("cannot read `{}`: {}", path, strerror(errno))};
    return text;
}

} // namespace cnnc
