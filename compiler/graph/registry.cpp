// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The table of operators: how a row is made, and how one is found.
#include "compiler/graph/registry_rows.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace cnnc {

namespace {

Rows make_rows() {
    Rows rows;
    add_layers(rows);
    add_norms(rows);
    add_pools(rows);
    add_elementwise(rows);
    add_reductions(rows);
    add_shapes(rows);
    add_slices(rows);
    add_resampling(rows);
    return rows;
}

// Judges the arguments while `make` reads them.
template <class Made, class Function>
MakeFunction<Made> checking(std::string_view name, std::vector<ArgSpec> args, Function make) {
    return [name, args = std::move(args), make = std::move(make)](
               const ArgValues &values, const Operands &operands, const CallSpans &where,
               Diagnostics &diags) -> std::optional<Made> {
        Arguments arguments(name, args, values, where, diags);
        Made made = make(arguments, operands);
        return arguments.ok() ? std::optional<Made>(std::move(made)) : std::nullopt;
    };
}

} // namespace

OpSpec row(std::string_view name, int min_operands, int max_operands, std::vector<ArgSpec> args,
           std::string_view doc, Make make) {
    OpSpec spec = {name, min_operands, max_operands, args, doc, nullptr};
    spec.make = checking<Op>(name, std::move(args), std::move(make));
    return spec;
}

OpSpec unary_row(std::string_view name, std::vector<ArgSpec> args, std::string_view doc,
                 Make make) {
    return row(name, 1, 1, std::move(args), doc, std::move(make));
}

OpSpec list_row(std::string_view name, std::vector<ArgSpec> args, std::string_view doc,
                MakeList make) {
    OpSpec spec = {name, 1, 1, args, doc, nullptr};
    spec.make_list = checking<std::vector<Op>>(name, std::move(args), std::move(make));
    return spec;
}

const std::vector<OpSpec> &op_specs() {
    static const Rows rows = make_rows();
    return rows;
}

const OpSpec *find_op(std::string_view name) {
    static const auto index = [] {
        std::unordered_map<std::string_view, const OpSpec *> result;
        for (const OpSpec &spec : op_specs()) {
            result.emplace(spec.name, &spec);
        }
        return result;
    }();
    const auto found = index.find(name);
    return found == index.end() ? nullptr : found->second;
}

DType scalar_dtype(const OpSpec &op, const std::vector<std::optional<TensorType>> &operands) {
    for (size_t i = op.name == "where" ? 1 : 0; i < operands.size(); ++i) {
        if (operands[i]) {
            return operands[i]->dtype;
        }
    }
    return DType::f32;
}

bool can_hold(DType dtype, double value) {
    const auto integer_within = [value](double low, double high) {
        return value >= low && value <= high && std::trunc(value) == value;
    };
    constexpr double exact = double(int64_t(1) << 53);
    switch (dtype) {
    case DType::u8:
        return integer_within(0, 255);
    case DType::i8:
        return integer_within(-128, 127);
    case DType::i16:
        return integer_within(-32768, 32767);
    case DType::i32:
        return integer_within(-2147483648.0, 2147483647.0);
    case DType::i64:
        return integer_within(-exact, exact);
    case DType::boolean:
        return integer_within(0, 1);
    case DType::f16:
    case DType::bf16:
    case DType::f32:
    case DType::f64:
        return !std::isnan(value);
    }
    return false;
}

} // namespace cnnc
