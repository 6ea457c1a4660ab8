#include "lorabuild/models/architecture.h"

#include <stdlib.h>

struct model_cache *model_cache_open(struct model *m, struct backend *b, int64_t capacity,
                                     struct error *e)
{
    const struct model_shape *s = &m->shape;
    struct model_cache *c = mem_zalloc(sizeof *c);
    *c = (struct model_cache){.backend = b, .capacity = capacity, .layers = s->layers};
    c->row_bytes = (size_t)s->kv_heads * (size_t)s->head_size * sizeof(float);
    c->keys = mem_array((size_t)s->layers, sizeof *c->keys);
    c->values = mem_array((size_t)s->layers, sizeof *c->values);
    size_t bytes = (size_t)capacity * c->row_bytes;
    for (int i = 0; i < s->layers; i++) {
        c->keys[i] = b->alloc(b, bytes);
        c->values[i] = b->alloc(b, bytes);
        if (!c->keys[i] || !c->values[i]) {
            error_set(e, ERROR_LIMIT,
                      "out of memory: no room for keys and values of %lld tokens, "
                      "%.1f MiB",
                      (long long)capacity, 2.0 * (double)bytes * s->layers / 1048576);
            model_cache_close(c);
            return NULL;
        }
    }
    return c;
}

void model_cache_close(struct model_cache *c)
{
    if (!c)
        return;
    size_t bytes = (size_t)c->capacity * c->row_bytes;
    for (int i = 0; i < c->layers; i++) {
        if (c->keys[i])
            c->backend->free(c->backend, c->keys[i], bytes);
        if (c->values[i])
            c->backend->free(c->backend, c->values[i], bytes);
    }
    free(c->keys);
    free(c->values);
    free(c);
}

int64_t model_cache_length(const struct model_cache *c)
{
    return c->length;
}

bool model_cache_add(struct model_cache *c, int layer, struct value *k, struct value *v,
                     struct error *e)
{
    size_t at = (size_t)c->length * (size_t)k->cols, bytes = (size_t)k->rows * c->row_bytes;
    float *keys = c->keys[layer], *values = c->values[layer];
    /* From the device to itself: to_device() of any backend takes either kind of pointer. */
    if (!c->backend->to_device(c->backend, keys + at, k->data, bytes, e) ||
        !c->backend->to_device(c->backend, values + at, v->data, bytes, e))
        return false;
    int64_t rows = c->length + k->rows, cols = k->cols;
    *k = (struct value){.data = keys, .rows = rows, .cols = cols};
    *v = (struct value){.data = values, .rows = rows, .cols = cols};
    return true;
}
