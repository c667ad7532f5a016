// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reads the text of a workload back. The grammar is in workload_text.cpp.
#include "compiler/graph/registry.h"
#include "compiler/graph/workload.h"
#include "compiler/graph/workload_calls.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace cnnc {
namespace {

// Longest text parse_workload looks at; the longest real ones have a few hundred characters.
constexpr size_t max_text = 16384;
// Lists nest two deep (pairs of paddings).
constexpr int max_nesting = 4;

// A cursor over the text. Every function returns nothing (or false) where the text does not fit.
class Reader {
  public:
    explicit Reader(std::string_view text) : text_(text) {}

    bool eat(std::string_view token) {
        skip_space();
        if (text_.substr(pos_, token.size()) != token)
            return false;
        pos_ += token.size();
        return true;
    }

    bool at_end() {
        skip_space();
        return pos_ == text_.size();
    }

    std::string_view word() {
        skip_space();
        size_t begin = pos_;
        while (pos_ < text_.size() && (std::isalnum(uint8_t(text_[pos_])) || text_[pos_] == '_'))
            pos_++;
        return text_.substr(begin, pos_ - begin);
    }

    // An integer, or a floating-point number where it has a point, an exponent or is infinite.
    std::optional<Value> number() {
        skip_space();
        size_t begin = pos_;
        while (pos_ < text_.size() && (std::isalnum(uint8_t(text_[pos_])) || text_[pos_] == '.' ||
                                       text_[pos_] == '-' || text_[pos_] == '+'))
            if (text_.substr(pos_, 2) == "->")
                break;
            else
                pos_++;
        std::string_view digits = text_.substr(begin, pos_ - begin);
        const char *end = digits.data() + digits.size();
        int64_t integer = 0;
        if (auto r = std::from_chars(digits.data(), end, integer);
            r.ptr == end && r.ec == std::errc())
            return digits.empty() ? std::nullopt : std::optional(Value{integer});
        double real = 0;
        if (auto r = std::from_chars(digits.data(), end, real); r.ptr == end && r.ec == std::errc())
            return Value{real};
        return std::nullopt;
    }

    std::optional<Value> value(int depth = 0) {
        if (depth > max_nesting)
            return std::nullopt;
        if (!eat("["))
            return scalar_value();
        ValueList list;
        while (!eat("]")) {
            if (!list.empty() && !eat(","))
                return std::nullopt;
            auto element = value(depth + 1);
            if (!element)
                return std::nullopt;
            list.push_back(*element);
        }
        return Value{list};
    }

    std::optional<std::vector<int64_t>> integers() {
        auto list = value();
        if (!list || !std::holds_alternative<ValueList>(list->v))
            return std::nullopt;
        std::vector<int64_t> result;
        for (const Value &element : std::get<ValueList>(list->v)) {
            if (!std::holds_alternative<int64_t>(element.v))
                return std::nullopt;
            result.push_back(std::get<int64_t>(element.v));
        }
        return result;
    }

    std::optional<TensorView> view() {
        auto dtype = dtype_from_name(word());
        if (!dtype)
            return std::nullopt;
        auto shape = integers();
        if (!shape || !std::all_of(shape->begin(), shape->end(), [](int64_t e) { return e > 0; }) ||
            !checked_elements(*shape))
            return std::nullopt;
        if (!eat("@"))
            return channels_last(*dtype, *shape);
        if (eat("nchw"))
            return row_major(*dtype, *shape);
        auto strides = integers();
        if (!strides)
            return std::nullopt;
        return TensorView{*dtype, *shape, *strides};
    }

    size_t position() const { return pos_; }
    void rewind(size_t position) { pos_ = position; }

  private:
    void skip_space() {
        while (pos_ < text_.size() && (text_[pos_] == ' ' || text_[pos_] == '\n'))
            pos_++;
    }

    std::optional<Value> scalar_value() {
        size_t begin = pos_;
        std::string_view name = word();
        if (name == "true" || name == "false")
            return Value{name == "true"};
        pos_ = begin;
        if (auto value = number())
            return value;
        pos_ = begin;
        name = word();
        return name.empty() ? std::nullopt : std::optional(Value{std::string(name)});
    }

    std::string_view text_;
    size_t pos_ = 0;
};

// `(value, key=value, ...)` into the positions of the specification.
bool read_arguments(Reader &reader, const OpSpec &spec, ArgValues &values) {
    size_t positional = 0;
    for (bool first = true; !reader.eat(")"); first = false) {
        if (!first && !reader.eat(","))
            return false;
        size_t begin = reader.position();
        std::string_view key = reader.word();
        size_t index = spec.args.size();
        if (reader.eat("=")) {
            for (size_t i = 0; i < spec.args.size(); i++)
                index = spec.args[i].name == key ? i : index;
        } else {
            reader.rewind(begin);
            index = positional++;
        }
        auto value = reader.value();
        if (!value || index >= spec.args.size())
            return false;
        values[index] = value;
    }
    return true;
}

// The call's name and arguments are read before its operand is known (it stands behind them).
struct Call {
    std::optional<Op> own; // an operator of workload_calls.h
    const OpSpec *spec = nullptr;
    ArgValues values;

