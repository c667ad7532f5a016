// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/tune/tuner.h"

#include <algorithm>
#include <cmath>

namespace cnnc {
namespace {

// Of the time there is: the rest is for the last races against the default.
constexpr double search_share = 0.95;
// Batches over which the recent gain is taken.
constexpr size_t recent = 3;
// What may be gained where the machine's limit is not known.
constexpr double unknown_headroom = 0.3;
// A record from earlier is kept unless it is slower than the default by this much.
constexpr double clearly_worse = 1.03;

class Tuner {
  public:
    Tuner(const TuneOptions &options, const Laboratory &lab, const TuneEvents &events)
        : options_(options), lab_(lab), events_(events), start_(lab.now()) {}

    TuneResult run(const std::vector<TuneTask> &tasks, const std::vector<TuneStart> &starts,
                   const Machine &machine);

  private:
    void begin(TaskState &state, const TuneStart &start);
    bool measure_base(TaskState &state);
    void resume(TaskState &state, const Schedule &incumbent);
    void batch(TaskState &state);
    void trial(TaskState &state, const Schedule &candidate, const std::string &not_compiled);
    void finish(TaskState &state);
    TaskState *next_task();

    double elapsed() const { return lab_.now() - start_; }
    bool ended() const {
        return lab_.stopped() || !result_.unavailable.empty() ||
               elapsed() >= search_share * options_.seconds ||
               (options_.trials > 0 && result_.trials >= options_.trials);
    }
    void tell_progress(const TaskState &state) const {
        if (events_.progress)
            events_.progress(state, {elapsed(), result_.trials});
    }
    void tell_improved(const TaskState &state) const {
        if (events_.improved)
            events_.improved(state);
    }
    // A candidate's failure may be the end of the whole, or the user's wish.
    bool blameless(const Verdict &verdict) {
        if (verdict.fate == Fate::unavailable && result_.unavailable.empty())
            result_.unavailable = verdict.message;
        return verdict.fate == Fate::unavailable || lab_.stopped();
    }

