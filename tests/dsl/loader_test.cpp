// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Files and their imports.
#include "dsl/loader.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace cnnc {
namespace {

struct Loaded {
    SourceManager sources;
    Diagnostics diags;
    std::optional<Program> program;
    int reads = 0;
};

Loaded load(const std::map<std::string, std::string> &files, const std::string &first) {
    Loaded loaded;
    FileReader read = [&](const std::string &path,
                          std::string &reason) -> std::optional<std::string> {
        ++loaded.reads;
        auto found = files.find(path);
        if (found != files.end())
            return found->second;
        reason = "no such file";
        return std::nullopt;
    };
    loaded.program = load_program(first, loaded.sources, loaded.diags, read);
    return loaded;
}

TEST(Loader, ImportsAreFoundBesideTheImporter) {
    Loaded loaded = load({{"nets/n.cnn", "import \"lib/a.cnn\"\n"},
                          {"nets/lib/a.cnn", "import \"../b.cnn\"\n"},
                          {"nets/b.cnn", ""}},
                         "nets/n.cnn");
    EXPECT_EQ(loaded.diags.render(loaded.sources), "");
    ASSERT_TRUE(loaded.program);
    ASSERT_EQ(loaded.program->files.size(), 3u);
    EXPECT_EQ(loaded.program->files[0].imports, std::vector<size_t>{1});
    EXPECT_EQ(loaded.program->files[1].imports, std::vector<size_t>{2});
    EXPECT_EQ(loaded.sources.path(loaded.program->files[2].tree.id), "nets/b.cnn");
    EXPECT_FALSE(loaded.program->incomplete);
}

TEST(Loader, EachFileIsReadOnceHoweverItIsCalled) {
    Loaded loaded =
        load({{"n.cnn", "import \"a.cnn\"\nimport \"./b.cnn\"\nimport \"x/../a.cnn\"\n"},
              {"a.cnn", "import \"b.cnn\"\nimport \"n.cnn\"\n"},
              {"b.cnn", "import \"a.cnn\"\n"}},
             "n.cnn");
    EXPECT_EQ(loaded.diags.render(loaded.sources), "");
    EXPECT_EQ(loaded.reads, 3);
    EXPECT_EQ(loaded.program->files[0].imports, (std::vector<size_t>{1, 2, 1}));
    EXPECT_EQ(loaded.program->files[1].imports, (std::vector<size_t>{2, 0}));
}

TEST(Loader, MissingFilesAreReported) {
    Loaded loaded = load({}, "n.cnn");
    EXPECT_FALSE(loaded.program);
    EXPECT_EQ(loaded.diags.render(loaded.sources), "error: cannot read `n.cnn`: no such file\n");

    Loaded without_import = load({{"n.cnn", "import \"a.cnn\"\n"}}, "n.cnn");
    ASSERT_TRUE(without_import.program);
    EXPECT_TRUE(without_import.program->incomplete);
    EXPECT_EQ(without_import.diags.error_count(), 1u);
}

TEST(ReadSourceFile, ReadsAndSaysWhyNot) {
    std::filesystem::path folder =
        std::filesystem::temp_directory_path() / "cnnc_read_source_file_test";
    std::filesystem::create_directories(folder);
    std::string path = (folder / "a.cnn").string(), reason;
    std::ofstream(path, std::ios::binary) << "a\r\n\0b";
    EXPECT_EQ(read_source_file(path, reason), "a\r\n");
    EXPECT_FALSE(read_source_file(folder.string(), reason));
    EXPECT_EQ(reason, "it is a directory");
    EXPECT_FALSE(read_source_file((folder / "none.cnn").string(), reason));
    EXPECT_EQ(reason, "No such file or directory");
    std::ofstream(path, std::ios::binary) << std::string((size_t(16) << 20) + 1, ' ');
    EXPECT_FALSE(read_source_file(path, reason));
    EXPECT_EQ(reason, "it is larger than 16 MiB");
    EXPECT_FALSE(read_source_file("/dev/zero", reason)); // endless
    std::filesystem::remove_all(folder);
}

} // namespace
} // namespace cnnc
