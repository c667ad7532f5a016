// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Answers are read as far as they go, whatever comes.
#include "compiler/execute/answer.h"

#include <gtest/gtest.h>

namespace cnnc {
namespace {

std::string record(int kind, int network, const std::string &bytes) {
    const cnnc_record head = {kind, network, int64_t(bytes.size())};
    return std::string(reinterpret_cast<const char *>(&head), sizeof head) + bytes;
}

std::string number(double value) {
    return std::string(reinterpret_cast<const char *>(&value), sizeof value);
}

std::string sample() {
    return cnnc_answer_magic + record(CNNC_RECORD_TURN, 0, "") +
           record(CNNC_RECORD_PEAK, 0, number(2e9)) + record(CNNC_RECORD_ROUND, 0, number(0.5)) +
           record(CNNC_RECORD_TURN, 1, "") + record(CNNC_RECORD_ROUND, 1, number(0.25)) +
           record(CNNC_RECORD_OUTPUT, 1, "abcd") + record(CNNC_RECORD_END, 0, "");
}

TEST(Answer, IsReadBehindABanner) {
    const Answer answer = read_answer("Welcome to the board!\n" + sample(), 2);
    EXPECT_TRUE(answer.begun && answer.whole);
    EXPECT_EQ(answer.result.last_library, 1);
    EXPECT_EQ(answer.result.peak_gflops, std::vector<double>{2});
    EXPECT_EQ(answer.result.libraries[0].round_seconds, std::vector<double>{0.5});
    EXPECT_EQ(answer.result.libraries[1].round_seconds, std::vector<double>{0.25});
    ASSERT_EQ(answer.result.libraries[1].outputs.size(), 1u);
    EXPECT_EQ(answer.result.libraries[1].outputs[0].size(), 4u);
}

TEST(Answer, CutOffAnywhereItIsNotWhole) {
    const std::string all = sample();
    for (size_t bytes = 0; bytes < all.size(); ++bytes) {
        const Answer answer = read_answer(all.substr(0, bytes), 2);
        EXPECT_FALSE(answer.whole) << bytes;
        EXPECT_EQ(answer.begun, bytes >= 8) << bytes;
    }
    EXPECT_FALSE(read_answer("", 1).begun);
}

TEST(Answer, RecordsThatCannotBeAreTheEnd) {
    const std::string end = record(CNNC_RECORD_END, 0, "");
    EXPECT_FALSE(read_answer(cnnc_answer_magic + record(CNNC_RECORD_TURN, 2, "") + end, 2).whole);
    EXPECT_FALSE(read_answer(cnnc_answer_magic + record(CNNC_RECORD_TURN, -1, "") + end, 2).whole);
    cnnc_record negative = {CNNC_RECORD_OUTPUT, 0, -1};
    const std::string bytes(reinterpret_cast<const char *>(&negative), sizeof negative);
    EXPECT_FALSE(read_answer(cnnc_answer_magic + bytes + end, 2).whole);
}

} // namespace
} // namespace cnnc
