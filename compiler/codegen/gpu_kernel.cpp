// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Halide makes device code, and a host function that allocates device memory, copies and launches.
// Of the host function we want only what it does: every extent is a constant, so it launches the
// same grids each time. It is compiled for this machine and run once, against stand-ins for
// Halide's run time that write down what they are asked for; the launches are data from then on.
//
// Operands and scratch memory are told apart by their addresses on the device, which are made up.
#include "compiler/codegen/gpu_kernel.h"

#include "compiler/codegen/llvm_versions.h"
#include "compiler/codegen/ptx.h"
#include "compiler/lower/lower.h"

#include <llvm/ExecutionEngine/Orc/ExecutionUtils.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/TargetSelect.h>

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace cnnc {

namespace {

// Sub-buffers of OpenCL begin at multiples of what the device says, at most this.
constexpr int64_t device_alignment = 512;
// Made-up addresses on the device: operand i at (i + 1) * operand_step, scratch memory behind all.
constexpr uint64_t operand_step = uint64_t(1) << 40;
constexpr uint64_t scratch_base = uint64_t(1) << 60;

struct Recording {
    std::vector<GpuLaunch> launches;
    int64_t scratch_bytes = 0;
    std::string problem; // the first thing that went wrong
};

int fail(void *recording, std::string problem) {
    auto *r = static_cast<Recording *>(recording);
    if (r->problem.empty())
        r->problem = std::move(problem);
    return -1;
}

GpuArgument address_argument(uint64_t device) {
    GpuArgument argument;
    if (device >= scratch_base) {
        argument.kind = GpuArgument::Kind::scratch;
        argument.offset = int64_t(device - scratch_base);
    } else {
        argument.operand = int(device / operand_step) - 1;
    }
    return argument;
}

// ---- stand-ins for Halide's run time; the first parameter is our recording ----

#if CNNC_HALIDE_MAJOR >= 16
using ArgumentSize = halide_type_t;
size_t bytes_of(const ArgumentSize &type) {
    return type.bits == 0 ? 0 : size_t(type.bytes());
}
#else
using ArgumentSize = size_t;
size_t bytes_of(ArgumentSize size) {
    return size;
}
#endif

int run(void *recording, void *, const char *entry, int blocks_x, int blocks_y, int blocks_z,
        int threads_x, int threads_y, int threads_z, int shared_bytes, const ArgumentSize *sizes,
        void **arguments, const int8_t *is_buffer) {
    auto *r = static_cast<Recording *>(recording);
    GpuLaunch launch;
    launch.entry = entry;
    launch.blocks = {uint32_t(blocks_x), uint32_t(blocks_y), uint32_t(blocks_z)};
    launch.threads = {uint32_t(threads_x), uint32_t(threads_y), uint32_t(threads_z)};
    launch.shared_bytes = uint32_t(shared_bytes);
    for (size_t i = 0; bytes_of(sizes[i]) != 0; ++i) {
        if (is_buffer[i]) {
            uint64_t device = static_cast<const halide_buffer_t *>(arguments[i])->device;
            if (device == 0)
                return fail(recording, "a launch reads a buffer that is not on the device");
            launch.arguments.push_back(address_argument(device));
            continue;
        }
        GpuArgument value;
        value.kind = GpuArgument::Kind::value;
        value.bytes.assign(static_cast<const char *>(arguments[i]), bytes_of(sizes[i]));
        launch.arguments.push_back(std::move(value));
    }
    r->launches.push_back(std::move(launch));
    return 0;
}

int device_malloc(void *recording, halide_buffer_t *buffer, const void *) {
    auto *r = static_cast<Recording *>(recording);
    if (buffer->device != 0)
        return 0;
    int64_t elements = 1;
    for (int i = 0; i < buffer->dimensions; ++i)
        elements += int64_t(buffer->dim[i].extent - 1) * buffer->dim[i].stride;
    buffer->device = scratch_base + uint64_t(r->scratch_bytes);
    int64_t bytes = elements * ((buffer->type.bits + 7) / 8);
    r->scratch_bytes += (bytes + device_alignment - 1) / device_alignment * device_alignment;
    return 0;
}

int copy_to_device(void *recording, const halide_buffer_t *buffer, const void *) {
    return buffer->device != 0 ? 0 : fail(recording, "an operand is not on the device");
}

int copy_to_host(void *recording, halide_buffer_t *) {
    return fail(recording, "a stage runs on the host");
}

int initialize_kernels(void *, void **state, const char *, int) {
    *state = nullptr;
    return 0;
}

int device_free(void *, halide_buffer_t *buffer) {
    buffer->device = 0;
    return 0;
}

const void *device_interface() {
    return nullptr;
}

void ignore(void *, void *) {}

void *host_malloc(void *, size_t bytes) {
    return std::malloc(bytes);
}
void host_free(void *, void *memory) {
    std::free(memory);
}

// ---- running the host function ----

struct StandIn {
    const char *name;
    void *function;
};

template <typename Function>
void *address_of(Function *function) {
    return reinterpret_cast<void *>(function);
}

std::vector<StandIn> stand_ins() {
    std::vector<StandIn> all = {
        {"halide_device_malloc", address_of(device_malloc)},
        {"halide_copy_to_device", address_of(copy_to_device)},
        {"halide_copy_to_host", address_of(copy_to_host)},
        {"halide_device_free", address_of(device_free)},
        {"halide_device_free_as_destructor", address_of(device_free)},
        {"halide_malloc", address_of(host_malloc)},
        {"halide_free", address_of(host_free)},
        {"halide_cuda_run", address_of(run)},
        {"halide_opencl_run", address_of(run)},
        {"halide_cuda_initialize_kernels", address_of(initialize_kernels)},
        {"halide_opencl_initialize_kernels", address_of(initialize_kernels)},
        {"halide_cuda_finalize_kernels", address_of(ignore)},
        {"halide_opencl_finalize_kernels", address_of(ignore)},
        {"halide_cuda_device_interface", address_of(device_interface)},
        {"halide_opencl_device_interface", address_of(device_interface)},
    };
    return all;
}

// Calls of Halide's run time become calls of the stand-ins, at their addresses in this process.
void connect(llvm::Module &module) {
    const std::vector<StandIn> all = stand_ins();
    llvm::Type *address = llvm::Type::getInt64Ty(module.getContext());
    for (llvm::Function &f : module) {
        if (!f.isDeclaration() || f.use_empty() || !starts_with(f.getName(), "halide_"))
            continue;
        auto found = std::find_if(all.begin(), all.end(),
                                  [&](const StandIn &s) { return f.getName() == s.name; });
        if (found == all.end())
            throw KernelError{"the kernel needs " + f.getName().str()};
        auto *constant =
            llvm::ConstantInt::get(address, reinterpret_cast<uintptr_t>(found->function));
        f.replaceAllUsesWith(llvm::ConstantExpr::getIntToPtr(constant, f.getType()));
    }
}

template <typename T>
T checked(llvm::Expected<T> value) {
    if (!value)
        throw KernelError{llvm::toString(value.takeError())};
    return std::move(*value);
}

// Runs `name`, which takes `operands` buffers, and writes down what it launches.
Recording record(std::unique_ptr<llvm::Module> module, std::unique_ptr<llvm::LLVMContext> context,
                 const std::string &name, size_t operands) {
    connect(*module);
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    auto jit = checked(llvm::orc::LLJITBuilder().create());
    module->setDataLayout(jit->getDataLayout());
    jit->getMainJITDylib().addGenerator(
        checked(llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
            jit->getDataLayout().getGlobalPrefix())));
    if (llvm::Error error =
            jit->addIRModule(llvm::orc::ThreadSafeModule(std::move(module), std::move(context))))
        throw KernelError{llvm::toString(std::move(error))};
    auto call = function_at<int (*)(void **)>(checked(jit->lookup(name + "_argv")));
    Recording recording;
    void *user_context = &recording;
    std::vector<halide_buffer_t> buffers(operands);
    std::vector<void *> arguments = {&user_context};
    for (size_t i = 0; i < operands; ++i) {
        buffers[i] = {};
        buffers[i].device = (i + 1) * operand_step;
        arguments.push_back(&buffers[i]);
    }
    const int code = call(arguments.data());
    if (recording.problem.empty() && code != 0)
        recording.problem = fmt::format("the host function returned {}", code);
    if (recording.problem.empty() && recording.launches.empty())
        recording.problem = "nothing is launched";
    if (!recording.problem.empty())
        throw KernelError{recording.problem};
    return recording;
}

// ---- device code ----

std::string device_code(const Halide::Module &module) {
    for (const auto &buffer : module.buffers()) {
        const std::string &name = buffer.name();
        if (name.size() < 19 || name.substr(name.size() - 19) != "_gpu_source_kernels")
            continue;
        std::string text(static_cast<const char *>(static_cast<const void *>(buffer.data())),
                         buffer.size_in_bytes());
        return text.substr(0, text.find('\0'));
    }
    throw KernelError{"Halide's module has no device code"};
}

// Where the code of an entry begins: its `.entry`. At the end without one.
size_t ptx_entry(const std::string &ptx, const std::string &entry) {
    return std::min(ptx.find(".entry " + entry + "("), ptx.size());
}

// Has the assembler spill rather than use more registers than a block of so many threads can have,
// with which the launch would fail. (Told the number of threads instead, it aims at more blocks at
// once, and spills for that.)
void bound_registers(std::string &ptx, const GpuLaunch &launch, const Gpu &gpu) {
    const int64_t most = most_registers(gpu, launch);
    if (most >= gpu.registers_per_thread)
        return;
    const size_t end = ptx.find(')', ptx_entry(ptx, launch.entry));
    if (end == std::string::npos)
        throw KernelError{"the device code lacks " + launch.entry};
    ptx.insert(end + 1, fmt::format("\n.maxnreg {}", most));
}

bool in_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$';
}

