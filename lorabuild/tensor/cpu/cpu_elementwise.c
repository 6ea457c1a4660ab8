/* swiglu and add: over all numbers, cut into stretches. */
#include "lorabuild/tensor/cpu/cpu.h"

#include "lorabuild/common/threads.h"

#include <string.h>

#define STRETCH 8192

struct numbers {
    const struct loops *loops;
    struct op_call *call;
};

static size_t number_count(const struct op_call *call)
{
    return (size_t)(call->out->rows * call->out->cols);
}

static bool run(struct backend *b, struct op_call *call, threads_body *body)
{
    const struct cpu *c = b->own;
    threads_for(number_count(call), STRETCH, body, &(struct numbers){c->loops, call});
    return true;
}

static void swiglu(void *context, size_t begin, size_t end)
{
    const struct numbers *n = context;
    n->loops->swiglu(n->call->out->data + begin, n->call->in[0]->data + begin,
                     n->call->in[1]->data + begin, end - begin);
}

static float *grad_at(const struct value *v, size_t i)
{
    return v->grad ? v->grad + i : NULL;
}

static void swiglu_back(void *context, size_t begin, size_t end)
{
    const struct numbers *n = context;
    const struct value *gate = n->call->in[0], *up = n->call->in[1];
    n->loops->swiglu_back(grad_at(gate, begin), n->call->adds[0], grad_at(up, begin),
                          n->call->adds[1], gate->data + begin, up->data + begin,
                          n->call->out->grad + begin, end - begin);
}

static void add(void *context, size_t begin, size_t end)
{
    const struct numbers *n = context;
    n->loops->add(n->call->out->data + begin, n->call->in[0]->data + begin,
                  n->call->in[1]->data + begin, end - begin);
}

static void add_back(void *context, size_t begin, size_t end)
{
    const struct numbers *n = context;
    const float *dy = n->call->out->grad + begin;
    for (int i = 0; i < 2; i++) {
        float *to = grad_at(n->call->in[i], begin);
        if (to && n->call->adds[i])
            n->loops->accumulate(to, dy, end - begin);
        else if (to)
            memcpy(to, dy, (end - begin) * sizeof *to);
    }
}

bool cpu_swiglu(struct backend *b, struct op_call *call, struct error *e)
{
    (void)e;
    return run(b, call, swiglu);
}

bool cpu_swiglu_back(struct backend *b, struct op_call *call, struct error *e)
{
    (void)e;
    return run(b, call, swiglu_back);
}

bool cpu_add(struct backend *b, struct op_call *call, struct error *e)
{
    (void)e;
    return run(b, call, add);
}

bool cpu_add_back(struct backend *b, struct op_call *call, struct error *e)
{
    (void)e;
    return run(b, call, add_back);
}
