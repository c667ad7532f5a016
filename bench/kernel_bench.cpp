// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Times one workload under several schedules, interleaved, and checks every result:
//
//     kernel_bench WORKLOAD [SCHEDULE ...]      (no schedule: the default model's)
//     kernel_bench --cold WORKLOAD ...          (every call finds its weights out of the caches, as
//                                                within a network)
//     kernel_bench --asm WORKLOAD SCHEDULE      (prints the kernel's assembly)
//
// WORKLOAD is the canonical text, as `cnnc explain` prints it. Needs a C compiler (`cc`) to link.
#include "compiler/codegen/emit.h"
#include "compiler/codegen/jit.h"
#include "compiler/codegen/kernel.h"
#include "compiler/codegen/limits.h"
#include "compiler/lower/packing.h"
#include "runtime/cnnc_worker.h"
#include "schedules/family.h"
#include "schedules/shape.h"

#include <fmt/format.h>

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <random>

using namespace cnnc;

namespace {

constexpr double shortest_sample = 50e-6;

// More than the caches of one core hold.
constexpr int64_t cold_bytes = 100 << 20;

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

using MultiplyAdd = double (*)(int64_t rounds);

double peak_gflops(MultiplyAdd multiply_add) {
    double best = 0;
    for (const double begin = now(); now() < begin + 0.01;) {
        const double start = now();
        best = std::max(best, multiply_add(20000) / (now() - start));
    }
    return best / 1e9;
}

struct Candidate {
    std::string text;
    CompiledKernel kernel;
    void *entry = nullptr;
    std::vector<float> weight, bias;
    std::vector<float *> aligned_weights; // copies, used in turn
    size_t turn = 0;
    float *aligned_bias = nullptr;
    std::vector<double> seconds;
    double error = 0;
    double compile_seconds = 0;
};

float *aligned_copy(const std::vector<float> &v) {
    void *p = aligned_alloc(64, (v.size() * 4 + 127) / 64 * 64);
    std::copy(v.begin(), v.end(), static_cast<float *>(p));
    return static_cast<float *>(p);
}

int64_t span(const TensorView &v) {
    int64_t last = 0;
    for (size_t d = 0; d < v.shape.size(); ++d)
        last += (v.shape[d] - 1) * v.strides[d];
    return last + 1;
}

void *load(const CompiledKernel &kernel) {
    std::string base = fmt::format("/tmp/cnnc_kernel_bench_{}_{}", getpid(), kernel.symbol);
    std::ofstream(base + ".o", std::ios::binary) << kernel.object;
    std::ofstream(base + ".c") << fmt::format(
        "extern int {0}();\nvoid *entry(void) {{ return (void *){0}; }}\n", kernel.symbol);
    std::string command = fmt::format("cc -shared -fPIC -o {0}.so {0}.c {0}.o -lm", base);
    if (std::system(command.c_str()) != 0)
        std::exit(3);
    void *library = dlopen((base + ".so").c_str(), RTLD_NOW);
    if (!library) {
        fmt::print(stderr, "{}\n", dlerror());
        std::exit(3);
    }
    auto entry = reinterpret_cast<void *(*)()>(dlsym(library, "entry"));
    for (const char *suffix : {".o", ".c", ".so"})
        unlink((base + suffix).c_str());
    return entry();
}

int serial_for(cnnc_worker *w, cnnc_task task, int min, int extent, uint8_t *closure) {
    for (int i = min; i < min + extent; ++i)
        if (int error = task(w, i, closure))
            return error;
    return 0;
}

int call(void *entry, const std::vector<const void *> &args) {
    using P = const void *;
    switch (args.size()) {
    case 3:
        return reinterpret_cast<int (*)(P, P, P)>(entry)(args[0], args[1], args[2]);
    case 4:
        return reinterpret_cast<int (*)(P, P, P, P)>(entry)(args[0], args[1], args[2], args[3]);
    case 5:
        return reinterpret_cast<int (*)(P, P, P, P, P)>(entry)(args[0], args[1], args[2], args[3],
                                                               args[4]);
    case 6:
        return reinterpret_cast<int (*)(P, P, P, P, P, P)>(entry)(args[0], args[1], args[2],
                                                                  args[3], args[4], args[5]);
    }
    std::abort();
}

} // namespace

