// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A transposed convolution as a convolution. The result's positions t = m * s + r, r in [0, s)
// being the phase, need just the taps j of the kernel with j mod s = r:
//
//     y[m * s + r] = sum over u of x[m - u] * w[u * s + r]
//
// which is a convolution with a kernel of ceil(k / s) elements per phase. All phases together are
// one convolution with s times as many channels, whose results are interleaved behind it. Biases
// and activations stay in front of the interleaving, in the convolution's kernel.
#include "compiler/passes/passes.h"
#include "compiler/passes/sample_tables.h"

#include <algorithm>
#include <numeric>

namespace cnnc {
namespace {

// One spatial dimension.
struct Axis {
    int64_t in, kernel, stride, dilation, pad_lo, out;
    // Of the convolution: taps per phase (spread by the dilation where there is one phase),
    // padding, and the first position of the interleaved result that counts.
    int64_t taps = 1, lo = 0, hi = 0, begin = 0;

    int64_t span() const { return dilation * (taps - 1); }
    // Positions of each phase.
    int64_t places() const { return in + lo + hi - span(); }
    // The kernel's element that tap u of the convolution's kernel is in phase r, or -1.
    int64_t element(int64_t u, int64_t phase) const {
        const int64_t j = (taps - 1 - u) * stride + phase;
        return j < kernel ? j : -1;
    }
};

// What does not fit the phases: dilated kernels, of which each phase would be mostly zeros, and
// strides with many phases that have no tap at all.
bool needs_zeros_between(const Axis &a) {
    return a.stride > 1 && (a.dilation > 1 || a.stride > 2 * a.kernel);
}

// Positions wanted are [pad_lo, pad_lo + out) of the uncropped result. Where the convolution's
// padding would have to be negative it computes more, which is cropped.
void plan_axis(Axis &a) {
    a.taps = a.stride == 1 ? a.kernel : (a.kernel + a.stride - 1) / a.stride;
    const int64_t first = a.pad_lo / a.stride, last = (a.pad_lo + a.out - 1) / a.stride;
    a.lo = std::max<int64_t>(0, a.span() - first);
    const int64_t start = a.span() - a.lo; // the first position that is computed
    a.hi = std::max<int64_t>(0, last - start + 1 + a.span() - a.in - a.lo);
    a.begin = a.pad_lo - start * a.stride;
}

// The weight [C, K / groups, kernel...] as [groups * phases * K / groups, C / groups, taps...].
class Weights {
  public:
    Weights(const ConvTranspose &conv, const std::vector<Axis> &axes, const Param &weight)
        : conv_(conv), axes_(axes), channels_(weight.type.shape[0] / conv.groups),
          out_channels_(conv.out_channels / conv.groups), weight_(weight) {
        for (const Axis &a : axes) {
            taps_.push_back(a.taps);
            phases_.push_back(a.stride);
            kernel_elements_ *= a.kernel;
        }
    }

    TensorData weight() const {
        if (!weight_.data.defined())
            return {};
        Shape shape{conv_.out_channels * element_count(phases_), channels_};
        shape.insert(shape.end(), taps_.begin(), taps_.end());
        std::vector<float> values;
        values.reserve(size_t(element_count(shape)));
        for (int64_t g = 0; g < conv_.groups; g++)
            for (int64_t phase = 0; phase < element_count(phases_); phase++)
                for (int64_t k = 0; k < out_channels_; k++)
                    for (int64_t c = 0; c < channels_; c++)
                        append_kernel(((g * channels_ + c) * out_channels_ + k) * kernel_elements_,
                                      phase, values);
        return TensorData::from_floats(shape, std::move(values));
    }

    // Every phase has the bias.
    TensorData bias(const TensorData &bias) const {
        if (!bias.defined())
            return {};
        const int64_t phases = element_count(phases_);
        std::vector<float> values;
        for (int64_t g = 0; g < conv_.groups; g++)
            for (int64_t phase = 0; phase < phases; phase++)
                values.insert(values.end(), bias.floats() + g * out_channels_,
                              bias.floats() + (g + 1) * out_channels_);
        return TensorData::from_floats({conv_.out_channels * phases}, std::move(values));
    }

  private:
    void append_kernel(int64_t from, int64_t phase, std::vector<float> &values) const {
        for (int64_t tap = 0, count = element_count(taps_); tap < count; tap++) {
            int64_t element = 0, rest_tap = tap, rest_phase = phase, step = 1;
            for (size_t d = axes_.size(); d-- > 0;) {
                const int64_t e = axes_[d].element(rest_tap % taps_[d], rest_phase % phases_[d]);
                element = e < 0 || element < 0 ? -1 : element + e * step;
                step *= axes_[d].kernel;
                rest_tap /= taps_[d];
                rest_phase /= phases_[d];
            }
            values.push_back(element < 0 ? 0.0F : weight_.data.floats()[from + element]);
        }
    }

