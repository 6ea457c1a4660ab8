/* bundle: what another machine of the same client needs to build on, in one .tar.zst
 * (docs/formats.md):
 *
 *   NAME-vN/bundle.json                       what is in it, and whose it is
 *   NAME-vN/lineages/ADAPTER/vM/…             versions, whole, with their lists of samples
 *   NAME-vN/lineages/ADAPTER/history, …       the records of the adapter
 *
 * for the adapter and for each that it stands on: the version exported (or in use) and the
 * versions of the parents that it was built on or that are in use. The same versions and records
 * give the same tar. No checkpoint goes along: none is kept once a version is finished, an update
 * starts from its weights.
 */
#ifndef LORABUILD_RUN_BUNDLE_H
#define LORABUILD_RUN_BUNDLE_H

#include "cache/lineage.h"
#include "lorabuild/formats/archive.h"
#include "rules/rules.h"

#define BUNDLE_FORMAT 1

/* The record files of an adapter that go along, NULL at the end. */
extern const char *const bundle_records[];

struct bundle_lineage {
    char *name, *client; /* client NULL: shared */
    int *versions;       /* rising */
    size_t version_count;
    int in_use;
};

struct bundle {
    char *adapter;                   /* the last of the lineages */
    struct bundle_lineage *lineages; /* a parent stands before its children */
    size_t count;
    uint64_t bytes; /* of its content */
};

/* Adds to `list` what belongs into the bundle of version `v` of `l`; `head` receives bundle.json
 * and must live as long as the list. */
bool bundle_list(struct archive_list *list, struct strbuf *head, const struct rules *r, int adapter,
                 struct lineage *l, const struct version *v, size_t *version_count,
                 struct error *e);

/* Reads bundle.json, having checked every entry of the archive (B21), and writes nothing. What is
 * no bundle, or one of a newer lorabuild, is refused. */
bool bundle_open(struct bundle *b, const char *path, struct error *e);
void bundle_free(struct bundle *b);

#endif
