// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Code that shows what a CPU can do: the ceilings that `bench` holds a network against. Measured,
// since a shared or throttled machine is not what its data sheet says; generated, so that every
// target's widest vectors are used, and run where the network runs.
#pragma once

#include "compiler/target/target.h"

#include <string>

namespace cnnc {

// An object for the target's CPU with two functions.
//
//     double cnnc_limit_multiply_add(int64_t rounds)
//
// does multiply-adds on registers, in as many independent chains as keep all ports busy, and
// returns the floating-point operations done (a multiply-add is two).
//
//     int cnnc_limit_read(const char *block, int64_t bytes, int64_t passes)
//
// loads all of a block so many times; `bytes` is a multiple of 1024, the block aligned to 64.
std::string limits_object(const Target &target);
std::string limits_assembly(const Target &target); // for tests

} // namespace cnnc
