#include "lorabuild/infer/sampling.h"

#include "lorabuild/common/memory.h"
#include "lorabuild/common/random.h"

#include <math.h>
#include <stdlib.h>

struct candidate {
    int32_t id;
    float logit;
};

static int likeliest_first(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit > y->logit ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* A token that stands in the window twice is penalised once. */
static void penalise(float *logits, size_t vocabulary, const int32_t *recent, size_t count,
                     double penalty)
{
    size_t n = count < SAMPLING_REPEAT_WINDOW ? count : SAMPLING_REPEAT_WINDOW;
    const int32_t *window = recent + (count - n);
    for (size_t i = 0; i < n; i++) {
        bool seen = window[i] < 0 || (size_t)window[i] >= vocabulary;
        for (size_t j = 0; j < i && !seen; j++)
            seen = window[j] == window[i];
        if (seen)
            continue;
        float *logit = &logits[window[i]];
        *logit = (float)(*logit > 0 ? *logit / penalty : *logit * penalty);
    }
}

static int32_t likeliest(const float *logits, size_t vocabulary)
{
    size_t best = 0;
    for (size_t i = 1; i < vocabulary; i++)
        if (logits[i] > logits[best])
            best = i;
    return (int32_t)best;
}

/* Not normalised: relative to the first candidate, which is the likeliest. */
static double probability(const struct candidate *c, size_t i, double temperature)
{
    return exp(((double)c[i].logit - (double)c[0].logit) / temperature);
}

static double sum_of(const struct candidate *c, size_t n, double temperature)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += probability(c, i, temperature);
    return sum;
}

static size_t cut_at_top_p(const struct candidate *c, size_t n, double top_p)
{
    double wanted = top_p * sum_of(c, n, 1), sum = 0;
    for (size_t i = 0; i < n; i++)
        if ((sum += probability(c, i, 1)) >= wanted)
            return i + 1;
    return n;
}

static int32_t draw(const struct candidate *c, size_t n, double temperature, double unit)
{
    double wanted = unit * sum_of(c, n, temperature), sum = 0;
    for (size_t i = 0; i < n; i++)
        if ((sum += probability(c, i, temperature)) > wanted)
            return c[i].id;
    return c[n - 1].id;
}

int32_t sampling_pick(const struct draft_options *o, float *logits, size_t vocabulary,
                      const int32_t *recent, size_t recent_count, uint32_t step)
{
    for (size_t i = 0; i < vocabulary; i++)
        if (isnan(logits[i]))
            return -1;
    if (o->repeat_penalty != 1)
        penalise(logits, vocabulary, recent, recent_count, o->repeat_penalty);
    if (o->temperature <= 0)
        return likeliest(logits, vocabulary);
    struct candidate *c = mem_array(vocabulary, sizeof *c);
    size_t n = vocabulary;
    for (size_t i = 0; i < n; i++)
        c[i] = (struct candidate){(int32_t)i, logits[i]};
    qsort(c, n, sizeof *c, likeliest_first);
    if (o->top_k > 0 && (size_t)o->top_k < n)
        n = (size_t)o->top_k;
    if (o->top_p < 1)
        n = cut_at_top_p(c, n, o->top_p);
    struct random r = {o->seed, random_purpose("draft"), step};
    int32_t id = draw(c, n, o->temperature, (double)random_unit(r, 0));
    free(c);
    return id;
}
