// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The program around cnnc_main.
#include "compiler/driver/driver.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

namespace {

int terminal_columns() {
    winsize size = {};
    const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : 80;
}

} // namespace

int main(int argc, char **argv) {
    const bool terminal = isatty(STDERR_FILENO);
    const char *no_colour = getenv("NO_COLOR");
    const bool colour = terminal && !(no_colour && *no_colour);
    cnnc::Console console{std::cin, std::cout, std::cerr, colour, terminal, terminal_columns};
    const int code = cnnc::cnnc_main({argv + 1, argv + argc}, console);
    std::cout.flush();
    // Output that could not be written (a full disk behind a redirection) is no success.
    return code == cnnc::exit_ok && !std::cout ? int(cnnc::exit_environment) : code;
}
