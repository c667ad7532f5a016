// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The state of an elaboration under way. Private to this room; elaborate.h is the interface.
//
// A program runs on a budget: every expression, statement and list item costs a step, and a node
// of the graph about as many as it has bytes. When it is used up, or calls nest too deeply, that is
// reported once and everything still to come is poison.
#pragma once

#include "compiler/sema/arithmetic.h"
#include "compiler/sema/composites.h"
#include "compiler/sema/elaborate.h"
#include "compiler/sema/graph_builder.h"
#include "compiler/sema/scopes.h"

#include <string>
#include <unordered_map>
#include <vector>

namespace cnnc {

// How the instances without `as` of one statement are named.
struct StatementNames {
    std::string base;                 // the name being bound; "" in other statements
    const ast::Expr *alone = nullptr; // the expression that `base` itself goes to, if any
    const std::vector<ast::Identifier> *targets = nullptr; // where it binds more than one
    std::unordered_map<std::string, int> uses;             // how often each was given, or tried
};

// One run of a block's body, or the network's.
struct Frame {
    const ast::Definition *definition = nullptr;
    size_t file = 0;
    std::unordered_map<std::string, Datum> values;
    InstancePath prefix; // of the instances inside; empty at the top
    std::optional<Datum> result;
    bool incomplete = false; // a mistake may have kept names from being bound
    StatementNames names;
};

// A value and where it is written.
struct Operand {
    Datum value;
    Span span;
};

// An operator about to be applied.
struct OperatorUse {
    const OpSpec &op;
    ArgValues values;
    std::vector<Operand> operands;
    CallSpans where; // the operands' are filled in when it is applied
    InstancePath path;
    Span span;
    size_t argument_size = 0;      // of the values, as datum_size() counts
    bool named_by_targets = false; // several results may have the names that they are bound to
};

class Elaborator {
  public:
    Elaborator(const Program &program, SourceManager &sources, const ElaborateOptions &options,
               Diagnostics &diags);

    std::optional<Graph> run();

  private:
    // Networks and statements (elaborate.cpp).
    const ast::Definition *choose_network();
    bool bind_network_parameters(const ast::Definition &network);
    std::optional<Datum> parameter_override(const std::string &name);
    void check_overrides(const ast::Definition &network);
    void warn_unused(const Graph &graph);
    void run_body(const ast::Body &body);
    void run(const ast::Statement &statement);
    void run(const ast::Let &let);
    void run(const ast::Input &input);
    void run(const ast::Output &output);
    void run(const ast::Return &statement);
    void run(const ast::If &statement);
    void run(const ast::For &loop);
    void run(const ast::Evaluate &statement);
    std::optional<TensorType> input_type(const ast::Input &input);
    void take_apart(const ast::Let &let, const Datum &value);
    void name_statement(const std::string &base, const ast::Expr *value);

    // Expressions (expressions.cpp).
    Datum eval(const ast::Expr &expr);
    Datum eval_node(const ast::Expr &expr);
    Datum eval_name(const ast::Name &name, Span span);
    Datum eval_list(const ast::List &list, Span span);
    Datum eval_parenthesized(const ast::Parenthesized &expr);
    Datum eval_unary(const ast::Unary &unary, const ast::Expr &expr, const ast::InstanceName *as);
    Datum eval_binary(const ast::Binary &binary, const ast::Expr &expr,
                      const ast::InstanceName *as);
    Datum eval_tensor_infix(const ast::Binary &binary, const Datum &left, const Datum &right,
                            const ast::Expr &expr, const ast::InstanceName *as);
    Datum eval_logic(const ast::Binary &binary);
    Datum eval_conditional(const ast::Conditional &conditional);
    Datum eval_index(const ast::Index &index);
    Datum eval_attribute(const ast::Attribute &attribute);
    Datum tensor_extent(const TensorType &type, const ast::Identifier &attribute);
    Datum eval_chain(const ast::Chain &chain, const ast::Expr &expr);
    // Nothing after reporting that it is neither true nor false, or if it is poison. `logic`: the
    // operator that does for tensors what needs the condition.
    std::optional<bool> eval_condition(const ast::Expr &expr, std::string_view logic = {});
    // Calls (calls.cpp). `piped` is what a chain gives to its stage.
    Datum call(const ast::Call &call, const Operand *piped, const ast::Expr *expr);
    Datum call_builtin(const ast::Call &call, const Operand *piped, const ast::Expr *expr);
    Datum call_block(const BlockRef &block, const ast::Call &call, const Operand *piped,
                     const ast::Expr *expr);
    bool bind_arguments(const ast::Definition &block, const ast::Call &call, const Operand *piped,
                        Frame &frame);
    bool fill_defaults(const ast::Definition &block, const ast::Call &call, Frame &frame);
    Datum run_block(Frame frame, const ast::Call &call);

    // Operators (operator_calls.cpp). `known`: the arguments' values, where they are known already.
    Datum call_operator(const OpSpec &op, const ast::Call &call, const Operand *piped,
                        const ast::Expr *expr, const std::vector<Datum> *known = nullptr);
    Datum eval_argument(const ast::Argument &argument, const ArgSpec *spec);
    Datum apply_operator(OperatorUse use);
    Datum apply_composite(const OperatorUse &use); // composites.cpp
    Datum add_results(const OperatorUse &use, std::vector<Op> ops,
                      const std::vector<NodeId> &inputs);
    std::optional<std::vector<NodeId>> operand_nodes(const OperatorUse &use);
    Datum tensor_infix(std::string_view op, std::vector<Operand> operands, Span op_span, Span span,
                       const ast::Expr &expr, const ast::InstanceName *as);

    // Instances (calls.cpp).
    std::optional<InstancePath> instance_path(const ast::InstanceName *as,
                                              const std::string &callee, Span call,
                                              const ast::Expr *expr);
    std::string automatic_name(const std::string &callee, const ast::Expr *expr);
    std::optional<std::string> eval_path(const ast::Path &path);

    // The budget.
    bool charge(size_t steps, Span span);
    void abort_too_many_steps(Span span);
    ArithmeticContext arithmetic() { return {builder_.graph(), diags_, budget_}; }
    std::string kind(const Datum &datum) const { return datum_kind(datum, builder_.graph()); }
    Frame &frame() { return *frame_; }

    const Program &program_;
    SourceManager &sources_;
    const ElaborateOptions &options_;
    Diagnostics &diags_;
    Scopes scopes_;
    GraphBuilder builder_;
    Frame *frame_ = nullptr;
    int block_depth_ = 0;
    int depth_ = 0; // of the recursion of this class
    size_t budget_;
    bool aborted_ = false;
    std::unordered_map<std::string, Span> outputs_;
    std::unordered_map<std::string, Span> inputs_;
    // What StatementNames::alone is, per value of a statement: found once, used in every run.
    std::unordered_map<const ast::Expr *, const ast::Expr *> alone_;
};

} // namespace cnnc
