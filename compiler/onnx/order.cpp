// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reachability from the outputs, then a topological order; neither recurses.
#include "compiler/onnx/order.h"

#include "compiler/import/file.h"
#include "compiler/onnx/onnx_diagnostics.h"

#include <algorithm>
#include <queue>
#include <string_view>
#include <unordered_map>

namespace cnnc {
namespace {

using Names = std::vector<const std::string *>;

// The values that a node reads, those that its subgraphs read included: what these give themselves
// is not among the graph's values.
void collect_reads(const pb::NodeProto &node, Names &names) {
    for (const std::string &input : node.input()) {
        if (!input.empty())
            names.push_back(&input);
    }
    for (const pb::AttributeProto &attribute : node.attribute()) {
        if (!attribute.has_g())
            continue;
        for (const pb::NodeProto &inner : attribute.g().node())
            collect_reads(inner, names);
        for (const pb::ValueInfoProto &output : attribute.g().output())
            names.push_back(&output.name());
    }
}

class Orderer {
  public:
    Orderer(const pb::GraphProto &graph, const std::function<bool(const std::string &)> &is_outer,
            Diagnostics &diags)
        : graph_(graph), is_outer_(is_outer), diags_(diags), depends_(size_t(graph.node_size())),
          live_(size_t(graph.node_size())) {}

    std::optional<std::vector<const pb::NodeProto *>> run() {
        size_t errors = diags_.error_count();
        find_givers();
        for (const pb::ValueInfoProto &output : graph_.output()) {
            if (std::optional<int> giver = giver_of(output.name(), nullptr))
                reach(*giver);
        }
        while (!reached_.empty() && !diags_.full())
            look_at_next();
        if (diags_.error_count() > errors)
            return std::nullopt;
        return sorted();
    }

  private:
    void find_givers() {
        for (int i = 0; i < graph_.node_size(); ++i) {
            for (const std::string &output : graph_.node(i).output()) {
                if (output.empty())
                    continue;
                if (is_outer_(output) || !givers_.emplace(output, i).second)
                    diags_.report<diag::onnx_two_values>({}, brief(output));
            }
        }
    }

    // The node that gives a value; nothing if it is there already, or if it is nowhere.
    std::optional<int> giver_of(const std::string &name, const pb::NodeProto *reader) {
        auto giver = givers_.find(name);
        if (giver != givers_.end())
            return giver->second;
        if (!is_outer_(name)) {
            DiagnosticBuilder report = diags_.report<diag::onnx_missing_value>({}, brief(name));
            if (reader)
                report.note<diag::onnx_reader>({}, node_title(*reader));
            else
                report.note<diag::onnx_output>({});
        }
        return std::nullopt;
    }

    void reach(int node) {
        if (!live_[size_t(node)])
            reached_.push_back(node);
        live_[size_t(node)] = true;
    }

    void look_at_next() {
        int at = reached_.back();
        reached_.pop_back();
        const pb::NodeProto &node = graph_.node(at);
        std::vector<int> &depends = depends_[size_t(at)];
        for (const std::string &input : node.input()) {
            if (input.empty())
                continue;
            if (std::optional<int> giver = giver_of(input, &node))
                depends.push_back(*giver);
        }
        Names nested;
        collect_reads(node, nested);
        for (const std::string *name : nested) {
            auto giver = givers_.find(*name);
            if (giver != givers_.end())
                depends.push_back(giver->second);
        }
        std::sort(depends.begin(), depends.end());
        depends.erase(std::unique(depends.begin(), depends.end()), depends.end());
        for (int giver : depends)
            reach(giver);
    }

    std::optional<std::vector<const pb::NodeProto *>> sorted() {
        std::vector<std::vector<int>> readers(depends_.size());
        std::vector<size_t> waiting(depends_.size());
        std::priority_queue<int, std::vector<int>, std::greater<int>> ready;
        size_t live = 0;
        for (int i = 0; i < graph_.node_size(); ++i) {
            if (!live_[size_t(i)])
                continue;
            ++live;
            waiting[size_t(i)] = depends_[size_t(i)].size();
            if (waiting[size_t(i)] == 0)
                ready.push(i);
            for (int giver : depends_[size_t(i)])
                readers[size_t(giver)].push_back(i);
        }
        std::vector<const pb::NodeProto *> order;
        while (!ready.empty()) {
            int at = ready.top();
            ready.pop();
            order.push_back(&graph_.node(at));
            for (int reader : readers[size_t(at)]) {
                if (--waiting[size_t(reader)] == 0)
                    ready.push(reader);
            }
        }
        if (order.size() == live)
            return order;
        report_cycle(waiting);
        return std::nullopt;
    }

    // Whoever still waits does so for a cycle; going from one to what it waits for ends on it.
    void report_cycle(const std::vector<size_t> &waiting) {
        size_t at = 0;
        while (waiting[at] == 0)
            ++at;
        std::vector<bool> seen(waiting.size());
        while (!seen[at]) {
            seen[at] = true;
            for (int giver : depends_[at]) {
                if (waiting[size_t(giver)] > 0) {
                    at = size_t(giver);
                    break;
                }
            }
        }
        diags_.report<diag::onnx_cycle>({}, node_title(graph_.node(int(at))));
    }

    const pb::GraphProto &graph_;
    const std::function<bool(const std::string &)> &is_outer_;
    Diagnostics &diags_;
    std::unordered_map<std::string_view, int> givers_;
    std::vector<std::vector<int>> depends_;
    std::vector<bool> live_;
    std::vector<int> reached_;
};

} // namespace

std::string node_title(const pb::NodeProto &node) {
    std::string name = node.name();
    for (int i = 0; i < node.output_size() && name.empty(); ++i)
        name = node.output(i);
    return brief(name);
}

std::optional<std::vector<const pb::NodeProto *>>
ordered_nodes(const pb::GraphProto &graph, const std::function<bool(const std::string &)> &is_outer,
              Diagnostics &diags) {
    return Orderer(graph, is_outer, diags).run();
}

} // namespace cnnc
