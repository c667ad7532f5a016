// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reads assembly as emit_assembly prints it: labels, directives, and instructions with LLVM's
// comments behind them, which tell what the register allocator spilled.
#include "compiler/codegen/hot_loop.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <vector>

namespace cnnc {
namespace {

constexpr int vector_bytes = 16; // of the least register that a spill counts for

struct Instruction {
    std::string_view line; // as printed
    std::string_view mnemonic, operands, comment;
};

// What of an instruction counts.
struct Traits {
    bool fused = false, multiply = false, add = false; // of floating point
    int lanes = 1;
    bool vector = false, load = false, store = false;
};

bool starts_with(std::string_view text, std::string_view prefix) {
    return text.substr(0, prefix.size()) == prefix;
}

template <typename... Prefix>
bool starts_with_any(std::string_view text, Prefix... prefixes) {
    return (starts_with(text, prefixes) || ...);
}

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t";
    const size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// ---- one instruction ----

std::string_view last_operand(std::string_view operands) {
    int depth = 0;
    for (size_t i = operands.size(); i-- > 0;) {
        depth += operands[i] == ')' ? 1 : operands[i] == '(' ? -1 : 0;
        if (operands[i] == ',' && depth == 0)
            return trimmed(operands.substr(i + 1));
    }
    return operands;
}

// AT&T's syntax: the destination is the last operand.
Traits x86_traits(const Instruction &i) {
    Traits traits;
    std::string_view name = i.mnemonic;
    traits.vector = contains(i.operands, "%xmm") || contains(i.operands, "%ymm") ||
                    contains(i.operands, "%zmm");
    if (starts_with(name, "v"))
        name.remove_prefix(1);
    const bool single = name.size() > 2 && name.substr(name.size() - 2) == "ss";
    const bool packed = name.size() > 2 && name.substr(name.size() - 2) == "ps";
    if (single || packed) {
        traits.fused = starts_with_any(name, "fmadd", "fnmadd", "fmsub", "fnmsub");
        traits.multiply = name == "mulps" || name == "mulss";
        traits.add = name == "addps" || name == "addss";
    }
    if (packed)
        traits.lanes = contains(i.operands, "%zmm") ? 16 : contains(i.operands, "%ymm") ? 8 : 4;
    if (!contains(i.operands, "(") || starts_with_any(name, "lea", "prefetch", "nop"))
        return traits;
    const bool to_memory = contains(last_operand(i.operands), "(");
    traits.store = to_memory && !starts_with_any(name, "cmp", "test", "ucomi", "comi");
    // Arithmetic on memory does both.
    traits.load = !to_memory || !starts_with_any(name, "mov", "extract", "pextr", "set", "scatter");
    return traits;
}

// Elements in the first operand, as in v3.4s.
int arrangement(std::string_view operands) {
    const size_t dot = operands.find('.');
    if (dot == std::string_view::npos || dot > operands.find(','))
        return 1;
    return std::max(1, std::atoi(operands.data() + dot + 1));
}

Traits arm64_traits(const Instruction &i) {
    Traits traits;
    const std::string_view name = i.mnemonic;
    traits.lanes = arrangement(i.operands);
    traits.vector = traits.lanes > 1 || starts_with(i.operands, "q");
    traits.fused = starts_with_any(name, "fmla", "fmls", "fmadd", "fmsub", "fnmadd", "fnmsub");
    traits.multiply = name == "fmul" || name == "fnmul";
    traits.add = name == "fadd" || name == "fsub";
    traits.load = starts_with(name, "ld");
    traits.store = starts_with(name, "st");
    return traits;
}

Traits arm32_traits(const Instruction &i) {
    Traits traits;
    const std::string_view name = i.mnemonic;
    const char kind = i.operands.empty() ? ' ' : i.operands[i.operands[0] == '{' ? 1 : 0];
    traits.vector = starts_with(name, "v") && kind != 's' && kind != 'r';
    traits.lanes = kind == 'q' ? 4 : kind == 'd' ? 2 : 1;
    if (contains(name, ".f32")) {
        traits.fused = starts_with_any(name, "vfma", "vfms", "vfnma", "vmla", "vmls", "vnmla");
        traits.multiply = starts_with_any(name, "vmul", "vnmul");
        traits.add = starts_with_any(name, "vadd", "vsub");
    }
    traits.load = starts_with_any(name, "ld", "vld", "pop");
    traits.store = starts_with_any(name, "st", "vst", "push");
    return traits;
}

Traits riscv_traits(const Instruction &i) {
    Traits traits;
    const std::string_view name = i.mnemonic;
    traits.vector = starts_with(name, "f");
    traits.fused = starts_with_any(name, "fmadd", "fmsub", "fnmadd", "fnmsub");
    traits.multiply = starts_with(name, "fmul");
    traits.add = starts_with_any(name, "fadd", "fsub");
    if (contains(i.operands, "(")) {
        traits.store = starts_with_any(name, "sb", "sh", "sw", "sd", "fs");
        traits.load = !traits.store;
    }
    return traits;
}

Traits traits_of(const Instruction &i, const Target &target) {
    switch (target.arch) {
    case Arch::x86:
        return x86_traits(i);
    case Arch::arm:
        return target.bits == 64 ? arm64_traits(i) : arm32_traits(i);
    default:
        return riscv_traits(i);
    }
}

// Bytes that a comment such as "32-byte Folded Reload" says, where it speaks of `what`.
int spilled_bytes(const Instruction &i, std::string_view what) {
    const size_t unit = i.comment.find("-byte ");
    if (unit == std::string_view::npos || !contains(i.comment.substr(unit), what))
        return 0;
    size_t first = unit;
    while (first > 0 && i.comment[first - 1] >= '0' && i.comment[first - 1] <= '9')
        --first;
    return std::atoi(i.comment.data() + first);
}

// ---- loops ----

struct Listing {
    std::vector<Instruction> instructions;
    std::map<std::string_view, size_t> labels; // the instruction behind each
};

std::string_view comment_mark(const Target &target) {
    if (target.arch != Arch::arm)
        return "#";
    return target.bits == 64 ? "//" : "@";
}

void add_line(std::string_view line, std::string_view mark, Listing *listing) {
    // ARM's immediates begin with what other assemblers' comments begin with, hence the blank.
    size_t comment = line.find(std::string(mark) + " ");
    if (starts_with(trimmed(line), mark))
        comment = line.find(mark);
    const std::string_view code = trimmed(line.substr(0, comment));
    if (code.empty())
        return;
    if (code.back() == ':') {
        listing->labels[code.substr(0, code.size() - 1)] = listing->instructions.size();
        return;
    }
    if (code[0] == '.')
        return;
    const size_t end = std::min(code.find_first_of(" \t"), code.size());
    Instruction i;
    i.line = line;
    i.mnemonic = code.substr(0, end);
    i.operands = trimmed(code.substr(end));
    if (comment != std::string_view::npos)
        i.comment = line.substr(comment);
    listing->instructions.push_back(i);
}

Listing read_listing(std::string_view assembly, const Target &target) {
    Listing listing;
    const std::string_view mark = comment_mark(target);
    while (!assembly.empty()) {
        const size_t end = std::min(assembly.find('\n'), assembly.size());
        add_line(assembly.substr(0, end), mark, &listing);
        assembly.remove_prefix(std::min(end + 1, assembly.size()));
    }
    return listing;
}

struct Range {
    size_t first, last;
};

// From each label that is jumped back to, to the last jump back to it, without those around others.
std::vector<Range> innermost_loops(const Listing &listing) {
    std::map<std::string_view, Range> loops;
    for (size_t i = 0; i < listing.instructions.size(); ++i) {
        const auto label = listing.labels.find(last_operand(listing.instructions[i].operands));
        if (label != listing.labels.end() && label->second <= i)
            loops[label->first] = {label->second, i};
    }
    std::vector<Range> all, innermost;
    for (const auto &[label, range] : loops)
        all.push_back(range);
    // Those that begin later, or else end earlier, come first.
    std::sort(all.begin(), all.end(), [](const Range &a, const Range &b) {
        return a.first != b.first ? a.first > b.first : a.last < b.last;
    });
    size_t next = listing.instructions.size(); // where the loop behind begins
    for (const Range &range : all) {
        if (range.last < next)
            innermost.push_back(range);
        next = range.first;
    }
    return {innermost.rbegin(), innermost.rend()};
}

// A multiply and an add make one multiply-add, as far as there are both.
void count_pairs(const std::vector<Traits> &traits, HotLoop *loop) {
    int multiplies = 0, adds = 0, lanes = 1;
    for (const Traits &t : traits) {
        multiplies += t.multiply;
        adds += t.add;
        if (t.multiply)
            lanes = std::max(lanes, t.lanes);
    }
    const int pairs = std::min(multiplies, adds);
    loop->multiply_adds += pairs;
    loop->flops += int64_t(2) * pairs * lanes;
    multiplies = adds = 0;
    for (size_t k = 0; k < traits.size(); ++k)
        if ((traits[k].multiply && multiplies++ < pairs) || (traits[k].add && adds++ < pairs))
            loop->counts[k] = true;
}

HotLoop read_loop(const Listing &listing, const Range &range, const Target &target, int *vectors) {
    HotLoop loop;
    loop.found = true;
    std::vector<Traits> traits;
    for (size_t k = range.first; k <= range.last; ++k) {
        const Instruction &i = listing.instructions[k];
        const Traits t = traits_of(i, target);
        traits.push_back(t);
        loop.instructions += 1;
        loop.multiply_adds += t.fused;
        loop.flops += t.fused ? 2 * t.lanes : 0;
        loop.loads += t.load;
        loop.stores += t.store;
        loop.spill_loads += spilled_bytes(i, "Reload") >= vector_bytes;
        loop.spill_stores += spilled_bytes(i, "Spill") >= vector_bytes;
        loop.text += std::string(i.line) + "\n";
        loop.counts.push_back(t.fused);
        *vectors += t.vector;
    }
    count_pairs(traits, &loop);
    return loop;
}

} // namespace

HotLoop find_hot_loop(std::string_view assembly, const Target &target) {
    const Listing listing = read_listing(assembly, target);
    HotLoop best;
    int best_vectors = 0;
    for (const Range &range : innermost_loops(listing)) {
        int vectors = 0;
        const HotLoop loop = read_loop(listing, range, target, &vectors);
        // Of copies of the same work, for borders and for what lies between, the last has the least
        // beside it.
        const bool better = loop.flops != best.flops ? loop.flops > best.flops
                            : loop.flops > 0         ? loop.instructions < best.instructions
                                                     : vectors > best_vectors;
        if (best.found && !better)
            continue;
        best = loop;
        best_vectors = vectors;
    }
    return best;
}

} // namespace cnnc
