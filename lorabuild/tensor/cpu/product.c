/* Products by oneDNN, cut into tiles that depend on the shape alone.
 *
 * oneDNN by itself splits a sum over its threads for some shapes, and then the bits depend on
 * their number. So each tile is one call on one thread, and the tiles are spread over ours.
 */
#include "lorabuild/tensor/cpu/cpu.h"

#include "lorabuild/common/memory.h"
#include "lorabuild/common/threads.h"

#include <dnnl.h>
#include <stdatomic.h>

/* Of the OpenMP that oneDNN runs on; called weakly because our own threads may be pthreads. */
extern void omp_set_num_threads(int count) __attribute__((weak));
extern int omp_get_max_threads(void) __attribute__((weak));

int product_one_thread_begin(void)
{
    if (!omp_get_max_threads || !omp_set_num_threads)
        return 0;
    int threads = omp_get_max_threads();
    if (threads != 1)
        omp_set_num_threads(1);
    return threads;
}

void product_one_thread_end(int threads)
{
    if (threads > 1)
        omp_set_num_threads(threads);
}

bool product_one(const struct product *p)
{
    int threads = product_one_thread_begin();
    dnnl_status_t status =
        dnnl_sgemm(p->turn_a ? 'T' : 'N', p->turn_b ? 'T' : 'N', p->m, p->n, p->k, p->alpha, p->a,
                   p->stride_a, p->b, p->stride_b, p->add ? 1.0f : 0.0f, p->c, p->stride_c);
    product_one_thread_end(threads);
    return status == dnnl_success;
}

struct tiling product_tiling(int64_t m, int64_t n)
{
    struct tiling t = {128, 192, 0, 0};
    for (;;) {
        t.down = (m + t.rows - 1) / t.rows;
        t.across = (n + t.cols - 1) / t.cols;
        if (t.down * t.across >= 12 || (t.rows == 64 && t.cols == 96))
            return t;
        if (t.rows > 64 && m > 64)
            t.rows = 64;
        else if (t.cols > 96)
            t.cols = 96;
        else
            t.rows = 64;
    }
}

struct tiles {
    const struct product *product;
    struct tiling tiling;
    atomic_bool failed;
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Tiles are counted down the columns first, so that one thread reuses its part of B. */
static void run_tiles(void *context, size_t begin, size_t end)
{
    struct tiles *t = context;
    const struct product *all = t->product;
    for (size_t i = begin; i < end; i++) {
        int64_t row = (int64_t)i % t->tiling.down * t->tiling.rows;
        int64_t col = (int64_t)i / t->tiling.down * t->tiling.cols;
        struct product p = *all;
        p.m = least(all->m - row, t->tiling.rows);
        p.n = least(all->n - col, t->tiling.cols);
        p.a += all->turn_a ? row : row * all->stride_a;
        p.b += all->turn_b ? col * all->stride_b : col;
        p.c += row * all->stride_c + col;
        if (!product_one(&p))
            atomic_store(&t->failed, true);
    }
}

bool product_run(const struct product *p, struct error *e)
{
    if (p->m == 0 || p->n == 0)
        return true;
    struct tiles t = {.product = p, .tiling = product_tiling(p->m, p->n)};
    threads_for((size_t)(t.tiling.down * t.tiling.across), 1, run_tiles, &t);
    if (atomic_load(&t.failed))
        return error_set(e, ERROR_INTERNAL, "oneDNN refused a product of (%lld, %lld, %lld)",
                         (long long)p->m, (long long)p->n, (long long)p->k);
    return true;
}

struct narrowing {
    const struct cpu *cpu;
    void *to;
    const float *from;
};

static void narrow(void *context, size_t begin, size_t end)
{
    const struct narrowing *n = context;
    if (n->cpu->rounds)
        n->cpu->loops->round_bf16((float *)n->to + begin, n->from + begin, end - begin);
    else
        n->cpu->loops->to_bf16((uint16_t *)n->to + begin, n->from + begin, end - begin);
}

static bool frozen_bf16(struct cpu *c, struct product *p, const void *panel, struct error *e)
{
    size_t count = (size_t)(p->m * p->k), item = c->rounds ? sizeof(float) : sizeof(uint16_t);
    struct narrowing n = {c, NULL, p->a};
    n.to = cpu_scratch(c, SCRATCH_NARROW, count * item, e);
    if (!n.to)
        return false;
    threads_for(count, 8192, narrow, &n);
    if (c->rounds) {
        p->a = n.to;
        p->b = panel;
        return product_run(p, e);
    }
    struct product_typed typed = {DTYPE_BF16, p->m,      p->n, p->k,  n.to,
                                  panel,      p->turn_b, p->c, p->add};
    return product_typed_run(c->products, &typed, e);
}

bool product_frozen(struct cpu *c, const struct matrix *w, bool turned, const float *x, int64_t m,
                    float *y, bool add, struct error *e)
{
    const void *panel = panel_get(c, w, e);
    if (!panel)
        return false;
    int64_t k = turned ? w->cols : w->rows, n = turned ? w->rows : w->cols;
    struct product p = {.m = m,
                        .n = n,
                        .k = k,
                        .a = x,
                        .stride_a = k,
                        .stride_b = w->cols,
                        .turn_b = turned,
                        .c = y,
                        .stride_c = n,
                        .alpha = 1,
                        .add = add};
    if (c->backend.compute == COMPUTE_BF16)
        return frozen_bf16(c, &p, panel, e);
    p.b = panel;
    return product_run(&p, e);
}
