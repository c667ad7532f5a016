// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What goes wrong while a compiled network runs is reported as a bug, with words.
#include "compiler/driver/execute.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <csignal>

namespace cnnc {
namespace {

Failure failure_of(const std::function<void()> &work, double timeout = 20) {
    try {
        in_child(timeout, work);
    } catch (const Failure &failure) {
        return failure;
    }
    return {exit_ok, ""};
}

TEST(InChild, GoodWorkIsNoFailureAndLeavesItsResult) {
    const SharedMemory memory(64);
    EXPECT_EQ(failure_of([&] { memory.as<int>()[3] = 42; }).code, exit_ok);
    EXPECT_EQ(memory.as<int>()[3], 42);
}

TEST(InChild, CrashesHangsAndErrorsAreBugsWithWords) {
    const Failure crash = failure_of([] { raise(SIGSEGV); });
    EXPECT_EQ(crash.code, exit_bug);
    EXPECT_NE(crash.message.find("signal 11 (Segmentation fault)"), std::string::npos);
    const Failure hang = failure_of([] { sleep(100); }, 0.2);
    EXPECT_EQ(hang.code, exit_bug);
    EXPECT_NE(hang.message.find("did not finish within 0.2 s"), std::string::npos);
    const Failure error = failure_of([] { throw KernelError{"net returned 5: no such CPU"}; });
    EXPECT_EQ(error.code, exit_bug);
    EXPECT_NE(error.message.find("net returned 5: no such CPU"), std::string::npos);
}

TEST(InChild, AnUnlinkableLibraryIsAFailure) {
    Library library;
    library.prefix = "net";
    library.objects.push_back({"net.o", "not an object"});
    const Failure failure = failure_of([&] { LoadedNetwork network(library); });
    EXPECT_EQ(failure.code, exit_bug);
    EXPECT_NE(failure.message.find("cannot be linked"), std::string::npos) << failure.message;
}

} // namespace
} // namespace cnnc
