// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operators and functions of the language on values known at compile time.
#include "compiler/sema/arithmetic.h"

#include "compiler/sema/sema_diagnostics.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace cnnc {
namespace {

using ast::BinaryOp;

const Datum poison{Poison{}};

bool is_number(const Datum &d) {
    return d.get<int64_t>() || d.get<double>();
}

double as_double(const Datum &d) {
    const int64_t *integer = d.get<int64_t>();
    return integer ? double(*integer) : *d.get<double>();
}

bool is_comparison(BinaryOp op) {
    return op == BinaryOp::less || op == BinaryOp::less_equal || op == BinaryOp::greater ||
           op == BinaryOp::greater_equal;
}

// One infix operation under way.
struct Infix {
    BinaryOp op;
    Span span;
    ArithmeticContext &context;

    template <typename D, typename... Args>
    Datum fail(const Args &...args) const {
        context.diags.report<D>(span, args...);
        return poison;
    }
    Datum mismatch(const Datum &a, const Datum &b) const {
        return fail<diag::type_mismatch>(ast::infix_text(op), datum_kind(a, context.graph),
                                         datum_kind(b, context.graph));
    }
};

template <typename T>
bool compare(BinaryOp op, T a, T b) {
    switch (op) {
    case BinaryOp::less:
        return a < b;
    case BinaryOp::less_equal:
        return a <= b;
    case BinaryOp::greater:
        return a > b;
    default:
        return a >= b;
    }
}

// Charges for every item looked at: lists that share their items can be astronomically large.
bool equal(const Datum &a, const Datum &b, size_t &budget) {
    if (budget == 0)
        return false;
    --budget;
    if (is_number(a) && is_number(b)) {
        const int64_t *i = a.get<int64_t>(), *j = b.get<int64_t>();
        return i && j ? *i == *j : as_double(a) == as_double(b);
    }
    if (a.v.index() != b.v.index())
        return false;
    if (const StringRef *s = a.get<StringRef>())
        return **s == **b.get<StringRef>();
    if (const bool *x = a.get<bool>())
        return *x == *b.get<bool>();
    if (const Tensor *t = a.get<Tensor>())
        return t->node == b.get<Tensor>()->node;
    const std::vector<Datum> *left = list_items(a), *right = list_items(b);
    return left && right &&
           std::equal(left->begin(), left->end(), right->begin(), right->end(),
                      [&](const Datum &x, const Datum &y) { return equal(x, y, budget); });
}

int64_t floor_mod(int64_t a, int64_t b) {
    int64_t remainder = a % b;
    return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

Datum divide_integers(const Infix &infix, int64_t a, int64_t b) {
    if (b == 0)
        return infix.fail<diag::division_by_zero>();
    if (infix.op == BinaryOp::div)
        return {double(a) / double(b)};
    if (b == -1) { // the one quotient that may not fit; its remainder is 0
        int64_t result = 0;
        if (infix.op == BinaryOp::mod)
            return {result};
        if (__builtin_sub_overflow(int64_t(0), a, &result))
            return infix.fail<diag::integer_overflow>(ast::infix_text(infix.op));
        return {result};
    }
    int64_t remainder = floor_mod(a, b);
    // Truncation of an exact quotient, or of one that lies above the floor.
    return {infix.op == BinaryOp::mod ? remainder
            : remainder == 0          ? a / b
                                      : int64_t(a / b - ((a < 0) != (b < 0)))};
}

Datum make_range(const Infix &infix, int64_t begin, int64_t end) {
    int64_t length = 0;
    bool overflow = __builtin_sub_overflow(end, begin, &length);
    if (overflow && end < begin)
        length = 0;
    else if (overflow || length > int64_t(max_list_length))
        return infix.fail<diag::range_too_long>(overflow ? "over 2^63" : fmt::format("{}", length),
                                                int(max_list_length));
    std::vector<Datum> items;
    for (int64_t i = begin; i < end; ++i)
        items.push_back({i});
    infix.context.budget -= std::min(infix.context.budget, items.size());
    return *list_datum(std::move(items));
}

// As in Python, a negative exponent gives a number that need not be an integer.
Datum power_of_integers(const Infix &infix, int64_t base, int64_t exponent) {
    if (exponent < 0 && base == 0)
        return infix.fail<diag::division_by_zero>();
    if (exponent < 0)
        return {std::pow(double(base), double(exponent))};
    int64_t result = 1;
    for (bool overflow = false; exponent > 0; exponent /= 2) {
        if (exponent % 2 != 0)
            overflow |= __builtin_mul_overflow(result, base, &result);
        if (exponent > 1) // the last square is not used, and may not fit
            overflow |= __builtin_mul_overflow(base, base, &base);
        if (overflow)
            return infix.fail<diag::integer_overflow>(ast::infix_text(infix.op));
    }
    return {result};
}

Datum infix_integers(const Infix &infix, int64_t a, int64_t b) {
    int64_t result = 0;
    bool overflow = false;
    switch (infix.op) {
    case BinaryOp::add:
        overflow = __builtin_add_overflow(a, b, &result);
        break;
    case BinaryOp::sub:
        overflow = __builtin_sub_overflow(a, b, &result);
        break;
    case BinaryOp::mul:
        overflow = __builtin_mul_overflow(a, b, &result);
        break;
    case BinaryOp::range:
        return make_range(infix, a, b);
    case BinaryOp::pow:
        return power_of_integers(infix, a, b);
    default:
        return divide_integers(infix, a, b);
    }
    if (overflow)
        return infix.fail<diag::integer_overflow>(ast::infix_text(infix.op));
    return {result};
}

Datum power_of_doubles(const Infix &infix, double base, double exponent) {
    if (base == 0 && exponent < 0)
        return infix.fail<diag::division_by_zero>();
    double result = std::pow(base, exponent);
    if (std::isnan(result))
        return infix.fail<diag::not_a_number>(ast::infix_text(infix.op));
    return {result};
}

Datum infix_doubles(const Infix &infix, double a, double b) {
    switch (infix.op) {
    case BinaryOp::add:
        return {a + b};
    case BinaryOp::sub:
        return {a - b};
    case BinaryOp::mul:
        return {a * b};
    case BinaryOp::pow:
        return power_of_doubles(infix, a, b);
    default:
        break;
    }
    if (b == 0)
        return infix.fail<diag::division_by_zero>();
    double quotient = a / b;
    if (infix.op == BinaryOp::div)
        return {quotient};
    double floor = std::floor(quotient);
    return {infix.op == BinaryOp::floor_div ? floor : a - floor * b};
}

Datum concatenate(const Infix &infix, const std::vector<Datum> &a, const std::vector<Datum> &b) {
    size_t length = a.size() + b.size();
    if (length > max_list_length)
        return infix.fail<diag::list_too_long>(int(max_list_length));
    infix.context.budget -= std::min(infix.context.budget, length);
    std::vector<Datum> items = a;
    items.insert(items.end(), b.begin(), b.end());
    return *list_datum(std::move(items));
}

} // namespace

Datum apply_infix(BinaryOp op, const Datum &a, const Datum &b, Span op_span,
                  ArithmeticContext &context) {
    assert(op != BinaryOp::and_ && op != BinaryOp::or_);
    Infix infix{op, op_span, context};
    if (op == BinaryOp::equal || op == BinaryOp::not_equal) {
        bool result = equal(a, b, context.budget);
        return context.budget == 0 ? poison : Datum{result == (op == BinaryOp::equal)};
    }
    const std::vector<Datum> *left = list_items(a), *right = list_items(b);
    if (left && right && op == BinaryOp::add)
        return concatenate(infix, *left, *right);
    if (!is_number(a) || !is_number(b))
        return infix.mismatch(a, b);
    const int64_t *i = a.get<int64_t>(), *j = b.get<int64_t>();
    if (is_comparison(op))
        return {i && j ? compare(op, *i, *j) : compare(op, as_double(a), as_double(b))};
    if (i && j)
        return infix_integers(infix, *i, *j);
    if (op == BinaryOp::range)
        return infix.mismatch(a, b);
    return infix_doubles(infix, as_double(a), as_double(b));
}

Datum apply_minus(const Datum &operand, Span op_span, ArithmeticContext &context) {
    if (const double *d = operand.get<double>())
        return {-*d};
    if (!operand.get<int64_t>()) {
        context.diags.report<diag::unary_mismatch>(op_span, "-",
                                                   datum_kind(operand, context.graph));
        return poison;
    }
    return apply_infix(BinaryOp::sub, {int64_t(0)}, operand, op_span, context);
}

namespace {

// One call of a builtin function under way.
struct Builtin {
    const std::string &name;
    const std::vector<Datum> &arguments;
    Span span;
    ArithmeticContext &context;

