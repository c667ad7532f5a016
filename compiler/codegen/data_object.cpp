// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// ELF, by the System V ABI: header, data, symbol table, strings, section headers.
#include "compiler/codegen/data_object.h"

#include "compiler/codegen/little_endian.h"

#include <cassert>

namespace cnnc {
namespace {

enum : uint64_t { type_progbits = 1, type_symtab = 2, type_strtab = 3, flag_alloc = 2 };
constexpr int section_count = 6;
// Of section headers, in the order they are written.
enum : uint64_t { data_section = 1, strtab_section = 4, shstrtab_section = 5 };

struct Section {
    uint64_t name, type, flags, offset, size, link, info, alignment, entry_size;
};

struct MachineCode {
    uint64_t machine, flags;
};

MachineCode machine_code(const Target &target) {
    bool wide = target.bits == 64;
    switch (target.arch) {
    case Arch::x86:
        return {wide ? 62u : 3u, 0};
    case Arch::arm: // 32 bits: EABI version 5, hard-float
        return wide ? MachineCode{183, 0} : MachineCode{40, 0x05000400};
    case Arch::riscv: // compressed instructions, double-precision ABI
        return {243, 0x5};
    case Arch::wasm:
        break;
    }
    assert(false && "no ELF machine for this target");
    return {0, 0};
}

// Collects strings of a string table; a name's offset is where it was added.
uint64_t add_string(std::string &table, const std::string &name) {
    uint64_t offset = table.size();
    table += name;
    table += '\0';
    return offset;
}

std::string header(const Target &target, uint64_t section_headers) {
    bool wide = target.bits == 64;
    int word = wide ? 8 : 4;
    MachineCode code = machine_code(target);
    std::string out("\x7f"
                    "ELF");
    put_le(out, wide ? 2 : 1, 1);
    put_le(out, 1, 1); // little-endian
    put_le(out, 1, 1); // version
    pad_to(out, 16);
    put_le(out, 1, 2); // relocatable
    put_le(out, code.machine, 2);
    put_le(out, 1, 4);
    put_le(out, 0, word); // entry
    put_le(out, 0, word); // program headers
    put_le(out, section_headers, word);
    put_le(out, code.flags, 4);
    put_le(out, wide ? 64 : 52, 2);
    put_le(out, 0, 4); // no program headers
    put_le(out, wide ? 64 : 40, 2);
    put_le(out, section_count, 2);
    put_le(out, shstrtab_section, 2);
    return out;
}

// The null symbol and ours, which has local binding nowhere: sh_info is 1.
std::string symbol_table(bool wide, uint64_t name, uint64_t size) {
    constexpr uint64_t global_object = (1 << 4) | 1, hidden = 2;
    std::string out(wide ? 24 : 16, '\0');
    put_le(out, name, 4);
    if (wide) {
        put_le(out, global_object, 1);
        put_le(out, hidden, 1);
        put_le(out, data_section, 2);
        put_le(out, 0, 8);
        put_le(out, size, 8);
    } else {
        put_le(out, 0, 4);
        put_le(out, size, 4);
        put_le(out, global_object, 1);
        put_le(out, hidden, 1);
        put_le(out, data_section, 2);
    }
    return out;
}

void put_section(std::string &out, const Section &s, bool wide) {
    int word = wide ? 8 : 4;
    put_le(out, s.name, 4);
    put_le(out, s.type, 4);
    put_le(out, s.flags, word);
    put_le(out, 0, word); // address
    put_le(out, s.offset, word);
    put_le(out, s.size, word);
    put_le(out, s.link, 4);
    put_le(out, s.info, 4);
    put_le(out, s.alignment, word);
    put_le(out, s.entry_size, word);
}

} // namespace

void finish_data_object(std::string &bytes, const Target &target, const std::string &symbol) {
    bool wide = target.bits == 64;
    uint64_t data_size = bytes.size() - data_object_offset;
    std::string strings(1, '\0'), section_names(1, '\0');
    uint64_t symbol_name = add_string(strings, symbol);
    auto append = [&](const std::string &part) {
        pad_to(bytes, 8);
        bytes += part;
        return uint64_t(bytes.size() - part.size());
    };
    // Without .note.GNU-stack linkers would make the program's stack executable.
    Section data = {add_string(section_names, ".rodata." + symbol),
                    type_progbits,
                    flag_alloc,
                    data_object_offset,
                    data_size,
                    0,
                    0,
                    64,
                    0};
    Section stack_note = {add_string(section_names, ".note.GNU-stack"),
                          type_progbits,
                          0,
                          data_object_offset,
                          0,
                          0,
                          0,
                          1,
                          0};
    std::string symbols = symbol_table(wide, symbol_name, data_size);
    Section symtab = {add_string(section_names, ".symtab"),
                      type_symtab,
                      0,
                      append(symbols),
                      symbols.size(),
                      strtab_section,
                      1,
                      8,
                      wide ? 24u : 16u};
    Section strtab = {add_string(section_names, ".strtab"),
                      type_strtab,
                      0,
                      append(strings),
                      strings.size(),
                      0,
                      0,
                      1,
                      0};
    uint64_t names_name = add_string(section_names, ".shstrtab");
    Section shstrtab = {names_name, type_strtab, 0, append(section_names), section_names.size(), 0,
                        0,          1,           0};
    pad_to(bytes, 8);
    std::string head = header(target, bytes.size());
    bytes.replace(0, head.size(), head);
    for (const Section &section : {Section{}, data, stack_note, symtab, strtab, shstrtab})
        put_section(bytes, section, wide);
}

} // namespace cnnc
