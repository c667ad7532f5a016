// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which groups of layers become blocks, and what these blocks look like: one body for groups that
// differ in numbers and in parts that some of them lack.
#pragma once

#include "compiler/onnx/decompile_bodies.h"

#include <map>
#include <string>
#include <vector>

namespace cnnc::decompiler {

// A part of a body that only some instances have: items [begin, end), of which the last one's value
// is used. Instances without it use `otherwise` in its place.
struct Segment {
    int begin = 0, end = 0;
    Operand otherwise;
    std::string condition;
};

// What a body computes, without the numbers.
struct Skeleton {
    struct Step {
        std::string what; // operator, path, names and words among the arguments
        std::vector<Operand> operands;
    };
    std::vector<Step> steps;
    Operand result;

    std::string text() const; // equal for equal skeletons
};
Skeleton skeleton_of(const Body &body);

// Several bodies as one with segments. variants[base] has all of them.
struct Alignment {
    size_t base = 0;
    std::vector<Segment> segments;
    // Per variant, which segments it has; nothing for one that differs in another way.
    std::vector<std::optional<std::vector<bool>>> present;
};
Alignment align(const std::vector<const Skeleton *> &variants);

struct Parameter {
    std::string name;
    std::vector<Value> values; // per instance
    bool is_channels = false;
    std::optional<Value> fallback;
};

// One group that a block stands for.
struct Instance {
    int group = 0;
    Body body;
    std::vector<bool> present; // per segment
    std::vector<int> items;    // the block's item -> the instance's; -1 where it has none
};

struct Block {
    std::string name;
    std::vector<Instance> instances; // of the network: the only one
    size_t base = 0;                 // the instance whose body is shown
    std::vector<Segment> segments;
    std::vector<Parameter> parameters;
    std::vector<std::pair<std::string, std::string>> lets; // name, expression; at the top
    bool reads_input = false; // expressions mention x.channels: x must stay what it is

    const Body &body() const { return instances[base].body; }
    Body &body() { return instances[base].body; }
};

// Finds the parameters of a block that all of its instances' numbers can be told from, and fills in
// the text of its body's arguments and the segments' conditions.
void parametrise(const Graph &graph, Block &block);

// The blocks of a graph, those that others call first; the last is the network itself.
std::vector<Block> find_blocks(const Graph &graph, const GroupTree &tree, bool enabled);

} // namespace cnnc::decompiler