int main(int argc, char **argv) {
    bool assembly = argc > 1 && std::string(argv[1]) == "--asm";
    bool cold = argc > 1 && std::string(argv[1]) == "--cold";
    int first = assembly || cold ? 2 : 1;
    std::string problem;
    Target target;
    if (const char *named = std::getenv("CNNC_BENCH_TARGET"))
        target = *parse_target(named, &problem);
    else {
        target = host_target();
        target.cpu = host_cpu_name();
    }
    Machine machine = machine_for(target);
    std::optional<Workload> workload = parse_workload(argc > first ? argv[first] : "");
    if (!workload) {
        fmt::print(stderr, "no workload: {}\n", argc > first ? argv[first] : "");
        return 2;
    }
    Schedule fallback = default_schedule(*workload, machine);
    std::vector<std::string> texts(argv + first + 1, argv + argc);
    if (texts.empty() || texts[0] == "default")
        texts.insert(texts.begin(), schedule_text(fallback));
    std::mt19937 random(1);
    std::uniform_real_distribution<float> uniform(-1, 1);
    auto fill = [&](int64_t n) {
        std::vector<float> v(static_cast<size_t>(n));
        for (float &f : v)
            f = uniform(random);
        return v;
    };
    std::vector<float> weight, bias;
    if (auto t = workload_weight(*workload))
        weight = fill(element_count(t->shape));
    if (auto t = workload_bias(*workload))
        bias = fill(element_count(t->shape));
    std::vector<float *> inputs;
    for (const TensorView &v : workload->inputs)
        inputs.push_back(aligned_copy(fill(span(v))));
    float *output = aligned_copy(std::vector<float>(size_t(span(workload->output))));
    std::vector<float> reference;

    std::vector<Candidate> candidates;
    int64_t scratch = 64;
    for (const std::string &text : texts) {
        if (text == "default")
            continue;
        Candidate c;
        c.text = text;
        std::optional<Schedule> schedule = parse_schedule(text, &fallback, &problem);
        if (schedule)
            problem = schedule_problem(*workload, machine, *schedule);
        if (!schedule || !problem.empty()) {
            fmt::print(stderr, "{}: {}\n", text, problem);
            continue;
        }
        c.text = schedule_text(*schedule);
        KernelRequest request{*workload, *schedule, target};
        if (assembly) {
            fmt::print("{}", kernel_assembly(request));
            return 0;
        }
        double start = now();
        try {
            c.kernel = compile_kernel(request);
        } catch (const KernelError &error) {
            fmt::print(stderr, "{}: {}\n", text, error.message);
            continue;
        }
        c.compile_seconds = now() - start;
        c.entry = load(c.kernel);
        if (!weight.empty())
            for (int64_t bytes = 0; bytes == 0 || (cold && bytes < cold_bytes);) {
                std::vector<float> packed = pack_weight(*workload, *schedule, weight.data());
                c.aligned_weights.push_back(aligned_copy(packed));
                bytes += int64_t(packed.size()) * 4;
            }
        if (!bias.empty())
            c.aligned_bias = aligned_copy(pack_bias(*workload, *schedule, bias.data()));
        scratch = std::max(scratch, c.kernel.scratch_bytes);
        candidates.push_back(std::move(c));
    }
    cnnc_worker worker{static_cast<char *>(aligned_alloc(64, size_t((scratch + 4095) / 64 * 64))),
                       serial_for};
    auto run = [&](Candidate &c) {
        std::vector<const void *> args = {&worker};
        args.insert(args.end(), inputs.begin(), inputs.end());
        if (!c.aligned_weights.empty())
            args.push_back(c.aligned_weights[c.turn++ % c.aligned_weights.size()]);
        if (c.aligned_bias)
            args.push_back(c.aligned_bias);
        args.push_back(output);
        return call(c.entry, args);
    };
    for (Candidate &c : candidates) {
        std::fill(output, output + span(workload->output), 0.0f);
        if (run(c) != 0)
            fmt::print(stderr, "{}: failed\n", c.text);
        if (reference.empty())
            reference.assign(output, output + span(workload->output));
        for (size_t i = 0; i < reference.size(); ++i)
            c.error = std::max(c.error, double(std::fabs(reference[i] - output[i])));
    }
    const NamedFile code = {"limits.o", limits_object(target)};
    const LoadedObjects limits({&code});
    const auto multiply_add = limits.find<MultiplyAdd>("cnnc_limit_multiply_add");
    double peak = 0;
    for (int round = 0; round < 12; ++round) {
        peak = std::max(peak, peak_gflops(multiply_add));
        for (Candidate &c : candidates) {
            // So many calls that reading the clock does not count.
            int calls = 0;
            for (const double begin = now(); now() - begin < shortest_sample; ++calls)
                run(c);
            int samples = 0;
            for (const double begin = now(); samples < 1000 && now() - begin < 0.02; ++samples) {
                const double start = now();
                for (int i = 0; i < calls; ++i)
                    run(c);
                c.seconds.push_back((now() - start) / calls);
            }
        }
    }
    double flops = 2.0 * double(workload_macs(*workload));
    fmt::print("peak {:.0f} GFLOP/s\n", peak);
    for (Candidate &c : candidates) {
        std::sort(c.seconds.begin(), c.seconds.end());
        double best = c.seconds[0], median = c.seconds[c.seconds.size() / 2];
        fmt::print(
            "{:9.6f} ms min {:9.6f} median  {:6.1f} GFLOP/s {:3.0f}%  {:6.1f} GB/s  diff {:.1g} "
            "scratch {} compile {:.2f} s  {}\n",
            best * 1e3, median * 1e3, flops / best / 1e9, 100 * flops / best / 1e9 / peak,
            double(workload_bytes(*workload)) / best / 1e9, c.error, c.kernel.scratch_bytes,
            c.compile_seconds, c.text);
    }
}