    std::optional<Op> make(const TensorView &operand) const {
        Diagnostics ignored;
        return own ? own : spec->make(values, {{operand.dtype, operand.shape}}, {}, ignored);
    }
};

std::optional<Call> read_own_call(Reader &reader, std::string_view name) {
    WorkloadCall call{std::string(name), {}};
    if (reader.eat("("))
        while (!reader.eat(")")) {
            if (!call.arguments.empty() && !reader.eat(","))
                return std::nullopt;
            std::string key(reader.word());
            auto value = reader.eat("=") ? reader.value() : std::nullopt;
            if (!value)
                return std::nullopt;
            call.arguments.emplace_back(std::move(key), std::move(*value));
        }
    auto op = make_workload_op(call);
    return op ? std::optional(Call{op, nullptr, {}}) : std::nullopt;
}

std::optional<Call> read_call(Reader &reader, std::string_view name) {
    if (is_workload_call(name))
        return read_own_call(reader, name);
    Call call{std::nullopt, find_op(name), {}};
    if (!call.spec || !call.spec->make)
        return std::nullopt;
    for (const ArgSpec &arg : call.spec->args)
        call.values.push_back(arg.fallback);
    if (reader.eat("(") && !read_arguments(reader, *call.spec, call.values))
        return std::nullopt;
    for (size_t i = 0; i < call.values.size(); i++)
        if (!call.values[i] && call.spec->args[i].required())
            return std::nullopt;
    return call;
}

// One operand that is not `v`; its view, if it has one, goes to `inputs`.
std::optional<StepOperand> read_operand(Reader &reader, std::vector<TensorView> &inputs) {
    size_t begin = reader.position();
    if (auto view = reader.view()) {
        inputs.push_back(*view);
        return StepOperand{int(inputs.size()) - 1, 0};
    }
    reader.rewind(begin);
    auto number = reader.number();
    if (!number)
        return std::nullopt;
    const auto *integer = std::get_if<int64_t>(&number->v);
    return StepOperand{-1, integer ? double(*integer) : std::get<double>(number->v)};
}

// `(operand, ...)` of a step whose operator takes `count` operands beside the value so far.
bool read_operands(Reader &reader, size_t count, EpilogueStep &step,
                   std::vector<TensorView> &inputs) {
    if (!reader.eat("("))
        return false;
    bool found = false; // `v`
    for (size_t i = 0; !reader.eat(")"); ++i) {
        if (i > count || (i > 0 && !reader.eat(",")))
            return false;
        if (!found && reader.eat("v")) {
            found = true;
            step.position = int(i);
            continue;
        }
        auto operand = read_operand(reader, inputs);
        if (!operand)
            return false;
        step.operands.push_back(*operand);
    }
    return step.operands.size() == count;
}

std::optional<BinaryKind> binary_kind(std::string_view name) {
    for (int kind = 0; kind <= int(BinaryKind::logical_xor); ++kind)
        if (binary_name(BinaryKind(kind)) == name)
            return BinaryKind(kind);
    return std::nullopt;
}

std::optional<EpilogueStep> read_unary(Reader &reader, std::string_view name,
                                       const TensorView &operand) {
    auto call = read_call(reader, name);
    auto op = call ? call->make(operand) : std::nullopt;
    if (!op || !std::holds_alternative<Unary>(*op))
        return std::nullopt;
    return EpilogueStep{std::get<Unary>(*op), {}, 0};
}

std::optional<EpilogueStep> read_step(Reader &reader, std::string_view name,
                                      std::vector<TensorView> &inputs) {
    EpilogueStep step;
    if (name == "cast") {
        auto dtype = reader.eat("(") ? dtype_from_name(reader.word()) : std::nullopt;
        if (!dtype || !reader.eat(")"))
            return std::nullopt;
        step.op = Cast{*dtype};
        return step;
    }
    size_t count = 0; // of operands
    if (auto kind = binary_kind(name)) {
        step.op = Binary{*kind};
        count = 1;
    } else if (name == "where") {
        step.op = Where{};
        count = 2;
    }
    if (count == 0)
        return read_unary(reader, name, inputs[0]);
    return read_operands(reader, count, step, inputs) ? std::optional(step) : std::nullopt;
}

// `view, view, ...`
bool read_views(Reader &reader, size_t count, std::vector<TensorView> &views) {
    for (size_t i = 0; i < count; ++i) {
        auto view = i == 0 || reader.eat(",") ? reader.view() : std::nullopt;
        if (!view)
            return false;
        views.push_back(*view);
    }
    return true;
}

} // namespace

std::optional<Workload> parse_workload(std::string_view text) {
    if (text.size() > max_text)
        return std::nullopt;
    Reader reader(text);
    Workload w;
    auto call = read_call(reader, reader.word());
    if (!call || !read_views(reader, call->own ? anchor_operands(*call->own) : 1, w.inputs))
        return std::nullopt;
    auto anchor = call->make(w.inputs[0]);
    if (!anchor)
        return std::nullopt;
    w.anchor = *anchor;
    for (bool done = false; !done;) {
        if (!reader.eat("->"))
            return std::nullopt;
        size_t begin = reader.position();
        if (auto output = reader.view()) {
            w.output = *output;
            done = true;
            continue;
        }
        reader.rewind(begin);
        auto step = read_step(reader, reader.word(), w.inputs);
        if (!step)
            return std::nullopt;
        w.epilogue.push_back(*step);
    }
    if (!reader.at_end() || !workload_problem(w).empty())
        return std::nullopt;
    return w;
}

} // namespace cnnc
