// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/graph/arguments.h"

#include "compiler/graph/graph_diagnostics.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace cnnc {

void report_rank(std::string_view op, size_t spatial_rank, const TensorType &operand,
                 const CallSpans &where, Diagnostics &diags) {
    static constexpr const char *dims[] = {"[N, C, W]", "[N, C, H, W]", "[N, C, D, H, W]"};
    diags.report<diag::operand_rank>(where.operand(0), op, spatial_rank + 2, dims[spatial_rank - 1],
                                     type_text(operand));
}

namespace {

std::vector<int64_t> integers(const ValueList &list) {
    std::vector<int64_t> result;
    for (const Value &entry : list) {
        result.push_back(std::get<int64_t>(entry.v));
    }
    return result;
}

const ValueList *as_list(const Value &value) {
    return std::get_if<ValueList>(&value.v);
}

} // namespace

const std::optional<Value> &Arguments::value(std::string_view name) const {
    for (size_t i = 0; i < specs_.size(); ++i) {
        if (specs_[i].name == name) {
            return values_[i];
        }
    }
    assert(false && "no such argument in the operator's row");
    return values_[0];
}

const Value *Arguments::checked(std::string_view name) {
    const std::optional<Value> &v = value(name);
    if (!v) {
        return nullptr;
    }
    const auto spec = std::find_if(specs_.begin(), specs_.end(),
                                   [&](const ArgSpec &s) { return s.name == name; });
    if (!has_kind(*v, spec->kind)) {
        report<diag::argument_kind>(name, name, op_, kind_text(spec->kind), value_kind(*v));
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
    if (!v) {
        return missing;
    }
    const int64_t *integer = std::get_if<int64_t>(&v->v);
    return integer ? double(*integer) : std::get<double>(v->v);
}

Shape Arguments::shape(std::string_view name) {
    const Value *v = checked(name);
    return v ? integers(*as_list(*v)) : Shape();
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
        return check_length(name, rank, list->size()) ? integers(*list)
                                                      : std::vector<int64_t>(rank, 1);
    }
    return std::vector<int64_t>(rank, std::get<int64_t>(v->v));
}

int64_t Arguments::dimension(std::string_view name, size_t rank) {
    const int64_t dim = integer(name);
    const int64_t n = int64_t(rank);
    if (dim < -n || dim >= n) {
        report<diag::dim_out_of_range>(name, name, op_, -n, n - 1, n, dim);
        return 0;
    }
    return dim < 0 ? dim + n : dim;
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
    const ValueList *list = as_list(*v);
    if (!list) {
        const std::vector<int64_t> both(rank, std::get<int64_t>(v->v));
        return {both, both};
    }
    if (!check_length("padding", rank, list->size())) {
        return {none, none};
    }
    Padding padding;
    for (const Value &entry : *list) {
        const ValueList *pair = as_list(entry);
        if (pair && pair->size() != 2) {
            report<diag::padding_pair>("padding", op_, pair->size());
            return {none, none};
        }
        padding.lo.push_back(std::get<int64_t>(pair ? (*pair)[0].v : entry.v));
        padding.hi.push_back(std::get<int64_t>(pair ? (*pair)[1].v : entry.v));
    }
    return padding;
}

} // namespace cnnc
