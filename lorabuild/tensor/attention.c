/* out = P v with P = softmax(q kᵀ · scale + mask), a row at a time.
 *
 * Saved: L = log Σ exp(scores) of each (row, head). Backward recomputes P = exp(scores - L) and
 * uses dS = P · (dP - rowsum(dout · out)), dP = dout vᵀ:
 *   dq = scale · dS k,  dk = scale · dSᵀ q,  dv = Pᵀ dout.
 * Source: Vaswani et al. 2017; the recomputation is FlashAttention's (Dao et al. 2022). */
#include "lorabuild/tensor/ops.h"
#include "lorabuild/tensor/record.h"

static bool check(const struct value *q, const struct value *k, const struct value *v,
                  const struct attention *a, struct error *e)
{
    bool fits = a->heads > 0 && a->kv_heads > 0 && a->heads % a->kv_heads == 0 &&
                q->cols == (int64_t)a->heads * a->head_size &&
                k->cols == (int64_t)a->kv_heads * a->head_size && v->cols == k->cols &&
                v->rows == k->rows && a->sequences > 0 && a->starts[0] == 0 &&
                a->starts[a->sequences] == q->rows &&
                (q->rows == k->rows || (a->sequences == 1 && q->rows < k->rows));
    for (int i = 0; fits && i < a->sequences; i++)
        fits = a->starts[i] < a->starts[i + 1];
    return fits || error_set(e, ERROR_INTERNAL,
                             "attention: q (%lld, %lld), k (%lld, %lld), v (%lld, %lld), %d heads "
                             "over %d of %d, %d sequences that do not fit together",
                             (long long)q->rows, (long long)q->cols, (long long)k->rows,
                             (long long)k->cols, (long long)v->rows, (long long)v->cols, a->heads,
                             a->kv_heads, a->head_size, a->sequences);
}

struct value *op_attention(struct tape *t, struct value *q, struct value *k, struct value *v,
                           const struct attention *a, struct error *e)
{
    if (!check(q, k, v, a, e))
        return NULL;
    bool needs_grad = q->needs_grad || k->needs_grad || v->needs_grad;
    struct value *out = tape_value(t, q->rows, q->cols, needs_grad, e);
    if (!out)
        return NULL;
    struct op_call call = {.op = OP_ATTENTION, .in = {q, k, v}, .out = out};
    if (tape_will_record(t, out)) {
        if (!tape_save(t, &call, 0, (size_t)q->rows * (size_t)a->heads * sizeof(float), e))
            return NULL;
        q->kept = k->kept = v->kept = out->kept = true;
    }
    call.parameters = tape_copy(t, a, sizeof *a);
    return tape_run(t, &call, e) ? out : NULL;
}
