/* step: windows forward and backward through a model, without touching weights.
 *
 * The loss of an optimizer step is the sum over its learned tokens divided by their number over
 * the whole accumulation window; that number is known beforehand, so each micro-batch's gradient
 * is scaled by it at once. The mean of the micro-batches' means would be another loss.
 */
#ifndef LORABUILD_TRAIN_STEP_H
#define LORABUILD_TRAIN_STEP_H

#include "lorabuild/data/batch.h"
#include "lorabuild/models/lora.h"

struct step {
    struct model *model;
    struct tape *tape;
    struct lora_set *set; /* the one that is trained, attached */
    const struct windows *windows;
    const uint32_t *which; /* the step's windows */
    size_t count, micro;   /* windows in the step, and in a micro-batch */
    uint32_t dropout_step; /* of the first micro-batch; the next ones count on */
    bool checkpoint_layers;
    bool (*should_stop)(void *context); /* asked before each micro-batch; may be NULL */
    void *context;
};

struct step_result {
    double loss;     /* mean over the learned tokens */
    int64_t learned; /* their number */
    int64_t tokens;  /* all tokens, learned or not */
    bool stopped;    /* by should_stop: loss and gradients are of no use */
    bool finite;     /* false: `bad_window` has a loss that is no number */
    uint32_t bad_window;
};

/* Clears the set's gradients and leaves those of the step's mean loss in them. */
bool step_gradients(const struct step *s, struct step_result *r, struct error *e);

/* Tokens of a window that have loss: its first token is predicted by nothing. */
int64_t window_targets(const struct window *w);

/* Forward only, of windows taken together: adds each one's loss sum to sums[window's index], in
 * token order. The tape must not be recording. */
bool step_losses(struct model *m, struct tape *t, const struct windows *w, const uint32_t *which,
                 size_t n, double *sums, struct error *e);

#endif
