/* model: a base model, ready to run forward with LoRA pairs on its linear layers.
 *
 * One file an architecture (llama.c): a table of tensor name → field for each naming (Hugging
 * Face, GGUF) and a forward that reads as the paper's figure. model_open() chooses by config.json's
 * model_type / architectures or by GGUF's general.architecture; one that we lack is named in the
 * error with the list of those that we have.
 */
#ifndef LORABUILD_MODELS_MODEL_H
#define LORABUILD_MODELS_MODEL_H

#include "lorabuild/formats/peft.h"
#include "lorabuild/formats/weights.h"
#include "lorabuild/tensor/ops.h"

struct model_shape { /* what planning needs to know */
    int64_t vocabulary, width, feed_forward;
    int layers, heads, kv_heads, head_size;
    int64_t context;           /* tokens, the model's own maximum */
    uint64_t block_parameters; /* all linear layers of the blocks, without head and embedding */
};

struct model_linear {   /* a layer that an adapter may target */
    const char *name;   /* PEFT's: "model.layers.0.self_attn.q_proj" */
    const char *target; /* its last part: "q_proj" */
    struct linear *linear;
    /* GGUF's Llama keeps q and k rows permuted: row_order[i] is the Hugging Face row that file
     * row i holds; NULL where the order is the same. Adapters in memory (lora_pair.b) are in the
     * FILE's order; model_export_rows()/model_import_rows() convert B. */
    const int32_t *row_order;
};

struct model;

struct model *model_open(const struct weights *w, struct error *e); /* keeps using w */
void model_close(struct model *m);
const struct model_shape *model_shape(const struct model *m);
const char *model_architecture(const struct model *m); /* "llama" */
size_t model_linear_count(const struct model *m);
struct model_linear *model_linear_at(struct model *m, size_t i); /* in the order of forward */
void model_export_rows(const struct model_linear *l, const float *b, int rank, float *to);
void model_import_rows(const struct model_linear *l, const float *b, int rank, float *to);

/* A packed batch: `count` tokens of `sequences` sequences (see ops.h). The arrays must stay until
 * backward is done. */
struct model_input {
    const int32_t *ids, *positions, *starts;
    int64_t count;
    int sequences;
};

/* Keys and values of one sequence, for drafting. */
struct model_cache;
struct model_cache *model_cache_open(struct model *m, struct backend *b, int64_t capacity,
                                     struct error *e);
void model_cache_close(struct model_cache *c);
int64_t model_cache_length(const struct model_cache *c);

/* The last hidden states, normed, (count, width). `cache` NULL for training; with one, the input
 * is a single sequence that continues it. `checkpoint_layers`: recompute each layer in backward. */
struct value *model_forward(struct model *m, struct tape *t, const struct model_input *in,
                            struct model_cache *cache, bool checkpoint_layers, struct error *e);
/* The head, for op_head_loss and op_head_logits. */
const struct linear *model_head(const struct model *m);

/* Bytes that a training step of this many tokens needs besides the weights, with and without
 * checkpointing, by shapes: what the plan prints. */
uint64_t model_step_bytes(const struct model *m, int64_t tokens, int rank, bool checkpointed);
/* Floating point operations of a training step over `tokens` in sequences of `length`. */
double model_step_flop(const struct model *m, int64_t tokens, int64_t length, bool checkpointed);

#endif
