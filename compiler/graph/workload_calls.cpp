// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/graph/workload_calls.h"

#include <algorithm>

namespace cnnc {
namespace {

constexpr std::pair<ReduceKind, std::string_view> reductions[] = {
    {ReduceKind::sum, "sum"},
    {ReduceKind::mean, "mean"},
    {ReduceKind::amax, "amax"},
    {ReduceKind::amin, "amin"},
    {ReduceKind::prod, "prod"},
    {ReduceKind::l1, "l1"},
    {ReduceKind::l2, "l2"},
    {ReduceKind::sum_square, "sum_square"},
    {ReduceKind::log_sum_exp, "log_sum_exp"}};
constexpr std::pair<SampleKind, std::string_view> samplings[] = {
    {SampleKind::pick, "pick"},
    {SampleKind::weighted_sum, "weighted_sum"},
    {SampleKind::max, "max"}};

template <class Kind, size_t n>
std::string name_of(const std::pair<Kind, std::string_view> (&table)[n], Kind kind) {
    for (const auto &[k, name] : table)
        if (k == kind)
            return std::string(name);
    return "";
}

template <class Kind, size_t n>
std::optional<Kind> kind_of(const std::pair<Kind, std::string_view> (&table)[n],
                            std::string_view wanted) {
    for (const auto &[kind, name] : table)
        if (name == wanted)
            return kind;
    return std::nullopt;
}

Value list_value(const std::vector<int64_t> &integers) {
    ValueList list(integers.size());
    for (size_t i = 0; i < list.size(); i++)
        list[i].v = integers[i];
    return {list};
}

// Reads the arguments of a call one after another; ok() when all were there and nothing else.
class Arguments {
  public:
    explicit Arguments(const WorkloadCall &call) : call_(call) {}

    int64_t integer(std::string_view name) { return get<int64_t>(name); }
    bool boolean(std::string_view name) { return get<bool>(name); }
    std::string word(std::string_view name) { return get<std::string>(name); }
    double number(std::string_view name) {
        const Value *value = find(name);
        if (value && std::holds_alternative<int64_t>(value->v))
            return double(std::get<int64_t>(value->v));
        if (value && std::holds_alternative<double>(value->v))
            return std::get<double>(value->v);
        wrong_ = true;
        return 0;
    }
    std::vector<int64_t> integers(std::string_view name) {
        std::vector<int64_t> result;
        for (const Value &entry : get<ValueList>(name)) {
            wrong_ |= !std::holds_alternative<int64_t>(entry.v);
            result.push_back(wrong_ ? 0 : std::get<int64_t>(entry.v));
        }
        return result;
    }
    bool ok() const { return !wrong_ && found_ == call_.arguments.size(); }

  private:
    const Value *find(std::string_view name) {
        for (const auto &[key, value] : call_.arguments)
            if (key == name) {
                ++found_;
                return &value;
            }
        return nullptr;
    }
    template <class T>
    T get(std::string_view name) {
        const Value *value = find(name);
        if (value && std::holds_alternative<T>(value->v))
            return std::get<T>(value->v);
        wrong_ = true;
        return T();
    }

    const WorkloadCall &call_;
    size_t found_ = 0;
    bool wrong_ = false;
};

std::optional<Op> make_sample(Arguments &arguments) {
    auto kind = kind_of(samplings, arguments.word("kind"));
    Sample sample{kind.value_or(SampleKind::pick), arguments.integers("dims"),
                  arguments.number("fill")};
    return kind ? std::optional<Op>(std::move(sample)) : std::nullopt;
}

std::optional<Op> make(std::string_view name, Arguments &arguments) {
    if (name == "matmul")
        return MatMul{};
    if (name == "argmax" || name == "argmin")
        return ArgReduce{name == "argmax", arguments.integer("dim"), true};
    if (name == "topk")
        return TopK{arguments.integer("k"), arguments.integer("dim"), arguments.boolean("largest"),
                    arguments.boolean("indices")};
    if (name == "sample")
        return make_sample(arguments);
    if (auto kind = kind_of(reductions, name))
        return Reduce{*kind, arguments.integers("dims"), true};
    return std::nullopt;
}

} // namespace

std::optional<WorkloadCall> workload_call(const Op &op) {
    using Call = std::optional<WorkloadCall>;
    return match(
        op,
        [](const MatMul &) -> Call {
            return {{"matmul", {}}};
        },
        [](const Reduce &r) -> Call {
            return {{name_of(reductions, r.kind), {{"dims", list_value(r.dims)}}}};
        },
        [](const ArgReduce &a) -> Call {
            return {{a.max ? "argmax" : "argmin", {{"dim", {a.dim}}}}};
        },
        [](const TopK &t) -> Call {
            return {{"topk",
                     {{"k", {t.k}},
                      {"dim", {t.dim}},
                      {"largest", {t.largest}},
                      {"indices", {t.indices}}}}};
        },
        [](const Sample &s) -> Call {
            return {{"sample",
                     {{"kind", {name_of(samplings, s.kind)}},
                      {"dims", list_value(s.dims)},
                      {"fill", {s.fill}}}}};
        },
        [](const auto &) -> Call { return std::nullopt; });
}

bool is_workload_call(std::string_view name) {
    return name == "matmul" || name == "argmax" || name == "argmin" || name == "topk" ||
           name == "sample" || kind_of(reductions, name);
}

std::optional<Op> make_workload_op(const WorkloadCall &call) {
    Arguments arguments(call);
    std::optional<Op> op = make(call.name, arguments);
    return arguments.ok() ? op : std::nullopt;
}

} // namespace cnnc
