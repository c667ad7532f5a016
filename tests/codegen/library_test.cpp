// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Libraries of a tiny network with kernels written in C: built, linked into programs and run.
#include "compiler/codegen/packed_weights.h"
#include "tests/codegen/tiny_network.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <set>
#include <sstream>

namespace cnnc {
namespace {

// y = 2 * (W x + b + c): a linear layer, a constant added, and a parallel loop that uses scratch.
constexpr char linear_source[] = R"(
__attribute__((weak, visibility("hidden")))
int cnnc_k_linear(void *worker, const float *x, const float *w, const float *b, float *y) {
    for (int k = 0; k < 2; k++) {
        y[k] = b[k];
        for (int c = 0; c < 3; c++)
            y[k] += x[c] * w[2 * c + k];
    }
    return 0;
})";
constexpr char add_source[] = R"(
__attribute__((weak, visibility("hidden")))
int cnnc_k_add(void *worker, const float *x, const float *constant, float *y) {
    for (int k = 0; k < 2; k++)
        y[k] = x[k] + constant[k];
    return 0;
})";
constexpr char double_source[] = R"(
#include "runtime/cnnc_worker.h"
static int task(cnnc_worker *worker, int i, unsigned char *closure) {
    const float **pointers = (const float **)closure;
    volatile float *scratch = (volatile float *)worker->scratch;
    scratch[24] = pointers[0][i];
    ((float *)pointers[1])[i] = 2 * scratch[24];
    return 0;
}
__attribute__((weak, visibility("hidden")))
int cnnc_k_double(cnnc_worker *worker, const float *x, float *y) {
    const float *pointers[] = {x, y};
    return worker->parallel_for(worker, task, 0, 2, (unsigned char *)pointers);
})";

struct Tiny : TinyNetwork {
    std::vector<CompiledKernel> compiled;
    Target target = host_target();

    LibraryRequest request() const {
        LibraryRequest request = library_request(*this);
        request.variants = {tiny_variant("host", target, compiled)};
        return request;
    }
};

// Of the network for several targets. Its kernels are the same for all, but for the constant, which
// they add as often as the variant's number says.
LibraryRequest with_variants(const Tiny &net, const std::vector<std::string> &targets,
                             const std::vector<CompiledKernel> &adders) {
    LibraryRequest request = net.request();
    const LibraryVariant first = request.variants.front();
    request.variants.clear();
    for (size_t i = 0; i < targets.size(); i++) {
        LibraryVariant variant = first;
        variant.name = targets[i];
        variant.target = parse_target(targets[i], nullptr).value();
        variant.compiled[1] = &adders[i];
        request.variants.push_back(variant);
    }
    return request;
}

Tiny tiny(const Workshop &shop, const std::string &name, float bias = 10) {
    Tiny net = {tiny_network(name, bias)};
    const std::string flags = "-O1 -fPIC -I" CNNC_SOURCE_DIR;
    net.compiled = {{"cnnc_k_linear", shop.compile(linear_source, flags), 0, false},
                    {"cnnc_k_add", shop.compile(add_source, flags), 0, false},
                    {"cnnc_k_double", shop.compile(double_source, flags), 100, true}};
    return net;
}

// W x + b = (14 + 10, 32 + 20); + c; * 2.
constexpr char expected[] = "49.0 104.5\n";

constexpr char main_source[] = R"(
#include "tiny.h"
#include <stdio.h>
int main(int argc, char **argv) {
    tiny_options options = {0};
    options.threads = argc > 1 ? argv[1][0] - '0' : 0;
    options.weights_path = argc > 2 ? argv[2] : 0;
    tiny *net;
    int error = tiny_create(&options, &net);
    if (error) {
        printf("%s\n", tiny_error_message(error));
        return error;
    }
    float x[TINY_INPUT_X_ELEMENTS] = {1, 2, 3}, y[TINY_OUTPUT_Y_ELEMENTS];
    error = tiny_run(net, x, y);
    printf("%.1f %.1f\n", y[0], y[1]);
    tiny_destroy(net);
    return error;
}
)";

