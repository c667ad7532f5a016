// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Whole commands by golden cases (tests/golden/command): files, commands on them, and every word
// and exit code that comes back.
//
// Sections: `file NAME`, `array NAME.npy EXTENTS...` (numbers, f32), and `command ARGS...`, run in
// order in a folder that holds the files and `examples`. The pseudo-command `show NAME` prints a
// file.
#include "compiler/driver/driver.h"
#include "compiler/graph/tensor.h"
#include "compiler/import/npy.h"
#include "tests/golden_runner.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace cnnc {
namespace {

namespace fs = std::filesystem;

// A fresh current folder.
class WorkingFolder {
  public:
    WorkingFolder() {
        std::string name = fs::temp_directory_path() / "cnnc-command-XXXXXX";
        folder_ = mkdtemp(name.data());
        before_ = fs::current_path();
        fs::current_path(folder_);
        fs::create_directory_symlink(fs::path(CNNC_SOURCE_DIR) / "examples", "examples");
    }
    ~WorkingFolder() {
        fs::current_path(before_);
        fs::remove_all(folder_);
    }

  private:
    fs::path folder_, before_;
};

// Words between blanks; double quotes hold some together.
std::vector<std::string> split(const std::string &text) {
    std::vector<std::string> words;
    bool quoted = false, inside = false;
    for (const char c : text) {
        if (c == ' ' && !quoted) {
            inside = false;
            continue;
        }
        if (!inside)
            words.emplace_back();
        inside = true;
        if (c == '"')
            quoted = !quoted;
        else
            words.back() += c;
    }
    return words;
}

void write_array(const testing::GoldenSection &section) {
    const std::vector<std::string> words = split(section.argument);
    Shape shape;
    for (size_t i = 1; i < words.size(); ++i)
        shape.push_back(std::stoll(words[i]));
    std::istringstream text(section.text);
    std::vector<float> values;
    for (float value; text >> value;)
        values.push_back(value);
    Diagnostics diags;
    ASSERT_TRUE(write_npy(words[0], TensorData::from_floats(shape, values), diags));
}

std::string contents(const std::string &path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string run_command(const std::string &line) {
    const std::vector<std::string> args = split(line);
    std::string text = fmt::format("$ cnnc {}\n", line);
    if (!args.empty() && args[0] == "show")
        return text + contents(args[1]);
    std::istringstream in;
    std::ostringstream out, err;
    Console console{in, out, err};
    const int code = cnnc_main(args, console);
    text += out.str();
    if (!err.str().empty())
        text += fmt::format("stderr:\n{}", err.str());
    return text + fmt::format("exit {}\n\n", code);
}

std::string run_case(const testing::GoldenCase &golden) {
    const WorkingFolder folder;
    std::string text;
    for (const testing::GoldenSection &section : golden.sections) {
        if (section.kind == "file")
            std::ofstream(section.argument) << section.text;
        else if (section.kind == "array")
            write_array(section);
        else if (section.kind == "command")
            text += run_command(section.argument);
        else
            ADD_FAILURE() << "unknown section " << section.kind;
    }
    return text;
}

} // namespace
} // namespace cnnc

int main(int argc, char **argv) {
    cnnc::testing::register_golden_cases("Command", CNNC_SOURCE_DIR "/tests/golden/command",
                                         cnnc::run_case);
    return cnnc::testing::golden_main(argc, argv);
}
