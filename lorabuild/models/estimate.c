/* What a training step costs, by shapes. */
#include "lorabuild/models/architecture.h"

#define F32 (double)sizeof(float)
#define CHUNK 128.0   /* rows of logits that the head holds */
#define ROUNDING 1.06 /* the pool's size classes, on average */

/* Numbers a token that one recorded block keeps until its backward: its two residual inputs and
 * their norms; q and attention's result; k and v; gate, up and their product; h of each pair. */
static double kept_in_block(const struct model_shape *s, int rank)
{
    double q = (double)s->heads * s->head_size, kv = (double)s->kv_heads * s->head_size;
    return 4 * (double)s->width + 2 * q + 2 * kv + 3 * (double)s->feed_forward + 7.0 * rank +
           s->heads + 2;
}

/* Numbers a token that come and go: in backward the gradients around the widest layer. */
static double passing(const struct model_shape *s)
{
    return 3 * (double)s->width + 3 * (double)s->feed_forward;
}

static double matrix_bytes(const struct matrix *m)
{
    return (double)m->rows * (double)m->cols * F32;
}

/* The backend's scratch: the widest matrix expanded, a chunk of logits, dk and dv of each head. */
static double scratch(const struct model *m, double tokens)
{
    double panel = 0, chunk = tokens < CHUNK ? tokens : CHUNK;
    for (size_t i = 0; i < m->linear_count; i++)
        if (m->linears[i].linear->weight.type != DTYPE_F32) {
            double bytes = matrix_bytes(&m->linears[i].linear->weight);
            panel = bytes > panel ? bytes : panel;
        }
    if (m->head.weight.type != DTYPE_F32)
        panel = matrix_bytes(&m->head.weight);
    double attention = 2 * tokens * (double)m->shape.heads * m->shape.head_size * F32;
    return panel + attention + chunk * (double)(m->shape.vocabulary + 2 * m->shape.width) * F32;
}

uint64_t model_step_bytes(const struct model *m, int64_t tokens, int rank, bool checkpointed)
{
    const struct model_shape *s = &m->shape;
    double blocks = checkpointed ? kept_in_block(s, rank) + (double)s->width * s->layers
                                 : kept_in_block(s, rank) * s->layers;
    double numbers = blocks + 2 * (double)s->width + passing(s);
    return (uint64_t)(numbers * ROUNDING * (double)tokens * F32 + scratch(m, (double)tokens));
}

/* A frozen layer costs its product forward and one backward (dx). Attention: two products
 * forward, five backward, over half of the square. A checkpointed block runs forward again. */
double model_step_flop(const struct model *m, int64_t tokens, int64_t length, bool checkpointed)
{
    const struct model_shape *s = &m->shape;
    double pairs = (double)tokens * (double)(length + 1) / 2; /* (query, key) that meet */
    double attention = 2 * pairs * (double)s->heads * s->head_size * s->layers;
    double blocks = 2 * (double)tokens * (double)s->block_parameters;
    double head = 2 * (double)tokens * (double)s->vocabulary * (double)s->width;
    double forward = blocks + 2 * attention, backward = blocks + 5 * attention;
    return forward * (checkpointed ? 2 : 1) + backward + 2 * head;
}
