#include "lorabuild/tensor/cpu/cpu.h"

#include "lorabuild/common/memory.h"
#include "lorabuild/common/threads.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define TILE 64       /* query rows */
#define KEY_BLOCK 256 /* keys whose gradients are added at a time */
#define PADDING 16    /* rows a power of two apart would fight over the cache */

struct pass_state {
    const struct loops *loops;
    struct op_call *call;
    const struct attention *a;
    int64_t *tiles_before; /* (sequences + 1) forward: tiles of one head in earlier sequences */
    float *dk, *dv;        /* backward: (S, H·D), each head's own */
    atomic_bool failed;
};

/* A tile: query rows `row` … row + rows - 1 of one head see keys first … first + keys - 1. */
struct tile {
    int64_t row, rows, first, keys;
    int64_t stride;    /* of a row of scores */
    int64_t key_start; /* row of k that is position 0 of this sequence */
    int64_t position;  /* of the tile's first query row in its sequence */
};

static struct tile tile_of(const struct pass_state *s, int sequence, int64_t index)
{
    const struct attention *a = s->a;
    int64_t start = a->starts[sequence], end = a->starts[sequence + 1];
    int64_t cached = s->call->in[1]->rows - s->call->in[0]->rows;
    struct tile t = {.row = start + index * TILE, .key_start = start};
    t.rows = end - t.row < TILE ? end - t.row : TILE;
    t.position = t.row - start + cached;
    t.first = a->window > 0 && t.position >= a->window ? t.position - a->window + 1 : 0;
    t.keys = t.position + t.rows - t.first;
    t.stride = t.keys + PADDING;
    return t;
}

/* The keys that row i of the tile sees, counted from t.first: from … to - 1. */
static void seen(const struct pass_state *s, const struct tile *t, int64_t i, int64_t *from,
                 int64_t *to)
{
    int64_t position = t->position + i;
    int64_t first = s->a->window > 0 && position >= s->a->window ? position - s->a->window + 1 : 0;
    *from = first - t->first;
    *to = position + 1 - t->first;
}

static const float *rows_of(const struct value *v, int64_t row, int64_t head, int64_t size)
{
    return v->data + row * v->cols + head * size;
}

/* scores (rows, keys) = left · rightᵀ, left in the queries' shape, right in the keys'. */
static bool scores_of(const struct pass_state *s, const struct tile *t, int64_t head,
                      const float *left, const struct value *right, float *scores)
{
    int64_t size = s->a->head_size, kv = head / (s->a->heads / s->a->kv_heads);
    struct product p = {.m = t->rows,
                        .n = t->keys,
                        .k = size,
                        .a = left,
                        .stride_a = s->call->out->cols,
                        .b = rows_of(right, t->key_start + t->first, kv, size),
                        .stride_b = right->cols,
                        .turn_b = true,
                        .c = scores,
                        .stride_c = t->stride,
                        .alpha = 1};
    return product_one(&p);
}

static void clear_outside(float *row, int64_t from, int64_t to, int64_t keys)
{
    memset(row, 0, (size_t)from * sizeof *row);
    memset(row + to, 0, (size_t)(keys - to) * sizeof *row);
}

static void softmax_tile(const struct pass_state *s, const struct tile *t, int64_t head, float *p)
{
    float *log_sum = s->call->recorded ? s->call->saved[0] : NULL;
    for (int64_t i = 0; i < t->rows; i++) {
        float *row = p + i * t->stride;
        int64_t from, to;
        seen(s, t, i, &from, &to);
        size_t n = (size_t)(to - from);
        s->loops->scale(row + from, s->a->scale, n);
        float most = s->loops->max(row + from, n);
        double sum = s->loops->exp_sum(row + from, most, n);
        s->loops->scale(row + from, (float)(1 / sum), n);
        clear_outside(row, from, to, t->keys);
        if (log_sum)
            log_sum[(t->row + i) * s->a->heads + head] = most + (float)log(sum);
    }
}