class LibraryTest : public testing::Test {
  protected:
    Workshop shop_;
    const std::string cc_ = std::string(CNNC_CC) + " -Wall -Wextra -Werror -O1 ";

    void SetUp() override { shop_.write("main.c", main_source); }
    void build(const Tiny &net) { write_library(shop_, net.name, build_library(net.request())); }
    void link() { shop_.run(cc_ + "main.c libtiny.a -lm -pthread -o main"); }
};

TEST_F(LibraryTest, RunsInAProgram) {
    build(tiny(shop_, "tiny"));
    link();
    for (const char *threads : {"0", "1", "2", "5"})
        EXPECT_EQ(shop_.run(std::string("./main ") + threads), expected);
}

TEST_F(LibraryTest, LinksInEveryManner) {
    build(tiny(shop_, "tiny"));
    for (const char *flags : {"-static", "-no-pie", "-pie -fPIE -Wl,--gc-sections",
                              "-Wl,-z,now -Wl,-z,relro -Wl,--fatal-warnings"}) {
        shop_.run(cc_ + "main.c libtiny.a -lm -pthread -o main " + flags);
        EXPECT_EQ(shop_.run("./main 2"), expected) << flags;
    }
    // And into a shared library, from where only the public functions are seen.
    shop_.run(cc_ + "-shared -o libshared.so -Wl,--whole-archive libtiny.a -Wl,--no-whole-archive");
    shop_.run(cc_ + "main.c -o main -L. -lshared -Wl,-rpath,.");
    EXPECT_EQ(shop_.run("./main 2"), expected);
    std::string symbols = shop_.run("nm -D --defined-only libshared.so");
    EXPECT_NE(symbols.find("T tiny_create"), std::string::npos);
    EXPECT_EQ(symbols.find("cnnc"), std::string::npos) << symbols;
}

TEST_F(LibraryTest, NeedsNothingButTheCLibraryAndThreads) {
    build(tiny(shop_, "tiny"));
    const std::set<std::string> allowed = {
        "clock_gettime",  "close",   "free",         "lseek",          "memcpy",
        "memset",         "mmap",    "munmap",       "open",           "posix_memalign",
        "pthread_create", "syscall", "pthread_join", "pthread_sigmask"};
    // Symbols that no member defines.
    std::istringstream symbols(shop_.run("ld -r --whole-archive -o all.o libtiny.a && "
                                         "nm -u all.o | awk '{print $2}'"));
    for (std::string symbol; symbols >> symbol;)
        EXPECT_TRUE(allowed.count(symbol)) << symbol;
    std::string sections = shop_.run("readelf -W -S all.o");
    for (const char *constructors : {".init_array", ".fini_array", ".ctors"})
        EXPECT_EQ(sections.find(constructors), std::string::npos) << sections;
    // Nothing to write to outside of contexts (.data.rel.ro is constant after loading).
    EXPECT_EQ(shop_.run("size -A all.o | awk '$1 ~ /^.(t?data|t?bss)/ && $2 > 0 {print $1}' | "
                        "grep -v '^.data.rel.ro' || true"),
              "");
}

TEST_F(LibraryTest, TwoNetworksShareKernelsInOneProgram) {
    build(tiny(shop_, "tiny"));
    build(tiny(shop_, "other", 110));
    shop_.write("two.c", R"(
#include "other.h"
#include "tiny.h"
#include <stdio.h>
int main(void) {
    tiny *a;
    other *b;
    float x[3] = {1, 2, 3}, y[2], z[2];
    if (tiny_create(NULL, &a) || other_create(NULL, &b) || tiny_run(a, x, y) || other_run(b, x, z))
        return 1;
    printf("%.1f %.1f\n", y[0], z[0]);
    tiny_destroy(a);
    other_destroy(b);
    return 0;
}
)");
    for (const char *order : {"libtiny.a libother.a", "libother.a libtiny.a"}) {
        shop_.run(cc_ + "two.c -o two -lm -pthread " + order);
        EXPECT_EQ(shop_.run("./two"), "49.0 249.0\n");
    }
    shop_.run(cc_ + "two.c -o two -Wl,--whole-archive libtiny.a libother.a -Wl,--no-whole-archive");
    EXPECT_EQ(shop_.run("./two"), "49.0 249.0\n");
}

