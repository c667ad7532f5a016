// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What operators refuse: the message, word for word, and the text it points at.
#include "compiler/graph/graph_diagnostics.h"
#include "compiler/graph/registry.h"
#include "compiler/sema/load.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

using namespace cnnc;

namespace {

struct Refusal {
    std::string call;    // with operands x = f32[1, 6, 8, 8], flat = f32[2, 5] and big
    std::string span;    // the text the message points at
    std::string message; // all of it
    std::string note = {};
    std::string note_span = {};
};

std::ostream &operator<<(std::ostream &out, const Refusal &refusal) {
    return out << refusal.call;
}

const std::vector<Refusal> &refusals() {
    static const std::vector<Refusal> all = {
        // Kinds and lengths of arguments.
        {"conv2d(x, 8, kernel=[1, 2.5])", "[1, 2.5]",
         "`kernel` of `conv2d` must be an integer or a list of integers, found a list"},
        {"conv2d(x, 8, kernel=[3, 3, 3])", "[3, 3, 3]",
         "`kernel` of `conv2d` needs 2 entries, one per spatial dimension, found 3"},
        {"conv2d(x, 8, 3, padding=[[1, 1], [1]])", "[[1, 1], [1]]",
         "a pair of `padding` of `conv2d` is [before, after], found 1 entries"},
        {"conv2d(x, 8, 3, padding=[1])", "[1]",
         "`padding` of `conv2d` needs 2 entries, one per spatial dimension, found 1"},
        {"conv2d(x, 8, 3, stride=2, padding=same)", "same",
         "`padding=same` of `conv2d` needs stride 1, found 2"},
        {"conv2d(x, 8, 3, padding=\"reflect\")", "\"reflect\"",
         "`padding` of `conv2d` may be `same` or `valid`, found `reflect`"},
        {"clamp(x)", "clamp", "`clamp` needs `min`, `max` or both"},
        {"reshape(x, [-1, -1])", "[-1, -1]", "`shape` may leave one extent open as -1, found 2"},
        {"reshape(x, [5, -1])", "[5, -1]",
         "the open extent of [5, -1] does not come out even for 384 elements"},
        // Ranges of arguments.
        {"conv2d(x, 0, 3)", "0", "`out_channels` of `conv2d` must be positive, found 0"},
        {"conv2d(x, 8, 0)", "0", "`kernel` of `conv2d` must be positive, found 0"},
        {"conv2d(x, 8, 3, stride=[1, -2])", "[1, -2]",
         "`stride` of `conv2d` must be positive, found -2"},
        {"conv2d(x, 8, 3, dilation=0)", "0", "`dilation` of `conv2d` must be positive, found 0"},
        {"conv2d(x, 8, 3, groups=0)", "0", "`groups` of `conv2d` must be positive, found 0"},
        {"conv2d(x, 8, 3, padding=-1)", "-1",
         "`padding` of `conv2d` must not be negative, found -1"},
        {"conv2d(x, 4294967296, 3)", "4294967296",
         "`out_channels` of `conv2d` must be at most 2147483647, found 4294967296"},
        {"conv2d(x, 8, 3, padding=[[0, 9000000000], [0, 0]])", "[[0, 9000000000], [0, 0]]",
         "`padding` of `conv2d` must be at most 2147483647, found 9000000000"},
        {"max_pool2d(x, 2, dilation=4611686018427387904)", "4611686018427387904",
         "`dilation` of `max_pool2d` must be at most 2147483647, found 4611686018427387904"},
        {"batch_norm(x, eps=-0.5)", "-0.5",
         "`eps` of `batch_norm` must not be negative, found -0.5"},
        {"dropout(x, p=1.5)", "1.5", "`p` of `dropout` must be between 0 and 1, found 1.5"},
        {"clamp(x, min=2, max=1.5)", "2",
         "`min` of `clamp` must not exceed `max`, found 2.0 and 1.5"},
        {"softmax(x, dim=4)", "4", "`dim` of `softmax` must be from -4 to 3 for rank 4, found 4"},
        {"softmax(flat, dim=-3)", "-3",
         "`dim` of `softmax` must be from -2 to 1 for rank 2, found -3"},
        {"concat(x, x, dim=7)", "7", "`dim` of `concat` must be from -4 to 3 for rank 4, found 7"},
        {"flatten(x, start_dim=9)", "9",
         "`start_dim` of `flatten` must be from -4 to 3 for rank 4, found 9"},
        {"flatten(x, start_dim=3, end_dim=1)", "3",
         "`start_dim` of `flatten` must not lie behind `end_dim`, found 3 and 1"},
        // Arguments that do not go with the operand.
        {"conv2d(x, 8, 3, groups=4)", "4",
         "`conv2d` with `groups=4` needs input channels divisible by 4, found 6",
         "this operand is f32[1, 6, 8, 8]", "x"},
        {"conv2d(x, 8, 3, groups=3)", "3",
         "`conv2d` with `groups=3` needs output channels divisible by 3, found 8"},
        {"max_pool2d(x, 3, padding=2)", "2",
         "`padding` of `max_pool2d` may be at most half the kernel of 3, found 2"},
        {"avg_pool2d(x, [4, 1], padding=[[0, 0], [0, 1]])", "[[0, 0], [0, 1]]",
         "`padding` of `avg_pool2d` may be at most half the kernel of 1, found 1"},
        {"conv2d(x, 8, kernel=[3, 11], padding=1)", "[3, 11]",
         "the window of `conv2d` spans 11 in dimension 3, but the padded operand only 10",
         "this operand is f32[1, 6, 8, 8]", "x"},
        {"conv2d(x, 8, 3, dilation=5)", "3",
         "the window of `conv2d` spans 11 in dimension 2, but the padded operand only 8",
         "this operand is f32[1, 6, 8, 8]", "x"},
        {"reshape(x, [3, 100])", "[3, 100]",
         "cannot reshape f32[1, 6, 8, 8] with 384 elements to [3, 100] with 300"},
        {"reshape(x, [0, 4])", "[0, 4]", "extents must be positive, found 0 in [0, 4]"},
        {"reshape(x, [-3, 4])", "[-3, 4]", "extents must be positive, found -3 in [-3, 4]"},
        {"reshape(x, [1099511627776, 1099511627776])", "[1099511627776, 1099511627776]",
         "a tensor may have at most 68719476736 elements, found [1099511627776, 1099511627776]"},
        {"parameter([4, -1])", "[4, -1]", "extents must be positive, found -1 in [4, -1]"},
        // Operands.
        {"conv2d(flat, 8, 3)", "flat",
         "`conv2d` needs an operand of rank 4 [N, C, H, W], found f32[2, 5]"},
        {"conv3d(x, 8, 3)", "x",
         "`conv3d` needs an operand of rank 5 [N, C, D, H, W], found f32[1, 6, 8, 8]"},
        {"max_pool1d(x, 2)", "x",
         "`max_pool1d` needs an operand of rank 3 [N, C, W], found f32[1, 6, 8, 8]"},
        {"global_avg_pool3d(x)", "x",
         "`global_avg_pool3d` needs an operand of rank 5 [N, C, D, H, W], found f32[1, 6, 8, 8]"},
        {"batch_norm(flatten(flat, start_dim=0))", "flatten(flat, start_dim=0)",
         "`batch_norm` needs an operand of rank 2 or more, found f32[10]"},
        {"mul(x, flat)", "mul", "`mul` cannot broadcast f32[1, 6, 8, 8] with f32[2, 5]",
         "this operand is f32[1, 6, 8, 8]", "x"},
        {"concat(x, flat)", "flat",
         "`concat` needs operands of one rank, found f32[1, 6, 8, 8] and f32[2, 5]",
         "this operand is f32[1, 6, 8, 8]", "x"},
        {"concat(x, conv2d(x, 6, 2))", "conv2d(x, 6, 2)",
         "`concat` along dimension 1 needs equal extents in dimension 2, found 8 and 7",
         "this operand is f32[1, 6, 8, 8]", "x"},
        // Sizes.
        {"parameter([262144, 262144, 2])", "parameter",
         "the result of `parameter` is f32[262144, 262144, 2], but a tensor may have at most "
         "68719476736 elements"},
        {"big + parameter([1048576])", "+",
         "the result of `add` is f32[1048576, 1048576], but a tensor may have at most 68719476736 "
         "elements"},
        {"linear(reshape(big, [1, -1]), 1048576)", "linear",
         "the weight of `linear` is f32[1048576, 1048576], but a tensor may have at most "
         "68719476736 elements"},
    };
    return all;
}

struct Loaded {
    SourceManager sources;
    Diagnostics diags;
};

void load(const std::string &call, Loaded &loaded) {
    const std::string text = fmt::format(R"(network test {{
    input x: f32[1, 6, 8, 8]
    input flat: f32[2, 5]
    input big: f32[1048576, 1]
    output y = {}
}}
)",
                                         call);
    load_network_text("test.cnn", text, loaded.sources, loaded.diags);
}

