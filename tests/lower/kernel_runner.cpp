// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/lower/kernel_runner.h"

#include "compiler/codegen/child.h"
#include "compiler/codegen/hash.h"
#include "compiler/codegen/service.h"
#include "compiler/lower/packing.h"
#include "compiler/tune/workload_data.h"
#include "runtime/cnnc_worker.h"
#include "tests/passes/execute_kernels.h"

#include <fmt/format.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
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

// ---- memory ----

// What memory holds that nobody has written: a NaN no computation makes. For elements of any size
// it is the bytes that tell.
constexpr std::array<unsigned char, 4> canary = {0xad, 0xde, 0xc0, 0x7f};

void fill_canaries(char *first, char *last) {
    for (char *p = first; p < last; ++p)
        *p = char(canary[reinterpret_cast<uintptr_t>(p) % canary.size()]);
}

bool are_canaries(const char *first, const char *last) {
    for (const char *p = first; p < last; ++p)
        if (*p != char(canary[reinterpret_cast<uintptr_t>(p) % canary.size()]))
            return false;
    return true;
}

// Where a tensor lies between two pages that no one may touch: flush with one of them. At the back
// it has only the alignment asked for.
enum class Flush { front, back };

class FencedMemory {
  public:
    FencedMemory(size_t bytes, Flush flush, size_t alignment) : bytes_(bytes) {
        size_t page = size_t(sysconf(_SC_PAGESIZE));
        size_t whole = (bytes + alignment - 1) / alignment * alignment;
        size_t pages = (whole + page - 1) / page;
        total_ = (pages + 2) * page;
        void *memory =
            mmap(nullptr, total_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            throw std::bad_alloc();
        base_ = static_cast<char *>(memory);
        inside_ = pages * page;
        fill_canaries(base_, base_ + total_);
        mprotect(base_, page, PROT_NONE);
        mprotect(base_ + page + inside_, page, PROT_NONE);
        data_ = base_ + page + (flush == Flush::front ? 0 : inside_ - whole);
    }
    ~FencedMemory() { munmap(base_, total_); }
    FencedMemory(const FencedMemory &) = delete;
    FencedMemory &operator=(const FencedMemory &) = delete;

    char *data() const { return data_; }
    size_t bytes() const { return bytes_; }
    void protect() const { mprotect(page_start(), inside_, PROT_READ); }
    void poison() const { fill_canaries(data_, data_ + bytes_); }
    // Everything between the fences but the tensor itself.
    bool canaries_live() const {
        return are_canaries(page_start(), data_) &&
               are_canaries(data_ + bytes_, page_start() + inside_);
    }

  private:
    char *page_start() const { return base_ + (total_ - inside_) / 2; }

    char *base_ = nullptr;
    size_t total_ = 0, inside_ = 0, bytes_ = 0;
    char *data_ = nullptr;
};

// Calls f(place) for every element of a view.
void for_each_place(const TensorView &view, const std::function<void(size_t)> &f) {
    std::vector<int64_t> index(view.shape.size(), 0);
    for (int64_t i = 0, count = element_count(view.shape); i < count; ++i) {
        int64_t place = 0;
        for (size_t d = 0; d < index.size(); ++d)
            place += index[d] * view.strides[d];
        f(size_t(place));
        for (size_t d = index.size(); d-- > 0 && ++index[d] == view.shape[d];)
            index[d] = 0;
    }
}

// ---- what a workload reads, and what it should write ----

struct Problem {
    std::string text; // of the workload
    // Each input twice: flush with either fence.
    std::vector<std::array<std::unique_ptr<FencedMemory>, 2>> inputs;
    std::vector<float> weight, bias;
    // Of the output's span: its elements in memory; those of its gaps are not `covered`.
    std::vector<double> expected;
    std::vector<bool> covered;
    double scale = 0;
};

using Random = std::mt19937;

void fill_input(const Workload &w, size_t input, Random &random, char *data) {
    for_each_place(w.inputs[input], [&](size_t place) {
        store_element(w.inputs[input].dtype, data, int64_t(place),
                      random_element(w, input, random));
    });
}

void compute_expected(const Workload &w, Problem &p) {
    std::vector<const void *> inputs;
    for (const auto &input : p.inputs)
        inputs.push_back(input[0]->data());
    size_t element = dtype_bytes(w.output.dtype);
    std::vector<char> output(view_span(w.output) * element);
    run_workload(w, inputs, p.weight.data(), p.bias.empty() ? nullptr : p.bias.data(),
                 output.data());
    p.expected.assign(view_span(w.output), 0);
    p.covered.assign(view_span(w.output), false);
    for_each_place(w.output, [&](size_t place) {
        double v = load_element(w.output.dtype, output.data(), int64_t(place));
        p.expected[place] = v;
        p.covered[place] = true;
        if (std::isfinite(v))
            p.scale = std::max(p.scale, std::fabs(v));
    });
}

std::unique_ptr<Problem> make_problem(const Workload &w) {
    auto p = std::make_unique<Problem>();
    p->text = workload_text(w);
    Random random(uint32_t(hash64(p->text.data(), p->text.size())));
    for (size_t i = 0; i < w.inputs.size(); ++i) {
        size_t element = dtype_bytes(w.inputs[i].dtype), bytes = view_span(w.inputs[i]) * element;
        p->inputs.emplace_back();
        auto &[front, back] = p->inputs.back();
        front = std::make_unique<FencedMemory>(bytes, Flush::front, element);
        back = std::make_unique<FencedMemory>(bytes, Flush::back, element);
        fill_input(w, i, random, front->data());
        std::copy_n(front->data(), bytes, back->data());
        front->protect();
        back->protect();
    }
    p->weight = random_weight(w, random);
    p->bias = random_bias(w, random);
    compute_expected(w, *p);
    return p;
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

// What is wrong with the output, or "".
std::string compare(const Workload &w, const Problem &problem, const char *output) {
    DType dtype = w.output.dtype;
    size_t element = dtype_bytes(dtype);
    double tolerance = dtype == DType::f32 ? kernel_tolerance(w, problem.scale) : 0;
    for (size_t i = 0; i < problem.expected.size(); ++i) {
        if (!problem.covered[i]) {
            if (!are_canaries(output + i * element, output + (i + 1) * element))
                return fmt::format("the gap at {} is overwritten", i);
            continue;
        }
        double expected = problem.expected[i], actual = load_element(dtype, output, int64_t(i));
        bool near = std::isfinite(expected) ? std::fabs(expected - actual) <= tolerance
                                            : expected == actual || std::isnan(expected);
        if (!near)
            return fmt::format("element at {} of {} is {}, not {} (tolerance {:.2g})", i,
                               problem.expected.size(), actual, expected, tolerance);
    }
    return "";
}

struct Linked {
    const KernelRequest *request;
    CompiledKernel kernel;
    void *entry = nullptr;
};

struct Packed {
    std::unique_ptr<FencedMemory> weight, bias;
};

std::unique_ptr<FencedMemory> fenced(const std::vector<float> &values) {
    auto memory = std::make_unique<FencedMemory>(values.size() * sizeof(float), Flush::back, 64);
    std::memcpy(memory->data(), values.data(), memory->bytes());
    memory->protect();
    return memory;
}

Packed pack(const KernelRequest &r, const Problem &problem) {
    Packed packed;
    if (!problem.weight.empty())
        packed.weight = fenced(pack_weight(r.workload, r.schedule, problem.weight.data()));
    if (!problem.bias.empty())
        packed.bias = fenced(pack_bias(r.workload, r.schedule, problem.bias.data()));
    return packed;
}

// Tensors lie flush with the fence behind them, or (`flush`) in front of them.
std::string run_in_order(const Linked &linked, const Problem &problem, const Packed &packed,
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

// Gaps aside, which hold canaries of their place.
bool same_values(const Problem &problem, const std::vector<char> &a, const std::vector<char> &b,
                 size_t element) {
    for (size_t i = 0; i < problem.covered.size(); ++i)
        if (problem.covered[i] &&
            std::memcmp(a.data() + i * element, b.data() + i * element, element) != 0)
            return false;
    return true;
}

std::string run_linked(const Linked &linked, const Problem &problem) {
    Packed packed = pack(*linked.request, problem);
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

KernelChecks check_kernels(const std::vector<KernelRequest> &requests) {
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
    KernelChecks checks = check_compiled(requests, compiled);
    checks.compile_seconds = compile_seconds;
    checks.findings.insert(checks.findings.begin(), failures.begin(), failures.end());
    return checks;
}

} // namespace cnnc
