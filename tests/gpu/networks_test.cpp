// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Whole networks built for CUDA, run against the stand-in for its driver: it computes nothing, but
// it knows what it is asked for. What the kernels compute is checked on OpenCL (tests/e2e).
#include "tests/codegen/workshop.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace cnnc {
namespace {

// Runs the network twice and prints the driver's log of the second run, then what was misused.
constexpr char program[] = R"(
#include "tests/runtime/stand_in_cuda.h"
#include "net.h"
#include <stdio.h>
#include <stdlib.h>
int main(void) {
    struct stand_in *state = stand_in_state();
    state->capability = 75;
    NET *net;
    int error = CREATE(0, &net);
    if (error) {
        printf("%s\n", MESSAGE(error));
        return 1;
    }
    const void *inputs[] = {calloc(INPUT_BYTES, 1)};
    void *outputs[] = {calloc(OUTPUT_BYTES, 1)};
    printf("%d modules, %d allocations\n", state->modules, state->allocations);
    for (int i = 0; i < 2 && !error; i++) {
        stand_in_clear_log();
        error = RUN(net, inputs, outputs);
    }
    printf("%s", stand_in_log());
    DESTROY(net);
    printf("%d %d %s\n", error, state->allocations + state->modules + state->retains,
           state->problem);
    return 0;
}
)";

struct Example {
    const char *name, *weights;
};

class CudaNetworks : public testing::TestWithParam<Example> {};

std::vector<std::string> lines_of(const std::string &text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

std::string triple_text(const nlohmann::json &triple) {
    return std::to_string(int(triple[0])) + "x" + std::to_string(int(triple[1])) + "x" +
           std::to_string(int(triple[2]));
}

// What a run does, from the manifest, up to the arguments of launches.
std::vector<std::string> expected_launches(const nlohmann::json &manifest) {
    std::map<std::string, nlohmann::json> launches;
    for (const auto &kernel : manifest["kernels"])
        launches[kernel["symbol"]] = kernel["launches"];
    std::vector<std::string> lines;
    for (const auto &step : manifest["steps"])
        for (const auto &launch : launches.at(step["kernel"]))
            lines.push_back("launch " + std::string(launch["entry"]) + ", " +
                            triple_text(launch["blocks"]) + " blocks of " +
                            triple_text(launch["threads"]));
    return lines;
}

void compile_program(const Workshop &shop, const std::string &name,
                     const nlohmann::json &manifest) {
    const auto define = [](const std::string &macro, const std::string &value) {
        return " -D" + macro + "=" + value;
    };
    shop.write("main.c", program);
    shop.run("cp " + name + ".h net.h");
    shop.run(std::string(CNNC_CC) + " -Wall -Wextra -Werror -O1 -I" CNNC_SOURCE_DIR +
             define("NET", name) + define("CREATE", name + "_create") +
             define("RUN", name + "_run_arrays") + define("DESTROY", name + "_destroy") +
             define("MESSAGE", name + "_error_message") +
             define("INPUT_BYTES", manifest["inputs"][0]["bytes"].dump()) +
             define("OUTPUT_BYTES", manifest["outputs"][0]["bytes"].dump()) + " main.c lib" + name +
             ".a " CNNC_STAND_IN " -Wl,-rpath," CNNC_STAND_IN_DIR " -lm -pthread -ldl -o main");
}

TEST_P(CudaNetworks, LaunchWhatTheManifestSays) {
    const std::string name = GetParam().name;
    Workshop shop;
    shop.run(CNNC_PROGRAM " build " CNNC_SOURCE_DIR "/examples/" + name + "/" + name + ".cnn " +
             GetParam().weights + " --target x86-64-linux-cuda-cuda_capability_75 -o .");
    const auto manifest = nlohmann::json::parse(shop.read(name + ".json"));
    compile_program(shop, name, manifest);
    const std::vector<std::string> lines = lines_of(shop.run("./main"));
    const std::vector<std::string> launches = expected_launches(manifest);
    ASSERT_EQ(lines.size(), 1 + 1 + launches.size() + 1 + 1 + 1);
    EXPECT_EQ(lines[0], std::to_string(manifest["kernels"].size()) + " modules, 2 allocations");
    // Copies at the edges only, and one wait.
    EXPECT_EQ(lines[1].find("copy " + manifest["inputs"][0]["bytes"].dump() + " bytes to #2+"), 0u);
    for (size_t i = 0; i < launches.size(); i++)
        EXPECT_EQ(lines[2 + i].substr(0, launches[i].size()), launches[i]);
    const size_t after = 2 + launches.size();
    EXPECT_EQ(
        lines[after].find("copy " + manifest["outputs"][0]["bytes"].dump() + " bytes from #2+"),
        0u);
    EXPECT_EQ(lines[after + 1], "wait");
    EXPECT_EQ(lines[after + 2], "0 0 ") << "something leaked or was misused";
}

INSTANTIATE_TEST_SUITE_P(Examples, CudaNetworks,
                         testing::Values(Example{"lenet5", "--random-weights 1"},
                                         Example{"squeezenet", "--random-weights 1"},
                                         Example{"resnet18", "--random-weights 1"},
                                         Example{"mobilenet_v2", "--random-weights 1"}),
                         [](const auto &info) { return std::string(info.param.name); });

} // namespace
} // namespace cnnc