TEST_F(LibraryTest, IsTheSameEveryTime) {
    Tiny net = tiny(shop_, "tiny");
    Library first = build_library(net.request()), second = build_library(net.request());
    EXPECT_EQ(library_archive(first), library_archive(second));
    EXPECT_EQ(first.header, second.header);
    EXPECT_EQ(first.manifest, second.manifest);
    net.weights_file = true;
    EXPECT_EQ(build_library(net.request()).weights, build_library(net.request()).weights);
}

TEST_F(LibraryTest, WeightsFileMustBeOfThisBuild) {
    Tiny net = tiny(shop_, "tiny");
    net.weights_file = true;
    build(net);
    link();
    EXPECT_EQ(shop_.run("./main 2 tiny.weights"), expected);
    CommandResult missing = shop_.try_run("./main 1");
    EXPECT_EQ(missing.output, "the weights file cannot be opened (is weights_path set?)\n");
    EXPECT_EQ(missing.code, 7);
    Tiny other = tiny(shop_, "tiny", 11); // same sizes, another bias
    other.weights_file = true;
    shop_.write("other.weights", build_library(other.request()).weights);
    CommandResult mismatch = shop_.try_run("./main 1 other.weights");
    EXPECT_EQ(mismatch.output, "the weights file does not belong to this build of the network\n");
    EXPECT_EQ(mismatch.code, 8);
}

TEST_F(LibraryTest, RefusesACpuThatLacksInstructions) {
    if (host_target().arch != Arch::x86)
        GTEST_SKIP() << "x86 only";
    Tiny net = tiny(shop_, "tiny");
    net.target = parse_target("x86-64-linux-fma4-avx512_knl", nullptr).value(); // no CPU has both
    build(net);
    link();
    CommandResult result = shop_.try_run("./main 1");
    EXPECT_EQ(result.output, "this CPU lacks instructions the network was compiled for\n");
    EXPECT_EQ(result.code, 5);
}

// The kernel of tiny's second step, adding `times` times.
CompiledKernel adder(const Workshop &shop, int times, const std::string &compiler = CNNC_CC) {
    const std::string name = "cnnc_k_add" + std::to_string(times);
    shop.write("kernel.c", "__attribute__((weak, visibility(\"hidden\")))\n"
                           "int " +
                               name +
                               "(void *w, const float *x, const float *c, float *y) {\n"
                               "    for (int k = 0; k < 2; k++)\n"
                               "        y[k] = x[k] + " +
                               std::to_string(times) + " * c[k];\n    return 0;\n}\n");
    shop.run(compiler + " -w -O1 -fPIC -c kernel.c");
    return {name, shop.read("kernel.o"), 0, false};
}

constexpr char variant_source[] = R"(
#include "tiny.h"
#include <stdio.h>
int main(void) {
    tiny *net;
    const char *variant = tiny_variant();
    int error = tiny_create(NULL, &net);
    float x[3] = {1, 2, 3}, y[2] = {0, 0};
    if (!error)
        error = tiny_run(net, x, y);
    printf("%s %d %.1f\n", variant ? variant : "none", error, y[0]);
    tiny_destroy(net);
    return 0;
}
)";

