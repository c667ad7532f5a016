// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The road of a user: the program cnnc, then a C compiler on what it wrote, then the result.
#include <gtest/gtest.h>

#include <stdlib.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

namespace fs = std::filesystem;

struct Result {
    int code;
    std::string output; // stdout, and stderr where the command sends it there
};

Result shell(const std::string &command) {
    FILE *pipe = popen(command.c_str(), "r");
    Result result = {-1, ""};
    std::array<char, 4096> buffer;
    while (size_t n = fread(buffer.data(), 1, buffer.size(), pipe))
        result.output.append(buffer.data(), n);
    const int status = pclose(pipe);
    result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return result;
}

const std::string cnnc = CNNC_PROGRAM;
const fs::path source_dir = CNNC_SOURCE_DIR;

class EndToEnd : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = fs::temp_directory_path() / "cnnc-e2e-XXXXXX";
        folder = mkdtemp(name.data());
    }
    void TearDown() override { fs::remove_all(folder); }

    std::string in(const std::string &name) const { return folder / name; }

    // Builds an example into a folder of this name.
    void build(const std::string &example, const std::string &out, const std::string &more) {
        const Result result = shell(
            cnnc + " build " + (source_dir / "examples" / example / (example + ".cnn")).string() +
            " -o " + in(out) + " " + more + " 2>&1");
        ASSERT_EQ(result.code, 0) << result.output;
    }

    // Compiles tests/e2e/NAME.c against the library of a network in `out`.
    void compile(const std::string &name, const std::string &network, const std::string &out) {
        const Result result =
            shell(std::string(CNNC_CC) + " -std=c11 -O2 -Wall -Wextra -Werror -I" + in(out) + " " +
                  (source_dir / "tests" / "e2e" / (name + ".c")).string() + " " + in(out) + "/lib" +
                  network + ".a -lm -lpthread -Wl,--gc-sections -s -o " + in(name) + " 2>&1");
        ASSERT_EQ(result.code, 0) << result.output;
    }

    fs::path folder;
};

const std::string lenet5_weights =
    "--weights " + (source_dir / "examples/lenet5/lenet5.safetensors").string();

TEST_F(EndToEnd, LeNet5ReadsDigitsItHasNeverSeen) {
    for (const std::string target : {"host", "x86-64"}) {
        build("lenet5", "out", lenet5_weights + " --target " + target);
        compile("digits", "lenet5", "out");
        const std::string data = (source_dir / "examples/lenet5/digits").string();
        const Result result =
            shell(in("digits") + " " + data + "-images.idx3 " + data + "-labels.idx1");
        EXPECT_EQ(result.code, 0);
        int right = 0, total = 0;
        ASSERT_EQ(sscanf(result.output.c_str(), "%d of %d", &right, &total), 2) << result.output;
        EXPECT_GE(total, 1000);
        EXPECT_GE(right, total * 0.985) << result.output;
        EXPECT_LT(fs::file_size(folder / "digits"), 600000u);
    }
}

TEST_F(EndToEnd, BuildsAreReproducible) {
    build("lenet5", "one", lenet5_weights + " --no-cache -j1");
    build("lenet5", "two", lenet5_weights + " --no-cache -j2");
    build("lenet5", "three", lenet5_weights);
    const Result compared = shell("diff -r " + in("one") + " " + in("two") + " && diff -r " +
                                  in("one") + " " + in("three"));
    EXPECT_EQ(compared.code, 0) << compared.output;
    EXPECT_GE(std::distance(fs::directory_iterator(in("one")), fs::directory_iterator()), 5);
}

TEST_F(EndToEnd, ResultsGoToStdoutAndTheRestToStderr) {
    const std::string network = (source_dir / "examples/lenet5/lenet5.cnn").string();
    const Result summary = shell(cnnc + " summary --json " + network + " 2>/dev/null");
    EXPECT_EQ(summary.output.substr(0, 1), "{");
    EXPECT_EQ(summary.output.find('\033'), std::string::npos);
    EXPECT_EQ(shell(cnnc + " build " + network + " -o " + in("out") + " " + lenet5_weights +
                    " 2>/dev/null")
                  .output,
              "");
}

TEST_F(EndToEnd, ExitCodes) {
    const std::string network = (source_dir / "examples/lenet5/lenet5.cnn").string();
    std::ofstream(in("bad.cnn")) << "network n {\n";
    EXPECT_EQ(shell(cnnc + " check " + network).code, 0);
    EXPECT_EQ(shell(cnnc + " --version").code, 0);
    EXPECT_EQ(shell(cnnc + " --help").code, 0);
    EXPECT_EQ(shell(cnnc + " check " + in("bad.cnn") + " 2>&1").code, 1);
    EXPECT_EQ(shell(cnnc + " 2>&1").code, 2);
    EXPECT_EQ(shell(cnnc + " check 2>&1").code, 2);
    EXPECT_EQ(shell(cnnc + " check --wat " + network + " 2>&1").code, 2);
    EXPECT_EQ(shell(cnnc + " summary " + network + " 2>&1 >/dev/full").code, 3);
    EXPECT_EQ(shell(cnnc + " build " + network + " " + lenet5_weights + " -o " + in("bad.cnn") +
                    "/out 2>&1")
                  .code,
              3);
}

TEST_F(EndToEnd, AnInterruptedBuildLeavesNoFiles) {
    // The limit on file sizes strikes while the archive is being written.
    const std::string network = (source_dir / "examples/lenet5/lenet5.cnn").string();
    build("lenet5", "warm", lenet5_weights); // so that the cache need not be written
    const Result result = shell("trap '' XFSZ; ulimit -f 100; " + cnnc + " build " + network + " " +
                                lenet5_weights + " -o " + in("out") + " 2>&1");
    EXPECT_EQ(result.code, 3) << result.output;
    EXPECT_NE(result.output.find("File too large"), std::string::npos) << result.output;
    EXPECT_TRUE(fs::is_empty(in("out")));
}

TEST_F(EndToEnd, NoColourWithoutATerminal) {
    std::ofstream(in("bad.cnn")) << "network n {\n";
    const Result result = shell(cnnc + " check " + in("bad.cnn") + " 2>&1");
    EXPECT_NE(result.output, "");
    EXPECT_EQ(result.output.find('\033'), std::string::npos);
}

} // namespace
