// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// ORC links the objects in memory; the network's own C functions are found by name and called.
#include "compiler/codegen/jit.h"

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
    std::string name;
    void *context = nullptr;
    RunArrays run = nullptr;
    StepTimer timer;

    // The network's function NAME_`suffix`.
    template <typename Function>
    Function symbol(const char *suffix) {
        auto found = checked(jit->lookup(name + "_" + suffix));
#if LLVM_VERSION_MAJOR >= 15
        return found.toPtr<Function>();
#else
        return reinterpret_cast<Function>(found.getAddress());
#endif
    }

    void check_code(int code) {
        if (code != 0)
            throw KernelError{fmt::format("{} returned {}: {}", name, code,
                                          symbol<ErrorMessage>("error_message")(code))};
    }
};

LoadedNetwork::LoadedNetwork(const Library &library, const std::string &name)
    : parts_(std::make_unique<Parts>()) {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    parts_->name = name;
    parts_->jit = checked(llvm::orc::LLJITBuilder().create());
    llvm::orc::LLJIT &jit = *parts_->jit;
    // The C library and libm.
    jit.getMainJITDylib().addGenerator(
        checked(llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
            jit.getDataLayout().getGlobalPrefix())));
    for (const NamedFile &object : library.objects)
        check(
            jit.addObjectFile(llvm::MemoryBuffer::getMemBuffer(object.bytes, object.name, false)));
}

LoadedNetwork::~LoadedNetwork() {
    if (parts_->context)
        parts_->symbol<Destroy>("destroy")(parts_->context);
}

void LoadedNetwork::create(int threads, StepTimer timer) {
    parts_->timer = std::move(timer);
    cnnc_options options = {};
    options.threads = threads;
    if (parts_->timer) {
        options.profile_user = &parts_->timer;
        options.profile = [](void *user, int step, const char *, double seconds) {
            (*static_cast<StepTimer *>(user))(step, seconds);
        };
    }
    parts_->check_code(parts_->symbol<Create>("create")(&options, &parts_->context));
    parts_->run = parts_->symbol<RunArrays>("run_arrays");
}

void LoadedNetwork::run(const std::vector<const void *> &inputs,
                        const std::vector<void *> &outputs) {
    parts_->check_code(parts_->run(parts_->context, inputs.data(), outputs.data()));
}

} // namespace cnnc
