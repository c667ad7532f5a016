// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How workload text writes the operators that the language writes otherwise: reductions that keep
// their dimensions, arg_reduce, top_k, sample, matmul. Internal to the workload's text.
#pragma once

#include "compiler/graph/ops.h"
#include "compiler/graph/registry.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cnnc {

struct WorkloadCall {
    std::string name;
    std::vector<std::pair<std::string, Value>> arguments; // in a fixed order, all of them
};

// Nothing for an operator that is written as the language writes it.
std::optional<WorkloadCall> workload_call(const Op &op);
// Whether a call of this name is one of these; and the operator such a call means, or nothing.
bool is_workload_call(std::string_view name);
std::optional<Op> make_workload_op(const WorkloadCall &call);

} // namespace cnnc
