// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Libraries of a tiny network for GPUs, its kernels written in OpenCL C: linked into programs and
// run by OpenCL on whatever device there is (PoCL's is the CPU).
#include "compiler/codegen/library.h"
#include "tests/codegen/workshop.h"

#include <gtest/gtest.h>

#include <cstring>

namespace cnnc {
namespace {

// y = 2 * (W x + b + c), as OpenCL C. The first kernel takes a value and local memory, and leaves
// its sums in scratch memory, from where a second launch adds the bias.
constexpr char linear_source[] = R"(
__kernel void sums(const int n, __global const float *x, __global const float *w,
                   __global float *scratch, __local short *shared) {
    __local float *copy = (__local float *)shared;
    int k = get_local_id(0);
    if (k == 0)
        for (int c = 0; c < n; c++)
            copy[c] = x[c];
    barrier(CLK_LOCAL_MEM_FENCE);
    float sum = 0;
    for (int c = 0; c < n; c++)
        sum += copy[c] * w[2 * c + k];
    scratch[k] = sum;
}
__kernel void biased(__global const float *scratch, __global const float *b, __global float *y,
                     __local short *shared) {
    int k = get_global_id(0);
    y[k] = scratch[k] + b[k];
})";
constexpr char add_source[] = R"(
__kernel void add(__global const float *x, __global const float *c, __global float *y) {
    y[get_global_id(0)] = x[get_global_id(0)] + c[get_global_id(0)];
})";
constexpr char double_source[] = R"(
__kernel void twice(__global const float *x, __global float *y) {
    y[get_global_id(0)] = 2 * x[get_global_id(0)];
})";

GpuArgument operand(int index) {
    return {GpuArgument::Kind::operand, index, 0, ""};
}
GpuArgument scratch(int64_t offset) {
    return {GpuArgument::Kind::scratch, 0, offset, ""};
}
GpuArgument value(int32_t number) {
    return {GpuArgument::Kind::value, 0, 0,
            std::string(reinterpret_cast<const char *>(&number), sizeof number)};
}

std::vector<CompiledKernel> opencl_kernels() {
    std::vector<CompiledKernel> kernels(3);
    kernels[0].symbol = "cnnc_k_linear";
    kernels[0].device_code = linear_source;
    kernels[0].scratch_bytes = 1024;
    kernels[0].launches = {
        {"sums", {1, 1, 1}, {2, 1, 1}, 12, {value(3), operand(0), operand(1), scratch(512)}},
        {"biased", {2, 1, 1}, {1, 1, 1}, 0, {scratch(512), operand(2), operand(3)}}};
    kernels[1].symbol = "cnnc_k_add";
    kernels[1].device_code = add_source;
    kernels[1].launches = {{"add", {1, 1, 1}, {2, 1, 1}, 0, {operand(0), operand(1), operand(2)}}};
    kernels[2].symbol = "cnnc_k_twice";
    kernels[2].device_code = double_source;
    kernels[2].launches = {{"twice", {2, 1, 1}, {1, 1, 1}, 0, {operand(0), operand(1)}}};
    return kernels;
}

struct Tiny {
    KernelGraph kernels;
    Plan plan;
    std::vector<CompiledKernel> opencl = opencl_kernels();
    bool weights_file = false;

    LibraryRequest request(const std::string &name) const {
        LibraryRequest request;
        request.name = name;
        request.kernels = &kernels;
        request.plan = &plan;
        request.weights_file = weights_file;
        add_variant(request, "x86-64-linux-opencl", opencl);
        return request;
    }
    static void add_variant(LibraryRequest &request, const std::string &target,
                            const std::vector<CompiledKernel> &compiled) {
        LibraryVariant variant;
        variant.name = target;
        variant.target = parse_target(target, nullptr).value();
        for (const CompiledKernel &kernel : compiled)
            variant.compiled.push_back(&kernel);
        variant.schedules = {{"gemm", {{"tile_n", 2}}}, {"pointwise", {}}, {"pointwise", {}}};
        variant.schedule_origins.assign(3, "default");
        request.variants.push_back(variant);
    }
};

Buffer buffer(Buffer::Kind kind, int index, int64_t bytes) {
    Buffer buffer;
    buffer.kind = kind;
    buffer.index = index;
    buffer.bytes = bytes;
    return buffer;
}

Kernel kernel(const std::string &name, Op anchor, int64_t features, std::vector<TensorRef> inputs,
              TensorRef output) {
    Kernel kernel;
    kernel.name = name;
    kernel.workload.anchor = std::move(anchor);
    kernel.workload.inputs.assign(inputs.size(), row_major(DType::f32, {1, features}));
    kernel.workload.output = row_major(DType::f32, {1, 2});
    kernel.inputs = std::move(inputs);
    kernel.output = output;
    return kernel;
}

