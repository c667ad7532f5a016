// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "schedules/record_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

namespace cnnc {

std::string record_key(const ScheduleRecord &r) {
    return fmt::format("{} {} | {}", target_text(r.target), r.target.cpu, r.workload);
}

std::vector<ScheduleRecord> best_records(std::vector<ScheduleRecord> records) {
    std::map<std::string, ScheduleRecord> best;
    for (ScheduleRecord &record : records) {
        const std::string key = record_key(record);
        const auto it = best.find(key);
        // Equal times: the text decides, not the order.
        auto rank = [](const ScheduleRecord &r) {
            return std::tuple(r.milliseconds, record_text(r));
        };
        if (it == best.end())
            best.emplace(key, std::move(record));
        else if (rank(record) < rank(it->second))
            it->second = std::move(record);
    }
    std::vector<ScheduleRecord> sorted;
    for (auto &[key, record] : best)
        sorted.push_back(std::move(record));
    return sorted;
}

std::vector<ScheduleRecord> needed_records(const std::vector<ScheduleRecord> &records) {
    std::vector<bool> needed;
    for (const ScheduleRecord &r : records)
        needed.push_back(!(r.schedule == default_schedule(r.shape, machine_for(r.target))));
    ScheduleBook book;
    auto collect = [&] {
        book.records.clear();
        for (size_t i = 0; i < records.size(); ++i)
            if (needed[i])
                book.records.push_back(records[i]);
    };
    collect();
    // One that is kept may stand in for another: until there is no more.
    for (bool grown = true; grown;) {
        grown = false;
        for (size_t i = 0; i < records.size(); ++i) {
            const ScheduleRecord &r = records[i];
            if (needed[i] || choose_schedule("", r.shape, r.target, book).schedule == r.schedule)
                continue;
            needed[i] = grown = true;
            collect();
        }
    }
    return book.records;
}

std::string records_text(const std::vector<ScheduleRecord> &records) {
    std::string text;
    for (const ScheduleRecord &record : records)
        text += record_text(record) + "\n";
    return text;
}

std::string with_records(std::string_view text, const std::vector<ScheduleRecord> &records) {
    std::map<std::string, const ScheduleRecord *> waiting;
    for (const ScheduleRecord &record : records)
        waiting[record_key(record)] = &record;
    const auto replaced = waiting;
    std::string result;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        ScheduleBook book;
        read_records(line, "", book);
        const std::string key = book.records.empty() ? "" : record_key(book.records[0]);
        if (replaced.count(key) == 0)
            result += std::string(line) + "\n";
        else if (waiting.count(key) != 0)
            result += record_text(*waiting[key]) + "\n";
        waiting.erase(key);
    }
    for (const ScheduleRecord &record : records)
        if (waiting.count(record_key(record)) != 0)
            result += record_text(record) + "\n";
    return result;
}

} // namespace cnnc
