// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A temporary folder with a C compiler: for tests that link and run what cnnc makes.
#pragma once

#include <string>

namespace cnnc {

struct CommandResult {
    int code = -1;      // exit code; 128 + n for signal n
    std::string output; // stdout and stderr
};
CommandResult run_command(const std::string &command);

class Workshop {
  public:
    Workshop();
    ~Workshop();
    Workshop(const Workshop &) = delete;
    Workshop &operator=(const Workshop &) = delete;

    std::string path(const std::string &name) const { return folder_ + "/" + name; }
    const std::string &folder() const { return folder_; }
    void write(const std::string &name, const std::string &bytes) const;
    std::string read(const std::string &name) const;
    // Runs a shell command in the folder; a failure fails the test and shows the output.
    std::string run(const std::string &command) const;
    CommandResult try_run(const std::string &command) const;
    // The bytes of the object that the C compiler makes of `source`.
    std::string compile(const std::string &source, const std::string &flags = "-O1 -fPIC") const;

  private:
    std::string folder_;
};

} // namespace cnnc
