// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/ptx.h"

#include "compiler/codegen/child.h"

#include <fmt/format.h>

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

namespace cnnc {

namespace {

constexpr double timeout_seconds = 120;

bool is_program(const std::string &path) {
    return access(path.c_str(), X_OK) == 0;
}

// Runs the assembler and returns all it says; `problem` is set where it fails.
std::string run_ptxas(const std::vector<std::string> &command, std::string *problem) {
    Child child = run_child(
        [&](int fd) {
            std::vector<char *> arguments;
            for (const std::string &word : command)
                arguments.push_back(const_cast<char *>(word.c_str()));
            arguments.push_back(nullptr);
            dup2(fd, STDOUT_FILENO);
            dup2(fd, STDERR_FILENO);
            execv(arguments[0], arguments.data());
        },
        timeout_seconds);
    if (!child.failure.empty())
        *problem = child.data.empty() ? child.failure : child.data;
    return child.data;
}

// A file in memory, which has a name while it is open.
class MemoryFile {
  public:
    explicit MemoryFile(std::string_view bytes) : fd_(memfd_create("ptx", 0)) {
        if (fd_ >= 0)
            write_all(fd_, bytes.data(), bytes.size());
    }
    ~MemoryFile() {
        if (fd_ >= 0)
            close(fd_);
    }
    MemoryFile(const MemoryFile &) = delete;
    MemoryFile &operator=(const MemoryFile &) = delete;
    std::string path() const { return fmt::format("/proc/self/fd/{}", fd_); }

  private:
    int fd_;
};

// The number in front of `word`, or 0.
int number_before(std::string_view line, std::string_view word) {
    const size_t end = line.find(word);
    if (end == std::string_view::npos)
        return 0;
    size_t begin = end;
    while (begin > 0 && line[begin - 1] >= '0' && line[begin - 1] <= '9')
        --begin;
    int number = 0;
    std::from_chars(line.data() + begin, line.data() + end, number);
    return number;
}

} // namespace

std::string find_ptxas() {
    std::vector<std::string> folders;
    if (const char *path = getenv("PATH")) {
        std::string_view rest = path;
        while (!rest.empty()) {
            const size_t colon = std::min(rest.find(':'), rest.size());
            folders.emplace_back(rest.substr(0, colon));
            rest.remove_prefix(std::min(colon + 1, rest.size()));
        }
    }
    if (const char *home = getenv("CUDA_HOME"))
        folders.push_back(std::string(home) + "/bin");
    folders.emplace_back("/usr/local/cuda/bin");
    for (const std::string &folder : folders)
        if (!folder.empty() && is_program(folder + "/ptxas"))
            return folder + "/ptxas";
    return "";
}

std::vector<int> ptxas_architectures(const std::string &ptxas) {
    std::string problem;
    const std::string output = run_ptxas({ptxas, "--help"}, &problem);
    std::vector<int> all;
    // Listed in quotes; the words around them speak of others.
    for (size_t at = 0; (at = output.find("'sm_", at)) != std::string::npos;) {
        at += 4;
        int number = 0;
        const auto [end, error] =
            std::from_chars(output.data() + at, output.data() + output.size(), number);
        // sm_90a and the like are variants of their own.
        if (error == std::errc() && (end == output.data() + output.size() || !isalpha(*end)))
            all.push_back(number);
    }
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return problem.empty() ? all : std::vector<int>();
}

std::vector<PtxEntry> read_ptxas_output(std::string_view text) {
    std::vector<PtxEntry> entries;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        constexpr std::string_view start = "Compiling entry function '";
        if (const size_t at = line.find(start); at != std::string_view::npos) {
            const std::string_view rest = line.substr(at + start.size());
            entries.push_back({std::string(rest.substr(0, rest.find('\'')))});
        }
        if (entries.empty())
            continue;
        PtxEntry &entry = entries.back();
        if (line.find("bytes stack frame") != std::string_view::npos) {
            entry.stack_bytes = number_before(line, " bytes stack frame");
            entry.spill_stores = number_before(line, " bytes spill stores");
            entry.spill_loads = number_before(line, " bytes spill loads");
        }
        if (line.find(" registers") != std::string_view::npos)
            entry.registers = number_before(line, " registers");
    }
    return entries;
}