Tiny tiny() {
    Tiny net;
    Graph &graph = net.kernels.graph;
    graph.nodes.resize(2);
    graph.nodes[0].op = Input{};
    graph.nodes[0].name = "x";
    graph.nodes[0].type = {DType::f32, {1, 3}};
    graph.nodes[1].op = Unary{};
    graph.nodes[1].type = {DType::f32, {1, 2}};
    graph.inputs = {0};
    graph.outputs.resize(1);
    graph.outputs[0].name = "y";
    graph.outputs[0].node = 1;
    auto &buffers = net.kernels.buffers;
    buffers = {buffer(Buffer::Kind::input, 0, 12), buffer(Buffer::Kind::temp, -1, 8),
               buffer(Buffer::Kind::constant, -1, 8), buffer(Buffer::Kind::temp, -1, 16),
               buffer(Buffer::Kind::output, 0, 8)};
    buffers[2].data = TensorData::from_floats({1, 2}, {0.5f, 0.25f});
    auto &kernels = net.kernels.kernels;
    kernels.push_back(kernel("fc", Linear{2, true}, 3, {{0, 0}}, {1, 0}));
    kernels[0].weight = TensorData::from_floats({2, 3}, {1, 2, 3, 4, 5, 6});
    kernels[0].bias = TensorData::from_floats({2}, {10, 20});
    // Written behind the start of its buffer, as a part of a concatenation is.
    kernels.push_back(kernel("add", Unary{}, 2, {{1, 0}, {2, 0}}, {3, 2}));
    kernels.push_back(kernel("twice", Unary{}, 2, {{3, 2}}, {4, 0}));
    net.plan.offsets = {-1, 0, -1, 64, -1};
    net.plan.arena_bytes = 80;
    net.plan.lower_bound = 24;
    return net;
}

// Runs the network in two contexts, and prints what it is made of and gives.
constexpr char main_source[] = R"(
#include "tiny.h"
#include <stdio.h>
static void note(void *user, int step, const char *name, double seconds) {
    (void)user, (void)step;
    printf("%s%s\n", name, seconds >= 0 ? "" : "?");
}
int main(int argc, char **argv) {
    const char *variant = tiny_variant();
    printf("%s\n", variant ? variant : "none");
    tiny_options options = {0};
    options.weights_path = argc > 1 ? argv[1] : 0;
    options.device_pointers = argc > 2;
    tiny *nets[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        options.profile = i ? note : 0;
        int error = tiny_create(&options, &nets[i]);
        if (error) {
            printf("%s\n", tiny_error_message(error));
            return error;
        }
    }
    for (int i = 0; i < 4; i++) {
        float x[TINY_INPUT_X_ELEMENTS] = {1, 2, 3 + i}, y[TINY_OUTPUT_Y_ELEMENTS];
        int error = tiny_run(nets[i == 2], x, y);
        printf("%d: %.1f %.1f\n", error, y[0], y[1]);
    }
    tiny_destroy(nets[0]);
    tiny_destroy(nets[1]);
    return 0;
}
)";

// W x + b = (14 + 10 + 3 i, 32 + 20 + 6 i); + c; * 2.
constexpr char expected[] = "0: 49.0 104.5\n0: 55.0 116.5\nfc\nadd\ntwice\n0: 61.0 128.5\n"
                            "0: 67.0 140.5\n";

class GpuLibraryTest : public testing::Test {
  protected:
    Workshop shop_;
    const std::string cc_ = std::string(CNNC_CC) + " -Wall -Wextra -Werror -O1 ";

    void SetUp() override {
        if (host_target().arch != Arch::x86 || host_target().bits != 64)
            GTEST_SKIP() << "x86-64 only";
        shop_.write("main.c", main_source);
    }
    void build(const LibraryRequest &request) {
        Library library = build_library(request);
        shop_.write("lib" + library.prefix + ".a", library_archive(library));
        shop_.write(library.prefix + ".h", library.header);
        if (!library.weights.empty())
            shop_.write("tiny.weights", library.weights);
    }
    void link() { shop_.run(cc_ + "main.c libtiny.a -lm -pthread -ldl -o main"); }
    bool has_opencl() { return shop_.try_run("./main 2>/dev/null").output.find("none\n") != 0; }
};

TEST_F(GpuLibraryTest, RunsByOpenCl) {
    build(tiny().request("tiny"));
    link();
    if (!has_opencl())
        GTEST_SKIP() << "no device for OpenCL (package pocl-opencl-icd)";
    EXPECT_EQ(shop_.run("./main"), std::string("x86-64-linux-opencl\n") + expected);
}

} // namespace
} // namespace cnnc
