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
    std::string call;    // with operands x = f32[1, 6, 8, 8], flat = f32[2, 5], ids = i64[2, 5],
                         // bytes = u8[1, 3, 4, 4], mask = bool[2, 5] and big
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
        {"interpolate(x, 16, mode=\"area\")", "\"area\"",
         "`mode` of `interpolate` may be `nearest`, `nearest_exact`, `linear`, `bilinear`, "
         "`trilinear`, `cubic` or `bicubic`, found `area`"},
        {"pad(x, 1, mode=2)", "2",
         "`mode` of `pad` must be `constant`, `reflect`, `replicate` or `circular`, found an "
         "integer"},
        {"cast(x, \"f16\")", "\"f16\"",
         "`dtype` of `cast` may be `f32`, `u8`, `i8`, `i32`, `i64` or `bool`, found `f16`"},
        {"conv_transpose2d(x, 8, 3, padding=same)", "same",
         "`padding` of `conv_transpose2d` must be an integer, or a list of integers or pairs, "
         "found "
         "a string"},
        {"sum(x, dim=1.5)", "1.5",
         "`dim` of `sum` must be an integer or a list of integers, found a number"},
        {"normalize(x, mean=[0.5, true], std=1)", "[0.5, true]",
         "`mean` of `normalize` must be a number or a list of numbers, found a list"},
        {"pad(x, [1, 1])", "[1, 1]",
         "`padding` of `pad` must be an integer or a list of pairs, found a list"},
        {"pad(x, [[1, 1, 1]])", "[[1, 1, 1]]",
         "a pair of `padding` of `pad` is [before, after], found 3 entries"},
        {"pad(flat, [[1, 1], [1, 1], [1, 1]])", "[[1, 1], [1, 1], [1, 1]]",
         "`padding` of `pad` has more entries than f32[2, 5] has dimensions, 3"},
        {"prelu(x, flat, num_parameters=6)", "6",
         "`num_parameters` of `prelu` is for a learned weight, but there is a second operand"},
        {"norm(x, p=3)", "3", "`p` of `norm` must be 1 or 2, found 3"},
        {"layer_norm(x, [8, 9])", "[8, 9]",
         "`normalized_shape` of `layer_norm` is [8, 9], but the operand is f32[1, 6, 8, 8]"},
        {"flat + tensor([[1, 2], [3]])", "[[1, 2], [3]]",
         "`tensor` needs lists of equal lengths on each level"},
        {"flat + tensor([1, [2]])", "[1, [2]]",
         "`tensor` needs lists of equal lengths on each level"},
        {"flat + tensor([])", "[]", "extents must be positive, found 0 in [0]"},
        {"ids + tensor(1.5, dtype=i64)", "1.5", "`tensor` of type i64 cannot hold 1.5"},
        {"ids + cast(tensor([1, 256], dtype=u8), i64)", "[1, 256]",
         "`tensor` of type u8 cannot hold 256"},
        {"interpolate(x)", "interpolate", "`interpolate` needs `size`, `scale_factor` or both"},
        {"interpolate(x, [4, 4, 4])", "[4, 4, 4]",
         "`size` of `interpolate` needs 2 entries, one per spatial dimension, found 3"},
        {"interpolate(x, 16, align_corners=true)", "true",
         "`align_corners` goes with linear and cubic modes, not `nearest`"},
        {"interpolate(x, 16, mode=linear, align_corners=true, coordinates=half_pixel)", "true",
         "`align_corners` already says what `coordinates` does"},
        {"interpolate(x, 16, mode=trilinear)", "x",
         "`interpolate` needs an operand of rank 5 [N, C, D, H, W], found f32[1, 6, 8, 8]"},
        {"slice(x, 2, 5, 3)", "2", "nothing is left of dimension 2 between 5 and 3"},
        {"slice(x, 2, step=0)", "0", "the step of `slice` must not be 0"},
        {"narrow(x, 1, 6, 1)", "6",
         "`start` of `narrow` must be from -6 to 5 in dimension 1, found 6"},
        {"narrow(x, 1, -2, 3)", "3",
         "`length` of `narrow` must be from 1 to 2 behind element 4, found 3"},
        {"split(x, [2, 3], dim=1)[0]", "[2, 3]",
         "`split` needs `sizes` that add up to the 6 of dimension 1, found [2, 3]"},
        {"split(x, [2, 0, 4], dim=1)[0]", "[2, 0, 4]",
         "`sizes` of `split` must be positive, found 0"},
        {"split(big, 1)[0]", "1", "`split` gives at most 4096 parts, found 1048576"},
        {"chunk(x, 0)[0]", "0", "`chunks` of `chunk` must be positive, found 0"},
        {"chunk(big, 5000)[0]", "5000", "`chunk` gives at most 4096 parts, found 4994"},
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
        {"softmax(sum(flat), dim=0)", "0",
         "`dim` of `softmax` is 0, but the operand has no dimensions"},
        {"sum(x, dim=[1, -3])", "[1, -3]", "`dim` of `sum` names dimension 1 twice"},
        {"sum(x, dim=[])", "[]", "`dim` of `sum` must name a dimension"},
        {"sample(x, tensor([[0]], dtype=i32), tensor([[0]], dtype=i32), dims=[3, 2])", "[3, 2]",
         "`dims` of `sample` must be ascending, found [3, 2]"},
        {"permute(x, [0, 1, 1, 3])", "[0, 1, 1, 3]",
         "`dims` of `permute` must have each of 0 to 3 once, found [0, 1, 1, 3]"},
        {"permute(x, [0, 1, -1])", "[0, 1, -1]",
         "`dims` of `permute` needs 4 entries, one per dimension, found 3"},
        {"tile(flat, [1, 2, 3])", "[1, 2, 3]",
         "`repeats` of `tile` needs 2 entries, one per dimension, found 3"},
        {"softplus(x, beta=0)", "0", "`beta` of `softplus` must not be 0"},
        {"celu(x, 0)", "0", "`alpha` of `celu` must not be 0"},
        {"normalize(x, 0, [1, 1, 0, 1, 1, 1])", "[1, 1, 0, 1, 1, 1]",
         "`std` of `normalize` must not be 0"},
        {"clamp(ids, min=0.5)", "0.5", "`min` of `clamp` must be of type i64, found 0.5",
         "this operand is i64[2, 5]", "ids"},
        {"pad(bytes, 1, value=-1)", "-1", "`value` of `pad` must be of type u8, found -1.0",
         "this operand is u8[1, 3, 4, 4]", "bytes"},
        {"sample(ids, tensor([[0]], dtype=i32), dims=[0], fill=0.5)", "0.5",
         "`fill` of `sample` must be of type i64, found 0.5"},
        {"local_response_norm(x, 0)", "0",
         "`size` of `local_response_norm` must be positive, found 0"},
        {"interpolate(x, scale_factor=-1)", "interpolate",
         "`size` of `interpolate` must be positive, found 0"},
        {"interpolate(x, 16, scale_factor=[2, 0])", "[2, 0]",
         "`scale_factor` of `interpolate` must be positive, found 0.0"},
        {"interpolate(x, scale_factor=1e300)", "interpolate",
         "`size` of `interpolate` must be at most 2147483647, found 4000000000000000000"},
        {"interpolate(x, 4, antialias=true)", "true",
         "`antialias` goes with linear and cubic modes"},
        {"conv_transpose2d(x, 8, 3, stride=2, output_padding=2)", "2",
         "`output_padding` of `conv_transpose2d` must be less than the stride or dilation of 2, "
         "found 2"},
        {"adaptive_avg_pool2d(x, [1, 0])", "[1, 0]",
         "`output_size` of `adaptive_avg_pool2d` must be positive, found 0"},
        // Arguments that do not go with the operand.
        {"normalize(x, [1, 2], 1)", "[1, 2]",
         "`mean` of `normalize` needs 1 or 6 entries, one per channel, found 2",
         "this operand is f32[1, 6, 8, 8]", "x"},
        {"prelu(x, num_parameters=8)", "8",
         "`num_parameters` of `prelu` needs 1 or 6 entries, one per channel, found 8",
         "this operand is f32[1, 6, 8, 8]", "x"},
        {"group_norm(x, 4)", "4", "`group_norm` needs channels divisible by its 4 groups, found 6",
         "this operand is f32[1, 6, 8, 8]", "x"},
        {"layer_norm(flat, dims=3)", "3",
         "`dims` of `layer_norm` must be at most the rank of 2, found 3",
         "this operand is f32[2, 5]", "flat"},
        {"conv_transpose2d(x, 6, 3, groups=4)", "4",
         "`conv_transpose2d` with `groups=4` needs input channels divisible by 4, found 6",
         "this operand is f32[1, 6, 8, 8]", "x"},
        {"conv_transpose2d(x, 6, 3, padding=5)", "5",
         "`conv_transpose2d` leaves an extent of 0 in dimension 2",
         "this operand is f32[1, 6, 8, 8]", "x"},
        {"conv_transpose1d(reshape(big, [1, 1, -1]), 1, 1, stride=2147483647)", "2147483647",
         "the result of `conv_transpose1d` has more than 68719476736 elements in dimension 2"},
        {"interpolate(reshape(big, [1, 1, -1]), [16777217])", "interpolate",
         "`interpolate` would need a table of 16777217 positions for dimension 2; at most 16777216 "
         "are supported"},
        {"slice(reshape(tile(big, [1, 32]), [-1]), 0, step=-1)", "slice",
         "`strided_slice` would need a table of 33554432 positions for dimension 0; at most "
         "16777216 are supported"},
        {"pad(x, -4)", "-4", "`pad` leaves an extent of 0 in dimension 2",
         "this operand is f32[1, 6, 8, 8]", "x"},
        {"pad(x, [[-8, 9]])", "[[-8, 9]]", "`pad` leaves an extent of 0 in dimension 3",
         "this operand is f32[1, 6, 8, 8]", "x"},
        {"pad(x, -9223372036854775807)", "-9223372036854775807",
         "`pad` leaves an extent of -8 in dimension 2", "this operand is f32[1, 6, 8, 8]", "x"},
        {"pad(x, [[8, 0]], mode=reflect)", "[[8, 0]]",
         "`padding` with `mode=reflect` must be from 0 to 7 in dimension 3, found 8",
         "this operand is f32[1, 6, 8, 8]", "x"},
        {"pad(x, [[0, 9]], mode=circular)", "[[0, 9]]",
         "`padding` with `mode=circular` must be from 0 to 8 in dimension 3, found 9",
         "this operand is f32[1, 6, 8, 8]", "x"},
        {"pad(x, [[-1, 0]], mode=replicate)", "[[-1, 0]]",
         "`padding` with `mode=replicate` must be from 0 to 2147483647 in dimension 3, found -1",
         "this operand is f32[1, 6, 8, 8]", "x"},
        {"topk(flat, 6)[0]", "6",
         "`k` of `topk_values` must be at most the 5 of dimension 1, found 6",
         "this operand is f32[2, 5]", "flat"},
        {"strided_slice(flat, [0, 5], [1, 1], [1, 1])", "[0, 5]",
         "the slice of dimension 1 must start inside its 5 elements, found 5"},
        {"strided_slice(flat, [0, 4], [1, 4], [1, -2])", "[1, 4]",
         "a slice of 4 elements, -2 apart, from 4 on reaches beyond dimension 1 with 5"},
        {"strided_slice(flat, [0, 0], [1, 2], [1, 0])", "[1, 0]",
         "the step of `strided_slice` must not be 0"},
        {"index_select(flat, 1, [])", "[]", "`index` of `index_select` must have entries"},
        {"index_select(flat, 1, [0, 5])", "[0, 5]",
         "`index` of `index_select` along dimension 1 must be from 0 to 4, found 5",
         "this operand is f32[2, 5]", "flat"},
        {"pixel_shuffle(x, 4)", "4", "`pixel_shuffle` needs dimension 1 divisible by 16, found 6",
         "this operand is f32[1, 6, 8, 8]", "x"},
        {"pixel_unshuffle(x, 3)", "3",
         "`pixel_unshuffle` needs dimension 2 divisible by 3, found 8",
         "this operand is f32[1, 6, 8, 8]", "x"},
        {"channel_shuffle(x, 4)", "4",
         "`channel_shuffle` needs dimension 1 divisible by 4, found 6",
         "this operand is f32[1, 6, 8, 8]", "x"},
        {"expand(x, [6, 8, 8])", "[6, 8, 8]", "cannot expand f32[1, 6, 8, 8] to [6, 8, 8]",
         "this operand is f32[1, 6, 8, 8]", "x"},
        {"expand(flat, [4, 5])", "[4, 5]", "cannot expand f32[2, 5] to [4, 5]",
         "this operand is f32[2, 5]", "flat"},
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
        {"relu6(ids)", "ids", "`relu6` needs an operand of type f32, found i64[2, 5]"},
        {"relu(bytes)", "bytes",
         "`relu` needs an operand of type f32, i32 or i64, found u8[1, 3, 4, 4]"},
        {"logical_not(flat)", "flat",
         "`logical_not` needs an operand of type bool, found f32[2, 5]"},
        {"conv2d(bytes, 8, 3)", "bytes",
         "`conv2d` needs an operand of type f32, found u8[1, 3, 4, 4]"},
        {"max_pool2d(bytes, 2)", "bytes",
         "`max_pool2d` needs an operand of type f32, found u8[1, 3, 4, 4]"},
        {"batch_norm(bytes)", "bytes",
         "`batch_norm` needs an operand of type f32, found u8[1, 3, 4, 4]"},
        {"interpolate(bytes, 8, mode=bilinear)", "bytes",
         "`interpolate` needs an operand of type f32, found u8[1, 3, 4, 4]"},
        {"mean(ids)", "ids", "`mean` needs an operand of type f32, found i64[2, 5]"},
        {"argmax(ids, 1)", "ids", "`argmax` needs an operand of type f32, found i64[2, 5]"},
        {"topk(ids, 1)[1]", "ids", "`topk_values` needs an operand of type f32, found i64[2, 5]"},
        {"softmax(ids)", "ids", "`softmax` needs an operand of type f32, found i64[2, 5]"},
        {"div(ids, ids)", "ids", "`div` needs an operand of type f32, found i64[2, 5]"},
        {"mask + mask", "mask", "`add` needs an operand of type f32, i32 or i64, found bool[2, 5]"},
        {"flat + ids", "ids", "`add` needs operands of one type, found f32[2, 5] and i64[2, 5]",
         "this operand is f32[2, 5]", "flat"},
        {"concat(flat, ids)", "ids",
         "`concat` needs operands of one type, found f32[2, 5] and i64[2, 5]",
         "this operand is f32[2, 5]", "flat"},
        {"where(flat, flat, flat)", "flat",
         "`where` needs an operand of type bool, found f32[2, 5]"},
        {"where(mask, flat, ids)", "ids",
         "`where` needs operands of one type, found f32[2, 5] and i64[2, 5]",
         "this operand is f32[2, 5]", "flat"},
        {"matmul(flat, flat)", "matmul",
         "`matmul` needs as many columns as the second operand has rows, found 5 and 2",
         "this operand is f32[2, 5]", "flat"},
        {"matmul(expand(x, [3, 6, 8, 8]), tile(x, [2, 1, 1, 1]))", "matmul",
         "`matmul` cannot broadcast f32[3, 6, 8, 8] with f32[2, 6, 8, 8]",
         "this operand is f32[3, 6, 8, 8]", "expand(x, [3, 6, 8, 8])"},
        {"matmul(x, sum(flat, dim=0))", "sum(flat, dim=0)",
         "`matmul` needs an operand of rank 2 or more, found f32[5]"},
        {"sample(x, flat, dims=[2])", "flat",
         "`sample` needs index tables i32 [extent, 1], found f32[2, 5]"},
        {"sample(x, tensor([[0, 1]], dtype=i32), dims=[2])", "tensor([[0, 1]], dtype=i32)",
         "`sample` needs index tables i32 [extent, 1], found i32[1, 2]"},
        {"sample(x, flat, dims=[2], kind=max)", "flat",
         "`sample` needs index tables i32 [extent, taps], found f32[2, 5]"},
        {"sample(x, tensor([[0, 1]], dtype=i32), flat, dims=[2], kind=weighted_sum)", "flat",
         "`sample` needs a weight table f32 [1, 2], found f32[2, 5]", "this operand is i32[1, 2]",
         "tensor([[0, 1]], dtype=i32)"},
        {"sample(x, tensor([[0]], dtype=i32), dims=[2, 3])", "[2, 3]",
         "`sample` of 2 dimensions needs 2 tables, found 1"},
        {"instance_norm(flat)", "flat",
         "`instance_norm` needs an operand of rank 4 [N, C, H, W], found f32[2, 5]"},
        {"local_response_norm(flat, 3)", "flat",
         "`local_response_norm` needs an operand of rank 3 or more, found f32[2, 5]"},
        {"sum(sum(flat))", "sum(flat)", "`sum` needs an operand of rank 1 or more, found f32[]"},
        // Sizes.
        {"tile(big, [1048576, 1])", "tile",
         "the result of `tile` is f32[1099511627776, 1], but a tensor may have at most 68719476736 "
         "elements"},
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
    input ids: i64[2, 5]
    input bytes: u8[1, 3, 4, 4]
    input mask: bool[2, 5]
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
    EXPECT_FALSE(infer_type(Reshape{{4}}, {{DType::f16, {4}}}, {}, diags));
    ASSERT_EQ(diags.all().size(), 1u);
    EXPECT_EQ(diags.all()[0].message,
              "`reshape` needs an operand of type f32, u8, i8, i32, i64 or bool, found f16[4]");
}

TEST(RefusedOps, WithNumbersThatAreNoNumbers) {
    const double infinity = std::numeric_limits<double>::infinity();
    const std::vector<TensorType> operands = {{DType::f32, {1, 2, 3}}};
    const std::vector<std::pair<Op, std::string>> cases = {
        {BatchNorm{infinity, true}, "`eps` of `batch_norm` must be finite, found inf"},
        {Unary{UnaryKind::leaky_relu, -infinity},
         "`negative_slope` of `leaky_relu` must be finite, found -inf"},
        {Unary{UnaryKind::selu, 1, infinity}, "`gamma` of `selu` must be finite, found inf"},
        {LocalResponseNorm{5, infinity},
         "`alpha` of `local_response_norm` must be finite, found inf"},
        {Normalize{{0}, {infinity}}, "`std` of `normalize` must be finite, found inf"},
        {Pad{{0, 0, 0}, {0, 0, 0}, PadMode::constant, std::nan("")},
         "`value` of `pad` must be of type f32, found nan"},
        {Resize{{3}, {infinity}}, "`scale_factor` of `interpolate` must be positive, found inf"},
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
    std::set<std::string> seen = {"not_finite"}; // RefusedOps
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
