// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/lower/kernel_problem.h"

#include "compiler/codegen/hash.h"
#include "compiler/lower/packing.h"
#include "compiler/tune/workload_data.h"
#include "tests/passes/execute_kernels.h"

#include <fmt/format.h>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <random>

namespace cnnc {
namespace {

// What memory holds that nobody has written: a NaN no computation makes. For elements of any size
// it is the bytes that tell.
constexpr std::array<unsigned char, 4> canary = {0xad, 0xde, 0xc0, 0x7f};

void fill_canaries(char *first, char *last) {
    for (char *p = first; p < last; ++p)
        *p = char(canary[reinterpret_cast<uintptr_t>(p) % canary.size()]);
}

bool are_canaries(const char *first, const char *last) {
    for (const char *p = first; p < last; ++p)
        if (*p != char(canary[reinterpret_cast<uintptr_t>(p) % canary.size()]))
            return false;
    return true;
}

// Calls f(place) for every element of a view.
void for_each_place(const TensorView &view, const std::function<void(size_t)> &f) {
    std::vector<int64_t> index(view.shape.size(), 0);
    for (int64_t i = 0, count = element_count(view.shape); i < count; ++i) {
        int64_t place = 0;
        for (size_t d = 0; d < index.size(); ++d)
            place += index[d] * view.strides[d];
        f(size_t(place));
        for (size_t d = index.size(); d-- > 0 && ++index[d] == view.shape[d];)
            index[d] = 0;
    }
}

using Random = std::mt19937;

void fill_input(const Workload &w, size_t input, Random &random, char *data) {
    for_each_place(w.inputs[input], [&](size_t place) {
        store_element(w.inputs[input].dtype, data, int64_t(place),
                      random_element(w, input, random));
    });
}

void compute_expected(const Workload &w, Problem &p) {
    std::vector<const void *> inputs;
    for (const auto &input : p.inputs)
        inputs.push_back(input[0]->data());
    size_t element = dtype_bytes(w.output.dtype);
    std::vector<char> output(view_span(w.output) * element);
    run_workload(w, inputs, p.weight.data(), p.bias.empty() ? nullptr : p.bias.data(),
                 output.data());
    p.expected.assign(view_span(w.output), 0);
    p.covered.assign(view_span(w.output), false);
    for_each_place(w.output, [&](size_t place) {
        double v = load_element(w.output.dtype, output.data(), int64_t(place));
        p.expected[place] = v;
        p.covered[place] = true;
        if (std::isfinite(v))
            p.scale = std::max(p.scale, std::fabs(v));
    });
}

std::unique_ptr<FencedMemory> fenced(const std::vector<float> &values) {
    auto memory = std::make_unique<FencedMemory>(values.size() * sizeof(float), Flush::back, 64);
    std::memcpy(memory->data(), values.data(), memory->bytes());
    memory->protect();
    return memory;
}

} // namespace

FencedMemory::FencedMemory(size_t bytes, Flush flush, size_t alignment) : bytes_(bytes) {
    size_t page = size_t(sysconf(_SC_PAGESIZE));
    size_t whole = (bytes + alignment - 1) / alignment * alignment;
    size_t pages = (whole + page - 1) / page;
    total_ = (pages + 2) * page;
    void *memory =
        mmap(nullptr, total_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        throw std::bad_alloc();
    base_ = static_cast<char *>(memory);
    inside_ = pages * page;
    fill_canaries(base_, base_ + total_);
    mprotect(base_, page, PROT_NONE);
    mprotect(base_ + page + inside_, page, PROT_NONE);
    data_ = base_ + page + (flush == Flush::front ? 0 : inside_ - whole);
}

FencedMemory::~FencedMemory() {
    munmap(base_, total_);
}

void FencedMemory::protect() const {
    mprotect(page_start(), inside_, PROT_READ);
}

void FencedMemory::poison() const {
    fill_canaries(data_, data_ + bytes_);
}

bool FencedMemory::canaries_live() const {
    return are_canaries(page_start(), data_) &&
           are_canaries(data_ + bytes_, page_start() + inside_);
}

std::unique_ptr<Problem> make_problem(const Workload &w) {
    auto p = std::make_unique<Problem>();
    p->text = workload_text(w);
    Random random(uint32_t(hash64(p->text.data(), p->text.size())));
    for (size_t i = 0; i < w.inputs.size(); ++i) {
        size_t element = dtype_bytes(w.inputs[i].dtype), bytes = view_span(w.inputs[i]) * element;
        p->inputs.emplace_back();
        auto &[front, back] = p->inputs.back();
        front = std::make_unique<FencedMemory>(bytes, Flush::front, element);
        back = std::make_unique<FencedMemory>(bytes, Flush::back, element);
        fill_input(w, i, random, front->data());
        std::copy_n(front->data(), bytes, back->data());
        front->protect();
        back->protect();
    }
    p->weight = random_weight(w, random);
    p->bias = random_bias(w, random);
    compute_expected(w, *p);
    return p;
}

PackedWeights pack(const KernelRequest &r, const Problem &problem) {
    PackedWeights packed;
    if (!problem.weight.empty())
        packed.weight = fenced(pack_weight(r.workload, r.schedule, problem.weight.data()));
    if (!problem.bias.empty())
        packed.bias = fenced(pack_bias(r.workload, r.schedule, problem.bias.data()));
    return packed;
}

std::string compare(const Workload &w, const Problem &problem, const char *output) {
    DType dtype = w.output.dtype;
    size_t element = dtype_bytes(dtype);
    double tolerance = dtype == DType::f32 ? kernel_tolerance(w, problem.scale) : 0;
    for (size_t i = 0; i < problem.expected.size(); ++i) {
        if (!problem.covered[i]) {
            if (!are_canaries(output + i * element, output + (i + 1) * element))
                return fmt::format("the gap at {} is overwritten", i);
            continue;
        }
        double expected = problem.expected[i], actual = load_element(dtype, output, int64_t(i));
        bool near = std::isfinite(expected) ? std::fabs(expected - actual) <= tolerance
                                            : expected == actual || std::isnan(expected);
        if (!near)
            return fmt::format("element at {} of {} is {}, not {} (tolerance {:.2g})", i,
                               problem.expected.size(), actual, expected, tolerance);
    }
    return "";
}

bool same_values(const Problem &problem, const std::vector<char> &a, const std::vector<char> &b,
                 size_t element) {
    for (size_t i = 0; i < problem.covered.size(); ++i)
        if (problem.covered[i] &&
            std::memcmp(a.data() + i * element, b.data() + i * element, element) != 0)
            return false;
    return true;
}

} // namespace cnnc