static bool forward_tile(const struct pass_state *s, const struct tile *t, int64_t head, float *p)
{
    const struct value *q = s->call->in[0], *k = s->call->in[1], *v = s->call->in[2];
    int64_t size = s->a->head_size, kv = head / (s->a->heads / s->a->kv_heads);
    if (!scores_of(s, t, head, rows_of(q, t->row, head, size), k, p))
        return false;
    softmax_tile(s, t, head, p);
    struct product out = {.m = t->rows,
                          .n = size,
                          .k = t->keys,
                          .a = p,
                          .stride_a = t->stride,
                          .b = rows_of(v, t->key_start + t->first, kv, size),
                          .stride_b = v->cols,
                          .c = s->call->out->data + t->row * q->cols + head * size,
                          .stride_c = q->cols,
                          .alpha = 1};
    return product_one(&out);
}

/* Task i is (sequence, head, tile), in that order. */
static void forward_tasks(void *context, size_t begin, size_t end)
{
    struct pass_state *s = context;
    size_t most = (size_t)s->call->in[1]->rows + PADDING;
    float *p = mem_alloc(TILE * most * sizeof *p);
    int sequence = 0;
    for (size_t i = begin; i < end; i++) {
        while ((int64_t)i >= s->tiles_before[sequence + 1] * s->a->heads)
            sequence++;
        int64_t tiles = s->tiles_before[sequence + 1] - s->tiles_before[sequence];
        int64_t rest = (int64_t)i - s->tiles_before[sequence] * s->a->heads;
        struct tile t = tile_of(s, sequence, rest % tiles);
        if (!forward_tile(s, &t, rest / tiles, p))
            atomic_store(&s->failed, true);
    }
    free(p);
}

bool cpu_attention(struct backend *b, struct op_call *call, struct error *e)
{
    const struct cpu *c = b->own;
    struct pass_state s = {.loops = c->loops, .call = call, .a = call->parameters};
    int count = s.a->sequences;
    s.tiles_before = mem_array((size_t)count + 1, sizeof *s.tiles_before);
    for (int i = 0; i < count; i++)
        s.tiles_before[i + 1] =
            s.tiles_before[i] + (s.a->starts[i + 1] - s.a->starts[i] + TILE - 1) / TILE;
    threads_for((size_t)(s.tiles_before[count] * s.a->heads), 1, forward_tasks, &s);
    free(s.tiles_before);
    return !atomic_load(&s.failed) || error_set(e, ERROR_INTERNAL, "oneDNN refused a product");
}

/* p: scores → probabilities, d: dP → dS. */
static void softmax_tile_back(const struct pass_state *s, const struct tile *t, int64_t head,
                              float *p, float *d)
{
    const struct value *out = s->call->out;
    const float *log_sum = s->call->saved[0];
    int64_t size = s->a->head_size;
    for (int64_t i = 0; i < t->rows; i++) {
        int64_t from, to, at = (t->row + i) * out->cols + head * size;
        seen(s, t, i, &from, &to);
        float *row = p + i * t->stride, *d_row = d + i * t->stride;
        size_t n = (size_t)(to - from);
        float mean = s->loops->dot(out->data + at, out->grad + at, (size_t)size);
        s->loops->exp_scaled(row + from, s->a->scale, log_sum[(t->row + i) * s->a->heads + head],
                             n);
        s->loops->softmax_back(d_row + from, row + from, mean, s->a->scale, n);
        clear_outside(row, from, to, t->keys);
        clear_outside(d_row, from, to, t->keys);
    }
}

static bool gradient_of_keys(const struct pass_state *s, const struct tile *t, int64_t head,
                             const float *left, const float *right, float *to)
{
    int64_t size = s->a->head_size, width = s->call->out->cols;
    bool ok = true;
    for (int64_t key = 0; ok && key < t->keys; key += KEY_BLOCK) {
        struct product p = {.m = t->keys - key < KEY_BLOCK ? t->keys - key : KEY_BLOCK,
                            .n = size,
                            .k = t->rows,
                            .a = left + key,
                            .stride_a = t->stride,
                            .turn_a = true,
                            .b = right,
                            .stride_b = width,
                            .c = to + (t->key_start + t->first + key) * width + head * size,
                            .stride_c = width,
                            .alpha = 1,
                            .add = true};
        ok = product_one(&p);
    }
    return ok;
}

