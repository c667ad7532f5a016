// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A laboratory without compiler and clock: what a schedule takes is what a function says, and time
// passes as experiments do.
#pragma once

#include "compiler/tune/tuner.h"

#include <functional>
#include <random>
#include <set>
#include <string>

namespace cnnc {

struct FakeWorld {
    std::function<double(const TuneTask &, const Schedule &)> seconds;
    // Of a candidate; `timed` where not set.
    std::function<Fate(const Schedule &)> fate;
    // Factor on everything measured in a round; 1 where not set.
    std::function<double()> disturbance;
    double noise = 0;   // relative, of each measurement by itself
    int stop_after = 0; // races; 0: never

    double clock = 0;
    int races = 0;
    std::mt19937_64 random{1};
    std::set<std::string> compiled;

    Laboratory laboratory() {
        Laboratory lab;
        lab.compile = [this](const TuneTask &, const std::vector<Schedule> &schedules) {
            std::vector<std::string> failures;
            for (const Schedule &s : schedules) {
                clock += 0.5;
                compiled.insert(schedule_text(s));
                const bool fails = fate && fate(s) == Fate::not_compiled;
                failures.emplace_back(fails ? "cannot be compiled" : "");
            }
            return failures;
        };
        lab.race = [this](const TuneTask &task, const Schedule &candidate,
                          const Schedule &incumbent, const Effort &effort) {
            return race(task, candidate, incumbent, effort);
        };
        lab.least_seconds = [](const TuneTask &) { return 0.0; };
        lab.now = [this] { return clock; };
        lab.stopped = [this] { return stop_after > 0 && races >= stop_after; };
        return lab;
    }

  private:
    Race race(const TuneTask &task, const Schedule &candidate, const Schedule &incumbent,
              const Effort &effort) {
        ++races;
        clock += 2 * effort.seconds + 0.1;
        Race race;
        race.fate = fate ? fate(candidate) : Fate::timed;
        if (race.fate != Fate::timed) {
            race.message = "as arranged";
            return race;
        }
        std::uniform_real_distribution<double> more(1, 1 + noise);
        for (int i = 0; i < effort.rounds; ++i) {
            const double factor = disturbance ? disturbance() : 1;
            race.candidate.push_back(seconds(task, candidate) * factor * more(random));
            race.incumbent.push_back(seconds(task, incumbent) * factor * more(random));
        }
        return race;
    }
};

} // namespace cnnc
