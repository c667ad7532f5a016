// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Calls to the measuring loops (measure.h) and what they answer, as bytes.
#pragma once

#include "compiler/execute/execute.h"
#include "compiler/execute/measure.h"

#include <string>
#include <string_view>

namespace cnnc {

// A call as the loops take it. `plan` may be null: run once.
struct Call {
    cnnc_call head;
    std::vector<int64_t> sizes; // of inputs and outputs
    std::vector<const void *> inputs;
};
Call make_call(const NetworkCall &network, const TimingPlan *plan);
// As cnnc_serve reads it.
std::string call_bytes(const Call &call);

struct Answer {
    bool begun = false; // the loops have started
    bool whole = false; // nothing is missing
    std::string refusal;
    TimingResult result; // without its problem
};
// Whatever can be read of it; text before the answer's first bytes is skipped.
Answer read_answer(std::string_view bytes, size_t libraries);

} // namespace cnnc
