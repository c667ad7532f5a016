// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/codegen/workshop.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/wait.h>

namespace cnnc {

CommandResult run_command(const std::string &command) {
    CommandResult result;
    FILE *pipe = popen(("{ " + command + "\n} 2>&1").c_str(), "r");
    if (!pipe)
        return result;
    char buffer[4096];
    for (size_t n; (n = fread(buffer, 1, sizeof(buffer), pipe)) > 0;)
        result.output.append(buffer, n);
    int status = pclose(pipe);
    result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return result;
}

Workshop::Workshop() {
    std::string pattern = testing::TempDir() + "cnnc_workshop_XXXXXX";
    if (!mkdtemp(pattern.data()))
        std::abort();
    folder_ = pattern;
}

Workshop::~Workshop() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

void Workshop::write(const std::string &name, const std::string &bytes) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << bytes;
}

std::string Workshop::read(const std::string &name) const {
    std::ifstream file(path(name), std::ios::binary);
    EXPECT_TRUE(file) << name;
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

CommandResult Workshop::try_run(const std::string &command) const {
    return run_command("cd '" + folder_ + "' && " + command);
}

std::string Workshop::run(const std::string &command) const {
    CommandResult result = try_run(command);
    EXPECT_EQ(result.code, 0) << command << "\n" << result.output;
    return result.output;
}

std::string Workshop::compile(const std::string &source, const std::string &flags) const {
    write("unit.c", source);
    run(std::string(CNNC_CC) + " -w " + flags + " -c unit.c -o unit.o");
    return read("unit.o");
}

} // namespace cnnc
