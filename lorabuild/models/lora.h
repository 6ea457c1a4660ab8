/* lora: low-rank pairs put on a model's linear layers, and taken off again.
 *
 * A lora_set owns its pairs, weights and gradients. Attaching adds one pair to each targeted
 * linear layer; a model carries at most LINEAR_MOST_PAIRS sets, detached in reverse order.
 */
#ifndef LORABUILD_MODELS_LORA_H
#define LORABUILD_MODELS_LORA_H

#include "lorabuild/formats/peft.h"
#include "lorabuild/models/model.h"

struct lora_set {
    struct lora_pair *pairs; /* one a module, in the model's order */
    struct model_linear **modules;
    size_t count;
    int rank;
    float *weights;   /* all A and B, flat, in the modules' order: A then B of each */
    float *gradients; /* the same layout; NULL for a frozen set */
    size_t number_count;
};

/* Fresh: A by kaiming_uniform(a = √5), that is U(±1/√in), from (seed, module name) alone (T29);
 * B zero. `targets` NULL: all linear layers; an unknown target is an error that lists the names. */
bool lora_create(struct lora_set *s, struct model *m, char *const *targets, size_t target_count,
                 int rank, double alpha, double dropout, uint64_t seed, struct error *e);
/* From an adapter made before, strictly: every module must be the model's, with its shape. */
bool lora_from_peft(struct lora_set *s, struct model *m, const struct peft_adapter *a,
                    bool trainable, struct error *e);
bool lora_to_peft(const struct lora_set *s, struct peft_adapter *a, double alpha, double dropout,
                  const char *base, struct error *e);
void lora_attach(struct lora_set *s);
void lora_detach(struct lora_set *s);
void lora_free(struct lora_set *s);

#endif
