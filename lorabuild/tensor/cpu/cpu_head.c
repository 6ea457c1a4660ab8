#include "lorabuild/tensor/cpu/cpu.h"

#include "lorabuild/common/memory.h"
#include "lorabuild/common/threads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 128 /* rows whose logits are held at a time */

struct chunk {
    const struct loops *loops;
    const struct head_loss *h;
    const struct value *x;
    const int64_t *rows; /* the learned rows of this chunk */
    int64_t count;
    float *inputs, *gradients; /* (count, C) */
    float *logits;             /* (count, vocabulary) */
    double *losses;
    bool learns;
};

static void gather(struct chunk *k)
{
    for (int64_t i = 0; i < k->count; i++)
        memcpy(k->inputs + i * k->x->cols, k->x->data + k->rows[i] * k->x->cols,
               (size_t)k->x->cols * sizeof(float));
}

/* Logits → loss, and in their place its gradient. */
static void entropy_rows(void *context, size_t begin, size_t end)
{
    const struct chunk *k = context;
    size_t vocabulary = (size_t)k->h->head->weight.rows;
    for (size_t i = begin; i < end; i++) {
        float *z = k->logits + i * vocabulary;
        int32_t target = k->h->targets[k->rows[i]];
        float most = k->loops->max(z, vocabulary), at_target = z[target];
        double sum = k->loops->exp_sum(z, most, vocabulary);
        k->losses[i] = (double)most - (double)at_target + log(sum);
        if (!k->learns)
            continue;
        double by = (double)k->h->weights[k->rows[i]] * k->h->grad_scale;
        k->loops->scale(z, (float)(by / sum), vocabulary);
        z[target] = (float)(by * (exp((double)at_target - (double)most) / sum - 1));
    }
}

static void scatter(struct chunk *k)
{
    for (int64_t i = 0; i < k->count; i++)
        k->loops->accumulate(k->x->grad + k->rows[i] * k->x->cols, k->gradients + i * k->x->cols,
                             (size_t)k->x->cols);
}

static bool run_chunk(struct cpu *c, struct chunk *k, struct error *e)
{
    const struct linear *head = k->h->head;
    gather(k);
    if (!product_frozen(c, &head->weight, true, k->inputs, k->count, k->logits, false, e))
        return false;
    for (int64_t i = 0; head->bias && i < k->count; i++)
        c->loops->accumulate(k->logits + i * head->weight.rows, head->bias,
                             (size_t)head->weight.rows);
    threads_for((size_t)k->count, 1, entropy_rows, k);
    for (int64_t i = 0; i < k->count; i++) {
        *k->h->loss_sum += (double)k->h->weights[k->rows[i]] * k->losses[i];
        if (k->h->row_loss)
            k->h->row_loss[k->rows[i]] = (float)k->losses[i];
    }
    if (!k->learns)
        return true;
    if (!product_frozen(c, &head->weight, false, k->logits, k->count, k->gradients, false, e))
        return false;
    scatter(k);
    return true;
}

static int64_t learned_rows(const struct head_loss *h, int64_t count, int64_t *rows)
{
    int64_t n = 0;
    for (int64_t i = 0; i < count; i++)
        if (h->weights[i] > 0)
            rows[n++] = i;
    return n;
}

bool cpu_head_loss(struct backend *b, struct op_call *call, struct error *e)
{
    struct cpu *c = b->own;
    const struct head_loss *h = call->parameters;
    const struct value *x = call->in[0];
    struct chunk k = {.loops = c->loops, .h = h, .x = x, .learns = call->recorded};
    int64_t *rows = mem_array((size_t)x->rows, sizeof *rows);
    int64_t learned = learned_rows(h, x->rows, rows), most = learned < CHUNK ? learned : CHUNK;
    double losses[CHUNK];
    bool ok = false;
    k.losses = losses;
    if (k.learns && !call->adds[0])
        memset(x->grad, 0, (size_t)(x->rows * x->cols) * sizeof *x->grad);
    if (h->row_loss)
        memset(h->row_loss, 0, (size_t)x->rows * sizeof *h->row_loss);
    k.inputs = cpu_scratch(c, SCRATCH_ROWS, (size_t)(2 * most * x->cols) * sizeof(float), e);
    k.gradients = k.inputs ? k.inputs + most * x->cols : NULL;
    k.logits = k.inputs ? cpu_scratch(c, SCRATCH_LOGITS,
                                      (size_t)(most * h->head->weight.rows) * sizeof(float), e)
                        : NULL;
    if (!k.logits)
        goto out;
    for (int64_t i = 0; i < learned; i += CHUNK) {
        k.rows = rows + i;
        k.count = learned - i < CHUNK ? learned - i : CHUNK;
        if (!run_chunk(c, &k, e))
            goto out;
    }
    ok = true;
out:
    free(rows);
    return ok;
}

bool cpu_head_logits(struct backend *b, struct op_call *call, struct error *e)
{
    struct cpu *c = b->own;
    const struct head_logits_parameters *p = call->parameters;
    const struct value *x = call->in[0];
    size_t width = (size_t)x->cols, vocabulary = (size_t)p->head->weight.rows;
    float *inputs = cpu_scratch(c, SCRATCH_ROWS, (size_t)p->n * width * sizeof *inputs, e);
    if (!inputs)
        return false;
    for (int64_t i = 0; i < p->n; i++)
        memcpy(inputs + (size_t)i * width, x->data + (size_t)p->rows[i] * width,
               width * sizeof *inputs);
    if (p->n < PRODUCT_FEW_ROWS)
        product_few_rows(c, &p->head->weight, inputs, p->n, p->logits, false, 1);
    else if (!product_frozen(c, &p->head->weight, true, inputs, p->n, p->logits, false, e))
        return false;
    for (int64_t i = 0; p->head->bias && i < p->n; i++)
        c->loops->accumulate(p->logits + (size_t)i * vocabulary, p->head->bias, vocabulary);
    return true;
}
