/* lineage_parts: what the files of lineage share; nobody else includes it.
 *
 *   lineage.c          reading a lineage, commit, what is in use
 *   lineage_samples.c  the samples file and its copy in the store
 *   lineage_records.c  set-aside, history
 *   lineage_heal.c     archives, and bringing back what is missing
 *   lineage_remove.c   a version taken away
 */
#ifndef LORABUILD_CACHE_LINEAGE_PARTS_H
#define LORABUILD_CACHE_LINEAGE_PARTS_H

#include "cache/lineage.h"
#include "lorabuild/common/memory.h"

/* The number of "v3", or 0: no sign, no leading zero, at most six digits, nothing behind. */
int version_number(struct str name);
/* The number of "NAME-2026-11-24-v3.tar.zst", or 0. `date` (11 bytes) may be NULL. */
int archive_number(const char *file, const char *name, char *date);

/* CURRENT's and the link's numbers; 0 = missing, or not a version's name. */
int lineage_recorded_current(const char *folder);
int lineage_linked_current(const char *folder);

/* Numbers put aside: rising; the caller frees. */
bool lineage_read_set_aside(const char *folder, int **numbers, size_t *count, struct error *e);

/* Appends a sentence, formatted. */
void note_add(char ***notes, size_t *count, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
