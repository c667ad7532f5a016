// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The format: "!<arch>\n", then members, each a head of 60 characters and contents of even length.
// The first member, "/", maps symbols to members; the second, "//", holds names too long for heads.
#include "compiler/codegen/archive.h"

#include "compiler/codegen/little_endian.h"

#include <fmt/format.h>

namespace cnnc {
namespace {

constexpr size_t head_size = 60;
constexpr size_t longest_short_name = 15; // and a slash behind it

size_t padded(size_t size) {
    return size + size % 2;
}

void put_member(std::string &out, const std::string &name, std::string_view bytes) {
    out += fmt::format("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", name, 0, 0, 0, 644, bytes.size());
    out += bytes;
    if (bytes.size() % 2)
        out += '\n';
}

// Names as heads show them; long ones go to `table`.
std::vector<std::string> head_names(const std::vector<ArchiveMember> &members, std::string *table) {
    std::vector<std::string> names;
    for (const ArchiveMember &member : members) {
        if (member.name.size() <= longest_short_name) {
            names.push_back(member.name + "/");
            continue;
        }
        names.push_back(fmt::format("/{}", table->size()));
        *table += member.name + "/\n";
    }
    return names;
}

// The symbol table when members start at `first`; only its size does not depend on that.
std::string symbol_table(const std::vector<ArchiveMember> &members, size_t first) {
    std::string offsets, names;
    size_t count = 0, at = first;
    for (const ArchiveMember &member : members) {
        for (const std::string &symbol : member.symbols) {
            put_be(offsets, at, 4);
            names += symbol;
            names += '\0';
            count++;
        }
        at += head_size + padded(member.bytes.size());
    }
    std::string table;
    put_be(table, count, 4);
    return table + offsets + names;
}

} // namespace

std::string write_archive(const std::vector<ArchiveMember> &members) {
    std::string long_names, out = "!<arch>\n";
    std::vector<std::string> names = head_names(members, &long_names);
    size_t first = out.size() + head_size + padded(symbol_table(members, 0).size());
    if (!long_names.empty())
        first += head_size + padded(long_names.size());
    size_t total = first;
    for (const ArchiveMember &member : members)
        total += head_size + padded(member.bytes.size());
    out.reserve(total);
    put_member(out, "/", symbol_table(members, first));
    if (!long_names.empty())
        put_member(out, "//", long_names);
    for (size_t i = 0; i < members.size(); i++)
        put_member(out, names[i], members[i].bytes);
    return out;
}

} // namespace cnnc
