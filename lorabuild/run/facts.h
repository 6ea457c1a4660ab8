/* facts: what planning compares, taken from sealed datasets and lineages. */
#ifndef LORABUILD_RUN_FACTS_H
#define LORABUILD_RUN_FACTS_H

#include "lorabuild/run/target.h"

/* Is the version in use exactly what is wanted? Told by headers alone: no list of samples is
 * opened. Then target->plan says so and target->now holds counts. Needs the parent's artifact. */
bool facts_is_current(struct workshop *w, struct target *t, bool *current, struct error *e);
/* target->now and target->wanted. */
bool facts_gather_samples(struct workshop *w, struct target *t, struct error *e);
/* target->versions and target->facts, which points into the target. */
bool facts_gather_versions(struct workshop *w, struct target *t, struct error *e);
void facts_free(struct target *t);

/* The record that names an adapter's version's samples: keep/lineage/NAME/vN.json. It is memory,
 * not truth: without it `--why` cannot name what is gone. */
bool facts_record_version(const struct workshop *w, const struct target *t, int version,
                          double seconds, struct error *e);
char *facts_record_path(const struct target *t, int version); /* caller frees */
/* The samples of a version with their names, from its record; NULL = not known any more. It lies in
 * the target's arena; facts_free_set() frees its digest sets. */
struct plan_set *facts_recall_set(struct workshop *w, struct target *t, int version);
void facts_free_set(struct plan_set *set);
/* How long training took when that version was built; 0 = not known. */
double facts_recorded_seconds(const struct target *t, int version);

#endif
