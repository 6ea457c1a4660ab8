/* record: what the operations' own files need from the tape.
 *
 * An operation checks its input, makes its result by tape_value(), fills an op_call (saved
 * buffers by tape_save()) and hands it to tape_run(), which runs the kernel, and records the
 * call where a gradient will be wanted.
 */
#ifndef LORABUILD_TENSOR_RECORD_H
#define LORABUILD_TENSOR_RECORD_H

#include "lorabuild/tensor/tape.h"

/* A copy that lives until tape_reset(). */
void *tape_copy(struct tape *t, const void *from, size_t bytes);
/* A buffer for call->saved[slot]; zero bytes is no buffer. */
bool tape_save(struct tape *t, struct op_call *call, int slot, size_t bytes, struct error *e);
/* Will this result's backward be recorded? */
bool tape_will_record(const struct tape *t, const struct value *out);
/* Runs the forward kernel. Recorded, the call keeps its saved buffers; else they go back at
 * once. On error they go back too. */
bool tape_run(struct tape *t, struct op_call *call, struct error *e);
/* Takes over `from`'s data for a new value of the same shape: operations in place. */
struct value *tape_move(struct tape *t, struct value *from);
/* A gradient buffer for v where it has none; *adds tells whether it held a sum before. */
bool tape_gradient(struct tape *t, struct value *v, bool *adds, struct error *e);

#endif
