// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// An entry is written under a temporary name and renamed, so readers see it whole or not at all; a
// read renews its modification time, which is what pruning goes by.
#include "compiler/codegen/cache.h"

#include "compiler/codegen/kernel_bytes.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <vector>

namespace cnnc {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view entry_suffix = ".kernel";
constexpr std::string_view partial_suffix = ".partial";
// A partial file this old has lost its writer.
constexpr auto partial_lifetime = std::chrono::hours(1);

std::string from_environment(const char *name, const char *below) {
    const char *value = getenv(name);
    return value && *value ? std::string(value) + below : std::string();
}

std::string entry_path(const std::string &dir, const std::string &name) {
    return fmt::format("{}/{}{}", dir, name, entry_suffix);
}

std::optional<std::string> read_file(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file)
        return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(file), {});
}

bool write_file(const std::string &path, std::string_view bytes) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), std::streamsize(bytes.size()));
    file.close();
    return bool(file);
}

bool ends_with(const std::string &text, std::string_view suffix) {
    return text.size() >= suffix.size() &&
           text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

struct Entry {
    fs::file_time_type used;
    int64_t bytes;
    fs::path path;
};

std::vector<Entry> entries_of(const std::string &dir) {
    std::vector<Entry> entries;
    std::error_code error;
    for (fs::directory_iterator it(dir, error), end; !error && it != end; it.increment(error)) {
        std::error_code gone; // another process may prune at the same time
        const auto used = it->last_write_time(gone);
        const auto bytes = gone ? 0 : it->file_size(gone);
        if (gone)
            continue;
        const std::string name = it->path().filename();
        if (ends_with(name, entry_suffix))
            entries.push_back({used, int64_t(bytes), it->path()});
        else if (ends_with(name, partial_suffix) &&
                 used + partial_lifetime < fs::file_time_type::clock::now())
            fs::remove(it->path(), gone);
    }
    return entries;
}

} // namespace

std::string kernel_cache_dir(const std::string &dir) {
    if (!dir.empty())
        return dir;
    std::string found = from_environment("CNNC_CACHE_DIR", "");
    if (found.empty())
        found = from_environment("XDG_CACHE_HOME", "/cnnc");
    if (found.empty())
        found = from_environment("HOME", "/.cache/cnnc");
    return found;
}

std::optional<CompiledKernel> load_cached_kernel(const std::string &dir, const std::string &name,
                                                 std::string_view key) {
    const std::string path = entry_path(dir, name);
    const std::optional<std::string> bytes = read_file(path);
    if (!bytes)
        return std::nullopt;
    std::optional<CompiledKernel> kernel = kernel_from_bytes(*bytes, key);
    if (kernel)
        utimensat(AT_FDCWD, path.c_str(), nullptr, 0);
    return kernel;
}

void store_cached_kernel(const std::string &dir, const std::string &name, std::string_view key,
                         const CompiledKernel &kernel) {
    std::error_code error;
    fs::create_directories(dir, error);
    const std::string partial = fmt::format("{}/{}.{}{}", dir, name, getpid(), partial_suffix);
    if (write_file(partial, kernel_to_bytes(kernel, key)))
        fs::rename(partial, entry_path(dir, name), error);
    else
        fs::remove(partial, error);
}

void prune_kernel_cache(const std::string &dir, int64_t max_bytes) {
    std::vector<Entry> entries = entries_of(dir);
    int64_t total = 0;
    for (const Entry &entry : entries)
        total += entry.bytes;
    std::sort(entries.begin(), entries.end(),
              [](const Entry &a, const Entry &b) { return a.used < b.used; });
    for (const Entry &entry : entries) {
        if (total <= max_bytes)
            break;
        std::error_code error;
        fs::remove(entry.path, error);
        total -= entry.bytes;
    }
}

} // namespace cnnc
