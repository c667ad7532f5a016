// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which groups of layers become blocks.
#include "compiler/onnx/decompile_blocks.h"

#include "compiler/onnx/decompile_names.h"

#include <algorithm>
#include <set>
#include <unordered_map>

namespace cnnc::decompiler {

namespace {

constexpr int max_block_size = 400;        // nodes
constexpr size_t max_block_inputs = 4;     // tensors
constexpr size_t max_block_parameters = 8; // beyond that a block explains nothing
constexpr size_t max_variants = 12;        // of groups with similar paths that are compared

// Groups with one skeleton, or with skeletons that are one with optional parts.
struct Family {
    std::vector<int> groups;
    int min_size = 0, max_size = 0;
    bool chosen = false;
    int block = -1;
};

class BlockFinder {
  public:
    BlockFinder(const Graph &graph, const GroupTree &tree)
        : graph_(graph), tree_(tree), builder_(graph, tree), family_(tree.groups.size(), -1),
          instance_(tree.groups.size(), -1), children_(tree.groups.size()) {
        for (size_t i = 1; i < tree.groups.size(); ++i) {
            children_[size_t(tree.groups[i].parent)].push_back(int(i));
        }
    }

    std::vector<Block> run(bool enabled) {
        if (enabled) {
            find_families();
            choose();
        }
        // What turns out not to fit is given up, and everything built again without it.
        constexpr int max_rounds = 20;
        for (int round = 0; round < max_rounds; ++round) {
            if (build()) {
                return std::move(blocks_);
            }
        }
        std::fill(family_.begin(), family_.end(), -1);
        build();
        return std::move(blocks_);
    }

  private:
    const Group &group(int id) const { return tree_.groups[size_t(id)]; }
    Family *family_of(int id) {
        const int family = family_[size_t(id)];
        return family < 0 ? nullptr : &families_[size_t(family)];
    }

    bool is_candidate(const Group &group) const {
        return group.depth > 0 && group.closed && group.results == 1 && group.weighted > 0 &&
               group.size >= 3 && group.size <= max_block_size;
    }

    // The path with # for every number: groups that are alike in this are compared.
    std::string pattern(int id) const {
        std::string result;
        bool in_number = false;
        for (char c : tree_.path(id, 0)) {
            const bool digit = c >= '0' && c <= '9';
            if (!digit) {
                result += c;
            } else if (!in_number) {
                result += '#';
            }
            in_number = digit;
        }
        return result;
    }

    // --- Families

    struct Class {
        Skeleton skeleton;
        std::vector<int> groups;
    };

    void find_families() {
        std::vector<Class> classes;
        std::unordered_map<std::string, size_t> known;
        std::map<std::string, std::vector<size_t>> patterns;
        const BodyBuilder::Callees none = [](int, int) { return std::nullopt; };
        for (int id = 1; id < int(tree_.groups.size()); ++id) {
            if (!is_candidate(group(id))) {
                continue;
            }
            std::vector<int> tangled;
            const Body body = builder_.build(id, none, tangled);
            if (body.inputs.empty() || body.inputs.size() > max_block_inputs) {
                continue;
            }
            Skeleton skeleton = skeleton_of(body);
            const auto [entry, is_new] = known.emplace(skeleton.text(), classes.size());
            if (is_new) {
                classes.push_back({std::move(skeleton), {}});
            }
            std::vector<size_t> &alike = patterns[pattern(id)];
            if (std::find(alike.begin(), alike.end(), entry->second) == alike.end() &&
                alike.size() <= max_variants) {
                alike.push_back(entry->second);
            }
            classes[entry->second].groups.push_back(id);
        }
        merge(classes, patterns);
    }

    // Makes one family of the classes that differ in optional parts only.
    void merge(std::vector<Class> &classes,
               const std::map<std::string, std::vector<size_t>> &patterns) {
        for (const auto &[pattern, alike] : patterns) {
            std::vector<size_t> rest = alike.size() <= max_variants ? alike : std::vector<size_t>();
            while (rest.size() > 1) {
                rest = merge_some(classes, rest);
            }
        }
        for (const Class &c : classes) {
            add_family(c.groups);
        }
    }

    // Merges into the largest class what fits; gives what does not.
    std::vector<size_t> merge_some(std::vector<Class> &classes, const std::vector<size_t> &from) {
        std::vector<const Skeleton *> variants;
        for (size_t i : from) {
            variants.push_back(&classes[i].skeleton);
        }
        const Alignment alignment = align(variants);
        Class &base = classes[from[alignment.base]];
        std::vector<size_t> rest;
        for (size_t i = 0; i < from.size(); ++i) {
            if (i == alignment.base || classes[from[i]].groups.empty()) {
                continue;
            }
            if (!alignment.present[i]) {
                rest.push_back(from[i]);
                continue;
            }
            std::vector<int> &groups = classes[from[i]].groups;
            base.groups.insert(base.groups.end(), groups.begin(), groups.end());
            groups.clear();
        }
        return rest;
    }

