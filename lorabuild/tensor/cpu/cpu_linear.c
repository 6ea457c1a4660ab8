#include "lorabuild/tensor/cpu/cpu.h"

#include "lorabuild/common/random.h"
#include "lorabuild/common/threads.h"

#include <string.h>

struct dropped {
    const struct loops *loops;
    const struct lora_pair *pair;
    uint8_t *mask;
    size_t width, mask_bytes;
    float *to;
    const float *from;
    bool add;
};

/* Four numbers to a block of the generator. */
static void draw_mask(void *context, size_t begin, size_t end)
{
    const struct dropped *d = context;
    const struct lora_pair *p = d->pair;
    struct random r = {p->dropout_seed, p->dropout_purpose, p->dropout_step};
    memset(d->mask + begin * d->mask_bytes, 0, (end - begin) * d->mask_bytes);
    for (size_t row = begin; row < end; row++) {
        uint8_t *mask = d->mask + row * d->mask_bytes;
        uint64_t index = row * d->width;
        uint32_t words[4];
        random_block(r, index / 4, words);
        for (size_t i = 0; i < d->width; i++, index++) {
            if (index % 4 == 0)
                random_block(r, index / 4, words);
            bool keep = (float)(words[index % 4] >> 8) * 0x1p-24f >= p->dropout;
            mask[i / 8] |= (uint8_t)(keep << i % 8);
        }
    }
}

static void apply_mask(void *context, size_t begin, size_t end)
{
    const struct dropped *d = context;
    float by = 1.0f / (1.0f - d->pair->dropout);
    for (size_t row = begin; row < end; row++)
        d->loops->masked(d->to + row * d->width, d->from + row * d->width,
                         d->mask + row * d->mask_bytes, by, d->width);
}

static void add_masked(void *context, size_t begin, size_t end)
{
    const struct dropped *d = context;
    float by = 1.0f / (1.0f - d->pair->dropout), part[256];
    for (size_t row = begin; row < end; row++)
        for (size_t i = 0; i < d->width; i += 256) {
            size_t n = d->width - i < 256 ? d->width - i : 256, at = row * d->width + i;
            d->loops->masked(part, d->from + at, d->mask + row * d->mask_bytes + i / 8, by, n);
            d->loops->accumulate(d->to + at, part, n);
        }
}

static struct dropped dropped(struct cpu *c, const struct op_call *call, int i)
{
    const struct linear *l = call->parameters;
    size_t width = (size_t)call->in[0]->cols;
    return (struct dropped){.loops = c->loops,
                            .pair = l->pairs[i],
                            .mask = call->saved[2 + i],
                            .width = width,
                            .mask_bytes = (width + 7) / 8};
}

/* d(x) of pair i: x itself without dropout. NULL and an error. */
static const float *pair_input(struct cpu *c, const struct op_call *call, int i, struct error *e)
{
    const struct linear *l = call->parameters;
    const struct value *x = call->in[0];
    if (!(l->pairs[i]->dropout > 0))
        return x->data;
    struct dropped d = dropped(c, call, i);
    d.from = x->data;
    d.to = cpu_scratch(c, SCRATCH_INPUT, (size_t)(x->rows * x->cols) * sizeof(float), e);
    if (d.to)
        threads_for((size_t)x->rows, 8, apply_mask, &d);
    return d.to;
}

/* h = d(x) Aᵀ, kept in saved[i]; y += s h Bᵀ. */
static bool add_pair(struct cpu *c, struct op_call *call, int i, struct error *e)
{
    const struct linear *l = call->parameters;
    const struct lora_pair *p = l->pairs[i];
    int64_t rows = call->in[0]->rows, in = call->in[0]->cols, out = call->out->cols;
    if (p->dropout > 0) {
        struct dropped d = dropped(c, call, i);
        threads_for((size_t)rows, 4, draw_mask, &d);
    }
    const float *x = pair_input(c, call, i, e);
    if (x && rows < PRODUCT_FEW_ROWS) {
        struct matrix a = {DTYPE_F32, p->rank, in, p->a, -1},
                      b = {DTYPE_F32, out, p->rank, p->b, -1};
        product_few_rows(c, &a, x, rows, call->saved[i], false, 1);
        product_few_rows(c, &b, call->saved[i], rows, call->out->data, true, p->scale);
        return true;
    }
    struct product down = {.m = rows,
                           .n = p->rank,
                           .k = in,
                           .a = x,
                           .stride_a = in,
                           .b = p->a,
                           .stride_b = in,
                           .turn_b = true,
                           .c = call->saved[i],
                           .stride_c = p->rank,
                           .alpha = 1};
    struct product up = {.m = rows,
                         .n = out,
                         .k = p->rank,
                         .a = call->saved[i],
                         .stride_a = p->rank,
                         .b = p->b,
                         .stride_b = p->rank,
                         .turn_b = true,
                         .c = call->out->data,
                         .stride_c = out,
                         .alpha = p->scale,
                         .add = true};
    return x && product_run(&down, e) && product_run(&up, e);
}

