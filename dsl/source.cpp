// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Source text and the translation of byte offsets into lines and columns.
#include "dsl/source.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace cnnc {

FileId SourceManager::add(std::string path, std::string text) {
    assert(text.size() < std::numeric_limits<uint32_t>::max() && "the loader limits file sizes");
    File file{std::move(path), std::move(text), {0}};
    for (size_t i = 0; i < file.text.size(); ++i)
        if (file.text[i] == '\n')
            file.line_starts.push_back(uint32_t(i + 1));
    files_.push_back(std::move(file));
    return FileId(files_.size());
}

const std::string &SourceManager::path(FileId file) const {
    assert(file > 0 && file <= files_.size());
    return files_[file - 1].path;
}

std::string_view SourceManager::text(FileId file) const {
    assert(file > 0 && file <= files_.size());
    return files_[file - 1].text;
}

std::string_view SourceManager::text(Span span) const {
    std::string_view all = text(span.file);
    size_t begin = std::min<size_t>(span.begin, all.size());
    size_t end = std::clamp<size_t>(span.end, begin, all.size());
    return all.substr(begin, end - begin);
}

LineColumn SourceManager::position(FileId file, uint32_t offset) const {
    const std::vector<uint32_t> &starts = files_[file - 1].line_starts;
    auto after = std::upper_bound(starts.begin(), starts.end(), offset);
    return {int(after - starts.begin()), int(offset - *(after - 1)) + 1};
}

std::string_view SourceManager::line(FileId file, uint32_t offset) const {
    std::string_view all = text(file);
    const std::vector<uint32_t> &starts = files_[file - 1].line_starts;
    uint32_t begin = *(std::upper_bound(starts.begin(), starts.end(), offset) - 1);
    std::string_view rest = all.substr(begin);
    rest = rest.substr(0, rest.find('\n'));
    if (!rest.empty() && rest.back() == '\r')
        rest.remove_suffix(1);
    return rest;
}

} // namespace cnnc
