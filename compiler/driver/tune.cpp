// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// cnnc tune: faster schedules for a network's layers, by measuring. The file of records is always
// whole and the best so far; what has been tried stands beside it, so that an interrupted run goes
// on where it was.
#include "compiler/codegen/versions.h"
#include "compiler/driver/command_line.h"
#include "compiler/driver/commands.h"
#include "compiler/driver/compile.h"
#include "compiler/driver/execute.h"
#include "compiler/driver/files.h"
#include "compiler/driver/network.h"
#include "compiler/driver/tune_report.h"
#include "compiler/execute/roofline.h"
#include "compiler/sema/call_text.h"
#include "compiler/tune/trial_log.h"
#include "compiler/tune/workbench.h"
#include "schedules/near.h"
#include "schedules/record_file.h"

#include <CLI/CLI.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <ostream>

namespace cnnc {
namespace {

struct Options {
    NetworkArguments network;
    CompileArguments compile;
    PlaceArguments place;
    std::string budget;
    std::string output;
    std::vector<std::string> layers;
    int trials = 0;
    int threads = 1;
    uint64_t seed = 1;
};

constexpr double default_budget = 600;
// Records of shapes this far away are worth a trial.
constexpr double worth_a_trial = 6;
constexpr size_t most_near = 3;

// ---- the end by Ctrl-C ----

volatile std::sig_atomic_t end_asked = 0;

// While it lives, SIGINT and SIGTERM ask for an end; a second one is not held up.
class Interrupts {
  public:
    Interrupts() {
        end_asked = 0;
        struct sigaction action = {};
        action.sa_handler = [](int) { end_asked = 1; };
        action.sa_flags = int(SA_RESETHAND);
        sigaction(SIGINT, &action, &before_[0]);
        sigaction(SIGTERM, &action, &before_[1]);
    }
    ~Interrupts() {
        sigaction(SIGINT, &before_[0], nullptr);
        sigaction(SIGTERM, &before_[1], nullptr);
    }
    Interrupts(const Interrupts &) = delete;
    Interrupts &operator=(const Interrupts &) = delete;

  private:
    struct sigaction before_[2] = {};
};

// ---- what is to be tuned ----

bool chosen(const std::vector<std::string> &patterns, const std::string &layer) {
    return patterns.empty() ||
           std::any_of(patterns.begin(), patterns.end(), [&](const std::string &pattern) {
               return ScheduleOverride{pattern, ""}.matches(layer);
           });
}

// A pattern that names no layer is a mistake the user wants to hear of.
void check_patterns(const std::vector<std::string> &patterns, const KernelGraph &kernels) {
    std::vector<std::string> names;
    for (const Kernel &kernel : kernels.kernels)
        names.push_back(kernel.name);
    for (const std::string &pattern : patterns) {
        const bool matches = std::any_of(names.begin(), names.end(), [&](const std::string &name) {
            return chosen({pattern}, name);
        });
        if (matches)
            continue;
        const std::string near = nearest_name(pattern, names);
        throw Failure{exit_bad_command_line,
                      fmt::format("--layers: no kernel is called `{}`{}", pattern,
                                  near.empty() ? "" : fmt::format("; did you mean `{}`?", near))};
    }
}

// Layers with the same workload are one task.
std::vector<TuneTask> tasks_of(const KernelGraph &kernels, const Machine &machine,
                               const std::vector<std::string> &layers) {
    std::vector<TuneTask> tasks;
    std::map<std::string, size_t> index;
    // What is left in the last cache, others may have taken, and it is far away as well.
    const bool cold = weight_bytes(kernels) > machine.l2_bytes;
    for (const Kernel &kernel : kernels.kernels) {
        if (!chosen(layers, kernel.name))
            continue;
        const auto [it, added] = index.emplace(workload_text(kernel.workload), tasks.size());
        if (added)
            tasks.push_back({kernel.name, kernel.workload, 0,
                             cold && workload_weight(kernel.workload).has_value()});
        tasks[it->second].count++;
    }
    return tasks;
}

// ---- the files ----

std::string text_of_file(const std::string &path) {
    return std::filesystem::exists(path) ? read_whole_file(path) : "";
}

// Lines are added to the end, each at once and whole.
class TrialFile {
  public:
    explicit TrialFile(const std::string &path) : path_(path) {
        fd_ = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        if (fd_ < 0)
            refuse();
    }
    ~TrialFile() { close(fd_); }
    TrialFile(const TrialFile &) = delete;
    TrialFile &operator=(const TrialFile &) = delete;

    void add(const std::string &line) const {
        if (write(fd_, line.data(), line.size()) != ssize_t(line.size()))
            refuse();
    }

