// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Elaboration of calls: functions and blocks, and the names of instances. Operators are in
// operator_calls.cpp.
#include "compiler/sema/call_text.h"
#include "compiler/sema/elaborator.h"
#include "compiler/sema/sema_diagnostics.h"

#include <algorithm>

namespace cnnc {
namespace {

constexpr int max_block_depth = 100;
constexpr size_t max_path_length = 1000;
const Datum poison{Poison{}};

} // namespace

// --- Instances

std::optional<InstancePath> Elaborator::instance_path(const ast::InstanceName *as,
                                                      const std::string &callee, Span call,
                                                      const ast::Expr *expr) {
    std::optional<std::string> name, shared;
    if (!as) {
        name = automatic_name(callee, expr);
    } else {
        if (as->name)
            name = eval_path(*as->name);
        if (as->shared)
            shared = eval_path(*as->shared);
        if ((as->name && !name) || (as->shared && !shared))
            return std::nullopt;
    }
    const InstancePath &prefix = frame().prefix;
    InstancePath path;
    path.name = join_path(prefix.name, name ? *name : *shared);
    path.weights = join_path(prefix.weights, shared ? *shared : *name);
    path.shared = prefix.shared || shared;
    path.span = !as ? call : shared ? as->shared->span : as->name->span;
    if (std::max(path.name.size(), path.weights.size()) > max_path_length) {
        diags_.report<diag::path_too_long>(path.span, int(max_path_length));
        return std::nullopt;
    }
    return path;
}

std::string Elaborator::automatic_name(const std::string &callee, const ast::Expr *expr) {
    StatementNames &names = frame().names;
    std::string wanted = names.alone == expr ? names.base : join_path(names.base, callee);
    // Of names that end alike on their own (`y.relu_1`), the second gets a number, too.
    std::string name = wanted;
    for (int &uses = names.uses[wanted]; uses > 0 && names.uses.count(name); ++uses)
        name = fmt::format("{}_{}", wanted, uses);
    ++names.uses[name];
    return name;
}

std::optional<std::string> Elaborator::eval_path(const ast::Path &path) {
    std::string text;
    for (const auto &piece : path.pieces) {
        if (const auto *fixed = std::get_if<std::string>(&piece)) {
            text += *fixed;
            continue;
        }
        const ast::Expr &expr = *std::get<ast::ExprPtr>(piece);
        Datum value = eval(expr);
        if (value.is_poison())
            return std::nullopt;
        if (!value.get<int64_t>() && !value.get<StringRef>()) {
            diags_.report<diag::bad_path_value>(expr.span, kind(value));
            return std::nullopt;
        }
        text += datum_text(value, builder_.graph());
    }
    if (text.size() > max_path_length) {
        diags_.report<diag::path_too_long>(path.span, int(max_path_length));
        return std::nullopt;
    }
    if (!is_path(text)) {
        diags_.report<diag::bad_path>(path.span, text);
        return std::nullopt;
    }
    return text;
}

// --- Calls

Datum Elaborator::call(const ast::Call &call, const Operand *piped, const ast::Expr *expr) {
    const std::string &callee = call.callee.text;
    if (is_builtin_function(callee))
        return call_builtin(call, piped, expr);
    const auto &blocks = scopes_.files[frame().file].blocks;
    if (auto block = blocks.find(callee); block != blocks.end())
        return call_block(block->second, call, piped, expr);
    if (const OpSpec *op = find_operator(callee))
        return call_operator(*op, call, piped, expr);
    // Reported by resolve_names(). The arguments may hold mistakes of their own.
    for (const ast::Argument &argument : call.arguments)
        eval(*argument.value);
    return poison;
}

// On tensors, some of the functions are operators.
Datum Elaborator::call_builtin(const ast::Call &call, const Operand *piped, const ast::Expr *expr) {
    const std::string &name = call.callee.text;
    std::vector<Datum> arguments;
    if (piped)
        arguments.push_back(piped->value);
    for (const ast::Argument &argument : call.arguments) {
        if (argument.name)
            report_unknown_argument(*argument.name, name, {}, diags_);
        arguments.push_back(eval(*argument.value));
    }
    bool has_tensor = std::any_of(arguments.begin(), arguments.end(),
                                  [](const Datum &d) { return d.is_tensor(); });
    if (const OpSpec *op = find_op(name); op && has_tensor) {
        if (piped)
            arguments.erase(arguments.begin());
        return call_operator(*op, call, piped, expr, &arguments);
    }
    if (call.as)
        diags_.report<diag::as_on_builtin>(call.as->span, name);
    if (std::any_of(arguments.begin(), arguments.end(),
                    [](const Datum &d) { return d.is_poison(); }))
        return poison;
    if (name == "error") {
        std::string message;
        for (const Datum &argument : arguments)
            message += datum_text(argument, builder_.graph());
        diags_.report<diag::user_error>(call.callee.span, message);
        return poison;
    }
    ArithmeticContext context = arithmetic();
    return apply_builtin(name, arguments, call.callee.span, context);
}

// --- Blocks

Datum Elaborator::call_block(const BlockRef &block, const ast::Call &call, const Operand *piped,
                             const ast::Expr *expr) {
    Frame inner;
    inner.definition = block.definition;
    inner.file = block.file;
    inner.incomplete = block.definition->incomplete;
    bool complete = bind_arguments(*block.definition, call, piped, inner);
    std::optional<InstancePath> path =
        instance_path(call.as ? &*call.as : nullptr, call.callee.text, call.callee.span, expr);
    if (path)
        inner.prefix = std::move(*path);
    complete &= fill_defaults(*block.definition, call, inner);
    if (!complete || !path || aborted_)
        return poison;
    if (block_depth_ >= max_block_depth) {
        diags_.report<diag::recursion_too_deep>(call.callee.span, max_block_depth);
        aborted_ = true;
        return poison;
    }
    return run_block(std::move(inner), call);
}

// Evaluates the arguments in the caller's frame and binds them in the block's.
bool Elaborator::bind_arguments(const ast::Definition &block, const ast::Call &call,
                                const Operand *piped, Frame &inner) {
    const std::vector<ast::Parameter> &parameters = block.parameters;
    std::unordered_map<std::string, Span> given;
    size_t position = 0, count = call.arguments.size() + (piped ? 1 : 0);
    bool good = true;
    auto bind = [&](const std::string &name, Datum value, Span span) {
        auto [before, is_new] = given.emplace(name, span);
        if (!is_new) {
            diags_.report<diag::duplicate_argument>(span, name, block.name.text)
                .note<diag::first_given_here>(before->second);
            good = false;
        }
        inner.values[name] = std::move(value);
    };
    auto bind_next = [&](Datum value, Span span) {
        if (position < parameters.size()) {
            bind(parameters[position++].name.text, std::move(value), span);
            return;
        }
        if (good)
            diags_
                .report<diag::too_many_arguments>(span, block.name.text,
                                                  count_text(parameters.size(), "argument"), count)
                .note<diag::declared_here>(block.name.span, block.name.text);
        good = false;
    };
    if (piped)
        bind_next(piped->value, piped->span);
    for (const ast::Argument &argument : call.arguments) {
        Datum value = eval(*argument.value);
        if (!argument.name) {
            bind_next(std::move(value), argument.span);
            continue;
        }
        std::vector<std::string> names;
        for (const ast::Parameter &parameter : parameters)
            names.push_back(parameter.name.text);
        if (std::find(names.begin(), names.end(), argument.name->text) != names.end()) {
            bind(argument.name->text, std::move(value), argument.name->span);
            continue;
        }
        report_unknown_argument(*argument.name, block.name.text, names, diags_);
        good = false;
    }
    return good;
}

// Defaults are evaluated inside the block and may use the parameters before them.
bool Elaborator::fill_defaults(const ast::Definition &block, const ast::Call &call, Frame &inner) {
    std::vector<std::string> missing;
    Frame *outer = std::exchange(frame_, &inner);
    for (const ast::Parameter &parameter : block.parameters) {
        if (inner.values.count(parameter.name.text))
            continue;
        if (parameter.fallback)
            inner.values[parameter.name.text] = eval(*parameter.fallback);
        else
            missing.push_back(parameter.name.text);
    }
    frame_ = outer;
    if (!missing.empty())
        diags_
            .report<diag::missing_arguments>(call.callee.span, block.name.text,
                                             arguments_text(missing))
            .note<diag::declared_here>(block.name.span, block.name.text);
    return missing.empty();
}

Datum Elaborator::run_block(Frame inner, const ast::Call &call) {
    const ast::Definition &block = *inner.definition;
    diags_.push_context(
        {diag::called_here::format(block.name.text, inner.prefix.name), call.callee.span});
    Frame *outer = std::exchange(frame_, &inner);
    ++block_depth_;
    run_body(block.body);
    --block_depth_;
    frame_ = outer;
    if (!inner.result && !inner.incomplete && !aborted_)
        diags_.report<diag::no_return>(block.name.span, block.name.text);
    diags_.pop_context();
    return inner.result.value_or(poison);
}

} // namespace cnnc
