/* order: which windows make up each optimizer step.
 *
 * Windows are sorted by a digest of their tokens and samples, not by where they stand: renaming
 * or moving a file changes no bit of the result. In epoch n that sorted list is shuffled by
 * (seed, n) alone. A step takes batch_size × accumulation windows; the last one of an epoch takes
 * what is left, so that every window is seen exactly once an epoch (T25).
 */
#ifndef LORABUILD_TRAIN_ORDER_H
#define LORABUILD_TRAIN_ORDER_H

#include "lorabuild/data/batch.h"
#include "lorabuild/train/recipe.h"

struct order {
    uint32_t *sorted;      /* indices of the windows */
    uint32_t *epoch_order; /* of `epoch` */
    uint32_t count;
    int64_t epoch; /* that epoch_order is of; -1 = none yet */
    uint64_t seed;
    int64_t per_step, steps_per_epoch;
};

/* Of everything that a window brings into training: tokens, mask and samples. */
struct digest window_digest(const struct window *w);

void order_init(struct order *o, const struct windows *w, const struct recipe *r);
void order_free(struct order *o);
/* The windows of a step (from 0), in order; points into `o` until the next call. */
const uint32_t *order_step(struct order *o, int64_t step, size_t *count);

#endif
