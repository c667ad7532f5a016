// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Turns the argument values of one call into an operator's attributes, reporting those of the wrong
// kind or length.
#pragma once

#include "compiler/graph/registry.h"

namespace cnnc {

// Entries that one number or a list stands for.
std::vector<double> number_list(const Value &value);

// Reports an operand that does not have this many spatial dimensions.
void report_rank(std::string_view op, size_t spatial_rank, const TensorType &operand,
                 const CallSpans &where, Diagnostics &diags);

// Every getter returns something usable even after it reported; ok() tells whether all was well.
class Arguments {
  public:
    Arguments(std::string_view op, const std::vector<ArgSpec> &specs, const ArgValues &values,
              const CallSpans &where, Diagnostics &diags)
        : op_(op), specs_(specs), values_(values), where_(where), diags_(diags) {}

    int64_t integer(std::string_view name);
    bool boolean(std::string_view name);
    // `missing` stands for an argument with a computed default that was left out.
    double number(std::string_view name, double missing = 0);
    Shape shape(std::string_view name);
    std::vector<int64_t> integers(std::string_view name);
    std::vector<double> numbers(std::string_view name);
    // The index of the word in ArgSpec::choices.
    size_t choice(std::string_view name);
    DType dtype(std::string_view name, DType missing = DType::f32);
    // The value itself, if it was given and has its kind.
    const Value *value_of(std::string_view name) { return checked(name); }
    // One entry per spatial dimension.
    std::vector<int64_t> dims(std::string_view name, size_t rank,
                              const std::vector<int64_t> &missing = {});
    // A dimension of a tensor of this rank; negative ones count from the end.
    int64_t dimension(std::string_view name, size_t rank);
    // Some of them, ascending; all where the argument was left out.
    std::vector<int64_t> dimensions(std::string_view name, size_t rank);

    // Reports a first operand without this many spatial dimensions.
    void check_spatial_rank(size_t rank, const std::vector<TensorType> &operands);

    struct Padding {
        std::vector<int64_t> lo, hi;
    };
    // Of ArgKind::borders.
    Padding borders(std::string_view name, size_t rank);
    Padding padding(const std::vector<int64_t> &kernel, const std::vector<int64_t> &stride,
                    const std::vector<int64_t> &dilation);

    template <typename D, typename... Args>
    DiagnosticBuilder report(std::string_view name, const Args &...args) {
        ok_ = false;
        return diags_.report<D>(where_.argument(name), args...);
    }
    bool given(std::string_view name) const { return value(name).has_value(); }
    bool ok() const { return ok_; }

  private:
    size_t index(std::string_view name) const;
    const std::optional<Value> &value(std::string_view name) const { return values_[index(name)]; }
    // The value if it has the kind its spec asks for; else null, reported unless just left out.
    const Value *checked(std::string_view name);
    int64_t checked_dimension(std::string_view name, int64_t dim, size_t rank);
    bool check_length(std::string_view name, size_t expected, size_t found);
    Padding same_padding(const std::vector<int64_t> &kernel, const std::vector<int64_t> &stride,
                         const std::vector<int64_t> &dilation);

    std::string_view op_;
    const std::vector<ArgSpec> &specs_;
    const ArgValues &values_;
    const CallSpans &where_;
    Diagnostics &diags_;
    bool ok_ = true;
};

} // namespace cnnc
