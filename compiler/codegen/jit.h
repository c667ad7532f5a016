// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The very objects that `build` archives, loaded into this process with LLVM's ORC: no linker is
// needed to run, verify and time a network. A compiled network may crash, so only forked children
// (child.h) load one.
#pragma once

#include "compiler/codegen/library.h"

#include <memory>
#include <string>
#include <vector>

namespace cnnc {

// Code in this process for as long as the object lives. Failures are KernelErrors.
class LoadedObjects {
  public:
    // The bytes must outlive it.
    explicit LoadedObjects(const std::vector<const NamedFile *> &objects);
    ~LoadedObjects();
    LoadedObjects(const LoadedObjects &) = delete;
    LoadedObjects &operator=(const LoadedObjects &) = delete;

    // A function or datum by its name, hidden ones too.
    template <typename Pointer>
    Pointer find(const std::string &symbol) const {
        return reinterpret_cast<Pointer>(address(symbol));
    }

  private:
    uintptr_t address(const std::string &symbol) const;

    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace cnnc
