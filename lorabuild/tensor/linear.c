/* y = x Wᵀ + bias + Σ s · (d(x) Aᵀ) Bᵀ, where d is the pair's dropout.
 *
 * W is frozen, so its gradient is never made. With g = s · dy B (T, rank), h = d(x) Aᵀ:
 *   dB += s · dyᵀ h,  dA += gᵀ d(x),  dx = dy W + d(g A).
 * Saved: h of each trained pair, and one bit an element of what dropout kept.
 * Source: Hu et al. 2021, "LoRA: low-rank adaptation of large language models". */
#include "lorabuild/tensor/ops.h"
#include "lorabuild/tensor/record.h"

static bool check(const struct value *x, const struct linear *l, struct error *e)
{
    if (x->cols != l->weight.cols)
        return error_set(e, ERROR_INTERNAL, "linear: input has %lld columns, its weight %lld",
                         (long long)x->cols, (long long)l->weight.cols);
    if (l->pair_count < 0 || l->pair_count > LINEAR_MOST_PAIRS)
        return error_set(e, ERROR_INTERNAL, "linear: %d pairs", l->pair_count);
    return true;
}

/* Slot i holds pair i's h, slot 2 + i what its dropout kept. */
static bool save(struct tape *t, struct op_call *call, const struct linear *l, struct error *e)
{
    const struct value *x = call->in[0];
    for (int i = 0; i < l->pair_count; i++) {
        const struct lora_pair *p = l->pairs[i];
        size_t h = (size_t)x->rows * (size_t)p->rank * sizeof(float);
        size_t mask = p->dropout > 0 ? (size_t)x->rows * (((size_t)x->cols + 7) / 8) : 0;
        if (!tape_save(t, call, i, h, e) || !tape_save(t, call, 2 + i, mask, e))
            return false;
    }
    return true;
}

struct value *op_linear(struct tape *t, struct value *x, const struct linear *l, struct error *e)
{
    if (!check(x, l, e))
        return NULL;
    bool trains = false;
    for (int i = 0; i < l->pair_count; i++)
        trains |= l->pairs[i]->grad_a != NULL;
    struct value *out = tape_value(t, x->rows, l->weight.rows, x->needs_grad || trains, e);
    if (!out)
        return NULL;
    struct op_call call = {.op = OP_LINEAR, .in = {x}, .out = out};
    call.parameters = tape_copy(t, l, sizeof *l);
    if (!save(t, &call, l, e))
        return NULL;
    if (trains && tape_will_record(t, out))
        x->kept = true;
    return tape_run(t, &call, e) ? out : NULL;
}
