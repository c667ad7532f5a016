// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Static archives, written in one pass into one string: the weights inside are large.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cnnc {

struct ArchiveMember {
    std::string name;
    std::string_view bytes;
    std::vector<std::string> symbols; // that it defines for others
};

// In GNU's format, with a symbol table and without dates or owners.
std::string write_archive(const std::vector<ArchiveMember> &members);

} // namespace cnnc
