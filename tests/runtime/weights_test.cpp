// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Weights linked in and from a file; files that are missing, cut off, too long or of another build.
#include "tests/runtime/toy_network.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

namespace cnnc {
namespace {

constexpr uint64_t identity = 0x1122334455667788u;

std::string weights_file() {
    std::string bytes = "cnncwts1";
    uint64_t words[] = {identity, 128};
    bytes.append(reinterpret_cast<const char *>(words), sizeof(words));
    bytes.resize(64, '\0');
    for (int i = 0; i < 128; i++)
        bytes += char(i);
    return bytes;
}

class WeightsFile : public testing::Test {
  protected:
    std::string path_ = testing::TempDir() + "cnnc_toy.weights";
    const char *seen_ = nullptr;

    void SetUp() override {
        Toy toy;
        toy.weights_bytes = 128;
        toy.weights_identity = identity;
        toy.step = [this](const StepArguments &s) {
            seen_ = s.weights;
            return s.weights[0] == 0 && s.weights[127] == 127 ? 0 : 1;
        };
        set_toy(toy);
    }
    void TearDown() override { std::remove(path_.c_str()); }

    int create_and_run(const std::string &path) {
        cnnc_options options = {};
        options.weights_path = path.empty() ? nullptr : path.c_str();
        cnnc_context *context = nullptr;
        int code = cnnc_create(&options, &context);
        float value = 0;
        const void *inputs[] = {&value};
        void *outputs[] = {&value};
        if (code == CNNC_SUCCESS)
            code = cnnc_run(context, inputs, outputs);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(seen_) % 64, 0u);
        cnnc_destroy(context);
        return code;
    }

    int with_bytes(const std::string &bytes) {
        std::ofstream(path_, std::ios::binary) << bytes;
        return create_and_run(path_);
    }
};

TEST_F(WeightsFile, IsMapped) {
    EXPECT_EQ(with_bytes(weights_file()), CNNC_SUCCESS);
    EXPECT_NE(seen_, nullptr);
}

TEST_F(WeightsFile, MissingOnesAreErrors) {
    EXPECT_EQ(create_and_run(""), CNNC_ERROR_WEIGHTS_OPEN);
    EXPECT_EQ(create_and_run("/nowhere/toy.weights"), CNNC_ERROR_WEIGHTS_OPEN);
}

TEST_F(WeightsFile, AFolderIsNoFile) {
    int code = create_and_run(testing::TempDir());
    EXPECT_TRUE(code == CNNC_ERROR_WEIGHTS_OPEN || code == CNNC_ERROR_WEIGHTS_MISMATCH);
}

TEST_F(WeightsFile, OthersAreRefused) {
    std::string good = weights_file();
    EXPECT_EQ(with_bytes(""), CNNC_ERROR_WEIGHTS_MISMATCH);
    EXPECT_EQ(with_bytes(good.substr(0, 63)), CNNC_ERROR_WEIGHTS_MISMATCH);
    EXPECT_EQ(with_bytes(good.substr(0, good.size() - 1)), CNNC_ERROR_WEIGHTS_MISMATCH);
    EXPECT_EQ(with_bytes(good + "x"), CNNC_ERROR_WEIGHTS_MISMATCH);
    for (size_t at : {0u, 7u, 8u, 15u, 16u}) { // magic, identity, size
        std::string bad = good;
        bad[at] = char(bad[at] ^ 1);
        EXPECT_EQ(with_bytes(bad), CNNC_ERROR_WEIGHTS_MISMATCH) << at;
    }
}

TEST(LinkedWeights, NeedNoFile) {
    alignas(64) static const char weights[64] = {42};
    const char *seen = nullptr;
    Toy toy;
    toy.linked_weights = weights;
    toy.weights_bytes = sizeof(weights);
    toy.step = [&](const StepArguments &s) {
        seen = s.weights;
        return 0;
    };
    set_toy(toy);
    cnnc_context *context = nullptr;
    ASSERT_EQ(cnnc_create(nullptr, &context), CNNC_SUCCESS);
    float value = 0;
    const void *inputs[] = {&value};
    void *outputs[] = {&value};
    EXPECT_EQ(cnnc_run(context, inputs, outputs), CNNC_SUCCESS);
    EXPECT_EQ(seen, weights);
    cnnc_destroy(context);
}

} // namespace
} // namespace cnnc
