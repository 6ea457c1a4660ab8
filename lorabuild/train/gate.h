/* gate: is an updated adapter worse on the pages held out before?
 *
 * Paired differences of the loss of each held-out window, resampled (bootstrap, 2000 draws from
 * counter-based random numbers: the same input, the same verdict). The update fails only where
 * the 5 % quantile of the mean change is above the limit, that is, where it is surely worse; an
 * inconclusive result passes.
 */
#ifndef LORABUILD_TRAIN_GATE_H
#define LORABUILD_TRAIN_GATE_H

#include <stdbool.h>
#include <stddef.h>

struct gate {
    double change; /* of the mean loss, relative to `before` */
    double least;  /* its 5 % quantile */
    bool failed;
};

struct gate gate_check(const float *before, const float *after, size_t count, double limit);

#endif
