// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Models that are wrong, each with all that is said about it. Every diagnostic of the importer has
// a row here or in inputs_test.cpp.
#include "tests/onnx/model_builder.h"

#include "compiler/onnx/onnx_diagnostics.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

namespace cnnc {
namespace {

struct Row {
    const char *id; // of the diagnostic
    std::function<void(ModelBuilder &)> build;
    const char *expected;
    OnnxImportOptions options = {};
};

// A model with the input x, f32[1, 2, 4, 4], and the output y.
ModelBuilder base() {
    ModelBuilder model(18);
    return model.input("x", {1, 2, 4, 4}).output("y");
}

using Attributes = std::vector<Attribute>;
using Names = std::vector<std::string>;

// One node from x, and maybe more, to y.
std::function<void(ModelBuilder &)> node(const char *op, Attributes attributes = {},
                                         Names more = {}) {
    return [=](ModelBuilder &model) {
        Names inputs = {"x"};
        inputs.insert(inputs.end(), more.begin(), more.end());
        model.node(op, inputs, {"y"}, attributes, "n");
    };
}

// The same with an operand `w` of integers.
std::function<void(ModelBuilder &)> with_integers(const char *op, std::vector<int64_t> values,
                                                  Attributes attributes = {}) {
    return [=](ModelBuilder &model) {
        node(op, attributes, {"w"})(model);
        model.integers("w", {int64_t(values.size())}, values);
    };
}

pb::TensorProto &weight(ModelBuilder &model, int type) {
    node("Add", {}, {"w"})(model);
    pb::TensorProto &tensor = *model.graph().add_initializer();
    tensor.set_name("w");
    tensor.set_data_type(type);
    return tensor;
}

OnnxImportOptions with_batch(int64_t batch) {
    OnnxImportOptions options;
    options.batch = batch;
    return options;
}

OnnxImportOptions with_shape(const char *name, Shape shape) {
    OnnxImportOptions options;
    options.shapes[name] = std::move(shape);
    return options;
}

OnnxImportOptions with_name(const char *name) {
    OnnxImportOptions options;
    options.name = name;
    return options;
}

const std::vector<Row> &rows() {
    static const std::vector<Row> table = {
        // The model.
        {"onnx_no_graph", [](ModelBuilder &m) { m.model().clear_graph(); },
         "error: `net.onnx` has no graph\n"},
        {"onnx_no_opset", [](ModelBuilder &m) { m.model().clear_opset_import(); },
         "error: `net.onnx` does not say which version of ONNX's operators it uses\n"},
        {"onnx_opset", [](ModelBuilder &m) { m.model().mutable_opset_import(0)->set_version(99); },
         "error: `net.onnx` uses version 99 of ONNX's operators; 1 to 23 are known\n"},
        {"onnx_name", node("Relu"), "error: `a b` cannot be the name of a network\n",
         with_name("a b")},
        {"onnx_no_output", [](ModelBuilder &m) { m.graph().clear_output(); },
         "error: the graph of `net.onnx` has no output\n"},
        {"onnx_sparse",
         [](ModelBuilder &m) {
             node("Relu")(m);
             m.graph().add_sparse_initializer()->mutable_values()->set_name("w");
         },
         "error: sparse tensors are not supported: `w`\n"},
        // The graph.
        {"onnx_two_values",
         [](ModelBuilder &m) {
             node("Relu")(m);
             m.node("Abs", {"x"}, {"y"});
         },
         "error: two values are named `y`\n"},
        {"onnx_two_values",
         [](ModelBuilder &m) { m.integers("w", {}, {1}).integers("w", {}, {1}); },
         "error: two values are named `w`\n"
         "error: `y` is neither an input nor an initializer, and no node gives it\n"
         "note: it is an output of the graph\n"},
        {"onnx_two_values",
         [](ModelBuilder &m) {
             node("Relu")(m);
             m.input("x", {1});
         },
         "error: two values are named `x`\n"},
        {"onnx_missing_value", node("Add", {}, {"w"}),
         "error: `w` is neither an input nor an initializer, and no node gives it\n"
         "note: node `n` reads it\n"},
        {"onnx_missing_value", [](ModelBuilder &) {},
         "error: `y` is neither an input nor an initializer, and no node gives it\n"
         "note: it is an output of the graph\n"},
        {"onnx_cycle",
         [](ModelBuilder &m) {
             m.node("Relu", {"b"}, {"y"}, {}, "last").node("Add", {"x", "c"}, {"b"}, {}, "first");
             m.node("Abs", {"b"}, {"c"}, {}, "second");
         },
         "error: node `first` depends on its own result\n"},
        {"onnx_cycle",
         [](ModelBuilder &m) {
             m.node("Add", {"x", "y"}, {"y"});
         },
         "error: node `y` depends on its own result\n"},
        // Tensors.
        {"onnx_too_many_dims",
         [](ModelBuilder &m) {
             pb::TensorProto &tensor = weight(m, 1);
             for (int i = 0; i < 40; ++i)
                 tensor.add_dims(1);
         },
         "error: `w` has 40 dimensions, more than the 32 allowed\n"},
        {"onnx_element_type", [](ModelBuilder &m) { weight(m, 8); },
         "error: `w` has elements of type string, which cnnc does not compute with\n"},
        {"onnx_element_type", [](ModelBuilder &m) { weight(m, 77); },
         "error: `w` has elements of type unknown, which cnnc does not compute with\n"},
        {"onnx_tensor_extents",
         [](ModelBuilder &m) {
             pb::TensorProto &tensor = weight(m, 1);
             tensor.add_dims(int64_t(1) << 40);
             tensor.add_dims(2);
         },
         "error: `w` cannot have the extents [1099511627776, 2]\n"},
        {"onnx_tensor_extents", [](ModelBuilder &m) { weight(m, 1).add_dims(-1); },
         "error: `w` cannot have the extents [-1]\n"},
        {"onnx_tensor_extents",
         [](ModelBuilder &m) {
             pb::TensorProto &tensor = weight(m, 1);
             for (int64_t extent : {int64_t(0), int64_t(1) << 36, int64_t(1) << 36})
                 tensor.add_dims(extent);
         },
         "error: `w` cannot have the extents [0, 68719476736, 68719476736]\n"},
        {"onnx_tensor_size",
         [](ModelBuilder &m) {
             pb::TensorProto &tensor = weight(m, 1);
             tensor.add_dims(3);
             tensor.set_raw_data("1234");
         },
         "error: `w` is f32[3], which takes 12 bytes, but it has 4\n"},
        {"onnx_tensor_size",
         [](ModelBuilder &m) {
             pb::TensorProto &tensor = weight(m, 1);
             tensor.add_dims(int64_t(1) << 36);
             tensor.add_float_data(1);
         },
         "error: `w` is f32[68719476736], which takes 68719476736 elements, but it has 1\n"},
        // Inputs.
        {"onnx_input_kind",
         [](ModelBuilder &m) {
             node("Relu")(m);
             m.graph().mutable_input(0)->mutable_type()->mutable_sequence_type();
         },
         "error: input `x` is no tensor\n"},
        {"onnx_element_type",
         [](ModelBuilder &m) {
             node("Relu")(m);
             m.input("z", {1}, 12);
         },
         "error: `z` has elements of type u32, which cnnc does not compute with\n"},
        {"onnx_input_no_shape",
         [](ModelBuilder &m) {
             node("Relu")(m);
             m.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->clear_shape();
         },
         "error: the model leaves the shape of input `x` open\n"
         "help: state it: `--shape x=...`\n"},
        {"onnx_input_open",
         [](ModelBuilder &m) {
             node("Relu")(m);
             auto &dims = *m.graph()
                               .mutable_input(0)
                               ->mutable_type()
                               ->mutable_tensor_type()
                               ->mutable_shape()
                               ->mutable_dim();
             dims[0].clear_dim_value();
             dims[2].set_dim_param("height");
             dims[3].clear_dim_value();
         },
         "error: the model leaves extent 2 of input `x` open: [?, 2, height, ?]\n"
         "help: state the shape: `--shape x=1x2xheightxN`\n"},
        {"onnx_input_rank", node("Relu"),
         "error: input `x` is [1, 2, 4, 4] in the model, which cannot become [1, 2]\n",
         with_shape("x", {1, 2})},
        {"onnx_tensor_extents", node("Relu"),
         "error: `x` cannot have the extents [1, 1099511627776, 1099511627776, 1]\n",
         with_shape("x", {1, int64_t(1) << 40, int64_t(1) << 40, 1})},
        {"onnx_batch", node("Relu"),
         "error: the batch is 1 in the model, not 4: no input leaves it open\n"
         "help: `--shape NAME=...` gives an input another shape than the model's\n",
         with_batch(4)},
        {"onnx_batch_range", node("Relu"),
         "error: the batch should be at least 1, found 0\n"
         "error: the batch is 1 in the model, not 0: no input leaves it open\n"
         "help: `--shape NAME=...` gives an input another shape than the model's\n",
         with_batch(0)},
        {"onnx_no_such_input", node("Relu"),
         "error: the model has no input `z`\nnote: its inputs are `x`\n", with_shape("z", {1})},
        // Nodes.
        {"onnx_input_count", node("Relu", {}, {"x"}),
         "error: Relu takes 1 inputs, found 2\nnote: in node `n` (Relu)\n"},
        {"onnx_input_count", node("Clip", {}, {"x", "x", "x"}),
         "error: Clip takes 1 to 3 inputs, found 4\nnote: in node `n` (Clip)\n"},
        {"onnx_input_count", [](ModelBuilder &m) { m.node("Sum", {}, {"y"}); },
         "error: Sum takes 1 or more inputs, found 0\nnote: in node `y` (Sum)\n"},
        {"onnx_input_missing",
         [](ModelBuilder &m) {
             m.node("Add", {"", "x"}, {"y"});
         },
         "error: Add needs input 0\nnote: in node `y` (Add)\n"},
        {"onnx_input_missing", node("TopK"),
         "error: TopK needs input 1\nnote: in node `n` (TopK)\n"},
        {"onnx_attribute_missing", node("Concat"),
         "error: Concat needs the attribute `axis`\nnote: in node `n` (Concat)\n"},
        {"onnx_attribute_missing", node("MaxPool"),
         "error: MaxPool needs the attribute `kernel_shape`\nnote: in node `n` (MaxPool)\n"},
        {"onnx_attribute_kind", node("Concat", {{"axis", 1.0}}),
         "error: the attribute `axis` of Concat should be an integer\n"
         "note: in node `n` (Concat)\n"},
        {"onnx_attribute_kind", node("LeakyRelu", {{"alpha", "much"}}),
         "error: the attribute `alpha` of LeakyRelu should be a number\n"
         "note: in node `n` (LeakyRelu)\n"},
        {"onnx_attribute_length", node("MaxPool", {{"kernel_shape", {2, 2, 2}}}),
         "error: the attribute `kernel_shape` of MaxPool should have 2 entries, found 3\n"
         "note: in node `n` (MaxPool)\n"},
        {"onnx_attribute_value", node("MaxPool", {{"kernel_shape", {2, INT64_MAX}}}),
         "error: the attribute `kernel_shape` of MaxPool cannot be 9223372036854775807\n"
         "note: in node `n` (MaxPool)\n"},
        {"onnx_attribute_value", node("Transpose", {{"perm", {0, 1, 1, 2}}}),
         "error: the attribute `perm` of Transpose cannot be [0, 1, 1, 2]\n"
         "note: in node `n` (Transpose)\n"},
        {"onnx_attribute_value", node("DepthToSpace", {{"blocksize", 3}}),
         "error: the attribute `blocksize` of DepthToSpace cannot be 3 for f32[1, 2, 4, 4]\n"
         "note: in node `n` (DepthToSpace)\n"},
        {"onnx_input_length", with_integers("Tile", {1, 2}),
         "error: input 1 of Tile should have 4 elements, found 2\nnote: in node `n` (Tile)\n"},
        {"onnx_input_value",
         [](ModelBuilder &m) {
             m.integers("s", {2}, {int64_t(1) << 30, int64_t(1) << 30});
             m.node("ConstantOfShape", {"s"}, {"y"});
         },
         "error: input 0 of ConstantOfShape cannot be [1073741824, 1073741824]\n"
         "note: in node `y` (ConstantOfShape)\n"},
        {"onnx_axis", node("Concat", {{"axis", 4}}),
         "error: Concat has axis 4, but its operand has 4 dimensions\nnote: in node `n` "
         "(Concat)\n"},
        {"onnx_axis", node("Softmax", {{"axis", INT64_MIN}}),
         "error: Softmax has axis -9223372036854775808, but its operand has 4 dimensions\n"
         "note: in node `n` (Softmax)\n"},
        {"onnx_axis_twice", with_integers("ReduceSum", {1, -3}),
         "error: ReduceSum names axis 1 twice\nnote: in node `n` (ReduceSum)\n"},
        {"onnx_rank",
         [](ModelBuilder &m) {
             node("GlobalAveragePool")(m);
             m.graph()
                 .mutable_input(0)
                 ->mutable_type()
                 ->mutable_tensor_type()
                 ->mutable_shape()
                 ->mutable_dim()
                 ->DeleteSubrange(1, 3);
         },
         "error: GlobalAveragePool takes tensors of 2 dimensions or more, found f32[1]\n"
         "note: in node `n` (GlobalAveragePool)\n"},
        {"onnx_weight_type",
         [](ModelBuilder &m) {
             node("Conv", {}, {"w"})(m);
             m.floats("w", {1, 3, 1, 1}, {1, 2, 3});
         },
         "error: the weight of Conv should be f32[1, 2, 1, 1], found f32[1, 3, 1, 1]\n"
         "note: in node `n` (Conv)\n"},
        {"onnx_weight_type", with_integers("Conv", {1}),
         "error: the weight of Conv should be of 4 dimensions, found i64[1]\n"
         "note: in node `n` (Conv)\n"},
        {"onnx_reshape", with_integers("Reshape", {3, -1}),
         "error: Reshape of f32[1, 2, 4, 4] cannot be [3, -1]\nnote: in node `n` (Reshape)\n"},
        {"onnx_reshape", with_integers("Reshape", {-1, -1}),
         "error: Reshape of f32[1, 2, 4, 4] cannot be [-1, -1]\nnote: in node `n` (Reshape)\n"},
        {"onnx_reshape", with_integers("Reshape", {INT64_MAX, INT64_MAX, 8}),
         "error: Reshape of f32[1, 2, 4, 4] cannot be [9223372036854775807, 9223372036854775807, "
         "8]\nnote: in node `n` (Reshape)\n"},
        {"onnx_reshape", with_integers("Expand", {3, 3}),
         "error: Expand of f32[1, 2, 4, 4] cannot be [3, 3]\nnote: in node `n` (Expand)\n"},
        {"onnx_split",
         [](ModelBuilder &m) {
             m.integers("w", {2}, {INT64_MAX, 3});
             m.node("Split", {"x", "w"}, {"y", "z"}, {{"axis", 1}}, "n");
         },
         "error: Split cuts 2 elements into parts of [9223372036854775807, 3]\n"
         "note: in node `n` (Split)\n"},
        {"onnx_index", with_integers("Gather", {1, 2}, {{"axis", 1}}),
         "error: index 2 of Gather is outside the 2 elements\nnote: in node `n` (Gather)\n"},
        {"onnx_empty",
         [](ModelBuilder &m) {
             m.integers("b", {1}, {2}).integers("e", {1}, {2});
             m.node("Slice", {"x", "b", "e"}, {"y"}, {}, "n");
         },
         "error: Slice gives a tensor without elements: [0, 2, 4, 4]\nnote: in node `n` (Slice)\n"},
        {"onnx_empty_value",
         [](ModelBuilder &m) {
             m.floats("y", {2, 0}, {});
         },
         "error: `y` has no elements: [2, 0]\n"},
        // What is not supported is told together; what depends on it has nothing to say.
        {"onnx_unsupported",
         [](ModelBuilder &m) {
             m.node("NonZero", {"x"}, {"a"}, {}, "first").node("Frobnicate", {"x"}, {"b"});
             m.graph().mutable_node(1)->set_domain("com.example");
             m.node("NonZero", {"b"}, {"c"}, {}, "second");
             m.node("MaxPool", {"x"}, {"d", "i"}, {{"kernel_shape", {1, 1}}}, "pool");
             m.node("Sum", {"a", "b", "c", "d", "i"}, {"y"});
         },
         "error: `net.onnx` uses what cnnc does not support, in 4 of its nodes\n"
         "note: MaxPool with indices: `pool`\n"
         "note: NonZero: `first`, `second`\n"
         "note: com.example.Frobnicate: `b`\n"},
        {"onnx_unsupported",
         [](ModelBuilder &m) {
             m.node("Shape", {"x"}, {"s"}).node("NonZero", {"x"}, {"i"});
             m.node("QLinearConv", {"x"}, {"y"});
         },
         "error: `net.onnx` uses what cnnc does not support, in 1 of its nodes\n"
         "note: QLinearConv: `y`\n"},
        {"onnx_unsupported",
         [](ModelBuilder &m) {
             m.input("shape", {2}, 7).node("Reshape", {"x", "shape"}, {"y"}, {}, "n");
         },
         "error: `net.onnx` uses what cnnc does not support, in 1 of its nodes\n"
         "note: Reshape with computed shape: `n`\n"},
    };
    return table;
}

TEST(OnnxDiagnostics, OfWrongModels) {
    for (const Row &row : rows()) {
        ModelBuilder model = base();
        row.build(model);
        EXPECT_EQ(messages(model.bytes(), row.options), row.expected) << row.id;
    }
}

TEST(OnnxDiagnostics, OfWhatIsNoModel) {
    const char *expected = "error: `net.onnx` is not an ONNX model, or is cut off\n";
    EXPECT_EQ(messages("garbage"), expected);
    ModelBuilder model = base();
    node("Relu")(model);
    std::string bytes = model.bytes();
    EXPECT_EQ(messages(bytes), "");
    EXPECT_EQ(messages(bytes.substr(0, bytes.size() - 3)), expected);
    EXPECT_EQ(messages(""), "error: `net.onnx` has no graph\n");
}

// The operators' own rules say where.
TEST(OnnxDiagnostics, OfOperatorsNameTheNode) {
    ModelBuilder model = base();
    node("Softplus")(model);
    model.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(7);
    std::string text = messages(model.bytes());
    EXPECT_NE(text.find("\nnote: in node `n` (Softplus)\n"), std::string::npos) << text;
}

TEST(OnnxDiagnostics, HaveARowEach) {
    std::set<std::string> tested = {
        "onnx_not_a_model",
        // notes, with the errors they explain
        "onnx_reader", "onnx_output", "onnx_in_node", "onnx_inputs", "onnx_unsupported_kind",
        // in inputs_test.cpp
        "onnx_external_place", "onnx_external_unnamed", "onnx_external_number",
        "onnx_external_outside", "onnx_input_as_f32"};
    for (const Row &row : rows())
        tested.insert(row.id);
    const char *ids[] = {
#define CNNC_ERROR(NAME, TEXT, ...) #NAME,
#define CNNC_WARNING(NAME, TEXT, ...) #NAME,
#define CNNC_NOTE(NAME, TEXT, ...) #NAME,
#include "compiler/onnx/onnx_diagnostics.def"
#undef CNNC_ERROR
#undef CNNC_WARNING
#undef CNNC_NOTE
    };
    for (std::string id : ids) {
        bool importers = id.rfind("onnx_", 0) == 0;
        EXPECT_TRUE(!importers || tested.count(id)) << id;
    }
}

// Graphs in graphs in graphs: as deep as protocol buffers allow, and deeper.
TEST(OnnxDiagnostics, OfDeepNesting) {
    for (int depth : {20, 300}) {
        pb::GraphProto inner;
        inner.add_output()->set_name("x");
        for (int i = 0; i < depth; ++i) {
            pb::GraphProto outer;
            pb::NodeProto &node = *outer.add_node();
            node.set_op_type("If");
            node.add_input("c");
            node.add_output("r" + std::to_string(i));
            for (const char *name : {"then_branch", "else_branch"}) {
                pb::AttributeProto &attribute = *node.add_attribute();
                attribute.set_name(name);
                attribute.set_type(pb::AttributeProto::GRAPH);
                if (std::string(name) == "then_branch")
                    attribute.mutable_g()->Swap(&inner);
            }
            outer.add_output()->set_name("r" + std::to_string(i));
            inner.Swap(&outer);
        }
        ModelBuilder model = base();
        model.integers("c", {}, {1});
        *model.graph().mutable_node() = inner.node();
        model.graph().mutable_output(0)->set_name("r" + std::to_string(depth - 1));
        EXPECT_EQ(messages(model.bytes()),
                  depth == 20 ? "" : "error: `net.onnx` is not an ONNX model, or is cut off\n");
    }
}

// A small file cannot ask for much.
TEST(OnnxDiagnostics, OfBombs) {
    ModelBuilder tiles = base();
    std::string value = "x";
    for (int i = 0; i < 40; ++i) {
        std::string next = "t" + std::to_string(i);
        tiles.node("Concat", {value, value}, {next}, {{"axis", 1}});
        value = next;
    }
    tiles.node("Relu", {value}, {"y"});
    EXPECT_NE(messages(tiles.bytes()).find("error: "), std::string::npos);

    // Known values that double: computed while they are small, left to the network then.
    ModelBuilder known = base();
    known.floats("t", {1, 1, 4, 4}, std::vector<float>(16, 1));
    value = "t";
    for (int i = 0; i < 30; ++i) {
        std::string next = "t" + std::to_string(i);
        known.node("Concat", {value, value}, {next}, {{"axis", 1}});
        value = next;
    }
    known.node("Relu", {value}, {"y"});
    messages(known.bytes());

    ModelBuilder range = base();
    range.integers("a", {}, {0}).integers("b", {}, {INT64_MAX}).integers("c", {}, {1});
    range.node("Range", {"a", "b", "c"}, {"y"}, {}, "n");
    EXPECT_NE(messages(range.bytes()).find("error: input 2 of Range cannot be"), std::string::npos);
}

} // namespace
} // namespace cnnc
