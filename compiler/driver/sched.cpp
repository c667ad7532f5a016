// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// cnnc sched: files of records by hand: what is in them, putting them together, thinning them out.
#include "compiler/driver/commands.h"
#include "compiler/driver/compile.h"
#include "compiler/driver/files.h"
#include "compiler/driver/network.h"
#include "compiler/sema/call_text.h"
#include "schedules/record_file.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <memory>
#include <ostream>

namespace cnnc {
namespace {

struct Options {
    std::vector<std::string> files;
    std::string pattern; // of `show`
    std::string output;
};

void read_all(const Options &options, ScheduleBook &book, Console &console) {
    for (const std::string &path : options.files)
        warn_of_skipped(read_records(read_whole_file(path), path, book), console);
}

std::string target_and_cpu(const ScheduleRecord &r) {
    return target_text(r.target) + (r.target.cpu.empty() ? "" : " " + r.target.cpu);
}

int list(const Options &options, Console &console) {
    ScheduleBook book;
    read_all(options, book, console);
    Table table({"WHERE", "TARGET", ">MS", "FAMILY", "WORKLOAD"});
    for (const ScheduleRecord &r : book.records)
        table.add(
            {r.source, target_and_cpu(r), ms_text(r.milliseconds), r.schedule.family, r.workload});
    console.out << table.text();
    return exit_ok;
}

int show(const Options &options, Console &console) {
    ScheduleBook book;
    read_all(options, book, console);
    bool found = false;
    for (const ScheduleRecord &r : book.records) {
        if (r.workload.find(options.pattern) == std::string::npos &&
            r.source.find(options.pattern) == std::string::npos)
            continue;
        found = true;
        const Schedule base = default_schedule(r.shape, machine_for(r.target));
        console.out << fmt::format(
            "{}\n  workload  {}\n  target    {}\n  schedule  {}\n  default   {}\n  time      "
            "{:.6g} "
            "ms\n  measured  {}\n",
            r.source, r.workload, target_and_cpu(r), schedule_text(r.schedule),
            r.schedule == base ? "the same" : schedule_text(base), r.milliseconds, r.provenance);
    }
    if (!found)
        throw Failure{exit_bad_input, fmt::format("no record matches `{}`", options.pattern)};
    return exit_ok;
}

void put_out(const Options &options, const std::string &text, Console &console) {
    if (options.output.empty())
        console.out << text;
    else
        write_file_whole(options.output, text);
}

int merge(const Options &options, Console &console) {
    ScheduleBook book;
    read_all(options, book, console);
    const size_t before = book.records.size();
    const auto merged = best_records(std::move(book.records));
    put_out(options, records_text(merged), console);
    console.err << fmt::format("{} of {} records kept\n", merged.size(), before);
    return exit_ok;
}

int prune(const Options &options, Console &console) {
    ScheduleBook book;
    read_all(options, book, console);
    const size_t before = book.records.size();
    const std::vector<ScheduleRecord> best = best_records(std::move(book.records));
    const std::vector<ScheduleRecord> kept = needed_records(best);
    auto next = kept.begin();
    for (const ScheduleRecord &r : best)
        if (next != kept.end() && next->source == r.source)
            ++next;
        else
            console.err << fmt::format("{}: dropped: the default model says the same\n", r.source);
    put_out(options, records_text(kept), console);
    console.err << fmt::format("{} of {} records kept\n", kept.size(), before);
    return exit_ok;
}

int check(const Options &options, Console &console) {
    ScheduleBook book;
    size_t bad = 0;
    for (const std::string &path : options.files)
        for (const std::string &problem : read_records(read_whole_file(path), path, book)) {
            console.err << fmt::format("cnnc: error: {}\n", problem);
            ++bad;
        }
    console.err << fmt::format("{}, {} that cannot be used\n",
                               count_text(book.records.size(), "record"), count_text(bad, "line"));
    return bad == 0 ? exit_ok : exit_bad_input;
}

CLI::App *add_command(CLI::App &sched, const char *name, const char *about,
                      const std::shared_ptr<Options> &options, Action &action,
                      int (*run)(const Options &, Console &)) {
    CLI::App *command = sched.add_subcommand(name, about);
    command->callback([options, &action, run] {
        action = [options, run](Console &console) { return run(*options, console); };
    });
    return command;
}

void add_files(CLI::App *command, const std::shared_ptr<Options> &options) {
    command->add_option("FILE", options->files, "Files of records")->type_name("")->required();
}

} // namespace

void add_sched_command(CLI::App &app, Action &action) {
    auto options = std::make_shared<Options>();
    CLI::App *sched = app.add_subcommand("sched", "List, merge and check files of records");
    sched->require_subcommand(1);
    add_files(add_command(*sched, "list", "A line for each record", options, action, list),
              options);
    CLI::App *shown =
        add_command(*sched, "show", "Everything about some records", options, action, show);
    shown->add_option("PATTERN", options->pattern, "Part of a workload, or FILE:LINE")
        ->type_name("")
        ->required();
    add_files(shown, options);
    CLI::App *merged =
        add_command(*sched, "merge", "The best record for each target and workload, sorted",
                    options, action, merge);
    CLI::App *pruned =
        add_command(*sched, "prune", "The same without those that change no layer's schedule",
                    options, action, prune);
    for (CLI::App *command : {merged, pruned}) {
        add_files(command, options);
        command->add_option("-o,--output", options->output, "Write this file, not standard output")
            ->type_name("F.sched");
    }
    add_files(
        add_command(*sched, "check", "Whether every line can be used", options, action, check),
        options);
}

} // namespace cnnc
