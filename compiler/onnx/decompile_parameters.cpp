// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The parameters of a block: the numbers in which its instances differ, as few as exact relations
// between them allow.
#include "compiler/onnx/decompile_columns.h"
#include "compiler/onnx/decompile_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace cnnc::decompiler {

namespace {

constexpr size_t max_atoms = 64; // of conditions; they are tried in pairs

class Parametriser {
  public:
    Parametriser(const Graph &graph, Block &block)
        : graph_(graph), block_(block), count_(block.instances.size()) {}

    void run() {
        if (count_ == 1) {
            for (Item &item : block_.body().items) {
                for (Argument &argument : item.call.arguments) {
                    argument.text = value_text(argument.value);
                }
            }
            return;
        }
        find_channels();
        for (size_t i = 0; i < block_.body().items.size(); ++i) {
            for (size_t a = 0; a < block_.body().items[i].call.arguments.size(); ++a) {
                express(i, a);
            }
        }
        fill_gaps();
        name_parameters();
        choose_fallbacks();
        write_arguments();
        for (size_t s = 0; s < block_.segments.size(); ++s) {
            block_.segments[s].condition = condition(s);
        }
        finish();
    }

  private:
    // What an argument is expressed by: a parameter, x.channels or a fixed value, and a factor.
    struct Term {
        enum class Kind : uint8_t { fixed, parameter, channels } kind = Kind::fixed;
        size_t parameter = 0;
        int64_t times = 1, over = 1;
        std::string text; // fixed
    };
    struct Unknown {
        Column column;
        std::string hint; // the argument's name
        std::string path; // of the item that needed it first
        bool is_channels = false;
        std::string name;
        std::optional<Value> fallback;
    };
    struct Use {
        size_t item, argument;
        int entry; // of a list, as flatten() numbers them; -1: the argument itself
        Term term;
    };

    const Item *item_of(size_t instance, size_t item) const {
        const int index = block_.instances[instance].items[item];
        return index < 0 ? nullptr : &block_.instances[instance].body.items[size_t(index)];
    }

    std::optional<int64_t> extent(NodeId node) const {
        const Shape &shape = graph_[node].type.shape;
        return shape.size() >= 2 ? std::optional(shape[1]) : std::nullopt;
    }

    void find_channels() {
        for (const Instance &instance : block_.instances) {
            const std::vector<NodeId> &inputs = instance.body.inputs;
            const std::optional<int64_t> c = inputs.empty() ? std::nullopt : extent(inputs[0]);
            if (!c) {
                channels_.clear();
                return;
            }
            channels_.push_back(integer_value(*c));
        }
    }

    void express(size_t item, size_t argument) {
        Column column;
        bool implied = true;
        for (size_t i = 0; i < count_; ++i) {
            const Item *own = item_of(i, item);
            column.emplace_back();
            if (own) {
                column.back() = own->call.arguments[argument].value;
            }
            implied &= !own || own->call.arguments[argument].implied;
        }
        Argument &shown = block_.body().items[item].call.arguments[argument];
        shown.implied = implied;
        shown.text = value_text(shown.value);
        if (!implied && !express_entries(column, item, argument)) {
            uses_.push_back({item, argument, -1, term(column, item, shown)});
        }
    }

    // Of lists that are nested alike and differ in integers only: the entries that differ, if each
    // can be told from what is known without a parameter of its own.
    bool express_entries(const Column &column, size_t item, size_t argument) {
        std::vector<Column> entries;
        for (size_t i = 0; i < count_; ++i) {
            std::vector<Value> flat;
            if (column[i] &&
                (!std::holds_alternative<ValueList>(column[i]->v) || !flatten(*column[i], flat))) {
                return false;
            }
            if (column[i] && entries.empty()) {
                entries.resize(flat.size(), Column(count_));
            }
            if (flat.size() != (column[i] ? entries.size() : 0)) {
                return false;
            }
            for (size_t k = 0; k < flat.size(); ++k) {
                entries[k][i] = flat[k];
            }
        }
        std::vector<Use> uses;
        for (size_t k = 0; k < entries.size(); ++k) {
            Column fixed(count_, *first_of(entries[k]));
            if (agree(entries[k], fixed)) {
                continue;
            }
            std::optional<Term> term = channel_term(entries[k]);
            if (!term) {
                return false;
            }
            uses.push_back({item, argument, int(k), *term});
        }
        uses_.insert(uses_.end(), uses.begin(), uses.end());
        return true;
    }

    Term term(const Column &column, size_t item, const Argument &argument) {
        Column fixed(count_, argument.value);
        if (agree(column, fixed)) {
            return {Term::Kind::fixed, 0, 1, 1, value_text(argument.value)};
        }
        if (std::optional<Term> found = known_term(column, argument)) {
            return *found;
        }
        unknowns_.push_back({column, argument.name, block_.body().items[item].path,
                             argument.is_channels, "", std::nullopt});
        return {Term::Kind::parameter, unknowns_.size() - 1, 1, 1, ""};
    }

