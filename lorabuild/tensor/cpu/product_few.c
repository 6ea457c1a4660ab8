/* y = x Wᵀ for a few rows of x: W is read once, straight from its stored numbers. */
#include "lorabuild/tensor/cpu/cpu.h"

#include "lorabuild/common/memory.h"
#include "lorabuild/common/threads.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK 32

struct few {
    const struct loops *loops;
    const struct matrix *w;
    const float *x;
    float *y;
    float *sums; /* (m, k / BLOCK): of x, for types with blocks */
    float (*dot_stored)(const void *row, const float *x, const float *sums, size_t n); /* or NULL */
    int64_t m;
    size_t row_bytes;
    bool add;
    float by;
};

/* A row in f32, in `space` where it does not lie so. */
static const float *expanded(const struct matrix *w, const void *row, float *space)
{
    if (w->type == DTYPE_F32 && (uintptr_t)row % sizeof(float) == 0)
        return row;
    dtype_to_f32(w->type, row, space, (size_t)w->cols);
    return space;
}

static void few_rows(void *context, size_t begin, size_t end)
{
    const struct few *f = context;
    size_t k = (size_t)f->w->cols, blocks = k / BLOCK;
    float *space = mem_alloc(k * sizeof *space);
    for (size_t i = begin; i < end; i++) {
        const char *row = (const char *)f->w->data + i * f->row_bytes;
        const float *numbers = f->dot_stored ? NULL : expanded(f->w, row, space);
        for (size_t j = 0; j < (size_t)f->m; j++) {
            const float *x = f->x + j * k;
            float dot = f->dot_stored ? f->dot_stored(row, x, f->sums + j * blocks, k)
                                      : f->loops->dot(numbers, x, k);
            float *y = &f->y[j * (size_t)f->w->rows + i];
            *y = f->add ? *y + f->by * dot : dot;
        }
    }
    free(space);
}

static void sum_blocks(const struct few *f)
{
    size_t blocks = (size_t)f->w->cols / BLOCK;
    for (size_t j = 0; j < (size_t)f->m; j++)
        for (size_t b = 0; b < blocks; b++) {
            const float *x = f->x + j * (size_t)f->w->cols + b * BLOCK;
            float sum = 0;
            for (int i = 0; i < BLOCK; i++)
                sum += x[i];
            f->sums[j * blocks + b] = sum;
        }
}

void product_few_rows(struct cpu *c, const struct matrix *w, const float *x, int64_t m, float *y,
                      bool add, float by)
{
    struct few f = {.loops = c->loops, .w = w, .x = x, .y = y, .m = m, .add = add, .by = by};
    f.dot_stored = c->loops->dot_stored[w->type];
    dtype_bytes(w->type, (uint64_t)w->cols, &f.row_bytes);
    f.sums = mem_alloc((size_t)m * ((size_t)w->cols / BLOCK + 1) * sizeof *f.sums);
    if (f.dot_stored && dtype_block(w->type) == BLOCK)
        sum_blocks(&f);
    /* A range should be worth waking a thread for. */
    size_t grain = (size_t)(16384 / (w->cols + 1) + 1);
    threads_for((size_t)w->rows, grain, few_rows, &f);
    free(f.sums);
}
