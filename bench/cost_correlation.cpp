// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How well the cost model ranks what `cnnc tune` has measured, per workload:
//
//     cost_correlation FILE.sched.tried ...             (a row per workload, means per family)
//     cost_correlation --list PART FILE.sched.tried ... (the candidates of workloads that contain
//                                                        PART, the fastest first)
//
// SPEARMAN: the rank correlation of cost and time. BEST AT: where the fastest stands among all in
// the model's order. LOSS OF 8: how much slower than the fastest the best of the model's first
// eight is. What was tried is no random sample: the model has proposed much of it.
#include "compiler/tune/trial_log.h"
#include "schedules/cost.h"
#include "schedules/family.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <set>
#include <sstream>

using namespace cnnc;

namespace {

struct Candidate {
    Schedule schedule;
    Cost cost;
    double score = 0; // over the default's time; infinite for one that failed
};

struct Measured {
    std::string workload;
    std::vector<Candidate> candidates;
};

struct Agreement {
    double spearman = 0;
    size_t best_at = 0; // from 1
    double loss = 0;    // of the model's first eight
};

constexpr size_t few = 8;    // a batch of the tuner
constexpr size_t enough = 5; // for a correlation

// From 1; the mean where several are equal.
std::vector<double> ranks(const std::vector<double> &values) {
    std::vector<double> ranks;
    for (double v : values) {
        size_t less = 0, equal = 0;
        for (double other : values) {
            less += other < v;
            equal += other == v;
        }
        ranks.push_back(double(less) + (double(equal) + 1) / 2);
    }
    return ranks;
}

double correlation(const std::vector<double> &a, const std::vector<double> &b) {
    const auto n = double(a.size());
    const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n;
    const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        ab += (a[i] - mean_a) * (b[i] - mean_b);
        aa += (a[i] - mean_a) * (a[i] - mean_a);
        bb += (b[i] - mean_b) * (b[i] - mean_b);
    }
    return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

// Of candidates that all have been timed.
Agreement agreement(std::vector<Candidate> timed) {
    std::vector<double> costs, scores;
    for (const Candidate &c : timed) {
        costs.push_back(c.cost.cycles);
        scores.push_back(c.score);
    }
    Agreement a;
    a.spearman = correlation(ranks(costs), ranks(scores));
    std::stable_sort(timed.begin(), timed.end(), [](const Candidate &x, const Candidate &y) {
        return x.cost.cycles < y.cost.cycles;
    });
    auto faster = [](const Candidate &x, const Candidate &y) { return x.score < y.score; };
    const auto best = std::min_element(timed.begin(), timed.end(), faster);
    const auto first = timed.begin() + std::ptrdiff_t(std::min(few, timed.size()));
    a.best_at = size_t(best - timed.begin()) + 1;
    a.loss = std::min_element(timed.begin(), first, faster)->score / best->score - 1;
    return a;
}

std::vector<Candidate> timed_of(const Measured &sample, std::string_view family) {
    std::vector<Candidate> timed;
    for (const Candidate &c : sample.candidates)
        if (std::isfinite(c.score) && (family.empty() || c.schedule.family == family))
            timed.push_back(c);
    return timed;
}

// ---- reading ----

// The first two fields of a line: TARGET [CPU] | THREADS.
struct Place {
    Target target;
    int threads = 1;
};

std::optional<Place> read_place(const std::string &line) {
    const size_t bar = line.find(" | ");
    if (bar == std::string::npos)
        return std::nullopt;
    std::istringstream words(line.substr(0, bar));
    std::string text, cpu;
    words >> text >> cpu;
    const std::optional<Target> target = parse_target(text, nullptr);
    if (!target)
        return std::nullopt;
    Place place{*target, std::atoi(line.c_str() + bar + 3)};
    place.target.cpu = cpu;
    return place;
}

void add_samples(const std::string &text, std::vector<Measured> &samples) {
    std::istringstream lines(text);
    std::set<std::string> known;
    for (std::string line; std::getline(lines, line);) {
        const std::optional<Place> place = read_place(line);
        if (!place || !known
                           .insert(target_text(place->target) + place->target.cpu +
                                   std::to_string(place->threads))
                           .second)
            continue;
        const Machine machine = machine_for(place->target);
        for (const auto &[workload_text, trials] :
             read_trials(text, place->target, place->threads)) {
            const std::optional<Workload> workload = parse_workload(workload_text);
            if (!workload)
                continue;
            Measured sample{workload_text, {}};
            for (const Tried &t : trials)
                if (schedule_problem(*workload, machine, t.schedule).empty())
                    sample.candidates.push_back(
                        {t.schedule, estimate_cost(*workload, machine, t.schedule, place->threads),
                         t.score});
            samples.push_back(std::move(sample));
        }
    }
}

// ---- what is printed ----

void print_row(const Measured &sample, std::string_view family, std::vector<double> &spearmans,
               std::vector<double> &losses) {
    const std::vector<Candidate> timed = timed_of(sample, family);
    size_t tried = 0;
    for (const Candidate &c : sample.candidates)
        tried += family.empty() || c.schedule.family == family;
    if (timed.size() < enough)
        return;
    const Agreement a = agreement(timed);
    double best = failed_score;
    for (const Candidate &c : timed)
        best = std::min(best, c.score);
    fmt::print("{:9} {:5} {:5} {:6.2f} {:9.2f} {:4}/{:<4} {:8.1f}%  {}\n",
               family.empty() ? "all" : family, tried, timed.size(), 1 / best, a.spearman,
               a.best_at, timed.size(), 100 * a.loss, sample.workload);
    spearmans.push_back(a.spearman);
    losses.push_back(a.loss);
}

double mean(const std::vector<double> &values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / double(values.size());
}

void print_table(const std::vector<Measured> &samples) {
    fmt::print("{:9} {:>5} {:>5} {:>6} {:>9} {:>9} {:>9}  {}\n", "FAMILY", "TRIED", "TIMED", "GAIN",
               "SPEARMAN", "BEST AT", "LOSS OF 8", "WORKLOAD");
    std::set<std::string> families = {""};
    for (const Measured &s : samples)
        for (const Candidate &c : s.candidates)
            families.insert(c.schedule.family);
    std::string means;
    for (const std::string &family : families) {
        std::vector<double> spearmans, losses;
        for (const Measured &s : samples)
            print_row(s, family, spearmans, losses);
        if (!spearmans.empty())
            means += fmt::format("{}: {} workloads, Spearman {:.2f}, loss of 8 {:.1f}%\n",
                                 family.empty() ? "all" : family, spearmans.size(), mean(spearmans),
                                 100 * mean(losses));
    }
    fmt::print("\n{}", means);
}

void print_candidates(Measured sample) {
    std::stable_sort(sample.candidates.begin(), sample.candidates.end(),
                     [](const Candidate &a, const Candidate &b) { return a.score < b.score; });
    fmt::print("{}\n{:>7} {:>10} {:>10} {:>10} {:>10} {:>5} {:>5}  SCHEDULE\n", sample.workload,
               "TIME", "CYCLES", "COMPUTE", "TRAFFIC", "STAGING", "REGS", "SPILT");
    for (const Candidate &c : sample.candidates)
        fmt::print("{:7.3f} {:10.0f} {:10.0f} {:10.0f} {:10.0f} {:5} {:5}  {}\n", c.score,
                   c.cost.cycles, c.cost.compute, c.cost.traffic, c.cost.staging, c.cost.registers,
                   c.cost.spilled, schedule_text(c.schedule));
}

} // namespace

int main(int argc, char **argv) {
    std::vector<std::string> args(argv + 1, argv + argc);
    std::optional<std::string> part;
    if (args.size() > 1 && args[0] == "--list") {
        part = args[1];
        args.erase(args.begin(), args.begin() + 2);
    }
    if (args.empty()) {
        fmt::print(stderr, "usage: cost_correlation [--list PART] FILE.sched.tried ...\n");
        return 2;
    }
    std::vector<Measured> samples;
    for (const std::string &path : args) {
        std::ifstream file(path);
        if (!file) {
            fmt::print(stderr, "cost_correlation: cannot read {}\n", path);
            return 3;
        }
        std::stringstream text;
        text << file.rdbuf();
        add_samples(text.str(), samples);
    }
    if (!part)
        print_table(samples);
    else
        for (const Measured &sample : samples)
            if (sample.workload.find(*part) != std::string::npos)
                print_candidates(sample);
    return 0;
}
