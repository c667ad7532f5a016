// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Verifying and printing kernel graphs.
#include "compiler/graph/kernel_graph.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace cnnc {
namespace {

// Reads and writes are followed element by element in buffers up to this size (64 MB of f32), and
// in so many elements altogether; others are only checked for bounds.
constexpr int64_t max_tracked_elements = int64_t(1) << 24;
constexpr int64_t max_total_elements = int64_t(1) << 28;

int64_t reach(const TensorView &view) {
    int64_t reach = 0;
    for (size_t d = 0; d < view.shape.size(); d++)
        reach += (view.shape[d] - 1) * view.strides[d];
    return reach;
}

// Calls f(place) for every element of a view that starts at `offset`.
template <class F>
void for_each_place(const TensorView &view, int64_t offset, const F &f, size_t dim = 0) {
    if (dim == view.shape.size())
        return f(offset);
    for (int64_t i = 0; i < view.shape[dim]; i++)
        for_each_place(view, offset + i * view.strides[dim], f, dim + 1);
}

class Verifier {
  public:
    explicit Verifier(const KernelGraph &kernels)
        : kernels_(kernels), item_bytes_(kernels.buffers.size(), 0),
          written_(kernels.buffers.size()) {}

    std::vector<std::string> run() {
        for (const Kernel &kernel : kernels_.kernels)
            find_item_bytes(kernel);
        for (size_t b = 0; b < kernels_.buffers.size(); b++)
            check_buffer(b);
        if (!findings_.empty())
            return findings_;
        for (const Kernel &kernel : kernels_.kernels)
            check_kernel(kernel);
        for (size_t b = 0; b < kernels_.buffers.size(); b++)
            if (kernels_.buffers[b].kind == Buffer::Kind::output)
                check_complete(b);
        return findings_;
    }

  private:
    // All views of a buffer are of one element type.
    void find_item_bytes(const Kernel &k) {
        auto use = [&](const TensorView &view, const TensorRef &ref) {
            if (ref.buffer < 0 || size_t(ref.buffer) >= item_bytes_.size())
                return; // found later
            int64_t &bytes = item_bytes_[size_t(ref.buffer)];
            const auto item = int64_t(dtype_bytes(view.dtype));
            if (bytes != 0 && bytes != item)
                report("kernel {}: buffer {} holds elements of another size", k.name,
                       kernels_.buffers[size_t(ref.buffer)].name);
            bytes = item;
        };
        for (size_t i = 0; i < k.inputs.size() && i < k.workload.inputs.size(); i++)
            use(k.workload.inputs[i], k.inputs[i]);
        use(k.workload.output, k.output);
    }

    void check_buffer(size_t b) {
        const Buffer &buffer = kernels_.buffers[b];
        const size_t inputs = kernels_.graph.inputs.size(), outputs = kernels_.graph.outputs.size();
        if (buffer.kind == Buffer::Kind::input && size_t(buffer.index) >= inputs)
            report("buffer {} stands for no input", buffer.name);
        if (buffer.kind == Buffer::Kind::output && size_t(buffer.index) >= outputs)
            report("buffer {} stands for no output", buffer.name);
        if (buffer.bytes <= 0)
            report("buffer {} is empty", buffer.name);
        if (buffer.data.defined() && int64_t(buffer.data.byte_count()) != buffer.bytes)
            report("buffer {} differs from its data in size", buffer.name);
        const bool is_written =
            buffer.kind == Buffer::Kind::temp || buffer.kind == Buffer::Kind::output;
        if (is_written && buffer.bytes > 0 && item_bytes_[b] > 0 &&
            elements(b) <= std::min(max_tracked_elements, budget_)) {
            budget_ -= elements(b);
            written_[b].assign(size_t(elements(b)), false);
        }
    }

    void check_kernel(const Kernel &k) {
        if (std::string problem = workload_problem(k.workload); !problem.empty())
            return report("kernel {}: {}", k.name, problem);
        if (k.inputs.size() != k.workload.inputs.size())
            return report("kernel {}: wrong number of inputs", k.name);
        const auto nodes = NodeId(kernels_.graph.nodes.size());
        auto is_node = [&](NodeId id) { return id >= 0 && id < nodes; };
        if (!is_node(k.result) || !std::all_of(k.nodes.begin(), k.nodes.end(), is_node))
            return report("kernel {}: unknown node", k.name);
        check_data(k, k.weight, workload_weight(k.workload), "weight");
        check_data(k, k.bias, workload_bias(k.workload), "bias");
        for (size_t i = 0; i < k.inputs.size(); i++)
            if (check_bounds(k, k.workload.inputs[i], k.inputs[i]))
                check_read(k, k.workload.inputs[i], k.inputs[i]);
        if (check_bounds(k, k.workload.output, k.output))
            check_write(k);
    }

