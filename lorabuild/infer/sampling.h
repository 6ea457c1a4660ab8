/* sampling: one token from logits.
 *
 * llama.cpp's chain and meaning, in its default order (common/sampling.cpp, samplers
 * "penalties;…;top_k;…;top_p;…;temperature"), with its other members off:
 *   1. repeat penalty: the logit of each token among the last 64 is divided by it where positive,
 *      multiplied where not;
 *   2. top-k: the k likeliest stay;
 *   3. top-p: of those, the fewest likeliest whose probabilities reach p stay;
 *   4. temperature divides the logits; then one is drawn by probability.
 * Temperature 0 takes the likeliest. Equal logits are ordered by id, the lowest first. The draw
 * is a pure function of (seed, step).
 */
#ifndef LORABUILD_INFER_SAMPLING_H
#define LORABUILD_INFER_SAMPLING_H

#include "lorabuild/infer/draft.h"

#define SAMPLING_REPEAT_WINDOW 64

/* `logits` (vocabulary) are changed. `recent`: the prompt's and the written tokens, of which the
 * last 64 count. -1 where a logit is no number. */
int32_t sampling_pick(const struct draft_options *o, float *logits, size_t vocabulary,
                      const int32_t *recent, size_t recent_count, uint32_t step);

#endif
