// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The formatter behind `cnnc fmt`.
//
// It walks the tree in the order of the text and takes up the comments on the way: those in front
// of a statement, the one behind it on its line, those between the stages of its chain. A statement
// with comments anywhere else inside is kept as it is written, since no layout rule could know what
// they belong to.
#include "dsl/format.h"

#include "dsl/expr_text.h"
#include "dsl/parser.h"

#include <algorithm>

namespace cnnc {
namespace {

using namespace ast;

constexpr size_t max_column = 100;
constexpr size_t indent_columns = 4;
// A chain whose first `->` would stand further right than this goes on near the left margin.
constexpr size_t max_arrow_column = 60;

class Formatter {
  public:
    Formatter(const File &file, const SourceManager &sources)
        : file_(file), sources_(sources), source_(sources.text(file.id)) {}

    std::string format() {
        for (const Declaration &declaration : file_.declarations)
            std::visit([&](const auto &d) { declaration_text(d); }, declaration);
        flush_comments(uint32_t(source_.size()) + 1);
        return std::move(out_);
    }

  private:
    // Output.
    size_t column() const { return out_.size() - line_start_; }
    void newline() {
        out_.erase(out_.find_last_not_of(' ') + 1);
        out_ += '\n';
        line_start_ = out_.size();
    }
    void pad_to(size_t column_wanted) {
        if (column_wanted > column())
            out_.append(column_wanted - column(), ' ');
    }
    size_t indent() const { return level_ * indent_columns; }

    // Items and comments.
    bool blank_before(uint32_t offset) const;
    bool newline_between(uint32_t begin, uint32_t end) const;
    void begin_item(uint32_t offset);
    void flush_comments(uint32_t before);
    void end_item(uint32_t end, uint32_t limit);
    bool has_comment_before(uint32_t offset) const {
        return comment_ < file_.comments.size() && file_.comments[comment_].span.begin < offset;
    }
    void skip_comments(uint32_t before) {
        while (has_comment_before(before))
            ++comment_;
    }
    bool comments_fit(const Statement &statement) const;
    void verbatim(Span span);

    // Declarations and statements.
    void declaration_text(const Import &import);
    void declaration_text(const Definition &definition);
    void definition_head(const Definition &definition);
    void body_text(const Body &body, Span span, uint32_t comments_until);
    void body_open(Span head, Span body, const Body &statements);
    void statement_text(const Statement &statement);
    void head_text(std::string_view keyword, Span head, const Expr *expr);
    void node_text(const Let &let);
    void node_text(const Input &input);
    void node_text(const Output &output);
    void node_text(const Return &statement);
    void node_text(const If &statement);
    void node_text(const For &loop);
    void node_text(const Evaluate &statement) { value_text(*statement.value); }
    void layout_text(const std::optional<LayoutName> &layout);

    // Expressions.
    template <typename F>
    std::optional<std::string> flat(size_t reserve, const F &write) const;
    void value_text(const Expr &expr);
    void chain_text(const Chain &chain, bool keep_breaks);
    void stage_text(const Call &stage, size_t arrow, bool break_before_as);
    void call_text(const Call &call);
    void expr_text(const Expr &expr, size_t reserve = 0);
    void binary_text(const Binary &binary, size_t reserve);
    void items_text(const std::vector<ExprPtr> &items);
    void arguments_text(const std::vector<Argument> &arguments);

