/* Frozen matrices expanded to the compute type, kept first come first served while there is
 * room. What is kept decides speed only: products read the same numbers either way. */
#include "lorabuild/tensor/cpu/cpu.h"

#include "lorabuild/common/memory.h"
#include "lorabuild/common/threads.h"

#include <stdlib.h>

struct panel_cache {
    size_t most_bytes, bytes;
    void **panels; /* by matrix id, NULL where not kept */
    size_t capacity;
    int in_scratch; /* id of the matrix that scratch memory holds, or -1 */
};

struct panel_cache *panel_cache_open(size_t most_bytes)
{
    struct panel_cache *p = mem_zalloc(sizeof *p);
    p->most_bytes = most_bytes;
    p->in_scratch = -1;
    return p;
}

void panel_cache_close(struct panel_cache *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->capacity; i++)
        free(p->panels[i]);
    free(p->panels);
    free(p);
}

size_t panel_cache_bytes(const struct panel_cache *p)
{
    return p->bytes;
}

struct expansion {
    const struct cpu *cpu;
    const struct matrix *matrix;
    void *panel;
    size_t row_bytes;
};

static bool is_narrow(const struct cpu *c)
{
    return c->backend.compute == COMPUTE_BF16 && !c->rounds;
}

/* Can products read the file's own bytes? */
static bool fits_as_it_is(const struct cpu *c, const struct matrix *m)
{
    size_t item = is_narrow(c) ? sizeof(uint16_t) : sizeof(float);
    return m->type == (is_narrow(c) ? DTYPE_BF16 : DTYPE_F32) && !c->rounds &&
           (uintptr_t)m->data % item == 0;
}

static void expand_rows(void *context, size_t begin, size_t end)
{
    const struct expansion *x = context;
    const struct matrix *m = x->matrix;
    size_t cols = (size_t)m->cols;
    bool narrow = is_narrow(x->cpu);
    float *row = narrow ? mem_alloc(cols * sizeof *row) : NULL;
    for (size_t i = begin; i < end; i++) {
        const char *from = (const char *)m->data + i * x->row_bytes;
        float *to = narrow ? row : (float *)x->panel + i * cols;
        dtype_to_f32(m->type, from, to, cols);
        if (narrow)
            x->cpu->loops->to_bf16((uint16_t *)x->panel + i * cols, row, cols);
        else if (x->cpu->rounds)
            x->cpu->loops->round_bf16(to, to, cols);
    }
    free(row);
}

static void **slot(struct panel_cache *p, int id)
{
    size_t i = (size_t)id;
    if (i >= p->capacity) {
        size_t capacity = i + 64;
        p->panels = mem_grow(p->panels, capacity, sizeof *p->panels);
        for (size_t j = p->capacity; j < capacity; j++)
            p->panels[j] = NULL;
        p->capacity = capacity;
    }
    return &p->panels[i];
}

const void *panel_get(struct cpu *c, const struct matrix *m, struct error *e)
{
    size_t item = is_narrow(c) ? sizeof(uint16_t) : sizeof(float);
    if (fits_as_it_is(c, m))
        return m->data;
    void **kept = m->id >= 0 ? slot(c->panels, m->id) : NULL;
    if (kept && *kept)
        return *kept;
    struct expansion x = {c, m, NULL, 0};
    size_t bytes = (size_t)m->rows * (size_t)m->cols * item;
    if (!dtype_bytes(m->type, (uint64_t)m->cols, &x.row_bytes)) {
        error_set(e, ERROR_INTERNAL, "a row of %lld is not whole blocks of %s", (long long)m->cols,
                  dtype_name(m->type));
        return NULL;
    }
    if (kept && bytes <= c->panels->most_bytes - c->panels->bytes)
        *kept = x.panel = mem_try_alloc(bytes);
    if (x.panel) {
        c->panels->bytes += bytes;
    } else {
        if (kept && c->panels->in_scratch == m->id) /* as for each chunk of the head */
            return c->scratch[SCRATCH_PANEL].data;
        x.panel = cpu_scratch(c, SCRATCH_PANEL, bytes, e);
        c->panels->in_scratch = x.panel ? m->id : -1;
    }
    if (x.panel)
        threads_for((size_t)m->rows, 16, expand_rows, &x);
    return x.panel;
}