    Datum fail(std::string_view needed) const {
        std::string found = arguments.size() == 1 ? datum_kind(arguments[0], context.graph)
                                                  : fmt::format("{} arguments", arguments.size());
        auto report = context.diags.report<diag::builtin_argument>(span, name, needed, found);
        bool has_tensor = std::any_of(arguments.begin(), arguments.end(),
                                      [](const Datum &d) { return d.is_tensor(); });
        if (has_tensor && (name == "min" || name == "max"))
            report.help(fmt::format("for tensors, there are `{0}imum` and `a{0}`", name));
        return poison;
    }
};

Datum smallest_or_largest(const Builtin &call) {
    const std::vector<Datum> *items = &call.arguments;
    if (items->size() == 1 && list_items((*items)[0]))
        items = list_items((*items)[0]);
    if (items->empty() || !std::all_of(items->begin(), items->end(), is_number))
        return call.fail("numbers or a list of numbers");
    call.context.budget -= std::min(call.context.budget, items->size());
    Datum best = (*items)[0];
    for (const Datum &item : *items) {
        BinaryOp op = call.name == "min" ? BinaryOp::less : BinaryOp::greater;
        if (*apply_infix(op, item, best, call.span, call.context).get<bool>())
            best = item;
    }
    return best;
}

Datum absolute(const Builtin &call, const Datum &x) {
    if (const double *d = x.get<double>())
        return {std::abs(*d)};
    return *x.get<int64_t>() < 0 ? apply_minus(x, call.span, call.context) : x;
}

Datum to_integer(const Builtin &call, const Datum &x) {
    if (x.get<int64_t>())
        return x;
    double d = std::trunc(*x.get<double>());
    if (!(std::abs(d) < 9223372036854775808.0)) {
        call.context.diags.report<diag::integer_overflow>(call.span, call.name);
        return poison;
    }
    return {int64_t(d)};
}

} // namespace

Datum apply_builtin(const std::string &name, const std::vector<Datum> &arguments, Span span,
                    ArithmeticContext &context) {
    Builtin call{name, arguments, span, context};
    if (name == "min" || name == "max")
        return smallest_or_largest(call);
    if (name == "len") {
        const std::vector<Datum> *items =
            arguments.size() == 1 ? list_items(arguments[0]) : nullptr;
        return items ? Datum{int64_t(items->size())} : call.fail("one list");
    }
    if (arguments.size() != 1 || !is_number(arguments[0]))
        return call.fail("one number");
    if (name == "abs")
        return absolute(call, arguments[0]);
    if (name == "int")
        return to_integer(call, arguments[0]);
    assert(name == "float");
    return {as_double(arguments[0])};
}

} // namespace cnnc
