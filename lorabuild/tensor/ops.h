/* ops: the operations that models are written in. Each has its own file here (checks, buffers,
 * the record on the tape; formula with its source) and its kernels in cpu/ and cuda/.
 *
 * All return the result, or NULL with an error. T tokens, C features, H heads, D head size.
 * Tokens of several independent sequences may stand behind one another in one call: `starts`
 * says where each begins, positions restart and attention never looks across (T27).
 */
#ifndef LORABUILD_TENSOR_OPS_H
#define LORABUILD_TENSOR_OPS_H

#include "lorabuild/formats/dtype.h"
#include "lorabuild/tensor/tape.h"

/* A frozen matrix as it lies in its file: (rows, cols), row-major, blocks along cols. `id` is
 * unique among the matrices of a process: under it the backend keeps expanded panels. */
struct matrix {
    enum dtype type;
    int64_t rows, cols;
    const void *data;
    int id;
};

/* One low-rank pair: y += scale · (x Aᵀ) Bᵀ with A (rank, in) and B (out, rank). Frozen pairs
 * have grad_a = grad_b = NULL; gradients are added to, the owner clears them. Dropout acts on
 * this pair's input only: element i = row_in_call · in + col is dropped where word i % 4 of
 * random_block({seed, purpose, step}, i / 4), as a number of [0, 1) with 24 bits, is below
 * dropout; the others are divided by 1 - dropout. */
struct lora_pair {
    int rank;
    float scale;
    float *a, *b, *grad_a, *grad_b;
    float dropout;
    uint64_t dropout_seed, dropout_purpose;
    uint32_t dropout_step;
};

#define LINEAR_MOST_PAIRS 2 /* a frozen domain adapter and the one being trained */
struct linear {
    struct matrix weight; /* (out, in) */
    const float *bias;    /* (out), or NULL */
    struct lora_pair *pairs[LINEAR_MOST_PAIRS];
    int pair_count;
};

/* (T, C) rows of `table` (vocabulary, C), multiplied by `scale` (1 for Llama). */
struct value *op_embedding(struct tape *t, const struct matrix *table, const int32_t *ids,
                           int64_t count, float scale, struct error *e);
/* y = x / √(mean(x²) + epsilon) · gain; Zhang & Sennrich 2019. gain (C) is frozen. */
struct value *op_rms_norm(struct tape *t, struct value *x, const float *gain, float epsilon,
                          struct error *e);
/* y = x Wᵀ + bias + Σ pairs */
struct value *op_linear(struct tape *t, struct value *x, const struct linear *l, struct error *e);

/* Rotary embedding over each head's D columns, halves paired as in Hugging Face's Llama
 * ("rotate_half": column i with i + D/2), or neighbours (2i, 2i+1) as GGUF's Llama rows are
 * permuted for. inverse_frequency (D/2). In place of x: x must not be used afterwards. */
enum rope_pairing { ROPE_HALVES, ROPE_NEIGHBOURS };
struct value *op_rope(struct tape *t, struct value *x, const int32_t *positions, int head_size,
                      const float *inverse_frequency, enum rope_pairing pairing, struct error *e);

/* softmax(q kᵀ · scale + causal mask) v for each head; q (T, H·D), k and v (S, G·D) with G
 * dividing H. `starts` (sequences + 1 entries, starts[0] = 0, the last = T) cuts the rows into
 * independent sequences. With a cache (drafting) there is one sequence whose q rows are its last
 * T of S positions. window > 0 lets a query see only the last `window` keys (itself included). */
struct attention {
    int heads, kv_heads, head_size;
    float scale;
    int window;
    const int32_t *starts;
    int sequences;
};
struct value *op_attention(struct tape *t, struct value *q, struct value *k, struct value *v,
                           const struct attention *a, struct error *e);

struct value *op_swiglu(struct tape *t, struct value *gate, struct value *up, struct error *e);
struct value *op_add(struct tape *t, struct value *a, struct value *b, struct error *e);

/* Cross-entropy of x · headᵀ against targets, only for rows with weight > 0, in chunks, never
 * holding (T, vocabulary). Adds Σ weight·loss to *loss_sum (f64, in row order) and, while
 * recording, leaves grad of x for d(Σ weight·loss · grad_scale). `row_loss` (T) may be NULL. */
struct head_loss {
    const struct linear *head;
    const int32_t *targets; /* (T) */
    const float *weights;   /* (T) */
    double grad_scale;
    double *loss_sum;
    float *row_loss;
};
bool op_head_loss(struct tape *t, struct value *x, const struct head_loss *h, struct error *e);

/* (n, vocabulary) logits of the given rows of x, to the host. Forward only. */
bool op_head_logits(struct tape *t, struct value *x, const struct linear *head, const int32_t *rows,
                    int64_t n, float *logits, struct error *e);

/* What kernels find as op_call.parameters where the operation has no struct above. OP_LINEAR has
 * struct linear, OP_ATTENTION struct attention, OP_HEAD_LOSS struct head_loss. */
struct embedding_parameters {
    const struct matrix *table;
    const int32_t *ids;
    float scale;
};
struct rms_norm_parameters {
    const float *gain;
    float epsilon;
};
struct rope_parameters {
    const int32_t *positions;
    const float *inverse_frequency;
    int head_size;
    enum rope_pairing pairing;
};
struct head_logits_parameters {
    const struct linear *head;
    const int32_t *rows;
    int64_t n;
    float *logits; /* host */
};

#endif
