// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How a person would write the arguments of an operator. Whatever is shortened here is tried out:
// the registry has to make the same operator of it.
#include "compiler/onnx/decompile_arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace cnnc::decompiler {

namespace {

using NamedValues = std::vector<std::pair<std::string, Value>>;

const ValueList *list_of(const Value &value) {
    return std::get_if<ValueList>(&value.v);
}

// Entries that are all equal, as the one.
Value one_for_all(const Value &value) {
    const ValueList *list = list_of(value);
    const bool equal =
        list && !list->empty() && std::all_of(list->begin(), list->end(), [&](const Value &entry) {
            return same_value(entry, list->front());
        });
    return equal ? list->front() : value;
}

// Pairs with two equal halves as single numbers, and these as one if they are equal.
Value compact_pairs(const Value &value, bool list_allowed) {
    const ValueList *list = list_of(value);
    ValueList halves;
    for (const Value &entry : list ? *list : ValueList()) {
        const ValueList *pair = list_of(entry);
        if (!pair || pair->size() != 2 || !same_value((*pair)[0], (*pair)[1])) {
            return value;
        }
        halves.push_back((*pair)[0]);
    }
    if (halves.empty()) {
        return value;
    }
    Value all;
    all.v = std::move(halves);
    const Value one = one_for_all(all);
    return list_of(one) && !list_allowed ? value : one;
}

// Reals that are integers, as those.
Value integral(const Value &value) {
    if (const ValueList *list = list_of(value)) {
        Value result;
        ValueList entries;
        std::transform(list->begin(), list->end(), std::back_inserter(entries), integral);
        result.v = std::move(entries);
        return result;
    }
    const double *real = std::get_if<double>(&value.v);
    const bool fits = real && std::fabs(*real) < 1e6 && *real == std::floor(*real) &&
                      !(*real == 0 && std::signbit(*real));
    return fits ? integer_value(int64_t(*real)) : value;
}

// `bold`: as if a single number always meant the same as a list of equal ones.
Value compact(const Value &value, ArgKind kind, bool bold) {
    switch (kind) {
    case ArgKind::dims:
        return one_for_all(value);
    case ArgKind::integers:
    case ArgKind::numbers: {
        const ValueList *list = list_of(value);
        return list && (bold || list->size() == 1) ? integral(one_for_all(value)) : integral(value);
    }
    case ArgKind::padding:
    case ArgKind::borders:
        return compact_pairs(value, true);
    case ArgKind::pairs:
        return compact_pairs(value, false);
    case ArgKind::number:
        return integral(value);
    default:
        return value;
    }
}

bool counts_channels(std::string_view argument) {
    constexpr std::string_view names[] = {"out_channels", "out_features", "groups", "num_groups",
                                          "num_parameters"};
    return std::find(std::begin(names), std::end(names), argument) != std::end(names);
}

// One way to write an operator: a name of the registry, and values for some of its arguments.
struct Spelling {
    const OpSpec *spec = nullptr;
    ArgValues values; // by position in spec->args; what is missing is left out
};

std::optional<size_t> position(const OpSpec &spec, std::string_view name) {
    for (size_t i = 0; i < spec.args.size(); ++i) {
        if (spec.args[i].name == name) {
            return i;
        }
    }
    return std::nullopt;
}

// Nothing if the spec does not have these arguments.
enum class Shorten : uint8_t { no, yes, boldly };
std::optional<Spelling> spelling(std::string_view name, const NamedValues &values,
                                 Shorten shorten) {
    const OpSpec *spec = find_op(name);
    if (!spec) {
        return std::nullopt;
    }
    Spelling result{spec, ArgValues(spec->args.size())};
    for (const auto &[argument, value] : values) {
        const std::optional<size_t> index = position(*spec, argument);
        if (!index) {
            return std::nullopt;
        }
        result.values[*index] = shorten == Shorten::no ? value
                                                       : compact(value, spec->args[*index].kind,
                                                                 shorten == Shorten::boldly);
    }
    return result;
}

class Writer {
  public:
    Writer(const Graph &graph, const Node &node) : op_(node.op) {
        for (NodeId input : node.inputs) {
            types_.push_back(graph[input].type);
        }
        where_.operands.resize(types_.size());
        name_ = op_name(op_, types_);
        explicit_ = op_arguments(op_);
    }

