// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Kernels are compiled to assembly by the compile service's workers, which read it themselves and
// send back numbers in place of an object.
#include "compiler/driver/static_report.h"

#include "compiler/codegen/hot_loop.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <ostream>

namespace cnnc {
namespace {

using Json = nlohmann::ordered_json;

std::string counted(int count, const char *one, const char *many) {
    return count == 0 ? fmt::format("no {}", many)
                      : fmt::format("{} {}", count, count == 1 ? one : many);
}

struct Code {
    HotLoop loop;
    LoopBound bound;
};

Code code_of(const KernelRequest &request) {
    Code code;
    code.loop = find_hot_loop(kernel_assembly(request), request.target);
    code.bound = loop_bound(code.loop, request.target);
    return code;
}

// The part of the CPU's FMA peak that the hot loop reaches; 0 where that is unknown.
double fraction_of_peak(const Code &code, double peak) {
    if (!code.bound.known || peak <= 0)
        return 0;
    return double(code.loop.flops) / code.bound.cycles / peak;
}

// ---- a network ----

// In place of an object.
std::string code_bytes(const Code &code, double peak) {
    const HotLoop &loop = code.loop;
    return Json{{"found", loop.found},
                {"instructions", loop.instructions},
                {"multiply_adds", loop.multiply_adds},
                {"loads", loop.loads},
                {"stores", loop.stores},
                {"spills", loop.spill_loads + loop.spill_stores},
                {"flops", loop.flops},
                {"known", code.bound.known},
                {"cycles", code.bound.cycles},
                {"fraction", fraction_of_peak(code, peak)},
                {"peak", peak}}
        .dump();
}

CompiledKernel analyze(const KernelRequest &request) {
    CompiledKernel kernel;
    kernel.symbol = kernel_symbol(request);
    kernel.object = code_bytes(code_of(request), peak_flops_per_cycle(request.target));
    return kernel;
}

struct Row {
    std::string name, op, schedule;
    int64_t macs = 0;
    Json code;

