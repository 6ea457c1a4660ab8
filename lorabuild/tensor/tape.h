/* tape: values, and the record of what made them, walked in reverse for the gradients.
 *
 * A value is a matrix of f32 (rows, cols), row-major: rows are tokens (or pixels), cols are
 * features. While a tape records, each operation of ops.h that has an input with a gradient adds
 * a node with what its backward needs. tape_backward() walks the nodes in reverse, skips those
 * whose result got no gradient, and adds gradients in that one fixed order: the same bits
 * whatever the number of threads.
 *
 * Buffers come from the tape's pool (size-classed, kept between steps). A value's data lives
 * until tape_reset() or until its node's backward is done; a value's gradient is taken at its
 * first use and given back once its own node has run.
 *
 * Activation checkpointing: tape_checkpoint(t, fn, context, x) runs fn without recording, keeps
 * only x, and in backward runs fn again, recording, before walking it.
 */
#ifndef LORABUILD_TENSOR_TAPE_H
#define LORABUILD_TENSOR_TAPE_H

#include "lorabuild/tensor/backend.h"

struct value {
    float *data; /* (rows, cols); NULL once it was given back */
    float *grad; /* the same shape, or NULL until backward reaches it */
    int64_t rows, cols;
    bool needs_grad;
    bool kept; /* some node's backward reads `data` */
};

struct op_call {
    enum op op;
    struct value *in[4];
    struct value *out;
    /* Backward: in[i]->grad is NULL (skip it), already holds a sum (adds[i]: add to it), or is
     * fresh and not cleared (write all of it). */
    bool adds[4];
    bool recorded;  /* forward: backward will follow, fill `saved` */
    void *saved[4]; /* buffers that forward leaves for backward */
    size_t saved_bytes[4];
    const void *parameters; /* the operation's own struct, from ops.h; lives as long as the tape */
};

struct tape;

struct tape *tape_open(struct backend *b); /* does not own the backend */
void tape_close(struct tape *t);
struct backend *tape_backend(struct tape *t);
void tape_record(struct tape *t, bool on); /* off: forward only, nothing is kept for backward */
bool tape_recording(const struct tape *t);

/* A value of this shape, not cleared; NULL and an error when memory is out. */
struct value *tape_value(struct tape *t, int64_t rows, int64_t cols, bool needs_grad,
                         struct error *e);
/* Says that the caller will not use this value's data again: it goes back to the pool, unless
 * some recorded operation needs it for backward. */
void tape_drop(struct tape *t, struct value *v);

typedef struct value *tape_segment(struct tape *t, void *context, struct value *x, struct error *e);
struct value *tape_checkpoint(struct tape *t, tape_segment *fn, void *context, struct value *x,
                              struct error *e);

/* Gradients of everything that `loss` depends on, where loss->grad was set by its operation
 * (OP_HEAD_LOSS computes the gradient at once). */
bool tape_backward(struct tape *t, struct error *e);
/* Forgets values and nodes; keeps the pool's memory. */
void tape_reset(struct tape *t);
/* The most bytes that the pool has held. */
size_t tape_peak_bytes(const struct tape *t);

#endif
