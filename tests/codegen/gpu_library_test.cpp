// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Libraries of a tiny network for GPUs, linked into programs. Its kernels are written in OpenCL C,
// run on whatever device there is (PoCL's is the CPU), and in C, with as much PTX as the stand-in
// for CUDA's driver reads.
#include "tests/codegen/tiny_network.h"

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

constexpr char linear_ptx[] = ".version 7.0\n.target sm_80\n.address_size 64\n"
                              ".visible .entry sums(.param .u32 n, .param .u64 x, .param .u64 w, "
                              ".param .u64 s) { ret; }\n"
                              ".visible .entry biased(.param .u64 s, .param .u64 b, "
                              ".param .u64 y) { ret; }\n";
constexpr char add_ptx[] = ".version 7.0\n.target sm_80\n.address_size 64\n"
                           ".visible .entry add(.param .u64 x, .param .u64 c, .param .u64 y) "
                           "{ ret; }\n";
constexpr char double_ptx[] = ".version 7.0\n.target sm_80\n.address_size 64\n"
                              ".visible .entry twice(.param .u64 x, .param .u64 y) { ret; }\n";
// What the stand-in runs in their place.
constexpr char host_kernels[] = R"(
#define _GNU_SOURCE
#include "tests/runtime/stand_in_cuda.h"
#include <dlfcn.h>
static void sums(const unsigned *blocks, const unsigned *threads, void **a) {
    (void)blocks, (void)threads;
    for (int k = 0; k < 2; k++) {
        (*(float **)a[3])[k] = 0;
        for (int c = 0; c < *(int *)a[0]; c++)
            (*(float **)a[3])[k] += (*(float **)a[1])[c] * (*(float **)a[2])[2 * c + k];
    }
}
static void plus(const unsigned *blocks, const unsigned *threads, void **a) {
    (void)blocks, (void)threads;
    for (int k = 0; k < 2; k++)
        (*(float **)a[2])[k] = (*(float **)a[0])[k] + (*(float **)a[1])[k];
}
static void twice(const unsigned *blocks, const unsigned *threads, void **a) {
    (void)blocks, (void)threads;
    for (int k = 0; k < 2; k++)
        (*(float **)a[1])[k] = 2 * (*(float **)a[0])[k];
}
static struct stand_in *driver(void) {
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    struct stand_in *(*state)(void) =
        library ? (struct stand_in * (*)(void)) dlsym(library, "stand_in_state") : 0;
    if (!state)
        return 0;
    void (*set)(const char *, stand_in_kernel) =
        (void (*)(const char *, stand_in_kernel))dlsym(library, "stand_in_set_kernel");
    set("sums", sums), set("biased", plus), set("add", plus), set("twice", twice);
    return state();
}
)";

// y = 2 * (W x + b + c) - 100000, in C: to be told from the others.
constexpr char linear_c[] = R"(
int cnnc_k_linear_c(void *worker, const float *x, const float *w, const float *b, float *y) {
    for (int k = 0; k < 2; k++) {
        y[k] = b[k] - 50000;
        for (int c = 0; c < 3; c++)
            y[k] += x[c] * w[2 * c + k];
    }
    return 0;
})";
constexpr char add_c[] = R"(
int cnnc_k_add_c(void *worker, const float *x, const float *c, float *y) {
    for (int k = 0; k < 2; k++)
        y[k] = x[k] + c[k];
    return 0;
})";
constexpr char double_c[] = R"(
int cnnc_k_twice_c(void *worker, const float *x, float *y) {
    for (int k = 0; k < 2; k++)
        y[k] = 2 * x[k];
    return 0;
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

// The same launches of other code.
std::vector<CompiledKernel> cuda_kernels() {
    std::vector<CompiledKernel> kernels = opencl_kernels();
    const char *const ptx[] = {linear_ptx, add_ptx, double_ptx};
    for (size_t i = 0; i < 3; i++)
        kernels[i].device_code = ptx[i] + std::string(1, '\0'); // as Halide ends it
    return kernels;
}

std::vector<CompiledKernel> c_kernels(const Workshop &shop, const std::string &compiler) {
    std::vector<CompiledKernel> kernels;
    for (auto [name, source] :
         {std::pair("linear", linear_c), std::pair("add", add_c), std::pair("twice", double_c)}) {
        shop.write("kernel.c", source);
        shop.run(compiler + " -w -O1 -fPIC -c kernel.c");
        kernels.push_back({std::string("cnnc_k_") + name + "_c", shop.read("kernel.o"), 0, false});
    }
    return kernels;
}

// Of a network for some targets, each with its kernels, which have to outlive it.
using Variants = std::vector<std::pair<std::string, const std::vector<CompiledKernel> *>>;

LibraryRequest request_for(const TinyNetwork &net, const Variants &variants) {
    LibraryRequest request = library_request(net);
    for (const auto &[target, kernels] : variants)
        request.variants.push_back(
            tiny_variant(target, parse_target(target, nullptr).value(), *kernels));
    return request;
}

// Runs the network in two contexts, and prints what it is made of and gives. The arguments: what
// the driver's version and capability are, and the weights file.
constexpr char main_source[] = R"(
#include "tiny.h"
#include <stdio.h>
#include <stdlib.h>
static void note(void *user, int step, const char *name, double seconds) {
    (void)user, (void)step;
    printf("%s%s\n", name, seconds >= 0 ? "" : "?");
}
int main(int argc, char **argv) {
    struct stand_in *state = driver();
    if (state && argc > 2)
        state->version = atoi(argv[1]), state->capability = atoi(argv[2]);
    const char *variant = tiny_variant();
    printf("%s\n", variant ? variant : "none");
    tiny_options options = {0};
    options.weights_path = argc > 3 ? argv[3] : 0;
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
    if (state && (state->problem[0] || state->allocations || state->retains))
        printf("misused: %s\n", state->problem);
    return 0;
}
)";

