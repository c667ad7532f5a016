// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Visits everything in a syntax tree, whether a run would get there or not.
#pragma once

#include "compiler/graph/ops.h"
#include "dsl/ast.h"

#include <optional>

namespace cnnc {

// Calls visit(expr) for an expression and everything in it, outermost first.
template <typename F>
void walk(const ast::Expr &expr, const F &visit);

template <typename F>
void walk_path(const std::optional<ast::Path> &path, const F &visit) {
    if (!path)
        return;
    for (const auto &piece : path->pieces)
        if (const auto *spliced = std::get_if<ast::ExprPtr>(&piece))
            walk(**spliced, visit);
}

template <typename F>
void walk_instance(const std::optional<ast::InstanceName> &as, const F &visit) {
    if (as) {
        walk_path(as->name, visit);
        walk_path(as->shared, visit);
    }
}

template <typename F>
void walk_call(const ast::Call &call, const F &visit) {
    for (const ast::Argument &argument : call.arguments)
        walk(*argument.value, visit);
    walk_instance(call.as, visit);
}

template <typename F>
void walk(const ast::Expr &expr, const F &visit) {
    visit(expr);
    match(
        expr.node,
        [&](const ast::List &list) {
            for (const ast::ExprPtr &item : list.items)
                walk(*item, visit);
        },
        [&](const ast::Parenthesized &p) {
            walk(*p.inner, visit);
            walk_instance(p.as, visit);
        },
        [&](const ast::Unary &unary) { walk(*unary.operand, visit); },
        [&](const ast::Binary &binary) {
            walk(*binary.left, visit);
            walk(*binary.right, visit);
        },
        [&](const ast::Conditional &c) {
            walk(*c.value, visit);
            walk(*c.condition, visit);
            walk(*c.otherwise, visit);
        },
        [&](const ast::Index &index) {
            walk(*index.base, visit);
            walk(*index.index, visit);
        },
        [&](const ast::Attribute &attribute) { walk(*attribute.base, visit); },
        [&](const ast::Call &call) { walk_call(call, visit); },
        [&](const ast::Chain &chain) {
            walk(*chain.source, visit);
            for (const ast::Call &stage : chain.stages)
                walk_call(stage, visit);
        },
        [](const auto &) {});
}

// Calls on_expr for every expression of a body and on_bind for every name it binds.
template <typename F, typename G>
void walk_body(const ast::Body &body, const F &on_expr, const G &on_bind) {
    for (const ast::Statement &statement : body) {
        match(
            statement.node,
            [&](const ast::Let &let) {
                walk(*let.value, on_expr);
                for (const ast::Identifier &target : let.targets)
                    on_bind(target);
            },
            [&](const ast::Input &input) {
                for (const ast::ExprPtr &extent : input.extents)
                    walk(*extent, on_expr);
                on_bind(input.name);
            },
            [&](const ast::Output &output) {
                walk(*output.value, on_expr);
                on_bind(output.name);
            },
            [&](const ast::Return &r) {
                for (const ast::ExprPtr &value : r.values)
                    walk(*value, on_expr);
            },
            [&](const ast::If &branches) {
                for (const ast::Branch &branch : branches.branches) {
                    if (branch.condition)
                        walk(*branch.condition, on_expr);
                    walk_body(branch.body, on_expr, on_bind);
                }
            },
            [&](const ast::For &loop) {
                walk(*loop.items, on_expr);
                on_bind(loop.variable);
                walk_body(loop.body, on_expr, on_bind);
            },
            [&](const ast::Evaluate &evaluate) { walk(*evaluate.value, on_expr); });
    }
}

} // namespace cnnc
