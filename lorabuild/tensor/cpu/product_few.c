/* y = x Wᵀ for a few rows of x: W is read once, straight from its stored numbers. */
#include "lorabuild/tensor/cpu/cpu.h"

#include "lorabuild/common/memory.h"
#include "lorabuild/common/threads.h"

#include <stdlib.h>

struct few {
    const struct loops *loops;
    const struct matrix *w;
    const float *x;
    float *y;
    int64_t m;
    size_t row_bytes;
};

static void few_rows(void *context, size_t begin, size_t end)
{
    const struct few *f = context;
    size_t k = (size_t)f->w->cols;
    float *row = mem_alloc(k * sizeof *row);
    for (size_t i = begin; i < end; i++) {
        dtype_to_f32(f->w->type, (const char *)f->w->data + i * f->row_bytes, row, k);
        for (int64_t j = 0; j < f->m; j++)
            f->y[j * f->w->rows + (int64_t)i] = f->loops->dot(row, f->x + (size_t)j * k, k);
    }
    free(row);
}

void product_few_rows(struct cpu *c, const struct matrix *w, const float *x, int64_t m, float *y)
{
    struct few f = {c->loops, w, x, y, m, 0};
    dtype_bytes(w->type, (uint64_t)w->cols, &f.row_bytes);
    threads_for((size_t)w->rows, 16, few_rows, &f);
}
