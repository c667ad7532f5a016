// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/lower/kernel_runner.h"

#include "compiler/codegen/child.h"
#include "compiler/codegen/service.h"
#include "runtime/cnnc_worker.h"
#include "tests/lower/kernel_problem.h"

#include <fmt/format.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <thread>
#include <utility>

namespace cnnc {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// ---- workers ----

enum class Order { forwards, backwards, shuffled, threads };
constexpr std::array all_orders = {Order::forwards, Order::backwards, Order::shuffled,
                                   Order::threads};
constexpr std::array<const char *, 4> order_names = {"in order", "backwards", "shuffled",
                                                     "on threads"};
constexpr int threads = 3;

struct Workers;

// A cnnc_worker that knows its Workers. Its scratch memory ends at a fence.
struct Worker {
    cnnc_worker base; // first: kernels hand us its address
    Workers *workers = nullptr;
    std::unique_ptr<FencedMemory> scratch;
};

struct Workers {
    Order order;
    std::array<Worker, threads + 1> all; // the caller's, and one per thread
    int loops = 0;                       // parallel loops that ran

    static int run_loop(cnnc_worker *, cnnc_task, int min, int extent, uint8_t *closure);
    Workers(Order order_, int64_t scratch_bytes) : order(order_) {
        for (Worker &worker : all) {
            worker.scratch = std::make_unique<FencedMemory>(size_t(scratch_bytes), Flush::back, 64);
            worker.base = {worker.scratch->data(), run_loop};
            worker.workers = this;
        }
    }
};

int run_on_threads(Workers &workers, cnnc_task task, int min, int extent, uint8_t *closure) {
    std::atomic<int> next{0}, failure{0};
    std::vector<std::thread> running;
    for (int t = 1; t <= threads; ++t)
        running.emplace_back([&, t] {
            for (int i; (i = next++) < extent;)
                if (int error = task(&workers.all[size_t(t)].base, min + i, closure))
                    failure = error;
        });
    for (std::thread &thread : running)
        thread.join();
    return failure;
}

int Workers::run_loop(cnnc_worker *caller, cnnc_task task, int min, int extent, uint8_t *closure) {
    Workers &workers = *reinterpret_cast<Worker *>(caller)->workers;
    workers.loops++;
    if (workers.order == Order::threads)
        return run_on_threads(workers, task, min, extent, closure);
    std::vector<int> iterations(size_t(extent), 0);
    std::iota(iterations.begin(), iterations.end(), min);
    if (workers.order == Order::backwards)
        std::reverse(iterations.begin(), iterations.end());
    if (workers.order == Order::shuffled)
        std::shuffle(iterations.begin(), iterations.end(), std::mt19937(1));
    for (int i : iterations) {
        Worker &other = workers.all[1];
        cnnc_worker *worker = caller;
        if (workers.order != Order::forwards) { // nothing may be left from the task before
            other.scratch->poison();
            worker = &other.base;
        }
        if (int error = task(worker, i, closure))
            return error;
    }
    return 0;
}

// ---- calling ----

using Arguments = std::vector<const void *>;

template <size_t... i>
int call_with(void *entry, const Arguments &args, std::index_sequence<i...>) {
    using Pointer = const void *;
    using Kernel = int (*)(std::conditional_t<(i >= 0), Pointer, void>...);
    return reinterpret_cast<Kernel>(entry)(args[i]...);
}

// Calls a function of as many pointers as there are arguments.
template <size_t count = 3>
int call_kernel(void *entry, const Arguments &args) {
    if (args.size() == count)
        return call_with(entry, args, std::make_index_sequence<count>());
    if constexpr (count < 12)
        return call_kernel<count + 1>(entry, args);
    throw std::logic_error("too many arguments");
}

struct Linked {
    const KernelRequest *request;
    CompiledKernel kernel;
    void *entry = nullptr;
};

// Tensors lie flush with the fence behind them, or (`flush`) in front of them.
std::string run_in_order(const Linked &linked, const Problem &problem, const PackedWeights &packed,
                         Order order, Flush flush, FencedMemory &output) {
    const Workload &w = linked.request->workload;
    Workers workers(order, linked.kernel.scratch_bytes);
    output.poison();
    Arguments args = {&workers.all[0].base};
    for (const auto &input : problem.inputs)
        args.push_back(input[size_t(flush)]->data());
    if (packed.weight)
        args.push_back(packed.weight->data());
    if (packed.bias)
        args.push_back(packed.bias->data());
    args.push_back(output.data());
    if (int error = call_kernel(linked.entry, args))
        return fmt::format("returned {}", error);
    if (workers.loops > 0 && !linked.kernel.parallel)
        return "runs a parallel loop, but does not say so";
    if (!output.canaries_live())
        return "writes beside its output";
    for (const Worker &worker : workers.all)
        if (!worker.scratch->canaries_live())
            return "writes beside its scratch memory";
    return compare(w, problem, output.data());
}

std::string run_linked(const Linked &linked, const Problem &problem) {
    PackedWeights packed = pack(*linked.request, problem);
    std::vector<char> first;
    size_t element = dtype_bytes(linked.request->workload.output.dtype);
    for (Order order : all_orders) {
        // Both ends of inputs and output are fenced in turn.
        Flush flush = first.empty() ? Flush::back : Flush::front;
        FencedMemory output(problem.expected.size() * element, flush, element);
        std::string wrong = run_in_order(linked, problem, packed, order, flush, output);
        if (!wrong.empty())
            return fmt::format("{}: {}", order_names[size_t(order)], wrong);
        std::vector<char> values(output.data(), output.data() + output.bytes());
        if (first.empty()) {
            first = values;
            continue;
        }
        if (!same_values(problem, first, values, element))
            return fmt::format("{}: other values than {}", order_names[size_t(order)],
                               order_names[0]);
        if (!linked.kernel.parallel)
            break;
    }
    return "";
}

// ---- linking ----

// A folder that vanishes with its contents.
struct TemporaryFolder {
    std::string path = std::filesystem::temp_directory_path() / "cnnc-kernels-XXXXXX";
    TemporaryFolder() {
        if (!mkdtemp(path.data()))
            throw std::runtime_error("no temporary folder");
    }
    ~TemporaryFolder() { std::filesystem::remove_all(path); }
};

// Links all kernels into one library, with a table of their addresses. The kernels' symbols are
// hidden, and nothing may be missing but the C library's.
void link_kernels(std::vector<Linked> &kernels) {
    TemporaryFolder folder;
    std::ofstream table(folder.path + "/table.c"), files(folder.path + "/files");
    std::string entries;
    std::vector<std::string> seen;
    for (const Linked &k : kernels) {
        entries += fmt::format("(void *){},\n", k.kernel.symbol);
        std::string object = fmt::format("{}/{}.o", folder.path, k.kernel.symbol);
        if (std::filesystem::exists(object))
            continue;
        std::ofstream(object, std::ios::binary) << k.kernel.object;
        files << object << "\n";
        table << fmt::format("int {}();\n", k.kernel.symbol);
    }
    table << "void *cnnc_test_table[] = {" << entries << "};\n";
    table.close();
    files.close();
    std::string command =
        fmt::format("cc -shared -fPIC -O0 -Wl,-z,defs -o {0}/kernels.so {0}/table.c @{0}/files -lc",
                    folder.path);
    if (std::system(command.c_str()) != 0)
        throw std::runtime_error("the kernels do not link");
    void *library = dlopen((folder.path + "/kernels.so").c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library)
        throw std::runtime_error(dlerror());
    auto entry = static_cast<void **>(dlsym(library, "cnnc_test_table"));
    for (Linked &k : kernels)
        k.entry = *entry++;
}

// ---- running in a child ----

void write_text(int fd, const std::string &text) {
    uint32_t size = uint32_t(text.size());
    write_all(fd, &size, sizeof size);
    write_all(fd, text.data(), text.size());
}

std::vector<std::string> read_texts(const std::string &data) {
    std::vector<std::string> texts;
    for (size_t at = 0; at + sizeof(uint32_t) <= data.size();) {
        uint32_t size;
        std::memcpy(&size, data.data() + at, sizeof size);
        texts.push_back(data.substr(at + sizeof size, size));
        at += sizeof size + size;
    }
    return texts;
}

void run_from(const std::vector<Linked> &kernels, size_t first, int fd) {
    std::unique_ptr<Problem> problem;
    for (size_t i = first; i < kernels.size(); ++i) {
        const Workload &w = kernels[i].request->workload;
        if (!problem || problem->text != workload_text(w))
            problem = make_problem(w);
        write_text(fd, run_linked(kernels[i], *problem));
    }
}

// One text per kernel: what is wrong with it. A crash is the fault of the kernel that was running.
std::vector<std::string> run_all(const std::vector<Linked> &kernels) {
    std::vector<std::string> texts;
    while (texts.size() < kernels.size()) {
        Child child = run_child([&](int fd) { run_from(kernels, texts.size(), fd); }, 900);
        for (std::string &text : read_texts(child.data))
            texts.push_back(std::move(text));
        if (texts.size() < kernels.size())
            texts.push_back("the run ended: " + child.failure);
    }
    return texts;
}

} // namespace

