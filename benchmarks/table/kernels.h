// Vector arithmetic over images: geometry of windows, and the two loops in which nearly all the time goes.

#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

typedef float Vec __attribute__((vector_size(64), aligned(64)));
constexpr int LANES = 16, BLOCK = 64;                       // a batch is a multiple of BLOCK images
constexpr float EPSILON = 1e-5f, MOMENTUM = 0.1f;           // of batch norm, as torch has them

enum Kind : int32_t { CONV, NORM, POOL, COPY, ZERO, MEAN };

struct Layer {                                              // one row of the program
    int32_t kind, source, target;                           // places of values
    int32_t kernel, stride, relu;                           // relu: of the source, before anything else
    int32_t add, add_gradient;                              // 1: adds to what is there; -1: the source needs no gradient
    int32_t weights, bias, stats;                           // where its numbers begin; -1: none
};

struct Shape { int32_t channels, height, width; int pixels() const { return height * width; } };

struct Link { int32_t pixel, tap; };                        // a pixel of the other side, and the weight between

struct Links {                                              // for each pixel of one side, those of the other that it reads
    std::vector<int> first;
    std::vector<Link> all;
};

struct Geometry { Links forward, backward; };

float* aligned(size_t count) {
    void* memory = std::aligned_alloc(64, (count * sizeof(float) + 63) / 64 * 64);
    if (!memory) std::abort();
    std::memset(memory, 0, (count * sizeof(float) + 63) / 64 * 64);
    return static_cast<float*>(memory);
}

inline Vec load(const float* at) { return *reinterpret_cast<const Vec*>(at); }
inline void store(float* at, Vec v) { *reinterpret_cast<Vec*>(at) = v; }
inline Vec positive(Vec v) { return v > 0 ? v : Vec{}; }
inline float total(Vec v) {
    float lanes[LANES];
    std::memcpy(lanes, &v, sizeof lanes);
    for (int half = LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
    return lanes[0];
}

Geometry geometry(const Layer& layer, Shape in, Shape out) {
    Geometry found;
    const int padding = (layer.kernel - 1) / 2;
    std::vector<std::vector<Link>> back(in.pixels());
    for (int row = 0; row < out.height; row++)
        for (int column = 0; column < out.width; column++) {
            found.forward.first.push_back(found.forward.all.size());
            for (int a = 0; a < layer.kernel; a++)
                for (int b = 0; b < layer.kernel; b++) {
                    const int y = row * layer.stride + a - padding, x = column * layer.stride + b - padding;
                    if (y < 0 || x < 0 || y >= in.height || x >= in.width) continue;
                    found.forward.all.push_back({y * in.width + x, a * layer.kernel + b});
                    back[y * in.width + x].push_back({row * out.width + column, a * layer.kernel + b});
                }
        }
    found.forward.first.push_back(found.forward.all.size());
    for (const auto& links : back) {
        found.backward.first.push_back(found.backward.all.size());
        found.backward.all.insert(found.backward.all.end(), links.begin(), links.end());
    }
    found.backward.first.push_back(found.backward.all.size());
    return found;
}

struct Side { const float* values; int channels, pixels; };

// target[n][p] (+)= sum over source channels c and links (q, tap) of p: weights[c][tap][n] * source[c][q]; N of the n at once.
// `mask`: results count where this is positive (the gradient through a ReLU).
template <int N, int U, bool RELU>
void gather(Side source, const Links& links, const float* weights, int taps, int width, int batch, float* target, int pixels,
            bool add, const float* mask) {
    for (int p = 0; p < pixels; p++)
        for (int b = 0; b < batch; b += U * LANES) {
            Vec sum[N][U] = {};
            for (int c = 0; c < source.channels; c++)
                for (int k = links.first[p]; k < links.first[p + 1]; k++) {
                    const Link link = links.all[k];
                    const float* x = source.values + (size_t(c) * source.pixels + link.pixel) * batch + b;
                    const float* w = weights + (size_t(c) * taps + link.tap) * width;
                    Vec read[U];
#pragma GCC unroll 8
                    for (int u = 0; u < U; u++) read[u] = RELU ? positive(load(x + u * LANES)) : load(x + u * LANES);
#pragma GCC unroll 8
                    for (int n = 0; n < N; n++)
#pragma GCC unroll 8
                        for (int u = 0; u < U; u++) sum[n][u] += w[n] * read[u];
                }
            for (int n = 0; n < N; n++)
                for (int u = 0; u < U; u++) {
                    const size_t at = (size_t(n) * pixels + p) * batch + b + u * LANES;
                    Vec result = sum[n][u];
                    if (mask) result = load(mask + at) > 0 ? result : Vec{};
                    store(target + at, add ? load(target + at) + result : result);
                }
        }
}

template <bool RELU>
void gather_all(Side source, const Links& links, const float* weights, int taps, int width, int batch, float* target, int pixels,
                bool add, const float* mask) {
    int n = 0;
    const auto place = [&](int from) { return size_t(from) * pixels * batch; };
    const auto masked = [&](int from) { return mask ? mask + place(from) : nullptr; };
    for (; n + 8 <= width; n += 8)
        gather<8, 2, RELU>(source, links, weights + n, taps, width, batch, target + place(n), pixels, add, masked(n));
    for (; n + 4 <= width; n += 4)
        gather<4, 4, RELU>(source, links, weights + n, taps, width, batch, target + place(n), pixels, add, masked(n));
    for (; n < width; n++)
        gather<1, 4, RELU>(source, links, weights + n, taps, width, batch, target + place(n), pixels, add, masked(n));
}

// gradient[n][c][tap] = sum over pixels and images of outer[n][p] * source[c][q], over all links (q, tap) of p.
template <int N, int C, bool RELU>
void correlate(Side source, Side outer, const std::vector<std::vector<Link>>& pairs, int batch, float* gradient, int stride) {
    const int taps = pairs.size();
    for (int tap = 0; tap < taps; tap++) {
        Vec sum[N][C] = {};
        for (const Link pair : pairs[tap])                  // here: pixel of the source, pixel of the outer side
            for (int b = 0; b < batch; b += LANES) {
                Vec x[C], g[N];
#pragma GCC unroll 4
                for (int c = 0; c < C; c++) {
                    x[c] = load(source.values + (size_t(c) * source.pixels + pair.pixel) * batch + b);
                    if (RELU) x[c] = positive(x[c]);
                }
#pragma GCC unroll 4
                for (int n = 0; n < N; n++) g[n] = load(outer.values + (size_t(n) * outer.pixels + pair.tap) * batch + b);
#pragma GCC unroll 4
                for (int n = 0; n < N; n++)
#pragma GCC unroll 4
                    for (int c = 0; c < C; c++) sum[n][c] += g[n] * x[c];
            }
        for (int n = 0; n < N; n++)
            for (int c = 0; c < C; c++) gradient[(size_t(n) * stride + c) * taps + tap] = total(sum[n][c]);
    }
}

}  // namespace
