/* cpu: what the CPU's kernels share: products, panels, scratch memory, loops.
 *
 * Every kernel gives the same bits whatever the number of threads: work is cut by shape alone,
 * and a cut writes only what is its own (threads.h).
 */
#ifndef LORABUILD_TENSOR_CPU_CPU_H
#define LORABUILD_TENSOR_CPU_CPU_H

#include "lorabuild/tensor/backend.h"
#include "lorabuild/tensor/cpu/loops.h"
#include "lorabuild/tensor/ops.h"

enum scratch_use {
    SCRATCH_PANEL,     /* a frozen matrix, expanded */
    SCRATCH_NARROW,    /* activations in bf16 */
    SCRATCH_INPUT,     /* dropped-out inputs */
    SCRATCH_LOW_RANK,  /* (T, rank) gradients */
    SCRATCH_ROWS,      /* rows gathered for the head, and their gradients */
    SCRATCH_LOGITS,    /* a chunk of logits */
    SCRATCH_ATTENTION, /* gradients of keys and values, head by head */
    SCRATCH_ANGLES,
    SCRATCH_COUNT
};

struct scratch {
    void *data;
    size_t bytes;
};

struct product_cache;
struct panel_cache;

struct cpu {
    struct backend backend;
    const struct loops *loops;
    struct product_cache *products;
    struct panel_cache *panels;
    bool rounds; /* bf16 without bf16 instructions: rounded numbers in f32, f32's products */
    struct scratch scratch[SCRATCH_COUNT];
};

/* At least `bytes` of scratch memory, contents lost with the next call for the same use. */
void *cpu_scratch(struct cpu *c, enum scratch_use use, size_t bytes, struct error *e);

/* C (m, n) = alpha · op(A) op(B) (+ C), row-major with strides; op turns a matrix round. */
struct product {
    int64_t m, n, k;
    const float *a;
    int64_t stride_a;
    bool turn_a; /* A lies as (k, m) */
    const float *b;
    int64_t stride_b;
    bool turn_b; /* B lies as (n, k) */
    float *c;
    int64_t stride_c;
    float alpha;
    bool add;
};
bool product_run(const struct product *p, struct error *e); /* over all threads */
bool product_one(const struct product *p);                  /* on the caller's thread */

/* y (m, n) = x (m, k) Wᵀ, or dx (m, k) = dy (m, n) W, in the compute type; W is frozen. */
bool product_frozen(struct cpu *c, const struct matrix *w, bool turned, const float *x, int64_t m,
                    float *y, bool add, struct error *e);
/* The first, for fewer rows than this: straight from the stored numbers, without a panel. With
 * `add`, y += by · x Wᵀ instead. */
#define PRODUCT_FEW_ROWS 4
void product_few_rows(struct cpu *c, const struct matrix *w, const float *x, int64_t m, float *y,
                      bool add, float by);

/* Products of numbers of type `type` (f32 or bf16) with f32 sums, whole matrices, alpha 1, by
 * oneDNN's matmul primitives, which are kept by shape. */
struct product_typed {
    enum dtype type;
    int64_t m, n, k;
    const void *a, *b;
    bool turn_b;
    float *c;
    bool add;
};
struct product_cache *product_cache_open(struct error *e);
void product_cache_close(struct product_cache *p);
bool product_typed_run(struct product_cache *cache, const struct product_typed *p, struct error *e);
bool product_has_bf16(struct product_cache *cache);

/* oneDNN on the caller's thread alone: what begin returns goes to end. */
int product_one_thread_begin(void);
void product_one_thread_end(int threads);
/* How (m, n) is cut. Large tiles are faster, but many threads want many. */
struct tiling {
    int64_t rows, cols;   /* of a tile */
    int64_t down, across; /* tiles */
};
struct tiling product_tiling(int64_t m, int64_t n);

struct panel_cache *panel_cache_open(size_t most_bytes);
void panel_cache_close(struct panel_cache *p);
size_t panel_cache_bytes(const struct panel_cache *p);
/* The matrix as products read it (f32, f32 rounded to bf16, or bf16), (rows, cols): in place where
 * its file has just that, kept, or in scratch memory that the next call reuses. NULL and an error.
 */
const void *panel_get(struct cpu *c, const struct matrix *m, struct error *e);

backend_kernel cpu_embedding, cpu_rms_norm, cpu_rms_norm_back, cpu_linear, cpu_linear_back,
    cpu_rope, cpu_rope_back, cpu_attention, cpu_attention_back, cpu_swiglu, cpu_swiglu_back,
    cpu_add, cpu_add_back, cpu_head_loss, cpu_head_logits;

#endif
