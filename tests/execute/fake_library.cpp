// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A network's C functions around a body of C.
#include "tests/execute/fake_library.h"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace cnnc {
namespace {

constexpr char source[] = R"(
#include "{1}/runtime/cnnc_options.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
struct net {{ cnnc_options options; int runs; }};
int {0}_create(const cnnc_options *options, void **out) {{
    struct net *net = malloc(sizeof *net);
    net->options = *options;
    net->runs = 0;
    *out = net;
    return options->threads == 13 ? 6 : 0;
}}
int {0}_run_arrays(void *context, const void *const *inputs, void *const *outputs) {{
    struct net *net = context;
    const float *in = inputs[0];
    float *out = outputs[0];
    int runs = net->runs++;
    (void)in, (void)out, (void)runs;
    if (net->options.profile)
        net->options.profile(net->options.profile_user, 0, "step", 1e-3 / (1 + runs % 2));
    {2}
}}
void {0}_destroy(void *context) {{ free(context); }}
const char *{0}_error_message(int code) {{ return code == 6 ? "no threads" : "fake words"; }}
int {0}_step_count(void) {{ return 1; }}
)";

} // namespace

Library fake_library(const Workshop &shop, const std::string &prefix, const std::string &body) {
    Library library;
    library.prefix = prefix;
    library.objects.push_back(
        {"driver.o", shop.compile(fmt::format(source, prefix, CNNC_SOURCE_DIR, body))});
    for (const char *name : {"create", "run_arrays", "destroy", "error_message", "step_count"})
        library.driver_symbols.push_back(prefix + "_" + name);
    library.weights_member = 1; // there is none
    return library;
}

NetworkCall fake_call() {
    const float values[] = {1, 2, 3, 4};
    NetworkCall call;
    call.inputs.emplace_back(sizeof values);
    std::memcpy(call.inputs[0].data(), values, sizeof values);
    call.output_bytes = {sizeof values};
    return call;
}

std::vector<float> floats(const Bytes &bytes) {
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
    return values;
}

Place place_here() {
    Place place;
    place.target = host_target();
    place.timeout_seconds = 60;
    return place;
}

Place place_behind(const std::string &runner) {
    Place place = place_here();
    place.runner = runner;
    return place;
}

void BehindRunner::SetUp() {
    std::filesystem::create_directory(shop_.path("tmp"));
    setenv("TMPDIR", shop_.path("tmp").c_str(), 1);
}

void BehindRunner::TearDown() {
    EXPECT_TRUE(nothing_left());
    unsetenv("TMPDIR");
}

bool BehindRunner::nothing_left() const {
    return std::filesystem::is_empty(shop_.path("tmp"));
}

RunResult BehindRunner::run(const std::string &runner, const std::string &body,
                            double timeout) const {
    Place place = place_behind(runner);
    place.timeout_seconds = timeout;
    return run_library(place, fake_library(shop_, "net", body), fake_call());
}

void BehindRunner::expect(const RunResult &result, Kind kind, const std::string &words) {
    EXPECT_EQ(int(result.problem.kind), int(kind)) << result.problem.message;
    EXPECT_NE(result.problem.message.find(words), std::string::npos) << result.problem.message;
}

} // namespace cnnc
