// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "schedules/near.h"

#include "schedules/shape.h"
#include "schedules/space.h"

#include <algorithm>
#include <cmath>

namespace cnnc {

namespace {

// What has to be the same, and what may differ by a factor.
struct Form {
    std::vector<int64_t> kind;
    std::vector<int64_t> extents;
};

Form contraction_form(const Contraction &s) {
    Form f{{s.depthwise(), s.in[0] == 1, s.out[0] == 1, s.axes[2].out > 1}, {s.c, s.k, s.n}};
    f.extents.push_back(s.groups);
    for (const Axis &a : s.axes)
        for (int64_t extent : {a.out, a.kernel, a.stride, a.dilation})
            f.extents.push_back(extent);
    return f;
}

int64_t product(const std::vector<int64_t> &extents) {
    int64_t all = 1;
    for (int64_t e : extents)
        all *= e;
    return all;
}

Form loops_form(const Loops &loops) {
    const int64_t inner = loops.extents.empty() ? 1 : loops.extents[0];
    Form f{{}, {inner, product(loops.extents)}};
    for (const auto &strides : loops.operands)
        f.kind.push_back(strides.empty() ? 1 : strides[0]);
    return f;
}

Form form_of(const Workload &w) {
    if (is_contraction(w))
        return contraction_form(contraction_of(w));
    return match(
        w.anchor, [&](const MaxPool &) { return contraction_form(pooling_of(w)); },
        [&](const AvgPool &) { return contraction_form(pooling_of(w)); },
        [&](const MatMul &) {
            const Product p = product_of(w);
            return Form{{p.b[0] == 1, p.swapped}, {p.m, p.n, p.k, p.batches()}};
        },
        [&](const Unary &) { return loops_form(pointwise_loops(w)); },
        [&](const Sample &) {
            const Sampling s = sampling_of(w);
            Form f = loops_form(s.loops);
            f.extents.push_back(s.all_taps());
            return f;
        },
        [&](const auto &) {
            const Reduction r = reduction_of(w);
            Form f = loops_form(r.kept);
            f.kind.push_back(r.in.empty() ? 1 : r.in[0] == 1);
            f.extents.push_back(product(r.extents));
            return f;
        });
}

} // namespace

std::optional<double> workload_distance(const Workload &a, const Workload &b) {
    if (a.anchor.index() != b.anchor.index())
        return std::nullopt;
    const Form fa = form_of(a), fb = form_of(b);
    if (fa.kind != fb.kind || fa.extents.size() != fb.extents.size())
        return std::nullopt;
    double distance = 0;
    for (size_t i = 0; i < fa.extents.size(); ++i)
        distance += std::fabs(std::log2(double(fa.extents[i]) / double(fb.extents[i])));
    return distance;
}

std::vector<NearRecord> near_records(const Workload &workload, const Target &target,
                                     const ScheduleBook &book, double limit, size_t most) {
    const Machine machine = machine_for(target);
    const std::string text = workload_text(workload);
    std::vector<NearRecord> found;
    for (const ScheduleRecord &record : book.records) {
        if (record.workload == text)
            continue;
        const Family *family = find_family(record.schedule.family);
        if (!family || !family_fits(*family, workload, machine))
            continue;
        const auto distance = workload_distance(workload, record.shape);
        if (distance && *distance <= limit && similar_machines(record.target, target))
            found.push_back({&record, *distance, {}});
    }
    std::stable_sort(found.begin(), found.end(), [](const NearRecord &a, const NearRecord &b) {
        return a.distance < b.distance;
    });
    std::vector<NearRecord> near;
    for (NearRecord &candidate : found) {
        if (near.size() >= most)
            break;
        const Family *family = find_family(candidate.record->schedule.family);
        const auto schedule =
            nearest_legal(search_space(*family, workload, machine), candidate.record->schedule);
        if (!schedule)
            continue;
        candidate.schedule = *schedule;
        near.push_back(std::move(candidate));
    }
    return near;
}

} // namespace cnnc
