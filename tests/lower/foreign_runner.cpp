// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Kernels for machines that are not this one: linked into one program with foreign_main.c, which an
// emulator runs. Data goes there in one file, outputs come back in another.
#include "tests/lower/kernel_runner.h"

#include "tests/codegen/workshop.h"
#include "tests/lower/kernel_problem.h"

#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace cnnc {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Kernel {
    size_t request; // index
    CompiledKernel compiled;
};

// How a run ended, as foreign_main.c writes it in front of the output.
struct RunResult {
    int32_t error, loops, output_fine, scratch_fine, address;
};
constexpr int runs = 2; // per kernel: in order, and backwards with tensors at the other fence
constexpr const char *run_names[runs] = {"in order", "backwards"};

void put_number(std::ofstream &out, int64_t value) {
    out.write(reinterpret_cast<const char *>(&value), sizeof value);
}

void put_argument(std::ofstream &out, const FencedMemory &memory, size_t alignment) {
    put_number(out, int64_t(memory.bytes()));
    put_number(out, int64_t(alignment));
    out.write(memory.data(), std::streamsize(memory.bytes()));
}

void put_kernel(std::ofstream &out, const KernelRequest &r, const CompiledKernel &compiled,
                const Problem &problem) {
    const PackedWeights packed = pack(r, problem);
    const size_t element = dtype_bytes(r.workload.output.dtype);
    put_number(out, int64_t(problem.inputs.size()) + (packed.weight != nullptr) +
                        (packed.bias != nullptr));
    put_number(out, compiled.scratch_bytes);
    put_number(out, int64_t(problem.expected.size() * element));
    put_number(out, int64_t(element));
    for (size_t i = 0; i < problem.inputs.size(); ++i)
        put_argument(out, *problem.inputs[i][0], dtype_bytes(r.workload.inputs[i].dtype));
    if (packed.weight)
        put_argument(out, *packed.weight, 64);
    if (packed.bias)
        put_argument(out, *packed.bias, 64);
}

int64_t argument_count(const KernelRequest &r) {
    return int64_t(r.workload.inputs.size()) + workload_weight(r.workload).has_value() +
           workload_bias(r.workload).has_value();
}

// The kernels' objects, and a table of functions that call them.
void link_program(const Workshop &shop, const std::vector<KernelRequest> &requests,
                  const std::vector<Kernel> &kernels, const ForeignMachine &machine) {
    std::string table, names, files;
    for (size_t i = 0; i < kernels.size(); ++i) {
        const std::string &symbol = kernels[i].compiled.symbol;
        const std::string object = symbol + ".o";
        if (!std::filesystem::exists(shop.path(object))) {
            shop.write(object, kernels[i].compiled.object);
            files += object + "\n";
        }
        std::string parameters = "void *", arguments = "a[0]";
        for (int64_t k = 1; k <= argument_count(requests[kernels[i].request]) + 1; ++k) {
            parameters += ", void *";
            arguments += fmt::format(", a[{}]", k);
        }
        table += fmt::format("int {}({});\nstatic int call_{}(void **a) {{ return {}({}); }}\n",
                             symbol, parameters, i, symbol, arguments);
        names += fmt::format("call_{},\n", i);
    }
    table += fmt::format("int (*const cnnc_test_calls[])(void **) = {{{}}};\n"
                         "const int cnnc_test_count = {};\n",
                         names, kernels.size());
    shop.write("table.c", table);
    shop.write("files", files);
    shop.run(fmt::format("{} -std=c11 -D_GNU_SOURCE -O1 -static -I{} -o foreign table.c "
                         "{}/tests/lower/foreign_main.c @files -lm",
                         machine.compiler, CNNC_SOURCE_DIR, CNNC_SOURCE_DIR));
}

