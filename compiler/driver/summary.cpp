// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// cnnc summary: the network layer by layer, with the numbers papers quote. Shapes suffice: no
// weights are read.
#include "compiler/driver/commands.h"
#include "compiler/driver/network.h"
#include "compiler/graph/analysis.h"
#include "compiler/graph/registry.h"
#include "compiler/passes/passes.h"
#include "compiler/plan/plan.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <ostream>

namespace cnnc {
namespace {

struct Options {
    NetworkArguments network;
    bool json = false;
};

struct Row {
    std::string name, op;
    Shape shape;
    NodeFacts facts;
};

struct Totals {
    int64_t parameters = 0;
    int64_t multiply_adds = 0;
    int64_t activation_bytes = 0;
    int64_t bytes_moved = 0;
    int64_t arena_bytes = 0; // of the memory plan
    int64_t lower_bound = 0; // no plan can need less
};

bool is_layer(const Node &node) {
    return !std::holds_alternative<Input>(node.op) && !std::holds_alternative<Constant>(node.op);
}

std::string op_of(const Node &node, const Graph &graph) {
    std::vector<TensorType> operands;
    for (const NodeId input : node.inputs)
        operands.push_back(graph[input].type);
    return op_name(node.op, operands);
}

std::vector<Row> rows_of(const Graph &graph) {
    const std::vector<NodeFacts> facts = analyze(graph);
    std::vector<Row> rows;
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
        const Node &node = graph.nodes[i];
        if (is_layer(node))
            rows.push_back({node.name, op_of(node, graph), node.type.shape, facts[i]});
    }
    return rows;
}

Totals totals_of(const Graph &graph, const std::vector<Row> &rows) {
    Totals totals;
    totals.parameters = parameter_count(graph);
    for (const Row &row : rows) {
        totals.multiply_adds += row.facts.multiply_adds;
        totals.activation_bytes += row.facts.activation_bytes;
        totals.bytes_moved += row.facts.bytes_moved;
    }
    const Plan plan = plan_memory(form_kernels(optimize(graph)));
    totals.arena_bytes = plan.arena_bytes;
    totals.lower_bound = plan.lower_bound;
    return totals;
}

// 7, or 7 x 5 where the dimensions differ, - where it is not known; nothing where there is none.
template <typename Text>
std::string field_text(const NodeFacts &facts, const Text &text) {
    std::vector<std::string> texts;
    for (const auto &field : facts.fields)
        texts.push_back(field ? text(*field) : "-");
    const bool same = std::all_of(texts.begin(), texts.end(),
                                  [&](const std::string &t) { return t == texts[0]; });
    if (texts.empty() || same)
        return texts.empty() ? "" : texts[0];
    return fmt::format("{}", fmt::join(texts, " x "));
}

// Positions of the input; resizing leaves fractions.
int64_t field_size(const ReceptiveField &field) {
    return int64_t(std::ceil(field.size - 1e-6));
}

// 2, 0.5, 15.5, 0.333
std::string number_text(double number) {
    std::string text = fmt::format("{:.3f}", number);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.')
        text.pop_back();
    return text == "-0" ? "0" : text;
}

double intensity(const Totals &totals) {
    const double operations = 2.0 * double(totals.multiply_adds);
    return totals.bytes_moved ? operations / double(totals.bytes_moved) : 0;
}

std::string count_or_blank(int64_t count) {
    return count ? count_text(count) : "";
}

void print_text(const Graph &graph, const std::vector<Row> &rows, const Totals &totals,
                Console &console) {
    for (const NodeId id : graph.inputs)
        console.out << fmt::format("input {}: {}\n", graph[id].name, type_text(graph[id].type));
    Table table({"LAYER", "OPERATOR", "OUTPUT", ">PARAMETERS", ">MULTIPLY-ADDS", ">RECEPTIVE FIELD",
                 ">STRIDE", ">CENTRE", ">ACTIVATION BYTES", ">BYTES MOVED", ">FLOP/BYTE"});
    for (const Row &row : rows) {
        const NodeFacts &facts = row.facts;
        table.add({row.name, row.op, shape_text(row.shape), count_or_blank(facts.parameters),
                   count_or_blank(facts.multiply_adds),
                   field_text(facts, [](auto &f) { return count_text(field_size(f)); }),
                   field_text(facts, [](auto &f) { return number_text(f.stride); }),
                   field_text(facts, [](auto &f) { return number_text(f.centre); }),
                   count_text(facts.activation_bytes), count_or_blank(facts.bytes_moved),
                   facts.multiply_adds ? fmt::format("{:.1f}", facts.intensity()) : ""});
    }
    table.add_rule();
    table.add({graph.name, "", "", count_text(totals.parameters), count_text(totals.multiply_adds),
               "", "", "", count_text(totals.activation_bytes), count_text(totals.bytes_moved),
               fmt::format("{:.1f}", intensity(totals))});
    console.out << "\n" << table.text() << "\n";
    for (const Output &output : graph.outputs)
        console.out << fmt::format("output {}: {}\n", output.name,
                                   type_text(graph[output.node].type));
    console.out << fmt::format("peak activation memory: {} bytes planned, at least {} needed\n",
                               count_text(totals.arena_bytes), count_text(totals.lower_bound));
}

nlohmann::ordered_json tensor_json(const std::string &name, const TensorType &type) {
    return {{"name", name}, {"type", std::string(dtype_name(type.dtype))}, {"shape", type.shape}};
}

// A number per spatial dimension of the input, null where it is not known.
template <typename Number>
nlohmann::ordered_json field_json(const NodeFacts &facts, const Number &number) {
    auto json = nlohmann::ordered_json::array();
    for (const auto &field : facts.fields)
        json.push_back(field ? nlohmann::ordered_json(number(*field)) : nullptr);
    return json;
}

nlohmann::ordered_json layer_json(const Row &row) {
    const NodeFacts &facts = row.facts;
    return {{"name", row.name},
            {"op", row.op},
            {"shape", row.shape},
            {"parameters", facts.parameters},
            {"multiply_adds", facts.multiply_adds},
            {"receptive_field", field_json(facts, field_size)},
            {"receptive_field_stride", field_json(facts, [](auto &f) { return f.stride; })},
            {"receptive_field_centre", field_json(facts, [](auto &f) { return f.centre; })},
            {"activation_bytes", facts.activation_bytes},
            {"bytes_moved", facts.bytes_moved},
            {"arithmetic_intensity", facts.intensity()}};
}

void print_json(const Graph &graph, const std::vector<Row> &rows, const Totals &totals,
                Console &console) {
    nlohmann::ordered_json json = {{"network", graph.name}};
    for (const NodeId id : graph.inputs)
        json["inputs"].push_back(tensor_json(graph[id].name, graph[id].type));
    for (const Output &output : graph.outputs)
        json["outputs"].push_back(tensor_json(output.name, graph[output.node].type));
    json["layers"] = nlohmann::ordered_json::array();
    for (const Row &row : rows)
        json["layers"].push_back(layer_json(row));
    json["totals"] = {{"parameters", totals.parameters},
                      {"multiply_adds", totals.multiply_adds},
                      {"activation_bytes", totals.activation_bytes},
                      {"bytes_moved", totals.bytes_moved},
                      {"arithmetic_intensity", intensity(totals)},
                      {"peak_memory_bytes", totals.arena_bytes},
                      {"peak_memory_lower_bound_bytes", totals.lower_bound}};
    console.out << json.dump(2) << "\n";
}

int summarize(const Options &options, Console &console) {
    const Graph graph = load_graph(options.network, {}, Need::shapes, console);
    const std::vector<Row> rows = rows_of(graph);
    const Totals totals = totals_of(graph, rows);
    if (options.json)
        print_json(graph, rows, totals, console);
    else
        print_text(graph, rows, totals, console);
    return exit_ok;
}

} // namespace

void add_summary_command(CLI::App &app, Action &action) {
    auto options = std::make_shared<Options>();
    CLI::App *command =
        app.add_subcommand("summary", "Show shapes, parameters, work and memory, layer by layer");
    add_network_arguments(*command, options->network);
    command->add_flag("--json", options->json, "Print one JSON object");
    command->callback([options, &action] {
        action = [options](Console &console) { return summarize(*options, console); };
    });
}

} // namespace cnnc
