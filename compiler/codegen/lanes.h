// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Multiplying by a lane of a vector, as ARM can.
//
// A register tile multiplies vectors of weights with one channel of a pixel at a time, broadcast to
// all lanes. Where an iteration takes four channels, which lie side by side, one vector of them in
// the place of four broadcasts saves three of four loads.
#pragma once

namespace llvm {
class Module;
} // namespace llvm

namespace cnnc {

// In every register tile's loop: where four neighbouring floats are loaded only to be broadcast,
// loads them as a vector and takes its lanes, if the machine's vector registers hold that.
void broadcast_lanes(llvm::Module &module, int registers);

} // namespace cnnc
