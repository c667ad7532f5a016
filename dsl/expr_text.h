// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Expressions back to text on one line.
#pragma once

#include "dsl/ast.h"

#include <string>

namespace cnnc {

// Writes pieces of a tree to `text` the way the formatter spaces them. Stops somewhere behind
// `limit`: who asks for more than fits on a line only wants to know that it does not.
class FlatWriter {
  public:
    FlatWriter(const SourceManager &sources, size_t limit) : sources_(sources), limit_(limit) {}

    std::string text;

    bool fits() const { return text.size() <= limit_; }
    void expr(const ast::Expr &expr);
    void call(const ast::Call &call); // without its name
    void argument(const ast::Argument &argument);
    void parameter(const ast::Parameter &parameter);
    void instance(const ast::InstanceName &as); // "as path"

  private:
    void list(const std::vector<ast::ExprPtr> &items);
    void path(const ast::Path &path);
    void value_of(const std::string &name, const ast::Expr &value);

    const SourceManager &sources_;
    size_t limit_;
};

} // namespace cnnc
