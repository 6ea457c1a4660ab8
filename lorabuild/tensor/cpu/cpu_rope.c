#include "lorabuild/tensor/cpu/cpu.h"

#include "lorabuild/common/threads.h"

#include <math.h>

struct turn {
    const struct loops *loops;
    const struct rope_parameters *p;
    float *angles; /* (T, 2, D/2): cos and sin */
    float *to;
    const float *from;
    bool add, back;
    size_t heads;
};

static void fill_angles(void *context, size_t begin, size_t end)
{
    const struct turn *t = context;
    size_t half = (size_t)t->p->head_size / 2;
    for (size_t row = begin; row < end; row++) {
        float *cosine = t->angles + row * 2 * half, *sine = cosine + half;
        for (size_t i = 0; i < half; i++) {
            float angle = (float)t->p->positions[row] * t->p->inverse_frequency[i];
            cosine[i] = cosf(angle);
            sine[i] = t->back ? -sinf(angle) : sinf(angle);
        }
    }
}

static void turn_rows(void *context, size_t begin, size_t end)
{
    const struct turn *t = context;
    size_t size = (size_t)t->p->head_size, width = size * t->heads;
    fill_angles(context, begin, end);
    for (size_t row = begin; row < end; row++)
        for (size_t head = 0; head < t->heads; head++) {
            size_t at = row * width + head * size;
            const float *cosine = t->angles + row * size, *sine = cosine + size / 2;
            (t->p->pairing == ROPE_HALVES ? t->loops->turn_halves : t->loops->turn_neighbours)(
                t->to + at, t->from + at, t->add, cosine, sine, size / 2);
        }
}

static bool turn(struct cpu *c, const struct op_call *call, struct turn t, struct error *e)
{
    t.loops = c->loops;
    t.p = call->parameters;
    t.heads = (size_t)(call->out->cols / t.p->head_size);
    size_t rows = (size_t)call->out->rows;
    t.angles = cpu_scratch(c, SCRATCH_ANGLES, rows * (size_t)t.p->head_size * sizeof(float), e);
    if (t.angles)
        threads_for(rows, 8, turn_rows, &t);
    return t.angles != NULL;
}

bool cpu_rope(struct backend *b, struct op_call *call, struct error *e)
{
    float *data = call->out->data;
    return turn(b->own, call, (struct turn){.to = data, .from = data}, e);
}

bool cpu_rope_back(struct backend *b, struct op_call *call, struct error *e)
{
    struct turn t = {
        .to = call->in[0]->grad, .from = call->out->grad, .add = call->adds[0], .back = true};
    return !t.to || turn(b->own, call, t, e);
}