// W x + b = (14 + 10 + 3 i, 32 + 20 + 6 i); + c; * 2.
constexpr char expected[] = "0: 49.0 104.5\n0: 55.0 116.5\nfc\nadd\ntwice\n0: 61.0 128.5\n"
                            "0: 67.0 140.5\n";

constexpr char expected_of_cpu[] = "0: -99951.0 -99895.5\n0: -99945.0 -99883.5\nfc\nadd\ntwice\n"
                                   "0: -99939.0 -99871.5\n0: -99933.0 -99859.5\n";

class GpuLibraryTest : public testing::Test {
  protected:
    Workshop shop_;
    const std::string flags_ = " -Wall -Wextra -Werror -O1 -I" CNNC_SOURCE_DIR " ";
    const TinyNetwork tiny_ = tiny_network("tiny");
    const std::vector<CompiledKernel> opencl_ = opencl_kernels(), cuda_ = cuda_kernels();

    void SetUp() override {
        if (host_target().arch != Arch::x86 || host_target().bits != 64)
            GTEST_SKIP() << "x86-64 only";
        shop_.write("main.c", std::string(host_kernels) + main_source);
    }
    void build(const TinyNetwork &net, const Variants &variants) {
        write_library(shop_, net.name, build_library(request_for(net, variants)));
    }
    void link(const std::string &compiler = CNNC_CC) {
        shop_.run(compiler + flags_ + "main.c libtiny.a -lm -pthread -ldl -o main");
    }
    // libcuda.so.1 in the folder `driver`, and in `broken` one that cannot be loaded.
    void make_drivers(const std::string &compiler = CNNC_CC) {
        shop_.run("mkdir driver");
        shop_.write("broken/libcuda.so.1", "no library");
        shop_.run(compiler + flags_ +
                  "-shared -fPIC -Wl,-soname,libcuda.so.1 " CNNC_SOURCE_DIR
                  "/tests/runtime/stand_in_cuda.c -pthread -o driver/libcuda.so.1");
    }
    // A library for both: what runs with a GPU, with older ones, and with none.
    void check_fallback(const std::string &gpu, const std::string &cpu,
                        const std::string &compiler = CNNC_CC, const std::string &run = "") {
        const std::vector<CompiledKernel> c = c_kernels(shop_, compiler);
        build(tiny_, {{gpu, &cuda_}, {cpu, &c}});
        link(compiler);
        make_drivers(compiler);
        const std::string with = run + "LD_LIBRARY_PATH=driver ./main ";
        const std::string on_gpu = gpu + "\n" + expected, on_cpu = cpu + "\n" + expected_of_cpu;
        EXPECT_EQ(shop_.run(with), on_gpu);
        EXPECT_EQ(shop_.run(with + "11000 80"), on_gpu);
        EXPECT_EQ(shop_.run(with + "10020 80"), on_cpu); // the driver is too old
        EXPECT_EQ(shop_.run(with + "12000 75"), on_cpu); // the GPU is
        EXPECT_EQ(shop_.run(run + "LD_LIBRARY_PATH=broken ./main"), on_cpu);
    }
};

TEST_F(GpuLibraryTest, RunsByOpenCl) {
    build(tiny_, {{"x86-64-linux-opencl", &opencl_}});
    link();
    if (shop_.try_run("./main 2>/dev/null").output.find("none\n") == 0)
        GTEST_SKIP() << "no device for OpenCL (package pocl-opencl-icd)";
    EXPECT_EQ(shop_.run("./main"), std::string("x86-64-linux-opencl\n") + expected);
}

