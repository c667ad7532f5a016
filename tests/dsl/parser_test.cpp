// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Text to syntax tree. Mistakes are tested by tests/golden/diagnostics.
#include "dsl/parser.h"

#include "dsl/lexer.h"

#include <gtest/gtest.h>

namespace cnnc {
namespace {

std::string tree(std::string text) {
    SourceManager sources;
    Diagnostics diags;
    ast::File file = parse_file(sources.add("t.cnn", std::move(text)), sources, diags);
    EXPECT_EQ(diags.render(sources), "");
    return ast::tree_text(file);
}

// The tree of one statement in a block.
std::string statement(const std::string &text) {
    std::string whole = tree("block b(x) {\n" + text + "\n}\n");
    const std::string before = "(block b (parameter x) (body ", after = "))\n";
    EXPECT_EQ(whole.substr(0, before.size()), before);
    return whole.substr(before.size(), whole.size() - before.size() - after.size());
}

std::string expression(const std::string &text) {
    std::string let = statement("y = " + text);
    return let.substr(6, let.size() - 7); // without "(let y" and ")"
}

std::vector<std::string> words(std::string text) {
    SourceManager sources;
    Diagnostics diags;
    Lexer lexer(sources.add("t.cnn", std::move(text)), sources, diags);
    std::vector<std::string> result;
    for (Token token = lexer.next(); token.kind != TokenKind::end; token = lexer.next())
        result.emplace_back(token.text);
    EXPECT_FALSE(diags.has_errors());
    return result;
}

using Words = std::vector<std::string>;

TEST(Lexer, NumbersAndRanges) {
    EXPECT_EQ(words("0..4"), (Words{"0", "..", "4"}));
    EXPECT_EQ(words("1.5..2.5e-3"), (Words{"1.5", "..", "2.5e-3"}));
    EXPECT_EQ(words("1e5 2E+7 3"), (Words{"1e5", "2E+7", "3"}));
}

TEST(Lexer, PathsMayHaveDigitsBehindDots) {
    EXPECT_EQ(words("layer1.0.conv1"), (Words{"layer1", ".", "0", ".", "conv1"}));
    EXPECT_EQ(words("branch.3x3"), (Words{"branch", ".", "3x3"}));
    EXPECT_EQ(words("a.10.20"), (Words{"a", ".", "10", ".", "20"}));
}

TEST(Lexer, LongestSymbolWins) {
    EXPECT_EQ(words("a->b--c<=d//e/f!=g==h=i"),
              (Words{"a", "->", "b", "-", "-", "c", "<=", "d", "//", "e", "/", "f", "!=", "g",
                     "==", "h", "=", "i"}));
    EXPECT_EQ(words("a***b**c*d"), (Words{"a", "**", "*", "b", "**", "c", "*", "d"}));
}

TEST(Lexer, CommentsAreKeptAside) {
    SourceManager sources;
    Diagnostics diags;
    Lexer lexer(sources.add("t.cnn", "# one \r\na # two\n#"), sources, diags);
    Token a = lexer.next();
    EXPECT_EQ(a.text, "a");
    EXPECT_TRUE(a.first_on_line);
    EXPECT_EQ(lexer.next().kind, TokenKind::end);
    ASSERT_EQ(lexer.comments().size(), 3u);
    EXPECT_EQ(sources.text(lexer.comments()[0].span), "# one");
    EXPECT_TRUE(lexer.comments()[0].own_line);
    EXPECT_EQ(sources.text(lexer.comments()[1].span), "# two");
    EXPECT_FALSE(lexer.comments()[1].own_line);
    EXPECT_EQ(sources.text(lexer.comments()[2].span), "#");
}

TEST(Lexer, Identifiers) {
    EXPECT_TRUE(is_identifier("a_1"));
    EXPECT_TRUE(is_identifier("_"));
    EXPECT_FALSE(is_identifier("1a"));
    EXPECT_FALSE(is_identifier("for"));
    EXPECT_FALSE(is_identifier(""));
    EXPECT_FALSE(is_identifier("a.b"));
    EXPECT_FALSE(is_identifier(std::string(max_name_length + 1, 'a')));
}

TEST(Parser, Precedence) {
    EXPECT_EQ(expression("1 + 2 * 3 - 4"), " (- (+ 1 (* 2 3)) 4)");
    EXPECT_EQ(expression("-a * b"), " (* (- a) b)");
    EXPECT_EQ(expression("a - -b"), " (- a (- b))");
    EXPECT_EQ(expression("a or b and not c == d + 1"), " (or a (and b (not (== c (+ d 1)))))");
    EXPECT_EQ(expression("0..n + 1 == r"), " (== (.. 0 (+ n 1)) r)");
    EXPECT_EQ(expression("a // b % c / d"), " (/ (% (// a b) c) d)");
    EXPECT_EQ(expression("0..[3, 4][i]"), " (.. 0 (index (list 3 4) i))");
    EXPECT_EQ(expression("2 * a ** 2"), " (* 2 (** a 2))");
    EXPECT_EQ(expression("a ** b ** c"), " (** a (** b c))");
    EXPECT_EQ(expression("-a ** -b[0] + c"), " (+ (- (** a (- (index b 0)))) c)");
    EXPECT_EQ(expression("(-a) ** 2 % 3"), " (% (** (parentheses (- a)) 2) 3)");
    EXPECT_EQ(expression("x.shape[0] * (a + b)"),
              " (* (index (attribute x shape) 0) (parentheses (+ a b)))");
}

TEST(Parser, Conditionals) {
    EXPECT_EQ(expression("a if c else b if d else e"), " (conditional a c (conditional b d e))");
    EXPECT_EQ(expression("x -> f if c else x -> g"),
              " (conditional (chain x (call f)) c (chain x (call g)))");
}

TEST(Parser, ChainsBindWeakest) {
    EXPECT_EQ(expression("a + b -> f(1, k=2) -> g"), " (chain (+ a b) (call f 1 k= 2) (call g))");
    EXPECT_EQ(expression("f(a -> g, b)"), " (call f (chain a (call g)) b)");
}

TEST(Parser, Instances) {
    EXPECT_EQ(expression("f(x) as a.0"), " (call f x (as a . 0))");
    EXPECT_EQ(expression("x -> f as layer{i + 1}.{j} -> g as h"),
              " (chain x (call f (as layer (+ i 1) . j)) (call g (as h)))");
    EXPECT_EQ(expression("f(x) as shared w.1"), " (call f x (shared w . 1))");
    EXPECT_EQ(expression("f(x) as n shared w"), " (call f x (as n) (shared w))");
    EXPECT_EQ(expression("f(x) as shared"), " (call f x (as shared))");
    EXPECT_EQ(expression("x -> f as shared -> g"), " (chain x (call f (as shared)) (call g))");
    EXPECT_EQ(expression("x -> f as shared.w"), " (chain x (call f (as shared . w)))");
    EXPECT_EQ(expression("x -> f as 0.1.for"), " (chain x (call f (as 0.1 . for)))");
    EXPECT_EQ(expression("(a + b) as s"), " (parentheses (+ a b) (as s))");
    EXPECT_EQ(expression("f(x) as a if c else b"), " (conditional (call f x (as a)) c b)");
}

TEST(Parser, StatementsGoOnWhereNoneCanStart) {
    EXPECT_EQ(statement("y = a\n  -> f\n  as n"), "(let y (chain a (call f (as n))))");
    EXPECT_EQ(statement("y = a\n  + b\n  -> f"), "(let y (chain (+ a b) (call f)))");
    EXPECT_EQ(statement("y = a +\n  b ->\n  f"), "(let y (chain (+ a b) (call f)))");
    EXPECT_EQ(statement("y = a\n  ** b"), "(let y (** a b))");
    EXPECT_EQ(statement("y = f(\n  a\n  ,\n  )\nz = [\n  1]"),
              "(let y (call f a)) (let z (list 1))");
}

TEST(Parser, Statements) {
    EXPECT_EQ(statement("a, b = f(x)"), "(let a b (call f x))");
    EXPECT_EQ(statement("return a, -b"), "(return a (- b))");
    EXPECT_EQ(statement("for i in 0..3 { y = i }"), "(for i (.. 0 3) (body (let y i)))");
    EXPECT_EQ(statement("if a { } else if b { c = 1 }\nelse { d = 2 }"),
              "(if a (body) b (body (let c 1)) (body (let d 2)))");
    EXPECT_EQ(statement("error(\"no\", 1)"), "(evaluate (call error \"no\" 1))");
}

TEST(Parser, AnIfOnItsOwnLineIsAStatement) {
    EXPECT_EQ(statement("y = x\nif c { }"), "(let y x) (if c (body))");
}

TEST(Parser, Declarations) {
    EXPECT_EQ(tree("import \"a.cnn\"\nnetwork n(k=1) {\n input x: f32[1, k] layout nhwc\n"
                   " output y = x layout NCHW\n}"),
              "(import \"a.cnn\")\n"
              "(network n (parameter k 1) (body (input x f32 1 k nhwc) (output y x nchw)))\n");
}

TEST(Parser, SpansCoverTheirText) {
    SourceManager sources;
    Diagnostics diags;
    FileId id = sources.add("t.cnn", "block b(x) {\n    y = x -> f(1, k = 2) as a.0 -> g\n}");
    ast::File file = parse_file(id, sources, diags);
    const auto &block = std::get<ast::Definition>(file.declarations[0]);
    EXPECT_EQ(sources.text(block.head), "block b(x)");
    EXPECT_EQ(sources.text(block.body[0].span), "y = x -> f(1, k = 2) as a.0 -> g");
    const auto &let = std::get<ast::Let>(block.body[0].node);
    EXPECT_EQ(sources.text(let.value->span), "x -> f(1, k = 2) as a.0 -> g");
    const auto &chain = std::get<ast::Chain>(let.value->node);
    EXPECT_EQ(sources.text(chain.stages[0].span), "f(1, k = 2) as a.0");
    EXPECT_EQ(sources.text(chain.stages[0].arguments[1].span), "k = 2");
    EXPECT_EQ(sources.text(chain.stages[0].as->name->span), "a.0");
    EXPECT_EQ(sources.text(chain.stages[1].span), "g");
}

} // namespace
} // namespace cnnc