  private:
    [[noreturn]] void refuse() const {
        throw Failure{exit_environment,
                      fmt::format("cannot write `{}`: {}", path_, strerror(errno))};
    }
    std::string path_;
    int fd_ = -1;
};

std::string machine_name(const Place &place) {
    if (!place.runner.empty())
        return "behind " + place.runner;
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);)
        if (line.rfind("model name", 0) == 0 && line.find(": ") != std::string::npos)
            return line.substr(line.find(": ") + 2);
    return target_text(host_target());
}

std::string provenance(const TaskState &state, const Place &place, const Options &options) {
    std::string text =
        fmt::format("{:%Y-%m-%d}, cnnc {}, {}, {}, {} the default's speed",
                    fmt::gmtime(std::time(nullptr)), cnnc_version(), machine_name(place),
                    count_text(size_t(options.threads), "thread"), gain_text(state.score));
    if (state.least_seconds > 0)
        text += fmt::format(", {:.0f}% of the roofline", 100 * state.least_seconds / state.seconds);
    if (state.task.cold_weights)
        text += ", weights from memory";
    text += fmt::format(", {} trials", state.trials);
    std::replace(text.begin(), text.end(), '|', '/');
    return text;
}

ScheduleRecord record_of(const TaskState &state, const Place &place, const Options &options) {
    ScheduleRecord record;
    record.target = place.target;
    record.workload = workload_text(state.task.workload);
    record.shape = state.task.workload;
    record.schedule = state.best;
    record.milliseconds = state.seconds * 1e3;
    record.provenance = provenance(state, place, options);
    return record;
}

// ---- where the search begins ----

std::vector<TuneStart> starts_of(const std::vector<TuneTask> &tasks, const Target &target,
                                 const ScheduleBook &earlier, const ScheduleBook &others,
                                 const std::map<std::string, std::vector<Tried>> &trials) {
    std::vector<TuneStart> starts;
    const Machine machine = machine_for(target);
    for (const TuneTask &task : tasks) {
        TuneStart start;
        const ScheduleChoice own = choose_schedule(task.layer, task.workload, target, earlier);
        if (own.origin.rfind("record", 0) == 0)
            start.incumbent = own.schedule;
        for (const ScheduleBook *book : {&earlier, &others}) {
            const ScheduleChoice known = choose_schedule(task.layer, task.workload, target, *book);
            if (known.origin != "default")
                start.known.push_back(known.schedule);
            for (NearRecord &near :
                 near_records(task.workload, target, *book, worth_a_trial, most_near))
                start.known.push_back(std::move(near.schedule));
        }
        const auto tried = trials.find(workload_text(task.workload));
        if (tried != trials.end())
            for (const Tried &t : tried->second)
                if (schedule_problem(task.workload, machine, t.schedule).empty())
                    start.tried.push_back(t);
        starts.push_back(std::move(start));
    }
    return starts;
}

// ---- the command ----

struct Session {
    const Options &options;
    Place place;
    std::vector<TuneTask> tasks;
    std::string path;
    std::map<std::string, ScheduleRecord> records; // found in this run
};

void write_records(Session &session) {
    std::vector<ScheduleRecord> records;
    for (const auto &[key, record] : session.records)
        records.push_back(record);
    write_file_whole(session.path, with_records(text_of_file(session.path), records));
}

void report_failure(const Session &session, const TaskState &state, const Schedule &schedule,
                    const Verdict &verdict, TuneReport &report) {
    if (verdict.fate == Fate::timed || verdict.fate == Fate::not_compiled)
        return;
    const Options &options = session.options;
    report.say(failure_text(state.task.layer, schedule, verdict,
                            verify_command(options.network, options.compile, options.place,
                                           state.task.layer, schedule)));
}

TuneEvents events_of(Session &session, TuneReport &report, const TrialFile &trials) {
    TuneEvents events;
    events.progress = [&](const TaskState &state, const TuneProgress &progress) {
        report.progress(state, progress);
    };
    events.improved = [&](const TaskState &state) {
        const ScheduleRecord record = record_of(state, session.place, session.options);
        session.records[record_key(record)] = record;
        write_records(session);
        report.improved(state);
    };
    events.tried = [&](const TaskState &state, const Schedule &schedule, double score,
                       const Verdict &verdict) {
        trials.add(trial_line(session.place.target, session.options.threads,
                              workload_text(state.task.workload), schedule, score, verdict.fate));
        report_failure(session, state, schedule, verdict, report);
    };
    return events;
}

TuneOptions tune_options(const Options &options) {
    TuneOptions tuning;
    tuning.trials = options.trials;
    tuning.threads = options.threads;
    tuning.seed = options.seed;
    tuning.seconds = options.trials > 0 ? 1e9 : default_budget;
    if (!options.budget.empty())
        tuning.seconds = *parse_duration(options.budget);
    return tuning;
}

