// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The syntax tree as nested parentheses: `(let y (chain x (call relu)))`.
#include "dsl/ast.h"

namespace cnnc::ast {

std::string_view infix_text(BinaryOp op) {
    static constexpr std::string_view texts[] = {
        "or", "and", "==", "!=", "<", "<=", ">", ">=", "..", "+", "-", "*", "/", "//", "%", "**"};
    return texts[size_t(op)];
}

namespace {

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

class TreeWriter {
  public:
    std::string text;

    void write(const File &file) {
        for (const Declaration &declaration : file.declarations) {
            std::visit(Overloaded{[&](const Import &i) { text += "(import \"" + i.path + "\")"; },
                                  [&](const Definition &d) { definition(d); }},
                       declaration);
            text += '\n';
        }
    }

  private:
    void open(std::string_view kind) {
        text += text.empty() || text.back() == '\n' ? "(" : " (";
        text += kind;
    }
    void close() { text += ')'; }
    void word(std::string_view w) {
        text += ' ';
        text += w;
    }

    void definition(const Definition &d) {
        open(d.is_network ? "network" : "block");
        word(d.name.text);
        for (const Parameter &parameter : d.parameters) {
            open("parameter");
            word(parameter.name.text);
            if (parameter.fallback)
                expr(*parameter.fallback);
            close();
        }
        body(d.body);
        close();
    }

    void body(const Body &body) {
        open("body");
        for (const Statement &s : body)
            std::visit([&](const auto &node) { statement(node); }, s.node);
        close();
    }

    void statement(const Let &let) {
        open("let");
        for (const Identifier &target : let.targets)
            word(target.text);
        expr(*let.value);
        close();
    }
    void statement(const Input &input) {
        open("input");
        word(input.name.text);
        word(input.dtype.text);
        for (const ExprPtr &extent : input.extents)
            expr(*extent);
        layout(input.layout);
        close();
    }
    void statement(const Output &output) {
        open("output");
        word(output.name.text);
        expr(*output.value);
        layout(output.layout);
        close();
    }
    void statement(const Return &r) {
        open("return");
        for (const ExprPtr &value : r.values)
            expr(*value);
        close();
    }
    void statement(const If &branches) {
        open("if");
        for (const Branch &branch : branches.branches) {
            if (branch.condition)
                expr(*branch.condition);
            body(branch.body);
        }
        close();
    }
    void statement(const For &loop) {
        open("for");
        word(loop.variable.text);
        expr(*loop.items);
        body(loop.body);
        close();
    }
    void statement(const Evaluate &evaluate) {
        open("evaluate");
        expr(*evaluate.value);
        close();
    }

    void layout(const std::optional<LayoutName> &layout) {
        if (layout)
            word(layout->channels_last ? "nhwc" : "nchw");
    }

    void path(std::string_view kind, const std::optional<Path> &path) {
        if (!path)
            return;
        open(kind);
        for (const auto &piece : path->pieces) {
            if (const auto *fixed = std::get_if<std::string>(&piece))
                word(*fixed);
            else
                expr(*std::get<ExprPtr>(piece));
        }
        close();
    }

    void instance(const std::optional<InstanceName> &as) {
        if (!as)
            return;
        path("as", as->name);
        path("shared", as->shared);
    }

    void call(const Call &call) {
        open("call");
        word(call.callee.text);
        for (const Argument &argument : call.arguments) {
            if (argument.name)
                word(argument.name->text + "=");
            expr(*argument.value);
        }
        instance(call.as);
        close();
    }

    void expr(const Expr &e) {
        std::visit([&](const auto &node) { expr_node(node); }, e.node);
    }
    void expr_node(const ErrorExpr &) { word("<error>"); }
    void expr_node(const Integer &i) { word(fmt::format("{}", i.value)); }
    void expr_node(const Real &r) { word(fmt::format("{:e}", r.value)); }
    void expr_node(const Boolean &b) { word(b.value ? "true" : "false"); }
    void expr_node(const String &s) { word("\"" + s.value + "\""); }
    void expr_node(const Name &n) { word(n.text); }
    void expr_node(const List &list) {
        open("list");
        for (const ExprPtr &item : list.items)
            expr(*item);
        close();
    }
    void expr_node(const Parenthesized &p) {
        open("parentheses");
        expr(*p.inner);
        instance(p.as);
        close();
    }
    void expr_node(const Unary &u) {
        open(u.op == UnaryOp::minus ? "-" : "not");
        expr(*u.operand);
        close();
    }
    void expr_node(const Binary &b) {
        open(infix_text(b.op));
        expr(*b.left);
        expr(*b.right);
        close();
    }
    void expr_node(const Conditional &c) {
        open("conditional");
        expr(*c.value);
        expr(*c.condition);
        expr(*c.otherwise);
        close();
    }
    void expr_node(const Index &i) {
        open("index");
        expr(*i.base);
        expr(*i.index);
        close();
    }
    void expr_node(const Attribute &a) {
        open("attribute");
        expr(*a.base);
        word(a.name.text);
        close();
    }
    void expr_node(const Call &c) { call(c); }
    void expr_node(const Chain &chain) {
        open("chain");
        expr(*chain.source);
        for (const Call &stage : chain.stages)
            call(stage);
        close();
    }
};

} // namespace

std::string tree_text(const File &file) {
    TreeWriter writer;
    writer.write(file);
    return std::move(writer.text);
}

} // namespace cnnc::ast
