// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The search and the choices around it, in worlds whose truth is known.
#include "compiler/tune/tuner.h"

#include "compiler/tune/trial_log.h"
#include "tests/schedules/machines.h"
#include "tests/tune/fake_laboratory.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace cnnc {
namespace {

TuneTask conv_task(int size = 28, int count = 1) {
    const std::string text = fmt::format(
        "conv2d(64, kernel=[3, 3], stride=[1, 1], padding=[[1, 1], [1, 1]], dilation=[1, 1], "
        "groups=1, bias=true) f32[1, 64, {0}, {0}] -> f32[1, 64, {0}, {0}]",
        size);
    return {fmt::format("conv{}", size), parse_workload(text).value(), count, false};
}

// A valley whose bottom is at values the default model does not choose; each step away costs.
double valley(const TuneTask &, const Schedule &s) {
    if (s.family != "direct")
        return 5e-3;
    const std::map<std::string, double> bottom = {
        {"tile_x", 4}, {"tile_y", 2}, {"tile_c", 16}, {"rows", 14}, {"unroll", 4}};
    double seconds = 1e-3;
    for (const auto &[name, at] : bottom)
        seconds *= 1 + 0.2 * std::fabs(std::log2(double(s.integer(name)) / at));
    seconds *= s.integer("vector") == 8 ? 1 : 2;
    return seconds * (s.choice("order") == "y" ? 1 : 1.1);
}

struct Told {
    std::vector<Schedule> improved;
    std::vector<std::pair<Schedule, Fate>> tried;