int conclude(const Session &session, const TuneResult &result, Console &console) {
    const bool measured =
        std::any_of(result.tasks.begin(), result.tasks.end(),
                    [](const TaskState &state) { return state.base_seconds > 0; });
    if (measured)
        console.out << tune_table(result);
    int code = exit_ok;
    for (const TaskState &state : result.tasks)
        if (!state.problem.empty()) {
            console.err << fmt::format("cnnc: warning: {} is left as it is: {}\n", state.task.layer,
                                       state.problem);
            code = exit_bug;
        }
    if (!result.unavailable.empty())
        throw Failure{exit_environment, result.unavailable};
    console.err << fmt::format("{} trials in {}{}; records in {}\n", result.trials,
                               duration_text(result.elapsed), result.stopped ? ", interrupted" : "",
                               session.path);
    if (code == exit_bug)
        throw Failure{exit_bug, "a default schedule cannot be measured"};
    return code;
}

// A file of another kind is not to be added to.
ScheduleBook earlier_records(const std::string &path, Console &console) {
    ScheduleBook book;
    const std::vector<std::string> problems = read_records(text_of_file(path), path, book);
    if (book.records.empty() && !problems.empty())
        throw Failure{exit_bad_command_line,
                      fmt::format("--output {}: this file holds no records but something else; "
                                  "give another name",
                                  path)};
    warn_of_skipped(problems, console);
    return book;
}

int tune_network(const Options &options, Console &console) {
    const Target target = chosen_target(options.compile);
    const Graph graph = load_graph(options.network, {}, Need::shapes, console);
    CompileArguments without_records = options.compile; // only the kernels are of interest
    without_records.schedule_files.clear();
    without_records.no_records = true;
    const Scheduled scheduled = schedule_network(graph, without_records, console);
    check_patterns(options.layers, scheduled.kernels);
    Session session = {options,
                       chosen_place(target, options.place),
                       tasks_of(scheduled.kernels, machine_for(target), options.layers),
                       options.output.empty() ? graph.name + ".sched" : options.output,
                       {}};
    const ScheduleBook earlier = earlier_records(session.path, console);
    const std::string trials_path = session.path + ".tried";
    const auto starts =
        starts_of(session.tasks, target, earlier, read_book(options.compile, console),
                  read_trials(text_of_file(trials_path), target, options.threads));
    const TrialFile trials(trials_path);
    const TuneOptions tuning = tune_options(options);
    const Interrupts interrupts;
    WorkbenchOptions workbench_options = {session.place,        options.threads,
                                          options.compile.jobs, !options.compile.no_cache,
                                          options.seed,         [] { return end_asked != 0; }};
    Workbench workbench(workbench_options);
    TuneResult result;
    {
        TuneReport report(console, tuning.seconds, tuning.trials);
        result = tune(session.tasks, starts, machine_for(target), tuning, workbench.laboratory(),
                      events_of(session, report, trials));
    }
    return conclude(session, result, console);
}

std::string check_duration(const std::string &text) {
    return parse_duration(text)
               ? ""
               : fmt::format("takes a time as in 90s, 10m or 1h30m, not `{}`", text);
}

} // namespace

void add_tune_command(CLI::App &app, Action &action) {
    auto options = std::make_shared<Options>();
    CLI::App *command = app.add_subcommand("tune", "Search faster schedules by measuring");
    add_network_arguments(*command, options->network);
    auto *budget = command
                       ->add_option("--budget", options->budget,
                                    "Time to spend, as in 10m or 1h30m (default: 10m)")
                       ->type_name("TIME")
                       ->check(check_duration);
    command
        ->add_option("--trials", options->trials,
                     "Candidates to try, over all layers, instead of a time")
        ->type_name("N")
        ->check(whole_number(1, 1000000))
        ->excludes(budget);
    command
        ->add_option("-o,--output", options->output,
                     "File of records to write, and to go on from (default: NAME.sched)")
        ->type_name("F.sched");
    add_repeatable(*command, "--layers", options->layers,
                   "Only this layer, or those whose names begin so: 'layer1.*'", "LAYER");
    add_thread_argument(*command, options->threads);
    command->add_option("--seed", options->seed, "Of the search and of the data it runs on")
        ->type_name("SEED")
        ->capture_default_str()
        ->check(whole_number(0));
    add_compile_arguments(*command, options->compile);
    add_place_arguments(*command, options->place);
    command->callback([options, &action] {
        action = [options](Console &console) { return tune_network(*options, console); };
    });
}

} // namespace cnnc