    void add_family(const std::vector<int> &groups) {
        if (groups.size() < 2) {
            return;
        }
        Family family;
        family.groups = groups;
        std::sort(family.groups.begin(), family.groups.end());
        const auto smaller = [&](int a, int b) { return group(a).size < group(b).size; };
        family.min_size = group(*std::min_element(groups.begin(), groups.end(), smaller)).size;
        family.max_size = group(*std::max_element(groups.begin(), groups.end(), smaller)).size;
        for (int id : groups) {
            family_[size_t(id)] = int(families_.size());
        }
        families_.push_back(std::move(family));
    }

    // --- Choice: from the outside in, what would be written at least twice.

    void choose() {
        std::vector<int> open = children_[0];
        std::set<int> entered; // families
        while (!open.empty()) {
            std::map<int, int> count;
            for (int id : open) {
                if (family_[size_t(id)] >= 0) {
                    ++count[family_[size_t(id)]];
                }
            }
            for (const auto &[family, times] : count) {
                Family &f = families_[size_t(family)];
                f.chosen |= is_worth_it(f, times);
            }
            std::vector<int> next;
            for (int id : open) {
                const Family *family = family_of(id);
                int inner = id;
                if (family && family->chosen) {
                    if (!entered.insert(family_[size_t(id)]).second) {
                        continue;
                    }
                    inner = largest(*family);
                }
                const std::vector<int> &children = children_[size_t(inner)];
                next.insert(next.end(), children.begin(), children.end());
            }
            open = std::move(next);
        }
    }

    int largest(const Family &family) const {
        return *std::max_element(family.groups.begin(), family.groups.end(),
                                 [&](int a, int b) { return group(a).size < group(b).size; });
    }

    bool is_worth_it(const Family &family, int times) {
        const bool enough = family.max_size >= 4 ? times >= 2 : times >= 5;
        return enough && !is_container(largest(family));
    }

    // Little more than a row of larger blocks, which a loop says better.
    bool is_container(int id) {
        std::map<int, int> covered; // nodes by family
        std::map<int, int> times;
        int skip_to = id;
        for (int g = id + 1; g <= group(id).last; ++g) {
            const bool repeats = family_[size_t(g)] >= 0 && group(g).size >= 6;
            if (repeats && g > skip_to) {
                covered[family_[size_t(g)]] += group(g).size;
                ++times[family_[size_t(g)]];
                skip_to = group(g).last;
            }
        }
        int most = 0;
        for (const auto &[family, nodes] : covered) {
            most = times[family] >= 2 ? std::max(most, nodes) : most;
        }
        return most * 10 >= group(id).size * 7;
    }

    // --- Blocks

    // False if something had to be given up.
    bool build() {
        blocks_.clear();
        names_.clear();
        tangled_.clear();
        names_.insert(graph_.name);
        std::vector<Family *> order;
        for (Family &family : families_) {
            family.block = -1;
            if (family.chosen) {
                order.push_back(&family);
            }
        }
        std::stable_sort(order.begin(), order.end(), [](const Family *a, const Family *b) {
            return a->max_size < b->max_size;
        });
        for (Family *family : order) {
            if (!build_block(*family)) {
                return false;
            }
        }
        Block network;
        network.name = graph_.name;
        network.instances.push_back({0, build_body(0), {}, {}});
        if (!tangled_.empty()) {
            return give_up(tangled_);
        }
        number_items(network);
        parametrise(graph_, network);
        blocks_.push_back(std::move(network));
        return true;
    }

    bool give_up(const std::vector<int> &groups) {
        for (int id : groups) {
            family_[size_t(id)] = -1;
        }
        return false;
    }

    Body build_body(int id) {
        return builder_.build(
            id, [this](int inner, int outer) { return callee(inner, outer); }, tangled_);
    }

    std::optional<BodyBuilder::Callee> callee(int inner, int outer) {
        const Family *family = family_of(inner);
        if (!family || family->block < 0) {
            return std::nullopt;
        }
        // Only blocks that are smaller, in every instance, than the one they are called in.
        const Family *around = family_of(outer);
        if (around && family->max_size >= around->min_size) {
            return std::nullopt;
        }
        const Block &block = blocks_[size_t(family->block)];
        const size_t instance = size_t(instance_[size_t(inner)]);
        BodyBuilder::Callee result{&block.instances[instance].body.inputs, {block.name, {}, 0}};
        for (const Parameter &parameter : block.parameters) {
            const Value &value = parameter.values[instance];
            const bool implied = parameter.fallback && same_value(*parameter.fallback, value);
            result.call.positional += !parameter.fallback;
            result.call.arguments.push_back(
                {parameter.name, value, implied, parameter.is_channels, ""});
        }
        return result;
    }

