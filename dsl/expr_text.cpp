// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Expressions back to text on one line.
#include "dsl/expr_text.h"

namespace cnnc {
namespace {

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

} // namespace

void FlatWriter::expr(const ast::Expr &expr) {
    if (!fits())
        return;
    std::visit(Overloaded{[&](const ast::List &e) { list(e.items); },
                          [&](const ast::Parenthesized &e) {
                              text += '(';
                              this->expr(*e.inner);
                              text += ')';
                              if (e.as) {
                                  text += ' ';
                                  instance(*e.as);
                              }
                          },
                          [&](const ast::Unary &e) {
                              text += e.op == ast::UnaryOp::minus ? "-" : "not ";
                              this->expr(*e.operand);
                          },
                          [&](const ast::Binary &e) {
                              bool range = e.op == ast::BinaryOp::range;
                              this->expr(*e.left);
                              text += range ? ".." : " " + std::string(ast::infix_text(e.op)) + " ";
                              this->expr(*e.right);
                          },
                          [&](const ast::Conditional &e) {
                              this->expr(*e.value);
                              text += " if ";
                              this->expr(*e.condition);
                              text += " else ";
                              this->expr(*e.otherwise);
                          },
                          [&](const ast::Index &e) {
                              this->expr(*e.base);
                              text += '[';
                              this->expr(*e.index);
                              text += ']';
                          },
                          [&](const ast::Attribute &e) {
                              this->expr(*e.base);
                              text += "." + e.name.text;
                          },
                          [&](const ast::Call &e) {
                              call(e);
                              if (e.as) {
                                  text += ' ';
                                  instance(*e.as);
                              }
                          },
                          [&](const ast::Chain &e) {
                              this->expr(*e.source);
                              for (const ast::Call &stage : e.stages) {
                                  text += " -> ";
                                  call(stage);
                                  if (stage.as) {
                                      text += ' ';
                                      instance(*stage.as);
                                  }
                              }
                          },
                          // Names and literals, as they were written.
                          [&](const auto &) { text += sources_.text(expr.span); }},
               expr.node);
}

void FlatWriter::list(const std::vector<ast::ExprPtr> &items) {
    text += '[';
    for (size_t i = 0; i < items.size() && fits(); ++i) {
        text += i > 0 ? ", " : "";
        expr(*items[i]);
    }
    text += ']';
}

void FlatWriter::call(const ast::Call &call) {
    text += call.callee.text;
    if (!call.parentheses)
        return;
    text += '(';
    for (size_t i = 0; i < call.arguments.size() && fits(); ++i) {
        text += i > 0 ? ", " : "";
        argument(call.arguments[i]);
    }
    text += ')';
}

// Values with words in them stand apart from their name: `stride = 2 if deep else 1`.
void FlatWriter::value_of(const std::string &name, const ast::Expr &value) {
    bool apart = std::holds_alternative<ast::Conditional>(value.node) ||
                 std::holds_alternative<ast::Chain>(value.node);
    text += name + (apart ? " = " : "=");
    expr(value);
}

void FlatWriter::argument(const ast::Argument &argument) {
    if (argument.name)
        value_of(argument.name->text, *argument.value);
    else
        expr(*argument.value);
}

void FlatWriter::parameter(const ast::Parameter &parameter) {
    if (parameter.fallback)
        value_of(parameter.name.text, *parameter.fallback);
    else
        text += parameter.name.text;
}

void FlatWriter::instance(const ast::InstanceName &as) {
    text += "as";
    if (as.name) {
        text += ' ';
        path(*as.name);
    }
    if (as.shared) {
        text += " shared ";
        path(*as.shared);
    }
}

void FlatWriter::path(const ast::Path &path) {
    for (const auto &piece : path.pieces) {
        if (const auto *fixed = std::get_if<std::string>(&piece)) {
            text += *fixed;
            continue;
        }
        text += '{';
        expr(*std::get<ast::ExprPtr>(piece));
        text += '}';
    }
}

} // namespace cnnc
