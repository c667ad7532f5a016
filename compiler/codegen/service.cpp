// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The compile service. This process forks one that warms Halide and LLVM up and then forks once
// more for every kernel:
//
//     cnnc ──fork──▶ warmed ──fork──▶ kernel 0
//                          ──fork──▶ kernel 1 ...
//
// Starting Halide and LLVM up is paid once; every kernel starts from the same state, so its bytes
// depend neither on the order nor on the number of jobs; and no failure reaches this process.
// Requests need not travel: the forks have them in memory. Results come back as frames over pipes.
#include "compiler/codegen/service.h"

#include "compiler/codegen/cache.h"
#include "compiler/codegen/child.h"
#include "compiler/codegen/kernel_bytes.h"
#include "schedules/family.h"

#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <map>
#include <thread>

namespace cnnc {
namespace {

// Requests without their duplicates.
struct Job {
    const KernelRequest *request;
    std::string key;
    std::string symbol;
    KernelResult result;
};

struct Frame {
    uint64_t job = 0;
    double seconds = 0;
    uint64_t failure_bytes = 0;
    uint64_t kernel_bytes = 0;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Compiles one small kernel and forgets it.
void warm_halide_up() {
    std::string problem;
    const auto workload = parse_workload("identity f32[1, 16, 4, 4] -> relu -> f32[1, 16, 4, 4]");
    const auto target = parse_target("x86-64-linux", &problem);
    if (!workload || !target)
        return;
    try {
        compile_kernel({*workload, default_schedule(*workload, machine_for(*target)), *target});
    } catch (...) {
        // Not worth a word: the kernels asked for will tell.
    }
}

void send_result(int fd, size_t job, const Child &child) {
    const Frame frame = {job, seconds_since(child.started), child.failure.size(),
                         child.failure.empty() ? child.data.size() : 0};
    write_all(fd, &frame, sizeof frame);
    write_all(fd, child.failure.data(), child.failure.size());
    write_all(fd, child.data.data(), frame.kernel_bytes);
}

// The warmed process: keeps `slots` children busy, and reports each as it ends.
void compile_all(const std::vector<Job *> &jobs, const ServiceOptions &options, size_t slots,
                 int result_fd) {
    if (options.warm_up)
        options.warm_up();
    else
        warm_halide_up();
    const auto &compile = options.compile ? options.compile : compile_kernel;
    std::map<size_t, Child> running;
    for (size_t next = 0; next < jobs.size() || !running.empty();) {
        while (next < jobs.size() && running.size() < slots) {
            const Job &job = *jobs[next];
            running[next++] = start_child(
                [&](int fd) {
                    const std::string bytes = kernel_to_bytes(compile(*job.request), job.key);
                    write_all(fd, bytes.data(), bytes.size());
                },
                options.timeout_seconds);
        }
        std::vector<Child *> children;
        for (auto &[index, child] : running)
            children.push_back(&child);
        wait_for_any(children);
        for (auto it = running.begin(); it != running.end();) {
            if (it->second.ended)
                send_result(result_fd, it->first, it->second);
            it = it->second.ended ? running.erase(it) : std::next(it);
        }
    }
}

// Takes whole frames off the front of `stream`.
void take_results(std::string &stream, const std::vector<Job *> &jobs,
                  const std::function<void(Job &)> &done) {
    size_t at = 0;
    Frame frame;
    while (stream.size() - at >= sizeof frame) {
        memcpy(&frame, stream.data() + at, sizeof frame);
        const size_t size = sizeof frame + frame.failure_bytes + frame.kernel_bytes;
        if (stream.size() - at < size)
            break;
        assert(frame.job < jobs.size());
        Job &job = *jobs[frame.job];
        const std::string_view body = std::string_view(stream).substr(at + sizeof frame);
        job.result.seconds = frame.seconds;
        job.result.failure = body.substr(0, frame.failure_bytes);
        if (job.result.failure.empty()) {
            auto kernel =
                kernel_from_bytes(body.substr(frame.failure_bytes, frame.kernel_bytes), job.key);
            if (kernel)
                job.result.kernel = std::move(*kernel);
            else
                job.result.failure = "the worker's answer was damaged";
        }
        done(job);
        at += size;
    }
    stream.erase(0, at);
}

void run_workers(const std::vector<Job *> &jobs, const ServiceOptions &options,
                 const std::function<void(Job &)> &done) {
    const size_t cores = std::max(1u, std::thread::hardware_concurrency());
    const size_t slots = options.jobs > 0 ? size_t(options.jobs) : cores;
    for (Job *job : jobs)
        job->result.failure = "not compiled";
    // Its own time-out only guards against a hang while warming up.
    const double limit = options.timeout_seconds * double(jobs.size() + 1) + 60;
    Child warmed = start_child([&](int fd) { compile_all(jobs, options, slots, fd); }, limit);
    while (!warmed.ended) {
        wait_for_any({&warmed}, 0.05);
        take_results(warmed.data, jobs, done);
    }
    if (warmed.failure.empty())
        return;
    for (Job *job : jobs)
        if (job->result.failure == "not compiled")
            job->result.failure = "the compiling process " + warmed.failure;
}

std::vector<Job> unique_jobs(const std::vector<KernelRequest> &requests,
                             std::vector<size_t> &job_of) {
    std::vector<Job> jobs;
    std::map<std::string, size_t> by_key;
    for (const KernelRequest &request : requests) {
        std::string key = kernel_key(request);
        const auto [it, added] = by_key.emplace(key, jobs.size());
        if (added)
            jobs.push_back({&request, std::move(key), kernel_symbol(request), {}});
        job_of.push_back(it->second);
    }
    return jobs;
}

} // namespace

std::vector<KernelResult> compile_kernels(const std::vector<KernelRequest> &requests,
                                          const ServiceOptions &options) {
    std::vector<size_t> job_of;
    std::vector<Job> jobs = unique_jobs(requests, job_of);
    const std::string dir = options.use_cache ? kernel_cache_dir(options.cache_dir) : "";
    std::vector<Job *> missing;
    int finished = 0;
    const auto report = [&] {
        if (options.progress)
            options.progress(finished, int(jobs.size()));
    };
    for (Job &job : jobs) {
        auto kernel = dir.empty() ? std::nullopt : load_cached_kernel(dir, job.symbol, job.key);
        job.result.cached = kernel.has_value();
        if (kernel)
            job.result.kernel = std::move(*kernel);
        else
            missing.push_back(&job);
    }
    finished = int(jobs.size() - missing.size());
    report();
    if (!missing.empty()) {
        run_workers(missing, options, [&](Job &job) {
            if (!dir.empty() && job.result.failure.empty())
                store_cached_kernel(dir, job.symbol, job.key, job.result.kernel);
            ++finished;
            report();
        });
        if (!dir.empty())
            prune_kernel_cache(dir, options.cache_bytes);
    }
    std::vector<KernelResult> results;
    for (const size_t job : job_of)
        results.push_back(jobs[job].result);
    return results;
}

} // namespace cnnc
