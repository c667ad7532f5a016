// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Inputs: what the model says, and what the user adds.
#include "compiler/onnx/model_inputs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_set>

namespace cnnc {
namespace {

using Dimension = pb::TensorShapeProto::Dimension;

// Older files list initializers among the inputs too.
std::vector<const pb::ValueInfoProto *> true_inputs(const pb::GraphProto &graph) {
    std::unordered_set<std::string> initializers;
    for (const pb::TensorProto &tensor : graph.initializer())
        initializers.insert(tensor.name());
    std::vector<const pb::ValueInfoProto *> inputs;
    for (const pb::ValueInfoProto &input : graph.input()) {
        if (!initializers.count(input.name()))
            inputs.push_back(&input);
    }
    return inputs;
}

bool is_open(const Dimension &dim) {
    return !dim.has_dim_value() || dim.dim_value() < 1;
}

std::string dimension_text(const Dimension &dim) {
    if (!is_open(dim))
        return std::to_string(dim.dim_value());
    return dim.dim_param().empty() ? "?" : brief(dim.dim_param());
}

std::string shape_text(const pb::TensorShapeProto &shape) {
    std::vector<std::string> extents;
    for (const Dimension &dim : shape.dim()) {
        if (extents.size() == max_onnx_rank)
            break;
        extents.push_back(dimension_text(dim));
    }
    return fmt::format("[{}]", fmt::join(extents, ", "));
}

class InputReader {
  public:
    InputReader(ImportState &state, const pb::GraphProto &graph, const OnnxImportOptions &options)
        : state_(state), diags_(state.diags), options_(options), inputs_(true_inputs(graph)) {}

    bool read(Scope &scope) {
        size_t errors = diags_.error_count();
        check_names();
        learn_names();
        check_batch();
        for (const pb::ValueInfoProto *input : inputs_) {
            if (diags_.full())
                break;
            Result value = read_input(*input);
            if (!scope.values.emplace(input->name(), std::move(value)).second)
                diags_.report<diag::onnx_two_values>({}, brief(input->name()));
        }
        return diags_.error_count() == errors;
    }

  private:
    void check_names() {
        for (const auto &[name, shape] : options_.shapes)
            check_name(name);
        for (const auto &[name, data] : options_.constants)
            check_name(name);
    }

    void check_name(const std::string &name) {
        std::vector<std::string> names;
        for (const pb::ValueInfoProto *input : inputs_) {
            if (input->name() == name)
                return;
            if (names.size() < 20)
                names.push_back("`" + brief(input->name()) + "`");
        }
        DiagnosticBuilder report = diags_.report<diag::onnx_no_such_input>({}, brief(name));
        report.note<diag::onnx_inputs>({}, fmt::format("{}", fmt::join(names, ", ")));
    }

    const pb::TensorShapeProto *shape_of(const pb::ValueInfoProto &input) const {
        bool has = input.type().has_tensor_type() && input.type().tensor_type().has_shape();
        return has ? &input.type().tensor_type().shape() : nullptr;
    }

    const Shape *chosen_shape(const std::string &name) const {
        auto shape = options_.shapes.find(name);
        return shape == options_.shapes.end() ? nullptr : &shape->second;
    }

    // An open extent with a name is the same wherever the name is.
    void learn_names() {
        for (const pb::ValueInfoProto *input : inputs_) {
            const Shape *chosen = chosen_shape(input->name());
            const pb::TensorShapeProto *shape = shape_of(*input);
            for (int d = 0; chosen && shape && d < shape->dim_size(); ++d) {
                const Dimension &dim = shape->dim(d);
                if (is_open(dim) && !dim.dim_param().empty() && size_t(d) < chosen->size())
                    named_.emplace(dim.dim_param(), (*chosen)[size_t(d)]);
            }
        }
    }

    // A batch that no input leaves open cannot be chosen.
    void check_batch() {
        if (!options_.batch)
            return;
        if (*options_.batch < 1)
            diags_.report<diag::onnx_batch_range>({}, *options_.batch);
        const Dimension *fixed = nullptr;
        for (const pb::ValueInfoProto *input : inputs_) {
            const pb::TensorShapeProto *shape = shape_of(*input);
            if (!shape || shape->dim_size() == 0 || chosen_shape(input->name()))
                continue;
            if (is_open(shape->dim(0)))
                return;
            if (!fixed)
                fixed = &shape->dim(0);
        }
        if (fixed && fixed->dim_value() != *options_.batch)
            diags_.report<diag::onnx_batch>({}, fixed->dim_value(), *options_.batch)
                .help("`--shape NAME=...` gives an input another shape than the model's");
    }

