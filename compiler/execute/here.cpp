// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The child loads the libraries and calls the measuring loops.
#include "compiler/execute/here.h"

#include "compiler/codegen/child.h"
#include "compiler/codegen/jit.h"
#include "compiler/codegen/limits.h"

#include <unistd.h>

#include <memory>

namespace cnnc {
namespace {

std::unique_ptr<LoadedObjects> load(const Library &library) {
    std::vector<const NamedFile *> objects;
    for (const NamedFile &object : library.objects)
        objects.push_back(&object);
    return std::make_unique<LoadedObjects>(objects);
}

template <typename Function>
void find(const LoadedObjects &objects, const Library &library, const char *suffix,
          Function &function) {
    function = objects.find<Function>(library.prefix + suffix);
}

cnnc_callee callee_of(const LoadedObjects &objects, const Library &library) {
    cnnc_callee callee = {};
    callee.name = library.prefix.c_str();
    find(objects, library, "_create", callee.create);
    find(objects, library, "_run_arrays", callee.run);
    find(objects, library, "_destroy", callee.destroy);
    find(objects, library, "_error_message", callee.error_message);
    find(objects, library, "_step_count", callee.step_count);
    if (!library.weights_symbol.empty()) {
        callee.weights = objects.find<const char *>(library.weights_symbol);
        callee.weights_bytes = library.weights_bytes;
    }
    return callee;
}

// In the child.
void measure(const std::vector<const Library *> &libraries, const NamedFile &limits_code,
             const Call &call, int answer_file) {
    std::vector<std::unique_ptr<LoadedObjects>> loaded;
    std::vector<cnnc_callee> callees;
    for (const Library *library : libraries) {
        loaded.push_back(load(*library));
        callees.push_back(callee_of(*loaded.back(), *library));
    }
    cnnc_limits limits = {};
    if (!limits_code.bytes.empty()) {
        loaded.push_back(
            std::make_unique<LoadedObjects>(std::vector<const NamedFile *>{&limits_code}));
        limits.multiply_add =
            loaded.back()->find<decltype(limits.multiply_add)>("cnnc_limit_multiply_add");
        limits.read = loaded.back()->find<decltype(limits.read)>("cnnc_limit_read");
    }
    cnnc_measure(callees.data(), int(callees.size()), &limits, &call.head, call.sizes.data(),
                 call.inputs.data(), answer_file);
    _exit(0); // what is loaded need not be taken apart
}

RunProblem problem_of(const Child &child, const Answer &answer) {
    if (child.timed_out)
        return {RunProblem::Kind::timed_out, child.failure};
    if (!answer.refusal.empty())
        return {RunProblem::Kind::refused, answer.refusal};
    if (answer.begun && !child.failure.empty())
        return {RunProblem::Kind::crashed, child.failure};
    if (!child.failure.empty()) // not even loaded
        return {RunProblem::Kind::unavailable, child.failure};
    if (!answer.whole)
        return {RunProblem::Kind::crashed, "ended without a whole answer"};
    return {};
}

} // namespace

TimingResult measure_here(const Place &place, const std::vector<const Library *> &libraries,
                          const Call &call) {
    NamedFile limits = {"limits.o", ""};
    if (call.head.peak || call.head.bandwidth)
        limits.bytes = limits_object(place.target);
    const Child child =
        run_child([&](int answer_file) { measure(libraries, limits, call, answer_file); },
                  place.timeout_seconds);
    Answer answer = read_answer(child.data, libraries.size());
    answer.result.problem = problem_of(child, answer);
    return std::move(answer.result);
}

} // namespace cnnc
