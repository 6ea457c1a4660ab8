/* schedule: the learning rate of each optimizer step.
 *
 * With T steps, w of warm-up and d of decay at the end, s = 0 … T-1, the rate is `peak` times
 *
 *   warm-up   (s+1)/w                          s < w: never zero, the peak at s = w-1
 *   constant  1
 *   linear    1-p          p = (s-w)/(T-w)
 *   cosine    ½(1+cos πp)
 *   wsd       1 until T-d, then 1-√q           q = (s-(T-d))/d
 *
 * WSD (warm-up, stable, decay): Hu et al. 2024, MiniCPM, arXiv 2404.06395; the 1-√ form of the
 * decay: Hägele et al. 2024, arXiv 2405.18392, section 4, where it beat the linear one. p and q
 * stay below 1, so no step has rate zero (T25).
 */
#ifndef LORABUILD_TRAIN_SCHEDULE_H
#define LORABUILD_TRAIN_SCHEDULE_H

#include "lorabuild/train/recipe.h"

struct schedule {
    enum recipe_schedule kind;
    double peak;
    int64_t steps, warmup, decay;
};

/* An update of an adapter that has learned already goes at a third of the recipe's rate: measured
 * on the example, docs/planning.md. */
#define SCHEDULE_UPDATE_RATE (1.0 / 3.0)

/* `rewarm` > 0: an update; it replaces the recipe's warm-up. Warm-up gives way to the decay where
 * both do not fit, and always leaves one step. */
struct schedule schedule_make(const struct recipe *r, int64_t steps, int64_t rewarm);
double schedule_rate(const struct schedule *s, int64_t step); /* step from 0 */

#endif