// Gives entries names that no other kernel has. PTX names parameters after their entry.
void rename_entry(std::string &text, const std::string &from, const std::string &to) {
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos;) {
        const size_t end = at + from.size();
        const bool starts = at == 0 || !in_word(text[at - 1]);
        const bool ends =
            end == text.size() || !in_word(text[end]) || text.compare(end, 7, "_param_") == 0;
        if (starts && ends)
            text.replace(at, from.size(), to);
        at += starts && ends ? to.size() : 1;
    }
}

// The first line names the machine that compiled, and the kernel behind the preamble does nothing.
void tidy_opencl(std::string &text) {
    if (text.compare(0, 2, "/*") == 0)
        text.erase(0, text.find('\n') + 1);
    const std::string idle = "__kernel void _at_least_one_kernel(int x) { }\n";
    if (const size_t at = text.find(idle); at != std::string::npos)
        text.erase(at, idle.size());
}

} // namespace

int64_t ptx_local_bytes(const std::string &ptx, const std::string &entry) {
    const size_t begin = ptx_entry(ptx, entry);
    const size_t end = std::min(ptx.find(".entry ", begin + 1), ptx.size());
    int64_t bytes = 0;
    for (size_t at = begin; (at = ptx.find(".local ", at)) < end; ++at) {
        // .local .align 8 .b8 \t__local_depot0[64];
        const size_t line_end = ptx.find('\n', at), bracket = ptx.find('[', at);
        if (bracket < line_end)
            bytes += std::strtoll(ptx.c_str() + bracket + 1, nullptr, 10);
    }
    return bytes;
}

