// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The values of a body while it is printed: what uses them, and by which names they go.
#pragma once

#include "compiler/onnx/decompile_blocks.h"
#include "compiler/onnx/decompile_expression.h"
#include "compiler/onnx/decompile_loops.h"

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace cnnc::decompiler {

// Values are numbered: the body's inputs, then its items. A name may go to another value once every
// use of the one before is written.
class BodyValues {
  public:
    struct User {
        int item = -1; // -1: a result, or what stands in for a segment
        size_t operand = 0;
    };

    BodyValues(const Graph &graph, const Block &block);

    bool is_network() const { return is_network_; }
    int input_count() const { return inputs_; }
    int item_count() const { return int(body_.items.size()); }
    const Item &item(int i) const { return body_.items[size_t(i)]; }
    int value_of(const Operand &operand) const {
        return operand.kind == Operand::Kind::input ? operand.index : inputs_ + operand.index;
    }
    int value_of_item(int i) const { return inputs_ + i; }
    const std::vector<User> &users(int value) const { return users_[size_t(value)]; }
    const std::vector<User> &users_of_item(int i) const { return users(inputs_ + i); }
    std::vector<int> item_uses() const;
    // Uses that are not written yet.
    int &remaining(int value) { return remaining_[size_t(value)]; }
    // The kind of item i, if it is written infix.
    const BinaryKind *infix(int i) const;
    size_t tensor_operands(int i) const;

    const std::string &name(int value) const { return names_[size_t(value)]; } // empty: none yet
    void give_name(int value, const std::string &name);
    void reserve(const std::string &name) { reserved_.insert(name); }
    bool is_reserved(const std::string &name) const { return reserved_.count(name) > 0; }
    void reserve_variables(const std::vector<Loop> &loops);
    bool is_free(const std::string &name);
    bool is_weights_path(const std::string &path) const { return weight_paths_.count(path) > 0; }
    // Of item i, whose value is `expression`.
    std::string choose_name(int i, const Expression &expression);
    std::string choose_name_like(const std::string &base); // with a number behind it

    // Whether its only user joins it with values that are still to come, or have own names.
    bool is_branch(int i) const;
    // Whether it has a use soon and another one much later.
    bool is_skip(int i) const;

  private:
    void count_uses();
    void reserve_names();
    bool clashes(const std::string &name, const Expression &expression) const;

    const Graph &graph_;
    const Block &block_;
    const Body &body_;
    const bool is_network_;
    const int inputs_;
    std::vector<std::vector<User>> users_;
    std::vector<int> remaining_;
    std::vector<std::string> names_;
    std::unordered_map<std::string, int> holder_; // which value has a name now
    std::set<std::string> reserved_;
    std::set<std::string> weight_paths_;
    std::map<std::string, int> numbers_;
};

} // namespace cnnc::decompiler
