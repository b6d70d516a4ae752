// Trains a network of primitive layers on one core: the builder's quick way, the same arithmetic as engine.training.
//
// A value (the output of a layer) lies in memory as [channel][row][column][image]. With the images innermost every layer is
// plain vector arithmetic, however few channels there are: where libraries made for wide layers leave most lanes empty.
// `program.py` writes the layers as rows of numbers; additions are no rows: whoever feeds one adds to its value.

#include <algorithm>
#include <cmath>

#include "kernels.h"

namespace {

struct Network {
    std::vector<Layer> layers;
    std::vector<Shape> shapes;
    std::vector<Geometry> geometries;
    std::vector<std::vector<std::vector<Link>>> pairs;      // by layer and tap
    std::vector<float*> values, gradients;
    std::vector<float> packed;
    std::vector<float> weights, steepness, speed;           // parameters, their gradients, their momentum
    std::vector<float> stats, seen;                         // running mean and variance of norms; mean and 1/deviation in use
    int batch, classes;

    Network(const int32_t* rows, int count, const int32_t* sizes, int places, int batch) : batch(batch) {
        layers.resize(count);
        std::memcpy(layers.data(), rows, count * sizeof(Layer));
        for (int i = 0; i < places; i++) {
            shapes.push_back({sizes[3 * i], sizes[3 * i + 1], sizes[3 * i + 2]});
            const size_t numbers = size_t(shapes[i].channels) * shapes[i].pixels() * batch;
            values.push_back(aligned(numbers));
            gradients.push_back(aligned(numbers));
        }
        for (const Layer& layer : layers) {
            geometries.push_back(layer.kernel ? geometry(layer, shapes[layer.source], shapes[layer.target]) : Geometry{});
            std::vector<std::vector<Link>> taps(layer.kernel * layer.kernel);
            const Links& links = geometries.back().forward;
            for (size_t p = 0; p + 1 < links.first.size(); p++)
                for (int k = links.first[p]; k < links.first[p + 1]; k++)
                    taps[links.all[k].tap].push_back({links.all[k].pixel, int(p)});
            pairs.push_back(taps);
        }
        classes = shapes.back().channels;
    }

    ~Network() {
        for (float* memory : values) std::free(memory);
        for (float* memory : gradients) std::free(memory);
    }

    Side side(const std::vector<float*>& of, int place) const {
        return {of[place], shapes[place].channels, shapes[place].pixels()};
    }

    // The weights [n][c][tap] in the order in which `gather` reads them: [c][tap][n], or [n][tap][c] for the way back.
    const float* pack(const Layer& layer, bool back) {
        const int out = shapes[layer.target].channels, in = shapes[layer.source].channels, taps = layer.kernel * layer.kernel;
        packed.resize(size_t(out) * in * taps);
        const float* w = weights.data() + layer.weights;
        for (int n = 0; n < out; n++)
            for (int c = 0; c < in; c++)
                for (int tap = 0; tap < taps; tap++, w++)
                    packed[back ? (size_t(n) * taps + tap) * in + c : (size_t(c) * taps + tap) * out + n] = *w;
        return packed.data();
    }

    void conv(const Layer& layer, const Geometry& geometry) {
        const Shape out = shapes[layer.target];
        const auto all = layer.relu ? gather_all<true> : gather_all<false>;
        float* target = values[layer.target];
        all(side(values, layer.source), geometry.forward, pack(layer, false), layer.kernel * layer.kernel, out.channels, batch,
            target, out.pixels(), layer.add, nullptr);
        if (layer.bias < 0) return;
        for (int n = 0; n < out.channels; n++)
            for (int i = 0; i < out.pixels() * batch; i++) target[size_t(n) * out.pixels() * batch + i] += weights[layer.bias + n];
    }

