/* y = gate · σ(gate) · up. With s = σ(gate):
 *   dup = dy · gate · s,  dgate = dy · up · s · (1 + gate · (1 - s)).
 * Source: Shazeer 2020, "GLU variants improve transformer". */
#include "lorabuild/tensor/ops.h"
#include "lorabuild/tensor/record.h"

struct value *op_swiglu(struct tape *t, struct value *gate, struct value *up, struct error *e)
{
    if (gate->rows != up->rows || gate->cols != up->cols) {
        error_set(e, ERROR_INTERNAL, "swiglu: shapes differ");
        return NULL;
    }
    struct value *out =
        tape_value(t, gate->rows, gate->cols, gate->needs_grad || up->needs_grad, e);
    if (!out)
        return NULL;
    if (tape_will_record(t, out))
        gate->kept = up->kept = true;
    struct op_call call = {.op = OP_SWIGLU, .in = {gate, up}, .out = out};
    return tape_run(t, &call, e) ? out : NULL;
}
