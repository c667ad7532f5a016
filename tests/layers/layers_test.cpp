// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Holds every #include of the product's folders against the layer table of docs/architecture.md,
// and every file's first line against the licence's.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Strings = std::vector<std::string_view>;

constexpr std::string_view licence = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception";

struct Room {
    std::string_view folder;
    Strings may_include; // beside itself, and what these may include
    Strings libraries;   // outside ones, named below
};

// Lower layers first. Whoever changes this changes docs/architecture.md as well.
const std::vector<Room> rooms = {
    {"runtime", {}, {"HalideRuntime"}},
    {"dsl", {}, {"fmt"}},
    {"compiler/graph", {"dsl"}, {"fmt"}},
    {"compiler/target", {}, {"fmt"}},
    {"compiler/sema", {"dsl", "compiler/graph"}, {"fmt"}},
    {"compiler/reference", {"compiler/graph"}, {"fmt"}},
    {"compiler/import", {"compiler/graph"}, {"fmt", "json", "png", "jpeg"}},
    {"compiler/onnx", {"compiler/import", "compiler/reference"}, {"fmt", "onnx"}},
    {"compiler/passes", {"compiler/graph", "compiler/target", "compiler/reference"}, {"fmt"}},
    {"compiler/plan", {"compiler/graph"}, {"fmt"}},
    {"schedules", {"compiler/graph", "compiler/target", "dsl"}, {"fmt"}},
    {"compiler/lower", {"compiler/graph", "schedules"}, {"fmt", "Halide"}},
    {"compiler/codegen",
     {"compiler/lower", "compiler/plan", "runtime"},
     {"fmt", "json", "Halide", "HalideRuntime", "llvm"}},
    {"compiler/execute", {"compiler/codegen"}, {"fmt"}},
    {"compiler/tune", {"schedules", "compiler/execute", "compiler/reference"}, {"fmt"}},
    {"compiler/driver",
     {"compiler/sema", "compiler/onnx", "compiler/passes", "compiler/codegen", "compiler/tune"},
     {"fmt", "json", "CLI11"}},
};

// Schedules know the values that describe work, not graphs.
const Strings graph_headers_for_schedules = {"compiler/graph/workload.h",
                                             "compiler/graph/tensor.h"};

struct Library {
    std::string_view name;
    Strings headers; // one ending in / stands for the folder
};
const std::vector<Library> libraries = {
    {"fmt", {"fmt/"}},
    {"json", {"nlohmann/"}},
    {"png", {"png.h"}},
    {"jpeg", {"jpeglib.h", "jerror.h"}},
    {"onnx", {"onnx/", "google/protobuf/"}},
    {"Halide", {"Halide.h"}},
    {"HalideRuntime", {"HalideRuntime.h"}},
    {"llvm", {"llvm/", "llvm-c/", "lld/"}},
    {"sqlite", {"sqlite3.h"}},
    {"CLI11", {"CLI/"}},
};

bool starts_with(std::string_view text, std::string_view start) {
    return text.substr(0, start.size()) == start;
}

bool contains(const Strings &list, std::string_view text) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

const Room *room_of(std::string_view path) {
    for (const Room &room : rooms) {
        if (starts_with(path, room.folder) && path.substr(room.folder.size(), 1) == "/")
            return &room;
    }
    return nullptr;
}

bool may_include(const Room &room, std::string_view folder) {
    if (room.folder == folder)
        return true;
    return std::any_of(room.may_include.begin(), room.may_include.end(), [&](auto lower) {
        return may_include(*room_of(std::string(lower) + "/"), folder);
    });
}

// What is wrong with #include "header" or <header> in a file of `room`; "" if nothing.
std::string problem_with_own(const Room &room, std::string_view header) {
    const Room *other = room_of(header);
    if (!other)
        return "is not a path from the root to a folder of the table";
    if (!may_include(room, other->folder))
        return "is in a folder that this one may not include";
    bool graph = other->folder == "compiler/graph";
    if (room.folder == "schedules" && graph && !contains(graph_headers_for_schedules, header))
        return "tells schedules more of graphs than they may know";
    return "";
}

std::string problem_with_outside(const Room &room, std::string_view header) {
    for (const Library &library : libraries) {
        for (std::string_view known : library.headers) {
            bool is_folder = known.back() == '/';
            if (is_folder ? starts_with(header, known) : header == known)
                return contains(room.libraries, library.name)
                           ? ""
                           : "is of a library that this folder may not use";
        }
    }
    // The rest is C's, C++'s or the system's: no folder but sys/ and the like.
    bool has_folder = header.find('/') != header.npos;
    bool system = starts_with(header, "sys/") || starts_with(header, "linux/");
    return has_folder && !system ? "is of a library that is not in the table" : "";
}

