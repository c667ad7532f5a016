// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reads a .cnn file and, once each, the files it imports.
#include "dsl/loader.h"

#include "dsl/dsl_diagnostics.h"
#include "dsl/parser.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

namespace cnnc {
namespace {

constexpr size_t max_file_bytes = size_t(16) << 20;
constexpr size_t max_files = 256;

// Loads files breadth first, so that the order of the program is that of the imports.
class ProgramLoader {
  public:
    ProgramLoader(SourceManager &sources, Diagnostics &diags, const FileReader &read)
        : sources_(sources), diags_(diags), read_(read) {}

    Program load(const std::string &path, std::string text) {
        add(path, std::move(text));
        for (size_t i = 0; i < program_.files.size(); ++i)
            follow_imports(i);
        return std::move(program_);
    }

  private:
    // One key for all the ways to write a path.
    static std::string key(const std::string &path) {
        std::error_code error;
        std::filesystem::path canonical = std::filesystem::weakly_canonical(path, error);
        return error ? std::filesystem::path(path).lexically_normal().string() : canonical.string();
    }

    size_t add(const std::string &path, std::string text) {
        size_t index = program_.files.size();
        index_of_.emplace(key(path), index);
        paths_.push_back(path);
        FileId id = sources_.add(path, std::move(text));
        program_.files.push_back({parse_file(id, sources_, diags_), {}});
        return index;
    }

    void follow_imports(size_t index) {
        // `add` moves the files, so the imports are taken out first.
        std::vector<ast::Import> imports;
        for (const ast::Declaration &declaration : program_.files[index].tree.declarations)
            if (const auto *import = std::get_if<ast::Import>(&declaration))
                imports.push_back(*import);
        for (const ast::Import &import : imports) {
            if (std::optional<size_t> target = resolve(import, index))
                program_.files[index].imports.push_back(*target);
            else
                program_.incomplete = true;
        }
    }

    std::optional<size_t> resolve(const ast::Import &import, size_t from) {
        std::filesystem::path relative =
            std::filesystem::path(paths_[from]).parent_path() / import.path;
        std::string path = relative.lexically_normal().string();
        auto known = index_of_.find(key(path));
        if (known != index_of_.end()) {
            if (known->second == from)
                diags_.report<diag::imports_itself>(import.path_span);
            return known->second;
        }
        if (program_.files.size() >= max_files) {
            diags_.report<diag::too_many_files>(import.path_span, int(max_files));
            return std::nullopt;
        }
        std::string reason;
        std::optional<std::string> text = read_(path, reason);
        if (!text) {
            diags_.report<diag::cannot_read_file>(import.path_span, path, reason);
            return std::nullopt;
        }
        return add(path, std::move(*text));
    }

    SourceManager &sources_;
    Diagnostics &diags_;
    const FileReader &read_;
    Program program_;
    std::vector<std::string> paths_;
    std::map<std::string, size_t> index_of_;
};

} // namespace

std::optional<std::string> read_source_file(const std::string &path, std::string &reason) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) {
        reason = "it is a directory";
        return std::nullopt;
    }
    errno = 0;
    std::ifstream stream(path, std::ios::binary);
    if (!stream) {
        reason = std::strerror(errno ? errno : EIO);
        return std::nullopt;
    }
    std::string text(max_file_bytes + 1, '\0');
    stream.read(text.data(), std::streamsize(text.size()));
    if (stream.bad()) {
        reason = std::strerror(EIO);
        return std::nullopt;
    }
    text.resize(size_t(stream.gcount()));
    if (text.size() > max_file_bytes) {
        reason = fmt::format("it is larger than {} MiB", max_file_bytes >> 20);
        return std::nullopt;
    }
    text.shrink_to_fit();
    return text;
}

std::optional<Program> load_program(const std::string &path, SourceManager &sources,
                                    Diagnostics &diags, const FileReader &read) {
    std::string reason;
    std::optional<std::string> text = read(path, reason);
    if (!text) {
        diags.report<diag::cannot_read_file>(Span{}, path, reason);
        return std::nullopt;
    }
    return load_program_text(path, std::move(*text), sources, diags, read);
}

Program load_program_text(const std::string &path, std::string text, SourceManager &sources,
                          Diagnostics &diags, const FileReader &read) {
    return ProgramLoader(sources, diags, read).load(path, std::move(text));
}

} // namespace cnnc
