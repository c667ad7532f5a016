// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/tune/contest.h"

#include <algorithm>

namespace cnnc {
namespace {

constexpr Effort glance = {3, 0.03};
constexpr Effort look = {7, 0.1};
constexpr Effort proof = {11, 0.3};
constexpr Effort thorough = {15, 0.6};
constexpr double clearly_slower = 1.12; // at a glance
constexpr double faster = 0.99;         // or not worth a change
constexpr double disturbance = 1.25;    // of the incumbent against its own history
constexpr int repeats = 2;              // of a disturbed race
constexpr int new_normal = 6;           // so many disturbed races are no disturbance any more

double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + std::ptrdiff_t(values.size() / 2),
                     values.end());
    return values[values.size() / 2];
}

double least(const std::vector<double> &values) {
    return *std::min_element(values.begin(), values.end());
}

// What a round lasts, both sides feel.
double ratio_of(const Race &race) {
    std::vector<double> ratios;
    for (size_t i = 0; i < race.candidate.size(); ++i)
        ratios.push_back(race.candidate[i] / race.incumbent[i]);
    return median(ratios);
}

Verdict verdict_of(const Race &race) {
    Verdict v{race.fate, race.message};
    if (race.fate != Fate::timed)
        return v;
    v.ratio = ratio_of(race);
    v.seconds = least(race.candidate);
    v.incumbent_seconds = least(race.incumbent);
    return v;
}

// Whether the incumbent was as fast as it can be.
bool is_calm(const Race &race, Calm &calm) {
    const double seconds = least(race.incumbent);
    const bool first = calm.seconds == 0;
    if (first || seconds < calm.seconds || calm.disturbed >= new_normal) {
        calm = {seconds, 0};
        return true;
    }
    const bool is = seconds <= disturbance * calm.seconds;
    calm.disturbed = is ? 0 : calm.disturbed + 1;
    return is;
}

// Repeated while the machine is busy with something else.
Race calm_race(const Laboratory &lab, const TuneTask &task, const Schedule &candidate,
               const Schedule &incumbent, const Effort &effort, Calm &calm, bool &was_calm) {
    Race race;
    was_calm = false;
    for (int i = 0; i <= repeats && !was_calm; ++i) {
        race = lab.race(task, candidate, incumbent, effort);
        if (race.fate != Fate::timed)
            return race;
        was_calm = is_calm(race, calm);
    }
    return race;
}

} // namespace

std::string_view fate_text(Fate fate) {
    switch (fate) {
    case Fate::timed:
        return "timed";
    case Fate::not_compiled:
        return "not compiled";
    case Fate::wrong:
        return "wrong";
    case Fate::crashed:
        return "crashed";
    case Fate::timed_out:
        return "timed out";
    case Fate::unavailable:
        return "unavailable";
    }
    return "";
}

Verdict judge(const Laboratory &lab, const TuneTask &task, const Schedule &candidate,
              const Schedule &incumbent, Calm &calm) {
    Verdict v = verdict_of(lab.race(task, candidate, incumbent, glance));
    if (v.fate != Fate::timed || v.ratio > clearly_slower)
        return v;
    bool was_calm = false;
    v = verdict_of(calm_race(lab, task, candidate, incumbent, look, calm, was_calm));
    if (v.fate != Fate::timed || v.ratio > faster)
        return v;
    const Verdict again =
        verdict_of(calm_race(lab, task, candidate, incumbent, proof, calm, was_calm));
    if (again.fate != Fate::timed)
        return again;
    // The smaller of two gains.
    v.wins = was_calm && again.ratio <= faster;
    v.ratio = std::max(v.ratio, again.ratio);
    v.seconds = std::min(v.seconds, again.seconds);
    return v;
}

Verdict judge_thoroughly(const Laboratory &lab, const TuneTask &task, const Schedule &candidate,
                         const Schedule &incumbent) {
    return verdict_of(lab.race(task, candidate, incumbent, thorough));
}

} // namespace cnnc
