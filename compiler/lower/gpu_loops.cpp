// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/lower/gpu_loops.h"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::MemoryType;
using Halide::TailStrategy;
using Halide::Var;

namespace {

using namespace Halide::Internal;

bool is_thread(const std::string &name) {
    return name.find("__thread_id_") != std::string::npos;
}

// Values of `let`s around the place that is visited.
using Lets = std::map<std::string, Expr>;

// An index of thread 0.
class OfFirstThread : public IRMutator {
  public:
    explicit OfFirstThread(const Lets &lets) : lets_(lets) {}

  private:
    using IRMutator::visit;

    Expr visit(const Variable *v) override {
        if (is_thread(v->name))
            return make_zero(v->type);
        auto it = lets_.find(v->name);
        return it == lets_.end() ? Expr(v) : mutate(it->second);
    }
    const Lets &lets_;
};

// Calls `with_lets` for every index of a register allocation.
class RegisterAccesses : public IRMutator {
  protected:
    using IRMutator::visit;

    virtual Expr access(const std::string &name, const Expr &index, const Expr &of_first) = 0;

    bool in_registers(const std::string &name) const { return registers_.count(name) > 0; }

    Expr index_of(const std::string &name, const Expr &index) {
        return access(name, index, simplify(OfFirstThread(lets_).mutate(index)));
    }

    Expr visit(const Load *l) override {
        if (!in_registers(l->name))
            return IRMutator::visit(l);
        return Load::make(l->type, l->name, index_of(l->name, l->index), l->image, l->param,
                          mutate(l->predicate), ModulusRemainder());
    }
    Stmt visit(const Store *s) override {
        if (!in_registers(s->name))
            return IRMutator::visit(s);
        Expr value = mutate(s->value), index = index_of(s->name, s->index);
        return Store::make(s->name, value, index, s->param, mutate(s->predicate),
                           ModulusRemainder());
    }
    Expr visit(const Let *l) override {
        lets_[l->name] = l->value;
        return IRMutator::visit(l);
    }
    Stmt visit(const LetStmt *l) override {
        lets_[l->name] = l->value;
        return IRMutator::visit(l);
    }
    Stmt visit(const Allocate *a) override {
        // Within one thread's loops a size is that of the thread already.
        if (a->memory_type == MemoryType::Register)
            registers_.insert(a->name);
        return IRMutator::visit(a);
    }

    std::set<std::string> registers_;
    Lets lets_;
};

// Finds how many elements of every register allocation a thread uses.
class Sizes : public RegisterAccesses {
  public:
    std::map<std::string, int64_t> elements;

  private:
    Expr access(const std::string &name, const Expr &index, const Expr &of_first) override {
        const auto *ramp = of_first.as<Ramp>();
        const int64_t *first = as_const_int(ramp ? ramp->base : of_first);
        const int64_t *step = ramp ? as_const_int(ramp->stride) : nullptr;
        if (!first || (ramp && !step))
            throw std::logic_error("a thread's place in a sum is not known");
        int64_t last = *first + (ramp ? *step * (ramp->lanes - 1) : 0);
        elements[name] = std::max(elements[name], last + 1);
        return index;
    }
};

class Shrink : public RegisterAccesses {
  public:
    explicit Shrink(const std::map<std::string, int64_t> &elements) : elements_(elements) {}

  private:
    using RegisterAccesses::visit;

    Expr access(const std::string &, const Expr &, const Expr &of_first) override {
        return of_first;
    }
    Stmt visit(const Allocate *a) override {
        Stmt same = RegisterAccesses::visit(a);
        auto it = elements_.find(a->name);
        if (it == elements_.end())
            return same;
        a = same.as<Allocate>();
        return Allocate::make(a->name, a->type, MemoryType::Stack, {Expr(int32_t(it->second))},
                              a->condition, a->body);
    }
    const std::map<std::string, int64_t> &elements_;
};

class KeepInRegisters : public IRMutator {
  public:
    using IRMutator::mutate;
    Stmt mutate(const Stmt &s) override {
        Sizes sizes;
        sizes.mutate(s);
        return Shrink(sizes.elements).mutate(s);
    }
};

class DropAlignment : public IRMutator {
    using IRMutator::visit;

    static bool aligned(const decltype(Load::param) &param) {
        return !param.defined() || param.host_alignment() >= gpu_vector_bytes;
    }
    Expr visit(const Load *l) override {
        if (aligned(l->param))
            return IRMutator::visit(l);
        return Load::make(l->type, l->name, mutate(l->index), l->image, l->param,
                          mutate(l->predicate), ModulusRemainder());
    }
    Stmt visit(const Store *s) override {
        if (aligned(s->param))
            return IRMutator::visit(s);
        return Store::make(s->name, mutate(s->value), mutate(s->index), s->param,
                           mutate(s->predicate), ModulusRemainder());
    }
};

} // namespace

LoweredKernel with_operands_anywhere(LoweredKernel kernel) {
    kernel.output.add_custom_lowering_pass(new DropAlignment);
    return kernel;
}

LoweredKernel with_sums_in_registers(LoweredKernel kernel) {
    // Passes belong to this very object and to its copies.
    kernel.output.add_custom_lowering_pass(new KeepInRegisters);
    return kernel;
}

Var fused(Func f, const std::vector<Var> &vars, const std::string &name) {
    Var all = vars[0];
    for (size_t i = 1; i < vars.size(); ++i) {
        Var next(name + std::to_string(i));
        f.fuse(all, vars[i], next);
        all = next;
    }
    return all;
}

Var gpu_elementwise(Func f, std::vector<Var> vars, const std::vector<int64_t> &extents, int vector,
                    int threads) {
    int64_t count = 1;
    for (int64_t extent : extents)
        count *= extent;
    count /= vector;
    if (vector > 1) {
        Var lane("lane"), outer("outer");
        f.split(vars[0], outer, lane, vector, TailStrategy::RoundUp).vectorize(lane);
        vars[0] = outer;
    }
    Var point = fused(f, vars, "point"), block("block"), thread("thread");
    int used = int(std::min<int64_t>(threads, count));
    f.split(point, block, thread, used,
            count % used == 0 ? TailStrategy::RoundUp : TailStrategy::GuardWithIf);
    f.gpu_blocks(block).gpu_threads(thread);
    return thread;
}

} // namespace cnnc