// "LINE: #include ... is ..." for each include of the text that breaks a rule.
std::vector<std::string> problems(const Room &room, const std::string &text) {
    std::vector<std::string> found;
    std::istringstream lines(text);
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
        size_t hash = line.find_first_not_of(" \t");
        if (hash == line.npos || line[hash] != '#')
            continue;
        size_t word = line.find_first_not_of(" \t", hash + 1);
        if (word == line.npos || line.compare(word, 7, "include") != 0)
            continue;
        size_t begin = line.find_first_of("<\"", word);
        size_t end = begin == line.npos ? begin : line.find_first_of(">\"", begin + 1);
        std::string problem = "names no header";
        if (end != line.npos) {
            std::string header = line.substr(begin + 1, end - begin - 1);
            problem = line[begin] == '"' ? problem_with_own(room, header)
                                         : problem_with_outside(room, header);
        }
        if (!problem.empty())
            found.push_back(std::to_string(number) + ": " + line + " " + problem);
    }
    return found;
}

bool is_source(const fs::path &path) {
    std::string extension = path.extension().string();
    return contains({".h", ".cpp", ".c", ".inc", ".def", ".cmake", ".S", ".ll"}, extension) ||
           path.filename() == "CMakeLists.txt";
}

std::vector<fs::path> sources_under(const std::string &folder) {
    std::vector<fs::path> files;
    fs::path root = fs::path(CNNC_SOURCE_DIR) / folder;
    if (!fs::exists(root))
        return files;
    for (const auto &entry : fs::recursive_directory_iterator(root)) {
        if (entry.is_regular_file() && is_source(entry.path()))
            files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

std::string contents(const fs::path &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string from_root(const fs::path &path) {
    return fs::relative(path, CNNC_SOURCE_DIR).generic_string();
}

const Room &room(std::string_view folder) {
    return *room_of(std::string(folder) + "/");
}

TEST(Layers, IncludesFollowTheTable) {
    size_t files = 0;
    for (const char *folder : {"dsl", "compiler", "schedules", "runtime"}) {
        for (const fs::path &path : sources_under(folder)) {
            if (path.filename() == "CMakeLists.txt")
                continue;
            ++files;
            const Room *its_room = room_of(from_root(path));
            ASSERT_NE(its_room, nullptr) << from_root(path) << " is in no folder of the table";
            for (const std::string &problem : problems(*its_room, contents(path)))
                ADD_FAILURE() << from_root(path) << ":" << problem;
        }
    }
    EXPECT_GT(files, 50u);
}

TEST(Layers, FilesOpenWithTheLicence) {
    for (const char *folder : {"dsl", "compiler", "schedules", "runtime", "tests", "cmake"}) {
        for (const fs::path &path : sources_under(folder)) {
            std::string text = contents(path);
            std::string first = text.substr(0, text.find('\n'));
            std::string mark = path.extension() == ".ll" ? "; " : "// ";
            if (path.extension() == ".cmake" || path.filename() == "CMakeLists.txt")
                mark = "# ";
            EXPECT_EQ(first, mark + std::string(licence)) << from_root(path);
        }
    }
}

TEST(Layers, LowerRoomsComeFirstInTheTable) {
    for (size_t i = 0; i < rooms.size(); ++i) {
        for (std::string_view lower : rooms[i].may_include) {
            const Room *other = room_of(std::string(lower) + "/");
            ASSERT_NE(other, nullptr) << lower;
            EXPECT_LT(other, &rooms[i]) << rooms[i].folder << " includes " << lower;
        }
    }
}

// The checks themselves, on text that breaks each rule.
TEST(Layers, FindsWhatBreaksTheTable) {
    auto count = [](std::string_view folder, const std::string &line) {
        return problems(room(folder), "// first\n" + line + "\n").size();
    };
    EXPECT_EQ(count("compiler/sema", "#include \"dsl/source.h\""), 0u);
    EXPECT_EQ(count("compiler/lower", "#include \"dsl/source.h\""), 0u); // through the graph
    EXPECT_EQ(count("dsl", "#include \"compiler/graph/graph.h\""), 1u);
    EXPECT_EQ(count("compiler/plan", "#include \"compiler/passes/passes.h\""), 1u);
    EXPECT_EQ(count("compiler/codegen", "#include \"compiler/passes/passes.h\""), 1u);
    EXPECT_EQ(count("runtime", " # include \"compiler/graph/graph.h\""), 1u);
    EXPECT_EQ(count("dsl", "#include \"source.h\""), 1u);
    EXPECT_EQ(count("dsl", "#include \"dslx/source.h\""), 1u);
    EXPECT_EQ(count("schedules", "#include \"compiler/graph/workload.h\""), 0u);
    EXPECT_EQ(count("schedules", "#include \"compiler/graph/graph.h\""), 1u);
    EXPECT_EQ(count("compiler/lower", "#include <Halide.h>"), 0u);
    EXPECT_EQ(count("compiler/lower", "#include <llvm/IR/Module.h>"), 1u);
    EXPECT_EQ(count("compiler/driver", "#include <Halide.h>"), 1u);
    EXPECT_EQ(count("schedules", "#include <Halide.h>"), 1u);
    EXPECT_EQ(count("runtime", "#include <fmt/format.h>"), 1u);
    EXPECT_EQ(count("runtime", "#include <sys/mman.h>"), 0u);
    EXPECT_EQ(count("dsl", "#include <vector>"), 0u);
    EXPECT_EQ(count("dsl", "#include <boost/any.hpp>"), 1u);
    EXPECT_EQ(count("dsl", "#include HEADER"), 1u);
}

} // namespace
