// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Elaboration of networks and statements.
#include "compiler/sema/elaborate.h"

#include "compiler/sema/elaborator.h"
#include "compiler/sema/sema_diagnostics.h"
#include "compiler/sema/walk.h"
#include "dsl/parser.h"

#include <algorithm>

namespace cnnc {
namespace {

constexpr size_t max_steps = 4'000'000;
const Datum poison{Poison{}};

Layout layout_of(const std::optional<ast::LayoutName> &name) {
    return name && name->channels_last ? Layout::nhwc : Layout::nchw;
}

// The expression that gets the bound name as it is: the only call, or, where there is none, the
// outermost arithmetic.
const ast::Expr *find_alone(const ast::Expr &value) {
    size_t calls = 0;
    const ast::Expr *last = nullptr;
    auto count = [&](const ast::Call &call, const ast::Expr &expr) {
        // In a chain, a function is meant as an operator.
        bool in_chain = std::holds_alternative<ast::Chain>(expr.node);
        if (is_builtin_function(call.callee.text) && !(in_chain && find_op(call.callee.text)))
            return;
        ++calls;
        last = &expr;
    };
    walk(value, [&](const ast::Expr &expr) {
        if (const auto *call = std::get_if<ast::Call>(&expr.node))
            count(*call, expr);
        if (const auto *chain = std::get_if<ast::Chain>(&expr.node))
            for (const ast::Call &stage : chain->stages)
                count(stage, expr);
    });
    if (calls > 0)
        return calls == 1 ? last : nullptr;
    const ast::Expr *root = &value;
    while (const auto *inner = std::get_if<ast::Parenthesized>(&root->node))
        root = inner->inner.get();
    return root;
}

// The element types that inputs may have.
std::string computed_dtypes_text() {
    std::string text;
    size_t left = std::size(computed_dtypes);
    for (DType dtype : computed_dtypes) {
        text += fmt::format("`{}`", dtype_name(dtype));
        --left;
        text += left > 1 ? ", " : left == 1 ? " and " : "";
    }
    return text;
}

} // namespace

Elaborator::Elaborator(const Program &program, SourceManager &sources,
                       const ElaborateOptions &options, Diagnostics &diags)
    : program_(program), sources_(sources), options_(options), diags_(diags), builder_(diags),
      budget_(max_steps) {}

std::optional<Graph> Elaborator::run() {
    scopes_ = resolve_names(program_, diags_);
    const ast::Definition *network = choose_network();
    if (!network)
        return std::nullopt;
    Frame top;
    top.definition = network;
    top.incomplete = network->incomplete;
    frame_ = &top;
    if (!bind_network_parameters(*network))
        return std::nullopt;
    run_body(network->body);
    if (outputs_.empty() && !top.incomplete && !aborted_)
        diags_.report<diag::no_output>(network->name.span, network->name.text)
            .help("declare one with `output name = ...`");
    if (diags_.has_errors())
        return std::nullopt;
    Graph graph = builder_.finish(network->name.text);
    warn_unused(graph);
    return graph;
}

const ast::Definition *Elaborator::choose_network() {
    const auto &networks = scopes_.files[0].networks;
    FileId file = program_.files[0].tree.id;
    if (!options_.network.empty()) {
        auto found = networks.find(options_.network);
        if (found != networks.end())
            return found->second;
        diags_.report<diag::unknown_network>({file, 0, 0}, options_.network);
        return nullptr;
    }
    if (networks.empty() && !scopes_.files[0].incomplete)
        diags_.report<diag::no_network>({file, 0, 0});
    if (networks.size() <= 1)
        return networks.empty() ? nullptr : networks.begin()->second;
    std::vector<const ast::Definition *> all;
    for (const auto &[name, definition] : networks)
        all.push_back(definition);
    std::sort(all.begin(), all.end(), [](const ast::Definition *a, const ast::Definition *b) {
        return a->span.begin < b->span.begin;
    });
    auto report = diags_.report<diag::several_networks>(all[1]->name.span);
    for (size_t i = 0; i < std::min<size_t>(all.size(), 5); ++i)
        report.note<diag::declared_here>(all[i]->name.span, all[i]->name.text);
    return nullptr;
}

bool Elaborator::bind_network_parameters(const ast::Definition &network) {
    check_overrides(network);
    bool complete = true;
    for (const ast::Parameter &parameter : network.parameters) {
        const std::string &name = parameter.name.text;
        if (std::optional<Datum> given = parameter_override(name)) {
            frame().values[name] = *given;
        } else if (parameter.fallback) {
            frame().values[name] = eval(*parameter.fallback);
        } else {
            diags_
                .report<diag::missing_parameter_value>(parameter.name.span, name, network.name.text)
                .help("give it a default value here, or a value on the command line");
            complete = false;
        }
    }
    return complete;
}

std::optional<Datum> Elaborator::parameter_override(const std::string &name) {
    for (const auto &[given, text] : options_.parameters) {
        if (given != name)
            continue;
        FileId file = sources_.add(fmt::format("<value of {}>", name), text);
        size_t errors = diags_.error_count();
        ast::ExprPtr expr = parse_expression(file, sources_, diags_);
        if (diags_.error_count() != errors)
            return poison;
        Frame outside; // no names are known there
        Frame *inner = std::exchange(frame_, &outside);
        Datum value = eval(*expr);
        frame_ = inner;
        return value;
    }
    return std::nullopt;
}

void Elaborator::check_overrides(const ast::Definition &network) {
    std::vector<std::string> known;
    for (const ast::Parameter &parameter : network.parameters)
        known.push_back(parameter.name.text);
    for (const auto &[name, text] : options_.parameters) {
        if (std::find(known.begin(), known.end(), name) != known.end())
            continue;
        auto report = diags_.report<diag::unknown_network_parameter>(network.name.span,
                                                                     network.name.text, name);
        if (std::string best = nearest_name(name, known); !best.empty())
            report.help(fmt::format("did you mean `{}`?", best));
    }
}

void Elaborator::warn_unused(const Graph &graph) {
    for (const UnusedParameter &parameter : scopes_.unused_parameters)
        diags_.report<diag::unused_parameter>(parameter.span, parameter.name, parameter.owner);
    std::vector<bool> used(graph.nodes.size());
    for (const Output &output : graph.outputs)
        used[size_t(output.node)] = true;
    for (size_t i = graph.nodes.size(); i-- > 0;)
        if (used[i])
            for (NodeId input : graph.nodes[i].inputs)
                used[size_t(input)] = true;
    for (NodeId input : graph.inputs)
        if (!used[size_t(input)])
            diags_.report<diag::unused_input>(graph[input].span, graph[input].name);
}

// --- Statements

void Elaborator::run_body(const ast::Body &body) {
    for (const ast::Statement &statement : body) {
        if (aborted_ || diags_.full() || frame().result || !charge(1, statement.span))
            return;
        run(statement);
    }
}

void Elaborator::run(const ast::Statement &statement) {
    match(statement.node, [&](const auto &s) { run(s); });
}

void Elaborator::name_statement(const std::string &base, const ast::Expr *value) {
    StatementNames &names = frame().names;
    names.base = base;
    names.uses.clear();
    names.alone = nullptr;
    names.targets = nullptr;
    if (!value || base.empty())
        return;
    auto [known, is_new] = alone_.emplace(value, nullptr);
    if (is_new)
        known->second = find_alone(*value);
    names.alone = known->second;
}

void Elaborator::run(const ast::Let &let) {
    name_statement(let.targets[0].text, let.value.get());
    frame().names.targets = let.targets.size() > 1 ? &let.targets : nullptr;
    Datum value = eval(*let.value);
    if (let.targets.size() == 1)
        frame().values[let.targets[0].text] = std::move(value);
    else
        take_apart(let, value);
}

void Elaborator::take_apart(const ast::Let &let, const Datum &value) {
    const std::vector<Datum> *items = list_items(value);
    bool fits = items && items->size() == let.targets.size();
    if (!fits && !value.is_poison())
        diags_.report<diag::cannot_take_apart>(let.value->span, let.targets.size(), kind(value));
    for (size_t i = 0; i < let.targets.size(); ++i)
        frame().values[let.targets[i].text] = fits ? (*items)[i] : poison;
}

void Elaborator::run(const ast::Input &input) {
    name_statement("", nullptr);
    frame().values[input.name.text] = poison;
    std::optional<TensorType> type = input_type(input);
    auto [before, is_new] = inputs_.emplace(input.name.text, input.name.span);
    if (!is_new) {
        diags_.report<diag::duplicate_input>(input.name.span, input.name.text)
            .note<diag::declared_here>(before->second, input.name.text);
        return;
    }
    if (!type)
        return;
    if (input.layout && type->shape.size() < 3) {
        diags_.report<diag::layout_needs_channels>(input.layout->span, type_text(*type));
        return;
    }
    if (!charge(input.name.text.size() + type->shape.size(), input.name.span))
        return;
    NodeId node = builder_.add_input(input.name.text, std::move(*type), layout_of(input.layout),
                                     input.name.span);
    frame().values[input.name.text] = {Tensor{node}};
}

std::optional<TensorType> Elaborator::input_type(const ast::Input &input) {
    TensorType type;
    bool good = true;
    std::optional<DType> dtype = dtype_from_name(input.dtype.text);
    if (!dtype) {
        auto report = diags_.report<diag::unknown_dtype>(input.dtype.span, input.dtype.text);
        if (std::string best = nearest_dtype(input.dtype.text); !best.empty())
            report.help(fmt::format("did you mean `{}`?", best));
        good = false;
    } else if (!is_computed(*dtype)) {
        diags_.report<diag::dtype_not_supported>(input.dtype.span, input.dtype.text,
                                                 computed_dtypes_text());
        good = false;
    }
    type.dtype = dtype.value_or(DType::f32);
    for (const ast::ExprPtr &expr : input.extents) {
        Datum value = eval(*expr);
        const int64_t *extent = value.get<int64_t>();
        if (!extent && !value.is_poison())
            diags_.report<diag::expected_value>(expr->span, "an integer", kind(value));
        good &= extent != nullptr;
        type.shape.push_back(extent ? *extent : 1);
    }
    if (!good || !check_type(type, input.type_span, diags_))
        return std::nullopt;
    return type;
}

void Elaborator::run(const ast::Output &output) {
    const std::string &name = output.name.text;
    name_statement(name, output.value.get());
    Datum value = eval(*output.value);
    frame().values[name] = value;
    auto [before, is_new] = outputs_.emplace(name, output.name.span);
    if (!is_new) {
        diags_.report<diag::duplicate_output>(output.name.span, name)
            .note<diag::declared_here>(before->second, name);
        return;
    }
    const Tensor *tensor = value.get<Tensor>();
    if (!tensor) {
        if (!value.is_poison())
            diags_.report<diag::output_not_tensor>(output.value->span, name, kind(value));
        return;
    }
    const TensorType &type = builder_.type(tensor->node);
    if (output.layout && type.shape.size() < 3) {
        diags_.report<diag::layout_needs_channels>(output.layout->span, type_text(type));
        return;
    }
    builder_.add_output({name, tensor->node, layout_of(output.layout), output.name.span});
}

void Elaborator::run(const ast::Return &statement) {
    name_statement("", nullptr);
    std::vector<Datum> values;
    for (const ast::ExprPtr &value : statement.values)
        values.push_back(eval(*value));
    if (values.size() == 1) {
        frame().result = std::move(values[0]);
        return;
    }
    if (values.size() > max_list_length) {
        diags_.report<diag::list_too_long>(statement.values[0]->span, int(max_list_length));
        values.clear();
    }
    std::optional<Datum> list = list_datum(std::move(values));
    if (!list)
        diags_.report<diag::list_too_deep>(statement.values[0]->span, max_list_depth);
    frame().result = list.value_or(poison);
}

void Elaborator::run(const ast::If &statement) {
    for (const ast::Branch &branch : statement.branches) {
        name_statement("", nullptr);
        std::optional<bool> condition = true;
        if (branch.condition)
            condition = eval_condition(*branch.condition);
        if (!condition) {
            frame().incomplete = true;
            return;
        }
        if (*condition)
            return run_body(branch.body);
    }
}

void Elaborator::run(const ast::For &loop) {
    name_statement("", nullptr);
    Datum items = eval(*loop.items);
    std::vector<Datum> once = {poison}; // to find the mistakes in the body, too
    const std::vector<Datum> *list = items.is_poison() ? &once : list_items(items);
    if (!list) {
        diags_.report<diag::expected_value>(loop.items->span, "a list or a range", kind(items));
        list = &once;
    }
    for (const Datum &item : *list) {
        if (frame().result || diags_.full() || !charge(1, loop.head))
            return;
        frame().values[loop.variable.text] = item;
        run_body(loop.body);
    }
}

void Elaborator::run(const ast::Evaluate &statement) {
    name_statement("", nullptr);
    eval(*statement.value);
}

std::optional<Graph> elaborate(const Program &program, SourceManager &sources,
                               const ElaborateOptions &options, Diagnostics &diags) {
    diags.set_once_per_place(true);
    std::optional<Graph> graph = Elaborator(program, sources, options, diags).run();
    diags.set_once_per_place(false);
    return graph;
}

} // namespace cnnc
