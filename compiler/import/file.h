// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Files as a whole: mapped for reading, written so that they appear complete or not at all.
#pragma once

#include "dsl/diagnostics.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cnnc {

// The bytes of a file. Copies share them; views into them live as long as `owner` does.
struct FileBytes {
    std::shared_ptr<const void> owner;
    const std::byte *data = nullptr;
    size_t size = 0;

    std::string_view text() const { return {reinterpret_cast<const char *>(data), size}; }
};

// Maps a regular file read-only. The file must not shrink while the bytes are in use.
std::optional<FileBytes> map_file(const std::string &path, Diagnostics &diags);

// Writes the pieces one after another to a new file beside `path` and renames that to `path`.
bool write_file(const std::string &path, const std::vector<std::string_view> &pieces,
                Diagnostics &diags);

// A name found in a file, for a message: cut off when it is absurdly long.
std::string brief(std::string_view name);

} // namespace cnnc