    template <bool RELU>
    void conv_weights(const Layer& layer, const std::vector<std::vector<Link>>& taps) {
        const Side source = side(values, layer.source), outer = side(gradients, layer.target);
        const auto part = [&](Side of, int from) {
            return Side{of.values + size_t(from) * of.pixels * batch, of.channels, of.pixels};
        };
        const auto place = [&](int n, int c) {
            return steepness.data() + layer.weights + (size_t(n) * source.channels + c) * taps.size();
        };
        int n = 0;
        for (; n + 4 <= outer.channels; n += 4) {
            int c = 0;
            for (; c + 4 <= source.channels; c += 4)
                correlate<4, 4, RELU>(part(source, c), part(outer, n), taps, batch, place(n, c), source.channels);
            for (; c < source.channels; c++)
                correlate<4, 1, RELU>(part(source, c), part(outer, n), taps, batch, place(n, c), source.channels);
        }
        for (; n < outer.channels; n++)
            for (int c = 0; c < source.channels; c++)
                correlate<1, 1, RELU>(part(source, c), part(outer, n), taps, batch, place(n, c), source.channels);
    }

    void conv_back(const Layer& layer, const Geometry& geometry, const std::vector<std::vector<Link>>& taps) {
        layer.relu ? conv_weights<true>(layer, taps) : conv_weights<false>(layer, taps);
        const Side outer = side(gradients, layer.target);
        if (layer.bias >= 0)
            for (int n = 0; n < outer.channels; n++) {
                Vec sum = {};
                for (int i = 0; i < outer.pixels * batch; i += LANES) sum += load(outer.values + size_t(n) * outer.pixels * batch + i);
                steepness[layer.bias + n] = total(sum);
            }
        if (layer.add_gradient < 0) return;
        const Shape in = shapes[layer.source];
        gather_all<false>(outer, geometry.backward, pack(layer, true), layer.kernel * layer.kernel, in.channels, batch,
                          gradients[layer.source], in.pixels(), layer.add_gradient, layer.relu ? values[layer.source] : nullptr);
    }

    void norm(const Layer& layer, bool training) {
        const Shape shape = shapes[layer.source];
        const int count = shape.pixels() * batch;
        float* running = stats.data() + layer.stats;
        for (int c = 0; c < shape.channels; c++) {
            const float* x = values[layer.source] + size_t(c) * count;
            float* y = values[layer.target] + size_t(c) * count;
            float middle = running[c], spread = running[shape.channels + c];
            if (training) {
                Vec sums[4] = {}, squares[4] = {};
                for (int i = 0; i < count; i += 4 * LANES)
#pragma GCC unroll 4
                    for (int u = 0; u < 4; u++) {
                        const Vec v = load(x + i + u * LANES);
                        sums[u] += v;
                        squares[u] += v * v;
                    }
                const double average = double(total(sums[0] + sums[1] + sums[2] + sums[3])) / count;
                const double square = double(total(squares[0] + squares[1] + squares[2] + squares[3])) / count;
                middle = average;
                spread = std::max(0.0, square - average * average);
                running[c] += MOMENTUM * (middle - running[c]);
                running[shape.channels + c] += MOMENTUM * (spread * (float(count) / (count - 1)) - running[shape.channels + c]);
            }
            const float inverse = 1 / std::sqrt(spread + EPSILON);
            seen[layer.stats + c] = middle;
            seen[layer.stats + shape.channels + c] = inverse;
            const float slope = weights[layer.weights + c] * inverse, shift = weights[layer.bias + c] - slope * middle;
            for (int i = 0; i < count; i += LANES) {
                const Vec result = slope * load(x + i) + shift;
                store(y + i, layer.add ? load(y + i) + result : result);
            }
        }
    }

