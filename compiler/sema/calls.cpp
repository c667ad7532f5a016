// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Elaboration of calls: binding arguments, running blocks, making nodes, naming instances.
#include "compiler/sema/elaborator.h"

#include "compiler/sema/sema_diagnostics.h"

#include <algorithm>

namespace cnnc {
namespace {

constexpr int max_block_depth = 100;
constexpr size_t max_path_length = 1000;
constexpr size_t max_argument_size = max_list_length;
constexpr size_t steps_per_node = 20;
const Datum poison{Poison{}};

std::string join_path(const std::string &prefix, const std::string &name) {
    return prefix.empty() ? name : prefix + "." + name;
}

// "the arguments `a`, `b` and `c`"
std::string arguments_text(const std::vector<std::string> &names) {
    std::string text = names.size() > 1 ? "the arguments " : "the argument ";
    for (size_t i = 0; i < names.size(); ++i) {
        if (i > 0)
            text += i + 1 == names.size() ? " and " : ", ";
        text += fmt::format("`{}`", names[i]);
    }
    return text;
}

std::string count_text(size_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

void report_unknown_argument(const ast::Identifier &argument, const std::string &callee,
                             const std::vector<std::string> &known, Diagnostics &diags) {
    auto report = diags.report<diag::unknown_argument>(argument.span, callee, argument.text);
    if (std::string best = nearest_name(argument.text, known); !best.empty())
        report.help(fmt::format("did you mean `{}`?", best));
    else if (argument.text == "kernel_size" &&
             std::find(known.begin(), known.end(), "kernel") != known.end())
        report.help("did you mean `kernel`?");
}

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
        return call_builtin(call, piped);
    const auto &blocks = scopes_.files[frame().file].blocks;
    if (auto block = blocks.find(callee); block != blocks.end())
        return call_block(block->second, call, piped, expr);
    if (const OpSpec *op = find_op(callee))
        return call_operator(*op, call, piped, expr);
    // Reported by resolve_names(). The arguments may hold mistakes of their own.
    for (const ast::Argument &argument : call.arguments)
        eval(*argument.value);
    return poison;
}

Datum Elaborator::call_builtin(const ast::Call &call, const Operand *piped) {
    const std::string &name = call.callee.text;
    std::vector<Datum> arguments;
    if (piped)
        arguments.push_back(piped->value);
    for (const ast::Argument &argument : call.arguments) {
        if (argument.name)
            report_unknown_argument(*argument.name, name, {}, diags_);
        arguments.push_back(eval(*argument.value));
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

// --- Operators

namespace {

// The arguments of one call of an operator, sorted into operands and arguments.
class OperatorCall {
  public:
    OperatorCall(const OpSpec &op, const Graph &graph, Diagnostics &diags)
        : op_(op), graph_(graph), diags_(diags), values_(op.args.size()), given_(op.args.size()) {}

    void add_positional(const Operand &operand) {
        bool variadic = op_.max_operands < 0;
        const std::vector<Datum> *list = variadic ? list_items(operand.value) : nullptr;
        ++positional_;
        if (list) {
            for (const Datum &item : *list)
                operands_.push_back({item, operand.span});
        } else if (variadic || operands_.size() < size_t(op_.max_operands)) {
            operands_.push_back(operand);
        } else if (size_t next = positional_ - operands_.size() - 1; next < op_.args.size()) {
            set(next, operand, operand.span);
        } else {
            extra_ = extra_ ? extra_ : operand.span;
        }
    }

    void add_named(const ast::Identifier &name, const Operand &operand) {
        std::vector<std::string> known;
        for (size_t i = 0; i < op_.args.size(); ++i) {
            if (op_.args[i].name == name.text)
                return set(i, operand, name.span);
            known.emplace_back(op_.args[i].name);
        }
        report_unknown_argument(name, std::string(op_.name), known, diags_);
        good_ = false;
    }

    // Reports what is missing or too much, and fills in the defaults.
    bool finish(Span callee) {
        if (extra_)
            fail<diag::too_many_arguments>(
                *extra_, op_.name,
                count_text(size_t(op_.max_operands) + op_.args.size(), "argument"), positional_);
        if (operands_.size() < size_t(op_.min_operands))
            fail<diag::missing_arguments>(callee, op_.name, operands_text());
        check_operands();
        std::vector<std::string> missing;
        for (size_t i = 0; i < op_.args.size(); ++i) {
            if (given_[i])
                continue;
            if (op_.args[i].required())
                missing.emplace_back(op_.args[i].name);
            values_[i] = op_.args[i].fallback;
        }
        // One complaint per call: a missing operand shifts every other argument.
        if (!missing.empty() && good_)
            fail<diag::missing_arguments>(callee, op_.name, arguments_text(missing));
        return good_;
    }

    bool has_poison() const { return has_poison_; }
    const ArgValues &values() const { return values_; }
    const std::vector<Operand> &operands() const { return operands_; }
    std::vector<std::pair<std::string, Span>> &spans() { return spans_; }

  private:
    template <typename D, typename... Args>
    DiagnosticBuilder fail(Span span, const Args &...args) {
        good_ = false;
        return diags_.report<D>(span, args...);
    }

    void set(size_t index, const Operand &operand, Span label) {
        const std::string name(op_.args[index].name);
        if (given_[index]) {
            fail<diag::duplicate_argument>(label, name, op_.name)
                .note<diag::first_given_here>(*given_[index]);
            return;
        }
        given_[index] = operand.span;
        spans_.emplace_back(name, operand.span);
        if (operand.value.is_poison()) {
            has_poison_ = true;
        } else if (datum_size(operand.value, max_argument_size + 1) > max_argument_size) {
            fail<diag::list_too_long>(operand.span, int(max_argument_size));
        } else {
            values_[index] = to_value(operand.value);
            if (!values_[index])
                fail<diag::argument_is_tensor>(operand.span, name, op_.name,
                                               datum_kind(operand.value, graph_));
        }
    }

    // Numbers serve as operands where they mix with tensors in arithmetic.
    void check_operands() {
        bool arithmetic = op_.name == "add" || op_.name == "sub" || op_.name == "mul";
        for (size_t i = 0; i < operands_.size(); ++i) {
            const Datum &value = operands_[i].value;
            has_poison_ |= value.is_poison();
            bool number = value.get<int64_t>() || value.get<double>();
            if (!value.is_tensor() && !value.is_poison() && !(number && arithmetic))
                fail<diag::operand_not_tensor>(operands_[i].span, i + 1, op_.name,
                                               datum_kind(value, graph_));
        }
    }

    std::string operands_text() const {
        std::string number = op_.max_operands < 0 ? "at least " : "";
        return fmt::format("{}{}, found {}", number,
                           count_text(size_t(op_.min_operands), "operand"), operands_.size());
    }

    const OpSpec &op_;
    const Graph &graph_;
    Diagnostics &diags_;
    ArgValues values_;
    std::vector<std::optional<Span>> given_;
    std::vector<Operand> operands_;
    std::vector<std::pair<std::string, Span>> spans_;
    std::optional<Span> extra_;
    size_t positional_ = 0;
    bool good_ = true;
    bool has_poison_ = false;
};

} // namespace

Datum Elaborator::call_operator(const OpSpec &op, const ast::Call &call, const Operand *piped,
                                const ast::Expr *expr) {
    OperatorCall sorted(op, builder_.graph(), diags_);
    if (piped)
        sorted.add_positional(*piped);
    for (const ast::Argument &argument : call.arguments) {
        Operand operand{eval(*argument.value), argument.value->span};
        if (argument.name)
            sorted.add_named(*argument.name, operand);
        else
            sorted.add_positional(operand);
    }
    std::optional<InstancePath> path =
        instance_path(call.as ? &*call.as : nullptr, call.callee.text, call.callee.span, expr);
    if (!sorted.finish(call.callee.span) || sorted.has_poison() || !path || aborted_)
        return poison;
    CallSpans where{call.callee.span, {}, std::move(sorted.spans())};
    return apply_operator(op, sorted.values(), sorted.operands(), std::move(where), *path,
                          call.span);
}

Datum Elaborator::apply_operator(const OpSpec &op, const ArgValues &values,
                                 std::vector<Operand> operands, CallSpans where,
                                 const InstancePath &path, Span span) {
    size_t cost = steps_per_node + 5 * path.name.size() + operands.size();
    if (!charge(cost, where.call))
        return poison;
    std::vector<NodeId> inputs;
    std::vector<TensorType> types;
    for (const Operand &operand : operands) {
        std::optional<NodeId> node = operand_node(operand);
        if (!node)
            return poison;
        inputs.push_back(*node);
        types.push_back(builder_.type(*node));
        where.operands.push_back(operand.span);
    }
    std::optional<Op> made = op.make(values, types, where, diags_);
    if (!made)
        return poison;
    std::optional<NodeId> node =
        builder_.add(std::move(*made), std::move(inputs), path, where, span);
    return node ? Datum{Tensor{*node}} : poison;
}

// A tensor's node, or a new one for a number; poison has none.
std::optional<NodeId> Elaborator::operand_node(const Operand &operand) {
    if (const Tensor *tensor = operand.value.get<Tensor>())
        return tensor->node;
    if (const int64_t *integer = operand.value.get<int64_t>())
        return builder_.add_constant(double(*integer), operand.span);
    if (const double *real = operand.value.get<double>())
        return builder_.add_constant(*real, operand.span);
    return std::nullopt;
}

} // namespace cnnc
