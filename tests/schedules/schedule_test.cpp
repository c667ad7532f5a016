// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Schedules as text, and what is said about those that cannot be.
#include "schedules/family.h"
#include "tests/lower/random_workload.h"
#include "tests/schedules/machines.h"
#include "tests/schedules/random_schedule.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace cnnc {
namespace {

Workload workload(const char *text) {
    return parse_workload(text).value();
}

const char *const conv =
    "conv2d(64, kernel=[3, 3], stride=[1, 1], padding=[[1, 1], [1, 1]], dilation=[1, 1], "
    "groups=1, bias=true) f32[1, 64, 56, 56] -> relu -> f32[1, 64, 56, 56]";
const char *const linear = "linear(10, bias=true) f32[1, 84] -> f32[1, 10]";
const char *const softmax = "softmax(dim=1) f32[1, 10] -> f32[1, 10]";
const char *const images =
    "conv2d(8, kernel=[3, 3], stride=[1, 1], padding=[[1, 1], [1, 1]], dilation=[1, 1], groups=1, "
    "bias=true) f32[2, 8, 10, 10] -> f32[2, 8, 10, 10]";
const char *const close =
    "max_pool2d(kernel=[2, 2], stride=[1, 1], padding=[[1, 0], [1, 0]], dilation=[1, 1], "
    "ceil_mode=false) f32[1, 16, 2, 2]@nchw -> f32[1, 16, 2, 2]";
const char *const top = "topk(k=3, dim=1, largest=true, indices=true) f32[1, 24] -> i64[1, 3]";
const char *const product = "matmul f32[7, 5], f32[5, 10] -> f32[7, 10]";
const char *const resized = "sample(kind=pick, dims=[0], fill=0.0) f32[9], i32[14, 1] -> f32[14]";
const char *const average = "mean(dims=[2, 3]) f32[1, 24, 7, 7] -> f32[1, 24, 1, 1]";
const char *const pool = "max_pool2d(kernel=[3, 3], stride=[2, 2], padding=[[1, 1], [1, 1]], "
                         "dilation=[1, 1], ceil_mode=false) f32[1, 24, 15, 15] -> "
                         "f32[1, 24, 8, 8]";

std::string parse_problem(std::string_view text) {
    std::string problem;
    EXPECT_FALSE(parse_schedule(text, nullptr, &problem)) << text;
    return problem;
}

TEST(Families, NamesAndParametersAreDistinctAndDocumented) {
    std::set<std::string_view> names;
    for (const Family &family : families()) {
        EXPECT_TRUE(names.insert(family.name).second) << family.name;
        EXPECT_EQ(find_family(family.name)->name, family.name);
        EXPECT_NE(family.doc, "");
        std::set<std::string_view> params;
        for (const FamilyParam &param : family.params) {
            EXPECT_TRUE(params.insert(param.name).second) << family.name << " " << param.name;
            EXPECT_NE(param.doc, "") << family.name << " " << param.name;
            EXPECT_TRUE(param.choices.empty() ? param.min < param.max : param.choices.size() > 1)
                << family.name << " " << param.name;
        }
    }
    EXPECT_EQ(find_family("directly"), nullptr);
}

// Of every family, under defaults and at random.
TEST(ScheduleText, ReadsBack) {
    std::set<std::string> met;
    const Machine cpu = avx2_machine();
    const Machine gpu = machine_for(parse_target("x86-64-linux-opencl", nullptr).value());
    for (uint64_t seed = 0; seed < 600; ++seed) {
        const Workload w = random_workload(seed);
        for (const Family &family : families()) {
            if (!family.fits(w))
                continue;
            const Machine &machine = family.gpu ? gpu : cpu;
            met.emplace(family.name);
            for (const Schedule &s :
                 {family.model(w, machine), random_schedule(family, w, machine, seed)}) {
                std::string problem;
                auto parsed = parse_schedule(schedule_text(s), nullptr, &problem);
                ASSERT_TRUE(parsed) << schedule_text(s) << ": " << problem;
                EXPECT_EQ(*parsed, s) << schedule_text(s);
                EXPECT_EQ(schedule_text(*parsed), schedule_text(s));
            }
        }
    }
    EXPECT_EQ(met.size(), families().size());
}

TEST(ScheduleText, IsExact) {
    const Schedule s{"reduce", {{"vector", int64_t(8)}, {"along", "kept"}, {"parallel", "none"}}};
    EXPECT_EQ(schedule_text(s), "reduce(vector=8, along=kept, parallel=none)");
    EXPECT_EQ(s.integer("vector"), 8);
    EXPECT_EQ(s.choice("along"), "kept");
}

TEST(ScheduleText, OrderAndSpaceDoNotMatter) {
    const auto a = parse_schedule("reduce(vector=8, along=kept, parallel=outer)", nullptr, nullptr);
    const auto b =
        parse_schedule("  reduce ( parallel = outer,along=kept , vector=8 ) ", nullptr, nullptr);
    ASSERT_TRUE(a && b);
    EXPECT_EQ(*a, *b);
}

TEST(ScheduleText, MissingParametersComeFromDefaults) {
    const Schedule defaults{"reduce",
                            {{"vector", int64_t(8)}, {"along", "reduced"}, {"parallel", "outer"}}};
    EXPECT_EQ(schedule_text(parse_schedule("reduce(vector=4)", &defaults, nullptr).value()),
              "reduce(vector=4, along=reduced, parallel=outer)");
    EXPECT_EQ(parse_schedule("reduce()", &defaults, nullptr).value(), defaults);
    // Of another family they say nothing: the least, or the first choice.
    EXPECT_EQ(schedule_text(parse_schedule("pointwise(block=7)", &defaults, nullptr).value()),
              "pointwise(vector=1, block=7, parallel=none)");
    EXPECT_EQ(schedule_text(parse_schedule("reduce(vector=4)", nullptr, nullptr).value()),
              "reduce(vector=4, along=kept, parallel=none)");
}

TEST(ScheduleText, ProblemsAreNamed) {
    const std::pair<const char *, const char *> cases[] = {
        {"", "no schedule family is called ``"},
        {"dircet(tile_x=4)", "no schedule family is called `dircet`; did you mean `direct`?"},
        {"wonderful()", "no schedule family is called `wonderful`"},
        {"reduce", "expected `(` behind `reduce`"},
        {"reduce(vector 4)", "expected `=` behind `vector`"},
        {"reduce(vector=4", "expected `,` or `)` at the end"},
        {"reduce(vector=4 along=kept)", "expected `,` or `)` at `along=kept)`"},
        {"reduce(vector=4,)", "expected a parameter's name at `)`"},
        {"reduce(vector=4))", "unexpected `)` behind the schedule"},
        {"reduce(vektor=4)", "family `reduce` has no parameter `vektor`; did you mean `vector`?"},
        {"reduce(pixels=4)", "family `reduce` has no parameter `pixels`"},
        {"reduce(vector=4, vector=8)", "`vector` is given twice"},
        {"reduce(vector=wide)", "`vector` takes an integer, not `wide`"},
        {"reduce(vector=)", "`vector` takes an integer, not ``"},
        {"reduce(vector=0)", "`vector` is 0, outside 1..64"},
        {"reduce(vector=65)", "`vector` is 65, outside 1..64"},
        {"reduce(vector=-4)", "`vector` is -4, outside 1..64"},
        {"reduce(vector=99999999999999999999)",
         "`vector` takes an integer, not `99999999999999999999`"},
        {"reduce(along=x)", "`along` is one of kept, reduced, not `x`"},
        {"reduce(along=3)", "`along` is one of kept, reduced, not `3`"},
    };
    for (const auto &[text, problem] : cases)
        EXPECT_EQ(parse_problem(text), problem) << text;
}

TEST(ScheduleText, NoPrefixOrDamageIsAccepted) {
    const std::string text = "direct(tile_x=14, tile_c=32, parallel=y)";
    ASSERT_TRUE(parse_schedule(text, nullptr, nullptr));
    for (size_t i = 0; i < text.size(); ++i)
        EXPECT_NE(parse_problem(text.substr(0, i)), "");
    for (size_t i = 0; i < text.size(); ++i)
        for (char c : {'\0', '(', '\xff', '|'}) {
            std::string damaged = text;
            damaged[i] = c;
            EXPECT_EQ(damaged == text, parse_schedule(damaged, nullptr, nullptr).has_value())
                << damaged;
        }
}

// ---- for a workload and a machine ----

std::string problem_of(const char *workload_, const char *schedule_) {
    const Workload w = workload(workload_);
    const Machine machine = avx2_machine();
    Schedule start = default_schedule(w, machine);
    const std::string family = std::string(schedule_).substr(0, std::string(schedule_).find('('));
    if (const Family *f = find_family(family); f && family_fits(*f, w, machine))
        start = f->model(w, machine);
    return schedule_problem(w, machine, parse_schedule(schedule_, &start, nullptr).value());
}

TEST(ScheduleProblem, IsNamed) {
    const std::array<const char *, 3> cases[] = {
        {conv, "direct(vector=8, tile_c=16)", ""},
        {conv, "reduce()", "family `reduce` cannot compute this layer"},
        {conv, "gemm()", "family `gemm` cannot compute this layer"},
        {conv, "depthwise()", "family `depthwise` cannot compute this layer"},
        {softmax, "direct()", "family `direct` cannot compute this layer"},
        {conv, "direct(vector=6)", "`vector` is 6, not a power of two"},
        {conv, "direct(vector=32, tile_c=32)", "`vector` is 32; this machine's hold 8 elements"},
        {conv, "direct(vector=8, tile_c=12)", "`tile_c` is 12, not a multiple of `vector` = 8"},
        {conv, "direct(tile_c=128)", "`tile_c` is 128, but there are 64 channels"},
        {conv, "direct(tile_x=57)", "`tile_x` is 57, but there are 56 pixels in a row"},
        {conv, "direct(rows=57)", "`rows` is 57, but there are 56 rows"},
        {conv, "direct(rows=7, tile_y=2)", "`rows` is 7, not a multiple of `tile_y` = 2"},
        {conv, "direct(rows=15, tile_y=3)",
         "the last block has 11 rows, not a multiple of `tile_y` = 3"},
        {linear, "gemm(tile_m=2)", "`tile_m` is 2, but there are 1 pixels in a row"},
        {linear, "gemm(vector=8, tile_n=24)", "`tile_n` is 24, but there are 16 channels"},
        {linear, "gemm(vector=8, tile_n=16)", ""},
        {images, "direct(tile_y=2, rows=4, parallel=y)",
         "`tile_y` is 2; with `parallel` = y and several images, blocks of 4 rows have to fill 10"},
        {close, "pool(tile_c=4, vector=4, lanes=c)",
         "`vector` has to be 1: the input's elements lie 2 to 4 apart"},
        {top, "reduce(along=reduced)", "`along` = reduced is not for topk"},
        {product, "matmul(tile_n=6, vector=4)", "`tile_n` is 6, not a multiple of `vector` = 4"},
        {product, "matmul(tile_n=16)", "`tile_n` is 16, but there are 10 columns"},
        {product, "matmul(tile_m=8)", "`tile_m` is 8, but there are 7 rows"},
        {product, "matmul(unroll=9)", "`unroll` is 9, but there are 5 products in a sum"},
        {product, "matmul(tile_m=2, parallel=m)",
         "`block_m` is 1, which leaves the last, overlapping one of 4 tiles to a task of its own"},
        {resized, "sample(vector=4, block=3, parallel=outer)",
         "`block` is 3, which leaves the last, overlapping one of 4 tiles to a task of its own"},
        {average, "reduce(vector=16)", ""},
        {softmax, "reduce(along=kept, vector=2)", "`vector` is 2, but there are 1 elements"},
        {softmax, "reduce(along=reduced, vector=16)", "`vector` is 16, but there are 10 elements"},
        {softmax, "reduce(along=reduced, vector=8)", ""},
        {pool, "pool(tile_c=32, vector=8)", "`tile_c` is 32, but there are 24 channels"},
        {pool, "pool(lanes=c, tile_c=16, vector=8, parallel=c)",
         "`parallel` = c needs whole tiles, but 24 channels are not a multiple of `tile_c` = 16"},
        {pool, "pool(lanes=x, tile_x=6, tile_c=1, vector=4)",
         "`tile_x` is 6, not a multiple of `vector` = 4"},
        {pool, "pool(lanes=x, tile_x=8, tile_c=1, vector=8)", ""},
    };
    for (const auto &[w, schedule, problem] : cases)
        EXPECT_EQ(problem_of(w, schedule), problem) << schedule;
}

// Schedules made by hand rather than parsed.
// What a GPU would say at a launch.
TEST(ScheduleProblem, OfGpusIsNamed) {
    const Machine machine =
        machine_for(parse_target("x86-64-linux-cuda-cuda_capability_75", nullptr).value());
    const char *const large = "conv2d(64, kernel=[3, 3], stride=[1, 1], padding=[[1, 1], [1, 1]], "
                              "dilation=[1, 1], groups=1, bias=true) f32[1, 64, 56, 56] -> "
                              "f32[1, 64, 56, 56]";
    const std::array<const char *, 3> cases[] = {
        {large, "direct()", "family `direct` is for CPUs"},
        {large, "gpu_direct(threads_c=64, threads_x=8, threads_y=4)",
         "2048 threads in a block; the GPU takes 1024"},
        {large, "gpu_direct(threads_c=32, threads_x=2, threads_y=4, chunk=64, weights=shared)",
         "310272 bytes of shared memory; a block has 49152"},
        {large, "gpu_direct(tile_x=16, tile_c=16, chunk=4)",
         "some 368 registers; a thread has 255"},
        {large, "gpu_direct(tile_x=8, tile_c=8, threads_c=8, threads_x=7, threads_y=16, chunk=4)",
         "896 threads of some 136 registers; a block has 65536"},
        {large, "gpu_direct(chunk=65)", "`chunk` is 65, but there are 64 input channels"},
        {large, "gpu_direct(chunk=32, unroll=3)",
         "`unroll` is 3, which does not divide the 8 vectors of a chunk"},
        {large, "gpu_split(threads_c=8, split=12)", "`split` is 12, not a power of two"},
        {average, "gpu_reduce(lanes=3)", "`lanes` is 3, not a power of two"},
        {average, "gpu_reduce(lanes=2, rows=5)", "`rows` is 5, which does not divide 24"},
        {top, "gpu_reduce(lanes=2)", "`lanes` is 1 for topk"},
        {pool, "gpu_pool(vector=3)", "`vector` is 3, not a power of two"},
        {pool, "gpu_pool(vector=4, lanes=x)", "`vector` is for `lanes` = c"},
    };
    for (const auto &[workload_, schedule_, problem] : cases) {
        const Workload w = workload(workload_);
        const std::string name = std::string(schedule_).substr(0, std::string(schedule_).find('('));
        const Family *family = find_family(name);
        const Schedule start =
            family->gpu ? family->model(w, machine) : default_schedule(w, machine);
        const Schedule s = parse_schedule(schedule_, &start, nullptr).value();
        EXPECT_EQ(schedule_problem(w, machine, s), problem) << schedule_;
    }
}

TEST(ScheduleProblem, IncompleteSchedulesAreNamed) {
    const Workload w = workload(softmax);
    const Machine m = avx2_machine();
    const Schedule good = default_schedule(w, m);
    ASSERT_EQ(schedule_problem(w, m, good), "");
    Schedule unknown = good;
    unknown.family = "other";
    EXPECT_EQ(schedule_problem(w, m, unknown), "no schedule family is called `other`");
    Schedule shorter = good;
    shorter.params.pop_back();
    EXPECT_EQ(schedule_problem(w, m, shorter), "family `reduce` has 3 parameters, not 2");
    Schedule other = good;
    other.params.back().first = "colour";
    EXPECT_EQ(schedule_problem(w, m, other), "parameter `parallel` of family `reduce` is missing");
    Schedule mistyped = good;
    mistyped.set("vector", std::string("wide"));
    EXPECT_EQ(schedule_problem(w, m, mistyped), "`vector` takes an integer, not `wide`");
}

} // namespace
} // namespace cnnc
