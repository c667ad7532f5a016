// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Arithmetic on views, checked element by element.
#include "compiler/passes/views.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace cnnc {
namespace {

constexpr DType f32 = DType::f32;
using Strides = std::vector<int64_t>;

// The places of all elements, in row-major order of the shape.
void append_places(const TensorView &view, size_t dim, int64_t place, std::vector<int64_t> &out) {
    if (dim == view.shape.size())
        return out.push_back(place);
    for (int64_t i = 0; i < view.shape[dim]; i++)
        append_places(view, dim + 1, place + i * view.strides[dim], out);
}

std::vector<int64_t> places(const TensorView &view) {
    std::vector<int64_t> out;
    append_places(view, 0, 0, out);
    return out;
}

TEST(ReshapeView, JoinsSplitsAndRefuses) {
    const TensorView dense = row_major(f32, {2, 3, 4, 5});
    EXPECT_EQ(reshape_view(dense, {2, 60})->strides, (Strides{60, 1}));
    EXPECT_EQ(reshape_view(dense, {6, 2, 2, 5})->strides, (Strides{20, 10, 5, 1}));
    EXPECT_EQ(reshape_view(dense, {120})->strides, (Strides{1}));
    const TensorView image = channels_last(f32, {2, 3, 4, 5});
    EXPECT_FALSE(reshape_view(image, {2, 60}));
    EXPECT_EQ(reshape_view(image, {2, 3, 20})->strides, (Strides{60, 1, 3}));
    EXPECT_EQ(reshape_view(channels_last(f32, {1, 64, 1, 1}), {1, 64})->strides, (Strides{64, 1}));
    EXPECT_EQ(reshape_view(row_major(f32, {1, 1}), {})->strides, Strides{});
    EXPECT_EQ(reshape_view(row_major(f32, {}), {1, 1, 1})->shape, (Shape{1, 1, 1}));
}

Shape random_factors(int64_t n, std::mt19937 &rng) {
    Shape shape;
    while (n > 1 || rng() % 3 == 0) {
        Shape divisors;
        for (int64_t d = 1; d <= n; d++)
            if (n % d == 0)
                divisors.push_back(d);
        shape.push_back(divisors[rng() % divisors.size()]);
        n /= shape.back();
    }
    return shape;
}

// A view with its dimensions in random order and gaps here and there.
TensorView random_view(const Shape &shape, std::mt19937 &rng) {
    std::vector<size_t> order(shape.size());
    for (size_t d = 0; d < order.size(); d++)
        order[d] = d;
    if (rng() % 2)
        std::shuffle(order.begin(), order.end(), rng);
    TensorView view{f32, shape, Strides(shape.size())};
    int64_t stride = 1;
    for (size_t i = order.size(); i-- > 0;) {
        view.strides[order[i]] = stride;
        stride *= shape[order[i]] + (rng() % 4 == 0 ? 1 : 0);
    }
    return view;
}

TEST(ReshapeView, KeepsEveryElementInItsPlace) {
    std::mt19937 rng(1);
    int reshaped = 0, refused = 0;
    for (int i = 0; i < 20000; i++) {
        const int64_t n = int64_t(1 + rng() % 60);
        const TensorView view = random_view(random_factors(n, rng), rng);
        const Shape shape = random_factors(n, rng);
        auto result = reshape_view(view, shape);
        if (!result) {
            refused++;
            continue;
        }
        reshaped++;
        ASSERT_EQ(result->shape, shape);
        ASSERT_EQ(places(*result), places(view));
    }
    EXPECT_GT(reshaped, 1000);
    EXPECT_GT(refused, 1000);
}

// Every dimension's step is constant if, and only if, strides can say it.
TEST(ReshapeView, RefusesOnlyWhatNoStridesCanSay) {
    std::mt19937 rng(2);
    for (int i = 0; i < 20000; i++) {
        const int64_t n = int64_t(1 + rng() % 60);
        const TensorView view = random_view(random_factors(n, rng), rng);
        const Shape shape = random_factors(n, rng);
        if (reshape_view(view, shape))
            continue;
        // Strides are determined by the elements next to the first one; they must fail elsewhere.
        const std::vector<int64_t> expected = places(view);
        TensorView only{f32, shape, Strides(shape.size(), 0)};
        const TensorView index = row_major(f32, shape);
        for (size_t d = 0; d < shape.size(); d++)
            if (shape[d] > 1)
                only.strides[d] = expected[size_t(index.strides[d])] - expected[0];
        ASSERT_NE(places(only), expected);
    }
}

TEST(Normalized, MakesEqualPlacesEqualViews) {
    EXPECT_EQ(normalized(row_major(f32, {1, 64, 1, 1})), channels_last(f32, {1, 64, 1, 1}));
    EXPECT_EQ(normalized(row_major(f32, {1, 1, 28, 28})), channels_last(f32, {1, 1, 28, 28}));
    EXPECT_EQ(normalized({f32, {1, 3, 4, 4}, {999, 16, 4, 1}}), row_major(f32, {1, 3, 4, 4}));
    std::mt19937 rng(3);
    for (int i = 0; i < 5000; i++) {
        TensorView view = random_view(random_factors(int64_t(1 + rng() % 30), rng), rng);
        TensorView other = view;
        for (size_t d = 0; d < other.shape.size(); d++)
            if (other.shape[d] == 1)
                other.strides[d] = int64_t(rng() % 100);
        EXPECT_EQ(normalized(view), normalized(other));
        EXPECT_EQ(places(normalized(view)), places(view));
    }
}

TEST(Views, SliceInsertAndBroadcast) {
    const TensorView image = channels_last(f32, {2, 6, 4, 5});
    const ViewPart slice = slice_view(image, 1, 2, 3);
    EXPECT_EQ(slice.offset, 2);
    EXPECT_EQ(slice.view.shape, (Shape{2, 3, 4, 5}));
    EXPECT_EQ(slice.view.strides, image.strides);
    EXPECT_EQ(slice_view(image, 2, 1, 2).offset, 5 * 6);

    EXPECT_EQ(insert_dim(channels_last(f32, {2, 3, 7}), 2), channels_last(f32, {2, 3, 1, 7}));

    const TensorView scale = row_major(f32, {6, 1, 1});
    EXPECT_EQ(broadcast_operand(scale, image.shape).shape, (Shape{1, 6, 1, 1}));
    EXPECT_EQ(broadcast_operand(scale, image.shape).strides, (Strides{0, 1, 0, 0}));
    EXPECT_EQ(broadcast_operand(image, image.shape), image);
    EXPECT_EQ(expanded(scale, {2, 6, 1, 5}).shape, (Shape{2, 6, 1, 5}));
    EXPECT_EQ(places(expanded(row_major(f32, {2, 1}), {3, 2, 2})),
              (std::vector<int64_t>{0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1}));
}

// The element that an operator's definition puts at each place of its result.
TEST(Views, OperatorsAsStrides) {
    const TensorView image = channels_last(f32, {2, 6, 4, 5});
    const Permute permute{{0, 2, 3, 1}};
    const auto turned = view_through(permute, image, {2, 4, 5, 6});
    EXPECT_EQ(turned->view, row_major(f32, {2, 4, 5, 6}));
    EXPECT_EQ(view_back(permute, turned->view, image.shape), image);

    const Slice slice{{1, 0, 1, 4}, {1, 3, 2, 1}, {1, 2, 2, 7}};
    const auto part = view_through(slice, image, {1, 3, 2, 1});
    EXPECT_EQ(part->offset, 120 + 30 + 4 * 6);
    EXPECT_EQ(places(part->view), (std::vector<int64_t>{0, 60, 2, 62, 4, 64}));
    EXPECT_FALSE(view_back(slice, part->view, image.shape));

    const auto grown = view_through(Expand{{3, 2, 2}}, row_major(f32, {2, 1}), {3, 2, 2});
    EXPECT_EQ(places(grown->view), (std::vector<int64_t>{0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1}));
    EXPECT_FALSE(lies_apart(grown->view));
    EXPECT_TRUE(lies_apart(image));
}

TEST(Views, PermutationsAreUndone) {
    std::mt19937 rng(4);
    for (int i = 0; i < 2000; i++) {
        const TensorView view = random_view(random_factors(int64_t(1 + rng() % 60), rng), rng);
        Permute permute;
        Shape shape;
        for (size_t d = 0; d < view.shape.size(); d++)
            permute.dims.push_back(int64_t(d));
        std::shuffle(permute.dims.begin(), permute.dims.end(), rng);
        for (int64_t dim : permute.dims)
            shape.push_back(view.shape[size_t(dim)]);
        const auto turned = view_through(permute, view, shape);
        ASSERT_EQ(turned->view.shape, shape);
        EXPECT_EQ(view_back(permute, turned->view, view.shape), normalized(view));
    }
}

TEST(Views, DenseInTheOrderOfAnother) {
    const TensorView image = channels_last(f32, {2, 6, 4, 5});
    EXPECT_EQ(dense_like(image, {2, 3, 4, 5}), channels_last(f32, {2, 3, 4, 5}));
    const ViewPart part = slice_view(row_major(f32, {4, 6}), 1, 2, 3);
    EXPECT_EQ(dense_like(part.view, {4, 3}), row_major(f32, {4, 3}));
}

} // namespace
} // namespace cnnc
