// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Layout: magic, then key, symbol, object, device code (each a 64-bit length and its bytes),
// scratch bytes, parallel flag, launches, and a 64-bit FNV-1a of everything before it.
// Little-endian like its host: the bytes never leave the machine.
#include "compiler/codegen/kernel_bytes.h"

#include <cstring>

namespace cnnc {
namespace {

constexpr std::string_view magic = "cnnc kernel 3\n";

uint64_t fnv1a(std::string_view bytes) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char c : bytes)
        hash = (hash ^ uint8_t(c)) * 0x100000001b3u;
    return hash;
}

void put_number(std::string &out, uint64_t value) {
    out.append(reinterpret_cast<const char *>(&value), sizeof value);
}

void put_text(std::string &out, std::string_view text) {
    put_number(out, text.size());
    out.append(text);
}

bool get_number(std::string_view &in, uint64_t &value) {
    if (in.size() < sizeof value)
        return false;
    memcpy(&value, in.data(), sizeof value);
    in.remove_prefix(sizeof value);
    return true;
}

bool get_text(std::string_view &in, std::string &text) {
    uint64_t size = 0;
    if (!get_number(in, size) || size > in.size())
        return false;
    text.assign(in.substr(0, size));
    in.remove_prefix(size);
    return true;
}

void put_launch(std::string &out, const GpuLaunch &launch) {
    put_text(out, launch.entry);
    for (size_t i = 0; i < 3; ++i) {
        put_number(out, launch.blocks[i]);
        put_number(out, launch.threads[i]);
    }
    put_number(out, launch.shared_bytes);
    put_number(out, launch.arguments.size());
    for (const GpuArgument &argument : launch.arguments) {
        put_number(out, uint64_t(argument.kind));
        put_number(out, uint64_t(argument.operand));
        put_number(out, uint64_t(argument.offset));
        put_text(out, argument.bytes);
    }
}

template <typename T>
bool get_as(std::string_view &in, T &value) {
    uint64_t number = 0;
    const bool got = get_number(in, number);
    value = T(number);
    return got;
}

bool get_launch(std::string_view &in, GpuLaunch &launch) {
    if (!get_text(in, launch.entry))
        return false;
    for (size_t i = 0; i < 3; ++i)
        if (!get_as(in, launch.blocks[i]) || !get_as(in, launch.threads[i]))
            return false;
    uint64_t arguments = 0;
    if (!get_as(in, launch.shared_bytes) || !get_number(in, arguments) || arguments > in.size())
        return false;
    launch.arguments.resize(arguments);
    for (GpuArgument &argument : launch.arguments)
        if (!get_as(in, argument.kind) || !get_as(in, argument.operand) ||
            !get_as(in, argument.offset) || !get_text(in, argument.bytes))
            return false;
    return true;
}

bool get_launches(std::string_view &in, std::vector<GpuLaunch> &launches) {
    uint64_t count = 0;
    if (!get_number(in, count) || count > in.size())
        return false;
    launches.resize(count);
    for (GpuLaunch &launch : launches)
        if (!get_launch(in, launch))
            return false;
    return true;
}

} // namespace

std::string kernel_to_bytes(const CompiledKernel &kernel, std::string_view key) {
    std::string out(magic);
    put_text(out, key);
    put_text(out, kernel.symbol);
    put_text(out, kernel.object);
    put_text(out, kernel.device_code);
    put_number(out, uint64_t(kernel.scratch_bytes));
    put_number(out, kernel.parallel);
    put_number(out, kernel.launches.size());
    for (const GpuLaunch &launch : kernel.launches)
        put_launch(out, launch);
    put_number(out, fnv1a(out));
    return out;
}

std::optional<CompiledKernel> kernel_from_bytes(std::string_view bytes, std::string_view key) {
    if (bytes.size() < magic.size() + 8 || bytes.substr(0, magic.size()) != magic)
        return std::nullopt;
    uint64_t checksum = 0;
    std::string_view end = bytes.substr(bytes.size() - 8);
    get_number(end, checksum);
    bytes.remove_suffix(8);
    if (checksum != fnv1a(bytes))
        return std::nullopt;
    bytes.remove_prefix(magic.size());
    CompiledKernel kernel;
    std::string found_key;
    uint64_t scratch = 0, parallel = 0;
    if (!get_text(bytes, found_key) || found_key != key || !get_text(bytes, kernel.symbol) ||
        !get_text(bytes, kernel.object) || !get_text(bytes, kernel.device_code) ||
        !get_number(bytes, scratch) || !get_number(bytes, parallel) ||
        !get_launches(bytes, kernel.launches) || !bytes.empty())
        return std::nullopt;
    kernel.scratch_bytes = int64_t(scratch);
    kernel.parallel = parallel != 0;
    return kernel;
}

} // namespace cnnc
