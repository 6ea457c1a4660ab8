/* withdrawal: what is gone since the version in use was built, for what is said of it before and
 * after a build. */
#ifndef LORABUILD_RUN_WITHDRAWAL_H
#define LORABUILD_RUN_WITHDRAWAL_H

#include "lorabuild/run/target.h"

struct withdrawal {
    char **documents; /* as shown: those that are gone as a whole */
    size_t document_count;
    char *place;    /* "bridge.md §2", where one sample alone is gone; else NULL */
    size_t samples; /* that are gone from the data altogether */
    size_t stay;    /* of the documents' samples: those that stand elsewhere too */
    char *stays_in; /* one document where they do; NULL = none */
    size_t near;    /* of `samples`: those that nearly stand elsewhere (data/likeness.h) */
    char *near_in;  /* one document where they do */
    int *versions;  /* that learned it, rising */
    size_t version_count;
};

/* NULL: nothing is. Where something is, the texts are read again to find what is nearly the same;
 * what cannot be read is passed over. */
struct withdrawal *withdrawal_of(struct workshop *workshop, const struct target *t);
void withdrawal_free(struct withdrawal *w); /* may be NULL */

#endif