class Refused : public testing::TestWithParam<Refusal> {};

TEST_P(Refused, WithTheMessageAtTheNarrowestPlace) {
    const Refusal &expected = GetParam();
    Loaded loaded;
    load(expected.call, loaded);
    ASSERT_EQ(loaded.diags.error_count(), 1u) << loaded.diags.render(loaded.sources);
    const Diagnostic &d = loaded.diags.all()[0];
    EXPECT_EQ(d.message, expected.message);
    EXPECT_EQ(loaded.sources.text(d.span), expected.span);
    ASSERT_EQ(d.notes.empty(), expected.note.empty());
    if (!d.notes.empty()) {
        EXPECT_EQ(d.notes[0].message, expected.note);
        EXPECT_EQ(loaded.sources.text(d.notes[0].span), expected.note_span);
    }
}

INSTANTIATE_TEST_SUITE_P(Calls, Refused, testing::ValuesIn(refusals()));

// What text cannot say, but an importer or a pass can.
TEST(RefusedOps, OfTypesThatAreNotComputed) {
    Diagnostics diags;
    EXPECT_FALSE(infer_type(Unary{UnaryKind::relu}, {{DType::u8, {4}}}, {}, diags));
    ASSERT_EQ(diags.all().size(), 1u);
    EXPECT_EQ(diags.all()[0].message,
              "`relu` is computed in f32 only so far, found an operand of type u8[4]");
}

