// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// cnnc import: an ONNX model as NAME.cnn and NAME.safetensors.
#include "compiler/driver/command_line.h"
#include "compiler/driver/commands.h"
#include "compiler/driver/files.h"
#include "compiler/driver/network.h"
#include "compiler/import/npy.h"
#include "compiler/onnx/import.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <memory>
#include <ostream>

namespace cnnc {
namespace {

struct Options {
    std::string model, dir, name;
    std::optional<int64_t> batch;
    std::vector<std::string> shapes;    // NAME=1x3x224x224
    std::vector<std::string> constants; // NAME=FILE.npy
    bool flat = false;
};

[[noreturn]] void refuse_shape(const std::string &text) {
    throw Failure{
        exit_bad_command_line,
        fmt::format("--shape takes NAME=EXTENTS, as in image=1x3x224x224, not `{}`", text)};
}

// "1x3x224x224"; of an extent at most the 12 digits that max_elements has are read.
Shape parse_shape(const std::string &extents, const std::string &option) {
    Shape shape = {0};
    int digits = 0;
    for (const char c : extents) {
        if (c >= '0' && c <= '9' && ++digits <= 12) {
            shape.back() = 10 * shape.back() + (c - '0');
        } else if (c == 'x' && digits > 0) {
            shape.push_back(0);
            digits = 0;
        } else {
            refuse_shape(option);
        }
    }
    if (digits == 0 || !checked_elements(shape) || element_count(shape) == 0)
        refuse_shape(option);
    return shape;
}

TensorData read_constant(const std::string &path, Console &console) {
    Diagnostics diags;
    const auto data = read_npy(path, diags);
    conclude(diags, console);
    return *data;
}

OnnxImportOptions import_options(const Options &options, Console &console) {
    OnnxImportOptions result;
    result.name = options.name;
    result.batch = options.batch;
    result.flat = options.flat;
    const auto add = [](auto &map, const char *option, const std::string &name, auto value) {
        if (!map.emplace(name, std::move(value)).second)
            throw Failure{exit_bad_command_line,
                          fmt::format("{} for `{}` is given twice", option, name)};
    };
    for (const std::string &text : options.shapes) {
        const auto [name, extents] = split_assignment(text, "--shape", "NAME=1x3x224x224");
        add(result.shapes, "--shape", name, parse_shape(extents, text));
    }
    for (const std::string &text : options.constants) {
        const auto [name, path] = split_assignment(text, "--constant", "NAME=FILE.npy");
        add(result.constants, "--constant", name, read_constant(path, console));
    }
    return result;
}

int import(const Options &options, Console &console) {
    const OnnxImportOptions import_with = import_options(options, console);
    Diagnostics diags;
    const auto model = import_model(options.model, import_with, diags);
    conclude(diags, console);
    if (!model)
        throw Failure{exit_bug, "the model could not be imported, and nobody said why"};
    const std::string &name = model->graph.name;
    const std::string weights = safetensors_bytes(model->weights);
    std::vector<OutputFile> files = {{name + ".cnn", model->text}};
    if (!model->weights.empty())
        files.push_back({name + ".safetensors", weights});
    write_files(options.dir, files);
    for (const OutputFile &file : files)
        console.err << fmt::format("{}/{}: {}\n", options.dir, file.name,
                                   bytes_text(int64_t(file.bytes.size())));
    return exit_ok;
}

} // namespace

void add_import_command(CLI::App &app, Action &action) {
    auto options = std::make_shared<Options>();
    CLI::App *command =
        app.add_subcommand("import", "Turn an ONNX model into a .cnn file and its weights");
    command->add_option("MODEL", options->model, "The model, a .onnx file")
        ->required()
        ->type_name("");
    command->add_option("-o,--output", options->dir, "Folder for the files, made if need be")
        ->required()
        ->type_name("DIR");
    command->add_option("--name", options->name, "What to call the network and its files")
        ->type_name("NAME");
    command
        ->add_option("--batch", options->batch,
                     "First extent of inputs that leave it open; without it 1")
        ->type_name("B")
        ->check(whole_number(1, 1 << 20));
    add_repeatable(*command, "--shape", options->shapes,
                   "The shape of an input, in place of the model's", "NAME=1x3x224x224");
    add_repeatable(*command, "--constant", options->constants, "Make an input a constant",
                   "NAME=FILE.npy");
    command->add_flag("--flat", options->flat, "Write neither blocks nor loops");
    command->callback([options, &action] {
        action = [options](Console &console) { return import(*options, console); };
    });
}

} // namespace cnnc