    const ConvTranspose &conv_;
    const std::vector<Axis> &axes_;
    int64_t channels_, out_channels_; // per group
    const Param &weight_;
    Shape taps_, phases_;
    int64_t kernel_elements_ = 1;
};

// Zeros between the elements make a stride of 1 of any other.
NodeId spread(Replacement &r, NodeId x, std::vector<Axis> &axes) {
    TabledSample sample{SampleKind::pick, {}, 0};
    for (size_t d = 0; d < axes.size(); d++) {
        Axis &a = axes[d];
        if (!needs_zeros_between(a))
            continue;
        std::vector<int64_t> positions;
        for (int64_t i = 0; i < (a.in - 1) * a.stride + 1; i++)
            positions.push_back(i % a.stride == 0 ? i / a.stride : -1);
        a.in = int64_t(positions.size());
        a.stride = 1;
        sample.tables[int64_t(d) + 2] = pick_table(std::move(positions));
    }
    return add_sample(r, x, sample, "spread");
}

// [N, groups * phases * K, places...] -> [N, groups * K, places * stride...].
NodeId interleave(Replacement &r, NodeId y, int64_t groups, const std::vector<Axis> &axes,
                  const std::string &role) {
    const Shape &in = r.shape(y);
    const size_t rank = axes.size();
    int64_t phases = 1;
    for (const Axis &a : axes)
        phases *= a.stride;
    Shape split{in[0], groups}, joined{in[0], in[1] / phases};
    std::vector<int64_t> dims{0, 1, int64_t(rank) + 2};
    for (const Axis &a : axes)
        split.push_back(a.stride);
    split.push_back(in[1] / phases / groups);
    for (size_t d = 0; d < rank; d++) {
        split.push_back(in[d + 2]);
        joined.push_back(in[d + 2] * axes[d].stride);
        dims.push_back(int64_t(rank + 3 + d));
        dims.push_back(int64_t(2 + d));
    }
    y = r.add(Reshape{split}, {y}, "phases");
    y = r.add(Permute{dims}, {y}, "permute");
    return r.add(Reshape{joined}, {y}, role);
}

bool replace(Replacement &r, const ConvTranspose &t) {
    std::vector<Axis> axes;
    const Shape &in = r.shape(r.input());
    for (size_t d = 0; d < t.kernel.size(); d++)
        axes.push_back({in[d + 2], t.kernel[d], t.stride[d], t.dilation[d], t.pad_lo[d],
                        r.node().type.shape[d + 2]});
    const NodeId x = spread(r, r.input(), axes);
    Conv conv;
    conv.out_channels = t.out_channels;
    conv.groups = t.groups;
    conv.bias = t.bias;
    bool interleaves = false, crops = false;
    Slice crop{{0, 0}, {in[0], t.out_channels}, {1, 1}};
    for (Axis &a : axes) {
        plan_axis(a);
        conv.out_channels *= a.stride;
        conv.kernel.push_back(a.taps);
        conv.stride.push_back(1);
        conv.dilation.push_back(a.dilation);
        conv.pad_lo.push_back(a.lo);
        conv.pad_hi.push_back(a.hi);
        crop.starts.push_back(a.begin);
        crop.extents.push_back(a.out);
        crop.steps.push_back(1);
        interleaves = interleaves || a.stride > 1;
        crops = crops || a.begin > 0 || a.places() * a.stride > a.out;
    }
    const Graph &old = r.old_graph();
    const Param &weight = old.params[size_t(r.node().params[0])];
    const Weights weights(t, axes, weight);
    std::vector<TensorData> data = {weights.weight()};
    if (t.bias)
        data.push_back(weights.bias(old.params[size_t(r.node().params[1])].data));
    const std::string path = weights_path(old, r.old_id()).value_or(r.node().name);
    NodeId y = r.layer(conv, x, path, data, interleaves || crops ? "conv" : "");
    if (interleaves)
        y = interleave(r, y, t.groups, axes, crops ? "interleave" : "");
    r.finish(crops ? r.add(crop, {y}, "") : y);
    return true;
}

} // namespace

Graph decompose_conv_transpose(Graph graph) {
    return replace_nodes(graph, [](Replacement &r) {
        const auto *conv = std::get_if<ConvTranspose>(&r.node().op);
        return conv && replace(r, *conv);
    });
}

} // namespace cnnc
