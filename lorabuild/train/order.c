#include "lorabuild/train/order.h"

#include "lorabuild/common/random.h"

#include <stdlib.h>
#include <string.h>

struct digest window_digest(const struct window *w)
{
    struct digest_stream *s = digest_begin("window");
    digest_add(s, w->ids, w->count * sizeof *w->ids);
    digest_add(s, w->learned, w->count);
    digest_add(s, w->samples, w->sample_count * sizeof *w->samples);
    return digest_end(s);
}

struct entry {
    struct digest digest;
    uint32_t index;
};

static int by_digest(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int c = digest_compare(x->digest, y->digest);
    return c ? c : (x->index > y->index) - (x->index < y->index);
}

void order_init(struct order *o, const struct windows *w, const struct recipe *r)
{
    *o = (struct order){.count = (uint32_t)w->count,
                        .epoch = -1,
                        .seed = (uint64_t)r->seed,
                        .per_step = r->batch_size * r->accumulation};
    struct entry *entries = mem_array(w->count, sizeof *entries);
    o->sorted = mem_array(w->count, sizeof *o->sorted);
    o->epoch_order = mem_array(w->count, sizeof *o->epoch_order);
    o->steps_per_epoch = ((int64_t)w->count + o->per_step - 1) / o->per_step;
    for (uint32_t i = 0; i < o->count; i++)
        entries[i] = (struct entry){window_digest(&w->items[i]), i};
    if (w->count)
        qsort(entries, w->count, sizeof *entries, by_digest);
    for (uint32_t i = 0; i < o->count; i++)
        o->sorted[i] = entries[i].index;
    free(entries);
}

void order_free(struct order *o)
{
    free(o->sorted);
    free(o->epoch_order);
    *o = (struct order){0};
}

const uint32_t *order_step(struct order *o, int64_t step, size_t *count)
{
    int64_t epoch = step / o->steps_per_epoch;
    int64_t first = step % o->steps_per_epoch * o->per_step, left = o->count - first;
    if (epoch != o->epoch) {
        struct random r = {o->seed, random_purpose("order of windows"), (uint32_t)epoch};
        random_order(r, o->epoch_order, o->count);
        for (uint32_t i = 0; i < o->count; i++)
            o->epoch_order[i] = o->sorted[o->epoch_order[i]];
        o->epoch = epoch;
    }
    *count = (size_t)(left < o->per_step ? left : o->per_step);
    return o->epoch_order + first;
}
