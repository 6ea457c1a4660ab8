/* import_parts: what the files of an import share; nobody else includes it.
 *
 *   import.c        the order of things, locks, and versions into place
 *   import_judge.c  is what was unpacked whole, and does it agree with what is here?
 *   import_merge.c  the records: history, set-aside, chosen, blocked, forgotten
 */
#ifndef LORABUILD_RUN_IMPORT_PARTS_H
#define LORABUILD_RUN_IMPORT_PARTS_H

#include "lorabuild/run/bundle.h"
#include "lorabuild/run/project.h"

struct import_lineage {
    const struct bundle_lineage *from;
    const struct rule_adapter *rule;
    struct scope *scope;
    int lock; /* of the adapter here; -1 = not taken */
    struct lineage staged, here;
    struct lineage_event *events; /* the bundle's */
    size_t event_count;
    bool chosen_here;
};

/* Loads both sides: the manifests, digests and lists of samples of what was unpacked, and that
 * no number means two versions. */
bool import_judge(struct import_lineage *l, const char *staged, const char *file, struct error *e);
/* Refuses files that are no part of any version or record. */
bool import_check_strays(const char *staged, const struct import_lineage *lineages, size_t count,
                         const char *file, struct error *e);
const struct lineage_event *import_event_of(const struct import_lineage *l, int number);
void import_lineage_free(struct import_lineage *l);

/* The bundle's records joined to those here; each file changes in one step. */
bool import_records(struct import_lineage *l, struct error *e);
/* Two lists of forgotten documents can be joined only under one key. */
bool import_forgotten_agrees(const struct import_lineage *l, struct error *e);

#endif