std::string launch_problem(const GpuLaunch &launch, const Gpu &gpu) {
    int64_t threads = 1, argument_bytes = 0;
    for (size_t i = 0; i < 3; ++i) {
        threads *= launch.threads[i];
        if (launch.threads[i] < 1 || launch.threads[i] > gpu.most_threads[i])
            return fmt::format("{} threads in dimension {}", launch.threads[i], i);
        if (launch.blocks[i] < 1 || launch.blocks[i] > gpu.most_blocks[i])
            return fmt::format("{} blocks in dimension {}", launch.blocks[i], i);
    }
    if (threads > gpu.threads_per_block)
        return fmt::format("{} threads in a block", threads);
    if (launch.shared_bytes > gpu.shared_bytes)
        return fmt::format("{} bytes of shared memory", launch.shared_bytes);
    for (const GpuArgument &argument : launch.arguments)
        argument_bytes += std::max<int64_t>(8, int64_t(argument.bytes.size()));
    if (argument_bytes > gpu.argument_bytes)
        return fmt::format("{} bytes of arguments", argument_bytes);
    return "";
}

CompiledKernel compile_gpu_kernel(const KernelRequest &request) {
    CompiledKernel kernel;
    kernel.symbol = kernel_symbol(request);
    try {
        LoweredKernel lowered = lower_kernel(request.workload, request.schedule);
        if (!request.aligned)
            lowered = with_operands_anywhere(std::move(lowered));
        const std::string name = kernel.symbol + "_host";
        Halide::Module halide = lowered.output.compile_to_module(lowered.arguments, name,
                                                                 halide_gpu_target(request.target));
        kernel.device_code = device_code(halide);
        auto context = std::make_unique<llvm::LLVMContext>();
        std::unique_ptr<llvm::Module> module =
            Halide::compile_module_to_llvm_module(halide, *context);
        Recording recording =
            record(std::move(module), std::move(context), name, lowered.arguments.size() + 1);
        kernel.scratch_bytes = recording.scratch_bytes;
        kernel.launches = std::move(recording.launches);
    } catch (const Halide::Error &error) {
        throw KernelError{error.what()};
    }
    const Gpu gpu = machine_for(request.target).gpu.value();
    if (gpu_api(request.target) == GpuApi::opencl)
        tidy_opencl(kernel.device_code);
    for (size_t i = 0; i < kernel.launches.size(); ++i) {
        GpuLaunch &launch = kernel.launches[i];
        if (std::string problem = launch_problem(launch, gpu); !problem.empty())
            throw KernelError{"a launch the GPU refuses: " + problem};
        const std::string entry = fmt::format("{}_{}", kernel.symbol, i);
        rename_entry(kernel.device_code, launch.entry, entry);
        launch.entry = entry;
        if (gpu_api(request.target) == GpuApi::opencl)
            continue;
        bound_registers(kernel.device_code, launch, gpu);
        if (int64_t bytes = ptx_local_bytes(kernel.device_code, entry); bytes > gpu.local_bytes)
            throw KernelError{
                fmt::format("a launch the GPU refuses: {} bytes of local memory", bytes)};
    }
    return kernel;
}

} // namespace cnnc
