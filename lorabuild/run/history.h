/* history: the versions of an adapter as `log` tells them.
 *
 * Told by manifests, the lineage's own files and the small record of each version; no list of
 * samples is opened, nothing is written.
 */
#ifndef LORABUILD_RUN_HISTORY_H
#define LORABUILD_RUN_HISTORY_H

#include "lorabuild/run/target.h"

/* What a plan changes against the version in use, for the record that is kept of a version:
 * {"changes": [[sign, document, place, samples], …], "more": n, "recipe"|"base"|"parent": true}.
 * Signs are "+" new, "-" gone, "~" edited, "c" caption edited; place 0 is the whole document, or
 * several places in it. NULL where there is no version in use. */
json_t *history_describe(const struct plan *p);

struct history_row {
    const struct version *version;
    const struct lineage_event *built; /* its first; NULL = not known */
    const char *parent;                /* NULL = none */
    int parent_version;
    int64_t samples, documents, learned;
    double held_out; /* NaN = none */
    json_t *changes; /* as history_describe() gave it; NULL = not known */
};

struct history {
    const struct lineage *lineage; /* the target's */
    struct history_row *rows;      /* newest first */
    size_t count, left_out;
    struct lineage_event *events;
    size_t event_count;
    struct lineage_block *blocks;
    size_t block_count;
};

/* The newest `most` versions (0: all) of a loaded target. */
bool history_load(struct history *h, const struct target *t, size_t most, struct error *e);
void history_free(struct history *h);

#endif
