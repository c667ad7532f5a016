// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Words that diagnostics of calls share.
#include "compiler/sema/call_text.h"

#include "compiler/sema/sema_diagnostics.h"

#include <algorithm>

namespace cnnc {

std::string arguments_text(const std::vector<std::string> &names) {
    std::string text = names.size() > 1 ? "the arguments " : "the argument ";
    for (size_t i = 0; i < names.size(); ++i) {
        if (i > 0)
            text += i + 1 == names.size() ? " and " : ", ";
        text += fmt::format("`{}`", names[i]);
    }
    return text;
}

std::string count_text(size_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

void report_unknown_argument(const ast::Identifier &argument, const std::string &callee,
                             const std::vector<std::string> &known, Diagnostics &diags) {
    auto report = diags.report<diag::unknown_argument>(argument.span, callee, argument.text);
    if (std::string best = nearest_name(argument.text, known); !best.empty())
        report.help(fmt::format("did you mean `{}`?", best));
    else if (argument.text == "kernel_size" &&
             std::find(known.begin(), known.end(), "kernel") != known.end())
        report.help("did you mean `kernel`?");
}

} // namespace cnnc
