// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The files of measured records that are built into cnnc: schedules/*.sched.
#pragma once

#include <string_view>
#include <vector>

namespace cnnc {

struct ShippedFile {
    std::string_view name; // "resnet18.sched"
    std::string_view text;
};
const std::vector<ShippedFile> &shipped_files();

} // namespace cnnc
