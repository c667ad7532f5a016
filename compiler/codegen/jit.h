// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The very objects that `build` archives, loaded into this process with LLVM's ORC: no linker is
// needed to run, verify and time a network. A compiled network may crash, so only forked children
// (child.h) load one; they leave results in memory shared with their parent.
#pragma once

#include "compiler/codegen/library.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cnnc {

// Zeroed, page-aligned memory that children forked later write to as well. Throws std::bad_alloc.
class SharedMemory {
  public:
    explicit SharedMemory(size_t bytes);
    ~SharedMemory();
    SharedMemory(SharedMemory &&other) noexcept;
    SharedMemory(const SharedMemory &) = delete;
    SharedMemory &operator=(const SharedMemory &) = delete;

    template <typename T>
    T *as() const {
        return static_cast<T *>(memory_);
    }
    size_t size() const { return bytes_; }

  private:
    void *memory_ = nullptr;
    size_t bytes_ = 0;
};

// A network that can be called. Failures are KernelErrors.
class LoadedNetwork {
  public:
    // Links the library's objects; `name` is the prefix of its symbols.
    LoadedNetwork(const Library &library, const std::string &name);
    ~LoadedNetwork();

    // Called after every step with its index and duration.
    using StepTimer = std::function<void(int step, double seconds)>;
    void create(int threads, StepTimer timer = nullptr);
    // Inputs and outputs in the network's order, in the user's layouts.
    void run(const std::vector<const void *> &inputs, const std::vector<void *> &outputs);

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace cnnc