static bool backward_tile(const struct pass_state *s, const struct tile *t, int64_t head, float *p,
                          float *d)
{
    const struct value *q = s->call->in[0], *k = s->call->in[1], *v = s->call->in[2];
    int64_t size = s->a->head_size, kv = head / (s->a->heads / s->a->kv_heads);
    int64_t at = t->row * q->cols + head * size;
    const float *d_out = s->call->out->grad + at;
    if (!scores_of(s, t, head, q->data + at, k, p) || !scores_of(s, t, head, d_out, v, d))
        return false;
    softmax_tile_back(s, t, head, p, d);
    struct product dq = {.m = t->rows,
                         .n = size,
                         .k = t->keys,
                         .a = d,
                         .stride_a = t->stride,
                         .b = rows_of(k, t->key_start + t->first, kv, size),
                         .stride_b = k->cols,
                         .c = q->grad ? q->grad + at : NULL,
                         .stride_c = q->cols,
                         .alpha = 1,
                         .add = s->call->adds[0]};
    return (!q->grad || product_one(&dq)) &&
           (!s->dv || gradient_of_keys(s, t, head, p, d_out, s->dv)) &&
           (!s->dk || gradient_of_keys(s, t, head, d, q->data + at, s->dk));
}

/* Clears one head's columns of one sequence. */
static void clear_head(float *x, int64_t from, int64_t to, int64_t width, int64_t head,
                       int64_t size)
{
    for (int64_t row = from; x && row < to; row++)
        memset(x + row * width + head * size, 0, (size_t)size * sizeof *x);
}

/* Task i is (sequence, head): its tiles are added one after another. */
static void backward_tasks(void *context, size_t begin, size_t end)
{
    struct pass_state *s = context;
    size_t most = TILE * ((size_t)s->call->in[1]->rows + PADDING);
    float *p = mem_alloc(2 * most * sizeof *p), *d = p + most;
    for (size_t i = begin; i < end; i++) {
        int sequence = (int)(i / (size_t)s->a->heads);
        int64_t head = (int64_t)(i % (size_t)s->a->heads), width = s->call->out->cols;
        int64_t start = s->a->starts[sequence], stop = s->a->starts[sequence + 1];
        clear_head(s->dk, start, stop, width, head, s->a->head_size);
        clear_head(s->dv, start, stop, width, head, s->a->head_size);
        for (int64_t index = 0; start + index * TILE < stop; index++) {
            struct tile t = tile_of(s, sequence, index);
            if (!backward_tile(s, &t, head, p, d))
                atomic_store(&s->failed, true);
        }
    }
    free(p);
}

/* Adds the heads of a group into the gradient of the keys (or values) that they share. */
static void sum_groups(void *context, size_t begin, size_t end)
{
    const struct pass_state *s = context;
    int64_t group = s->a->heads / s->a->kv_heads;
    size_t size = (size_t)s->a->head_size;
    for (int which = 1; which <= 2; which++) {
        const struct value *v = s->call->in[which];
        const float *from = which == 1 ? s->dk : s->dv;
        for (size_t row = begin; v->grad && row < end; row++)
            for (int64_t head = 0; head < s->a->heads; head++) {
                float *to = v->grad + row * (size_t)v->cols + (size_t)(head / group) * size;
                const float *part = from + (row * (size_t)s->a->heads + (size_t)head) * size;
                if (head % group == 0 && !s->call->adds[which])
                    memcpy(to, part, size * sizeof *to);
                else
                    s->loops->accumulate(to, part, size);
            }
    }
}

bool cpu_attention_back(struct backend *b, struct op_call *call, struct error *e)
{
    struct cpu *c = b->own;
    struct pass_state s = {.loops = c->loops, .call = call, .a = call->parameters};
    size_t numbers = (size_t)(call->out->rows * call->out->cols);
    float *parts = cpu_scratch(c, SCRATCH_ATTENTION, 2 * numbers * sizeof *parts, e);
    if (!parts)
        return false;
    s.dk = call->in[1]->grad ? parts : NULL;
    s.dv = call->in[2]->grad ? parts + numbers : NULL;
    threads_for((size_t)s.a->sequences * (size_t)s.a->heads, 1, backward_tasks, &s);
    if (atomic_load(&s.failed))
        return error_set(e, ERROR_INTERNAL, "oneDNN refused a product");
    threads_for((size_t)call->out->rows, 16, sum_groups, &s);
    return true;
}
