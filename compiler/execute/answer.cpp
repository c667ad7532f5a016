// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Records to results, whatever comes.
#include "compiler/execute/answer.h"

#include <cstring>

namespace cnnc {
namespace {

template <typename T>
std::vector<T> values_of(std::string_view bytes) {
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
    return values;
}

void take_times(std::string_view bytes, LibraryTimes &times) {
    for (const cnnc_times &found : values_of<cnnc_times>(bytes)) {
        times.runs = int(found.runs);
        times.min_seconds = found.min_seconds;
        times.median_seconds = found.median_seconds;
    }
}

void take_record(int kind, size_t network, std::string_view bytes, Answer &answer) {
    LibraryTimes &library = answer.result.libraries[network];
    switch (kind) {
    case CNNC_RECORD_TURN:
        answer.result.last_library = int(network);
        break;
    case CNNC_RECORD_REFUSED:
        answer.refusal = bytes;
        break;
    case CNNC_RECORD_ROUND:
        for (const double seconds : values_of<double>(bytes))
            library.round_seconds.push_back(seconds);
        break;
    case CNNC_RECORD_TIMES:
        take_times(bytes, library);
        break;
    case CNNC_RECORD_STEPS:
        library.step_seconds = values_of<double>(bytes);
        break;
    case CNNC_RECORD_OUTPUT:
        library.outputs.push_back(values_of<std::byte>(bytes));
        break;
    case CNNC_RECORD_PEAK:
        for (const double rate : values_of<double>(bytes))
            answer.result.peak_gflops.push_back(rate / 1e9);
        break;
    case CNNC_RECORD_BANDWIDTH:
        answer.result.bytes_per_second = values_of<double>(bytes);
        break;
    case CNNC_RECORD_END:
        answer.whole = true;
        break;
    }
}

} // namespace

Call make_call(const NetworkCall &network, const TimingPlan *plan) {
    Call call = {};
    std::memcpy(call.head.magic, cnnc_call_magic, sizeof call.head.magic);
    call.head.threads = network.threads;
    call.head.inputs = int64_t(network.inputs.size());
    call.head.outputs = int64_t(network.output_bytes.size());
    if (plan) {
        call.head.rounds = plan->rounds;
        call.head.seconds = plan->seconds;
        call.head.steps = plan->steps;
        call.head.peak = plan->peak;
        call.head.bandwidth = plan->bandwidth;
        call.head.cold_weights = plan->cold_weights;
        call.head.block_bytes = smallest_bandwidth_block;
        call.head.blocks = bandwidth_sizes;
    }
    for (const Bytes &input : network.inputs) {
        call.sizes.push_back(int64_t(input.size()));
        call.inputs.push_back(input.data());
    }
    for (const size_t bytes : network.output_bytes)
        call.sizes.push_back(int64_t(bytes));
    return call;
}

std::string call_bytes(const Call &call) {
    std::string bytes(reinterpret_cast<const char *>(&call.head), sizeof call.head);
    bytes.append(reinterpret_cast<const char *>(call.sizes.data()),
                 call.sizes.size() * sizeof(int64_t));
    for (size_t i = 0; i < call.inputs.size(); ++i)
        bytes.append(static_cast<const char *>(call.inputs[i]), size_t(call.sizes[i]));
    return bytes;
}

Answer read_answer(std::string_view bytes, size_t libraries) {
    Answer answer;
    answer.result.libraries.resize(libraries);
    const std::string_view magic = cnnc_answer_magic;
    const size_t begin = bytes.find(magic);
    answer.begun = begin != std::string_view::npos;
    if (!answer.begun)
        return answer;
    bytes.remove_prefix(begin + magic.size());
    cnnc_record record;
    while (bytes.size() >= sizeof record) {
        std::memcpy(&record, bytes.data(), sizeof record);
        bytes.remove_prefix(sizeof record);
        if (record.bytes < 0 || uint64_t(record.bytes) > bytes.size() || record.network < 0 ||
            size_t(record.network) >= libraries)
            break; // cut off, or not ours
        take_record(record.kind, size_t(record.network), bytes.substr(0, size_t(record.bytes)),
                    answer);
        bytes.remove_prefix(size_t(record.bytes));
    }
    return answer;
}

} // namespace cnnc
