// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/graph/arguments.h"

#include "compiler/graph/graph_diagnostics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <limits>
#include <numeric>

namespace cnnc {

void report_rank(std::string_view op, size_t spatial_rank, const TensorType &operand,
                 const CallSpans &where, Diagnostics &diags) {
    static constexpr const char *dims[] = {"[N, C, W]", "[N, C, H, W]", "[N, C, D, H, W]"};
    diags.report<diag::operand_rank>(where.operand(0), op, spatial_rank + 2, dims[spatial_rank - 1],
                                     type_text(operand));
}

namespace {

const ValueList *as_list(const Value &value) {
    return std::get_if<ValueList>(&value.v);
}

std::vector<int64_t> integer_list(const Value &value) {
    const ValueList *list = as_list(value);
    if (!list) {
        return {std::get<int64_t>(value.v)};
    }
    std::vector<int64_t> result;
    for (const Value &entry : *list) {
        result.push_back(std::get<int64_t>(entry.v));
    }
    return result;
}

double as_number(const Value &value) {
    const int64_t *integer = std::get_if<int64_t>(&value.v);
    return integer ? double(*integer) : std::get<double>(value.v);
}

// The position of a word among the choices, or nothing.
std::optional<size_t> find_choice(const std::vector<std::string_view> &choices,
                                  const std::string &word) {
    const auto found = std::find(choices.begin(), choices.end(), word);
    return found == choices.end() ? std::nullopt : std::optional(size_t(found - choices.begin()));
}

std::string choices_text(const std::vector<std::string_view> &choices) {
    std::string text;
    for (size_t i = 0; i < choices.size(); ++i) {
        const bool last = i + 1 == choices.size();
        text += (i == 0 ? "" : last ? " or " : ", ") + fmt::format("`{}`", choices[i]);
    }
    return text;
}

std::vector<std::string_view> dtype_names() {
    std::vector<std::string_view> names;
    for (DType dtype : computed_dtypes) {
        names.push_back(dtype_name(dtype));
    }
    return names;
}

} // namespace

std::vector<double> number_list(const Value &value) {
    const ValueList *list = as_list(value);
    if (!list) {
        return {as_number(value)};
    }
    std::vector<double> result;
    for (const Value &entry : *list) {
        result.push_back(as_number(entry));
    }
    return result;
}

size_t Arguments::index(std::string_view name) const {
    const auto spec = std::find_if(specs_.begin(), specs_.end(),
                                   [&](const ArgSpec &s) { return s.name == name; });
    assert(spec != specs_.end() && "no such argument in the operator's row");
    return size_t(spec - specs_.begin());
}

const Value *Arguments::checked(std::string_view name) {
    const ArgSpec &spec = specs_[index(name)];
    const std::optional<Value> &v = value(name);
    if (!v) {
        return nullptr;
    }
    if (!has_kind(*v, spec.kind)) {
        report<diag::argument_kind>(name, name, op_,
                                    spec.kind == ArgKind::choice
                                        ? choices_text(spec.choices)
                                        : std::string(kind_text(spec.kind)),
                                    value_kind(*v));
        return nullptr;
    }
    return &*v;
}

int64_t Arguments::integer(std::string_view name) {
    const Value *v = checked(name);
    return v ? std::get<int64_t>(v->v) : 1;
}

bool Arguments::boolean(std::string_view name) {
    const Value *v = checked(name);
    return v && std::get<bool>(v->v);
}

double Arguments::number(std::string_view name, double missing) {
    const Value *v = checked(name);
    return v ? as_number(*v) : missing;
}

Shape Arguments::shape(std::string_view name) {
    return integers(name);
}

std::vector<int64_t> Arguments::integers(std::string_view name) {
    const Value *v = checked(name);
    return v ? integer_list(*v) : std::vector<int64_t>();
}

std::vector<double> Arguments::numbers(std::string_view name) {
    const Value *v = checked(name);
    return v ? number_list(*v) : std::vector<double>();
}

size_t Arguments::choice(std::string_view name) {
    const std::vector<std::string_view> &choices = specs_[index(name)].choices;
    const Value *v = checked(name);
    if (!v) {
        return 0;
    }
    const std::string &word = std::get<std::string>(v->v);
    const std::optional<size_t> found = find_choice(choices, word);
    if (!found) {
        report<diag::unknown_choice>(name, name, op_, choices_text(choices), word);
    }
    return found.value_or(0);
}

DType Arguments::dtype(std::string_view name, DType missing) {
    const Value *v = checked(name);
    if (!v) {
        return missing;
    }
    const std::string &word = std::get<std::string>(v->v);
    const std::optional<DType> dtype = dtype_from_name(word);
    if (!dtype || !is_computed(*dtype)) {
        report<diag::unknown_choice>(name, name, op_, choices_text(dtype_names()), word);
        return missing;
    }
    return *dtype;
}

bool Arguments::check_length(std::string_view name, size_t expected, size_t found) {
    if (expected != found) {
        report<diag::argument_length>(name, name, op_, expected, found);
    }
    return expected == found;
}

std::vector<int64_t> Arguments::dims(std::string_view name, size_t rank,
                                     const std::vector<int64_t> &missing) {
    const Value *v = checked(name);
    if (!v) {
        return missing.empty() ? std::vector<int64_t>(rank, 1) : missing;
    }
    if (const ValueList *list = as_list(*v)) {
        return check_length(name, rank, list->size()) ? integer_list(*v)
                                                      : std::vector<int64_t>(rank, 1);
    }
    return std::vector<int64_t>(rank, std::get<int64_t>(v->v));
}

int64_t Arguments::checked_dimension(std::string_view name, int64_t dim, size_t rank) {
    const int64_t n = int64_t(rank);
    if (n == 0) {
        report<diag::dim_of_scalar>(name, name, op_, dim);
        return 0;
    }
    if (dim < -n || dim >= n) {
        report<diag::dim_out_of_range>(name, name, op_, -n, n - 1, n, dim);
        return 0;
    }
    return dim < 0 ? dim + n : dim;
}

int64_t Arguments::dimension(std::string_view name, size_t rank) {
    return checked_dimension(name, integer(name), rank);
}

std::vector<int64_t> Arguments::dimensions(std::string_view name, size_t rank) {
    std::vector<int64_t> dims;
    if (!given(name)) {
        dims.resize(rank);
        std::iota(dims.begin(), dims.end(), 0);
        return dims;
    }
    for (int64_t dim : integers(name)) {
        dims.push_back(checked_dimension(name, dim, rank));
        if (!ok_) {
            return {};
        }
    }
    std::sort(dims.begin(), dims.end());
    const auto twice = std::adjacent_find(dims.begin(), dims.end());
    if (twice != dims.end()) {
        report<diag::dim_twice>(name, name, op_, *twice);
    }
    return dims;
}

void Arguments::check_spatial_rank(size_t rank, const std::vector<TensorType> &operands) {
    if (operands[0].shape.size() != rank + 2) {
        report_rank(op_, rank, operands[0], where_, diags_);
        ok_ = false;
    }
}

// PyTorch's rule: the output is as large as the input; an odd total puts the extra element behind.
Arguments::Padding Arguments::same_padding(const std::vector<int64_t> &kernel,
                                           const std::vector<int64_t> &stride,
                                           const std::vector<int64_t> &dilation) {
    Padding padding;
    for (size_t i = 0; i < kernel.size(); ++i) {
        if (stride[i] != 1) {
            report<diag::same_needs_stride_one>("padding", op_, stride[i]);
            return {std::vector<int64_t>(kernel.size(), 0), std::vector<int64_t>(kernel.size(), 0)};
        }
        // Nonsense is infer_type's to report; here it only must not overflow.
        constexpr int64_t limit = std::numeric_limits<int32_t>::max();
        const int64_t total = std::clamp<int64_t>(dilation[i], 0, limit) *
                              std::clamp<int64_t>(kernel[i] - 1, 0, limit);
        padding.lo.push_back(total / 2);
        padding.hi.push_back(total - total / 2);
    }
    return padding;
}

Arguments::Padding Arguments::padding(const std::vector<int64_t> &kernel,
                                      const std::vector<int64_t> &stride,
                                      const std::vector<int64_t> &dilation) {
    const size_t rank = kernel.size();
    const std::vector<int64_t> none(rank, 0);
    const Value *v = checked("padding");
    if (!v) {
        return {none, none};
    }
    if (const std::string *word = std::get_if<std::string>(&v->v)) {
        if (*word == "same") {
            return same_padding(kernel, stride, dilation);
        }
        if (*word != "valid") {
            report<diag::padding_word>("padding", op_, *word);
        }
        return {none, none};
    }
    return borders("padding", rank);
}

Arguments::Padding Arguments::borders(std::string_view name, size_t rank) {
    const std::vector<int64_t> none(rank, 0);
    const Value *v = checked(name);
    if (!v) {
        return {none, none};
    }
    const ValueList *list = as_list(*v);
    if (!list) {
        const std::vector<int64_t> both(rank, std::get<int64_t>(v->v));
        return {both, both};
    }
    if (!check_length(name, rank, list->size())) {
        return {none, none};
    }
    Padding padding;
    for (const Value &entry : *list) {
        const ValueList *pair = as_list(entry);
        if (pair && pair->size() != 2) {
            report<diag::padding_pair>(name, op_, pair->size());
            return {none, none};
        }
        padding.lo.push_back(std::get<int64_t>(pair ? (*pair)[0].v : entry.v));
        padding.hi.push_back(std::get<int64_t>(pair ? (*pair)[1].v : entry.v));
    }
    return padding;
}

} // namespace cnnc
