// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/tune/search.h"

#include <algorithm>
#include <cmath>

namespace cnnc {
namespace {

constexpr size_t population = 16;      // of the fastest, from which parents are taken
constexpr size_t tournament = 3;       // of which the fastest is a parent
constexpr int offspring_per_place = 8; // of which the cost model chooses one
constexpr unsigned random_one_in = 8;  // schedules that neither parents nor the model chose
constexpr size_t model_picks = 6;      // per family, before evolution begins
constexpr int model_samples = 400;     // drawn per family to find these
constexpr double hopeless = 3;         // a family whose best costs so many times the best of all

struct Ranked {
    Schedule schedule;
    double cycles = 0;
};

void sort_by_cycles(std::vector<Ranked> &ranked) {
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](const Ranked &a, const Ranked &b) { return a.cycles < b.cycles; });
}

// The model's favourites: the best of many drawn at random, improved step by step.
std::vector<Ranked> favourites(Search &search, const SearchSpace &space) {
    std::vector<Ranked> pool;
    std::set<std::string> texts;
    auto add = [&](const Schedule &s) {
        if (texts.insert(schedule_text(s)).second)
            pool.push_back({s, search.model_cycles(s)});
    };
    add(space.start);
    const int samples = int(std::min(double(model_samples), 4 * space.size()));
    for (int i = 0; i < samples; ++i)
        add(random_schedule(space, search.random));
    for (int round = 0; round < 8; ++round) {
        sort_by_cycles(pool);
        pool.resize(std::min<size_t>(pool.size(), 2 * population));
        const std::vector<Ranked> parents = pool;
        for (const Ranked &parent : parents)
            for (int i = 0; i < 3; ++i)
                add(mutated(space, parent.schedule, search.random));
    }
    sort_by_cycles(pool);
    return pool;
}

// Schedules that differ in more than how far ahead they prefetch, so that few cover much.
size_t differences(const Schedule &a, const Schedule &b) {
    size_t count = 0;
    for (size_t i = 0; i < a.params.size(); ++i)
        count += a.params[i].second != b.params[i].second;
    return count;
}

std::vector<Ranked> spread_out(const std::vector<Ranked> &ranked) {
    std::vector<Ranked> picks;
    for (size_t least : {size_t(2), size_t(1)})
        for (const Ranked &r : ranked) {
            const bool apart = std::all_of(picks.begin(), picks.end(), [&](const Ranked &p) {
                return differences(p.schedule, r.schedule) >= least;
            });
            if (apart && picks.size() < model_picks)
                picks.push_back(r);
        }
    return picks;
}

void add_first(Search &search, const Schedule &schedule) {
    if (std::find(search.first.begin(), search.first.end(), schedule) == search.first.end())
        search.first.push_back(schedule);
}

const SearchSpace *space_of(const Search &search, const Schedule &schedule) {
    for (const SearchSpace &space : search.spaces)
        if (space.family->name == schedule.family)
            return &space;
    return nullptr;
}

// The fastest so far, best first.
std::vector<const Tried *> parents_of(const Search &search) {
    std::vector<const Tried *> fit;
    for (const Tried &t : search.tried)
        if (std::isfinite(t.score) && space_of(search, t.schedule))
            fit.push_back(&t);
    std::stable_sort(fit.begin(), fit.end(),
                     [](const Tried *a, const Tried *b) { return a->score < b->score; });
    if (fit.size() > population)
        fit.resize(population);
    return fit;
}

const Tried &winner(const std::vector<const Tried *> &parents, std::mt19937_64 &random) {
    size_t best = random() % parents.size();
    for (size_t i = 1; i < tournament; ++i)
        best = std::min<size_t>(best, random() % parents.size());
    return *parents[best];
}

// A child, and the score it ought to have: its parent's, times what the model says changed. The
// model is trusted by half.
struct Child {
    Schedule schedule;
    double expected = 0;
};