    const File &file_;
    const SourceManager &sources_;
    std::string_view source_;
    std::string out_;
    size_t line_start_ = 0; // in out_
    size_t level_ = 0;
    size_t comment_ = 0;   // the next to be written
    bool at_start_ = true; // of the file or a body: no blank line here
};

// --- Items and comments

bool Formatter::newline_between(uint32_t begin, uint32_t end) const {
    return source_.substr(begin, end - begin).find('\n') != std::string_view::npos;
}

bool Formatter::blank_before(uint32_t offset) const {
    int newlines = 0;
    while (offset > 0 &&
           std::string_view(" \t\r\n").find(source_[offset - 1]) != std::string_view::npos)
        newlines += source_[--offset] == '\n';
    return newlines >= 2;
}

// Starts a line for something that stands at `offset` of the source.
void Formatter::begin_item(uint32_t offset) {
    if (blank_before(offset) && !at_start_)
        newline();
    at_start_ = false;
    pad_to(indent());
}

void Formatter::flush_comments(uint32_t before) {
    for (; has_comment_before(before); ++comment_) {
        Span span = file_.comments[comment_].span;
        begin_item(span.begin);
        out_ += sources_.text(span);
        newline();
    }
}

// Ends a line whose source ends at `end`, with the comment behind it if that comes before `limit`.
// It stays in its column, so that comments below one another do.
void Formatter::end_item(uint32_t end, uint32_t limit) {
    if (has_comment_before(limit)) {
        Span span = file_.comments[comment_].span;
        if (span.begin >= end && !newline_between(end, span.begin)) {
            size_t source_column = size_t(sources_.position(span.file, span.begin).column) - 1;
            out_ += "  ";
            if (source_column <= max_column)
                pad_to(source_column);
            out_ += sources_.text(span);
            ++comment_;
        }
    }
    newline();
}

// Whether every comment inside stands between two stages of the statement's chain.
bool Formatter::comments_fit(const Statement &statement) const {
    const Chain *chain = nullptr;
    if (const auto *let = std::get_if<Let>(&statement.node))
        chain = std::get_if<Chain>(&let->value->node);
    if (const auto *output = std::get_if<Output>(&statement.node))
        chain = std::get_if<Chain>(&output->value->node);
    for (size_t i = comment_; i < file_.comments.size(); ++i) {
        uint32_t at = file_.comments[i].span.begin;
        if (at >= statement.span.end)
            break;
        bool between = false;
        uint32_t end = chain ? chain->source->span.end : 0;
        for (size_t k = 0; chain && k < chain->stages.size() && !between; ++k) {
            uint32_t arrow = uint32_t(source_.rfind("->", chain->stages[k].span.begin));
            between = at >= end && at < arrow && newline_between(at, arrow);
            end = chain->stages[k].span.end;
        }
        // One comment per gap, behind the stage before it.
        if (!between || file_.comments[i].own_line)
            return false;
    }
    return true;
}

void Formatter::verbatim(Span span) {
    std::string_view text = sources_.text(span);
    while (!text.empty()) {
        size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        out_ += line.substr(0, line.find_last_not_of(" \t\r") + 1);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!text.empty()) {
            out_ += '\n';
            line_start_ = out_.size();
        }
    }
    skip_comments(span.end);
}

// --- Declarations and statements

void Formatter::declaration_text(const Import &import) {
    flush_comments(import.span.begin);
    begin_item(import.span.begin);
    out_ += "import \"" + import.path + "\"";
    skip_comments(import.span.end);
    end_item(import.span.end, uint32_t(source_.size()) + 1);
}

void Formatter::declaration_text(const Definition &definition) {
    flush_comments(definition.span.begin);
    begin_item(definition.span.begin);
    if (has_comment_before(definition.head.end))
        verbatim(definition.head);
    else
        definition_head(definition);
    body_open(definition.head, definition.body_span, definition.body);
    body_text(definition.body, definition.body_span, definition.body_span.end);
    out_ += '}';
    end_item(definition.span.end, uint32_t(source_.size()) + 1);
}

void Formatter::definition_head(const Definition &definition) {
    out_ += definition.is_network ? "network " : "block ";
    out_ += definition.name.text;
    if (definition.is_network && definition.parameters.empty())
        return;
    out_ += '(';
    size_t start = column();
    for (size_t i = 0; i < definition.parameters.size(); ++i) {
        FlatWriter writer(sources_, std::string::npos);
        writer.parameter(definition.parameters[i]);
        if (i > 0) {
            out_ += ',';
            if (column() + writer.text.size() + 4 > max_column) {
                newline();
                pad_to(start);
            } else {
                out_ += ' ';
            }
        }
        out_ += writer.text;
    }
    out_ += ')';
}

// " {" behind a head, and the comment behind that.
void Formatter::body_open(Span head, Span body, const Body &statements) {
    out_ += " {";
    uint32_t first = statements.empty() ? body.end - 1 : statements.front().span.begin;
    end_item(newline_between(head.end, body.begin) ? head.end : body.begin + 1, first);
}

// Statements and comments up to the closing brace, and the indentation before that.
void Formatter::body_text(const Body &body, Span span, uint32_t comments_until) {
    ++level_;
    at_start_ = true;
    for (const Statement &statement : body) {
        flush_comments(statement.span.begin);
        begin_item(statement.span.begin);
        statement_text(statement);
        end_item(statement.span.end, comments_until);
    }
    flush_comments(std::max(span.end, comments_until) - 1);
    --level_;
    at_start_ = false;
    pad_to(indent());
}

void Formatter::statement_text(const Statement &statement) {
    bool has_body =
        std::holds_alternative<If>(statement.node) || std::holds_alternative<For>(statement.node);
    if (!has_body && has_comment_before(statement.span.end) && !comments_fit(statement))
        return verbatim(statement.span);
    std::visit([&](const auto &node) { node_text(node); }, statement.node);
}

void Formatter::node_text(const Let &let) {
    for (size_t i = 0; i < let.targets.size(); ++i)
        out_ += (i > 0 ? ", " : "") + let.targets[i].text;
    out_ += " = ";
    value_text(*let.value);
}

void Formatter::node_text(const Input &input) {
    out_ += "input " + input.name.text + ": " + input.dtype.text;
    items_text(input.extents);
    layout_text(input.layout);
}

void Formatter::node_text(const Output &output) {
    out_ += "output " + output.name.text + " = ";
    value_text(*output.value);
    layout_text(output.layout);
}

void Formatter::layout_text(const std::optional<LayoutName> &layout) {
    if (layout)
        out_ += layout->channels_last ? " layout NHWC" : " layout NCHW";
}

void Formatter::node_text(const Return &statement) {
    out_ += "return ";
    for (size_t i = 0; i < statement.values.size(); ++i) {
        out_ += i > 0 ? ", " : "";
        value_text(*statement.values[i]);
    }
}

void Formatter::head_text(std::string_view keyword, Span head, const Expr *expr) {
    if (has_comment_before(head.end))
        return verbatim(head);
    out_ += keyword;
    if (expr)
        expr_text(*expr, 2);
}

void Formatter::node_text(const If &statement) {
    for (size_t i = 0; i < statement.branches.size(); ++i) {
        const Branch &branch = statement.branches[i];
        bool last = i + 1 == statement.branches.size();
        head_text(i == 0             ? "if "
                  : branch.condition ? "else if "
                                     : "else",
                  branch.head, branch.condition.get());
        body_open(branch.head, branch.body_span, branch.body);
        // Comments in front of an `else` have no better place than the body before it.
        uint32_t until = last ? branch.body_span.end : statement.branches[i + 1].head.begin;
        body_text(branch.body, branch.body_span, until);
        out_ += last ? "}" : "} ";
    }
}

void Formatter::node_text(const For &loop) {
    head_text("for " + loop.variable.text + " in ", loop.head, loop.items.get());
    body_open(loop.head, loop.body_span, loop.body);
    body_text(loop.body, loop.body_span, loop.body_span.end);
    out_ += '}';
}

// --- Expressions

// What `write` puts on one line, if that fits behind the current column with `reserve` to spare.
template <typename F>
std::optional<std::string> Formatter::flat(size_t reserve, const F &write) const {
    size_t used = column() + reserve;
    FlatWriter writer(sources_, used < max_column ? max_column - used : 0);
    write(writer);
    if (!writer.fits())
        return std::nullopt;
    return std::move(writer.text);
}

// The value of a statement, whose chain keeps its line breaks.
void Formatter::value_text(const Expr &expr) {
    if (const auto *chain = std::get_if<Chain>(&expr.node))
        chain_text(*chain, true);
    else
        expr_text(expr);
}

void Formatter::chain_text(const Chain &chain, bool keep_breaks) {
    size_t start = column();
    expr_text(*chain.source);
    size_t arrow = column() + 1;
    uint32_t end = chain.source->span.end;
    for (size_t i = 0; i < chain.stages.size(); ++i) {
        const Call &stage = chain.stages[i];
        bool had_break = keep_breaks && newline_between(end, stage.span.begin);
        bool comment = has_comment_before(stage.span.begin);
        uint32_t as_begin = stage.as ? stage.as->span.begin : stage.span.end;
        std::string_view before_as = source_.substr(stage.span.begin, as_begin - stage.span.begin);
        size_t trimmed = before_as.find_last_not_of(" \t\r\n") + 1;
        bool as_break =
            keep_breaks && stage.as && before_as.find('\n', trimmed) != std::string_view::npos;
        auto write = [&](FlatWriter &writer) {
            writer.call(stage);
            if (stage.as && !as_break) {
                writer.text += ' ';
                writer.instance(*stage.as);
            }
        };
        if (i == 0 && (had_break || comment || arrow > max_arrow_column))
            arrow = std::min(start, indent() + indent_columns);
        bool too_long = (i > 0 || arrow < column()) && !flat(4, write);
        if (had_break || comment || too_long) {
            if (comment)
                end_item(end, stage.span.begin);
            else
                newline();
            pad_to(arrow);
        } else {
            out_ += ' ';
        }
        out_ += "-> ";
        if (std::optional<std::string> line = flat(0, write); line && !as_break)
            out_ += *line;
        else
            stage_text(stage, arrow, as_break);
        end = stage.span.end;
    }
}

// A stage on several lines: arguments filled, the name below if it does not fit behind them.
void Formatter::stage_text(const Call &stage, size_t arrow, bool break_before_as) {
    call_text(stage);
    if (!stage.as)
        return;
    std::optional<std::string> as =
        flat(1, [&](FlatWriter &writer) { writer.instance(*stage.as); });
    if (as && !break_before_as) {
        out_ += ' ' + *as;
        return;
    }
    newline();
    pad_to(arrow + 3);
    FlatWriter writer(sources_, std::string::npos);
    writer.instance(*stage.as);
    out_ += writer.text;
}

void Formatter::call_text(const Call &call) {
    out_ += call.callee.text;
    if (call.parentheses)
        arguments_text(call.arguments);
}

// `reserve`: columns that what follows on the line needs.
void Formatter::expr_text(const Expr &expr, size_t reserve) {
    auto line = flat(reserve, [&](FlatWriter &writer) { writer.expr(expr); });
    if (line) {
        out_ += *line;
    } else if (const auto *list = std::get_if<List>(&expr.node)) {
        items_text(list->items);
    } else if (const auto *chain = std::get_if<Chain>(&expr.node)) {
        chain_text(*chain, false);
    } else if (const auto *binary = std::get_if<Binary>(&expr.node)) {
        binary_text(*binary, reserve);
    } else if (const auto *call = std::get_if<Call>(&expr.node)) {
        stage_text(*call, column(), false);
    } else if (const auto *index = std::get_if<Index>(&expr.node)) {
        expr_text(*index->base);
        out_ += '[';
        expr_text(*index->index, reserve + 1);
        out_ += ']';
    } else if (const auto *inner = std::get_if<Parenthesized>(&expr.node); inner && !inner->as) {
        out_ += '(';
        expr_text(*inner->inner, reserve + 1);
        out_ += ')';
    } else if (const auto *c = std::get_if<Conditional>(&expr.node)) {
        expr_text(*c->value);
        out_ += " if ";
        expr_text(*c->condition);
        out_ += " else ";
        expr_text(*c->otherwise, reserve);
    } else { // what is left cannot be broken anywhere
        FlatWriter writer(sources_, std::string::npos);
        writer.expr(expr);
        out_ += writer.text;
    }
}

// Goes on before an operator, which is where the language lets a statement go on.
void Formatter::binary_text(const Binary &binary, size_t reserve) {
    size_t start = column();
    expr_text(*binary.left);
    bool range = binary.op == BinaryOp::range;
    std::string op(infix_text(binary.op));
    auto right =
        flat(reserve + op.size() + 2, [&](FlatWriter &writer) { writer.expr(*binary.right); });
    if (right) {
        out_ += range ? op : " " + op + " ";
        out_ += *right;
        return;
    }
    newline();
    pad_to(start);
    out_ += op + (range ? "" : " ");
    expr_text(*binary.right, reserve);
}

// Items fill the lines; lists stand one below the other, as the rows of a matrix.
void Formatter::items_text(const std::vector<ExprPtr> &items) {
    out_ += '[';
    size_t start = column();
    bool rows = std::any_of(items.begin(), items.end(), [](const ExprPtr &item) {
        return std::holds_alternative<List>(item->node);
    });
    for (size_t i = 0; i < items.size(); ++i) {
        if (i > 0) {
            out_ += ',';
            auto line = flat(2, [&](FlatWriter &writer) { writer.expr(*items[i]); });
            if (line && !rows) {
                out_ += ' ';
            } else {
                newline();
                pad_to(start);
            }
        }
        expr_text(*items[i], 1);
    }
    out_ += ']';
}

void Formatter::arguments_text(const std::vector<Argument> &arguments) {
    out_ += '(';
    size_t start = column();
    for (size_t i = 0; i < arguments.size(); ++i) {
        auto write = [&](FlatWriter &writer) { writer.argument(arguments[i]); };
        if (i > 0) {
            out_ += ',';
            if (flat(2, write)) {
                out_ += ' ';
            } else {
                newline();
                pad_to(start);
            }
        }
        if (auto line = flat(1, write)) {
            out_ += *line;
            continue;
        }
        if (arguments[i].name)
            out_ += arguments[i].name->text + "=";
        expr_text(*arguments[i].value, 1);
    }
    out_ += ')';
}

} // namespace

std::optional<std::string> format_source(FileId file, const SourceManager &sources,
                                         Diagnostics &diags) {
    size_t errors = diags.error_count();
    ast::File tree = parse_file(file, sources, diags);
    if (diags.error_count() != errors)
        return std::nullopt;
    return Formatter(tree, sources).format();
}

} // namespace cnnc
