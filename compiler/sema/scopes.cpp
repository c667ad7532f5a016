// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the names of a program refer to, as far as that is known without running it.
#include "compiler/sema/scopes.h"

#include "compiler/graph/registry.h"
#include "compiler/sema/composites.h"
#include "compiler/sema/sema_diagnostics.h"
#include "compiler/sema/walk.h"

#include <algorithm>
#include <set>

namespace cnnc {
namespace {

using NameSet = std::unordered_set<std::string>;

constexpr size_t max_candidates = 1000; // for a suggestion; among more, nobody misses one

// Other languages' names of element types.
std::string other_dtype(std::string_view word) {
    static constexpr std::pair<std::string_view, std::string_view> names[] = {
        {"float", "f32"}, {"float32", "f32"}, {"uint8", "u8"}, {"byte", "u8"},
        {"int8", "i8"},   {"int32", "i32"},   {"int", "i32"},  {"int64", "i64"},
        {"long", "i64"},  {"boolean", "bool"}};
    for (const auto &[name, dtype] : names)
        if (name == word)
            return std::string(dtype);
    return "";
}

class NameResolver {
  public:
    NameResolver(const Program &program, Diagnostics &diags) : program_(program), diags_(diags) {}

    Scopes run() {
        for (const Program::File &file : program_.files)
            scopes_.files.push_back(own_scope(file.tree));
        std::vector<FileScope> own = scopes_.files;
        for (size_t i = 0; i < program_.files.size(); ++i)
            for (size_t import : program_.files[i].imports)
                add_import(i, import, own[import]);
        for (size_t i = 0; i < program_.files.size(); ++i)
            for (const ast::Declaration &declaration : program_.files[i].tree.declarations)
                if (const auto *definition = std::get_if<ast::Definition>(&declaration))
                    check(*definition, i);
        return std::move(scopes_);
    }

  private:
    FileScope own_scope(const ast::File &tree) {
        FileScope scope;
        scope.incomplete = tree.incomplete || program_.incomplete;
        size_t index = scopes_.files.size();
        std::unordered_map<std::string, Span> seen;
        for (const ast::Declaration &declaration : tree.declarations) {
            const auto *d = std::get_if<ast::Definition>(&declaration);
            if (!d || !is_new(d->name, seen))
                continue;
            if (d->is_network)
                scope.networks.emplace(d->name.text, d);
            else if (find_operator(d->name.text) || is_builtin_function(d->name.text))
                diags_.report<diag::name_taken_by_operator>(d->name.span, d->name.text);
            else
                scope.blocks.emplace(d->name.text, BlockRef{d, index});
        }
        return scope;
    }

    bool is_new(const ast::Identifier &name, std::unordered_map<std::string, Span> &seen) {
        auto [before, is_new] = seen.emplace(name.text, name.span);
        if (!is_new)
            diags_.report<diag::duplicate_definition>(name.span, name.text)
                .note<diag::declared_here>(before->second, name.text);
        return is_new;
    }

    void add_import(size_t importer, size_t imported, const FileScope &own) {
        if (importer == imported)
            return;
        for (const auto &[name, block] : own.blocks) {
            auto [before, is_new] = scopes_.files[importer].blocks.emplace(name, block);
            const ast::Definition *other = before->second.definition;
            if (!is_new && other != block.definition)
                diags_.report<diag::duplicate_definition>(block.definition->name.span, name)
                    .note<diag::declared_here>(other->name.span, name);
        }
    }

    void check(const ast::Definition &definition, size_t file) {
        std::unordered_map<std::string, Span> parameters;
        NameSet &bound = scopes_.bound_names[&definition];
        for (const ast::Parameter &parameter : definition.parameters) {
            auto [before, is_new] = parameters.emplace(parameter.name.text, parameter.name.span);
            if (!is_new)
                diags_.report<diag::duplicate_parameter>(parameter.name.span, parameter.name.text)
                    .note<diag::declared_here>(before->second, parameter.name.text);
            bound.insert(parameter.name.text);
            // What is imported is for many users, who need not all be served by every parameter.
            if (file == 0 && !definition.incomplete &&
                !definition.names_read.count(parameter.name.text))
                scopes_.unused_parameters.push_back(
                    {parameter.name.span, parameter.name.text, definition.name.text});
        }
        auto ignore = [](const auto &) {};
        walk_body(definition.body, ignore,
                  [&](const ast::Identifier &name) { bound.insert(name.text); });
        auto check_expr = [&](const ast::Expr &expr) {
            check_names(expr, definition, bound, file);
        };
        for (const ast::Parameter &parameter : definition.parameters)
            if (parameter.fallback)
                walk(*parameter.fallback, check_expr);
        walk_body(definition.body, check_expr, ignore);
    }

