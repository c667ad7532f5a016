// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Elaboration of calls of operators: sorting what is given into operands and arguments, and making
// nodes of it.
#include "compiler/sema/call_text.h"
#include "compiler/sema/elaborator.h"
#include "compiler/sema/sema_diagnostics.h"

#include <algorithm>

namespace cnnc {
namespace {

constexpr size_t max_argument_size = max_list_length;
constexpr size_t max_tensor_size = 1 << 20; // with the lists themselves
constexpr size_t steps_per_node = 20;
const Datum poison{Poison{}};

// The arguments of one call of an operator, sorted into operands and arguments.
class OperatorCall {
  public:
    OperatorCall(const OpSpec &op, const Graph &graph, Diagnostics &diags)
        : op_(op), graph_(graph), diags_(diags), values_(op.args.size()), given_(op.args.size()) {}

    // What a word would be for if it stood there next; null for operands and unknown names.
    const ArgSpec *argument_for(const std::optional<ast::Identifier> &name) const {
        for (const ArgSpec &arg : op_.args)
            if (name && arg.name == name->text)
                return &arg;
        return name ? nullptr : next_argument();
    }

    void add_positional(const Operand &operand) {
        const std::vector<Datum> *list = is_variadic() ? list_items(operand.value) : nullptr;
        bool is_argument = is_next_argument(operand.value);
        ++positional_;
        if (list) {
            lists_ += 1;
            for (const Datum &item : *list)
                operands_.push_back({item, operand.span});
        } else if (!is_argument) {
            operands_.push_back(operand);
        } else if (size_t next = positional_arguments_++; next < op_.args.size()) {
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
    // What the arguments take to keep.
    size_t size() const { return size_; }
    ArgValues &values() { return values_; }
    std::vector<Operand> &operands() { return operands_; }
    std::vector<std::pair<std::string, Span>> &spans() { return spans_; }

  private:
    template <typename D, typename... Args>
    DiagnosticBuilder fail(Span span, const Args &...args) {
        good_ = false;
        return diags_.report<D>(span, args...);
    }

    bool is_variadic() const { return op_.max_operands < 0; }
    bool has_operands() const {
        // Behind one list of tensors (`concat(parts, 1)`), what is no tensor can only be this.
        return is_variadic() ? lists_ == 1 && lists_ + positional_arguments_ == positional_
                             : operands_.size() >= size_t(op_.min_operands);
    }
    const ArgSpec *next_argument() const {
        bool may_be = has_operands() && positional_arguments_ < op_.args.size();
        return may_be ? &op_.args[positional_arguments_] : nullptr;
    }
    bool is_next_argument(const Datum &value) const {
        if (!is_variadic() && operands_.size() >= size_t(op_.max_operands))
            return true;
        bool may_be_operand = value.is_tensor() || value.is_poison() || op_.numbers;
        return has_operands() && !may_be_operand && !(is_variadic() && list_items(value));
    }

    void set(size_t index, const Operand &operand, Span label) {
        const ArgSpec &arg = op_.args[index];
        const std::string name(arg.name);
        if (given_[index]) {
            fail<diag::duplicate_argument>(label, name, op_.name)
                .note<diag::first_given_here>(*given_[index]);
            return;
        }
        given_[index] = operand.span;
        spans_.emplace_back(name, operand.span);
        size_t limit = arg.kind == ArgKind::tensor ? max_tensor_size : max_argument_size;
        size_t size = datum_size(operand.value, limit + 1);
        size_ += size;
        if (operand.value.is_poison()) {
            has_poison_ = true;
        } else if (size > limit) {
            fail<diag::list_too_long>(operand.span, int(limit));
        } else {
            values_[index] = to_value(operand.value);
            if (!values_[index])
                fail<diag::argument_is_tensor>(operand.span, name, op_.name,
                                               operand.value.is_tensor()
                                                   ? datum_kind(operand.value, graph_)
                                                   : std::string("a list with a tensor in it"));
        }
    }

    // Some operators let numbers stand among their operands.
    void check_operands() {
        for (size_t i = 0; i < operands_.size(); ++i) {
            const Datum &value = operands_[i].value;
            has_poison_ |= value.is_poison();
            if (value.is_tensor() || value.is_poison() || (op_.numbers && is_scalar(value)))
                continue;
            auto report = fail<diag::operand_not_tensor>(operands_[i].span, i + 1, op_.name,
                                                         datum_kind(value, graph_));
            if (holds_tensors(value))
                report.help("take one tensor by its index, or take the list apart with "
                            "`first, second = ...`");
        }
    }

    static bool holds_tensors(const Datum &value) {
        const std::vector<Datum> *items = list_items(value);
        return items && !items->empty() && items->front().is_tensor();
    }

    std::string operands_text() const {
        bool more = is_variadic() || op_.min_operands < op_.max_operands;
        return fmt::format("{}{}, found {}", more ? "at least " : "",
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
    size_t positional_ = 0;           // given so far
    size_t positional_arguments_ = 0; // of these, the arguments
    size_t lists_ = 0;                // and the lists of operands
    size_t size_ = 0;
    bool good_ = true;
    bool has_poison_ = false;
};

bool is_word_of(const ArgSpec &arg, const std::string &word) {
    return (arg.kind == ArgKind::dtype && dtype_from_name(word)) ||
           std::find(arg.choices.begin(), arg.choices.end(), word) != arg.choices.end();
}

std::optional<double> scalar_value(const Datum &datum, DType dtype) {
    if (const bool *b = datum.get<bool>())
        return dtype == DType::boolean ? std::optional<double>(*b) : std::nullopt;
    const int64_t *integer = datum.get<int64_t>();
    constexpr int64_t exact = int64_t(1) << 53;
    if (integer && dtype != DType::f32 && (*integer < -exact || *integer > exact))
        return std::nullopt;
    double value = integer ? double(*integer) : *datum.get<double>();
    return can_hold(dtype, value) ? std::optional<double>(value) : std::nullopt;
}

} // namespace

// The value of an argument. A word that the argument knows means itself there, whatever else may
// have that name: flat text has to mean the same for every name of an input.
Datum Elaborator::eval_argument(const ast::Argument &argument, const ArgSpec *spec) {
    const auto *name = std::get_if<ast::Name>(&argument.value->node);
    if (spec && name && is_word_of(*spec, name->text))
        return string_datum(name->text);
    return eval(*argument.value);
}

Datum Elaborator::call_operator(const OpSpec &op, const ast::Call &call, const Operand *piped,
                                const ast::Expr *expr, const std::vector<Datum> *known) {
    OperatorCall sorted(op, builder_.graph(), diags_);
    if (piped)
        sorted.add_positional(*piped);
    for (size_t i = 0; i < call.arguments.size(); ++i) {
        const ast::Argument &argument = call.arguments[i];
        Operand operand{known ? (*known)[i]
                              : eval_argument(argument, sorted.argument_for(argument.name)),
                        argument.value->span};
        if (argument.name)
            sorted.add_named(*argument.name, operand);
        else
            sorted.add_positional(operand);
    }
    const ast::InstanceName *as = call.as ? &*call.as : nullptr;
    std::optional<InstancePath> path = instance_path(as, call.callee.text, call.callee.span, expr);
    if (!sorted.finish(call.callee.span) || sorted.has_poison() || !path || aborted_)
        return poison;
    OperatorUse use{op,
                    std::move(sorted.values()),
                    std::move(sorted.operands()),
                    {call.callee.span, {}, std::move(sorted.spans())},
                    std::move(*path),
                    call.span};
    use.argument_size = sorted.size();
    use.named_by_targets = !as && frame().names.alone == expr;
    return apply_operator(std::move(use));
}

Datum Elaborator::apply_operator(OperatorUse use) {
    size_t cost =
        steps_per_node + 5 * use.path.name.size() + use.operands.size() + use.argument_size;
    if (!charge(cost, use.where.call))
        return poison;
    if (!use.op.make && !use.op.make_list)
        return apply_composite(use);
    std::optional<std::vector<NodeId>> inputs = operand_nodes(use);
    if (!inputs)
        return poison;
    std::vector<TensorType> types;
    for (NodeId input : *inputs)
        types.push_back(builder_.type(input));
    for (const Operand &operand : use.operands)
        use.where.operands.push_back(operand.span);
    if (use.op.make_list) {
        std::optional<std::vector<Op>> made =
            use.op.make_list(use.values, types, use.where, diags_);
        return made ? add_results(use, std::move(*made), *inputs) : poison;
    }
    std::optional<Op> made = use.op.make(use.values, types, use.where, diags_);
    if (!made)
        return poison;
    std::optional<NodeId> node =
        builder_.add(std::move(*made), std::move(*inputs), use.path, use.where, use.span);
    return node ? Datum{Tensor{*node}} : poison;
}

// One node for each result of a call: named as the targets of its statement if it has these for
// itself, else by number behind the path of the call.
Datum Elaborator::add_results(const OperatorUse &use, std::vector<Op> ops,
                              const std::vector<NodeId> &inputs) {
    const std::vector<ast::Identifier> *targets = frame().names.targets;
    bool by_targets = use.named_by_targets && targets && targets->size() == ops.size();
    std::vector<Datum> results;
    for (size_t i = 0; i < ops.size(); ++i) {
        InstancePath path = use.path;
        if (by_targets)
            path.name = join_path(frame().prefix.name, (*targets)[i].text);
        else
            path.name += fmt::format(".{}", i);
        if (!charge(steps_per_node + 5 * path.name.size(), use.where.call))
            return poison;
        std::optional<NodeId> node =
            builder_.add(std::move(ops[i]), inputs, path, use.where, use.span);
        if (!node)
            return poison;
        results.push_back({Tensor{*node}});
    }
    if (results.size() > max_list_length) {
        diags_.report<diag::list_too_long>(use.where.call, int(max_list_length));
        return poison;
    }
    return *list_datum(std::move(results));
}

// The nodes of the operands; new ones for numbers.
std::optional<std::vector<NodeId>> Elaborator::operand_nodes(const OperatorUse &use) {
    std::vector<std::optional<TensorType>> types;
    for (const Operand &operand : use.operands) {
        const Tensor *tensor = operand.value.get<Tensor>();
        types.push_back(tensor ? std::optional(builder_.type(tensor->node)) : std::nullopt);
    }
    DType dtype = scalar_dtype(use.op, types);
    std::vector<NodeId> nodes;
    for (const Operand &operand : use.operands) {
        if (const Tensor *tensor = operand.value.get<Tensor>()) {
            nodes.push_back(tensor->node);
            continue;
        }
        std::optional<double> value = scalar_value(operand.value, dtype);
        if (!value) {
            auto report = diags_.report<diag::scalar_does_not_fit>(
                operand.span, kind(operand.value), dtype_name(dtype));
            if (operand.value.get<double>() && dtype != DType::boolean)
                report.help("`cast(f32)` makes tensors of integers ones of numbers");
            return std::nullopt;
        }
        nodes.push_back(builder_.add_constant(dtype, *value, operand.span));
    }
    return nodes;
}

Datum Elaborator::tensor_infix(std::string_view op, std::vector<Operand> operands, Span op_span,
                               Span span, const ast::Expr &expr, const ast::InstanceName *as) {
    std::optional<InstancePath> path = instance_path(as, std::string(op), op_span, &expr);
    if (!path)
        return poison;
    return apply_operator(
        {*find_op(op), {}, std::move(operands), {op_span, {}, {}}, std::move(*path), span});
}

} // namespace cnnc