    void check_data(const Kernel &k, const TensorData &data,
                    const std::optional<TensorType> &expected, const char *role) {
        if (data.defined() && (!expected || data.type != *expected))
            report("kernel {}: wrong type of {}", k.name, role);
    }

    bool check_bounds(const Kernel &k, const TensorView &view, const TensorRef &ref) {
        if (ref.buffer < 0 || size_t(ref.buffer) >= kernels_.buffers.size()) {
            report("kernel {}: unknown buffer", k.name);
            return false;
        }
        const Buffer &buffer = kernels_.buffers[size_t(ref.buffer)];
        const auto item = int64_t(dtype_bytes(view.dtype));
        if (ref.offset < 0 || (ref.offset + reach(view) + 1) * item > buffer.bytes) {
            report("kernel {}: view leaves buffer {}", k.name, buffer.name);
            return false;
        }
        return true;
    }

    void check_read(const Kernel &k, const TensorView &view, const TensorRef &ref) {
        const auto b = size_t(ref.buffer);
        if (!tracked(b))
            return;
        bool complete = true;
        for_each_place(view, ref.offset,
                       [&](int64_t place) { complete = complete && written_[b][size_t(place)]; });
        if (!complete)
            report("kernel {}: reads {} before it is written", k.name, kernels_.buffers[b].name);
    }

    // As every element is written once and only after all reads before it succeeded, this also
    // finds a kernel that writes what it reads.
    void check_write(const Kernel &k) {
        const auto b = size_t(k.output.buffer);
        const Buffer &buffer = kernels_.buffers[b];
        if (buffer.kind != Buffer::Kind::temp && buffer.kind != Buffer::Kind::output)
            return report("kernel {}: writes {}, which is read only", k.name, buffer.name);
        if (!tracked(b))
            return;
        bool twice = false;
        for_each_place(k.workload.output, k.output.offset, [&](int64_t place) {
            twice = twice || written_[b][size_t(place)];
            written_[b][size_t(place)] = true;
        });
        if (twice)
            report("kernel {}: writes {} a second time", k.name, buffer.name);
    }

    void check_complete(size_t b) {
        const bool unwritten =
            item_bytes_[b] == 0 ||
            (tracked(b) && std::count(written_[b].begin(), written_[b].end(), false) > 0);
        if (unwritten)
            report("output {} is not written completely", kernels_.buffers[b].name);
    }

    int64_t elements(size_t b) const { return kernels_.buffers[b].bytes / item_bytes_[b]; }

    bool tracked(size_t b) const { return !written_[b].empty(); }

    template <class... Args>
    void report(fmt::format_string<Args...> text, Args &&...args) {
        findings_.push_back(fmt::format(text, std::forward<Args>(args)...));
    }

    const KernelGraph &kernels_;
    std::vector<int64_t> item_bytes_;        // per buffer; 0 for those no kernel touches
    std::vector<std::vector<bool>> written_; // per tracked buffer, per element; others empty
    int64_t budget_ = max_total_elements;
    std::vector<std::string> findings_;
};

std::string ref_text(const KernelGraph &kernels, const TensorRef &ref) {
    const std::string &name = kernels.buffers[size_t(ref.buffer)].name;
    return ref.offset == 0 ? name : fmt::format("{}+{}", name, ref.offset);
}

std::string kernel_text(const KernelGraph &kernels, const Kernel &k) {
    std::vector<std::string> nodes, reads;
    for (NodeId id : k.nodes)
        nodes.push_back(kernels.graph[id].name);
    for (const TensorRef &ref : k.inputs)
        reads.push_back(ref_text(kernels, ref));
    std::string text = fmt::format("kernel {}", k.name);
    if (!k.nodes.empty())
        text += fmt::format(" = {}", fmt::join(nodes, " + "));
    text += fmt::format("\n    {}\n    {} -> {}\n", workload_text(k.workload),
                        fmt::join(reads, ", "), ref_text(kernels, k.output));
    for (const std::string &note : k.notes)
        text += fmt::format("    note: {}\n", note);
    return text;
}

std::string_view kind_name(Buffer::Kind kind) {
    switch (kind) {
    case Buffer::Kind::input:
        return "input";
    case Buffer::Kind::output:
        return "output";
    case Buffer::Kind::constant:
        return "constant";
    case Buffer::Kind::temp:
        return "temp";
    }
    return "";
}

} // namespace

std::vector<std::string> verify(const KernelGraph &kernels) {
    return Verifier(kernels).run();
}

std::string kernel_graph_text(const KernelGraph &kernels) {
    std::string text;
    for (const Kernel &k : kernels.kernels)
        text += kernel_text(kernels, k);
    for (const Buffer &buffer : kernels.buffers)
        text += fmt::format("buffer {}: {}, {} bytes\n", buffer.name, kind_name(buffer.kind),
                            buffer.bytes);
    for (const std::string &note : kernels.notes)
        text += fmt::format("note: {}\n", note);
    return text;
}

} // namespace cnnc