TEST_F(GpuLibraryTest, SaysWhyThereIsNoGpu) {
    build(tiny_, {{"x86-64-linux-cuda-cuda_capability_80", &cuda_}});
    link();
    make_drivers();
    const std::string broken = "LD_LIBRARY_PATH=broken ./main", old = "LD_LIBRARY_PATH=driver "
                                                                      "./main ";
    CommandResult result = shop_.try_run(broken);
    EXPECT_EQ(result.output,
              "none\nthe GPU's driver (libcuda.so.1 or libOpenCL.so.1) is not installed or does "
              "not start\n");
    EXPECT_EQ(result.code, 11);
    EXPECT_EQ(shop_.try_run(old + "10020 80").code, 12);
    EXPECT_EQ(shop_.try_run(old + "12000 75").code, 13);
    EXPECT_EQ(shop_.run(old), std::string("x86-64-linux-cuda-cuda_capability_80\n") + expected);
}

TEST_F(GpuLibraryTest, FallsBackToTheCpu) {
    check_fallback("x86-64-linux-cuda-cuda_capability_80", "x86-64");
}

// The CPU's weights, in an order of their own, stay at home.
TEST_F(GpuLibraryTest, UploadsTheWeightsItReads) {
    const std::vector<CompiledKernel> c = c_kernels(shop_, CNNC_CC);
    make_drivers();
    shop_.write("upload.c", std::string(host_kernels) + R"(
#include "tiny.h"
#include <stdio.h>
int main(void) {
    driver();
    tiny *net;
    if (tiny_create(0, &net))
        return 1;
    const char *(*log)(void) =
        (const char *(*)(void))dlsym(dlopen("libcuda.so.1", RTLD_NOW), "stand_in_log");
    printf("%s", log());
    tiny_destroy(net);
    return 0;
}
)");
    std::vector<std::string> logs;
    for (bool with_cpu : {false, true}) {
        Variants variants = {{"x86-64-linux-cuda", &cuda_}};
        if (with_cpu)
            variants.emplace_back("x86-64", &c);
        LibraryRequest request = request_for(tiny_, variants);
        if (with_cpu)
            request.variants[1].schedules[0].set("tile_n", int64_t(16));
        write_library(shop_, "tiny", build_library(request));
        shop_.run(CNNC_CC + flags_ + "upload.c libtiny.a -lm -pthread -ldl -o upload");
        logs.push_back(shop_.run("LD_LIBRARY_PATH=driver ./upload"));
    }
    EXPECT_NE(logs[0].find("\ncopy 192 bytes to #1+0\n"), std::string::npos) << logs[0];
    EXPECT_EQ(logs[0], logs[1]);
}

TEST_F(GpuLibraryTest, TakesWeightsFromAFile) {
    TinyNetwork net = tiny_network("tiny");
    net.weights_file = true;
    build(net, {{"x86-64-linux-cuda", &cuda_}});
    link();
    make_drivers();
    const std::string run = "LD_LIBRARY_PATH=driver ./main 12000 80 ";
    EXPECT_EQ(shop_.run(run + "tiny.weights"), std::string("x86-64-linux-cuda\n") + expected);
    EXPECT_EQ(shop_.try_run(run).code, 7);
    EXPECT_EQ(shop_.try_run(run + "tiny.h").code, 8);
}

TEST_F(GpuLibraryTest, RunsFromArm) {
    const std::string compiler = "aarch64-linux-gnu-gcc", emulator = "qemu-aarch64-static";
    if (run_command("command -v " + compiler + " && command -v " + emulator).code != 0)
        GTEST_SKIP() << "no " << compiler << " or no " << emulator;
    check_fallback("arm-64-linux-cuda-cuda_capability_80", "arm-64-linux", compiler,
                   emulator + " -L /usr/aarch64-linux-gnu -E ");
}

TEST_F(GpuLibraryTest, TwoNetworksShareADriver) {
    build(tiny_, {{"x86-64-linux-cuda", &cuda_}});
    build(tiny_network("other"), {{"x86-64-linux-cuda", &cuda_}});
    make_drivers();
    shop_.write("two.c", std::string(host_kernels) + R"(
#include "other.h"
#include "tiny.h"
#include <stdio.h>
int main(void) {
    struct stand_in *state = driver();
    tiny *a;
    other *b;
    float x[3] = {1, 2, 3}, y[2], z[2];
    if (tiny_create(0, &a) || other_create(0, &b) || tiny_run(a, x, y) || other_run(b, x, z))
        return 1;
    tiny_destroy(a);
    if (other_run(b, x, z))
        return 1;
    other_destroy(b);
    printf("%.1f %.1f %d %s\n", y[0], y[1], state->allocations + state->retains, state->problem);
    return 0;
}
)");
    shop_.run(CNNC_CC + flags_ + "two.c libtiny.a libother.a -lm -pthread -ldl -o two");
    EXPECT_EQ(shop_.run("LD_LIBRARY_PATH=driver ./two"), "49.0 104.5 0 \n");
}

TEST_F(GpuLibraryTest, TheHeaderTellsAboutGpus) {
    const std::string header =
        build_library(request_for(tiny_, {{"x86-64-linux-cuda", &cuda_}})).header;
    EXPECT_NE(header.find("Which GPU runs the network"), std::string::npos) << header;
}

} // namespace
} // namespace cnnc