    void norm_back(const Layer& layer) {
        const Shape shape = shapes[layer.source];
        const int count = shape.pixels() * batch;
        for (int c = 0; c < shape.channels; c++) {
            const float* x = values[layer.source] + size_t(c) * count;
            const float* g = gradients[layer.target] + size_t(c) * count;
            float* back = gradients[layer.source] + size_t(c) * count;
            const float middle = seen[layer.stats + c], inverse = seen[layer.stats + shape.channels + c];
            Vec sums[4] = {}, products[4] = {};
            for (int i = 0; i < count; i += 4 * LANES)
#pragma GCC unroll 4
                for (int u = 0; u < 4; u++) {
                    const Vec v = load(g + i + u * LANES);
                    sums[u] += v;
                    products[u] += v * (load(x + i + u * LANES) - middle);
                }
            const float sum = total(sums[0] + sums[1] + sums[2] + sums[3]);
            const float product = total(products[0] + products[1] + products[2] + products[3]) * inverse;
            steepness[layer.weights + c] = product;
            steepness[layer.bias + c] = sum;
            const float slope = weights[layer.weights + c] * inverse;
            const float by_x = -slope * product / count * inverse, shift = -slope * sum / count - by_x * middle;
            for (int i = 0; i < count; i += LANES) {
                const Vec result = slope * load(g + i) + by_x * load(x + i) + shift;
                store(back + i, layer.add_gradient ? load(back + i) + result : result);
            }
        }
    }

    // Average pooling; padding is not counted.
    void pool(const Layer& layer, const Geometry& geometry, bool back) {
        const int from = back ? layer.target : layer.source, to = back ? layer.source : layer.target;
        const Links& links = back ? geometry.backward : geometry.forward;
        const std::vector<int>& window = geometry.forward.first;
        const int pixels = shapes[to].pixels(), others = shapes[from].pixels(), add = back ? layer.add_gradient : layer.add;
        float* out = (back ? gradients : values)[to];
        const float* in = (back ? gradients : values)[from];
        for (int c = 0; c < shapes[to].channels; c++)
            for (int p = 0; p < pixels; p++)
                for (int b = 0; b < batch; b += LANES) {
                    Vec sum = {};
                    for (int k = links.first[p]; k < links.first[p + 1]; k++) {
                        const int q = links.all[k].pixel, window_of = back ? q : p;
                        const float share = 1.0f / (window[window_of + 1] - window[window_of]);
                        sum += share * load(in + (size_t(c) * others + q) * batch + b);
                    }
                    float* at = out + (size_t(c) * pixels + p) * batch + b;
                    store(at, add ? load(at) + sum : sum);
                }
    }

    void copy(const Layer& layer, bool back) {
        const int from = back ? layer.target : layer.source, to = back ? layer.source : layer.target;
        const bool add = back ? layer.add_gradient : layer.add;
        float* out = (back ? gradients : values)[to];
        const float* in = (back ? gradients : values)[from];
        for (int i = 0; i < shapes[to].channels * shapes[to].pixels() * batch; i += LANES)
            store(out + i, add ? load(out + i) + load(in + i) : load(in + i));
    }

    // The mean over all pixels, of the ReLU where asked.
    void average(const Layer& layer, bool back) {
        const int pixels = shapes[layer.source].pixels();
        const float share = 1.0f / pixels;
        for (int c = 0; c < shapes[layer.source].channels; c++)
            for (int b = 0; b < batch; b += LANES) {
                const float* x = values[layer.source] + size_t(c) * pixels * batch + b;
                Vec sum = {};
                for (int p = 0; p < pixels; p++) {
                    const Vec v = load(x + size_t(p) * batch);
                    if (!back) {
                        sum += layer.relu ? positive(v) : v;
                        continue;
                    }
                    Vec g = share * load(gradients[layer.target] + size_t(c) * batch + b);
                    if (layer.relu) g = v > 0 ? g : Vec{};
                    float* at = gradients[layer.source] + (size_t(c) * pixels + p) * batch + b;
                    store(at, layer.add_gradient ? load(at) + g : g);
                }
                if (!back) store(values[layer.target] + size_t(c) * batch + b, share * sum);
            }
    }

    void forward(bool training) {
        for (size_t i = 0; i < layers.size(); i++) {
            const Layer& layer = layers[i];
            switch (layer.kind) {
                case CONV: conv(layer, geometries[i]); break;
                case NORM: norm(layer, training); break;
                case POOL: pool(layer, geometries[i], false); break;
                case COPY: copy(layer, false); break;
                case MEAN: average(layer, false); break;
                case ZERO: break;                           // its value was zero from the start and nobody adds to it
            }
        }
    }