// Builds tiny for the targets and runs it on CPUs of an emulator. The first output is
// 2 * (24 + 0.5 * the number of the variant that ran).
void check_choices(const std::string &compiler, const std::string &emulator, Tiny net,
                   const Workshop &shop, const std::vector<std::string> &targets,
                   const std::vector<std::pair<std::string, std::string>> &expected) {
    std::vector<CompiledKernel> adders;
    for (size_t i = 0; i < targets.size(); i++)
        adders.push_back(adder(shop, int(i), compiler));
    write_library(shop, "tiny", build_library(with_variants(net, targets, adders)));
    shop.write("variant.c", variant_source);
    shop.run(compiler + " -static variant.c libtiny.a -pthread -o variant");
    for (const auto &[cpu, output] : expected)
        EXPECT_EQ(shop.run(emulator + " -cpu " + cpu + " ./variant 2>/dev/null"), output) << cpu;
}

TEST_F(LibraryTest, EveryX86RunsItsVariant) {
    if (host_target().arch != Arch::x86 || run_command("command -v qemu-x86_64-static").code != 0)
        GTEST_SKIP() << "no x86, or no qemu-x86_64-static (package qemu-user-static)";
    check_choices(CNNC_CC, "qemu-x86_64-static", tiny(shop_, "tiny"), shop_,
                  {"avx512", "avx2", "sse41"},
                  {{"core2duo", "none 5 0.0\n"},
                   {"Nehalem", "sse41 0 50.0\n"},
                   {"Haswell", "avx2 0 49.0\n"},
                   {"max", "avx2 0 49.0\n"}}); // it emulates no AVX-512
}

TEST_F(LibraryTest, EveryArmRunsItsVariant) {
    const std::string compiler = "aarch64-linux-gnu-gcc", emulator = "qemu-aarch64-static";
    if (run_command("command -v " + compiler + " && command -v " + emulator).code != 0)
        GTEST_SKIP() << "no " << compiler << " or no " << emulator;
    Tiny net = tiny(shop_, "tiny");
    for (auto [kernel, source] : {std::pair(0, linear_source), std::pair(2, double_source)}) {
        shop_.write("kernel.c", source);
        shop_.run(compiler + " -w -O1 -fPIC -I" CNNC_SOURCE_DIR " -c kernel.c");
        net.compiled[size_t(kernel)].object = shop_.read("kernel.o");
    }
    check_choices(
        compiler, emulator, net, shop_, {"arm-64-linux-arm_dot_prod", "arm-64-linux"},
        {{"cortex-a53", "arm-64-linux 0 49.0\n"}, {"max", "arm-64-linux-arm_dot_prod 0 48.0\n"}});
}

TEST_F(LibraryTest, VariantsShareEqualWeightsAndAreInTheManifest) {
    Tiny net = tiny(shop_, "tiny");
    const std::vector<CompiledKernel> adders = {adder(shop_, 0), adder(shop_, 1)};
    const LibraryRequest request = with_variants(net, {"avx2", "sse41"}, adders);
    const Library library = build_library(request);
    EXPECT_EQ(library.weights_bytes, build_library(net.request()).weights_bytes);
    auto json = nlohmann::json::parse(library.manifest);
    ASSERT_EQ(json["variants"].size(), 2u);
    EXPECT_EQ(json["target"], target_text(request.variants[0].target));
    EXPECT_EQ(json["variants"][1]["name"], "sse41");
    EXPECT_EQ(json["variants"][1]["target"], "x86-64-linux-sse41");
    EXPECT_EQ(json["variants"][1]["steps"][1]["kernel"], "cnnc_k_add1");
    EXPECT_EQ(library.objects.size(), 1u + 4u + 1u);
    EXPECT_NE(library.header.find(" * avx2 = x86-64-linux-avx-avx2-f16c-fma-sse41, or\n"
                                  " * sse41 = x86-64-linux-sse41.\n"),
              std::string::npos)
        << library.header;
}

