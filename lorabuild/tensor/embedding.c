/* y[t] = scale · table[ids[t]]. No backward: the table is frozen. */
#include "lorabuild/tensor/ops.h"
#include "lorabuild/tensor/record.h"

struct value *op_embedding(struct tape *t, const struct matrix *table, const int32_t *ids,
                           int64_t count, float scale, struct error *e)
{
    for (int64_t i = 0; i < count; i++)
        if (ids[i] < 0 || ids[i] >= table->rows) {
            error_set(e, ERROR_INPUT, "token %d at position %lld is not in the vocabulary of %lld",
                      ids[i], (long long)i, (long long)table->rows);
            return NULL;
        }
    struct value *out = tape_value(t, count, table->cols, false, e);
    if (!out)
        return NULL;
    struct embedding_parameters p = {table, ids, scale};
    struct op_call call = {.op = OP_EMBEDDING, .out = out, .parameters = &p};
    return tape_run(t, &call, e) ? out : NULL;
}
