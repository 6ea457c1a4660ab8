#include "lorabuild/tensor/cpu/cpu.h"

#include "lorabuild/common/threads.h"

struct lookup {
    struct cpu *cpu;
    const struct embedding_parameters *p;
    float *out;
    size_t row_bytes;
};

static void look_up(void *context, size_t begin, size_t end)
{
    const struct lookup *l = context;
    const struct matrix *table = l->p->table;
    size_t width = (size_t)table->cols;
    for (size_t i = begin; i < end; i++) {
        const char *row = (const char *)table->data + (size_t)l->p->ids[i] * l->row_bytes;
        dtype_to_f32(table->type, row, l->out + i * width, width);
        if (l->p->scale != 1.0f)
            l->cpu->loops->scale(l->out + i * width, l->p->scale, width);
    }
}

bool cpu_embedding(struct backend *b, struct op_call *call, struct error *e)
{
    struct lookup l = {b->own, call->parameters, call->out->data, 0};
    if (!dtype_bytes(l.p->table->type, (uint64_t)l.p->table->cols, &l.row_bytes))
        return error_set(e, ERROR_INTERNAL, "embedding rows are not whole blocks");
    threads_for((size_t)call->out->rows, 16, look_up, &l);
    return true;
}
