// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// ORC links the objects in memory; the network's own C functions are found by name and called.
#include "compiler/codegen/jit.h"

#include "compiler/codegen/llvm_versions.h"
#include "runtime/cnnc_options.h"

#include <llvm/ExecutionEngine/Orc/ExecutionUtils.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/TargetSelect.h>

#include <fmt/format.h>

#include <sys/mman.h>

#include <new>
#include <utility>

namespace cnnc {
namespace {

// The network's functions, by the types every network has in common.
using Create = int (*)(const cnnc_options *options, void **network);
using RunArrays = int (*)(void *network, const void *const *inputs, void *const *outputs);
using Destroy = void (*)(void *network);
using ErrorMessage = const char *(*)(int code);

template <typename T>
T checked(llvm::Expected<T> value) {
    if (!value)
        throw KernelError{"the network cannot be linked: " + llvm::toString(value.takeError())};
    return std::move(*value);
}

void check(llvm::Error error) {
    if (error)
        throw KernelError{"the network cannot be linked: " + llvm::toString(std::move(error))};
}

} // namespace

SharedMemory::SharedMemory(size_t bytes) : bytes_(bytes) {
    memory_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED)
        throw std::bad_alloc();
}

SharedMemory::SharedMemory(SharedMemory &&other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

SharedMemory::~SharedMemory() {
    if (memory_)
        munmap(memory_, bytes_);
}

struct LoadedNetwork::Parts {
    std::unique_ptr<llvm::orc::LLJIT> jit;
    std::string prefix;
    Create create = nullptr;
    RunArrays run = nullptr;
    Destroy destroy = nullptr;
    ErrorMessage error_message = nullptr;

    template <typename Function>
    void find(Function &function, const char *suffix) {
        function = function_at<Function>(checked(jit->lookup(prefix + "_" + suffix)));
    }

    void check_code(int code) {
        if (code != 0)
            throw KernelError{fmt::format("{} returned {}: {}", prefix, code, error_message(code))};
    }
};

LoadedNetwork::LoadedNetwork(const Library &library) : parts_(std::make_unique<Parts>()) {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    parts_->prefix = library.prefix;
    parts_->jit = checked(llvm::orc::LLJITBuilder().create());
    llvm::orc::LLJIT &jit = *parts_->jit;
    // The C library and libm.
    jit.getMainJITDylib().addGenerator(
        checked(llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
            jit.getDataLayout().getGlobalPrefix())));
    for (const NamedFile &object : library.objects)
        check(
            jit.addObjectFile(llvm::MemoryBuffer::getMemBuffer(object.bytes, object.name, false)));
    parts_->find(parts_->create, "create");
    parts_->find(parts_->run, "run_arrays");
    parts_->find(parts_->destroy, "destroy");
    parts_->find(parts_->error_message, "error_message");
}

LoadedNetwork::~LoadedNetwork() = default;

NetworkContext LoadedNetwork::create(int threads, StepTimer timer) {
    NetworkContext context(parts_.get(), std::move(timer));
    cnnc_options options = {};
    options.threads = threads;
    if (*context.timer_) {
        options.profile_user = context.timer_.get();
        options.profile = [](void *user, int step, const char *, double seconds) {
            (*static_cast<StepTimer *>(user))(step, seconds);
        };
    }
    parts_->check_code(parts_->create(&options, &context.context_));
    return context;
}

NetworkContext::NetworkContext(LoadedNetwork::Parts *parts, LoadedNetwork::StepTimer timer)
    : parts_(parts), timer_(std::make_unique<LoadedNetwork::StepTimer>(std::move(timer))) {}

NetworkContext::NetworkContext(NetworkContext &&other) noexcept
    : parts_(other.parts_), context_(std::exchange(other.context_, nullptr)),
      timer_(std::move(other.timer_)) {}

NetworkContext::~NetworkContext() {
    if (context_)
        parts_->destroy(context_);
}

void NetworkContext::run(const std::vector<const void *> &inputs,
                         const std::vector<void *> &outputs) {
    parts_->check_code(parts_->run(context_, inputs.data(), outputs.data()));
}

} // namespace cnnc