// What is wrong with one kernel's runs, of which `results` holds the bytes.
std::string problem_of_runs(const KernelRequest &r, const CompiledKernel &compiled,
                            const Problem &problem, const char *results) {
    const size_t element = dtype_bytes(r.workload.output.dtype);
    const size_t bytes = problem.expected.size() * element;
    std::vector<char> values[runs];
    for (int run = 0; run < runs; ++run) {
        RunResult result;
        std::memcpy(&result, results, sizeof result);
        results += sizeof result;
        values[run].assign(results, results + bytes);
        results += bytes;
        if (result.error != 0)
            return fmt::format("{}: returned {}", run_names[run], result.error);
        if (result.loops > 0 && !compiled.parallel)
            return fmt::format("{}: runs a parallel loop, but does not say so", run_names[run]);
        if (!result.output_fine)
            return fmt::format("{}: writes beside its output", run_names[run]);
        if (!result.scratch_fine)
            return fmt::format("{}: writes beside its scratch memory", run_names[run]);
        // Where canaries are as they were there.
        std::vector<char> moved(bytes + 8);
        const size_t here = size_t(reinterpret_cast<uintptr_t>(moved.data()) % 4);
        char *const at = moved.data() + (size_t(result.address) + 4 - here) % 4;
        std::memcpy(at, values[run].data(), bytes);
        const std::string wrong = compare(r.workload, problem, at);
        if (!wrong.empty())
            return fmt::format("{}: {}", run_names[run], wrong);
    }
    return same_values(problem, values[0], values[1], element)
               ? ""
               : fmt::format("{}: other values than {}", run_names[1], run_names[0]);
}

// Problems by the kernels' order; requests of one workload share one.
std::vector<const Problem *> write_data(const Workshop &shop,
                                        const std::vector<KernelRequest> &requests,
                                        const std::vector<Kernel> &kernels,
                                        std::vector<std::unique_ptr<Problem>> *owned) {
    std::ofstream data(shop.path("data"), std::ios::binary);
    std::vector<const Problem *> problems;
    for (const Kernel &kernel : kernels) {
        const KernelRequest &r = requests[kernel.request];
        if (owned->empty() || owned->back()->text != workload_text(r.workload))
            owned->push_back(make_problem(r.workload));
        problems.push_back(owned->back().get());
        put_kernel(data, r, kernel.compiled, *problems.back());
    }
    return problems;
}

// One text per kernel: what is wrong with it. A crash is the fault of the kernel that was running.
std::vector<std::string> run_all(const Workshop &shop, const std::vector<KernelRequest> &requests,
                                 const std::vector<Kernel> &kernels,
                                 const ForeignMachine &machine) {
    std::vector<std::unique_ptr<Problem>> owned;
    const std::vector<const Problem *> problems = write_data(shop, requests, kernels, &owned);
    std::vector<std::string> texts;
    while (texts.size() < kernels.size()) {
        const CommandResult ended = shop.try_run(
            fmt::format("{} ./foreign data {} > results", machine.emulator, texts.size()));
        const std::string results = shop.read("results");
        size_t at = 0;
        for (size_t i = texts.size(); i < kernels.size(); ++i) {
            const KernelRequest &r = requests[kernels[i].request];
            const size_t size =
                runs * (sizeof(RunResult) +
                        problems[i]->expected.size() * dtype_bytes(r.workload.output.dtype));
            if (results.size() - at < size)
                break;
            texts.push_back(
                problem_of_runs(r, kernels[i].compiled, *problems[i], results.data() + at));
            at += size;
        }
        if (texts.size() < kernels.size())
            texts.push_back(fmt::format("the program ended with {}: {}", ended.code, ended.output));
    }
    return texts;
}

} // namespace

KernelChecks check_foreign_compiled(const std::vector<KernelRequest> &requests,
                                    const std::vector<CompiledKernel> &compiled,
                                    const ForeignMachine &machine) {
    KernelChecks checks;
    const Clock::time_point start = Clock::now();
    std::vector<Kernel> kernels;
    for (size_t i = 0; i < compiled.size(); ++i)
        if (!compiled[i].object.empty())
            kernels.push_back({i, compiled[i]});
    const Workshop shop;
    link_program(shop, requests, kernels, machine);
    const std::vector<std::string> texts = run_all(shop, requests, kernels, machine);
    for (size_t i = 0; i < texts.size(); ++i) {
        checks.run++;
        checks.parallel += kernels[i].compiled.parallel;
        if (!texts[i].empty())
            checks.findings.push_back({kernels[i].request, texts[i]});
    }
    checks.run_seconds = seconds_since(start);
    return checks;
}

} // namespace cnnc
