// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Launches of kernels become launches of the network: operands get their places.
#include "compiler/codegen/gpu_program.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <map>

namespace cnnc {
namespace {

// The number (or what of `7.1` stands before the point) after `word` in the code; -1 without it.
int number_after(const std::string &code, const char *word, size_t *end = nullptr) {
    size_t at = code.find(word);
    if (at == std::string::npos)
        return -1;
    const char *begin = code.c_str() + at + std::strlen(word);
    char *behind = nullptr;
    long number = std::strtol(begin, &behind, 10);
    if (end)
        *end = size_t(behind - code.c_str());
    return behind == begin ? -1 : int(number);
}

// CUDA 11.N came with PTX 7.N, and so on; cnnc needs 11.0.
int driver_version_for(const std::string &ptx) {
    constexpr int least = 11000;
    size_t point = 0;
    int major = number_after(ptx, ".version ", &point);
    int minor = ptx[point] == '.' ? std::atoi(ptx.c_str() + point + 1) : 0;
    return major < 7 ? least : std::max(least, (major + 4) * 1000 + minor * 10);
}

void note_needs(const std::string &ptx, GpuProgram &program) {
    program.capability = std::max(program.capability, number_after(ptx, ".target sm_"));
    program.driver_version = std::max(program.driver_version, driver_version_for(ptx));
}

GpuProgram::Argument argument_of(const GpuArgument &argument, const DriverStep &step,
                                 int64_t scratch) {
    GpuProgram::Argument out;
    switch (argument.kind) {
    case GpuArgument::Kind::operand:
        out.pointer = step.pointers[size_t(argument.operand)];
        out.pointer.offset += argument.offset;
        break;
    case GpuArgument::Kind::scratch:
        out.pointer.offset = scratch + argument.offset;
        break;
    case GpuArgument::Kind::value:
        assert(argument.bytes.size() <= sizeof(out.value));
        out.is_value = true;
        out.value_bytes = int(argument.bytes.size());
        for (size_t i = 0; i < argument.bytes.size(); i++)
            out.value |= uint64_t(uint8_t(argument.bytes[i])) << (8 * i);
        break;
    }
    return out;
}

std::string without_final_zeros(std::string text) {
    while (!text.empty() && text.back() == '\0')
        text.pop_back();
    return text;
}

} // namespace

GpuProgram gpu_program(const Target &target, const std::vector<const CompiledKernel *> &compiled,
                       const std::vector<DriverStep> &steps, int64_t arena_bytes) {
    GpuProgram program;
    program.api = gpu_api(target);
    program.capability = cuda_capability(target);
    std::map<std::string, int> modules; // by the kernel's symbol
    int64_t scratch_bytes = 0;
    for (size_t i = 0; i < compiled.size(); i++) {
        const CompiledKernel &kernel = *compiled[i];
        auto [module, is_new] = modules.try_emplace(kernel.symbol, int(program.modules.size()));
        if (is_new) {
            program.modules.push_back(without_final_zeros(kernel.device_code));
            if (program.api == GpuApi::cuda)
                note_needs(program.modules.back(), program);
        }
        for (const GpuLaunch &launch : kernel.launches) {
            program.launches.push_back({launch.entry,
                                        module->second,
                                        int(i),
                                        launch.blocks,
                                        launch.threads,
                                        launch.shared_bytes,
                                        {}});
            for (const GpuArgument &argument : launch.arguments)
                program.launches.back().arguments.push_back(
                    argument_of(argument, steps[i], arena_bytes));
        }
        scratch_bytes = std::max(scratch_bytes, kernel.scratch_bytes);
    }
    program.arena_bytes = arena_bytes + scratch_bytes;
    return program;
}

} // namespace cnnc