    bool build_block(Family &family) {
        Block block;
        for (int id : family.groups) {
            if (family_[size_t(id)] >= 0) {
                block.instances.push_back({id, build_body(id), {}, {}});
            }
        }
        if (!tangled_.empty()) {
            return give_up(tangled_);
        }
        if (block.instances.size() < 2) {
            family.chosen = false;
            return false;
        }
        if (const std::vector<int> misfits = align_instances(block); !misfits.empty()) {
            return give_up(misfits);
        }
        number_items(block);
        parametrise(graph_, block);
        if (block.parameters.size() > max_block_parameters) {
            family.chosen = false;
            return false;
        }
        block.name = unique_name(block_name(graph_, tree_, block));
        family.block = int(blocks_.size());
        for (size_t i = 0; i < block.instances.size(); ++i) {
            instance_[size_t(block.instances[i].group)] = int(i);
        }
        blocks_.push_back(std::move(block));
        return true;
    }

    // Fills in base and segments; gives the groups that do not fit.
    std::vector<int> align_instances(Block &block) {
        std::vector<Skeleton> skeletons; // different ones
        std::vector<size_t> variant;     // per instance
        std::unordered_map<std::string, size_t> known;
        for (const Instance &instance : block.instances) {
            Skeleton skeleton = skeleton_of(instance.body);
            variant.push_back(known.emplace(skeleton.text(), skeletons.size()).first->second);
            if (variant.back() == skeletons.size()) {
                skeletons.push_back(std::move(skeleton));
            }
        }
        std::vector<const Skeleton *> pointers;
        for (const Skeleton &skeleton : skeletons) {
            pointers.push_back(&skeleton);
        }
        const Alignment alignment = align(pointers);
        block.base =
            size_t(std::find(variant.begin(), variant.end(), alignment.base) - variant.begin());
        std::vector<int> misfits;
        for (size_t i = 0; i < block.instances.size(); ++i) {
            Instance &instance = block.instances[i];
            const auto &present = alignment.present[variant[i]];
            if (!present || instance.body.inputs.size() != block.body().inputs.size()) {
                misfits.push_back(instance.group);
            } else {
                instance.present = *present;
            }
        }
        if (misfits.empty()) {
            take_segments(block, alignment.segments);
        }
        return misfits;
    }

    // Those that some instance lacks, in the order of the body.
    static void take_segments(Block &block, const std::vector<Segment> &segments) {
        std::vector<size_t> order;
        for (size_t s = 0; s < segments.size(); ++s) {
            const bool always =
                std::all_of(block.instances.begin(), block.instances.end(),
                            [&](const Instance &instance) { return instance.present[s]; });
            if (!always) {
                order.push_back(s);
            }
        }
        std::sort(order.begin(), order.end(),
                  [&](size_t a, size_t b) { return segments[a].begin < segments[b].begin; });
        for (Instance &instance : block.instances) {
            std::vector<bool> present;
            for (size_t s : order) {
                present.push_back(instance.present[s]);
            }
            instance.present = std::move(present);
        }
        for (size_t s : order) {
            block.segments.push_back(segments[s]);
        }
    }

    static void number_items(Block &block) {
        for (Instance &instance : block.instances) {
            int next = 0;
            for (int i = 0; i < int(block.body().items.size()); ++i) {
                bool present = true;
                for (size_t s = 0; s < block.segments.size(); ++s) {
                    const Segment &segment = block.segments[s];
                    present &= instance.present[s] || i < segment.begin || i >= segment.end;
                }
                instance.items.push_back(present ? next++ : -1);
            }
        }
    }

    std::string unique_name(const std::string &wanted) {
        std::string name = wanted;
        for (int number = 2; !names_.insert(name).second; ++number) {
            name = wanted + "_" + std::to_string(number);
        }
        return name;
    }

    const Graph &graph_;
    const GroupTree &tree_;
    BodyBuilder builder_;
    std::vector<int> family_;   // per group; -1: none
    std::vector<int> instance_; // per group of a built block, its index there
    std::vector<std::vector<int>> children_;
    std::vector<Family> families_;
    std::vector<Block> blocks_;
    std::set<std::string> names_;
    std::vector<int> tangled_;
};

} // namespace

std::vector<Block> find_blocks(const Graph &graph, const GroupTree &tree, bool enabled) {
    return BlockFinder(graph, tree).run(enabled);
}

} // namespace cnnc::decompiler