Child child_of(Search &search, const std::vector<const Tried *> &parents) {
    const Tried &a = winner(parents, search.random), &b = winner(parents, search.random);
    const SearchSpace &space = *space_of(search, a.schedule);
    Child child;
    const bool cross = a.schedule.family == b.schedule.family && search.random() % 3 == 0;
    child.schedule = cross ? crossed(space, a.schedule, b.schedule, search.random)
                           : mutated(space, a.schedule, search.random);
    if (cross && search.random() % 2)
        child.schedule = mutated(space, child.schedule, search.random);
    const double before = search.model_cycles(a.schedule);
    const double after = search.model_cycles(child.schedule);
    child.expected = a.score * (before > 0 ? std::sqrt(after / before) : 1);
    return child;
}

std::vector<Child> offspring(Search &search, size_t count) {
    std::vector<Child> children;
    std::set<std::string> texts;
    const std::vector<const Tried *> parents = parents_of(search);
    for (size_t i = 0; !parents.empty() && i < count; ++i) {
        Child child = child_of(search, parents);
        const std::string text = schedule_text(child.schedule);
        if (search.seen.count(text) == 0 && texts.insert(text).second)
            children.push_back(std::move(child));
    }
    std::stable_sort(children.begin(), children.end(),
                     [](const Child &a, const Child &b) { return a.expected < b.expected; });
    return children;
}

bool propose_one(Search &search, const Schedule &schedule, std::vector<Schedule> &proposed) {
    if (!search.seen.insert(schedule_text(schedule)).second)
        return false;
    proposed.push_back(schedule);
    return true;
}

} // namespace

double Search::model_cycles(const Schedule &schedule) const {
    return estimate_cost(workload, machine, schedule, threads).cycles;
}

Search start_search(const Workload &workload, const Machine &machine, int threads, uint64_t seed,
                    const std::vector<Schedule> &known) {
    Search search{workload, machine, threads, {}, {}, {}, {}, std::mt19937_64(seed)};
    // One thread cannot tell which loop several ought to share: that stays the model's choice.
    std::vector<std::string_view> fixed;
    if (threads == 1)
        fixed.push_back("parallel");
    for (const Family &family : families())
        if (family_fits(family, workload, machine))
            search.spaces.push_back(search_space(family, workload, machine, fixed));
    for (const Schedule &schedule : known)
        add_first(search, schedule);
    std::vector<std::vector<Ranked>> picks;
    double best = failed_score;
    for (const SearchSpace &space : search.spaces) {
        picks.push_back(spread_out(favourites(search, space)));
        best = std::min(best, picks.back().front().cycles);
    }
    // The families in turn, their best first.
    for (size_t i = 0; i < model_picks; ++i)
        for (const auto &of_family : picks)
            if (i < of_family.size() && of_family.front().cycles <= hopeless * best)
                add_first(search, of_family[i].schedule);
    return search;
}

std::vector<Schedule> propose(Search &search, size_t count) {
    std::vector<Schedule> proposed;
    while (proposed.size() < count && !search.first.empty()) {
        const Schedule next = search.first.front();
        search.first.erase(search.first.begin());
        propose_one(search, next, proposed);
    }
    if (proposed.size() == count)
        return proposed;
    const std::vector<Child> children =
        offspring(search, (count - proposed.size()) * offspring_per_place);
    auto child = children.begin();
    for (size_t places = count - proposed.size(); places > 0; --places) {
        if (search.random() % random_one_in == 0)
            continue;
        while (child != children.end() && !propose_one(search, child->schedule, proposed))
            ++child;
    }
    // Where parents have no children left that nobody knows, and for a share of all places.
    for (size_t tries = 0; proposed.size() < count && tries < 40 * count; ++tries) {
        const SearchSpace &space = search.spaces[search.random() % search.spaces.size()];
        propose_one(search, random_schedule(space, search.random), proposed);
    }
    return proposed;
}

void learn(Search &search, const Schedule &schedule, double score) {
    search.seen.insert(schedule_text(schedule));
    for (Tried &t : search.tried)
        if (t.schedule == schedule) {
            t.score = score;
            return;
        }
    search.tried.push_back({schedule, score});
}

} // namespace cnnc
