/* checkpoint: the state of a training run that can be continued to the same bits.
 *
 *   <attempt>/step-<8 digits>/state.safetensors   A, B and AdamW's m and v, f32
 *   <attempt>/step-<8 digits>/state.json          version, step, losses, contents consumed, the
 *                                                 digests of the run and of the tensors
 *
 * A save is written to step-….tmp, synced, renamed; then all others are removed, also those of
 * another run with a higher number (T49). The newest complete one of the same run counts; a torn
 * or damaged one is as none. Nothing in it depends on time, path or host.
 */
#ifndef LORABUILD_TRAIN_CHECKPOINT_H
#define LORABUILD_TRAIN_CHECKPOINT_H

#include "lorabuild/common/digest.h"
#include "lorabuild/common/error.h"

struct checkpoint_tensor { /* one flat f32 array of the run's state */
    const char *name;
    float *data;
    int64_t count;
};

struct checkpoint_state {
    int64_t step;
    struct digest run; /* of what makes the run (windows, recipe, start): must match */
    struct digest_set consumed;
    double *losses; /* of each finished step */
    size_t loss_count;
    double held_out_before;
    float *window_before;
    size_t window_count;
};

bool checkpoint_save(const char *attempt, const struct checkpoint_state *s,
                     const struct checkpoint_tensor *tensors, size_t count, struct error *e);
/* Fills `tensors` and `s` from the newest complete save whose run is s->run; *found false if none:
 * then both are as they were. One written by a newer lorabuild is ERROR_INPUT. */
bool checkpoint_load(const char *attempt, struct checkpoint_state *s,
                     const struct checkpoint_tensor *tensors, size_t count, bool *found,
                     struct error *e);
/* The step of the newest complete save, or 0, without reading it. */
int64_t checkpoint_step(const char *attempt);
void checkpoint_state_free(struct checkpoint_state *s);

#endif