    Result read_input(const pb::ValueInfoProto &input) {
        auto constant = options_.constants.find(input.name());
        if (constant != options_.constants.end())
            return read_constant(input.name(), constant->second);
        std::string name = brief(input.name());
        if (!input.type().has_tensor_type()) {
            diags_.report<diag::onnx_input_kind>({}, name);
            return std::nullopt;
        }
        OnnxType type = onnx_type_of(input.type().tensor_type().elem_type());
        bool widened = type.computed && type.number != 10 && type.number != 11 &&
                       type.number != 16 && type.name != dtype_name(*type.computed);
        if (!type.computed || widened) {
            diags_.report<diag::onnx_element_type>({}, name, type.name);
            return std::nullopt;
        }
        std::optional<Shape> shape = read_shape(input, name);
        if (!shape)
            return std::nullopt;
        if (type.name != dtype_name(*type.computed))
            diags_.report<diag::onnx_input_as_f32>({}, name, type.name);
        return add(input.name(), {*type.computed, *shape});
    }

    Result read_constant(const std::string &name, const TensorData &data) {
        if (!has_sound_extents(data.type.shape)) {
            diags_.report<diag::onnx_tensor_extents>({}, brief(name),
                                                     cnnc::shape_text(data.type.shape));
            return std::nullopt;
        }
        return known_tensor(computed_form(data), name);
    }

    std::optional<Shape> read_shape(const pb::ValueInfoProto &input, const std::string &name) {
        const pb::TensorShapeProto *stated = shape_of(input);
        if (const Shape *chosen = chosen_shape(input.name())) {
            if (stated && size_t(stated->dim_size()) != chosen->size()) {
                diags_.report<diag::onnx_input_rank>({}, name, shape_text(*stated),
                                                     cnnc::shape_text(*chosen));
                return std::nullopt;
            }
            return *chosen;
        }
        if (!stated) {
            diags_.report<diag::onnx_input_no_shape>({}, name).help(
                fmt::format("state it: `--shape {}=...`", name));
            return std::nullopt;
        }
        if (size_t(stated->dim_size()) > max_onnx_rank) {
            diags_.report<diag::onnx_too_many_dims>({}, name, size_t(stated->dim_size()),
                                                    max_onnx_rank);
            return std::nullopt;
        }
        return fill_in(*stated, name);
    }

    std::optional<Shape> fill_in(const pb::TensorShapeProto &stated, const std::string &name) {
        Shape shape;
        for (int d = 0; d < stated.dim_size(); ++d) {
            const Dimension &dim = stated.dim(d);
            auto named = named_.find(dim.dim_param());
            if (!is_open(dim)) {
                shape.push_back(dim.dim_value());
            } else if (named != named_.end()) {
                shape.push_back(named->second);
            } else if (d == 0) {
                shape.push_back(options_.batch.value_or(1));
            } else {
                diags_.report<diag::onnx_input_open>({}, size_t(d), name, shape_text(stated))
                    .help(fmt::format("state the shape: `--shape {}={}`", name, example(stated)));
                return std::nullopt;
            }
        }
        return shape;
    }

    // 1x3xHxW
    std::string example(const pb::TensorShapeProto &stated) const {
        std::vector<std::string> extents;
        for (const Dimension &dim : stated.dim()) {
            bool batch = extents.empty() && is_open(dim);
            extents.push_back(batch ? std::to_string(options_.batch.value_or(1))
                              : dimension_text(dim) == "?" ? "N"
                                                           : dimension_text(dim));
        }
        return fmt::format("{}", fmt::join(extents, "x"));
    }

    Result add(const std::string &name, TensorType type) {
        if (!has_sound_extents(type.shape)) {
            diags_.report<diag::onnx_tensor_extents>({}, brief(name), cnnc::shape_text(type.shape));
            return std::nullopt;
        }
        if (!check_type(type, {}, diags_))
            return std::nullopt;
        // `input` is a keyword; what it most often is has a better name.
        bool image = type.shape.size() == 4 && (type.shape[1] == 1 || type.shape[1] == 3 ||
                                                type.shape[3] == 1 || type.shape[3] == 3);
        std::string_view fallback = image ? "image" : "x";
        std::string identifier = as_identifier(name == "input" ? "" : name, fallback);
        NetworkBuilder &builder = state_.builder;
        return builder.add_input(builder.names().unique(identifier), std::move(type));
    }

    ImportState &state_;
    Diagnostics &diags_;
    const OnnxImportOptions &options_;
    std::vector<const pb::ValueInfoProto *> inputs_;
    std::unordered_map<std::string, int64_t> named_;
};

} // namespace

bool import_inputs(ImportState &state, Scope &scope, const pb::GraphProto &graph,
                   const OnnxImportOptions &options) {
    return InputReader(state, graph, options).read(scope);
}

} // namespace cnnc