    std::optional<Term> known_term(const Column &column, const Argument &argument) {
        for (size_t p = 0; p < unknowns_.size(); ++p) {
            Unknown &unknown = unknowns_[p];
            const bool kind =
                argument.is_channels ? unknown.is_channels : unknown.hint == argument.name;
            if (kind && agree(column, unknown.column)) {
                for (size_t i = 0; i < count_; ++i) {
                    if (!unknown.column[i]) {
                        unknown.column[i] = column[i];
                    }
                }
                return Term{Term::Kind::parameter, p, 1, 1, ""};
            }
            if (argument.name == "padding" && unknown.hint == "kernel" &&
                is_half(column, unknown.column)) {
                return Term{Term::Kind::parameter, p, 1, 2, ""};
            }
        }
        return argument.is_channels ? channel_term(column) : std::nullopt;
    }

    std::optional<Term> channel_term(const Column &column) {
        const bool any = !channels_.empty();
        if (any && agree(column, channels_)) {
            return Term{Term::Kind::channels, 0, 1, 1, ""};
        }
        for (size_t p = 0; p < unknowns_.size(); ++p) {
            const int64_t k = unknowns_[p].is_channels ? factor(column, unknowns_[p].column) : 0;
            if (k) {
                return Term{Term::Kind::parameter, p, k, 1, ""};
            }
        }
        if (const int64_t k = any ? factor(column, channels_) : 0) {
            return Term{Term::Kind::channels, 0, k, 1, ""};
        }
        if (const int64_t k = any ? quotient(column, channels_) : 0) {
            return Term{Term::Kind::channels, 0, 1, k, ""};
        }
        for (size_t p = 0; p < unknowns_.size(); ++p) {
            const int64_t k = unknowns_[p].is_channels ? quotient(column, unknowns_[p].column) : 0;
            if (k) {
                return Term{Term::Kind::parameter, p, 1, k, ""};
            }
        }
        return std::nullopt;
    }

    // An instance without the part that needs a parameter may give any value: the usual one.
    void fill_gaps() {
        for (Unknown &unknown : unknowns_) {
            const Value usual = most_frequent(unknown.column).first;
            for (std::optional<Value> &value : unknown.column) {
                if (!value) {
                    value = usual;
                }
            }
        }
    }

    // --- Names

    void name_parameters() {
        for (Unknown &unknown : unknowns_) {
            if (unknown.is_channels && agree(unknown.column, result_channels())) {
                unknown.name = unique("channels");
            }
        }
        for (Unknown &unknown : unknowns_) {
            if (!unknown.name.empty()) {
                continue;
            }
            const std::string word = telling_word(unknown.path);
            if (!unknown.is_channels) {
                const bool taken = names_.count(unknown.hint) > 0;
                unknown.name =
                    unique(taken && !word.empty() ? word + "_" + unknown.hint : unknown.hint);
            } else {
                const bool own = unknown.hint != "out_channels" && unknown.hint != "out_features";
                const bool told = !word.empty() && unnamed_widths() > 1;
                unknown.name = unique(own ? unknown.hint : told ? word + "_channels" : "width");
            }
        }
    }

    // Counts of channels whose names are still to choose, or were chosen after their layers.
    size_t unnamed_widths() const {
        return size_t(std::count_if(unknowns_.begin(), unknowns_.end(), [](const Unknown &u) {
            return u.is_channels && u.name != "channels";
        }));
    }

    Column result_channels() const {
        Column column;
        for (const Instance &instance : block_.instances) {
            const std::vector<Operand> &results = instance.body.results;
            const bool item = !results.empty() && results[0].kind == Operand::Kind::item;
            const std::optional<int64_t> c =
                item ? extent(instance.body.items[size_t(results[0].index)].node) : std::nullopt;
            column.emplace_back();
            if (c) {
                column.back() = integer_value(*c);
            }
        }
        return column;
    }

    std::string unique(const std::string &wanted) {
        const std::string base = is_free_identifier(wanted) ? wanted : wanted + "_";
        std::string name = base;
        for (int number = 2; !names_.insert(name).second; ++number) {
            name = fmt::format("{}_{}", base, number);
        }
        return name;
    }

    // Channels are always given; of the rest, what most instances agree on need not be.
    void choose_fallbacks() {
        for (Unknown &unknown : unknowns_) {
            const auto [value, times] = most_frequent(unknown.column);
            if (!unknown.is_channels && times * 2 >= count_) {
                unknown.fallback = value;
            }
        }
    }

    // --- Text

    std::string text(const Term &term) const {
        if (term.kind == Term::Kind::fixed) {
            return term.text;
        }
        const std::string base =
            term.kind == Term::Kind::channels ? "x.channels" : unknowns_[term.parameter].name;
        return term.times > 1  ? fmt::format("{} * {}", term.times, base)
               : term.over > 1 ? fmt::format("{} // {}", base, term.over)
                               : base;
    }

