#include "lorabuild/data/batch.h"

#include <stdlib.h>
#include <string.h>

static void pack_window(struct batch *b, int64_t at, const struct window *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        bool last = i + 1 == w->count; /* its successor is another sequence's */
        b->ids[at + i] = w->ids[i];
        b->positions[at + i] = (int32_t)i;
        b->targets[at + i] = last ? 0 : w->ids[i + 1];
        b->weights[at + i] = !last && w->learned[i + 1] ? 1.0f : 0.0f;
        b->learned += !last && w->learned[i + 1];
    }
}

void batch_pack(struct batch *b, const struct windows *w, const uint32_t *which, size_t n)
{
    *b = (struct batch){.sequences = (int)n};
    for (size_t i = 0; i < n; i++)
        b->count += w->items[which[i]].count;
    size_t count = (size_t)b->count;
    b->ids = mem_array(count, sizeof *b->ids);
    b->positions = mem_array(count, sizeof *b->positions);
    b->targets = mem_array(count, sizeof *b->targets);
    b->weights = mem_array(count, sizeof *b->weights);
    b->starts = mem_array(n + 1, sizeof *b->starts);
    int64_t at = 0;
    for (size_t i = 0; i < n; i++) {
        const struct window *window = &w->items[which[i]];
        b->starts[i] = (int32_t)at;
        pack_window(b, at, window);
        at += window->count;
    }
    b->starts[n] = (int32_t)at;
}

void batch_free(struct batch *b)
{
    free(b->ids);
    free(b->positions);
    free(b->targets);
    free(b->weights);
    free(b->starts);
    *b = (struct batch){0};
}
