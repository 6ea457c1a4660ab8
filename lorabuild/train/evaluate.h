/* evaluate: the loss of held-out windows, always in the same batches and the same order. */
#ifndef LORABUILD_TRAIN_EVALUATE_H
#define LORABUILD_TRAIN_EVALUATE_H

#include "lorabuild/data/batch.h"
#include "lorabuild/models/model.h"

struct evaluation {
    struct model *model; /* with whatever is attached; dropout must be off */
    struct tape *tape;
    const struct windows *windows;
    bool (*should_stop)(void *context); /* between batches; may be NULL */
    void *context;
};

/* *mean: Σ loss / learned tokens, NaN without any; window_loss (one a window, may be NULL): the
 * mean loss of each. *stopped (may be NULL where should_stop is): then neither is set. */
bool evaluate(const struct evaluation *v, double *mean, float *window_loss, bool *stopped,
              struct error *e);

#endif
