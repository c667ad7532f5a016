// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random workloads on a GPU: every family that fits computes them right by OpenCL, under its
// model's schedule and under a random one. PoCL's device is the CPU; it checks neither CUDA's
// limits nor that barriers are where they must be, which the other tests do.
//
// CNNC_PROPERTY_WORKLOADS sets how many workloads are drawn, CNNC_PROPERTY_SEED the first seed;
// CNNC_PROPERTY_CASE='WORKLOAD | SCHEDULE' takes this one instead.
#include "compiler/codegen/service.h"
#include "schedules/family.h"
#include "tests/codegen/workshop.h"
#include "tests/lower/kernel_problem.h"
#include "tests/lower/random_workload.h"
#include "tests/schedules/random_schedule.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <thread>

namespace cnnc {
namespace {

constexpr int no_device = 77; // what the program says where there is nothing to run on
constexpr int programs = 2;   // at a time

uint64_t from_environment(const char *name, uint64_t otherwise) {
    const char *text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::string words(const KernelRequest &r) {
    return fmt::format("\n  workload {}\n  schedule {}{}", workload_text(r.workload),
                       schedule_text(r.schedule), r.aligned ? ", operands aligned" : "");
}

// ---- what the program reads ----

void put_number(std::ofstream &out, int64_t value) {
    out.write(reinterpret_cast<const char *>(&value), sizeof value);
}

void put_text(std::ofstream &out, std::string_view text) {
    put_number(out, int64_t(text.size()));
    out.write(text.data(), std::streamsize(text.size()));
}

void put_operand(std::ofstream &out, size_t shift, const FencedMemory &memory) {
    put_number(out, int64_t(shift));
    put_text(out, {memory.data(), memory.bytes()});
}

void put_launch(std::ofstream &out, const GpuLaunch &launch) {
    put_text(out, launch.entry);
    for (size_t i = 0; i < 3; ++i) {
        put_number(out, launch.blocks[i]);
        put_number(out, launch.threads[i]);
    }
    put_number(out, launch.shared_bytes);
    put_number(out, int64_t(launch.arguments.size()));
    for (const GpuArgument &argument : launch.arguments) {
        put_number(out, int64_t(argument.kind));
        put_number(out, argument.operand);
        put_number(out, argument.offset);
        put_text(out, argument.bytes);
    }
}

size_t output_bytes(const Workload &w, const Problem &problem) {
    return problem.expected.size() * dtype_bytes(w.output.dtype);
}

void put_kernel(std::ofstream &out, const KernelRequest &r, const CompiledKernel &kernel,
                const Problem &problem) {
    const PackedWeights packed = pack(r, problem);
    // As parts of larger tensors begin.
    const auto shift = [&](DType dtype) { return r.aligned ? 0 : dtype_bytes(dtype); };
    put_text(out, kernel.device_code);
    put_number(out, kernel.scratch_bytes);
    put_number(out, int64_t(problem.inputs.size()) + (packed.weight != nullptr) +
                        (packed.bias != nullptr) + 1);
    for (size_t i = 0; i < problem.inputs.size(); ++i)
        put_operand(out, shift(r.workload.inputs[i].dtype), *problem.inputs[i][0]);
    if (packed.weight)
        put_operand(out, 0, *packed.weight);
    if (packed.bias)
        put_operand(out, 0, *packed.bias);
    // Canaries, which gaps must keep.
    const FencedMemory output(output_bytes(r.workload, problem), Flush::front, 1);
    put_operand(out, shift(r.workload.output.dtype), output);
    put_number(out, int64_t(kernel.launches.size()));
    for (const GpuLaunch &launch : kernel.launches)
        put_launch(out, launch);
}

// ---- running ----

struct Case {
    const KernelRequest *request;
    const CompiledKernel *kernel;
    const Problem *problem;
    std::string wrong;
};

// One kernel's part of the results, from `at` on; false where they end before.
bool read_result(const std::string &results, size_t &at, Case &c) {
    uint64_t head[2];
    const size_t bytes = output_bytes(c.request->workload, *c.problem);
    if (results.size() - at < sizeof head + bytes)
        return false;
    std::memcpy(head, results.data() + at, sizeof head);
    // At an address from where canaries count.
    const FencedMemory output(bytes, Flush::front, 1);
    std::memcpy(output.data(), results.data() + at + sizeof head, bytes);
    at += sizeof head + bytes;
    if (head[0] != 0)
        c.wrong = fmt::format("ends with error {}", head[0]);
    else if (head[1] == 0)
        c.wrong = "writes beside its operands";
    else
        c.wrong = compare(c.request->workload, *c.problem, output.data());
    return true;
}

// False where there is no device. A crash is the fault of the kernel that was running.
bool run_cases(const Workshop &shop, const std::string &name, std::vector<Case *> cases) {
    {
        std::ofstream data(shop.path(name), std::ios::binary);
        for (const Case *c : cases)
            put_kernel(data, *c->request, *c->kernel, *c->problem);
    }
    for (size_t done = 0; done < cases.size();) {
        const CommandResult ran =
            shop.try_run(fmt::format("{} {} {} > {}.out", CNNC_OPENCL_KERNELS, name, done, name));
        if (ran.code == no_device)
            return false;
        const std::string results = shop.read(name + ".out");
        size_t at = 0;
        while (done < cases.size() && read_result(results, at, *cases[done]))
            ++done;
        if (done < cases.size())
            cases[done++]->wrong =
                fmt::format("the program ended with {}: {}", ran.code, ran.output);
    }
    return true;
}

bool run_all(std::vector<Case> &cases) {
    Workshop shop;
    bool device[programs] = {};
    std::vector<std::thread> running;
    for (int p = 0; p < programs; ++p) {
        std::vector<Case *> part;
        for (size_t i = size_t(p); i < cases.size(); i += programs)
            part.push_back(&cases[i]);
        running.emplace_back(
            [&, p, part] { device[p] = run_cases(shop, fmt::format("data{}", p), part); });
    }
    for (std::thread &thread : running)
        thread.join();
    return device[0] && device[1];
}

// The model's schedule, and every other time a random one.
std::vector<KernelRequest> random_requests() {
    const Target target = parse_target("x86-64-linux-opencl", nullptr).value();
    const Machine machine = machine_for(target);
    const uint64_t first = from_environment("CNNC_PROPERTY_SEED", 0);
    const uint64_t count = from_environment("CNNC_PROPERTY_WORKLOADS", 40);
    std::vector<KernelRequest> requests;
    if (const char *one = std::getenv("CNNC_PROPERTY_CASE")) {
        const std::string text = one;
        const size_t bar = text.find(" | ");
        const Workload w = parse_workload(text.substr(0, bar)).value();
        const Schedule start = default_schedule(w, machine);
        requests.push_back(
            {w, parse_schedule(text.substr(bar + 3), &start, nullptr).value(), target});
        requests.push_back(requests[0]);
        requests[1].aligned = true;
        return requests;
    }
    for (uint64_t seed = first; seed < first + count; ++seed) {
        RandomWorkloadOptions small;
        small.max_work = 30'000;
        const Workload w = random_workload(seed, small);
        for (const Family &family : families()) {
            if (!family_fits(family, w, machine))
                continue;
            const bool aligned = seed % 2 == 0;
            requests.push_back({w, family.model(w, machine), target, aligned});
            requests.push_back({w, random_schedule(family, w, machine, seed), target, !aligned});
        }
    }
    return requests;
}

// Compiles and runs them; how often each family was met. Skips where there is no device.
void check_all(const std::vector<KernelRequest> &requests, std::map<std::string, int> &met) {
    ServiceOptions options;
    options.use_cache = false;
    const std::vector<KernelResult> results = compile_kernels(requests, options);
    std::map<std::string, std::unique_ptr<Problem>> problems;
    std::vector<Case> cases;
    for (size_t i = 0; i < requests.size(); ++i) {
        const KernelRequest &r = requests[i];
        if (!results[i].failure.empty()) {
            ADD_FAILURE() << "does not compile: " << results[i].failure << words(r);
            continue;
        }
        std::unique_ptr<Problem> &problem = problems[workload_text(r.workload)];
        if (!problem)
            problem = make_problem(r.workload);
        cases.push_back({&r, &results[i].kernel, problem.get(), ""});
        ++met[r.schedule.family];
    }
    if (!run_all(cases))
        GTEST_SKIP() << "no device for OpenCL (package pocl-opencl-icd)";
    for (const Case &c : cases)
        EXPECT_EQ(c.wrong, "") << words(*c.request);
}

TEST(GpuProperties, EveryFamilyComputesRandomWorkloads) {
    std::map<std::string, int> met;
    check_all(random_requests(), met);
    for (const auto &[family, count] : met)
        fmt::print("{} {} times\n", family, count);
}

// What top_k finds lies in scratch memory where a thread's own does not hold it.
TEST(GpuProperties, TopKOfMany) {
    const Target target = parse_target("x86-64-linux-opencl", nullptr).value();
    std::vector<KernelRequest> requests;
    for (const char *text :
         {"topk(k=200, dim=1, largest=true, indices=true) f32[7, 250] -> i64[7, 200]",
          "topk(k=150, dim=0, largest=false, indices=false) i64[160, 3] -> i64[150, 3]",
          "topk(k=300, dim=1, largest=true, indices=false) f32[2, 300, 5] -> relu -> "
          "f32[2, 300, 5]"}) {
        const auto w = parse_workload(text);
        ASSERT_TRUE(w && workload_problem(*w).empty()) << text;
        for (int64_t rows : {1, 2, 256})
            requests.push_back(
                {*w,
                 {"gpu_reduce", {{"lanes", int64_t(1)}, {"rows", rows}, {"inner", "kept"}}},
                 target});
    }
    std::map<std::string, int> met;
    check_all(requests, met);
}

} // namespace
} // namespace cnnc