    TuneEvents events() {
        TuneEvents e;
        e.improved = [this](const TaskState &t) { improved.push_back(t.best); };
        e.tried = [this](const TaskState &, const Schedule &s, double, const Verdict &v) {
            tried.emplace_back(s, v.fate);
        };
        return e;
    }
};

TuneResult run(FakeWorld &world, const std::vector<TuneTask> &tasks, const TuneOptions &options,
               Told *told = nullptr, std::vector<TuneStart> starts = {}) {
    starts.resize(tasks.size());
    return tune(tasks, starts, avx2_machine(), options, world.laboratory(),
                told ? told->events() : TuneEvents());
}

TuneOptions trials(int count, uint64_t seed = 1) {
    TuneOptions options;
    options.seconds = 1e9;
    options.trials = count;
    options.seed = seed;
    return options;
}

TEST(Tuner, FindsTheBottomOfAValley) {
    for (uint64_t seed = 1; seed <= 5; ++seed) {
        FakeWorld world;
        world.seconds = valley;
        const TuneResult result = run(world, {conv_task()}, trials(300, seed));
        const TaskState &task = result.tasks[0];
        EXPECT_LT(valley(task.task, task.best), 1.1e-3) << seed << " " << schedule_text(task.best);
        EXPECT_LT(task.score, 1);
        EXPECT_EQ(result.trials, 300);
    }
}

TEST(Tuner, FindsItThroughNoise) {
    for (uint64_t seed = 1; seed <= 3; ++seed) {
        FakeWorld world;
        world.seconds = valley;
        world.noise = 0.1;
        const TuneResult result = run(world, {conv_task()}, trials(400, seed));
        EXPECT_LT(valley(conv_task(), result.tasks[0].best), 1.2e-3) << seed;
    }
}

TEST(Tuner, TriesNothingTwice) {
    FakeWorld world;
    world.seconds = valley;
    Told told;
    run(world, {conv_task()}, trials(200), &told);
    std::set<std::string> texts;
    for (const auto &[schedule, fate] : told.tried)
        EXPECT_TRUE(texts.insert(schedule_text(schedule)).second) << schedule_text(schedule);
    EXPECT_EQ(texts.size(), 200u);
}

TEST(Tuner, EqualSeedsGiveEqualSearches) {
    std::vector<Schedule> first;
    for (int i = 0; i < 2; ++i) {
        FakeWorld world;
        world.seconds = valley;
        Told told;
        run(world, {conv_task()}, trials(60, 3), &told);
        if (first.empty())
            first = told.improved;
        EXPECT_EQ(told.improved, first);
    }
}

// Nothing is faster than the default: the default is what is recorded.
TEST(Tuner, NeverWorseThanTheDefault) {
    FakeWorld world;
    const Schedule base = default_schedule(conv_task().workload, avx2_machine());
    world.seconds = [&](const TuneTask &, const Schedule &s) { return s == base ? 1e-3 : 1.02e-3; };
    world.noise = 0.02;
    Told told;
    const TuneResult result = run(world, {conv_task()}, trials(300), &told);
    EXPECT_EQ(result.tasks[0].best, base);
    EXPECT_EQ(result.tasks[0].score, 1);
    EXPECT_EQ(told.improved, std::vector<Schedule>{base});
}

// Equal schedules, wild noise: a lucky race is not a win that lasts.
TEST(Tuner, LuckIsFoundOutInTheEnd) {
    FakeWorld world;
    world.seconds = [](const TuneTask &, const Schedule &) { return 1e-3; };
    world.noise = 0.05;
    const TuneResult result = run(world, {conv_task()}, trials(200));
    EXPECT_GT(result.tasks[0].score, 0.97);
    EXPECT_LE(result.tasks[0].score, 1);
}

// A machine that slows down and recovers: ratios are right, and what was lost to it is repeated.
TEST(Tuner, DriftDoesNotDeceive) {
    FakeWorld world;
    world.seconds = valley;
    int measured = 0;
    world.disturbance = [&] { return ++measured / 40 % 5 == 4 ? 3.0 : 1.0; };
    const TuneResult result = run(world, {conv_task()}, trials(300));
    EXPECT_LT(valley(conv_task(), result.tasks[0].best), 1.1e-3);
    EXPECT_NEAR(result.tasks[0].score,
                valley(conv_task(), result.tasks[0].best) /
                    valley(conv_task(), result.tasks[0].base),
                0.02);
}

TEST(Judge, RepeatsARaceInWhichTheIncumbentWasDisturbed) {
    FakeWorld world;
    world.seconds = [](const TuneTask &, const Schedule &s) {
        return s.integer("unroll") == 2 ? 0.9e-3 : 1e-3;
    };
    const Laboratory lab = world.laboratory();
    const TuneTask task = conv_task();
    const Schedule slow = default_schedule(task.workload, avx2_machine());
    Schedule fast = slow;
    fast.set("unroll", int64_t(2));
    Calm calm{1e-3, 0};
    EXPECT_TRUE(judge(lab, task, fast, slow, calm).wins);
    EXPECT_EQ(world.races, 3); // a glance, a look, the proof
    int measured = 0;
    world.disturbance = [&] { return ++measured <= 10 ? 2.0 : 1.0; }; // glance and first look
    world.races = 0;
    EXPECT_TRUE(judge(lab, task, fast, slow, calm).wins);
    EXPECT_EQ(world.races, 4);
    // Disturbed all the time: no win, until that is what is normal.
    world.disturbance = [] { return 2.0; };
    EXPECT_FALSE(judge(lab, task, fast, slow, calm).wins);
    EXPECT_TRUE(judge(lab, task, fast, slow, calm).wins);
    EXPECT_EQ(calm.seconds, 2e-3);
    // A clearly slower one costs a glance.
    world.races = 0;
    const Schedule other = fast;
    world.seconds = [&](const TuneTask &, const Schedule &s) { return s == other ? 2e-3 : 1e-3; };
    EXPECT_FALSE(judge(lab, task, fast, slow, calm).wins);
    EXPECT_EQ(world.races, 1);
}

// Candidates that fail in every way there is cost themselves only; none is ever the best.
TEST(Tuner, SurvivesWrongHangingAndCrashingCandidates) {
    FakeWorld world;
    const Schedule base = default_schedule(conv_task().workload, avx2_machine());
    // The fastest of all are the broken ones.
    world.seconds = [](const TuneTask &task, const Schedule &s) {
        return s.integer("unroll") > 1 ? 0.1e-3 : valley(task, s);
    };
    world.fate = [&](const Schedule &s) {
        if (s == base || s.integer("unroll") == 1)
            return Fate::timed;
        constexpr Fate fates[] = {Fate::wrong, Fate::timed_out, Fate::crashed, Fate::not_compiled};
        return fates[size_t(s.integer("unroll")) % 4];
    };
    Told told;
    const TuneResult result = run(world, {conv_task()}, trials(300), &told);
    std::set<Fate> met;
    for (const auto &[schedule, fate] : told.tried)
        met.insert(fate);
    EXPECT_EQ(met.size(), 4u); // unroll is 1, 2, 3, 4, 6 or 8
    for (const Schedule &s : told.improved)
        EXPECT_EQ(s.integer("unroll"), 1);
    EXPECT_LT(result.tasks[0].score, 1);
    EXPECT_GT(result.tasks[0].failures, 0);
    EXPECT_EQ(result.trials, 300);
}

TEST(Tuner, AWorkloadWhoseDefaultFailsIsLeftAlone) {
    FakeWorld world;
    world.seconds = valley;
    const Schedule broken = default_schedule(conv_task(14).workload, avx2_machine());
    world.fate = [&](const Schedule &s) { return s == broken ? Fate::wrong : Fate::timed; };
    Told told;
    const TuneResult result = run(world, {conv_task(14), conv_task(56)}, trials(40), &told);
    EXPECT_EQ(result.tasks[0].problem, "its default schedule: as arranged");
    EXPECT_EQ(result.tasks[0].trials, 0);
    EXPECT_EQ(result.tasks[1].problem, "");
    EXPECT_EQ(result.tasks[1].trials, 40);
}

TEST(Tuner, WithoutAPlaceToRunItEnds) {
    FakeWorld world;
    world.seconds = valley;
    world.fate = [](const Schedule &) { return Fate::unavailable; };
    const TuneResult result = run(world, {conv_task(14), conv_task(56)}, trials(40));
    EXPECT_EQ(result.unavailable, "as arranged");
    EXPECT_EQ(world.races, 1);
}

TEST(Tuner, TimeGoesWhereTheNetworkSpendsIt) {
    FakeWorld world;
    world.seconds = [](const TuneTask &task, const Schedule &s) {
        return valley(task, s) * (task.layer == "conv56" ? 1 : 0.01);
    };
    TuneOptions options = trials(0);
    options.seconds = 200;
    const TuneResult result = run(world, {conv_task(14), conv_task(56, 3)}, options);
    EXPECT_GE(result.tasks[0].trials, 8); // its first share
    EXPECT_GT(result.tasks[1].trials, 4 * result.tasks[0].trials);
    EXPECT_LT(result.elapsed, 205);
}

TEST(Tuner, StopsWhenAsked) {
    FakeWorld world;
    world.seconds = valley;
    world.stop_after = 25;
    Told told;
    const TuneResult result = run(world, {conv_task()}, trials(1000), &told);
    EXPECT_TRUE(result.stopped);
    EXPECT_LE(world.races, 27); // the candidate may have its three
    EXPECT_FALSE(told.improved.empty());
    EXPECT_EQ(told.improved.back(), result.tasks[0].best);
}

TEST(Tuner, EarlierResultsAreWhereItGoesOn) {
    FakeWorld world;
    world.seconds = valley;
    Told told;
    const TuneResult first = run(world, {conv_task()}, trials(60), &told);
    TuneStart start;
    start.incumbent = first.tasks[0].best;
    for (const Tried &t : first.tasks[0].search.tried)
        start.tried.push_back(t);
    Told again;
    const TuneResult second = run(world, {conv_task()}, trials(60, 2), &again, {start});
    EXPECT_LE(second.tasks[0].score, first.tasks[0].score);
    for (const auto &[schedule, fate] : again.tried)
        for (const auto &[old, old_fate] : told.tried)
            EXPECT_FALSE(schedule == old) << schedule_text(schedule);
    // A record that has turned out bad gives way to the default.
    start.incumbent->set("unroll", int64_t(8));
    world.seconds = [&](const TuneTask &task, const Schedule &s) {
        return s == *start.incumbent ? 1 : valley(task, s);
    };
    EXPECT_FALSE(run(world, {conv_task()}, trials(1), nullptr, {start}).tasks[0].best ==
                 *start.incumbent);
}

TEST(Tuner, SmallSpacesAreUsedUp) {
    FakeWorld world;
    const TuneTask task = {"softmax",
                           parse_workload("softmax(dim=1) f32[1, 10] -> f32[1, 10]").value()};
    world.seconds = [](const TuneTask &, const Schedule &) { return 1e-3; };
    const TuneResult result = run(world, {task}, trials(10000));
    EXPECT_TRUE(result.tasks[0].exhausted);
    EXPECT_LT(result.trials, 100);
}

TEST(TrialLog, ReadsBackItsOwnTargetsLines) {
    Target t = parse_target("x86-64-linux-avx2", nullptr).value();
    const std::string workload = workload_text(conv_task().workload);
    const Schedule a = default_schedule(conv_task().workload, avx2_machine());
    Schedule b = a;
    b.set("unroll", int64_t(2));
    Target other = t;
    other.cpu = "haswell";
    const std::string text = trial_line(t, 1, workload, a, 0.75, Fate::timed) +
                             trial_line(other, 1, workload, b, 0.5, Fate::timed) +
                             trial_line(t, 4, workload, b, 0.5, Fate::timed) + "nonsense\n" +
                             trial_line(t, 1, workload, b, failed_score, Fate::wrong);
    const auto trials = read_trials(text, t, 1);
    ASSERT_EQ(trials.size(), 1u);
    const std::vector<Tried> &tried = trials.at(workload);
    ASSERT_EQ(tried.size(), 2u);
    EXPECT_EQ(tried[0].schedule, a);
    EXPECT_EQ(tried[0].score, 0.75);
    EXPECT_EQ(tried[1].score, failed_score);
    // Cut anywhere, what is whole is read.
    for (size_t length = 0; length < text.size(); ++length)
        EXPECT_LE(read_trials(text.substr(0, length), t, 1).count(workload), 1u);
    EXPECT_EQ(read_trials(text.substr(0, text.size() - 1), t, 1).at(workload).size(), 1u);
}

} // namespace
} // namespace cnnc