    OperatorCall write() {
        for (const auto &[name, values] : preferred()) {
            for (const Shorten shorten : {Shorten::boldly, Shorten::yes}) {
                std::optional<Spelling> wanted = spelling(name, values, shorten);
                if (wanted && makes_it(*wanted)) {
                    return call(*wanted);
                }
            }
        }
        std::optional<Spelling> full = spelling(name_, explicit_, Shorten::no);
        return full ? call(*full) : plain_call();
    }

  private:
    // Ways to write the operator, the best first.
    std::vector<std::pair<std::string, NamedValues>> preferred() const {
        std::vector<std::pair<std::string, NamedValues>> result;
        if (const auto *slice = std::get_if<Slice>(&op_)) {
            add_slices(*slice, result);
        }
        result.emplace_back(name_, explicit_);
        return result;
    }

    // Of one dimension: start, end and step, as far as they say something.
    void add_slices(const Slice &slice,
                    std::vector<std::pair<std::string, NamedValues>> &result) const {
        const Shape &shape = types_[0].shape;
        for (size_t d = 0; d < slice.starts.size() && d < shape.size(); ++d) {
            const int64_t start = slice.starts[d], step = slice.steps[d];
            if (start == 0 && step == 1 && slice.extents[d] == shape[d]) {
                continue;
            }
            const int64_t last = start + (slice.extents[d] - 1) * step;
            NamedValues values = {{"dim", integer_value(int64_t(d))},
                                  {"start", integer_value(start)}};
            NamedValues open = values, closed = values;
            closed.emplace_back("end", integer_value(last + (step > 0 ? 1 : -1)));
            open.emplace_back("step", integer_value(step));
            closed.emplace_back("step", integer_value(step));
            result.emplace_back("slice", std::move(open));
            result.emplace_back("slice", std::move(closed));
            return; // a slice of several dimensions is none of these: they are tried out
        }
    }

    std::optional<Op> make(const Spelling &spelling) const {
        const OpSpec &spec = *spelling.spec;
        if (!spec.make) {
            return std::nullopt;
        }
        ArgValues values = spelling.values;
        for (size_t i = 0; i < values.size(); ++i) {
            if (!values[i] && spec.args[i].required()) {
                return std::nullopt;
            }
            if (!values[i]) {
                values[i] = spec.args[i].fallback;
            } else if (!has_kind(*values[i], spec.args[i].kind)) {
                return std::nullopt;
            }
        }
        Diagnostics diags;
        std::optional<Op> made = spec.make(values, types_, where_, diags);
        return diags.has_errors() ? std::nullopt : made;
    }

    bool makes_it(const Spelling &spelling) const {
        const std::optional<Op> made = make(spelling);
        if (!made || made->index() != op_.index() || op_name(*made, types_) != name_) {
            return false;
        }
        const NamedValues arguments = op_arguments(*made);
        return std::equal(arguments.begin(), arguments.end(), explicit_.begin(), explicit_.end(),
                          [](const auto &a, const auto &b) {
                              return a.first == b.first && same_value(a.second, b.second);
                          });
    }

    // Leaves out an argument if that changes nothing.
    bool leave_out(Spelling &spelling, size_t index) const {
        const ArgSpec &arg = spelling.spec->args[index];
        if (arg.required()) {
            return false;
        }
        Spelling without = spelling;
        without.values[index].reset();
        const bool default_value =
            arg.fallback &&
            same_value(*spelling.values[index], compact(*arg.fallback, arg.kind, false));
        if (!default_value && !makes_it(without)) {
            return false;
        }
        spelling = std::move(without);
        return true;
    }

