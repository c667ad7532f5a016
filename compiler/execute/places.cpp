// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Debian's names of cross compilers and emulators, and what is there of them.
#include "compiler/execute/places.h"

#include "compiler/execute/words.h"

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

namespace cnnc {
namespace {

bool is_executable(const std::string &path) {
    struct stat info;
    return access(path.c_str(), X_OK) == 0 && stat(path.c_str(), &info) == 0 &&
           S_ISREG(info.st_mode);
}

bool same_architecture(const Target &target) {
    const Target host = host_target();
    return target.arch == host.arch && target.bits == host.bits;
}

std::string command_problem(const std::string &command, const char *option) {
    const auto words = split_command(command);
    if (!words)
        return fmt::format("{}: a quote is not closed or a backslash ends it: {}", option, command);
    if (words->empty())
        return fmt::format("{} is empty", option);
    if (!is_program(words->front()))
        return fmt::format("{}: there is no program `{}`", option, words->front());
    return "";
}

} // namespace

bool runs_in_child(const Place &place) {
    return place.runner.empty() && gpu_api(place.target) == GpuApi::none && runs_here(place.target);
}

Tool usual_compiler(const Target &target) {
    if (same_architecture(target))
        return {"cc", "gcc"};
    switch (target.arch) {
    case Arch::arm:
        if (target.bits == 32)
            return {"arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf"};
        return {"aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"};
    case Arch::riscv:
        return {"riscv64-linux-gnu-gcc", "gcc-riscv64-linux-gnu"};
    default:
        if (target.bits == 32)
            return {"i686-linux-gnu-gcc", "gcc-i686-linux-gnu"};
        return {"x86_64-linux-gnu-gcc", "gcc-x86-64-linux-gnu"};
    }
}

Tool usual_emulator(const Target &target) {
    const char *package = "qemu-user-static";
    switch (target.arch) {
    case Arch::arm:
        return {target.bits == 32 ? "qemu-arm-static" : "qemu-aarch64-static", package};
    case Arch::riscv:
        return {"qemu-riscv64-static", package};
    default:
        return {target.bits == 32 ? "qemu-i386-static" : "qemu-x86_64-static", package};
    }
}

std::vector<std::string> compiler_words(const Place &place) {
    if (place.compiler.empty())
        return {usual_compiler(place.target).command};
    return split_command(place.compiler).value_or(std::vector<std::string>());
}

bool is_program(const std::string &name) {
    if (name.find('/') != std::string::npos)
        return is_executable(name);
    const char *path = getenv("PATH");
    std::istringstream folders(path ? path : "/bin:/usr/bin");
    for (std::string folder; std::getline(folders, folder, ':');)
        if (is_executable((folder.empty() ? "." : folder) + "/" + name))
            return true;
    return false;
}

std::string place_problem(const Place &place) {
    if (runs_in_child(place))
        return "";
    const std::string name = target_text(place.target);
    if (place.runner.empty() && !runs_here(cpu_part(place.target))) {
        const Tool emulator = usual_emulator(place.target);
        return fmt::format("code for {} cannot run on this machine ({}): give a command that runs "
                           "it, as in --runner {} (Debian package {}) or --runner 'ssh board'",
                           name, target_text(host_target()), emulator.command, emulator.package);
    }
    if (!place.runner.empty())
        if (std::string problem = command_problem(place.runner, "--runner"); !problem.empty())
            return problem;
    if (!place.compiler.empty())
        return command_problem(place.compiler, "--cc");
    const Tool compiler = usual_compiler(place.target);
    if (!is_program(compiler.command))
        return fmt::format("code for {} runs as a program, linked by `{}`, which is not there: "
                           "install the Debian package {} (and libc6-dev for that architecture), "
                           "or name another with --cc",
                           name, compiler.command, compiler.package);
    return "";
}

} // namespace cnnc
