// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The one-line text of a workload; workload_parse.cpp reads it.
//
//   workload := call view ("," view)* ("->" step)* "->" view
//   step     := call-of-a-unary-operator | "cast" "(" dtype ")"
//             | name "(" operand ("," operand)* ")"
//   operand  := view | number | "v"            without `v`, the value so far comes first
//   view     := dtype "[" extents "]" ["@nchw" | "@[" strides "]"]
#include "compiler/graph/registry.h"
#include "compiler/graph/workload.h"
#include "compiler/graph/workload_calls.h"

#include <fmt/format.h>

#include <cassert>

namespace cnnc {
namespace {

std::string view_text(const TensorView &view) {
    std::string text = type_text({view.dtype, view.shape});
    if (view == channels_last(view.dtype, view.shape))
        return text;
    if (view == row_major(view.dtype, view.shape))
        return text + "@nchw";
    return text + "@" + shape_text(view.strides);
}

// An argument the operator cannot do without prints without its name: conv2d(64, kernel=...).
bool is_positional(const OpSpec *spec, size_t i) {
    return spec && i == 0 && spec->args[0].kind == ArgKind::integer && spec->args[0].required();
}

std::string call_text(const Op &op, const TensorView &operand) {
    std::optional<WorkloadCall> own = workload_call(op);
    WorkloadCall call =
        own ? *own : WorkloadCall{op_name(op, {{operand.dtype, operand.shape}}), op_arguments(op)};
    const OpSpec *spec = own ? nullptr : find_op(call.name);
    assert(own || spec);
    std::string arguments;
    size_t i = 0;
    for (const auto &[key, value] : call.arguments) {
        arguments += i > 0 ? ", " : "";
        arguments += is_positional(spec, i) ? "" : key + "=";
        arguments += value_text(value);
        i++;
    }
    return arguments.empty() ? call.name : call.name + "(" + arguments + ")";
}

std::string operands_text(const EpilogueStep &step, const Workload &w) {
    std::vector<std::string> texts;
    for (const StepOperand &operand : step.operands)
        texts.push_back(operand.input >= 0 ? view_text(w.inputs[size_t(operand.input)])
                                           : number_text(operand.scalar));
    if (step.position > 0)
        texts.insert(texts.begin() + step.position, "v");
    return fmt::format("({})", fmt::join(texts, ", "));
}

std::string step_text(const EpilogueStep &step, const Workload &w) {
    return match(
        step.op, [&](const Unary &unary) { return call_text(unary, w.output); },
        [](const Cast &cast) { return fmt::format("cast({})", dtype_name(cast.dtype)); },
        [&](const Binary &binary) {
            return std::string(binary_name(binary.kind)) + operands_text(step, w);
        },
        [&](const Where &) { return "where" + operands_text(step, w); });
}

} // namespace

std::string workload_text(const Workload &w) {
    std::string text = call_text(w.anchor, w.inputs[0]);
    for (size_t i = 0; i < anchor_operands(w.anchor); ++i)
        text += (i > 0 ? ", " : " ") + view_text(w.inputs[i]);
    for (const EpilogueStep &step : w.epilogue)
        text += " -> " + step_text(step, w);
    return text + " -> " + view_text(w.output);
}

} // namespace cnnc
