// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A temporary folder that goes away with all its files, and with the programs that were started for
// it, whatever becomes of this process: a helper process removes it when this one is done with it
// or has died.
#pragma once

#include <string>
#include <string_view>

#include <sys/types.h>

namespace cnnc {

class TempFolder {
  public:
    TempFolder(); // on failure `problem` says why
    ~TempFolder();
    TempFolder(const TempFolder &) = delete;
    TempFolder &operator=(const TempFolder &) = delete;

    const std::string &problem() const { return problem_; }
    std::string path(const std::string &name) const { return folder_ + "/" + name; }
    // Says why the file could not be written, or "".
    std::string write(const std::string &name, std::string_view bytes, bool executable = false);

    // The process group runs, and is to be killed if this process dies; 0: none does.
    void note_group(pid_t group);

  private:
    std::string folder_, problem_;
    pid_t helper_ = -1;
    int to_helper_ = -1; // a socket: unlike a pipe, a dead reader costs no SIGPIPE
};

} // namespace cnnc