    bool counts() const {
        return macs > 0 && code["known"].get<bool>() && code["flops"].get<int64_t>() > 0;
    }
};

std::vector<Row> analyzed_rows(const Scheduled &scheduled, const CompileArguments &arguments,
                               Console &console) {
    const std::vector<KernelResult> results =
        compile_scheduled(scheduled, arguments, console, analyze);
    std::vector<Row> rows;
    for (size_t i = 0; i < results.size(); ++i) {
        const Kernel &kernel = scheduled.kernels.kernels[i];
        rows.push_back({kernel.name, kernel_op_name(kernel, scheduled.kernels.graph),
                        schedule_text(scheduled.choices[i].schedule),
                        workload_macs(kernel.workload), Json::parse(results[i].kernel.object)});
    }
    return rows;
}

// Multiply-adds of a layer take its loop's time; those that are not counted (no hot loop that
// multiplies and adds, no model) are left out.
struct Total {
    int64_t macs = 0, counted = 0;
    double peak_cycles = 0, cycles = 0;
    double fraction() const { return cycles > 0 ? peak_cycles / cycles : 0; }
};

Total total_of(const std::vector<Row> &rows) {
    Total total;
    for (const Row &row : rows) {
        total.macs += row.macs;
        if (!row.counts())
            continue;
        total.counted += row.macs;
        const double peak_cycles = 2 * double(row.macs) / row.code["peak"].get<double>();
        total.peak_cycles += peak_cycles;
        total.cycles += peak_cycles / row.code["fraction"].get<double>();
    }
    return total;
}

void print_json(const Scheduled &scheduled, const std::vector<Row> &rows, Console &console) {
    const Total total = total_of(rows);
    Json json = {{"network", scheduled.kernels.graph.name},
                 {"target", target_text(scheduled.target)},
                 {"cpu", scheduled.target.cpu},
                 {"macs", total.macs},
                 {"counted_macs", total.counted},
                 {"cycles", total.cycles},
                 {"fraction", total.fraction()},
                 {"layers", Json::array()}};
    for (const Row &row : rows) {
        Json layer = {{"name", row.name}, {"op", row.op}, {"macs", row.macs}};
        for (const char *key : {"instructions", "multiply_adds", "loads", "stores", "spills"})
            layer[key] = row.code[key];
        for (const char *key : {"cycles", "fraction"})
            layer[key] = row.code["known"].get<bool>() ? row.code[key] : Json(nullptr);
        layer["schedule"] = row.schedule;
        json["layers"].push_back(layer);
    }
    console.out << json.dump(2) << "\n";
}

std::string percent(double fraction) {
    return fmt::format("{:.0f}%", fraction * 100);
}

void print_text(const Scheduled &scheduled, const std::vector<Row> &rows, Console &console) {
    Table table({"LAYER", "OPERATOR", ">MACS", ">FMA", ">LOADS", ">STORES", ">SPILLS", ">INSTR",
                 ">CYCLES", ">OF PEAK", "SCHEDULE"});
    for (const Row &row : rows) {
        auto number = [&](const char *key) {
            return row.code["found"].get<bool>() ? fmt::format("{}", row.code[key].get<int>()) : "";
        };
        const bool known = row.code["known"].get<bool>();
        table.add({row.name, row.op, row.macs > 0 ? count_text(row.macs) : "",
                   number("multiply_adds"), number("loads"), number("stores"), number("spills"),
                   number("instructions"),
                   known ? fmt::format("{:.1f}", row.code["cycles"].get<double>()) : "",
                   row.counts() ? percent(row.code["fraction"].get<double>()) : "", row.schedule});
    }
    const Total total = total_of(rows);
    const Target &target = scheduled.target;
    console.out << table.text() << "\n"
                << fmt::format("{} on {}{}{}: hot loops, per iteration\n",
                               scheduled.kernels.graph.name, target_text(target),
                               target.cpu.empty() ? "" : " ", target.cpu);
    const bool multiplies = std::any_of(rows.begin(), rows.end(), [](const Row &row) {
        return row.macs > 0 && row.code["flops"].get<int64_t>() > 0;
    });
    if (!multiplies)
        console.out << "No cycles: no hot loop multiplies and adds\n";
    else if (total.counted == 0)
        console.out << "No cycles: LLVM has no model of this CPU's instructions\n";
    else
        console.out << fmt::format("{} of the FMA peak over {} of {} multiply-adds, by LLVM's "
                                   "model of the CPU and with data in the first cache\n",
                                   percent(total.fraction()), count_text(total.counted),
                                   count_text(total.macs));
}

} // namespace

std::string hot_loop_text(const KernelRequest &request) {
    const Code code = code_of(request);
    const HotLoop &loop = code.loop;
    if (!loop.found)
        return "Hot loop: none, the code runs straight through\n";
    std::string text =
        fmt::format("Hot loop, per iteration: {}, {}, {}, {} of vectors; {} in all\n",
                    counted(loop.multiply_adds, "multiply-add", "multiply-adds"),
                    counted(loop.loads, "load", "loads"), counted(loop.stores, "store", "stores"),
                    counted(loop.spill_loads + loop.spill_stores, "spill", "spills"),
                    counted(loop.instructions, "instruction", "instructions"));
    if (!code.bound.known)
        return text + "LLVM has no model of this CPU's instructions to count cycles by\n";
    text += fmt::format("{:.1f} cycles by LLVM's model of the CPU", code.bound.cycles);
    if (loop.flops == 0)
        return text + "\n";
    return text +
           fmt::format(", {} of its FMA peak\n",
                       percent(fraction_of_peak(code, peak_flops_per_cycle(request.target))));
}

void print_static_report(const Scheduled &scheduled, const CompileArguments &arguments, bool json,
                         Console &console) {
    if (gpu_api(scheduled.target) != GpuApi::none)
        throw Failure{
            exit_bad_command_line,
            "--static reads the machine code of CPUs; this target's kernels run on a GPU"};
    const std::vector<Row> rows = analyzed_rows(scheduled, arguments, console);
    if (json)
        print_json(scheduled, rows, console);
    else
        print_text(scheduled, rows, console);
}

} // namespace cnnc