    // Expressions that are needed often get a name.
    void write_arguments() {
        std::map<std::string, int> times;
        for (const Use &use : uses_) {
            times[text(use.term)] += use.term.times * use.term.over > 1;
        }
        std::map<std::string, std::string> named;
        std::map<Argument *, std::map<int, std::string>> lists; // their entries' texts
        for (const Use &use : uses_) {
            std::string expression = text(use.term);
            reads_channels_ |= use.term.kind == Term::Kind::channels;
            if (times[expression] > 2) {
                auto [entry, is_new] = named.emplace(expression, "");
                if (is_new) {
                    const Argument &first = argument_of(use);
                    const bool wide = first.is_channels;
                    entry->second = unique(wide ? "width" : first.name);
                    block_.lets.emplace_back(entry->second, expression);
                }
                expression = entry->second;
            }
            if (use.entry < 0) {
                argument_of(use).text = expression;
            } else {
                lists[&argument_of(use)][use.entry] = expression;
            }
        }
        for (const auto &[argument, texts] : lists) {
            int next = 0;
            argument->text = list_text(argument->value, texts, next);
        }
    }

    Argument &argument_of(const Use &use) {
        return block_.body().items[use.item].call.arguments[use.argument];
    }

    // --- Conditions

    // What tells the instances that have a segment from those that do not.
    std::string condition(size_t segment) {
        std::vector<bool> wanted;
        for (const Instance &instance : block_.instances) {
            wanted.push_back(instance.present[segment]);
        }
        if (const std::optional<Atom> atom = find_condition(all_atoms(), wanted)) {
            reads_channels_ |= atom->reads_channels;
            return atom->text;
        }
        return switch_for(segment, wanted);
    }

    // Channels against channels first: that is what most parts depend on.
    std::vector<Atom> all_atoms() const {
        std::vector<Atom> atoms;
        const Column results = result_channels();
        const bool known = std::all_of(results.begin(), results.end(), [](auto &v) { return v; });
        const std::string result = known && !channels_.empty() ? result_text(results) : "";
        if (!result.empty()) {
            add_atoms("x.channels", channels_, result, results, true, atoms);
        }
        for (const Unknown &unknown : unknowns_) {
            std::vector<Value> tried;
            for (const std::optional<Value> &value : unknown.column) {
                const bool old = std::any_of(tried.begin(), tried.end(),
                                             [&](const Value &v) { return same_value(v, *value); });
                if (old || unknown.is_channels || tried.size() >= 4 || atoms.size() >= max_atoms) {
                    continue;
                }
                tried.push_back(*value);
                add_atoms(unknown.name, unknown.column, value_text(*value), Column(count_, *value),
                          false, atoms);
            }
        }
        return atoms;
    }

    // The expression among the arguments that counts the result's channels.
    std::string result_text(const Column &results) const {
        for (const Use &use : uses_) {
            const Argument &argument = block_.body().items[use.item].call.arguments[use.argument];
            if (!argument.is_channels || use.term.kind != Term::Kind::parameter) {
                continue;
            }
            Column column = unknowns_[use.term.parameter].column;
            for (std::optional<Value> &value : column) {
                if (const int64_t *number = integer(value)) {
                    value = integer_value(*number * use.term.times / use.term.over);
                } else {
                    value.reset();
                }
            }
            const bool total = std::all_of(column.begin(), column.end(), [](auto &v) { return v; });
            if (total && agree(column, results)) {
                return argument.text;
            }
        }
        return "";
    }

    // A parameter of its own, where nothing else tells.
    std::string switch_for(size_t segment, const std::vector<bool> &present) {
        const Segment &where = block_.segments[segment];
        std::string name;
        for (int i = where.begin; i < where.end && name.empty(); ++i) {
            name = telling_word(block_.body().items[size_t(i)].path);
        }
        Unknown unknown;
        unknown.name = unique(name.empty() ? "extended" : name);
        for (const bool value : present) {
            unknown.column.push_back(boolean_value(value));
        }
        unknown.fallback = most_frequent(unknown.column).first;
        unknowns_.push_back(unknown);
        return unknown.name;
    }

    void finish() {
        for (const bool required : {true, false}) {
            for (const Unknown &unknown : unknowns_) {
                if (unknown.fallback.has_value() == required) {
                    continue;
                }
                Parameter parameter{unknown.name, {}, unknown.is_channels, unknown.fallback};
                for (const std::optional<Value> &value : unknown.column) {
                    parameter.values.push_back(*value);
                }
                block_.parameters.push_back(std::move(parameter));
            }
        }
        block_.reads_input = reads_channels_;
    }

    const Graph &graph_;
    Block &block_;
    const size_t count_;
    Column channels_; // of the first input; empty where it has none
    std::vector<Unknown> unknowns_;
    std::vector<Use> uses_;
    std::set<std::string> names_ = {"x", "y", "z", "shortcut", "skip"};
    bool reads_channels_ = false;
};

} // namespace

void parametrise(const Graph &graph, Block &block) {
    Parametriser(graph, block).run();
}

} // namespace cnnc::decompiler
