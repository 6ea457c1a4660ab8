/* adapter: the low-rank pairs of a training run, made from a recipe or from an adapter that is
 * continued.
 */
#ifndef LORABUILD_TRAIN_ADAPTER_H
#define LORABUILD_TRAIN_ADAPTER_H

#include "lorabuild/models/lora.h"
#include "lorabuild/train/recipe.h"

/* Frozen and without dropout: a parent, or what is evaluated. */
bool adapter_frozen(struct lora_set *s, struct model *m, const struct peft_adapter *a,
                    struct error *e);

/* Trainable, with the recipe's dropout and scale. `start` NULL: fresh. Otherwise its weights,
 * whose rank and modules must be the recipe's (T31); another scale of its own is folded into B. */
bool adapter_trainable(struct lora_set *s, struct model *m, const struct recipe *r,
                       const struct peft_adapter *start, struct error *e);

struct digest adapter_digest(const struct peft_adapter *a); /* NULL: the zero digest */

#endif
