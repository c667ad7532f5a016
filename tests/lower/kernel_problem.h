// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a kernel is tried on: random inputs and weights between memory that no one may touch, and
// what the oracle makes of them.
#pragma once

#include "compiler/codegen/kernel.h"

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace cnnc {

// Where a tensor lies between two pages that no one may touch: flush with one of them. At the back
// it has only the alignment asked for.
enum class Flush { front, back };

class FencedMemory {
  public:
    FencedMemory(size_t bytes, Flush flush, size_t alignment);
    ~FencedMemory();
    FencedMemory(const FencedMemory &) = delete;
    FencedMemory &operator=(const FencedMemory &) = delete;

    char *data() const { return data_; }
    size_t bytes() const { return bytes_; }
    void protect() const;
    void poison() const; // with canaries
    // Everything between the fences but the tensor itself.
    bool canaries_live() const;

  private:
    char *page_start() const { return base_ + (total_ - inside_) / 2; }

    char *base_ = nullptr;
    size_t total_ = 0, inside_ = 0, bytes_ = 0;
    char *data_ = nullptr;
};

struct Problem {
    std::string text; // of the workload
    // Each input twice: flush with either fence.
    std::vector<std::array<std::unique_ptr<FencedMemory>, 2>> inputs;
    std::vector<float> weight, bias;
    // Of the output's span: its elements in memory; those of its gaps are not `covered`.
    std::vector<double> expected;
    std::vector<bool> covered;
    double scale = 0;
};
std::unique_ptr<Problem> make_problem(const Workload &w);

// As the kernel reads them; null where there are none.
struct PackedWeights {
    std::unique_ptr<FencedMemory> weight, bias;
};
PackedWeights pack(const KernelRequest &r, const Problem &problem);

// What is wrong with the output, or "". Its gaps must hold the canaries of their addresses, which
// repeat every four bytes.
std::string compare(const Workload &w, const Problem &problem, const char *output);
// Gaps aside.
bool same_values(const Problem &problem, const std::vector<char> &a, const std::vector<char> &b,
                 size_t element);

} // namespace cnnc
