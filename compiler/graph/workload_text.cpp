// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The one-line text of a workload, printed and parsed.
//
//   workload := call view ("->" step)* "->" view
//   step     := call-of-a-unary-operator | ("add" | "sub" | "mul") "(" operand ")"
//   operand  := (view | number) [", v"]        with `v` behind it, the operand stands on the left
//   view     := dtype "[" extents "]" ["@nchw" | "@[" strides "]"]
#include "compiler/graph/registry.h"
#include "compiler/graph/workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>

namespace cnnc {
namespace {

// Longest text parse_workload looks at; the longest real ones have a few hundred characters.
constexpr size_t max_text = 16384;
// Lists nest two deep (pairs of paddings).
constexpr int max_nesting = 4;

std::string view_text(const TensorView &view) {
    std::string text = type_text({view.dtype, view.shape});
    if (view == channels_last(view.dtype, view.shape))
        return text;
    if (view == row_major(view.dtype, view.shape))
        return text + "@nchw";
    return text + "@" + shape_text(view.strides);
}

std::vector<TensorType> operand_types(const Workload &w) {
    return {{w.inputs[0].dtype, w.inputs[0].shape}};
}

// An argument the operator cannot do without prints without its name: conv2d(64, kernel=...).
bool is_positional(const OpSpec &spec, size_t i) {
    return i == 0 && spec.args[0].kind == ArgKind::integer && spec.args[0].required();
}

std::string call_text(const Op &op, const std::vector<TensorType> &operands) {
    std::string name = op_name(op, operands);
    const OpSpec *spec = find_op(name);
    assert(spec);
    std::string arguments;
    size_t i = 0;
    for (const auto &[key, value] : op_arguments(op)) {
        arguments += i > 0 ? ", " : "";
        arguments += is_positional(*spec, i) ? "" : key + "=";
        arguments += value_text(value);
        i++;
    }
    return arguments.empty() ? name : name + "(" + arguments + ")";
}

std::string step_text(const EpilogueStep &step, const Workload &w) {
    if (std::holds_alternative<Unary>(step.op))
        return call_text(std::get<Unary>(step.op), {{w.output.dtype, w.output.shape}});
    std::string operand =
        step.input >= 0 ? view_text(w.inputs[size_t(step.input)]) : number_text(step.scalar);
    return fmt::format("{}({}{})", binary_name(std::get<Binary>(step.op).kind), operand,
                       step.swapped ? ", v" : "");
}

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
        return number();
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
    const OpSpec *spec = nullptr;
    ArgValues values;

    std::optional<Op> make(const TensorView &operand) const {
        Diagnostics ignored;
        return spec->make(values, {{operand.dtype, operand.shape}}, {}, ignored);
    }
};

std::optional<Call> read_call(Reader &reader, std::string_view name) {
    Call call{find_op(name), {}};
    if (!call.spec)
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

// A binary step's `(operand[, v])`; its view, if it has one, goes to `inputs`.
bool read_operand(Reader &reader, EpilogueStep &step, std::vector<TensorView> &inputs) {
    if (!reader.eat("("))
        return false;
    size_t begin = reader.position();
    if (auto view = reader.view()) {
        step.input = int(inputs.size());
        inputs.push_back(*view);
    } else {
        reader.rewind(begin);
        auto number = reader.number();
        if (!number)
            return false;
        const auto *integer = std::get_if<int64_t>(&number->v);
        step.scalar = integer ? double(*integer) : std::get<double>(number->v);
    }
    if (reader.eat(",")) {
        step.swapped = true;
        if (!reader.eat("v"))
            return false;
    }
    return reader.eat(")");
}

std::optional<BinaryKind> binary_kind(std::string_view name) {
    for (BinaryKind kind : {BinaryKind::add, BinaryKind::sub, BinaryKind::mul})
        if (binary_name(kind) == name)
            return kind;
    return std::nullopt;
}

std::optional<EpilogueStep> read_step(Reader &reader, std::string_view name,
                                      std::vector<TensorView> &inputs) {
    EpilogueStep step;
    if (auto kind = binary_kind(name)) {
        step.op = Binary{*kind};
        return read_operand(reader, step, inputs) ? std::optional(step) : std::nullopt;
    }
    auto call = read_call(reader, name);
    auto op = call ? call->make(inputs[0]) : std::nullopt;
    if (!op || !std::holds_alternative<Unary>(*op))
        return std::nullopt;
    step.op = std::get<Unary>(*op);
    return step;
}

} // namespace

std::string workload_text(const Workload &w) {
    std::string text = call_text(w.anchor, operand_types(w)) + " " + view_text(w.inputs[0]);
    for (const EpilogueStep &step : w.epilogue)
        text += " -> " + step_text(step, w);
    return text + " -> " + view_text(w.output);
}

std::optional<Workload> parse_workload(std::string_view text) {
    if (text.size() > max_text)
        return std::nullopt;
    Reader reader(text);
    auto call = read_call(reader, reader.word());
    auto input = call ? reader.view() : std::nullopt;
    auto anchor = input ? call->make(*input) : std::nullopt;
    if (!anchor)
        return std::nullopt;
    Workload w{*anchor, {*input}, {}, {}};
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
