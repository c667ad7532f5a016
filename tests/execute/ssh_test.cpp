// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Runners that are ssh: with a stand-in that runs the command here, for what goes wrong, and with
// a server of its own on this machine.
#include "compiler/execute/ssh.h"

#include "compiler/execute/words.h"
#include "tests/execute/fake_library.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

namespace cnnc {
namespace {

class Ssh : public BehindRunner {
  protected:
    // A program called ssh that does this with the command, "$command".
    std::string stand_in(const std::string &text) const {
        shop_.write("bin/ssh", "#!/bin/sh\necho \"$*\" > " + shop_.path("arguments") +
                                   "\nfor command; do :; done\n" + text + "\n");
        std::filesystem::permissions(shop_.path("bin/ssh"), std::filesystem::perms::owner_all);
        return shop_.path("bin/ssh");
    }
};

TEST_F(Ssh, IsToldByTheProgramsName) {
    EXPECT_TRUE(is_ssh({"ssh", "board"}));
    EXPECT_TRUE(is_ssh({"/usr/bin/ssh", "board"}));
    EXPECT_FALSE(is_ssh({"env", "ssh"}));
    EXPECT_FALSE(is_ssh({"sshfs"}));
    EXPECT_FALSE(is_ssh({}));
}

TEST_F(Ssh, CopiesRunsAndRemoves) {
    const std::string runner = stand_in("exec sh -c \"$command\"");
    const RunResult result = run(runner + " -p 22 me@board");
    ASSERT_FALSE(result.problem) << result.problem.message;
    EXPECT_EQ(floats(result.outputs[0])[0], 7);
    const std::string arguments = shop_.read("arguments");
    EXPECT_EQ(arguments.find("-o BatchMode=yes -p 22 me@board sh -c "), 0u) << arguments;
    run(runner + " -o BatchMode=no board");
    EXPECT_EQ(shop_.read("arguments").find("-o BatchMode=no board sh -c "), 0u);
}

// The login shell over there may be any.
TEST_F(Ssh, OtherShellsUnderstandTheCommand) {
    int shells = 0;
    for (const char *shell : {"bash", "dash", "zsh", "ksh", "fish", "tcsh"}) {
        if (run_command(std::string("command -v ") + shell).code != 0)
            continue;
        ++shells;
        const RunResult result =
            run(stand_in(std::string("exec ") + shell + " -c \"$command\"") + " board");
        ASSERT_FALSE(result.problem) << shell << ": " << result.problem.message;
        EXPECT_EQ(floats(result.outputs[0])[0], 7);
    }
    EXPECT_GT(shells, 0);
}

TEST_F(Ssh, ProblemsOverThere) {
    const std::string good = stand_in("exec sh -c \"$command\"") + " board";
    expect(run(good, "return 10;"), Kind::refused, "net_run returned 10: fake words");
    expect(run(good, "raise(SIGSEGV);"), Kind::crashed, "signal 11 (Segmentation fault)");
    expect(run(good, "_exit(3);"), Kind::crashed, "ended with exit code 3");
}

TEST_F(Ssh, ProblemsOnTheWay) {
    expect(run(stand_in("echo no route to host >&2; exit 255") + " board"), Kind::unavailable,
           "ssh board` failed: it ended with exit code 255:\nno route to host");
    expect(run(stand_in("head -c 1000 | sh -c \"$command\"") + " board"), Kind::unavailable,
           "the program cannot be copied there: the shell ended with exit code 96:\n"
           "the copy is cut off");
    // The connection breaks in the middle of the answer.
    expect(run(stand_in("sh -c \"$command\" | head -c 60; exit 255") + " board"), Kind::unavailable,
           "ssh board` failed: it ended with exit code 255");
    expect(run(stand_in("TMPDIR=/proc sh -c \"$command\"") + " board"), Kind::unavailable,
           "the program cannot be copied there");
}

TEST_F(Ssh, TimeIsLimitedOverThereToo) {
    // The connection's end here is killed at once; what hangs over there ends soon after.
    const std::string runner =
        stand_in("setsid sh -c \"echo \\$\\$ > " + shop_.path("pid") + "; $command\"") + " board";
    expect(run(runner, "for (;;) sleep(1);", 3), Kind::timed_out, "did not finish within 3 s");
    for (int i = 0; i < 1000 && !nothing_left(); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

// A server on this machine, with keys made for it.
class Server {
  public:
    explicit Server(const Workshop &shop) : shop_(shop) {
        if (run_command("command -v ssh && command -v ssh-keygen && ls /usr/sbin/sshd").code != 0) {
            problem_ = "no OpenSSH server and client";
            return;
        }
        if (getuid() == 0) // sshd insists on this folder when root starts it
            run_command("mkdir -p -m 755 /run/sshd");
        shop.run("ssh-keygen -q -t ed25519 -N '' -f host && ssh-keygen -q -t ed25519 -N '' -f key");
        start();
    }
    ~Server() {
        if (pid_ > 0)
            kill(pid_, SIGTERM);
    }
    const std::string &problem() const { return problem_; }
    std::string runner() const {
        return "ssh -F /dev/null -p " + std::to_string(port_) + " -i " + shop_.path("key") +
               " -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "
               "-o IdentitiesOnly=yes localhost";
    }

  private:
    // Tries some ports: one may be taken.
    void start() {
        for (int attempt = 0; attempt < 5; ++attempt) {
            port_ = 20000 + (int(getpid()) * 7 + attempt * 1009) % 40000;
            shop_.write("config", "Port " + std::to_string(port_) + "\nListenAddress 127.0.0.1\n" +
                                      "HostKey " + shop_.path("host") + "\nAuthorizedKeysFile " +
                                      shop_.path("key.pub") +
                                      "\nStrictModes no\nPidFile none\nPermitRootLogin yes\n"
                                      "SetEnv TMPDIR=" +
                                      shop_.path("tmp") + "\n");
            const std::string started =
                shop_.run("/usr/sbin/sshd -D -e -f config > log 2>&1 < /dev/null & echo $!");
            pid_ = std::atoi(started.c_str());
            for (int i = 0; i < 50 && kill(pid_, 0) == 0; ++i) {
                if (shop_.try_run(runner() + " true").code == 0)
                    return;
                std::this_thread::sleep_for(std::chrono::milliseconds(100));
            }
            kill(pid_, SIGTERM);
        }
        problem_ = "sshd does not let us in: " + shop_.read("log");
    }

    const Workshop &shop_;
    std::string problem_;
    int port_ = 0;
    pid_t pid_ = -1;
};

TEST_F(Ssh, ToThisMachine) {
    const Server server(shop_);
    if (!server.problem().empty())
        GTEST_SKIP() << server.problem();
    const RunResult result = run(server.runner());
    ASSERT_FALSE(result.problem) << result.problem.message;
    EXPECT_EQ(floats(result.outputs[0])[0], 7);
    expect(run(server.runner(), "raise(SIGBUS);"), Kind::crashed, "signal 7 (Bus error)");
    expect(run(server.runner() + "-nowhere.invalid"), Kind::unavailable, "failed: it ended with");
    expect(run("ssh -F /dev/null -p 1 localhost"), Kind::unavailable, "Connection refused");
}

} // namespace
} // namespace cnnc
