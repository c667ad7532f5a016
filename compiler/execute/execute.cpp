// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Chooses between a child of this process and a program of its own.
#include "compiler/execute/execute.h"

#include "compiler/execute/here.h"
#include "compiler/execute/places.h"
#include "compiler/execute/program.h"

namespace cnnc {
namespace {

TimingResult measure(const Place &place, const std::vector<const Library *> &libraries,
                     const Call &call) {
    if (runs_in_child(place))
        return measure_here(place, libraries, call);
    TimingResult result;
    result.libraries.resize(libraries.size());
    result.problem.message = place_problem(place);
    if (result.problem.message.empty())
        return measure_elsewhere(place, libraries, call);
    result.problem.kind = RunProblem::Kind::unavailable;
    return result;
}

} // namespace

RunResult run_library(const Place &place, const Library &library, const NetworkCall &call) {
    TimingResult result = measure(place, {&library}, make_call(call, nullptr));
    return {std::move(result.problem), std::move(result.libraries[0].outputs)};
}

TimingResult time_libraries(const Place &place, const std::vector<const Library *> &libraries,
                            const NetworkCall &call, const TimingPlan &plan) {
    return measure(place, libraries, make_call(call, &plan));
}

} // namespace cnnc
