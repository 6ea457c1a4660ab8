/* verify: are an adapter's versions as they were built? Looks at every byte and changes nothing.
 *
 * A version: each file against size, XXH3-128 and SHA-256 of its manifest; the manifest against
 * the one in the archive, and against itself (its want_key is made of other parts of it); the
 * list of samples against the manifest's set, and against what the store remembers; the archive's
 * tar against the SHA-256 beside it and in the history. An adapter: the link against CURRENT,
 * folders that are missing, manifests that cannot be read.
 */
#ifndef LORABUILD_RUN_VERIFY_H
#define LORABUILD_RUN_VERIFY_H

#include "lorabuild/run/target.h"

struct verify_finding {
    int version; /* 0 = the adapter itself */
    bool wrong;  /* false: only worth knowing */
    char *text;
};

struct verify_result {
    struct verify_finding *items;
    size_t count, wrong;
    size_t versions, files, archives; /* looked at */
    uint64_t bytes;
};

/* All versions of a loaded target, or only `version`. Adds to *r, which verify_free() frees. */
bool verify_adapter(struct workshop *w, struct target *t, int version, struct verify_result *r,
                    struct error *e);
void verify_free(struct verify_result *r);

#endif
