// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operators of the language that the graph says with several of its own.
#include "compiler/sema/composites.h"

#include "compiler/sema/elaborator.h"

#include <algorithm>

namespace cnnc {

const std::vector<OpSpec> &composite_specs() {
    static const std::vector<OpSpec> specs = {
        {"stack",
         1,
         -1,
         {{"dim", ArgKind::integer, Value{int64_t(0)},
           "where the new dimension is, in the result"}},
         "Joins tensors of one shape along a new dimension: unsqueeze of each, and concat.",
         nullptr}};
    return specs;
}

const OpSpec *find_operator(std::string_view name) {
    if (const OpSpec *op = find_op(name))
        return op;
    const std::vector<OpSpec> &specs = composite_specs();
    auto found = std::find_if(specs.begin(), specs.end(),
                              [&](const OpSpec &spec) { return spec.name == name; });
    return found == specs.end() ? nullptr : &*found;
}

// stack, the only one so far. Its argument is the first one of both operators that it is made of.
Datum Elaborator::apply_composite(const OperatorUse &use) {
    std::vector<Operand> parts;
    for (size_t i = 0; i < use.operands.size(); ++i) {
        OperatorUse part{
            *find_op("unsqueeze"), use.values, {use.operands[i]}, use.where, use.path, use.span};
        if (use.operands.size() > 1)
            part.path.name += fmt::format(".{}", i);
        Datum result = apply_operator(std::move(part));
        if (result.is_poison())
            return result;
        parts.push_back({result, use.operands[i].span});
    }
    if (parts.size() == 1)
        return parts[0].value;
    return apply_operator(
        {*find_op("concat"), use.values, std::move(parts), use.where, use.path, use.span});
}

} // namespace cnnc
