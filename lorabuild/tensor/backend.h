/* backend: where operations run.
 *
 * A backend is memory functions and a table kernel[OP][FORWARD|BACKWARD]. A missing entry is an
 * error when it is called, never a silent fallback to another backend. The CPU's is always
 * linked in; CUDA's comes from a plug-in. A backend is used by one thread at a time (its kernels
 * spread over threads themselves).
 */
#ifndef LORABUILD_TENSOR_BACKEND_H
#define LORABUILD_TENSOR_BACKEND_H

#include "lorabuild/common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum op {
    OP_EMBEDDING,
    OP_RMS_NORM,
    OP_LINEAR,
    OP_ROPE,
    OP_ATTENTION,
    OP_SWIGLU,
    OP_ADD,
    OP_HEAD_LOSS,   /* fused lm_head and cross-entropy */
    OP_HEAD_LOGITS, /* forward only: drafting */
    OP_COUNT
};
enum pass { FORWARD, BACKWARD, PASS_COUNT };

/* Type in which products of frozen weights are computed; sums are always f32. A processor without
 * bf16 instructions computes COMPUTE_BF16 on rounded numbers, exactly as meant and as slowly as
 * f32: a lineage that began in bf16 goes on everywhere. */
enum compute { COMPUTE_F32, COMPUTE_BF16 };

struct op_call; /* tape.h */
struct backend;
typedef bool backend_kernel(struct backend *b, struct op_call *call, struct error *e);

struct backend {
    const char *name; /* "cpu" */
    enum compute compute;
    void *(*alloc)(struct backend *b, size_t bytes); /* 64-byte aligned, not cleared; NULL */
    void (*free)(struct backend *b, void *p, size_t bytes);
    /* `from` may be the host's or the device's own. */
    bool (*to_device)(struct backend *b, void *to, const void *from, size_t bytes, struct error *e);
    bool (*to_host)(struct backend *b, void *to, const void *from, size_t bytes, struct error *e);
    bool (*sync)(struct backend *b, struct error *e);
    backend_kernel *kernel[OP_COUNT][PASS_COUNT];
    void *own; /* the backend's */
};

const char *op_name(enum op op);
bool backend_run(struct backend *b, enum op op, enum pass pass, struct op_call *call,
                 struct error *e);

/* The CPU backend (oneDNN). `panel_bytes` bounds the memory it may use to keep frozen matrices
 * expanded to the compute type between calls (0: expand a matrix for each product). It decides
 * speed only, never bits. NULL on error. */
struct backend *cpu_backend_open(enum compute compute, size_t panel_bytes, struct error *e);
void cpu_backend_close(struct backend *b);
/* Bytes that it holds now: scratch memory and panels. */
size_t cpu_backend_bytes(const struct backend *b);
/* The instruction set that products use, for the record of numerics ("avx2", "avx512_bf16"), and
 * oneDNN's version. */
const char *cpu_instruction_set(void);
const char *cpu_library_version(void);
/* The speed of one typical product in each type (about 0.1 s); bf16's is 0 where this processor has
 * no such instructions. */
bool cpu_measure(double *f32_flop_per_s, double *bf16_flop_per_s, struct error *e);

#endif