    void backward() {
        for (int i = layers.size() - 1; i >= 0; i--) {
            const Layer& layer = layers[i];
            switch (layer.kind) {
                case CONV: conv_back(layer, geometries[i], pairs[i]); break;
                case NORM: norm_back(layer); break;
                case POOL: pool(layer, geometries[i], true); break;
                case COPY: copy(layer, true); break;
                case MEAN: average(layer, true); break;
                case ZERO: break;
            }
        }
    }

    void read(const float* images, const int64_t* chosen, int count) {
        const int numbers = shapes[0].channels * shapes[0].pixels();
        for (int b = 0; b < batch; b++) {
            const float* image = images + size_t(b < count ? chosen[b] : chosen[0]) * numbers;
            for (int i = 0; i < numbers; i++) values[0][size_t(i) * batch + b] = image[i];
        }
    }

    // Cross entropy over the batch, and its gradient by the class scores.
    double loss(const int64_t* labels, const int64_t* chosen) {
        double sum = 0;
        for (int b = 0; b < batch; b++) {
            const float* score = values.back() + b;
            float* back = gradients.back() + b;
            float top = score[0], mass = 0;
            for (int k = 1; k < classes; k++) top = std::max(top, score[k * batch]);
            for (int k = 0; k < classes; k++) mass += back[k * batch] = std::exp(score[k * batch] - top);
            const int label = labels[chosen[b]];
            sum += std::log(mass) + top - score[label * batch];
            for (int k = 0; k < classes; k++) back[k * batch] = (back[k * batch] / mass - (k == label)) / batch;
        }
        return sum / batch;
    }

    void learn(float rate, float momentum, float decay) {
        for (size_t i = 0; i < weights.size(); i++) {
            const float slope = steepness[i] + decay * weights[i];
            speed[i] = momentum * speed[i] + slope;
            weights[i] -= rate * (slope + momentum * speed[i]);
        }
    }
};

}  // namespace

extern "C" {

Network* create(const int32_t* rows, int count, const int32_t* sizes, int places, int batch, const float* weights, int parameters,
                const float* stats, int statistics) {
    if (batch % BLOCK) return nullptr;
    Network* network = new Network(rows, count, sizes, places, batch);
    network->weights.assign(weights, weights + parameters);
    network->stats.assign(stats, stats + statistics);
    network->seen.assign(statistics, 0.0f);
    network->steepness.assign(parameters, 0.0f);
    network->speed.assign(parameters, 0.0f);
    return network;
}

void destroy(Network* network) { delete network; }

// Steps over the images in this order, one rate a step. Gives the sum of the losses; not finite: gave up there.
double learn(Network* network, const float* images, const int64_t* labels, const int64_t* order, const double* rates, int steps,
             float momentum, float decay) {
    double sum = 0;
    for (int step = 0; step < steps; step++) {
        const int64_t* chosen = order + size_t(step) * network->batch;
        network->read(images, chosen, network->batch);
        network->forward(true);
        const double loss = network->loss(labels, chosen);
        sum += loss;
        if (!std::isfinite(loss)) return loss;
        network->backward();
        network->learn(rates[step], momentum, decay);
    }
    return sum;
}

// How many of the images the network names rightly.
int count_right(Network* network, const float* images, const int64_t* labels, int count) {
    int right = 0;
    const int batch = network->batch;
    std::vector<int64_t> chosen(batch);
    for (int first = 0; first < count; first += batch) {
        const int here = std::min(batch, count - first);
        for (int b = 0; b < here; b++) chosen[b] = first + b;
        network->read(images, chosen.data(), here);
        network->forward(false);
        for (int b = 0; b < here; b++) {
            const float* score = network->values.back() + b;
            int best = 0;
            for (int k = 1; k < network->classes; k++)
                if (score[k * batch] > score[best * batch]) best = k;
            right += best == labels[first + b];
        }
    }
    return right;
}

void weights_of(const Network* network, float* weights, float* stats) {
    std::copy(network->weights.begin(), network->weights.end(), weights);
    std::copy(network->stats.begin(), network->stats.end(), stats);
}

}