TEST_F(LibraryTest, MemorySizeIsWhatTheLibrarySays) {
    Tiny net = tiny(shop_, "tiny");
    Library library = build_library(net.request());
    write_library(shop_, "tiny", library);
    shop_.write("size.c", "#include \"tiny.h\"\n#include <stdio.h>\n"
                          "int main(void) { printf(\"%zu\", tiny_memory_size()); return 0; }\n");
    shop_.run(cc_ + "size.c libtiny.a -o size");
    EXPECT_EQ(shop_.run("./size"), std::to_string(library.memory_bytes));
    EXPECT_GT(library.memory_bytes, 128 + 128); // arena and scratch, rounded
    EXPECT_LT(library.memory_bytes, 4096);
}

TEST_F(LibraryTest, ManifestTellsWhatIsInside) {
    Tiny net = tiny(shop_, "tiny");
    auto json = nlohmann::json::parse(build_library(net.request()).manifest);
    EXPECT_EQ(json["network"], "tiny");
    EXPECT_EQ(json["target"], target_text(net.target));
    EXPECT_EQ(json["inputs"][0]["name"], "x");
    EXPECT_EQ(json["inputs"][0]["shape"], (Shape{1, 3}));
    EXPECT_EQ(json["outputs"][0]["bytes"], 8);
    EXPECT_EQ(json["weights"]["bytes"], 3 * 64);
    EXPECT_TRUE(json["weights"]["file"].is_null());
    ASSERT_EQ(json["steps"].size(), 3u);
    EXPECT_EQ(json["steps"][0]["schedule"], "gemm(tile_n=2)");
    EXPECT_EQ(json["steps"][1]["origin"], "override");
    EXPECT_EQ(json["steps"][2]["kernel"], "cnnc_k_double");
    EXPECT_EQ(json["kernels"].size(), 3u);
}

TEST_F(LibraryTest, RepeatedKernelsAreStoredOnce) {
    Tiny net = tiny(shop_, "tiny");
    // The constant is added twice: the second time in place of doubling.
    net.kernels.kernels[2] = tiny_kernel("again", Unary{}, 2, {{3, 2}, {2, 0}}, {4, 0});
    net.compiled[2] = net.compiled[1];
    build(net);
    link();
    EXPECT_EQ(shop_.run("./main"), "25.0 52.5\n");
    EXPECT_EQ(shop_.run("ar t libtiny.a | grep -c cnnc_k_"), "2\n");
}

TEST_F(LibraryTest, IsFoundByCMakeAndPkgConfig) {
    build(tiny(shop_, "tiny"));
    shop_.write("user/main.c", main_source);
    shop_.write("user/CMakeLists.txt", "cmake_minimum_required(VERSION 3.22)\n"
                                       "project(user C)\n"
                                       "find_package(tiny REQUIRED)\n"
                                       "find_package(tiny REQUIRED)\n"
                                       "add_executable(main main.c)\n"
                                       "target_link_libraries(main PRIVATE tiny::tiny)\n");
    shop_.run("mkdir moved && mv libtiny.a tiny.h tiny.pc tiny-config.cmake moved");
    shop_.run("cmake -S user -B user/build -Dtiny_DIR=$PWD/moved && cmake --build user/build");
    EXPECT_EQ(shop_.run("user/build/main 2"), expected);
    if (run_command("pkg-config --version").code != 0)
        GTEST_SKIP() << "no pkg-config";
    shop_.run(cc_ + "main.c -o main $(PKG_CONFIG_PATH=moved pkg-config --cflags --libs tiny)");
    EXPECT_EQ(shop_.run("./main 2"), expected);
}

TEST_F(LibraryTest, EveryTargetGetsADriver) {
    Tiny net = tiny(shop_, "tiny");
    for (const KnownTarget &known : known_targets()) {
        net.target = parse_target(known.name, nullptr).value();
        Library library = build_library(net.request());
        EXPECT_GT(library.memory_bytes, 0) << known.name;
        shop_.write("driver.o", library.objects[0].bytes);
        std::string symbols = shop_.run("readelf -W -s driver.o");
        for (const char *function : {"tiny_create", "tiny_run", "tiny_run_arrays", "tiny_destroy",
                                     "tiny_error_message", "tiny_memory_size"})
            EXPECT_NE(symbols.find(function), std::string::npos) << known.name << function;
    }
}

