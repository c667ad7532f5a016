// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The algorithms as named stages, where the families of CPUs and of GPUs share them. Internal to
// compiler/lower.
#pragma once

#include "compiler/lower/fold.h"
#include "compiler/lower/halide.h"
#include "compiler/lower/tensors.h"
#include "schedules/shape.h"

#include <vector>

namespace cnnc {

// Element-by-element work.
struct PointwiseStages {
    Loops loops;
    std::vector<Halide::Var> v; // innermost first
    Halide::Func output{"output"};
    std::vector<Halide::Argument> arguments;
};
PointwiseStages pointwise_algorithm(const Workload &w);

// Windows that stay within a channel: depthwise convolution and pooling.
struct WindowStages {
    Contraction shape;
    Halide::Var g{"g"}, x{"x"}, y{"y"}, z{"z"}, n{"n"};
    Halide::RDom r;      // rx, ry, rz
    bool stage = false;  // borders are made in scratch memory
    bool split = true;   // borders and interior are to be loops of their own
    Halide::Func padded; // the input with its borders; undefined where no window leaves the input
    Halide::Func column; // pooling in two steps: reduced along y and z only, at input coordinates
                         // along x
    Halide::RDom rx;     // pooling in two steps: the window along x
    Halide::Func sum, output;
    std::vector<Halide::Argument> arguments;

    std::vector<Halide::Var> vars() const { return {g, x, y, z, n}; }
};
enum class Borders { split, stage, select };
WindowStages depthwise_algorithm(const Workload &w, Borders borders);
// In two steps neighbouring windows share what they have in common along y.
WindowStages pool_algorithm(const Workload &w, Borders borders, bool two_steps);

// Elements picked or blended by tables.
struct SampleStages {
    const Workload &w;
    const Sample &sample;
    Sampling shape;
    std::vector<Halide::Var> v; // innermost first
    Image input;
    std::vector<Image> indices, weights; // per sampled dimension
    std::vector<int> loop_of;            // per sampled dimension: its loop
    std::vector<Image> operands;
    Fold fold; // where the taps are a loop
    Halide::Func output{"output"};
    std::vector<Halide::Argument> arguments;

    bool weighted() const { return sample.kind == SampleKind::weighted_sum; }
};
SampleStages sample_algorithm(const Workload &w);

// Shape and arguments of every kind of reduction. The input has the reduced dimensions in front of
// the kept ones.
struct ReductionArguments {
    Reduction shape;
    std::vector<Halide::Var> k; // kept loops, innermost first
    Image input;
    std::vector<Image> operands;
    std::vector<Halide::Argument> list;
};

// Reductions and arg_reduce. `lanes`: how many shares of the innermost reduced loop are reduced
// first; 1: none.
struct ReducingStages {
    ReductionArguments arguments;
    Fold fold;
    Halide::Func output{"output"};
};
ReducingStages reducing_algorithm(const Workload &w, int64_t lanes, Rest rest);

struct SoftmaxStages {
    ReductionArguments arguments;
    Halide::Var r{"r"};
    Fold highest, total;
    Halide::Func power{"power"}, norm{"norm"}, output{"output"};
};
SoftmaxStages softmax_algorithm(const Workload &w, int64_t lanes, Rest rest);

// Pass j finds what comes next behind pass j - 1: among all that are less, or as great and further
// on, the greatest, and the first of these.
struct TopStages {
    ReductionArguments arguments;
    Halide::Var j{"j"};
    Halide::RDom r; // position, pass
    Halide::Func found{"found"}, output{"output"};
};
TopStages top_algorithm(const Workload &w);

} // namespace cnnc
