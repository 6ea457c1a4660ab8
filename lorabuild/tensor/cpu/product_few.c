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
    int64_t m;
    size_t row_bytes;
    bool add;
    float by;
};

static float dot_expanded(const struct few *f, const void *row, float *space, const float *x)
{
    size_t k = (size_t)f->w->cols;
    if (f->w->type == DTYPE_F32 && (uintptr_t)row % sizeof(float) == 0)
        return f->loops->dot(row, x, k);
    dtype_to_f32(f->w->type, row, space, k);
    return f->loops->dot(space, x, k);
}

static void few_rows(void *context, size_t begin, size_t end)
{
    const struct few *f = context;
    size_t k = (size_t)f->w->cols, blocks = k / BLOCK;
    float *space = mem_alloc(k * sizeof *space);
    for (size_t i = begin; i < end; i++) {
        const char *row = (const char *)f->w->data + i * f->row_bytes;
        for (size_t j = 0; j < (size_t)f->m; j++) {
            const float *x = f->x + j * k;
            float dot = f->loops->dot_stored[f->w->type]
                            ? f->loops->dot_stored[f->w->type](row, x, f->sums + j * blocks, k)
                            : dot_expanded(f, row, space, x);
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
    dtype_bytes(w->type, (uint64_t)w->cols, &f.row_bytes);
    f.sums = mem_alloc((size_t)m * ((size_t)w->cols / BLOCK + 1) * sizeof *f.sums);
    if (dtype_block(w->type) == BLOCK)
        sum_blocks(&f);
    /* A range should be worth waking a thread for. */
    size_t grain = (size_t)(16384 / (w->cols + 1) + 1);
    threads_for((size_t)w->rows, grain, few_rows, &f);
    free(f.sums);
}
