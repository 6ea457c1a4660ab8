/* trainer: the training loop of one attempt, with its saves and its measurements.
 *
 * The order of windows in epoch n is a pure function of (seed, n, sorted ids); dropout and
 * initial A of (seed, step, module name): a run that is killed and resumed, or has another
 * number of threads, ends in the same bits. Every window is seen exactly once an epoch; the
 * last batch of an epoch may be smaller (T25). The loss of an optimizer step is the sum over its
 * learned tokens divided by their number over the whole accumulation window.
 *
 * Saves: after step 1, then so that two are at most 30 s apart, or one step where that is longer,
 * and at a stop; see checkpoint.h. A stop (should_stop) drops the step in flight and
 * saves the last finished one.
 */
#ifndef LORABUILD_TRAIN_TRAINER_H
#define LORABUILD_TRAIN_TRAINER_H

#include "lorabuild/data/batch.h"
#include "lorabuild/formats/peft.h"
#include "lorabuild/models/model.h"
#include "lorabuild/train/recipe.h"

struct training_progress {
    int64_t step, steps;
    double loss;         /* of the step just finished */
    double tokens_per_s; /* all tokens, learned or not */
    double seconds_left;
};

struct training {
    struct model *model;
    struct backend *backend;
    const struct recipe *recipe; /* resolved */
    const struct windows *learn;
    const struct windows *validate;    /* may be empty */
    const struct peft_adapter *parent; /* frozen domain adapter under this one, or NULL */
    const struct peft_adapter *start;  /* weights to continue (warm start), or NULL: fresh */
    int64_t steps;                     /* from training_steps() */
    int64_t rewarm_steps;              /* a continued adapter's warm-up; 0 = the recipe's */
    bool checkpoint_layers;
    const char *attempt;                /* the attempt's folder; holds the saves */
    bool (*should_stop)(void *context); /* may be NULL, as the two below */
    void (*progress)(void *context, const struct training_progress *p);
    /* The name of window.document, for messages. */
    const char *(*document_name)(void *context, uint32_t document);
    void *context;
};

struct training_result {
    struct peft_adapter adapter;  /* what was trained, without the parent; owner: the caller */
    struct digest_set consumed;   /* contents that really passed through the trainer: of the windows
                                   * of finished steps, and of the held-out ones */
    int64_t steps, resumed_at;    /* resumed_at 0 = from the beginning */
    int64_t tokens;               /* that had loss, over all steps */
    double *losses;               /* of each step, `steps` of them; NaN: no number */
    double first_loss, last_loss; /* means over the first and last epoch's worth of steps */
    double held_out_before, held_out_after; /* per token; NaN without held-out windows */
    float *window_before, *window_after;    /* mean loss a held-out window, for the paired check */
    double seconds;
    bool stopped; /* by should_stop: saved, not finished */
};

/* Optimizer steps for this many windows: recipe's steps, or epochs × ceil(windows / (batch_size ×
 * accumulation)), or, auto, the whole passes (1 to 10) that come nearest to 120 steps; so 60–200
 * steps wherever 10 passes suffice and 1 is not already more. */
int64_t training_steps(const struct recipe *r, size_t windows);
/* For an update that learns `fresh` of `all` windows: N × fresh/all, at least 10. */
int64_t training_update_steps(const struct recipe *r, size_t fresh, size_t all);

bool training_run(const struct training *t, struct training_result *result, struct error *e);
void training_result_free(struct training_result *r);

/* Mean loss a learned token of `w` over base + up to two adapters; window_loss may be NULL. */
bool training_evaluate(struct model *m, struct backend *b, const struct windows *w,
                       const struct peft_adapter *parent, const struct peft_adapter *adapter,
                       double *mean, float *window_loss, struct error *e);

#endif
