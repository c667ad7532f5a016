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

class NetworkContext;

// The code and weights of a network. Failures are KernelErrors.
class LoadedNetwork {
  public:
    explicit LoadedNetwork(const Library &library);
    ~LoadedNetwork();

    // Called after every step with its index and duration.
    using StepTimer = std::function<void(int step, double seconds)>;
    // Must not outlive this network.
    NetworkContext create(int threads, StepTimer timer = nullptr);

  private:
    friend class NetworkContext;
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

// What NAME_create makes.
class NetworkContext {
  public:
    NetworkContext(NetworkContext &&other) noexcept;
    NetworkContext(const NetworkContext &) = delete;
    NetworkContext &operator=(const NetworkContext &) = delete;
    ~NetworkContext();

    // Inputs and outputs in the network's order, in the user's layouts.
    void run(const std::vector<const void *> &inputs, const std::vector<void *> &outputs);

  private:
    friend class LoadedNetwork;
    NetworkContext(LoadedNetwork::Parts *parts, LoadedNetwork::StepTimer timer);

    LoadedNetwork::Parts *parts_;
    void *context_ = nullptr;
    std::unique_ptr<LoadedNetwork::StepTimer> timer_; // the context keeps its address
};

} // namespace cnnc
