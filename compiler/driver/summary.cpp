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
    }
    const Plan plan = plan_memory(form_kernels(optimize(graph)));
    totals.arena_bytes = plan.arena_bytes;
    totals.lower_bound = plan.lower_bound;
    return totals;
}

// 7, or 7 x 5 where the dimensions differ; nothing where there is none.
std::string field_text(const std::vector<int64_t> &field) {
    const bool same =
        std::all_of(field.begin(), field.end(), [&](int64_t extent) { return extent == field[0]; });
    if (field.empty() || same)
        return field.empty() ? "" : count_text(field[0]);
    return fmt::format("{}", fmt::join(field, " x "));
}

std::string count_or_blank(int64_t count) {
    return count ? count_text(count) : "";
}

void print_text(const Graph &graph, const std::vector<Row> &rows, const Totals &totals,
                Console &console) {
    for (const NodeId id : graph.inputs)
        console.out << fmt::format("input {}: {}\n", graph[id].name, type_text(graph[id].type));
    Table table({"LAYER", "OPERATOR", "OUTPUT", ">PARAMETERS", ">MULTIPLY-ADDS", ">RECEPTIVE FIELD",
                 ">ACTIVATION BYTES"});
    for (const Row &row : rows)
        table.add({row.name, row.op, shape_text(row.shape), count_or_blank(row.facts.parameters),
                   count_or_blank(row.facts.multiply_adds), field_text(row.facts.receptive_field),
                   count_text(row.facts.activation_bytes)});
    table.add_rule();
    table.add({graph.name, "", "", count_text(totals.parameters), count_text(totals.multiply_adds),
               "", count_text(totals.activation_bytes)});
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

void print_json(const Graph &graph, const std::vector<Row> &rows, const Totals &totals,
                Console &console) {
    nlohmann::ordered_json json = {{"network", graph.name}};
    for (const NodeId id : graph.inputs)
        json["inputs"].push_back(tensor_json(graph[id].name, graph[id].type));
    for (const Output &output : graph.outputs)
        json["outputs"].push_back(tensor_json(output.name, graph[output.node].type));
    json["layers"] = nlohmann::ordered_json::array();
    for (const Row &row : rows)
        json["layers"].push_back({{"name", row.name},
                                  {"op", row.op},
                                  {"shape", row.shape},
                                  {"parameters", row.facts.parameters},
                                  {"multiply_adds", row.facts.multiply_adds},
                                  {"receptive_field", row.facts.receptive_field},
                                  {"activation_bytes", row.facts.activation_bytes}});
    json["totals"] = {{"parameters", totals.parameters},
                      {"multiply_adds", totals.multiply_adds},
                      {"activation_bytes", totals.activation_bytes},
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
