// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "schedules/family.h"

#include "dsl/diagnostics.h"
#include "schedules/families.h"
#include "schedules/register_tile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstdlib>
#include <numeric>

namespace cnnc {

const std::vector<Family> &families() {
    // In the order in which default_schedule tries them.
    static const std::vector<Family> all = {
        depthwise_family(),     planar_family(),     small_family(),         gemm_family(),
        direct_family(),        pool_family(),       matmul_family(),        sample_family(),
        pointwise_family(),     reduce_family(),     gpu_depthwise_family(), gpu_split_family(),
        gpu_direct_family(),    gpu_pool_family(),   gpu_matmul_family(),    gpu_sample_family(),
        gpu_pointwise_family(), gpu_reduce_family(),
    };
    return all;
}

const Family *find_family(std::string_view name) {
    for (const Family &family : families())
        if (family.name == name)
            return &family;
    return nullptr;
}

bool family_fits(const Family &family, const Workload &workload, const Machine &machine) {
    return family.gpu == machine.gpu.has_value() && family.fits(workload);
}

namespace {

std::string suggestion(std::string_view word, const std::vector<std::string> &candidates) {
    std::string best = nearest_name(word, candidates);
    return best.empty() ? "" : fmt::format("; did you mean `{}`?", best);
}

std::string value_problem(const FamilyParam &param, const ScheduleValue &value) {
    if (param.choices.empty()) {
        auto *i = std::get_if<int64_t>(&value);
        if (!i)
            return fmt::format("`{}` takes an integer, not `{}`", param.name,
                               std::get<std::string>(value));
        if (*i < param.min || *i > param.max)
            return fmt::format("`{}` is {}, outside {}..{}", param.name, *i, param.min, param.max);
        return "";
    }
    auto *word = std::get_if<std::string>(&value);
    if (word && std::find(param.choices.begin(), param.choices.end(), *word) != param.choices.end())
        return "";
    std::string given = word ? *word : fmt::format("{}", std::get<int64_t>(value));
    return fmt::format("`{}` is one of {}, not `{}`", param.name, fmt::join(param.choices, ", "),
                       given);
}

// Reads words and signs of `family(name=value, ...)`.
class Reader {
  public:
    explicit Reader(std::string_view text) : text_(text) {}

    bool take(char c) {
        skip();
        if (at_ >= text_.size() || text_[at_] != c)
            return false;
        ++at_;
        return true;
    }
    std::string word() {
        skip();
        size_t start = at_;
        while (at_ < text_.size() &&
               (std::isalnum((unsigned char)text_[at_]) || text_[at_] == '_' || text_[at_] == '-'))
            ++at_;
        return std::string(text_.substr(start, at_ - start));
    }
    bool at_end() {
        skip();
        return at_ >= text_.size();
    }
    // Where reading has come to, for messages.
    std::string here() { return at_end() ? "the end" : fmt::format("`{}`", text_.substr(at_)); }

  private:
    void skip() {
        while (at_ < text_.size() && std::isspace((unsigned char)text_[at_]))
            ++at_;
    }
    std::string_view text_;
    size_t at_ = 0;
};

ScheduleValue to_value(const std::string &word) {
    int64_t i = 0;
    auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), i);
    if (error == std::errc() && end == word.data() + word.size())
        return i;
    return word;
}

const FamilyParam *find_param(const Family &family, std::string_view name) {
    for (const FamilyParam &param : family.params)
        if (param.name == name)
            return &param;
    return nullptr;
}

Schedule starting_point(const Family &family, const Schedule *defaults) {
    if (defaults && defaults->family == family.name)
        return *defaults;
    Schedule schedule{std::string(family.name), {}};
    for (const FamilyParam &param : family.params)
        schedule.set(param.name, param.choices.empty() ? ScheduleValue(param.min)
                                                       : std::string(param.choices[0]));
    return schedule;
}

// One `name=value`; returns what is wrong with it.
std::string read_param(Reader &reader, const Family &family, std::vector<std::string> &seen,
                       Schedule &schedule) {
    std::string name = reader.word();
    if (name.empty())
        return fmt::format("expected a parameter's name at {}", reader.here());
    const FamilyParam *param = find_param(family, name);
    if (!param) {
        std::vector<std::string> names;
        for (const FamilyParam &p : family.params)
            names.emplace_back(p.name);
        return fmt::format("family `{}` has no parameter `{}`{}", family.name, name,
                           suggestion(name, names));
    }
    if (std::find(seen.begin(), seen.end(), name) != seen.end())
        return fmt::format("`{}` is given twice", name);
    seen.push_back(name);
    if (!reader.take('='))
        return fmt::format("expected `=` behind `{}`", name);
    ScheduleValue value = to_value(reader.word());
    std::string problem = value_problem(*param, value);
    if (problem.empty())
        schedule.set(name, value);
    return problem;
}

} // namespace

