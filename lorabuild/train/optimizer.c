#include "lorabuild/train/optimizer.h"

#include "lorabuild/common/memory.h"
#include "lorabuild/common/threads.h"

#include <math.h>
#include <stdlib.h>

#define BLOCK ((size_t)8192)
#define BETA1 0.9
#define BETA2 0.999
#define EPSILON 1e-8

void optimizer_init(struct optimizer *o, size_t count)
{
    *o = (struct optimizer){mem_array(count, sizeof(float)), mem_array(count, sizeof(float)), count,
                            0};
}

void optimizer_free(struct optimizer *o)
{
    free(o->m);
    free(o->v);
    *o = (struct optimizer){0};
}

struct squares {
    const float *x;
    size_t count;
    double *sums; /* one a block */
};

static void sum_blocks(void *context, size_t begin, size_t end)
{
    struct squares *s = context;
    for (size_t block = begin; block < end; block++) {
        size_t first = block * BLOCK;
        size_t last = first + BLOCK < s->count ? first + BLOCK : s->count;
        double sum = 0;
        for (size_t i = first; i < last; i++)
            sum += (double)s->x[i] * (double)s->x[i];
        s->sums[block] = sum;
    }
}

double optimizer_norm(const float *gradients, size_t count)
{
    size_t blocks = (count + BLOCK - 1) / BLOCK;
    struct squares s = {gradients, count, mem_array(blocks, sizeof(double))};
    threads_for(blocks, 1, sum_blocks, &s);
    double sum = 0;
    for (size_t i = 0; i < blocks; i++)
        sum += s.sums[i];
    free(s.sums);
    return sqrt(sum);
}

struct update {
    struct optimizer *o;
    float *weights;
    const float *gradients;
    float clip, keep, size, correction; /* size: rate/(1-β1ᵗ); correction: 1/√(1-β2ᵗ) */
};

static void update_range(void *context, size_t begin, size_t end)
{
    const struct update *u = context;
    float *w = u->weights, *m = u->o->m, *v = u->o->v;
    for (size_t i = begin; i < end; i++) {
        float g = u->gradients[i] * u->clip;
        m[i] = (float)BETA1 * m[i] + (float)(1 - BETA1) * g;
        v[i] = (float)BETA2 * v[i] + (float)(1 - BETA2) * g * g;
        w[i] = w[i] * u->keep - u->size * (m[i] / (sqrtf(v[i]) * u->correction + (float)EPSILON));
    }
}

double optimizer_step(struct optimizer *o, float *weights, const float *gradients, double rate,
                      double weight_decay, double max_norm)
{
    double norm = optimizer_norm(gradients, o->count);
    if (!isfinite(norm))
        return norm;
    o->step++;
    double clip = max_norm > 0 ? max_norm / (norm + 1e-6) : 1;
    struct update u = {o,
                       weights,
                       gradients,
                       (float)(clip < 1 ? clip : 1),
                       (float)(1 - rate * weight_decay),
                       (float)(rate / (1 - pow(BETA1, (double)o->step))),
                       (float)(1 / sqrt(1 - pow(BETA2, (double)o->step)))};
    threads_for(o->count, BLOCK, update_range, &u);
    return norm;
}