    const TuneOptions &options_;
    const Laboratory &lab_;
    const TuneEvents &events_;
    double start_;
    TuneResult result_;
};

// The default against itself: it has to be right, and this is its time.
bool Tuner::measure_base(TaskState &state) {
    const std::vector<std::string> failures = lab_.compile(state.task, {state.base});
    if (!failures[0].empty()) {
        if (!lab_.stopped())
            state.problem = "its default schedule " + failures[0];
        return false;
    }
    const Verdict v = judge_thoroughly(lab_, state.task, state.base, state.base);
    if (v.fate != Fate::timed) {
        if (!blameless(v))
            state.problem = "its default schedule: " + v.message;
        return false;
    }
    state.seconds = state.base_seconds = v.seconds;
    state.calm = {v.incumbent_seconds, 0};
    state.least_seconds = lab_.least_seconds ? lab_.least_seconds(state.task) : 0;
    return true;
}

// An earlier run's result takes the default's place unless it has turned out worse.
void Tuner::resume(TaskState &state, const Schedule &incumbent) {
    if (!lab_.compile(state.task, {incumbent})[0].empty())
        return;
    const Verdict v = judge_thoroughly(lab_, state.task, incumbent, state.base);
    if (v.fate != Fate::timed || v.ratio > clearly_worse)
        return;
    state.best = incumbent;
    state.score = std::min(1.0, v.ratio);
    state.seconds = v.seconds;
    state.calm = {v.seconds, 0};
    learn(state.search, incumbent, state.score);
}

void Tuner::begin(TaskState &state, const TuneStart &start) {
    tell_progress(state);
    learn(state.search, state.base, 1);
    for (const Tried &t : start.tried)
        learn(state.search, t.schedule, t.score);
    if (!measure_base(state))
        return;
    if (start.incumbent && !(*start.incumbent == state.base))
        resume(state, *start.incumbent);
    tell_improved(state);
}

void Tuner::trial(TaskState &state, const Schedule &candidate, const std::string &not_compiled) {
    Verdict v{Fate::not_compiled, not_compiled};
    if (not_compiled.empty())
        v = judge(lab_, state.task, candidate, state.best, state.calm);
    if (v.fate != Fate::timed && blameless(v))
        return;
    ++state.trials;
    ++result_.trials;
    state.failures += v.fate != Fate::timed;
    const double score = v.fate == Fate::timed ? state.score * v.ratio : failed_score;
    learn(state.search, candidate, score);
    if (v.wins) {
        state.best = candidate;
        state.score = score;
        state.seconds = v.seconds;
        state.calm = {v.seconds, 0};
    }
    if (events_.tried)
        events_.tried(state, candidate, score, v);
    if (v.wins)
        tell_improved(state);
}

void Tuner::batch(TaskState &state) {
    size_t count = options_.batch;
    if (options_.trials > 0)
        count = std::min(count, size_t(options_.trials - result_.trials));
    const std::vector<Schedule> candidates = propose(state.search, count);
    state.exhausted = candidates.empty();
    if (state.exhausted)
        return;
    tell_progress(state);
    const std::vector<std::string> failures = lab_.compile(state.task, candidates);
    for (size_t i = 0; i < candidates.size() && !ended(); ++i) {
        tell_progress(state);
        trial(state, candidates[i], failures[i]);
    }
    state.scores.push_back(state.score);
}

// What a further batch promises: the gain of the last ones, or hope, which fades with every trial;
// times what the network spends there.
double promise(const TaskState &state) {
    const std::vector<double> &s = state.scores;
    double gain = 0;
    if (s.size() > recent)
        gain = (s[s.size() - 1 - recent] - s.back()) / s.back() / double(recent);
    const double headroom = state.least_seconds > 0
                                ? std::max(0.0, 1 - state.least_seconds / state.seconds)
                                : unknown_headroom;
    const double hope = headroom / (2 + double(s.size()) * double(s.size()));
    return std::max(gain, hope) * state.seconds * state.task.count;
}

// Each task has a first share, the longest first; then the one that promises most.
TaskState *Tuner::next_task() {
    TaskState *next = nullptr;
    double most = 0;
    for (TaskState &state : result_.tasks) {
        if (!state.open())
            continue;
        const bool first = state.scores.empty();
        const double value = first ? 1e6 * state.seconds * state.task.count : promise(state);
        if (!next || value > most) {
            next = &state;
            most = value;
        }
    }
    return next;
}

// What was gained step by step has to show against the default itself.
void Tuner::finish(TaskState &state) {
    if (!state.problem.empty() || state.best == state.base || lab_.stopped())
        return;
    tell_progress(state);
    const Verdict v = judge_thoroughly(lab_, state.task, state.best, state.base);
    if (v.fate != Fate::timed)
        return;
    state.score = v.ratio;
    state.seconds = v.seconds;
    if (v.ratio >= 1) {
        state.best = state.base;
        state.score = 1;
        state.seconds = v.incumbent_seconds;
    }
    tell_improved(state);
}

TuneResult Tuner::run(const std::vector<TuneTask> &tasks, const std::vector<TuneStart> &starts,
                      const Machine &machine) {
    for (size_t i = 0; i < tasks.size(); ++i) {
        TaskState state;
        state.task = tasks[i];
        state.base = state.best = default_schedule(tasks[i].workload, machine);
        state.search = start_search(tasks[i].workload, machine, options_.threads, options_.seed + i,
                                    starts[i].known);
        result_.tasks.push_back(std::move(state));
    }
    for (size_t i = 0; i < tasks.size() && !lab_.stopped() && result_.unavailable.empty(); ++i)
        begin(result_.tasks[i], starts[i]);
    while (!ended()) {
        TaskState *task = next_task();
        if (!task)
            break;
        batch(*task);
    }
    if (result_.unavailable.empty())
        for (TaskState &state : result_.tasks)
            if (state.base_seconds > 0)
                finish(state);
    result_.elapsed = elapsed();
    result_.stopped = lab_.stopped();
    return std::move(result_);
}

} // namespace

TuneResult tune(const std::vector<TuneTask> &tasks, const std::vector<TuneStart> &starts,
                const Machine &machine, const TuneOptions &options, const Laboratory &lab,
                const TuneEvents &events) {
    return Tuner(options, lab, events).run(tasks, starts, machine);
}

} // namespace cnnc