KernelChecks check_compiled(const std::vector<KernelRequest> &requests,
                            const std::vector<CompiledKernel> &compiled) {
    KernelChecks checks;
    std::vector<Linked> kernels;
    std::vector<size_t> index;
    for (size_t i = 0; i < requests.size(); ++i) {
        if (compiled[i].object.empty())
            continue;
        if (!runs_here(requests[i].target)) {
            checks.skipped++;
            continue;
        }
        kernels.push_back({&requests[i], compiled[i]});
        index.push_back(i);
    }
    Clock::time_point start = Clock::now();
    if (!kernels.empty())
        link_kernels(kernels);
    std::vector<std::string> texts = run_all(kernels);
    for (size_t i = 0; i < texts.size(); ++i) {
        checks.run++;
        checks.parallel += kernels[i].kernel.parallel;
        if (!texts[i].empty())
            checks.findings.push_back({index[i], texts[i]});
    }
    checks.run_seconds = seconds_since(start);
    return checks;
}

namespace {

using CheckFunction = std::function<KernelChecks(const std::vector<CompiledKernel> &)>;

KernelChecks compile_and_check(const std::vector<KernelRequest> &requests,
                               const CheckFunction &check) {
    ServiceOptions options;
    options.use_cache = false;
    Clock::time_point start = Clock::now();
    std::vector<KernelFinding> failures;
    std::vector<CompiledKernel> compiled;
    for (KernelResult &result : compile_kernels(requests, options)) {
        if (!result.failure.empty())
            failures.push_back({compiled.size(), "does not compile: " + result.failure});
        compiled.push_back(std::move(result.kernel));
    }
    double compile_seconds = seconds_since(start);
    KernelChecks checks = check(compiled);
    checks.compile_seconds = compile_seconds;
    checks.findings.insert(checks.findings.begin(), failures.begin(), failures.end());
    return checks;
}

} // namespace

KernelChecks check_kernels(const std::vector<KernelRequest> &requests) {
    return compile_and_check(
        requests, [&](const auto &compiled) { return check_compiled(requests, compiled); });
}

KernelChecks check_foreign_kernels(const std::vector<KernelRequest> &requests,
                                   const ForeignMachine &machine) {
    return compile_and_check(requests, [&](const auto &compiled) {
        return check_foreign_compiled(requests, compiled, machine);
    });
}

} // namespace cnnc
