/* y = a + b; da += dy, db += dy. */
#include "lorabuild/tensor/ops.h"
#include "lorabuild/tensor/record.h"

struct value *op_add(struct tape *t, struct value *a, struct value *b, struct error *e)
{
    if (a->rows != b->rows || a->cols != b->cols) {
        error_set(e, ERROR_INTERNAL, "add: shapes differ");
        return NULL;
    }
    struct value *out = tape_value(t, a->rows, a->cols, a->needs_grad || b->needs_grad, e);
    if (!out)
        return NULL;
    struct op_call call = {.op = OP_ADD, .in = {a, b}, .out = out};
    return tape_run(t, &call, e) ? out : NULL;
}
