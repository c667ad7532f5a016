// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The kernel runner finds what kernels do wrong: here are some in C, each with its own mistake.
#include "tests/lower/kernel_runner.h"

#include "compiler/tune/workload_data.h"
#include "schedules/family.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace cnnc {
namespace {

// relu of two rows of three; rows are 4 apart in the input and 5 in the output.
const char *const workload = "identity f32[2, 3]@[4, 1] -> relu -> f32[2, 3]@[5, 1]";

KernelRequest request() {
    KernelRequest r;
    r.workload = parse_workload(workload).value();
    r.target = parse_target("x86-64", nullptr).value();
    r.schedule = default_schedule(r.workload, machine_for(r.target));
    return r;
}

std::string read_file(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream bytes;
    bytes << file.rdbuf();
    return bytes.str();
}

// `body` sees worker w, in and out, and row(i), which computes one row as it should be.
CompiledKernel kernel_in_c(const std::string &body, int64_t scratch_bytes, bool parallel) {
    std::string folder = std::filesystem::temp_directory_path() / "cnnc-in-c-XXXXXX";
    EXPECT_NE(mkdtemp(folder.data()), nullptr);
    CompiledKernel kernel;
    kernel.symbol = "kernel_in_" + folder.substr(folder.size() - 6);
    kernel.scratch_bytes = scratch_bytes;
    kernel.parallel = parallel;
    std::ofstream(folder + "/k.c") << fmt::format(R"(
#include "runtime/cnnc_worker.h"
static const float *in;
static float *out;
static void row(int i) {{
    for (int j = 0; j < 3; ++j)
        out[i * 5 + j] = in[i * 4 + j] > 0 ? in[i * 4 + j] : 0;
}}
static int task_row(cnnc_worker *w, int i, uint8_t *closure) {{ row(i); return 0; }}
static int task_late(cnnc_worker *w, int i, uint8_t *closure) {{
    row(i);
    if (i == 0)
        out[5] = -1;
    return 0;
}}
static int task_stale(cnnc_worker *w, int i, uint8_t *closure) {{
    float *kept = (float *)w->scratch;
    if (i == 0)
        *kept = 0;
    row(i);
    out[i * 5] += *kept;
    return 0;
}}
__attribute__((visibility("hidden"))) int {}(cnnc_worker *w, const float *in_, float *out_) {{
    in = in_;
    out = out_;
    {}
}}
)",
                                                  kernel.symbol, body);
    std::string command =
        fmt::format("cc -O0 -fPIC -I{} -c -o {}/k.o {}/k.c", CNNC_SOURCE_DIR, folder, folder);
    EXPECT_EQ(std::system(command.c_str()), 0);
    kernel.object = read_file(folder + "/k.o");
    std::filesystem::remove_all(folder);
    return kernel;
}

struct Case {
    const char *body;
    const char *problem; // how what is found begins; "": nothing
    bool parallel = false;
    int64_t scratch_bytes = 0;
};

void expect_found(const std::string &problem, const std::string &found, const char *body) {
    EXPECT_EQ(found.substr(0, problem.size()), problem) << body;
    EXPECT_EQ(found.empty(), problem.empty()) << body << ": " << found;
}

TEST(KernelRunner, FindsWhatIsWrong) {
    if (!runs_here(request().target))
        GTEST_SKIP() << "C kernels are for x86-64";
    const char *const crash = "the run ended: ended by signal 11";
    const Case cases[] = {
        {"row(0); row(1); return 0;", ""},
        {"row(0); row(1); return 7;", "in order: returned 7"},
        {"row(0); return 0;", "in order: element at 5 of 8 is nan, not"},
        {"row(0); row(1); out[1] += 1e-5f; return 0;", "in order: element at 1 of 8 is"},
        {"row(0); row(1); out[3] = 0; return 0;", "in order: the gap at 3 is overwritten"},
        {"row(0); row(1); out[-1] = 0; return 0;", "in order: writes beside its output"},
        {"row(0); row(1); out[8] = 0; return 0;", crash},
        {"row(0); row(1); (void)*(volatile float *)(in + 7); return 0;", crash},
        {"row(0); row(1); (void)*(volatile float *)(in - 1); return 0;", crash},
        {"row(0); row(1); ((float *)in)[0] = in[0]; return 0;", crash},
        {"row(0); row(1); out[0] += in[3]; return 0;", "in order: element at 0 of 8 is nan"},
        {"row(0); row(1); w->scratch[0] = w->scratch[63]; return 0;", "", false, 64},
        {"row(0); row(1); w->scratch[64] = 0; return 0;", crash, false, 64},
        {"row(0); row(1); w->scratch[-1] = 0; return 0;",
         "in order: writes beside its scratch memory", false, 64},
        {"return w->parallel_for(w, task_row, 0, 2, 0);", "", true},
        {"return w->parallel_for(w, task_row, 0, 2, 0);",
         "in order: runs a parallel loop, but does not say so"},
        {"return w->parallel_for(w, task_row, 0, 1, 0);", "in order: element at 5 of 8 is nan",
         true},
        {"return w->parallel_for(w, task_late, 0, 2, 0);", "backwards: element at 5 of 8 is -1",
         true},
        {"return w->parallel_for(w, task_stale, 0, 2, 0);", "backwards: element at 5 of 8 is nan",
         true, 64},
    };
    std::vector<KernelRequest> requests;
    std::vector<CompiledKernel> kernels;
    std::vector<std::string> problems;
    for (const Case &c : cases) {
        requests.push_back(request());
        kernels.push_back(kernel_in_c(c.body, c.scratch_bytes, c.parallel));
        problems.emplace_back(c.problem);
        const KernelChecks checks = check_compiled({requests.back()}, {kernels.back()});
        EXPECT_EQ(checks.run, 1);
        expect_found(problems.back(), checks.findings.empty() ? "" : checks.findings[0].problem,
                     c.body);
    }
    // The runner for other machines, with this one as such. Its second run may end the program, and
    // takes the words on the first with it.
    const KernelChecks checks = check_foreign_compiled(requests, kernels, {"cc", ""});
    EXPECT_EQ(checks.run, int(kernels.size()));
    std::vector<std::string> found(kernels.size());
    for (const KernelFinding &finding : checks.findings)
        found[finding.request] = finding.problem;
    for (size_t i = 0; i < kernels.size(); ++i) {
        const bool ends =
            problems[i] == crash || problems[i] == "in order: writes beside its output";
        expect_found(ends ? "the program ended with 139" : problems[i], found[i], cases[i].body);
    }
}

TEST(KernelRunner, ToleranceFollowsTheSum) {
    auto tolerance = [](const char *text) {
        return kernel_tolerance(parse_workload(text).value(), 1);
    };
    const double eps = 1.0 / (1 << 23);
    EXPECT_DOUBLE_EQ(tolerance("identity f32[4] -> f32[4]"), 20 * eps);
    EXPECT_DOUBLE_EQ(tolerance("identity f32[4] -> mul(0.5) -> f32[4]"), 40 * eps);
    EXPECT_DOUBLE_EQ(tolerance("linear(10, bias=true) f32[1, 100] -> f32[1, 10]"), 56 * eps);
}

} // namespace
} // namespace cnnc
