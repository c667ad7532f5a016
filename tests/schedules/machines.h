// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Machines for tests: fixed, so that no test depends on the machine it runs on.
#pragma once

#include "compiler/target/target.h"

namespace cnnc {

inline Machine avx2_machine() {
    Machine m;
    m.vector_bytes = 32;
    m.vector_registers = 16;
    m.fma = true;
    m.cores = 4;
    return m;
}

// What the target says, with a server's caches.
inline Machine server_with(const Target &target, int cores) {
    Machine m = machine_for(target);
    m.l1_bytes = 32 << 10;
    m.l2_bytes = 1 << 20;
    m.cores = cores;
    return m;
}

} // namespace cnnc