std::optional<Schedule> parse_schedule(std::string_view text, const Schedule *defaults,
                                       std::string *problem) {
    auto fail = [&](std::string why) {
        if (problem)
            *problem = std::move(why);
        return std::nullopt;
    };
    Reader reader(text);
    std::string name = reader.word();
    const Family *family = find_family(name);
    if (!family) {
        std::vector<std::string> names;
        for (const Family &f : families())
            names.emplace_back(f.name);
        return fail(
            fmt::format("no schedule family is called `{}`{}", name, suggestion(name, names)));
    }
    Schedule schedule = starting_point(*family, defaults);
    if (!reader.take('('))
        return fail(fmt::format("expected `(` behind `{}`", name));
    std::vector<std::string> seen;
    while (!reader.take(')')) {
        if (!seen.empty() && !reader.take(','))
            return fail(fmt::format("expected `,` or `)` at {}", reader.here()));
        std::string wrong = read_param(reader, *family, seen, schedule);
        if (!wrong.empty())
            return fail(wrong);
    }
    if (!reader.at_end())
        return fail(fmt::format("unexpected {} behind the schedule", reader.here()));
    return schedule;
}

std::string schedule_problem(const Workload &workload, const Machine &machine,
                             const Schedule &schedule) {
    const Family *family = find_family(schedule.family);
    if (!family)
        return fmt::format("no schedule family is called `{}`", schedule.family);
    if (family->gpu != machine.gpu.has_value())
        return fmt::format("family `{}` is for {}", schedule.family, family->gpu ? "GPUs" : "CPUs");
    if (!family->fits(workload))
        return fmt::format("family `{}` cannot compute this layer", schedule.family);
    if (schedule.params.size() != family->params.size())
        return fmt::format("family `{}` has {} parameters, not {}", schedule.family,
                           family->params.size(), schedule.params.size());
    for (size_t i = 0; i < family->params.size(); ++i) {
        if (schedule.params[i].first != family->params[i].name)
            return fmt::format("parameter `{}` of family `{}` is missing", family->params[i].name,
                               schedule.family);
        std::string problem = value_problem(family->params[i], schedule.params[i].second);
        if (!problem.empty())
            return problem;
    }
    return family->constraint(workload, machine, schedule);
}

Schedule default_schedule(const Workload &workload, const Machine &machine) {
    for (const Family &family : families())
        if (family_fits(family, workload, machine) &&
            (!family.preferred || family.preferred(workload, machine)))
            return family.model(workload, machine);
    assert(false && "every valid workload has a family");
    return {};
}

// ---- what families share ----

FamilyParam vector_param() {
    return {"vector", 1, 64, {}, "elements per vector; a power of two", vector_widths};
}

FamilyParam parallel_param(std::vector<std::string_view> choices) {
    return {"parallel", 0, 0, std::move(choices), "the loop whose iterations go to threads"};
}

int64_t vector_for(int64_t extent, int64_t limit) {
    int64_t vector = 1;
    while (vector < limit && vector < extent)
        vector *= 2;
    return vector;
}

int64_t vector_within(int64_t extent, int64_t limit) {
    int64_t vector = 1;
    while (vector * 2 <= std::min(limit, extent))
        vector *= 2;
    return vector;
}

bool crowds_sets(const Contraction &s, const Machine &m) {
    // Addresses that differ by a multiple of this share a set. Pages allow x86 no more; where a way
    // of the cache is larger, there are fewer ways, to the same effect.
    constexpr int64_t way = 4096, line = 64;
    const int64_t sets = way / std::gcd(way, std::max(line, 4 * std::abs(s.in[1])));
    const int64_t lines = s.axes[0].in * input_rows(s, 1);
    return lines > std::min(sets, way / line) * (m.l1_bytes / way);
}

int64_t even_rows(int64_t extent, int64_t most) {
    int64_t blocks = ceil_div(extent, std::max<int64_t>(1, std::min(most, extent)));
    return ceil_div(extent, blocks);
}

std::string check_vector(const Machine &machine, int64_t vector) {
    if ((vector & (vector - 1)) != 0)
        return fmt::format("`vector` is {}, not a power of two", vector);
    if (vector > 2 * machine.lanes(4))
        return fmt::format("`vector` is {}; this machine's hold {} elements", vector,
                           machine.lanes(4));
    return "";
}

std::string check_multiple(std::string_view name, int64_t value, int64_t vector) {
    return value % vector == 0
               ? ""
               : fmt::format("`{}` is {}, not a multiple of `vector` = {}", name, value, vector);
}

std::string check_rows(int64_t tile_y, int64_t rows, int64_t extent) {
    std::string problem = check_extent("rows", rows, extent, "rows");
    if (!problem.empty())
        return problem;
    if (rows % tile_y != 0)
        return fmt::format("`rows` is {}, not a multiple of `tile_y` = {}", rows, tile_y);
    if (extent % rows % tile_y != 0)
        return fmt::format("the last block has {} rows, not a multiple of `tile_y` = {}",
                           extent % rows, tile_y);
    return "";
}

std::string check_overlap(std::string_view name, int64_t extent, int64_t tile, int64_t block) {
    int64_t tiles = ceil_div(extent, tile);
    if (extent % tile == 0 || tiles == 1 || (tiles % block != 1 && block != 1))
        return "";
    return fmt::format(
        "`{}` is {}, which leaves the last, overlapping one of {} tiles to a task of "
        "its own",
        name, block, tiles);
}

std::string check_extent(std::string_view name, int64_t value, int64_t extent,
                         std::string_view what) {
    return value <= extent
               ? ""
               : fmt::format("`{}` is {}, but there are {} {}", name, value, extent, what);
}

} // namespace cnnc
