// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reading by mmap, writing by rename.
#include "compiler/import/file.h"

#include "compiler/import/import_diagnostics.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cnnc {
namespace {

struct Descriptor {
    int fd = -1;
    ~Descriptor() {
        if (fd >= 0)
            close(fd);
    }
};

// errno after a failure that has to do with what kind of file it is.
int open_regular(const std::string &path, Descriptor &file, struct stat &status) {
    // Opening a pipe would wait for its writer; O_NONBLOCK does not.
    file.fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file.fd < 0 || fstat(file.fd, &status) != 0)
        return errno;
    if (S_ISDIR(status.st_mode))
        return EISDIR;
    return S_ISREG(status.st_mode) ? 0 : EINVAL;
}

bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        ssize_t written = write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes.remove_prefix(size_t(written));
    }
    return true;
}

// The permissions a plain open() would have given; mkstemp gives fewer.
mode_t default_mode() {
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

bool write_pieces(int fd, const std::vector<std::string_view> &pieces) {
    for (std::string_view piece : pieces) {
        if (!write_all(fd, piece))
            return false;
    }
    return fchmod(fd, default_mode()) == 0;
}

} // namespace

std::optional<FileBytes> map_file(const std::string &path, Diagnostics &diags) {
    Descriptor file;
    struct stat status = {};
    if (int error = open_regular(path, file, status)) {
        const char *reason = error == EINVAL ? "not a regular file" : std::strerror(error);
        diags.report<diag::file_unreadable>({}, path, reason);
        return std::nullopt;
    }
    size_t size = size_t(status.st_size);
    if (size == 0)
        return FileBytes{};
    void *data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
    if (data == MAP_FAILED) {
        diags.report<diag::file_unreadable>({}, path, std::strerror(errno));
        return std::nullopt;
    }
    std::shared_ptr<const void> owner(data, [size](void *p) { munmap(p, size); });
    return FileBytes{owner, static_cast<const std::byte *>(data), size};
}

bool write_file(const std::string &path, const std::vector<std::string_view> &pieces,
                Diagnostics &diags) {
    std::string temporary = path + ".XXXXXX";
    bool made = false;
    bool done = false;
    {
        Descriptor file;
        file.fd = mkstemp(temporary.data());
        made = file.fd >= 0;
        done = made && write_pieces(file.fd, pieces);
    }
    done = done && std::rename(temporary.c_str(), path.c_str()) == 0;
    if (!done) {
        diags.report<diag::file_not_written>({}, path, std::strerror(errno));
        if (made)
            unlink(temporary.c_str());
    }
    return done;
}

std::string brief(std::string_view name) {
    constexpr size_t longest = 100;
    std::string text(name.substr(0, longest));
    return name.size() > longest ? text + "..." : text;
}

} // namespace cnnc