    void check_names(const ast::Expr &expr, const ast::Definition &definition, const NameSet &bound,
                     size_t file) {
        if (diags_.full())
            return;
        if (const auto *call = std::get_if<ast::Call>(&expr.node))
            check_callee(call->callee, file);
        if (const auto *chain = std::get_if<ast::Chain>(&expr.node))
            for (const ast::Call &stage : chain->stages)
                check_callee(stage.callee, file);
        const auto *name = std::get_if<ast::Name>(&expr.node);
        if (name && !definition.incomplete && !bound.count(name->text))
            check_predefined(name->text, expr.span, bound);
    }

    void check_predefined(const std::string &name, Span span, const NameSet &bound) {
        if (is_predefined(name))
            return;
        const std::vector<std::string_view> &known = predefined_names();
        std::vector<std::string> candidates = {"true", "false"};
        if (bound.size() <= max_candidates)
            candidates.insert(candidates.end(), bound.begin(), bound.end());
        candidates.insert(candidates.end(), known.begin(), known.end());
        std::sort(candidates.begin(), candidates.end());
        auto report = diags_.report<diag::undefined_name>(span, name);
        if (name == "None")
            report.help("leave the argument out");
        else if (std::string dtype = other_dtype(name); !dtype.empty())
            report.help(fmt::format("did you mean `{}`?", dtype));
        else if (std::string best = nearest_name(name, candidates); !best.empty())
            report.help(fmt::format("did you mean `{}`?", best));
        else if (find_operator(name))
            report.help(fmt::format("`{}` is an operator: call it with `(...)` or `->`", name));
    }

    void check_callee(const ast::Identifier &callee, size_t file) {
        const FileScope &scope = scopes_.files[file];
        if (find_operator(callee.text) || is_builtin_function(callee.text) ||
            scope.blocks.count(callee.text))
            return;
        if (auto network = scope.networks.find(callee.text); network != scope.networks.end()) {
            diags_.report<diag::network_called>(callee.span, callee.text)
                .note<diag::declared_here>(network->second->name.span, callee.text);
            return;
        }
        std::vector<std::string> candidates;
        if (scope.blocks.size() <= max_candidates)
            for (const auto &[name, block] : scope.blocks)
                candidates.push_back(name);
        for (const std::vector<OpSpec> *specs : {&op_specs(), &composite_specs()})
            for (const OpSpec &spec : *specs)
                candidates.emplace_back(spec.name);
        for (std::string_view name : builtin_functions())
            candidates.emplace_back(name);
        std::sort(candidates.begin(), candidates.end());
        std::string best = nearest_name(callee.text, candidates);
        if (find_op(callee.text + "2d")) // of three ranks, the one most often meant
            best = callee.text + "2d";
        if (best.empty() && scope.incomplete)
            return;
        auto report = diags_.report<diag::unknown_operator>(callee.span, callee.text);
        if (!best.empty())
            report.help(fmt::format("did you mean `{}`?", best));
    }

    const Program &program_;
    Diagnostics &diags_;
    Scopes scopes_;
};

} // namespace

const std::vector<std::string_view> &builtin_functions() {
    static const std::vector<std::string_view> names = {"abs", "error", "float", "int",
                                                        "len", "max",   "min"};
    return names;
}

bool is_builtin_function(std::string_view name) {
    const std::vector<std::string_view> &names = builtin_functions();
    return std::find(names.begin(), names.end(), name) != names.end();
}

const std::vector<std::string_view> &predefined_names() {
    static const std::vector<std::string_view> names = [] {
        std::set<std::string_view> all = {"inf", "same", "valid"};
        for (DType dtype : {DType::f32, DType::f16, DType::bf16, DType::f64, DType::u8, DType::i8,
                            DType::i16, DType::i32, DType::i64, DType::boolean})
            all.insert(dtype_name(dtype));
        for (const OpSpec &op : op_specs())
            for (const ArgSpec &arg : op.args)
                all.insert(arg.choices.begin(), arg.choices.end());
        return std::vector<std::string_view>(all.begin(), all.end());
    }();
    return names;
}

bool is_predefined(std::string_view name) {
    const std::vector<std::string_view> &names = predefined_names();
    return std::binary_search(names.begin(), names.end(), name);
}

std::string nearest_dtype(std::string_view word) {
    std::string other = other_dtype(word);
    return !other.empty() ? other
                          : nearest_name(word, {"f32", "f16", "bf16", "f64", "u8", "i8", "i16",
                                                "i32", "i64", "bool"});
}

Scopes resolve_names(const Program &program, Diagnostics &diags) {
    return NameResolver(program, diags).run();
}

} // namespace cnnc
