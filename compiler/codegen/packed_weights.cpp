// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The block is reserved in one piece beforehand: growing it would hold hundreds of megabytes twice.
#include "compiler/codegen/packed_weights.h"

#include "compiler/codegen/data_object.h"
#include "compiler/codegen/hash.h"
#include "compiler/codegen/little_endian.h"
#include "compiler/lower/packing.h"

#include <fmt/format.h>

#include <cassert>
#include <cstring>
#include <unordered_map>

namespace cnnc {
namespace {

constexpr int64_t alignment = 64;

int64_t aligned(int64_t bytes) {
    return (bytes + alignment - 1) / alignment * alignment;
}

// An upper bound: as if no two tensors were equal.
int64_t most_bytes(const LibraryRequest &request) {
    int64_t total = 0;
    for (const LibraryVariant &variant : request.variants)
        for (size_t i = 0; i < request.kernels->kernels.size(); i++) {
            const Workload &workload = request.kernels->kernels[i].workload;
            const Schedule &schedule = variant.schedules[i];
            if (workload_weight(workload))
                total +=
                    aligned(packed_weight_elements(workload, schedule) * int64_t(sizeof(float)));
            if (workload_bias(workload))
                total += aligned(packed_bias_elements(workload, schedule) * int64_t(sizeof(float)));
        }
    for (const Buffer &buffer : request.kernels->buffers)
        if (buffer.kind == Buffer::Kind::constant)
            total += aligned(int64_t(buffer.data.byte_count()));
    return total;
}

void check_size(int64_t bytes, const LibraryRequest &request) {
    // Code reaches linked-in weights by offsets of 32 bits with sign; the rest is for the program.
    constexpr int64_t most_linked = (int64_t(1) << 31) - (int64_t(128) << 20);
    const bool wide = request.variants.front().target.bits == 64; // all variants are of one kind
    if (bytes <= most_linked || (request.weights_file && wide))
        return;
    const char *advice = wide ? "; put them into a file beside the library with --weights-file"
                              : "; a target of 32 bits cannot hold them";
    throw LibraryError{
        fmt::format("{} bytes of weights cannot be linked into a program{}", bytes, advice)};
}

// Appends tensors to the block and finds those that are there already.
class Placer {
  public:
    explicit Placer(std::string &block) : block_(block) {}

    int64_t place(const void *bytes, size_t size) {
        uint64_t hash = hash64(bytes, size);
        auto [begin, end] = placed_.equal_range(hash);
        for (auto it = begin; it != end; ++it)
            if (it->second.size == size &&
                std::memcmp(block_.data() + it->second.offset, bytes, size) == 0)
                return int64_t(it->second.offset - data_object_offset);
        size_t offset = block_.size();
        block_.append(static_cast<const char *>(bytes), size);
        pad_to(block_, alignment);
        placed_.insert({hash, {offset, size}});
        return int64_t(offset - data_object_offset);
    }

    int64_t place(const std::vector<float> &values) {
        return place(values.data(), values.size() * sizeof(float));
    }

  private:
    struct Place {
        size_t offset, size;
    };
    std::string &block_;
    std::unordered_multimap<uint64_t, Place> placed_;
};

uint64_t identity_of(const PackedWeights &weights, const LibraryRequest &request) {
    std::string places;
    for (size_t v = 0; v < weights.variants.size(); v++) {
        const LibraryVariant &variant = request.variants[v];
        places += target_text(variant.target);
        for (size_t i = 0; i < weights.variants[v].size(); i++)
            places += fmt::format("\n{} {} {}", variant.compiled[i]->symbol,
                                  weights.variants[v][i].weight, weights.variants[v][i].bias);
    }
    for (int64_t offset : weights.buffers)
        places += fmt::format("\n{}", offset);
    return hash64(weights.bytes.data(), weights.bytes.size(), hash64(places.data(), places.size()));
}

std::vector<PackedWeights::Offsets> place_variant(const std::vector<Kernel> &kernels,
                                                  const LibraryVariant &variant, Placer &placer) {
    std::vector<PackedWeights::Offsets> all;
    for (size_t i = 0; i < kernels.size(); i++) {
        const Kernel &kernel = kernels[i];
        const Schedule &schedule = variant.schedules[i];
        PackedWeights::Offsets offsets;
        if (workload_weight(kernel.workload)) {
            assert(kernel.weight.defined());
            offsets.weight =
                placer.place(pack_weight(kernel.workload, schedule, kernel.weight.floats()));
        }
        if (workload_bias(kernel.workload)) {
            assert(kernel.bias.defined());
            offsets.bias = placer.place(pack_bias(kernel.workload, schedule, kernel.bias.floats()));
        }
        all.push_back(offsets);
    }
    return all;
}

} // namespace

size_t PackedWeights::size() const {
    return bytes.size() - data_object_offset;
}

PackedWeights pack_weights(const LibraryRequest &request) {
    PackedWeights weights;
    int64_t most = most_bytes(request);
    check_size(most, request);
    weights.bytes.reserve(size_t(most) + 4096); // and the tail of an object
    weights.bytes.resize(data_object_offset);
    Placer placer(weights.bytes);
    for (const Buffer &buffer : request.kernels->buffers)
        weights.buffers.push_back(buffer.kind == Buffer::Kind::constant
                                      ? placer.place(buffer.data.bytes, buffer.data.byte_count())
                                      : -1);
    for (const LibraryVariant &variant : request.variants) {
        weights.variants.push_back(place_variant(request.kernels->kernels, variant, placer));
        weights.ends.push_back(int64_t(weights.size()));
    }
    weights.identity = identity_of(weights, request);
    return weights;
}

void finish_weights_file(PackedWeights &weights) {
    std::string head = "cnncwts1";
    put_le(head, weights.identity, 8);
    put_le(head, weights.size(), 8);
    weights.bytes.replace(0, head.size(), head);
}

} // namespace cnnc
