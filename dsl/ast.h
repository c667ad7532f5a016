// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The syntax tree: what the text says, before any name is looked up. Every node has its span.
//
// Where the parser found a mistake it has been reported and the tree holds an ErrorExpr; a tree
// from a file with errors is only good for finding more of them.
#pragma once

#include "dsl/lexer.h"
#include "dsl/source.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <variant>
#include <vector>

namespace cnnc::ast {

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

// Expressions and blocks nest no deeper than this in a tree, so recursion over one is safe.
constexpr int max_depth = 400;

struct Identifier {
    std::string text;
    Span span;
};

// A path behind `as`: text and spliced expressions in turn. `layer{stage + 1}.{i}` is
// "layer", stage + 1, ".", i.
struct Path {
    std::vector<std::variant<std::string, ExprPtr>> pieces;
    Span span;
    int depth = 0; // of the deepest expression in it
};

// `as name`, `as shared weights` or `as name shared weights`.
struct InstanceName {
    std::optional<Path> name;
    std::optional<Path> shared;
    Span span; // from `as`
};

struct Argument {
    std::optional<Identifier> name;
    ExprPtr value;
    Span span;
};

// `callee(arguments) as name`; as a stage of a chain, the parentheses may be missing.
struct Call {
    Identifier callee;
    std::vector<Argument> arguments;
    bool parentheses = true;
    std::optional<InstanceName> as;
    Span span;
};

struct ErrorExpr {};
struct Integer {
    int64_t value;
};
struct Real {
    double value;
};
struct Boolean {
    bool value;
};
struct String {
    std::string value;
};
struct Name {
    std::string text;
};
struct List {
    std::vector<ExprPtr> items;
};
struct Parenthesized {
    ExprPtr inner;
    std::optional<InstanceName> as;
};
enum class UnaryOp : uint8_t { minus, not_ };
struct Unary {
    UnaryOp op;
    ExprPtr operand;
};
enum class BinaryOp : uint8_t {
    or_,
    and_,
    equal,
    not_equal,
    less,
    less_equal,
    greater,
    greater_equal,
    range,
    add,
    sub,
    mul,
    div,
    floor_div,
    mod,
    pow
};
std::string_view infix_text(BinaryOp op); // "or", "==", "+", ...
struct Binary {
    BinaryOp op;
    Span op_span;
    ExprPtr left, right;
};
// `value if condition else otherwise`
struct Conditional {
    ExprPtr value, condition, otherwise;
};
struct Index {
    ExprPtr base, index;
};
struct Attribute {
    ExprPtr base;
    Identifier name;
};
// `source -> stage -> stage`; the callee of a stage gets what stands before it as first operand.
struct Chain {
    ExprPtr source;
    std::vector<Call> stages;
};

struct Expr {
    std::variant<ErrorExpr, Integer, Real, Boolean, String, Name, List, Parenthesized, Unary,
                 Binary, Conditional, Index, Attribute, Call, Chain>
        node;
    Span span;
    int depth = 1;
};

struct Statement;
using Body = std::vector<Statement>;

// `targets = value`; several targets take a list apart.
struct Let {
    std::vector<Identifier> targets;
    ExprPtr value;
};
struct LayoutName {
    bool channels_last = false;
    Span span;
};
// `input name: dtype[extents] layout NHWC`
struct Input {
    Identifier name;
    Identifier dtype;
    std::vector<ExprPtr> extents;
    Span type_span;
    std::optional<LayoutName> layout;
};
// `output name = value layout NHWC`
struct Output {
    Identifier name;
    ExprPtr value;
    std::optional<LayoutName> layout;
};
struct Return {
    std::vector<ExprPtr> values;
};
struct Branch {
    ExprPtr condition; // none: the final `else`
    Body body;
    Span head; // up to the opening brace
    Span body_span;
};
struct If {
    std::vector<Branch> branches;
};
struct For {
    Identifier variable;
    ExprPtr items;
    Body body;
    Span head;
    Span body_span;
};
// A call for its effect: `error("...")`.
struct Evaluate {
    ExprPtr value;
};

struct Statement {
    std::variant<Let, Input, Output, Return, If, For, Evaluate> node;
    Span span;
};

struct Parameter {
    Identifier name;
    ExprPtr fallback; // none: required
    Span span;
};

// A block or a network.
struct Definition {
    bool is_network = false;
    Identifier name;
    std::vector<Parameter> parameters;
    Body body;
    std::unordered_set<std::string> names_read; // anywhere in body and defaults
    bool incomplete = false;                    // a statement with a mistake was left out
    Span span;
    Span head;      // up to the opening brace
    Span body_span; // braces included
};

struct Import {
    std::string path;
    Span path_span;
    Span span;
};

using Declaration = std::variant<Import, Definition>;

struct File {
    FileId id = 0;
    std::vector<Declaration> declarations;
    std::vector<Comment> comments;
    bool incomplete = false; // a declaration with a mistake was left out
};

// The tree as nested parentheses, without spans: what tests compare.
std::string tree_text(const File &file);

} // namespace cnnc::ast
