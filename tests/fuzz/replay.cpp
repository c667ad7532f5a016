// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Runs a fuzz target over the files of a seed corpus, and over each of them cut short and with
// single bytes changed: what an ordinary build can check without libFuzzer.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

namespace {

void run(const std::string &bytes) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
}

// Every prefix and every changed byte of a short file, some of a long one's.
void run_neighbours(const std::string &bytes) {
    constexpr size_t tries = 500;
    size_t step = bytes.size() / tries + 1;
    for (size_t i = 0; i < bytes.size(); i += step) {
        run(bytes.substr(0, i));
        for (char change : {'\x01', '\x10', '\x80', '\xff'}) {
            std::string other = bytes;
            other[i] = char(other[i] ^ change);
            run(other);
        }
    }
}

} // namespace

int main(int argc, char **argv) {
    size_t files = 0;
    for (int i = 1; i < argc; ++i) {
        for (const auto &entry : std::filesystem::directory_iterator(argv[i])) {
            std::ifstream file(entry.path(), std::ios::binary);
            std::string bytes((std::istreambuf_iterator<char>(file)), {});
            std::printf("%s\n", entry.path().c_str());
            std::fflush(stdout); // the last line names the culprit of a crash
            run(bytes);
            run_neighbours(bytes);
            ++files;
        }
    }
    std::printf("%zu files\n", files);
    return files > 0 ? 0 : 1; // a corpus that is not found must not pass
}
