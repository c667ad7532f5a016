// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// See execute_kernels.h.
#include "tests/passes/execute_kernels.h"

#include <algorithm>
#include <cstring>

namespace cnnc {
namespace {

using Index = std::vector<int64_t>;

// As floats, these bytes are NaN.
constexpr std::byte poison{0xff};

TensorData make_data(const TensorType &type, std::vector<std::byte> bytes) {
    auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
    const std::byte *begin = owner->data();
    return {type, std::move(owner), begin};
}

TensorView user_view(const TensorType &type, Layout layout) {
    return layout == Layout::nhwc ? channels_last(type.dtype, type.shape)
                                  : row_major(type.dtype, type.shape);
}

class Machine {
  public:
    Machine(const KernelGraph &kernels, const Plan &plan, const std::vector<TensorData> &inputs)
        : kernels_(kernels), plan_(plan), arena_(size_t(plan.arena_bytes), poison),
          outside_(kernels.buffers.size()) {
        for (size_t b = 0; b < kernels.buffers.size(); b++)
            prepare(b, inputs);
    }

    std::vector<TensorData> run() {
        for (size_t k = 0; k < kernels_.kernels.size(); k++) {
            run(kernels_.kernels[k]);
            for (size_t b = 0; b < kernels_.buffers.size(); b++)
                if (kernels_.buffers[b].kind == Buffer::Kind::temp && plan_.last_use[b] == int(k))
                    std::fill_n(memory(b), bytes(b), poison);
        }
        std::vector<TensorData> results(kernels_.graph.outputs.size());
        for (size_t b = 0; b < kernels_.buffers.size(); b++)
            if (kernels_.buffers[b].kind == Buffer::Kind::output)
                results[size_t(kernels_.buffers[b].index)] = result(b);
        return results;
    }

  private:
    void prepare(size_t b, const std::vector<TensorData> &inputs) {
        const Buffer &buffer = kernels_.buffers[b];
        if (buffer.kind == Buffer::Kind::temp)
            return;
        outside_[b].assign(bytes(b), poison);
        if (buffer.kind == Buffer::Kind::constant)
            std::copy_n(buffer.data.bytes, bytes(b), outside_[b].begin());
        if (buffer.kind == Buffer::Kind::input) {
            const TensorData &given = inputs[size_t(buffer.index)];
            const Node &node = kernels_.graph[kernels_.graph.inputs[size_t(buffer.index)]];
            move_elements(row_major(node.type.dtype, node.type.shape), given.bytes,
                          user_view(node.type, std::get<Input>(node.op).layout),
                          outside_[b].data());
        }
    }

    TensorData result(size_t b) const {
        const Output &output = kernels_.graph.outputs[size_t(kernels_.buffers[b].index)];
        const TensorType &type = kernels_.graph[output.node].type;
        std::vector<std::byte> values(bytes(b));
        move_elements(user_view(type, output.layout), outside_[b].data(),
                      row_major(type.dtype, type.shape), values.data());
        return make_data(type, std::move(values));
    }

    static void move_elements(const TensorView &from_view, const std::byte *from,
                              const TensorView &to_view, std::byte *to) {
        const auto item = int64_t(dtype_bytes(from_view.dtype));
        for_each_index(from_view.shape, [&](const Index &index) {
            std::copy_n(from + element_place(from_view, index) * item, item,
                        to + element_place(to_view, index) * item);
        });
    }

    void run(const Kernel &k) {
        std::vector<const void *> inputs;
        for (size_t i = 0; i < k.inputs.size(); i++)
            inputs.push_back(address(k.inputs[i], k.workload.inputs[i]));
        run_workload(k.workload, inputs, k.weight.defined() ? k.weight.floats() : nullptr,
                     k.bias.defined() ? k.bias.floats() : nullptr,
                     static_cast<void *>(address(k.output, k.workload.output)));
    }

    std::byte *address(const TensorRef &ref, const TensorView &view) {
        return memory(size_t(ref.buffer)) + ref.offset * int64_t(dtype_bytes(view.dtype));
    }

    std::byte *memory(size_t b) {
        return kernels_.buffers[b].kind == Buffer::Kind::temp
                   ? arena_.data() + size_t(plan_.offsets[b])
                   : outside_[b].data();
    }

    size_t bytes(size_t b) const { return size_t(kernels_.buffers[b].bytes); }

    const KernelGraph &kernels_;
    const Plan &plan_;
    std::vector<std::byte> arena_;
    std::vector<std::vector<std::byte>> outside_; // inputs, outputs and constants
};

} // namespace

std::vector<TensorData> execute(const KernelGraph &kernels, const Plan &plan,
                                const std::vector<TensorData> &inputs) {
    return Machine(kernels, plan, inputs).run();
}

} // namespace cnnc
