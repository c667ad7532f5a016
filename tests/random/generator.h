// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Grows a random graph operator by operator: each is proposed at random and kept if it fits; shape
// inference is the judge.
//
// Kernels compute in f32 what the oracle computes in double, so an operator that makes something
// discrete of a number (a comparison, floor, argmax, a cast to an integer, sign, threshold...) must
// not meet a number that rounding may carry across its step. Two rules see to it:
// - Such operators are applied to exact values: those that f32 arithmetic computes without error.
//   Inputs, weights and constants are, and what only moves, picks, compares or negates exact
//   values, computes with integers, or scales by a power of two.
// - Or to values computed to stay away from the step: tanh(x) with a constant of +-3 added never
//   comes near 0.
// And functions are applied where they are tame: log, sqrt, division and the like to values made
// positive, exp to bounded ones.
#pragma once

#include "tests/random/random.h"
#include "tests/random/random_graph.h"
#include "tests/random/test_graph.h"

#include <functional>
#include <string>
#include <vector>

namespace cnnc {

class Generator {
  public:
    Generator(uint64_t seed, const RandomGraphOptions &options);
    Graph generate();

  private:
    // What is known of a node's values.
    struct Facts {
        bool exact = false; // see above
        double bound = 0;   // no value is larger; 0: nothing known, but of moderate size
    };
    static constexpr NodeId none = -1;
    // Values up to this bound may meet any layer; larger ones (pixels, indices) are scaled first.
    static constexpr double moderate_bound = 8;

    const Graph &graph() const { return build_.graph(); }
    const TensorType &type(NodeId id) const { return graph()[id].type; }
    const Shape &shape(NodeId id) const { return type(id).shape; }
    NodeId last() const { return NodeId(graph().nodes.size()) - 1; }
    bool is_spatial(NodeId id) const { return int(shape(id).size()) == rank_ + 2; }
    bool is_constant(NodeId id) const;
    bool is_exact(NodeId id) const { return facts_[size_t(id)].exact; }
    double bound(NodeId id) const { return facts_[size_t(id)].bound; }
    // Numbers a layer may take: f32 of moderate size.
    bool is_moderate(NodeId id) const;

    // --- Choices (generator.cpp) ---
    int64_t channels();
    std::vector<int64_t> dims(int64_t low, int64_t high);
    int64_t dim_of(NodeId id);
    Layout layout(size_t tensor_rank);
    // A value to compute with: a recent one more often than not, never a constant.
    NodeId value();
    // One that is as wanted, recent ones preferred, or `none`.
    NodeId any(const std::function<bool(NodeId)> &wanted);
    NodeId any_exact(DType dtype);
    std::string name(const Op &op, const std::vector<NodeId> &operands);

    // --- Growing the graph (generator.cpp) ---
    void add_inputs();
    void add_input(int number, const Shape &shape);
    void add_outputs();
    bool propose();
    // The operator's node, or `none` if it does not fit or an operand is `none`. The facts follow
    // from the operands' unless they are given.
    NodeId put(const Op &op, const std::vector<NodeId> &operands);
    NodeId put(const Op &op, const std::vector<NodeId> &operands, Facts facts);
    bool add(const Op &op, const std::vector<NodeId> &operands) {
        return put(op, operands) != none;
    }
    NodeId constant(const Constant &value);
    NodeId scalar(NodeId like, double value) {
        return constant(Constant{{type(like).dtype, {}}, {value}});
    }
    bool seems_moderate() const; // the last node
    // Runs a proposal of several nodes; takes all of them back if it gives false.
    bool attempt(const std::function<bool()> &proposal);

    // --- What is known of a new node (facts.cpp) ---
    Facts facts_of(const Op &op, const std::vector<NodeId> &operands) const;
    Facts facts_of(const Unary &op, NodeId x) const;
    Facts facts_of(const Binary &op, NodeId a, NodeId b) const;
    Facts facts_of_cast(DType to, NodeId x) const;

    // --- The classic operators (classic.cpp) ---
    static const std::vector<bool (Generator::*)()> &classic_proposals();
    bool propose_conv();
    bool propose_depthwise();
    bool propose_batch_norm();
    bool propose_max_pool();
    bool propose_avg_pool();
    bool propose_unary();
    Binary binary_kind();
    bool propose_binary();
    bool propose_scalar();
    bool propose_parameter();
    bool propose_concat();
    bool propose_softmax();
    bool propose_global();
    bool propose_flatten();
    bool propose_reshape();
    bool propose_linear();
    bool propose_shared();

    // --- Layers (layers.cpp) ---
    static const std::vector<bool (Generator::*)()> &layer_proposals();
    bool propose_conv_transpose();
    bool propose_instance_or_group_norm();
    bool propose_layer_norm();
    bool propose_response_norm();
    bool propose_normalize();
    bool propose_matmul();
    bool propose_attention();
    bool propose_adaptive_pool();
    bool propose_prelu();
    bool propose_reduce();
    bool propose_reduce_integers();
    bool propose_position();
    bool propose_top_k();

    // --- Element by element, and element types (elementwise.cpp) ---
    static const std::vector<bool (Generator::*)()> &elementwise_proposals();
    // Those that make something of other types than f32, or make such types.
    static const std::vector<bool (Generator::*)()> &typed_proposals();
    NodeId bounded(NodeId x);
    NodeId positive(NodeId x);
    NodeId apart(NodeId x);
    NodeId scaled_to_moderate(NodeId x);
    NodeId partner(NodeId x, bool exact);
    bool propose_smooth();
    bool propose_tame();
    bool propose_power();
    bool propose_rounding();
    bool propose_extremes();
    bool propose_remainder();
    bool propose_comparison();
    bool propose_decision();
    bool propose_logic();
    bool propose_where();
    bool propose_cast();
    bool propose_from_integer();
    bool propose_integer_arithmetic();
    bool propose_tensor_constant();

    // --- Moving and resampling elements (moves.cpp) ---
    static const std::vector<bool (Generator::*)()> &move_proposals();
    NodeId movable();
    bool propose_slice();
    bool propose_pad();
    bool propose_permute();
    bool propose_expand();
    bool propose_tile();
    bool propose_index_select();
    bool propose_shuffle();
    Resize random_resize(const Shape &in);
    bool propose_resize();
    NodeId index_table(int64_t extent, int64_t count, int64_t taps, bool may_fill);
    bool propose_sample();
    bool propose_image();

    Random random_;
    const RandomGraphOptions &options_;
    TestGraph build_;
    std::vector<Facts> facts_; // per node
    int rank_;
    int next_name_ = 1;
    bool prefers_types_ = false; // a graph of many element types
};

} // namespace cnnc