TEST(CrossLibrary, RunsInAnEmulator) {
    struct Platform {
        const char *target, *compiler, *emulator;
    };
    int tried = 0;
    for (Platform platform :
         {Platform{"arm64", "aarch64-linux-gnu-gcc", "qemu-aarch64-static"},
          Platform{"arm32", "arm-linux-gnueabihf-gcc", "qemu-arm-static"},
          Platform{"riscv64", "riscv64-linux-gnu-gcc", "qemu-riscv64-static"}}) {
        std::string cc = platform.compiler, emulator = platform.emulator;
        if (run_command("command -v " + cc + " && command -v " + emulator).code != 0)
            continue;
        tried++;
        Workshop shop;
        Tiny net = tiny(shop, "tiny");
        net.target = parse_target(platform.target, nullptr).value();
        const char *sources[] = {linear_source, add_source, double_source};
        for (size_t i = 0; i < 3; i++) {
            shop.write("kernel.c", sources[i]);
            shop.run(cc + " -w -O1 -fPIC -I" CNNC_SOURCE_DIR " -c kernel.c");
            net.compiled[i].object = shop.read("kernel.o");
        }
        write_library(shop, "tiny", build_library(net.request()));
        shop.write("main.c", main_source);
        shop.run(cc + " -static main.c libtiny.a -lm -pthread -o main");
        for (const char *threads : {" ./main 1", " ./main 3"})
            EXPECT_EQ(shop.run(emulator + threads), expected) << platform.target;
    }
    if (tried == 0)
        GTEST_SKIP() << "no cross compiler with its emulator is installed";
}

TEST(PackedWeightsTest, EqualTensorsAreStoredOnce) {
    Workshop shop;
    Tiny net = tiny(shop, "tiny", 0.5f);
    net.kernels.kernels[0].bias = TensorData::from_floats({2}, {0.5f, 0.25f}); // as the constant
    PackedWeights weights = pack_weights(net.request());
    EXPECT_EQ(weights.size(), 128u);
    EXPECT_EQ(weights.variants[0][0].bias, weights.buffers[2]);
    EXPECT_NE(weights.variants[0][0].weight, weights.variants[0][0].bias);
    EXPECT_EQ(weights.variants[0][1].weight, -1);
    EXPECT_EQ(weights.buffers[0], -1);
    EXPECT_EQ(weights.variants[0][0].bias % 64, 0);
}

TEST(PackedWeightsTest, IdentityChangesWithContentsAndPlaces) {
    Workshop shop;
    Tiny net = tiny(shop, "tiny");
    std::set<uint64_t> identities = {pack_weights(net.request()).identity};
    EXPECT_FALSE(identities.insert(pack_weights(net.request()).identity).second);
    net.kernels.kernels[0].bias = TensorData::from_floats({2}, {10, 21});
    EXPECT_TRUE(identities.insert(pack_weights(net.request()).identity).second);
    net.compiled[0].symbol = "cnnc_k_other";
    EXPECT_TRUE(identities.insert(pack_weights(net.request()).identity).second);
}

TEST(PackedWeightsTest, TooManyToLinkAreRefused) {
    Workshop shop;
    Tiny net = tiny(shop, "tiny");
    // 2^29 floats: refused before anything is read or allocated.
    net.kernels.buffers[2].data.type.shape = {int64_t(1) << 29};
    try {
        pack_weights(net.request());
        ADD_FAILURE() << "packed";
    } catch (const LibraryError &error) {
        EXPECT_NE(error.message.find("--weights-file"), std::string::npos) << error.message;
    }
    net.target = parse_target("arm32", nullptr).value();
    net.weights_file = true;
    EXPECT_THROW(pack_weights(net.request()), LibraryError);
}

} // namespace
} // namespace cnnc
