/* sources_parts: what the files of sources share; nobody else includes it.
 *
 *   sources.c        where captions stand, the scan, one look after another
 *   sources_read.c   the reading stage: what it is told, and what it answers
 */
#ifndef LORABUILD_RUN_SOURCES_PARTS_H
#define LORABUILD_RUN_SOURCES_PARTS_H

#include "cache/scan.h"
#include "lorabuild/run/sources.h"

struct source_look {
    const struct scan *scan;
    const char *folder; /* the dataset's, or that of its one file */
    bool is_file, has_captions;
    struct store *hashes;
    const struct source_options *options;
};

/* Reads what is new or changed and seals the dataset. *key: of the folder as it was scanned; after
 * it as it is then, captions included. *changed: a file was written to meanwhile; scan again. */
bool sources_read(struct source *s, const struct source_look *l, struct digest *key, bool *changed,
                  struct error *e);

#endif
