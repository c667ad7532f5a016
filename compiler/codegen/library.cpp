// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Puts the pieces together: packed weights, driver, kernels; header and package files.
#include "compiler/codegen/library.h"

#include "compiler/codegen/archive.h"
#include "compiler/codegen/c_interface.h"
#include "compiler/codegen/data_object.h"
#include "compiler/codegen/driver_codegen.h"
#include "compiler/codegen/manifest.h"
#include "compiler/codegen/packed_weights.h"
#include "compiler/codegen/versions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cassert>
#include <set>

namespace cnnc {
namespace {

int64_t aligned(int64_t bytes) {
    return (bytes + arena_alignment - 1) / arena_alignment * arena_alignment;
}

StepPointer pointer_to(const LibraryRequest &request, const PackedWeights &weights,
                       const TensorRef &ref, DType dtype) {
    const Buffer &buffer = request.kernels->buffers[size_t(ref.buffer)];
    int64_t offset = ref.offset * int64_t(dtype_bytes(dtype));
    switch (buffer.kind) {
    case Buffer::Kind::input:
        return {StepPointer::Base::input, buffer.index, offset};
    case Buffer::Kind::output:
        return {StepPointer::Base::output, buffer.index, offset};
    case Buffer::Kind::constant:
        return {StepPointer::Base::weights, 0, weights.buffers[size_t(ref.buffer)] + offset};
    case Buffer::Kind::temp:
        return {StepPointer::Base::arena, 0, request.plan->offsets[size_t(ref.buffer)] + offset};
    }
    return {};
}

DriverStep step_of(const LibraryRequest &request, const PackedWeights &weights, size_t variant,
                   size_t index) {
    const Kernel &kernel = request.kernels->kernels[index];
    DriverStep step = {kernel.name, request.variants[variant].compiled[index]->symbol, {}};
    for (size_t i = 0; i < kernel.inputs.size(); i++)
        step.pointers.push_back(
            pointer_to(request, weights, kernel.inputs[i], kernel.workload.inputs[i].dtype));
    const PackedWeights::Offsets &offsets = weights.variants[variant][index];
    for (int64_t offset : {offsets.weight, offsets.bias})
        if (offset >= 0)
            step.pointers.push_back({StepPointer::Base::weights, 0, offset});
    step.pointers.push_back(
        pointer_to(request, weights, kernel.output, kernel.workload.output.dtype));
    return step;
}

std::string version_text(const LibraryRequest &request) {
    std::vector<std::string> targets;
    for (const LibraryVariant &variant : request.variants) {
        const std::string &cpu = variant.target.cpu;
        targets.push_back(target_text(variant.target) + (cpu.empty() ? "" : " " + cpu));
    }
    return fmt::format("{}, compiled by cnnc {} for {}", request.name, cnnc_version(),
                       fmt::join(targets, ", "));
}

HeaderFacts header_facts(const LibraryRequest &request, const PackedWeights &weights) {
    HeaderFacts facts;
    for (const LibraryVariant &variant : request.variants) {
        facts.targets.push_back({variant.name, target_text(variant.target)});
        facts.gpu |= gpu_api(variant.target) != GpuApi::none;
    }
    facts.weights_bytes = int64_t(weights.size());
    facts.weights_file = request.weights_file;
    return facts;
}

DriverVariant driver_variant(const LibraryRequest &request, const PackedWeights &weights,
                             size_t index) {
    const LibraryVariant &variant = request.variants[index];
    DriverVariant driver = {variant.name, variant.target, {}, {}};
    for (size_t i = 0; i < variant.compiled.size(); i++)
        driver.steps.push_back(step_of(request, weights, index, i));
    if (gpu_api(variant.target) != GpuApi::none) {
        driver.gpu = gpu_program(variant.target, variant.compiled, driver.steps,
                                 aligned(request.plan->arena_bytes));
        driver.gpu->weights_bytes = weights.ends[index];
    }
    return driver;
}

std::vector<int64_t> port_bytes(const std::vector<Port> &ports) {
    std::vector<int64_t> bytes;
    for (const Port &port : ports)
        bytes.push_back(element_count(port.type.shape) * int64_t(dtype_bytes(port.type.dtype)));
    return bytes;
}

DriverRequest driver_request(const LibraryRequest &request, const CInterface &interface,
                             const PackedWeights &weights) {
    DriverRequest driver;
    driver.prefix = interface.prefix;
    driver.version = version_text(request);
    driver.input_bytes = port_bytes(interface.inputs);
    driver.output_bytes = port_bytes(interface.outputs);
    for (size_t i = 0; i < request.variants.size(); i++) {
        driver.variants.push_back(driver_variant(request, weights, i));
        if (driver.variants.back().gpu)
            continue; // its memory is on the device
        driver.arena_bytes = aligned(request.plan->arena_bytes);
        for (const CompiledKernel *kernel : request.variants[i].compiled)
            driver.scratch_bytes = std::max(driver.scratch_bytes, aligned(kernel->scratch_bytes));
    }
    driver.weights_bytes = int64_t(weights.size());
    driver.weights_identity = weights.identity;
    if (weights.size() > 0 && !request.weights_file)
        driver.weights_symbol = "cnnc_w_" + interface.prefix;
    return driver;
}

void check_memory(const DriverRequest &driver) {
    int64_t bytes = driver.arena_bytes + driver.scratch_bytes;
    if (driver.variants.front().target.bits == 32 && bytes > (int64_t(1) << 30))
        throw LibraryError{fmt::format(
            "the network needs {} bytes of memory, too many for a target of 32 bits", bytes)};
}

void add_kernels(const LibraryRequest &request, Library &library) {
    std::set<std::string> seen;
    for (const LibraryVariant &variant : request.variants)
        for (const CompiledKernel *kernel : variant.compiled)
            if (!kernel->object.empty() && seen.insert(kernel->symbol).second)
                library.objects.push_back({kernel->symbol + ".o", kernel->object});
}

void add_weights(const LibraryRequest &request, PackedWeights weights, Library &library) {
    library.weights_bytes = weights.size();
    library.weights_offset = data_object_offset;
    if (request.weights_file) {
        finish_weights_file(weights);
        library.weights = std::move(weights.bytes);
    } else if (!library.weights_symbol.empty()) {
        finish_data_object(weights.bytes, request.variants.front().target, library.weights_symbol);
        library.weights_member = library.objects.size();
        library.objects.push_back({"weights.o", std::move(weights.bytes)});
    }
}

} // namespace

Library build_library(const LibraryRequest &request) {
    for (const LibraryVariant &variant : request.variants) {
        assert(variant.compiled.size() == request.kernels->kernels.size());
        assert(variant.schedules.size() == variant.compiled.size());
        (void)variant;
    }
    CInterface interface = c_interface(request.kernels->graph, request.name);
    PackedWeights weights = pack_weights(request);
    DriverRequest driver_facts = driver_request(request, interface, weights);
    check_memory(driver_facts);
    Driver driver = generate_driver(driver_facts);

    Library library;
    library.prefix = interface.prefix;
    library.memory_bytes = driver.memory_bytes;
    const HeaderFacts facts = header_facts(request, weights);
    library.header = c_header(interface, facts);
    library.manifest = manifest_text(request, interface, weights, driver.memory_bytes);
    library.cmake_config = cmake_config_text(request.name, facts.gpu);
    library.pkg_config = pkg_config_text(request.name, facts.gpu);
    library.driver_symbols = std::move(driver.symbols);
    library.weights_symbol = driver_facts.weights_symbol;
    library.objects.push_back({"driver.o", std::move(driver.object)});
    add_kernels(request, library);
    add_weights(request, std::move(weights), library);
    return library;
}

std::string library_archive(const Library &library) {
    std::vector<ArchiveMember> members;
    for (size_t i = 0; i < library.objects.size(); i++) {
        const NamedFile &object = library.objects[i];
        ArchiveMember member = {object.name, object.bytes, {}};
        if (i == 0)
            member.symbols = library.driver_symbols;
        else if (i == library.weights_member)
            member.symbols = {library.weights_symbol};
        else // a kernel's object is named after its one symbol
            member.symbols = {object.name.substr(0, object.name.size() - 2)};
        members.push_back(std::move(member));
    }
    return write_archive(members);
}

} // namespace cnnc
