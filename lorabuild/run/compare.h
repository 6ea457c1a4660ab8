/* compare: two versions of an adapter, or one and what its folders hold now, sample by sample.
 *
 * Names and texts come from the records and seals of the versions; where these are lost, only
 * what the manifests say can be compared.
 */
#ifndef LORABUILD_RUN_COMPARE_H
#define LORABUILD_RUN_COMPARE_H

#include "lorabuild/run/facts.h"

struct compare_change {
    struct plan_change change;
    char *words; /* of an edited text or caption: word_diff(); NULL = nothing to show */
};

struct comparison {
    const struct version *before, *now; /* now NULL: the folders as they are */
    bool named;                         /* false: records are lost, `changes` says nothing */
    struct compare_change *changes;
    size_t count, unchanged;
};

/* before, now: numbers of versions that are there; now 0: the folders. */
bool compare_versions(struct comparison *c, struct workshop *w, int adapter, int before, int now,
                      struct error *e);
void compare_free(struct comparison *c);

#endif