PtxReport assemble_ptx(const std::string &ptxas, std::string_view ptx, int architecture) {
    const MemoryFile file(ptx);
    PtxReport report;
    report.architecture = architecture;
    const std::string output = run_ptxas(
        {ptxas, fmt::format("-arch=sm_{}", architecture), "-v", file.path(), "-o", "/dev/null"},
        &report.problem);
    if (report.problem.empty())
        report.entries = read_ptxas_output(output);
    return report;
}

PtxReport assemble_for(std::string_view ptx, int capability) {
    const std::string ptxas = find_ptxas();
    PtxReport report;
    if (ptxas.empty()) {
        report.problem = "there is no ptxas in PATH, CUDA_HOME/bin or /usr/local/cuda/bin";
        return report;
    }
    int architecture = capability;
    const std::vector<int> known = ptxas_architectures(ptxas);
    if (const auto it = std::lower_bound(known.begin(), known.end(), capability); it != known.end())
        architecture = *it;
    return assemble_ptx(ptxas, ptx, architecture);
}

namespace {

// Registers are given out to warps, so many at a time.
constexpr int64_t registers_at_once = 256;

int64_t warps_of(const Gpu &gpu, const GpuLaunch &launch) {
    const int64_t threads = int64_t(launch.threads[0]) * launch.threads[1] * launch.threads[2];
    return (threads + gpu.warp - 1) / gpu.warp;
}

} // namespace

int64_t most_registers(const Gpu &gpu, const GpuLaunch &launch) {
    const int64_t of_warp = gpu.registers_per_block / warps_of(gpu, launch);
    const int64_t of_thread = of_warp / registers_at_once * registers_at_once / gpu.warp;
    return std::min(of_thread, gpu.registers_per_thread);
}

int64_t resident_blocks(const Gpu &gpu, const GpuLaunch &launch, int registers) {
    const int64_t warps = warps_of(gpu, launch);
    const int64_t of_warp = (int64_t(registers) * gpu.warp + registers_at_once - 1) /
                            registers_at_once * registers_at_once;
    int64_t blocks = std::min(gpu.blocks_per_multiprocessor,
                              gpu.threads_per_multiprocessor / (warps * gpu.warp));
    blocks = std::min(blocks, gpu.registers_per_block / std::max<int64_t>(1, warps * of_warp));
    if (launch.shared_bytes > 0)
        blocks = std::min(blocks, gpu.shared_per_multiprocessor / launch.shared_bytes);
    return blocks;
}

std::string launch_text(const GpuLaunch &launch, const Gpu &gpu, const PtxEntry *entry) {
    const auto &[bx, by, bz] = launch.blocks;
    const auto &[tx, ty, tz] = launch.threads;
    std::string text =
        fmt::format("{}: {} x {} x {} blocks of {} x {} x {} threads, {} bytes of shared memory\n",
                    launch.entry, bx, by, bz, tx, ty, tz, launch.shared_bytes);
    if (!entry)
        return text;
    text += fmt::format("  {} registers", entry->registers);
    if (entry->spill_stores + entry->spill_loads + entry->stack_bytes == 0)
        text += ", no spills, no stack";
    else
        text += fmt::format(", {} bytes of spills, {} of stack",
                            entry->spill_stores + entry->spill_loads, entry->stack_bytes);
    const int64_t blocks = resident_blocks(gpu, launch, entry->registers);
    const int64_t warps = warps_of(gpu, launch);
    const int64_t most = gpu.threads_per_multiprocessor / gpu.warp;
    text += fmt::format("; a multiprocessor holds {} of the blocks: {} of {} warps\n", blocks,
                        blocks * warps, most);
    return text;
}

} // namespace cnnc