    OperatorCall call(const Spelling &spelling) const {
        const OpSpec &spec = *spelling.spec;
        OperatorCall result{std::string(spec.name), {}, 0};
        Spelling needed = spelling;
        for (size_t i = 0; i < spec.args.size(); ++i) {
            if (spelling.values[i]) {
                result.arguments.push_back({std::string(spec.args[i].name), *spelling.values[i],
                                            leave_out(needed, i),
                                            counts_channels(spec.args[i].name), ""});
            }
        }
        result.positional = has_plain_first(spec);
        return result;
    }

    // Whether the first argument needs no name: a required one, or the only number.
    static bool has_plain_first(const OpSpec &spec) {
        const bool only = spec.args.size() == 1 && spec.args[0].kind == ArgKind::number;
        return spec.min_operands == spec.max_operands && !spec.args.empty() &&
               spec.args[0].name != "dim" && (spec.args[0].required() || only);
    }

    // Of something the registry does not know: what there is to say.
    OperatorCall plain_call() const {
        OperatorCall result{name_, {}, 0};
        for (const auto &[name, value] : explicit_) {
            result.arguments.push_back({name, value, false, counts_channels(name), ""});
        }
        return result;
    }

    const Op &op_;
    std::vector<TensorType> types_;
    CallSpans where_;
    std::string name_;
    NamedValues explicit_;
};

// Nested lists of the values from `begin` on that make up the dimensions from `dim` on.
Value nested(const Constant &constant, size_t dim, size_t begin) {
    const Shape &shape = constant.type.shape;
    if (dim == shape.size()) {
        const double value = constant.values[begin];
        if (constant.type.dtype == DType::boolean) {
            return boolean_value(value != 0);
        }
        const bool integer = constant.type.dtype != DType::f32 ||
                             (value == std::floor(value) && std::fabs(value) < 1e6);
        return integer && !(value == 0 && std::signbit(value)) ? integer_value(int64_t(value))
                                                               : Value{value};
    }
    size_t stride = 1;
    for (size_t d = dim + 1; d < shape.size(); ++d) {
        stride *= size_t(shape[d]);
    }
    ValueList entries;
    for (size_t i = 0; i < size_t(shape[dim]); ++i) {
        entries.push_back(nested(constant, dim + 1, begin + i * stride));
    }
    return {std::move(entries)};
}

} // namespace

bool same_value(const Value &a, const Value &b) {
    const int64_t *i = std::get_if<int64_t>(&a.v), *j = std::get_if<int64_t>(&b.v);
    const double *x = std::get_if<double>(&a.v), *y = std::get_if<double>(&b.v);
    if ((i || x) && (j || y)) {
        return i && j ? *i == *j : (i ? double(*i) : *x) == (j ? double(*j) : *y);
    }
    if (a.v.index() != b.v.index()) {
        return false;
    }
    if (const ValueList *list = list_of(a)) {
        return std::equal(list->begin(), list->end(), list_of(b)->begin(), list_of(b)->end(),
                          same_value);
    }
    return value_text(a) == value_text(b);
}

Value integer_value(int64_t value) {
    Value result;
    result.v = value;
    return result;
}

Value boolean_value(bool value) {
    Value result;
    result.v = value;
    return result;
}

OperatorCall operator_call(const Graph &graph, NodeId id) {
    return Writer(graph, graph[id]).write();
}

std::string constant_text(const Constant &constant) {
    const std::string values = value_text(nested(constant, 0, 0));
    if (constant.is_scalar() && constant.type.dtype == DType::f32) {
        return values;
    }
    return constant.type.dtype == DType::f32
               ? fmt::format("tensor({})", values)
               : fmt::format("tensor({}, dtype={})", values, dtype_name(constant.type.dtype));
}

} // namespace cnnc::decompiler
