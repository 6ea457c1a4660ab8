/* The output matrix: cross-entropy and logits.
 *
 * loss[t] = log Σ_v exp(z[t, v]) - z[t, target[t]] with z = x Wᵀ. Its gradient, softmax(z) minus
 * one at the target, times weight · grad_scale, goes through W at once, chunk by chunk. */
#include "lorabuild/tensor/ops.h"
#include "lorabuild/tensor/record.h"

static bool check(const struct value *x, const struct linear *head, struct error *e)
{
    if (x->cols != head->weight.cols)
        return error_set(e, ERROR_INTERNAL, "head: input has %lld columns, its weight %lld",
                         (long long)x->cols, (long long)head->weight.cols);
    if (head->pair_count)
        return error_set(e, ERROR_INTERNAL, "head: low-rank pairs on it are not supported");
    return true;
}

bool op_head_loss(struct tape *t, struct value *x, const struct head_loss *h, struct error *e)
{
    if (!check(x, h->head, e))
        return false;
    for (int64_t i = 0; i < x->rows; i++)
        if (h->weights[i] > 0 && (h->targets[i] < 0 || h->targets[i] >= h->head->weight.rows))
            return error_set(e, ERROR_INPUT, "target %d at position %lld is not in the vocabulary",
                             h->targets[i], (long long)i);
    struct op_call call = {.op = OP_HEAD_LOSS, .in = {x}, .parameters = h};
    call.recorded = tape_will_record(t, x);
    if (call.recorded && !tape_gradient(t, x, &call.adds[0], e))
        return false;
    return backend_run(tape_backend(t), OP_HEAD_LOSS, FORWARD, &call, e);
}

bool op_head_logits(struct tape *t, struct value *x, const struct linear *head, const int32_t *rows,
                    int64_t n, float *logits, struct error *e)
{
    if (!check(x, head, e))
        return false;
    for (int64_t i = 0; i < n; i++)
        if (rows[i] < 0 || rows[i] >= x->rows)
            return error_set(e, ERROR_INTERNAL, "head: row %d of %lld", rows[i],
                             (long long)x->rows);
    struct head_logits_parameters p = {head, rows, n, logits};
    struct op_call call = {.op = OP_HEAD_LOGITS, .in = {x}, .parameters = &p};
    return backend_run(tape_backend(t), OP_HEAD_LOGITS, FORWARD, &call, e);
}
