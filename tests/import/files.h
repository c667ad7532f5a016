// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Files made up on the spot for the tests of compiler/import.
#pragma once

#include "compiler/import/file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>

namespace cnnc::test {

inline FileBytes file_bytes(std::string text) {
    // A vector's memory is aligned as a mapped file's is; a string's might lie inside the string.
    auto owner = std::make_shared<std::vector<std::byte>>(text.size());
    if (!text.empty())
        std::memcpy(owner->data(), text.data(), text.size());
    return {owner, owner->data(), owner->size()};
}

// A safetensors file: the header as given, then the data.
inline std::string safetensors(const std::string &header, const std::string &data) {
    uint64_t length = header.size();
    std::string text(reinterpret_cast<const char *>(&length), sizeof length);
    return text + header + data;
}

// The bytes of the elements, as they lie in a file.
template <typename Element>
std::string bytes_of(const std::vector<Element> &elements) {
    return {reinterpret_cast<const char *>(elements.data()), elements.size() * sizeof(Element)};
}

inline std::string temporary(const std::string &name) {
    return testing::TempDir() + name;
}

inline std::string contents(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string rendered(const Diagnostics &diags) {
    return diags.render(SourceManager{});
}

} // namespace cnnc::test
