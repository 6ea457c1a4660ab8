/* y = x · r · gain with r = 1 / √(mean(x²) + epsilon), saved for each row.
 *
 * With g = dy · gain: dx = r · (g - x · r² · mean(g · x)).
 * Source: Zhang & Sennrich 2019, "Root mean square layer normalization". */
#include "lorabuild/tensor/ops.h"
#include "lorabuild/tensor/record.h"

struct value *op_rms_norm(struct tape *t, struct value *x, const float *gain, float epsilon,
                          struct error *e)
{
    struct value *out = tape_value(t, x->rows, x->cols, x->needs_grad, e);
    struct op_call call = {.op = OP_RMS_NORM, .in = {x}, .out = out};
    if (!out)
        return NULL;
    if (tape_will_record(t, out)) {
        if (!tape_save(t, &call, 0, (size_t)x->rows * sizeof(float), e))
            return NULL;
        x->kept = true;
    }
    struct rms_norm_parameters p = {gain, epsilon};
    call.parameters = tape_copy(t, &p, sizeof p);
    return tape_run(t, &call, e) ? out : NULL;
}
