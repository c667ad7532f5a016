// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Output files appear whole or not at all.
#include "compiler/driver/files.h"

#include "compiler/driver/console.h"

#include <gtest/gtest.h>

#include <stdlib.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

namespace cnnc {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = fs::temp_directory_path() / "cnnc-files-XXXXXX";
        folder = mkdtemp(name.data());
    }
    void TearDown() override { fs::remove_all(folder); }

    std::vector<std::string> names() const {
        std::vector<std::string> found;
        for (const auto &entry : fs::recursive_directory_iterator(folder))
            found.push_back(fs::relative(entry.path(), folder));
        std::sort(found.begin(), found.end());
        return found;
    }

    fs::path folder;
};

int code_of(const std::function<void()> &work) {
    try {
        work();
    } catch (const Failure &failure) {
        EXPECT_NE(failure.message, "");
        return failure.code;
    }
    return exit_ok;
}

TEST_F(Files, AreWrittenIntoNewFolders) {
    const fs::path dir = folder / "a" / "b";
    write_files(dir, {{"one", "1"}, {"two", "22"}});
    EXPECT_EQ(read_whole_file(dir / "one"), "1");
    EXPECT_EQ(read_whole_file(dir / "two"), "22");
    EXPECT_EQ(names(), (std::vector<std::string>{"a", "a/b", "a/b/one", "a/b/two"}));
}

TEST_F(Files, AFailureLeavesTheOldFilesAndNothingElse) {
    write_files(folder, {{"one", "old"}});
    fs::create_directory(folder / "two"); // cannot be replaced by a file
    EXPECT_EQ(code_of([&] {
                  write_files(folder, {{"two", "x"}, {"one", "new"}});
              }),
              exit_environment);
    EXPECT_EQ(read_whole_file(folder / "one"), "old");
    EXPECT_EQ(names(), (std::vector<std::string>{"one", "two"}));
}

TEST_F(Files, AFullDiskLeavesNothing) {
    // A limit on file sizes stands for the full disk.
    rlimit before;
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    const rlimit small = {1000, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    const std::string large(5000, 'x');
    const int code = code_of([&] { write_files(folder, {{"one", "1"}, {"two", large}}); });
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_DFL);
    EXPECT_EQ(code, exit_environment);
    EXPECT_EQ(names(), std::vector<std::string>{});
}

TEST_F(Files, AFileInThePlaceOfTheFolderIsRefused) {
    write_files(folder, {{"file", "x"}});
    EXPECT_EQ(code_of([&] {
                  write_files(folder / "file" / "dir", {{"one", "1"}});
              }),
              exit_environment);
}

TEST_F(Files, WhatCannotBeReadIsBadInput) {
    EXPECT_EQ(code_of([&] { read_whole_file(folder / "missing"); }), exit_bad_input);
    EXPECT_EQ(code_of([&] { read_whole_file(folder); }), exit_bad_input);
}

} // namespace
} // namespace cnnc
