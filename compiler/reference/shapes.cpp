// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operators that only move elements.
#include "compiler/reference/call.h"

#include <algorithm>

namespace cnnc::reference {

TensorD evaluate(const Concat &c, const Call &call) {
    TensorD result = call.result();
    const int64_t outer = product(result.shape.begin(), result.shape.begin() + c.dim);
    auto to = result.values.begin();
    for (int64_t i = 0; i < outer; ++i) {
        for (const TensorD *operand : call.operands) {
            const int64_t run = int64_t(operand->values.size()) / outer;
            to = std::copy_n(operand->values.begin() + i * run, run, to);
        }
    }
    return result;
}

namespace {

// The operand's elements met from `start` with a stride per dimension of the result.
TensorD walk(const Call &call, std::vector<int64_t> strides, int64_t start = 0) {
    TensorD result = call.result();
    auto to = result.values.begin();
    for_each_offset<1>(result.shape, {std::move(strides)},
                       [&](const Offsets<1> &at) { *to++ = call.operand().values[size_t(at[0])]; },
                       {start});
    return result;
}

} // namespace

TensorD evaluate(const Slice &s, const Call &call) {
    std::vector<int64_t> strides = row_major_strides(call.operand().shape);
    int64_t start = 0;
    for (size_t d = 0; d < strides.size(); ++d) {
        start += s.starts[d] * strides[d];
        strides[d] *= s.steps[d];
    }
    return walk(call, std::move(strides), start);
}

TensorD evaluate(const Permute &p, const Call &call) {
    const std::vector<int64_t> strides = row_major_strides(call.operand().shape);
    std::vector<int64_t> permuted;
    for (int64_t dim : p.dims) {
        permuted.push_back(strides[size_t(dim)]);
    }
    return walk(call, std::move(permuted));
}

TensorD evaluate(const Expand &, const Call &call) {
    return walk(call, broadcast_strides(call.operand().shape, call.node.type.shape));
}

TensorD evaluate(const Flatten &, const Call &call) {
    return call.same_elements();
}
TensorD evaluate(const Reshape &, const Call &call) {
    return call.same_elements();
}

// --- Along one dimension after the other ---------------------------------------------------------

TensorD pick(const TensorD &x, int64_t dim, const std::vector<int64_t> &index, double fill) {
    const Lines from = lines_along(x.shape, dim);
    TensorD result = {x.shape, {}};
    result.shape[size_t(dim)] = int64_t(index.size());
    result.values.reserve(size_t(element_count(result.shape)));
    for (int64_t i = 0; i < from.outer; ++i) {
        for (int64_t place : index) {
            if (place < 0) {
                result.values.insert(result.values.end(), size_t(from.inner), fill);
                continue;
            }
            const auto run = x.values.begin() + (i * from.extent + place) * from.inner;
            result.values.insert(result.values.end(), run, run + from.inner);
        }
    }
    return result;
}

namespace {

// Which element of `extent` a padded position is, -1 for none.
int64_t padded_source(PadMode mode, int64_t position, int64_t extent) {
    if (position >= 0 && position < extent) {
        return position;
    }
    switch (mode) {
    case PadMode::constant:
        return -1;
    case PadMode::reflect: // without repeating the border
        return position < 0 ? -position : 2 * (extent - 1) - position;
    case PadMode::replicate:
        return position < 0 ? 0 : extent - 1;
    case PadMode::circular:
        return position < 0 ? position + extent : position - extent;
    }
    return -1;
}

} // namespace

TensorD evaluate(const Pad &p, const Call &call) {
    TensorD result = call.operand();
    for (size_t d = 0; d < p.lo.size(); ++d) {
        std::vector<int64_t> index;
        for (int64_t i = -p.lo[d]; i < result.shape[d] + p.hi[d]; ++i) {
            index.push_back(padded_source(p.mode, i, result.shape[d]));
        }
        result = pick(result, int64_t(d), index, cast(DType::f32, call.result_type(), p.value));
    }
    return result;
}

TensorD evaluate(const Tile &t, const Call &call) {
    TensorD result = call.operand();
    for (size_t d = 0; d < t.repeats.size(); ++d) {
        std::vector<int64_t> index;
        for (int64_t i = 0; i < result.shape[d] * t.repeats[d]; ++i) {
            index.push_back(i % result.shape[d]);
        }
        result = pick(result, int64_t(d), index);
    }
    return result;
}

TensorD evaluate(const IndexSelect &s, const Call &call) {
    return pick(call.operand(), s.dim, s.index);
}

// --- Between channels and space ------------------------------------------------------------------

namespace {

// Every element of the result from where `source` says, an index of the operand.
template <typename Source>
TensorD rearrange(const Call &call, const Source &source) {
    const std::vector<int64_t> strides = row_major_strides(call.operand().shape);
    TensorD result = call.result();
    auto to = result.values.begin();
    for_each_index(result.shape, [&](const Shape &o) {
        const Shape at = source(o);
        int64_t offset = 0;
        for (size_t d = 0; d < at.size(); ++d) {
            offset += at[d] * strides[d];
        }
        *to++ = call.operand().values[size_t(offset)];
    });
    return result;
}

} // namespace

TensorD evaluate(const PixelShuffle &p, const Call &call) {
    const int64_t r = p.upscale_factor;
    return rearrange(call, [&](const Shape &o) {
        return Shape{o[0], o[1] * r * r + o[2] % r * r + o[3] % r, o[2] / r, o[3] / r};
    });
}

TensorD evaluate(const PixelUnshuffle &p, const Call &call) {
    const int64_t r = p.downscale_factor;
    return rearrange(call, [&](const Shape &o) {
        return Shape{o[0], o[1] / (r * r), o[2] * r + o[1] / r % r, o[3] * r + o[1] % r};
    });
}

TensorD evaluate(const ChannelShuffle &s, const Call &call) {
    const int64_t per_group = call.operand().shape[1] / s.groups;
    return rearrange(call, [&](const Shape &o) {
        Shape at = o;
        at[1] = o[1] % s.groups * per_group + o[1] / s.groups;
        return at;
    });
}

} // namespace cnnc::reference
