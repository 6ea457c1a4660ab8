/* show_plan: plans in words, for build, --why and status. */
#ifndef LORABUILD_COMMANDS_SHOW_PLAN_H
#define LORABUILD_COMMANDS_SHOW_PLAN_H

#include "lorabuild/commands/screen.h"
#include "lorabuild/run/build.h"

/* "Plan      city v1, then text-a v1: about 48 min; Ctrl-C is safe at any time" */
void show_plan(struct screen *s, const struct build_job *jobs, size_t count);
/* The whole of --why for one adapter; `job` NULL: nothing would be done. */
void show_why(struct screen *s, const struct workshop *w, const struct target *t,
              const struct build_job *job);
/* "text-a    v2 is current: 13 documents, 146 samples unchanged              0.04 s" */
void show_current(struct screen *s, const struct target *t, double seconds);
/* Each key of a recipe that differs: "  ~ rank               8, was 4". Both are JSON, in full. */
void show_recipe_difference(struct screen *s, const json_t *before, const json_t *now);
/* "city v1", or the base's name: what an adapter starts from without a version of its own. */
char *show_parent(const struct workshop *w, const struct target *t);

#endif
