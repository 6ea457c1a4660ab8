/* train_plan: what a measuring or training child is told (docs/protocol.md). */
#ifndef LORABUILD_RUN_TRAIN_PLAN_H
#define LORABUILD_RUN_TRAIN_PLAN_H

#include "lorabuild/run/build.h"

/* "f32" or "bf16": what the recipe says, else what the lineage began with, else the fastest. */
bool train_precision(const struct workshop *w, const struct target *t, char precision[8],
                     struct error *e);
/* "avx2 f32 oneDNN 2.6.3": everything of this machine that bits may depend on. */
char *train_numerics(const struct workshop *w, const char *precision);

json_t *train_plan_measure(struct workshop *w, struct build_job *job, struct error *e);
json_t *train_plan_train(struct workshop *w, struct build_job *job, struct error *e);

#endif
