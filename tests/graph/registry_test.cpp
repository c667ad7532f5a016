// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The operators' table agrees with itself and with what it makes; values and their text.
#include "compiler/graph/registry.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

using namespace cnnc;

namespace {

Value integers(const std::vector<int64_t> &entries) {
    ValueList list;
    for (int64_t entry : entries) {
        list.emplace_back().v = entry;
    }
    return {list};
}

// Something for a required argument. 2 suits most of them, two spatial dimensions or not.
Value sample(const OpSpec &spec, const ArgSpec &arg) {
    if (spec.name == "permute") {
        return integers({3, 1, 0, 2});
    }
    if (spec.name == "expand") {
        return integers({2, -1, -1, 4, -1});
    }
    if (spec.name == "strided_slice") {
        return integers({arg.name == "starts" ? 0 : 1, 1, 1, arg.name == "starts" ? 0 : 1});
    }
    switch (arg.kind) {
    case ArgKind::shape:
        return integers({2, 6});
    case ArgKind::numbers:
        return {0.5};
    case ArgKind::dtype:
        return {std::string("i32")};
    case ArgKind::tensor:
        return {ValueList{integers({1, 2}), integers({3, 4})}};
    default:
        return {int64_t(arg.name == "step" ? 1 : arg.name == "start" ? 0 : 2)};
    }
}

ArgValues default_values(const OpSpec &spec) {
    ArgValues values;
    for (const ArgSpec &arg : spec.args) {
        values.push_back(arg.required() ? std::optional<Value>(sample(spec, arg)) : arg.fallback);
        if (spec.name == "clamp") {
            values.back() = {int64_t(2)};
        }
        if (arg.name == "size") { // of interpolate, which has no fixed default
            values.back() = {int64_t(5)};
        }
    }
    return values;
}

std::vector<TensorType> operands_for(const OpSpec &spec) {
    const char rank = spec.name[spec.name.size() - 2];
    Shape shape = {1, 4, 4, 1, 1};
    shape.resize(spec.name.back() != 'd' || rank == '2' ? 4 : rank == '1' ? 3 : 5);
    if (spec.name == "pixel_unshuffle") {
        shape = {1, 4, 4, 2};
    }
    return std::vector<TensorType>(size_t(spec.min_operands), {DType::f32, shape});
}

std::string text(const Op &op, const std::vector<TensorType> &operands) {
    std::string result = op_name(op, operands);
    for (const std::string &argument : argument_texts(op)) {
        result += " " + argument;
    }
    return result;
}

// What is printed is a call of a row, with arguments of the row's kinds in the row's order, and
// makes the same operator again.
void expect_same_again(const Op &op, const std::vector<TensorType> &operands) {
    const OpSpec *spec = find_op(op_name(op, operands));
    ASSERT_TRUE(spec && spec->make);
    ArgValues values;
    for (const ArgSpec &arg : spec->args) {
        values.push_back(arg.fallback);
    }
    size_t next = 0;
    for (const auto &[name, value] : op_arguments(op)) {
        while (next < spec->args.size() && spec->args[next].name != name) {
            ++next;
        }
        ASSERT_LT(next, spec->args.size()) << name;
        EXPECT_TRUE(has_kind(value, spec->args[next].kind)) << name;
        values[next] = value;
    }
    Diagnostics diags;
    const std::optional<Op> again = spec->make(values, operands, {}, diags);
    ASSERT_TRUE(again) << diags.all()[0].message;
    EXPECT_EQ(text(*again, operands), text(op, operands));
    EXPECT_EQ(again->index(), op.index());
}

TEST(Registry, RowsMakeOperatorsThatPrintAndReadBack) {
    for (const OpSpec &spec : op_specs()) {
        SCOPED_TRACE(spec.name);
        EXPECT_EQ(find_op(spec.name), &spec);
        EXPECT_FALSE(spec.doc.empty());
        EXPECT_NE(spec.make == nullptr, spec.make_list == nullptr);
        for (const ArgSpec &arg : spec.args) {
            EXPECT_FALSE(arg.doc.empty());
        }
        Diagnostics diags;
        const auto operands = operands_for(spec);
        std::vector<Op> made;
        if (spec.make_list) {
            made = spec.make_list(default_values(spec), operands, {}, diags).value_or(made);
            EXPECT_GE(made.size(), 1u);
        } else if (std::optional<Op> op = spec.make(default_values(spec), operands, {}, diags)) {
            made.push_back(std::move(*op));
        }
        ASSERT_FALSE(diags.has_errors()) << diags.all()[0].message;
        ASSERT_FALSE(made.empty());
        for (const Op &op : made) {
            ASSERT_NO_FATAL_FAILURE(expect_same_again(op, operands));
        }
    }
}

// One family per operator: a first one, and then others that each differ in one attribute. If a
// text left an attribute out, two of a family would be the same.
std::vector<std::vector<Op>> layer_families() {
    const Conv conv = {4, {3, 3}, {1, 1}, {0, 0}, {0, 0}, {1, 1}, 1, true};
    const ConvTranspose back = {4, {3, 3}, {2, 2}, {0, 0}, {0, 0}, {0, 0}, {1, 1}, 1, true};
    const MaxPool max = {{3, 3}, {1, 1}, {0, 0}, {0, 0}, {1, 1}, false};
    const AvgPool avg = {{3, 3}, {1, 1}, {0, 0}, {0, 0}, false, true};
    std::vector<std::vector<Op>> families = {{conv}, {back}, {max}, {avg}};
    const auto vary = [](std::vector<Op> &family, auto op, const auto &change) {
        change(op);
        family.push_back(op);
    };
    vary(families[0], conv, [](Conv &c) { c.out_channels = 8; });
    vary(families[0], conv, [](Conv &c) { c.kernel = {3, 2}; });
    vary(families[0], conv, [](Conv &c) { c.stride = {1, 2}; });
    vary(families[0], conv, [](Conv &c) { c.pad_lo = {1, 0}; });
    vary(families[0], conv, [](Conv &c) { c.pad_hi = {1, 0}; });
    vary(families[0], conv, [](Conv &c) { c.dilation = {1, 2}; });
    vary(families[0], conv, [](Conv &c) { c.groups = 2; });
    vary(families[0], conv, [](Conv &c) { c.bias = false; });
    vary(families[1], back, [](ConvTranspose &c) { c.out_channels = 8; });
    vary(families[1], back, [](ConvTranspose &c) { c.kernel = {3, 2}; });
    vary(families[1], back, [](ConvTranspose &c) { c.stride = {1, 2}; });
    vary(families[1], back, [](ConvTranspose &c) { c.pad_lo = {1, 0}; });
    vary(families[1], back, [](ConvTranspose &c) { c.pad_hi = {1, 0}; });
    vary(families[1], back, [](ConvTranspose &c) { c.output_padding = {0, 1}; });
    vary(families[1], back, [](ConvTranspose &c) { c.dilation = {1, 2}; });
    vary(families[1], back, [](ConvTranspose &c) { c.groups = 2; });
    vary(families[1], back, [](ConvTranspose &c) { c.bias = false; });
    vary(families[2], max, [](MaxPool &p) { p.kernel = {2, 3}; });
    vary(families[2], max, [](MaxPool &p) { p.stride = {2, 1}; });
    vary(families[2], max, [](MaxPool &p) { p.pad_lo = {1, 0}; });
    vary(families[2], max, [](MaxPool &p) { p.pad_hi = {1, 0}; });
    vary(families[2], max, [](MaxPool &p) { p.dilation = {2, 1}; });
    vary(families[2], max, [](MaxPool &p) { p.ceil_mode = true; });
    vary(families[3], avg, [](AvgPool &p) { p.kernel = {2, 3}; });
    vary(families[3], avg, [](AvgPool &p) { p.stride = {2, 1}; });
    vary(families[3], avg, [](AvgPool &p) { p.pad_lo = {1, 0}; });
    vary(families[3], avg, [](AvgPool &p) { p.pad_hi = {1, 0}; });
    vary(families[3], avg, [](AvgPool &p) { p.ceil_mode = true; });
    vary(families[3], avg, [](AvgPool &p) { p.count_include_pad = false; });
    return families;
}

std::vector<std::vector<Op>> other_families() {
    using U = UnaryKind;
    const TensorType pair = {DType::i32, {2}}, floats = {DType::f32, {2}};
    return {
        {Constant(pair, {1, 2}), Constant(pair, {1, 3}), Constant(floats, {1, 2}),
         Constant({DType::i32, {2, 1}}, {1, 2}), Constant({DType::boolean, {2}}, {1, 0})},
        {Parameter{{2, 3}}, Parameter{{3, 2}}, Parameter{{2, 3}, DType::i64}},
        {BatchNorm{}, BatchNorm{1e-3, true}, BatchNorm{1e-5, false}},
        {InstanceNorm{}, InstanceNorm{1e-3, false}, InstanceNorm{1e-5, true}},
        {GroupNorm{2}, GroupNorm{4}, GroupNorm{2, 1e-3}, GroupNorm{2, 1e-5, false}},
        {LayerNorm{1}, LayerNorm{2}, LayerNorm{1, 1e-3}, LayerNorm{1, 1e-5, false, false},
         LayerNorm{1, 1e-5, true, false}},
        {LocalResponseNorm{5}, LocalResponseNorm{3}, LocalResponseNorm{5, 1e-3},
         LocalResponseNorm{5, 1e-4, 0.5}, LocalResponseNorm{5, 1e-4, 0.75, 2}},
        {Normalize{{0.5}, {2}}, Normalize{{0.25}, {2}}, Normalize{{0.5}, {1.0 / 3}},
         Normalize{{1, 2, 3, 4}, {2}}},
        {Linear{4, true}, Linear{5, true}, Linear{4, false}},
        {MatMul{}},
        {GlobalAvgPool{}},
        {GlobalMaxPool{}},
        {AdaptiveAvgPool{{2, 3}}, AdaptiveAvgPool{{3, 2}}},
        {AdaptiveMaxPool{{2, 3}}, AdaptiveMaxPool{{3, 2}}},
        {Unary{U::clamp, 1, 2}, Unary{U::clamp, 0.1, 2}, Unary{U::clamp, 1, 1.0 / 3 + 1},
         Unary{U::clamp, -std::numeric_limits<double>::infinity(), 2}},
        {Unary{U::selu, 1, 2}, Unary{U::selu, 3, 2}, Unary{U::selu, 1, 3}},
        {Unary{U::gelu}, Unary{U::gelu_tanh}},
        {Binary{BinaryKind::prelu}, Binary{BinaryKind::eq}},
        {Where{}},
        {PRelu{1}, PRelu{4}},
        {Cast{DType::u8}, Cast{DType::boolean}},
        {Softmax{1}, Softmax{2}, Softmax{1, true}},
        {Reduce{ReduceKind::l1, {1}}, Reduce{ReduceKind::l2, {1}}, Reduce{ReduceKind::sum, {1}},
         Reduce{ReduceKind::l1, {1, 2}}, Reduce{ReduceKind::l1, {1}, true}},
        {ArgReduce{true, 1}, ArgReduce{false, 1}, ArgReduce{true, 2}, ArgReduce{true, 1, true}},
        {TopK{1, 1}, TopK{2, 1}, TopK{1, 2}, TopK{1, 1, false}, TopK{1, 1, true, true}},
        {Concat{1}, Concat{2}},
        {Slice{{0, 0, 3, 0}, {1, 4, 2, 5}, {1, 1, -2, 1}},
         Slice{{0, 0, 2, 0}, {1, 4, 2, 5}, {1, 1, -2, 1}},
         Slice{{0, 0, 3, 0}, {1, 4, 1, 5}, {1, 1, -2, 1}},
         Slice{{0, 0, 3, 0}, {1, 4, 2, 5}, {1, 1, -1, 1}}},
        {Pad{{0, 0, 1, 0}, {0, 0, 0, 2}}, Pad{{0, 0, 0, 0}, {0, 0, 0, 2}},
         Pad{{0, 0, 1, 0}, {0, 0, 0, 0}}, Pad{{0, 0, 1, 0}, {0, 0, 0, 2}, PadMode::reflect},
         Pad{{0, 0, 1, 0}, {0, 0, 0, 2}, PadMode::constant, -0.1}},
        {Permute{{0, 2, 1, 3}}, Permute{{0, 1, 3, 2}}},
        {Flatten{1, 2}, Flatten{0, 2}, Flatten{1, 3}},
        {Reshape{{4, 20}}, Reshape{{20, 4}}},
        {Expand{{2, 4, 4, 5}}, Expand{{3, 4, 4, 5}}},
        {Tile{{2, 1, 1, 1}}, Tile{{1, 2, 1, 1}}},
        {IndexSelect{1, {0, 3}}, IndexSelect{2, {0, 3}}, IndexSelect{1, {3}}},
        {Resize{{8, 5}, {2, 1}}, Resize{{8, 6}, {2, 1}}, Resize{{8, 5}, {2, 1.1}},
         Resize{{8, 5}, {2, 1}, ResizeMode::cubic},
         Resize{{8, 5}, {2, 1}, ResizeMode::nearest, ResizeCoordinates::asymmetric},
         Resize{{8, 5},
                {2, 1},
                ResizeMode::nearest,
                ResizeCoordinates::half_pixel,
                ResizeRounding::round_prefer_floor},
         Resize{{8, 5},
                {2, 1},
                ResizeMode::nearest,
                ResizeCoordinates::half_pixel,
                ResizeRounding::floor,
                -0.5},
         Resize{{8, 5},
                {2, 1},
                ResizeMode::nearest,
                ResizeCoordinates::half_pixel,
                ResizeRounding::floor,
                -0.75,
                true}},
        {PixelShuffle{2}, PixelShuffle{1}},
        {PixelUnshuffle{2}, PixelUnshuffle{1}},
        {ChannelShuffle{2}, ChannelShuffle{4}},
        {Sample{SampleKind::pick, {1, 2}}, Sample{SampleKind::max, {1, 2}},
         Sample{SampleKind::pick, {1, 3}}, Sample{SampleKind::pick, {1, 2}, 0.5}},
    };
}

TEST(Registry, TextsTellEveryAttribute) {
    std::vector<std::vector<Op>> families = layer_families();
    for (std::vector<Op> &family : other_families()) {
        families.push_back(std::move(family));
    }
    const std::vector<TensorType> operands = {{DType::f32, {1, 4, 4, 5}}};
    std::set<size_t> seen = {0}; // Input, which is no call
    for (const std::vector<Op> &family : families) {
        std::set<std::string> texts;
        for (const Op &op : family) {
            SCOPED_TRACE(text(op, operands));
            EXPECT_TRUE(texts.insert(text(op, operands)).second);
            const bool two = std::holds_alternative<Binary>(op);
            ASSERT_NO_FATAL_FAILURE(expect_same_again(
                op, two ? std::vector<TensorType>{operands[0], operands[0]} : operands));
            seen.insert(op.index());
        }
    }
    EXPECT_EQ(seen.size(), std::variant_size_v<Op>);
}

// Every kind of the three enumerations that calls are named after has a row of its own.
TEST(Registry, KindsAreNamed) {
    std::set<std::string> names;
    int kinds = 0;
    const std::vector<TensorType> two(2, {DType::f32, {1, 4}});
    for (int kind = 0; kind <= int(UnaryKind::is_nan); ++kind, ++kinds) {
        const Unary op = {UnaryKind(kind), 0.5, 0.75};
        ASSERT_NO_FATAL_FAILURE(expect_same_again(op, {two[0]})) << kind;
        names.insert(text(op, {two[0]}));
    }
    for (int kind = 0; kind <= int(BinaryKind::logical_xor); ++kind, ++kinds) {
        const Binary op = {BinaryKind(kind)};
        ASSERT_NO_FATAL_FAILURE(expect_same_again(op, two)) << kind;
        names.insert(text(op, two));
    }
    for (int kind = 0; kind <= int(ReduceKind::log_sum_exp); ++kind, ++kinds) {
        const Reduce op = {ReduceKind(kind), {1}, true};
        ASSERT_NO_FATAL_FAILURE(expect_same_again(op, {two[0]})) << kind;
        names.insert(text(op, {two[0]}));
    }
    EXPECT_EQ(names.size(), size_t(kinds));
}

// PyTorch's meaning of calls with several forms, as what they make prints.
TEST(Registry, FormsOfCalls) {
    const auto made = [](const char *name, const std::vector<std::pair<size_t, Value>> &given,
                         const Shape &shape) {
        const OpSpec &spec = *find_op(name);
        ArgValues values;
        for (const ArgSpec &arg : spec.args) {
            values.push_back(arg.fallback);
        }
        for (const auto &[index, value] : given) {
            values[index] = value;
        }
        Diagnostics diags;
        const std::vector<TensorType> operands = {{DType::f32, shape}};
        if (spec.make_list) {
            std::string all;
            const std::vector<Op> ops = *spec.make_list(values, operands, {}, diags);
            for (const Op &op : ops) {
                all += (all.empty() ? "" : "; ") + text(op, operands);
            }
            return all;
        }
        return text(*spec.make(values, operands, {}, diags), operands);
    };
    const auto word = [](const char *s) { return Value{std::string(s)}; };
    const auto i = [](int64_t value) { return Value{value}; };
    const std::string half_pixel = " antialias=false coordinates=half_pixel";
    const struct {
        std::string made, expected;
    } forms[] = {
        // Python's slices: x[1:], x[-3:-1], x[::-1], x[::2], x[100:0:-3], x[-100:100:100].
        {made("slice", {{0, i(0)}, {1, i(1)}}, {5}),
         "strided_slice starts=[1] extents=[4] steps=[1]"},
        {made("slice", {{0, i(0)}, {1, i(-3)}, {2, i(-1)}}, {5}),
         "strided_slice starts=[2] extents=[2] steps=[1]"},
        {made("slice", {{0, i(0)}, {3, i(-1)}}, {5}),
         "strided_slice starts=[4] extents=[5] steps=[-1]"},
        {made("slice", {{0, i(-1)}, {3, i(2)}}, {3, 5}),
         "strided_slice starts=[0, 0] extents=[3, 3] steps=[1, 2]"},
        {made("slice", {{0, i(0)}, {1, i(100)}, {2, i(0)}, {3, i(-3)}}, {5}),
         "strided_slice starts=[4] extents=[2] steps=[-3]"},
        {made("slice", {{0, i(0)}, {1, i(-100)}, {2, i(100)}, {3, i(100)}}, {5}),
         "strided_slice starts=[0] extents=[1] steps=[1]"},
        {made("flip", {{0, i(-1)}}, {3, 5}),
         "strided_slice starts=[0, 4] extents=[3, 5] steps=[1, -1]"},
        {made("split", {{0, i(2)}}, {5}),
         "strided_slice starts=[0] extents=[2] steps=[1]; strided_slice starts=[2] extents=[2] "
         "steps=[1]; strided_slice starts=[4] extents=[1] steps=[1]"},
        {made("split", {{0, integers({4, 1})}}, {5}),
         "strided_slice starts=[0] extents=[4] steps=[1]; strided_slice starts=[4] extents=[1] "
         "steps=[1]"},
        {made("chunk", {{0, i(3)}}, {4}), // PyTorch gives two
         "strided_slice starts=[0] extents=[2] steps=[1]; strided_slice starts=[2] extents=[2] "
         "steps=[1]"},
        {made("topk", {{0, i(2)}}, {3, 5}),
         "topk_values 2 dim=1 largest=true; topk_indices 2 dim=1 largest=true"},
        {made("squeeze", {}, {1, 3, 1, 2}), "reshape [3, 2]"},
        {made("squeeze", {{0, integers({-2, 1})}}, {1, 3, 1, 2}), "reshape [1, 3, 2]"},
        {made("unsqueeze", {{0, i(-1)}}, {3, 2}), "reshape [3, 2, 1]"},
        {made("transpose", {{0, i(-1)}, {1, i(1)}}, {2, 3, 4, 5}), "permute dims=[0, 3, 2, 1]"},
        {made("expand", {{0, integers({4, -1, 3})}}, {2, 1}), "expand [4, 2, 3]"},
        {made("tile", {{0, integers({2})}}, {2, 3}), "tile repeats=[1, 2]"},
        {made("layer_norm", {{0, integers({3, 4})}}, {2, 3, 4}),
         "layer_norm eps=1e-05 elementwise_affine=true bias=true dims=2"},
        {made("hard_tanh", {}, {2}), "clamp min=-1.0 max=1.0"},
        {made("norm", {{2, Value{true}}}, {2, 3}), "norm p=2 dim=[0, 1] keepdim=true"},
        {made("pad", {{0, i(1)}}, {1, 2, 3, 4}),
         "pad padding=[[0, 0], [0, 0], [1, 1], [1, 1]] mode=constant value=0.0"},
        {made("pad", {{0, {ValueList{integers({1, 2})}}}, {1, word("reflect")}}, {1, 2, 3}),
         "pad padding=[[0, 0], [0, 0], [1, 2]] mode=reflect value=0.0"},
        // PyTorch's scale is what it is given, not the extents' ratio: floor(5 * 1.5) is 7.
        {made("interpolate", {{1, {1.5}}}, {1, 1, 5}),
         "interpolate size=[7] scale_factor=[1.5] mode=nearest antialias=false "
         "coordinates=asymmetric rounding=floor cubic_a=-0.75"},
        {made("interpolate", {{0, i(10)}, {2, word("bilinear")}}, {1, 1, 5, 4}),
         "interpolate size=[10, 10] scale_factor=[2.0, 2.5] mode=linear" + half_pixel +
             " rounding=floor cubic_a=-0.75"},
        {made("interpolate", {{0, i(10)}, {2, word("nearest_exact")}}, {1, 1, 5}),
         "interpolate size=[10] scale_factor=[2.0] mode=nearest" + half_pixel +
             " rounding=round_prefer_ceil cubic_a=-0.75"},
        {made("interpolate", {{0, i(10)}, {2, word("cubic")}, {3, Value{true}}}, {1, 1, 5}),
         "interpolate size=[10] scale_factor=[2.0] mode=cubic antialias=false "
         "coordinates=align_corners rounding=floor cubic_a=-0.75"},
        {made("tensor", {{0, {ValueList{{true}, {false}}}}}, {}),
         "tensor [true, false] dtype=bool"},
        {made("tensor", {{0, i(3)}}, {}), "tensor 3.0 dtype=f32"},
        {made("tensor", {{0, i(3)}, {1, word("i64")}}, {}), "tensor 3 dtype=i64"},
    };
    for (const auto &[made, expected] : forms) {
        EXPECT_EQ(made, expected);
    }
}

TEST(Registry, NumbersTakeTheTensorsType) {
    const TensorType flags = {DType::boolean, {2}}, ids = {DType::i64, {2}};
    EXPECT_EQ(scalar_dtype(*find_op("add"), {ids, std::nullopt}), DType::i64);
    EXPECT_EQ(scalar_dtype(*find_op("add"), {std::nullopt, ids}), DType::i64);
    EXPECT_EQ(scalar_dtype(*find_op("add"), {std::nullopt, std::nullopt}), DType::f32);
    EXPECT_EQ(scalar_dtype(*find_op("where"), {flags, std::nullopt, ids}), DType::i64);
    EXPECT_EQ(scalar_dtype(*find_op("where"), {flags, std::nullopt, std::nullopt}), DType::f32);
    EXPECT_TRUE(find_op("where")->numbers && find_op("prelu")->numbers);
    EXPECT_FALSE(find_op("concat")->numbers || find_op("matmul")->numbers);
}

TEST(Registry, TypesHoldNumbers) {
    const double infinity = std::numeric_limits<double>::infinity();
    const struct {
        DType dtype;
        std::vector<double> yes, no;
    } ranges[] = {
        {DType::u8, {0, 255}, {-1, 256, 0.5, infinity, std::nan("")}},
        {DType::i8, {-128, 127}, {-129, 128}},
        {DType::i32, {-2147483648.0, 2147483647.0}, {2147483648.0, 1e300}},
        {DType::i64, {-9007199254740992.0, 9007199254740992.0}, {1e17, 0.1, infinity}},
        {DType::boolean, {0, 1}, {2, -1, 0.5}},
        {DType::f32, {0.1, -infinity}, {std::nan("")}},
    };
    for (const auto &[dtype, yes, no] : ranges) {
        for (double value : yes) {
            EXPECT_TRUE(can_hold(dtype, value)) << dtype_name(dtype) << " " << value;
        }
        for (double value : no) {
            EXPECT_FALSE(can_hold(dtype, value)) << dtype_name(dtype) << " " << value;
        }
    }
}

TEST(Registry, DefaultsHaveTheirKinds) {
    std::set<std::string_view> names;
    for (const OpSpec &spec : op_specs()) {
        EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
        for (const ArgSpec &arg : spec.args) {
            EXPECT_TRUE(!arg.fallback || has_kind(*arg.fallback, arg.kind))
                << spec.name << " " << arg.name;
            EXPECT_EQ(arg.kind == ArgKind::choice, !arg.choices.empty());
        }
    }
}

TEST(Registry, FindsNothingElse) {
    EXPECT_EQ(find_op("conv4d"), nullptr);
    EXPECT_EQ(find_op(""), nullptr);
    EXPECT_EQ(find_op("input"), nullptr);
}

TEST(Registry, ArgumentsDependingOnOthers) {
    const OpSpec &pool = *find_op("max_pool2d");
    EXPECT_TRUE(pool.args[0].required());
    EXPECT_FALSE(pool.args[1].required());
    EXPECT_FALSE(pool.args[1].fallback);
    Diagnostics diags;
    ArgValues values = default_values(pool);
    values[0] = Value{ValueList{{int64_t(3)}, {int64_t(2)}}};
    const auto op = pool.make(values, {{DType::f32, {1, 1, 9, 9}}}, {}, diags);
    EXPECT_EQ(std::get<MaxPool>(*op).stride, (std::vector<int64_t>{3, 2}));
}

TEST(Values, PrintAsTheLanguageWritesThem) {
    const ValueList nested = {{ValueList{{int64_t(1)}, {int64_t(-2)}}}, {0.5}, {true}};
    EXPECT_EQ(value_text({nested}), "[[1, -2], 0.5, true]");
    EXPECT_EQ(value_text({std::string("same")}), "same");
    EXPECT_EQ(value_text({ValueList{}}), "[]");
    EXPECT_EQ(number_text(1e-5), "1e-05");
    EXPECT_EQ(number_text(2), "2.0");
    EXPECT_EQ(number_text(-3), "-3.0");
    EXPECT_EQ(number_text(0.1), "0.1");
    EXPECT_EQ(number_text(1.0 / 3), "0.3333333333333333");
    EXPECT_EQ(number_text(1e300), "1e+300");
    EXPECT_EQ(number_text(-0.0), "-0.0");
}

TEST(Values, HaveKinds) {
    const Value i = {int64_t(1)}, d = {1.0}, b = {true}, s = {std::string("same")};
    const Value list = {ValueList{i, i}}, pairs = {ValueList{list, i}}, mixed = {ValueList{i, d}};
    const Value two_pairs = {ValueList{list, list}}, flags = {ValueList{b, b}};
    Value deep = i;
    for (int level = 0; level < 40; ++level) {
        deep = {ValueList{deep}};
    }
    const struct {
        ArgKind kind;
        std::vector<Value> yes, no;
    } kinds[] = {
        {ArgKind::integer, {i}, {d, b, s, list}},
        {ArgKind::number, {i, d}, {b, s, list}},
        {ArgKind::boolean, {b}, {i, d, s, list}},
        {ArgKind::dims, {i, list}, {d, b, s, pairs, mixed}},
        {ArgKind::padding, {i, list, pairs, s}, {d, b, mixed}},
        {ArgKind::borders, {i, list, pairs}, {d, b, s, mixed}},
        {ArgKind::pairs, {i, two_pairs}, {d, b, s, list, pairs}},
        {ArgKind::shape, {list}, {i, d, b, s, pairs, mixed}},
        {ArgKind::integers, {i, list}, {d, b, s, pairs, mixed}},
        {ArgKind::numbers, {i, d, list, mixed}, {b, s, pairs, flags}},
        {ArgKind::choice, {s}, {i, d, b, list}},
        {ArgKind::dtype, {s}, {i, d, b, list}},
        {ArgKind::tensor, {i, d, b, list, mixed, flags, two_pairs}, {s, {ValueList{s}}, deep}},
    };
    for (const auto &[kind, yes, no] : kinds) {
        for (const Value &value : yes) {
            EXPECT_TRUE(has_kind(value, kind)) << kind_text(kind) << " " << value_text(value);
        }
        for (const Value &value : no) {
            EXPECT_FALSE(has_kind(value, kind)) << kind_text(kind) << " " << value_text(value);
        }
    }
    EXPECT_EQ(value_kind(i), "an integer");
    EXPECT_EQ(value_kind(list), "a list");
}

TEST(Unary, OfSpecialNumbers) {
    using U = UnaryKind;
    const double infinity = std::numeric_limits<double>::infinity();
    EXPECT_EQ(apply({U::sigmoid}, -1000), 0);
    EXPECT_EQ(apply({U::sigmoid}, 1000), 1);
    EXPECT_EQ(apply({U::silu}, -1000), 0);
    EXPECT_EQ(apply({U::clamp, -infinity, 2}, -1e9), -1e9);
    // Nothing overflows or loses what is small.
    EXPECT_EQ(apply({U::softplus, 1, 1e9}, 1000), 1000);
    EXPECT_NEAR(apply({U::softplus, 1, 20}, -40), std::exp(-40), 1e-30);
    EXPECT_EQ(apply({U::softplus, 2, 20}, 10.5), 10.5); // above the threshold
    EXPECT_NEAR(apply({U::softplus, 2, 20}, 0.5), std::log(1 + std::exp(1.0)) / 2, 1e-15);
    EXPECT_EQ(apply({U::log_sigmoid}, -1000), -1000);
    EXPECT_NEAR(apply({U::log_sigmoid}, 40), -std::exp(-40), 1e-30);
    EXPECT_EQ(apply({U::mish}, 1000), 1000);
    EXPECT_NEAR(apply({U::mish}, -40), -40 * std::exp(-40), 1e-28);
    EXPECT_NEAR(apply({U::elu, 2}, -1e-20), -2e-20, 1e-33);
    // Halves to even, signs, bounds.
    const double halves[][2] = {{0.5, 0}, {1.5, 2}, {2.5, 2}, {-0.5, 0}, {-1.5, -2}, {2.6, 3}};
    for (const auto &[x, rounded] : halves) {
        EXPECT_EQ(apply({U::round}, x), rounded) << x;
    }
    EXPECT_EQ(apply({U::sign}, -0.1), -1);
    EXPECT_EQ(apply({U::sign}, 0), 0);
    EXPECT_EQ(apply({U::threshold, 1, 7}, 1), 7); // only above it
    EXPECT_EQ(apply({U::hard_shrink, 0.5}, -0.5), 0);
    EXPECT_EQ(apply({U::soft_shrink, 0.5}, -2), -1.5);
    EXPECT_EQ(apply({U::hard_sigmoid, 1.0 / 6, 0.5}, -3), 0);
    EXPECT_EQ(apply({U::logical_not}, 0), 1);
}

// What is no number stays none, but for comparisons and picks.
TEST(Unary, OfWhatIsNoNumber) {
    for (int kind = 0; kind <= int(UnaryKind::is_nan); ++kind) {
        const double result = apply({UnaryKind(kind), 0.5, 0.75}, std::nan(""));
        switch (UnaryKind(kind)) {
        case UnaryKind::hard_shrink:
        case UnaryKind::soft_shrink:
        case UnaryKind::logical_not:
            EXPECT_EQ(result, 0);
            break;
        case UnaryKind::threshold:
            EXPECT_EQ(result, 0.75);
            break;
        case UnaryKind::is_nan:
            EXPECT_EQ(result, 1);
            break;
        default:
            EXPECT_TRUE(std::isnan(result)) << kind;
        }
    }
}

TEST(Binary, OfSpecialNumbers) {
    using B = BinaryKind;
    EXPECT_EQ(apply(B::remainder, -7, 3), 2);
    EXPECT_EQ(apply(B::remainder, 7, -3), -2);
    EXPECT_EQ(apply(B::remainder, -6, 3), 0);
    EXPECT_EQ(apply(B::fmod, -7, 3), -1);
    EXPECT_EQ(apply(B::fmod, 7, -3), 1);
    EXPECT_EQ(apply(B::prelu, -2, 0.25), -0.5);
    EXPECT_EQ(apply(B::prelu, 2, 0.25), 2);
    EXPECT_EQ(apply(B::pow, 0, 0), 1);
    EXPECT_EQ(apply(B::logical_xor, 1, 1), 0);
    EXPECT_EQ(apply(B::logical_or, 0, 1), 1);
    EXPECT_EQ(apply(B::ge, 2, 2), 1);
    EXPECT_EQ(apply(B::gt, 2, 2), 0);
    const double none = std::nan("");
    for (const auto kind : {B::maximum, B::minimum}) {
        EXPECT_TRUE(std::isnan(apply(kind, none, 1)));
        EXPECT_TRUE(std::isnan(apply(kind, 1, none)));
    }
    EXPECT_EQ(apply(B::eq, none, none), 0);
    EXPECT_EQ(apply(B::ne, none, none), 1);
}

} // namespace
