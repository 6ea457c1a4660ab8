/* optimizer: AdamW in f32 over one flat array of weights, with the gradient's global norm clipped.
 *
 *   g ← g · min(1, max_norm / (‖g‖ + 1e-6))            as torch.nn.utils.clip_grad_norm_
 *   m ← β1 m + (1-β1) g      v ← β2 v + (1-β2) g²
 *   w ← w (1 - rate·decay)   w ← w - rate/(1-β1ᵗ) · m / (√v/√(1-β2ᵗ) + ε)
 *
 * Loshchilov & Hutter 2019 (decoupled decay); Kingma & Ba 2015; β1 = 0.9, β2 = 0.999, ε = 1e-8.
 * The norm is summed in f64 over fixed blocks, in block order: the same bits whatever the number
 * of threads.
 */
#ifndef LORABUILD_TRAIN_OPTIMIZER_H
#define LORABUILD_TRAIN_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct optimizer {
    float *m, *v; /* (count) each, zero at first */
    size_t count;
    int64_t step; /* steps taken */
};

void optimizer_init(struct optimizer *o, size_t count);
void optimizer_free(struct optimizer *o);

double optimizer_norm(const float *gradients, size_t count);

/* One step; clears no gradient. Returns the norm before clipping; where that is not finite the
 * weights and the state stay as they were. max_norm 0: no clipping. */
double optimizer_step(struct optimizer *o, float *weights, const float *gradients, double rate,
                      double weight_decay, double max_norm);

#endif
