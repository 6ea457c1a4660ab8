/* ancestry: what a version was made from, down to the base: the versions whose weights it
 * continued, the versions of the adapters beneath it, and theirs.
 *
 * All that had a part in its weights had it through one of these; its own exposure includes
 * theirs.
 */
#ifndef LORABUILD_RUN_ANCESTRY_H
#define LORABUILD_RUN_ANCESTRY_H

#include "lorabuild/run/target.h"

struct ancestor {
    const char *name; /* of its adapter; lives as long as the lineages */
    int adapter;      /* index in the rules, -1 = they no longer have it */
    int number;
    struct target *target;   /* NULL without an adapter */
    struct version *version; /* NULL: it is not there any more */
};

/* From the base up, each once, `number` itself last. The lineages of all adapters concerned are
 * loaded. The caller frees *list. */
bool ancestry_list(struct workshop *w, int adapter, int number, struct ancestor **list,
                   size_t *count, struct error *e);

/* The documents in which any of `contents` (sealed) stood when the listed versions learned, as
 * their records name them: sorted by first appearance, each once; the last version's come first.
 * *unnamed counts contents that no record knows. The caller frees the strings and the array. */
char **ancestry_name(struct workshop *w, const struct ancestor *list, size_t count,
                     const struct digest_set *contents, size_t *document_count, size_t *unnamed);

#endif