TEST(RefusedOps, WithNumbersThatAreNoNumbers) {
    const double infinity = std::numeric_limits<double>::infinity();
    const std::vector<TensorType> operands = {{DType::f32, {1, 2, 3}}};
    const std::vector<std::pair<Op, std::string>> cases = {
        {BatchNorm{infinity, true}, "`eps` of `batch_norm` must be finite, found inf"},
        {Unary{UnaryKind::leaky_relu, -infinity},
         "`negative_slope` of `leaky_relu` must be finite, found -inf"},
        {Unary{UnaryKind::clamp, std::nan(""), 1},
         "`min` of `clamp` must not exceed `max`, found nan and 1.0"},
        {Unary{UnaryKind::dropout, std::nan("")},
         "`p` of `dropout` must be between 0 and 1, found nan"},
    };
    for (const auto &[op, message] : cases) {
        Diagnostics diags;
        EXPECT_FALSE(infer_type(op, operands, {}, diags));
        ASSERT_EQ(diags.all().size(), 1u);
        EXPECT_EQ(diags.all()[0].message, message);
    }
}

TEST(RefusedInputs, HaveTheirTypeChecked) {
    Diagnostics diags;
    EXPECT_TRUE(check_type({DType::u8, {1, 3, 224, 224}}, {}, diags));
    EXPECT_TRUE(check_type({DType::f32, {max_elements}}, {}, diags));
    EXPECT_TRUE(check_type({DType::f32, {}}, {}, diags));
    EXPECT_FALSE(diags.has_errors());
    EXPECT_FALSE(check_type({DType::f32, {1, 0}}, {}, diags));
    EXPECT_FALSE(check_type({DType::f32, {1, int64_t(1) << 40}}, {}, diags));
    EXPECT_FALSE(check_type({DType::f32, {int64_t(1) << 62, int64_t(1) << 62}}, {}, diags));
    ASSERT_EQ(diags.all().size(), 3u);
    EXPECT_EQ(diags.all()[0].message, "extents must be positive, found 0 in [1, 0]");
    EXPECT_EQ(diags.all()[1].message,
              "a tensor may have at most 68719476736 elements, found [1, 1099511627776]");
}

// Each diagnostic of the room is in the table above, or in the test named here.
TEST(Refusals, CoverEveryDiagnostic) {
    std::set<std::string> seen = {"not_finite", "operand_type"}; // RefusedOps
    for (const Refusal &refusal : refusals()) {
        Loaded loaded;
        load(refusal.call, loaded);
        for (const Diagnostic &d : loaded.diags.all()) {
            seen.insert(d.id);
        }
    }
    const std::vector<std::string> declared = {
#define CNNC_ERROR(NAME, ...) #NAME,
#define CNNC_NOTE(NAME, ...)
#include "compiler/graph/graph_diagnostics.def"
#undef CNNC_ERROR
#undef CNNC_NOTE
    };
    for (const std::string &name : declared) {
        EXPECT_TRUE(seen.count(name)) << name;
    }
}

} // namespace
