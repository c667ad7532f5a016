// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Libraries as users meet them: made by the command `cnnc`, linked into C programs (programs/) and
// into CMake projects.
#include "tests/codegen/workshop.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace cnnc {
namespace {

const std::string source_dir = CNNC_SOURCE_DIR;
const std::string programs = source_dir + "/tests/codegen/programs/";
const std::string lenet5 = source_dir + "/examples/lenet5/lenet5.cnn --weights " + source_dir +
                           "/examples/lenet5/lenet5.safetensors";
const std::string busy = programs + "busy.cnn --random-weights 1";

class LibraryUse : public testing::Test {
  protected:
    Workshop shop_;

    // No kernels from earlier tests, or from another cnnc.
    void SetUp() override { setenv("CNNC_CACHE_DIR", shop_.path("cache").c_str(), 1); }

    void build(const std::string &network, const std::string &options = "-o .") {
        shop_.run(CNNC_PROGRAM " build " + network + " " + options);
    }
    // Compiles and links programs/NAME.c against what was built.
    void link(const std::string &name, const std::string &more = "libbusy.a") {
        shop_.run(CNNC_CC " -std=c11 -Wall -Wextra -Werror -O1 -I. " + programs + name + ".c " +
                  more + " -lm -pthread -ldl -o " + name);
    }
};

TEST_F(LibraryUse, RunAllocatesAndLocksNothing) {
    build(busy);
    EXPECT_NE(shop_.read("busy.json").find("\"parallel\": true"), std::string::npos)
        << "the test needs parallel loops";
    link("quiet");
    for (const char *arguments : {"1", "3", "1 own", "3 own"})
        EXPECT_EQ(shop_.run(std::string("./quiet ") + arguments), "quiet\n") << arguments;
}

TEST_F(LibraryUse, ContextsInThreadsGiveTheSameBits) {
    build(busy);
    link("threads");
    EXPECT_EQ(shop_.run("./threads"), "same\n");
}

TEST_F(LibraryUse, ContextsInThreadsUnderThreadSanitizer) {
    shop_.write("empty.c", "int main(void) { return 0; }\n");
    if (shop_.try_run(CNNC_CC " -fsanitize=thread empty.c -o empty && ./empty").code != 0)
        GTEST_SKIP() << "no ThreadSanitizer";
    build(busy);
    link("threads", "libbusy.a -fsanitize=thread");
    EXPECT_EQ(shop_.run("./threads"), "same\n");
}

TEST_F(LibraryUse, CallersLoopGivesTheSameBits) {
    build(busy);
    link("callers_loop");
    EXPECT_EQ(shop_.run("./callers_loop"), "same\n");
}

TEST_F(LibraryUse, TwoNetworksInOneProgram) {
    build(busy);
    build(lenet5);
    link("two_networks", "libbusy.a liblenet5.a");
    EXPECT_EQ(shop_.run("./two_networks"), "both\n");
    link("two_networks", "-Wl,--whole-archive liblenet5.a libbusy.a -Wl,--no-whole-archive");
    EXPECT_EQ(shop_.run("./two_networks"), "both\n");
}

// Real kernels, where tests of libraries have toys: each CPU gets code it can run, and all agree.
TEST_F(LibraryUse, OneLibraryForSeveralCpus) {
    if (run_command("uname -m").output != "x86_64\n" ||
        run_command("command -v qemu-x86_64-static").code != 0)
        GTEST_SKIP() << "no x86-64, or no qemu-x86_64-static (package qemu-user-static)";
    build(lenet5, "--target avx512,avx2,sse41 -o .");
    shop_.write("main.c", "#include \"lenet5.h\"\n"
                          "#include <stdio.h>\n"
                          "int main(void) {\n"
                          "    static float image[LENET5_INPUT_IMAGE_ELEMENTS];\n"
                          "    float digit[LENET5_OUTPUT_DIGIT_ELEMENTS];\n"
                          "    lenet5 *net;\n"
                          "    for (int i = 0; i < LENET5_INPUT_IMAGE_ELEMENTS; i++)\n"
                          "        image[i] = (float)(i % 7) / 7;\n"
                          "    int error = lenet5_create(0, &net);\n"
                          "    if (!error)\n"
                          "        error = lenet5_run(net, image, digit);\n"
                          "    printf(\"%s\", error ? \"failed\" : lenet5_variant());\n"
                          "    for (int i = 0; i < LENET5_OUTPUT_DIGIT_ELEMENTS; i++)\n"
                          "        printf(\" %.3f\", digit[i]);\n"
                          "    return error;\n"
                          "}\n");
    shop_.run(CNNC_CC " -O1 -static main.c liblenet5.a -lm -pthread -o main");
    const std::string nehalem = shop_.run("qemu-x86_64-static -cpu Nehalem ./main 2>/dev/null");
    const std::string haswell = shop_.run("qemu-x86_64-static -cpu Haswell ./main 2>/dev/null");
    EXPECT_EQ(nehalem.substr(0, 6), "sse41 ") << nehalem;
    EXPECT_EQ(haswell.substr(0, 5), "avx2 ") << haswell;
    EXPECT_EQ(nehalem.substr(6), haswell.substr(5));
    const std::string here = shop_.run("./main");
    EXPECT_EQ(here.substr(here.find(' ') + 1), haswell.substr(5));
}

TEST_F(LibraryUse, TwoBuildsGiveTheSameBytes) {
    // Without a cache, so that every kernel is compiled anew, and by other numbers of workers.
    build(busy, "-o first --no-cache -j1");
    build(busy, "-o second --no-cache -j2");
    build(busy, "-o third");
    EXPECT_EQ(shop_.run("diff -r first second && diff -r first third"), "");
    build(busy, "-o file_first --weights-file");
    build(busy, "-o file_second --weights-file");
    EXPECT_EQ(shop_.run("diff -r file_first file_second"), "");
    EXPECT_GT(shop_.read("file_first/busy.weights").size(), 64u);
}

TEST_F(LibraryUse, AProgramWithLenet5IsSmall) {
    build(lenet5);
    shop_.write("main.c", "#include \"lenet5.h\"\n"
                          "int main(void) {\n"
                          "    static float image[LENET5_INPUT_IMAGE_ELEMENTS];\n"
                          "    float digit[LENET5_OUTPUT_DIGIT_ELEMENTS];\n"
                          "    lenet5 *net;\n"
                          "    int error = lenet5_create(0, &net);\n"
                          "    return error ? error : lenet5_run(net, image, digit);\n"
                          "}\n");
    shop_.run(CNNC_CC " -O2 -s main.c liblenet5.a -lm -pthread -o main && ./main");
    EXPECT_LT(shop_.read("main").size(), 600'000u); // with 247 kB of weights
    EXPECT_GT(shop_.read("main").size(), 247'000u);
}

TEST_F(LibraryUse, WeightsInAFile) {
    build(busy, "-o . --weights-file");
    shop_.write("main.c", "#include \"busy.h\"\n"
                          "int main(int argc, char **argv) {\n"
                          "    static float x[BUSY_INPUT_X_ELEMENTS], y[BUSY_OUTPUT_Y_ELEMENTS];\n"
                          "    busy_options options = {0};\n"
                          "    options.weights_path = argc > 1 ? argv[1] : 0;\n"
                          "    busy *net;\n"
                          "    int error = busy_create(&options, &net);\n"
                          "    return error ? error : busy_run(net, x, y);\n"
                          "}\n");
    shop_.run(CNNC_CC " main.c libbusy.a -lm -pthread -o main");
    shop_.run("./main busy.weights");
    EXPECT_EQ(shop_.try_run("./main").code, 7);
    EXPECT_EQ(shop_.try_run("./main busy.h").code, 8);
}

// The same numbers as the reference interpreter's, for the same frame.
TEST_F(LibraryUse, ElementTypesOfTheHeader) {
    build(programs + "camera.cnn --random-weights 3");
    const std::string header = shop_.read("camera.h");
    for (const char *line :
         {"input  frame: uint8_t [1, 6, 8, 3] = N, H, W, C", "input  bias: int32_t [1, 4] = N, C",
          "output class_: int64_t [1]", "output above: uint8_t [1, 4] = N, C, 0 or 1",
          "output level: uint8_t [1, 4]", "#define CAMERA_OUTPUT_CLASS_BYTES 8"})
        EXPECT_NE(header.find(line), std::string::npos) << line << "\n" << header;
    const std::string manifest = shop_.read("camera.json");
    for (const char *type : {"\"u8\"", "\"i32\"", "\"i64\"", "\"bool\""})
        EXPECT_NE(manifest.find(std::string("\"type\": ") + type), std::string::npos) << type;
    shop_.run(CNNC_CC " -std=c11 -Wall -Wextra -Werror -O1 -I. " + programs +
              "camera.c libcamera.a -lm -pthread -o camera");
    shop_.run(CNNC_CXX " -Wall -Wextra -Werror -fsyntax-only -x c++ camera.h");

    std::string frame, bias, npy = "\x93NUMPY\1";
    for (int i = 0; i < 6 * 8 * 3; i++)
        frame += char(i * 37 % 256);
    for (int32_t number : {-7, 0, 2147483640, -2147483647})
        bias.append(reinterpret_cast<const char *>(&number), 4);
    const auto write = [&](const std::string &name, const std::string &type,
                           const std::string &shape, const std::string &data) {
        const std::string head =
            "{'descr': '" + type + "', 'fortran_order': False, 'shape': (" + shape + "), }\n";
        shop_.write(name, npy + '\0' + char(head.size()) + '\0' + head + data);
    };
    write("frame.npy", "|u1", "1, 6, 8, 3", frame);
    write("bias.npy", "<i4", "1, 4", bias);
    const std::string arguments = programs +
                                  "camera.cnn --random-weights 3 --input frame=frame.npy "
                                  "--input bias=bias.npy";
    const std::string expected = shop_.run(CNNC_PROGRAM " run --reference " + arguments);
    EXPECT_EQ(shop_.run(CNNC_PROGRAM " run " + arguments), expected);
    // The program prints a row of all outputs, cnnc output by output.
    EXPECT_EQ(shop_.run("./camera | tr ' ' '\\n' | sort"),
              shop_.run("echo '" + expected + "' | grep '^ ' | tr -d ' ' | sort"));
    shop_.run(CNNC_PROGRAM " verify --layers " + programs + "camera.cnn --random-weights 3");
}

// A user's own CMake project, outside of the tree, with an installed cnnc.
TEST_F(LibraryUse, CnncAddLibraryInAProjectOfItsOwn) {
    shop_.run("cmake --install " CNNC_BINARY_DIR " --prefix $PWD/installed");
    shop_.write("user/CMakeLists.txt",
                "cmake_minimum_required(VERSION 3.22)\n"
                "project(user C)\n"
                "find_package(cnnc REQUIRED)\n"
                "cnnc_add_library(net FROM busy.cnn RANDOM_WEIGHTS 1)\n"
                "cnnc_add_library(outside FROM busy.cnn RANDOM_WEIGHTS 1 TARGET sse41 "
                "WEIGHTS_FILE OPTIONS -j1)\n"
                "get_target_property(weights outside CNNC_WEIGHTS_FILE)\n"
                "file(WRITE ${CMAKE_BINARY_DIR}/weights.txt ${weights})\n"
                "add_subdirectory(inner)\n");
    shop_.write("user/inner/CMakeLists.txt", "add_executable(threads threads.c)\n"
                                             "target_link_libraries(threads PRIVATE net)\n"
                                             "add_executable(linked threads.c)\n"
                                             "target_link_libraries(linked PRIVATE outside)\n");
    shop_.run("cp " + programs + "busy.cnn user && cp " + programs + "threads.c " + programs +
              "common.h user/inner");
    shop_.run("cmake -S user -B user/build -DCMAKE_PREFIX_PATH=$PWD/installed");
    shop_.run("cmake --build user/build");
    EXPECT_EQ(shop_.run("user/build/inner/threads"), "same\n");
    EXPECT_EQ(shop_.run("test -s \"$(cat user/build/weights.txt)\" && echo there"), "there\n");
    // Built again when the network changes, and only then.
    std::string again = shop_.run("cmake --build user/build");
    EXPECT_EQ(again.find("Compiling the network"), std::string::npos) << again;
    shop_.run("sleep 1; sed -i 's/conv2d(16/conv2d(24/' user/busy.cnn");
    again = shop_.run("cmake --build user/build");
    EXPECT_NE(again.find("Compiling the network busy"), std::string::npos) << again;
    EXPECT_EQ(shop_.run("user/build/inner/threads"), "same\n");
}

TEST_F(LibraryUse, CnncAddLibrarySaysWhatIsWrong) {
    shop_.run("cmake --install " CNNC_BINARY_DIR " --prefix $PWD/installed");
    auto configure = [&](const std::string &line) {
        shop_.write("user/CMakeLists.txt", "cmake_minimum_required(VERSION 3.22)\n"
                                           "project(user C)\nfind_package(cnnc REQUIRED)\n" +
                                               line + "\n");
        CommandResult result =
            shop_.try_run("cmake -S user -B user/build -DCMAKE_PREFIX_PATH=$PWD/installed");
        EXPECT_NE(result.code, 0) << line;
        return result.output;
    };
    shop_.write("user/empty.cnn", "# nothing\n");
    EXPECT_NE(configure("cnnc_add_library(net FROM empty.cnn)").find("no `network NAME` stands in"),
              std::string::npos);
    EXPECT_NE(configure("cnnc_add_library(net)").find("FROM net.cnn is missing"),
              std::string::npos);
    EXPECT_NE(configure("cnnc_add_library(net FROM empty.cnn SPEED 11)")
                  .find("unknown arguments: SPEED;11"),
              std::string::npos);
}

} // namespace
} // namespace cnnc
