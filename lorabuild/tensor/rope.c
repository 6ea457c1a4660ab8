/* Each pair (a, b) of a head's columns turns by angle = position · inverse_frequency:
 * (a cos - b sin, b cos + a sin). Backward turns the gradient the other way.
 * Source: Su et al. 2021, "RoFormer: enhanced transformer with rotary position embedding". */
#include "lorabuild/tensor/ops.h"
#include "lorabuild/tensor/record.h"

struct value *op_rope(struct tape *t, struct value *x, const int32_t *positions, int head_size,
                      const float *inverse_frequency, enum rope_pairing pairing, struct error *e)
{
    if (head_size <= 0 || head_size % 2 || x->cols % head_size || x->kept) {
        error_set(e, ERROR_INTERNAL, "rope: %lld columns, heads of %d%s", (long long)x->cols,
                  head_size, x->kept ? ", of a value that backward needs" : "");
        return NULL;
    }
    struct value *out = tape_move(t, x);
    struct rope_parameters p = {positions, inverse_frequency, head_size, pairing};
    struct op_call call = {.op = OP_ROPE, .in = {x}, .out = out};
    call.parameters = tape_copy(t, &p, sizeof p);
    return tape_run(t, &call, e) ? out : NULL;
}
