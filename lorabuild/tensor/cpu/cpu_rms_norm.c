#include "lorabuild/tensor/cpu/cpu.h"

#include "lorabuild/common/threads.h"

struct rows {
    struct cpu *cpu;
    struct op_call *call;
};

static void forward(void *context, size_t begin, size_t end)
{
    const struct rows *r = context;
    const struct rms_norm_parameters *p = r->call->parameters;
    const struct value *x = r->call->in[0];
    size_t width = (size_t)x->cols;
    float *factor = r->call->recorded ? r->call->saved[0] : NULL;
    for (size_t i = begin; i < end; i++) {
        float f = r->cpu->loops->norm(r->call->out->data + i * width, x->data + i * width, p->gain,
                                      p->epsilon, width);
        if (factor)
            factor[i] = f;
    }
}

static void backward(void *context, size_t begin, size_t end)
{
    const struct rows *r = context;
    const struct rms_norm_parameters *p = r->call->parameters;
    const struct value *x = r->call->in[0];
    size_t width = (size_t)x->cols;
    const float *factor = r->call->saved[0];
    for (size_t i = begin; i < end; i++)
        r->cpu->loops->norm_back(x->grad + i * width, r->call->adds[0], x->data + i * width,
                                 p->gain, r->call->out->grad + i * width, factor[i], width);
}

bool cpu_rms_norm(struct backend *b, struct op_call *call, struct error *e)
{
    (void)e;
    threads_for((size_t)call->out->rows, 16, forward, &(struct rows){b->own, call});
    return true;
}

bool cpu_rms_norm_back(struct backend *b, struct op_call *call, struct error *e)
{
    (void)e;
    if (call->in[0]->grad)
        threads_for((size_t)call->out->rows, 16, backward, &(struct rows){b->own, call});
    return true;
}