static void fill_bias(float *y, const float *bias, int64_t rows, int64_t cols)
{
    for (int64_t i = 0; i < rows; i++)
        memcpy(y + i * cols, bias, (size_t)cols * sizeof *y);
}

bool cpu_linear(struct backend *b, struct op_call *call, struct error *e)
{
    struct cpu *c = b->own;
    const struct linear *l = call->parameters;
    const struct value *x = call->in[0];
    float *y = call->out->data;
    if (x->rows < PRODUCT_FEW_ROWS) {
        product_few_rows(c, &l->weight, x->data, x->rows, y, false, 1);
        for (int64_t i = 0; l->bias && i < x->rows; i++)
            c->loops->accumulate(y + i * l->weight.rows, l->bias, (size_t)l->weight.rows);
    } else {
        if (l->bias)
            fill_bias(y, l->bias, x->rows, l->weight.rows);
        if (!product_frozen(c, &l->weight, true, x->data, x->rows, y, l->bias != NULL, e))
            return false;
    }
    for (int i = 0; i < l->pair_count; i++)
        if (!add_pair(c, call, i, e))
            return false;
    return true;
}

/* dx += d(g A) */
static bool pair_input_gradient(struct cpu *c, struct op_call *call, int i, const float *g,
                                struct error *e)
{
    const struct linear *l = call->parameters;
    const struct lora_pair *p = l->pairs[i];
    const struct value *x = call->in[0];
    struct product back = {.m = x->rows,
                           .n = x->cols,
                           .k = p->rank,
                           .a = g,
                           .stride_a = p->rank,
                           .b = p->a,
                           .stride_b = x->cols,
                           .c = x->grad,
                           .stride_c = x->cols,
                           .alpha = 1,
                           .add = true};
    if (!(p->dropout > 0))
        return product_run(&back, e);
    back.c = cpu_scratch(c, SCRATCH_INPUT, (size_t)(x->rows * x->cols) * sizeof(float), e);
    back.add = false;
    if (!back.c || !product_run(&back, e))
        return false;
    struct dropped d = dropped(c, call, i);
    d.from = back.c;
    d.to = x->grad;
    threads_for((size_t)x->rows, 8, add_masked, &d);
    return true;
}

static bool pair_back(struct cpu *c, struct op_call *call, int i, struct error *e)
{
    const struct linear *l = call->parameters;
    const struct lora_pair *p = l->pairs[i];
    const struct value *x = call->in[0];
    int64_t rows = x->rows, in = x->cols, out = call->out->cols;
    const float *dy = call->out->grad, *h = call->saved[i];
    if (!p->grad_a && !x->grad)
        return true;
    float *g = cpu_scratch(c, SCRATCH_LOW_RANK, (size_t)(rows * p->rank) * sizeof *g, e);
    struct product low = {.m = rows,
                          .n = p->rank,
                          .k = out,
                          .a = dy,
                          .stride_a = out,
                          .b = p->b,
                          .stride_b = p->rank,
                          .c = g,
                          .stride_c = p->rank,
                          .alpha = p->scale};
    if (!g || !product_run(&low, e))
        return false;
    if (p->grad_a) {
        const float *dropped_x = pair_input(c, call, i, e);
        struct product da = {.m = p->rank,
                             .n = in,
                             .k = rows,
                             .a = g,
                             .stride_a = p->rank,
                             .turn_a = true,
                             .b = dropped_x,
                             .stride_b = in,
                             .c = p->grad_a,
                             .stride_c = in,
                             .alpha = 1,
                             .add = true};
        struct product db = {.m = out,
                             .n = p->rank,
                             .k = rows,
                             .a = dy,
                             .stride_a = out,
                             .turn_a = true,
                             .b = h,
                             .stride_b = p->rank,
                             .c = p->grad_b,
                             .stride_c = p->rank,
                             .alpha = p->scale,
                             .add = true};
        if (!dropped_x || !product_run(&da, e) || !product_run(&db, e))
            return false;
    }
    return !x->grad || pair_input_gradient(c, call, i, g, e);
}

bool cpu_linear_back(struct backend *b, struct op_call *call, struct error *e)
{
    struct cpu *c = b->own;
    const struct linear *l = call->parameters;
    struct value *x = call->in[0];
    if (x->grad &&
        !product_frozen(c, &l->weight, false, call->out->grad, x->rows, x->grad, call->adds[0], e))
        return false;
    for (int i = 0; i < l->pair_count; i++)
        if (!pair_back(c, call, i, e))
            return false;
    return true;
}
