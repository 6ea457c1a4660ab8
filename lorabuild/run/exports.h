/* exports: where copies of an adapter went, and where one may go.
 *
 * adapters/NAME/exported holds a line an export, "DATE PATH FORM": the day, the absolute path
 * (which may hold spaces) and "peft" or "lineage". It is written before the export appears, so
 * that no copy is ever unknown to `forget`. A path stands there once, with its latest day.
 */
#ifndef LORABUILD_RUN_EXPORTS_H
#define LORABUILD_RUN_EXPORTS_H

#include "rules/rules.h"

struct export_record {
    char date[11];
    char *path, *form;
};

/* In the file's order. A missing file holds none; lines that are none of ours are left out. */
bool exports_read(const char *folder, struct export_record **records, size_t *count,
                  struct error *e);
void exports_free(struct export_record *records, size_t count);
/* `lock`: a file of our own that is held by flock meanwhile. */
bool exports_add(const char *folder, const char *lock, const char *path, const char *form,
                 struct error *e);

/* May `adapter` be written to `path` (absolute, its folder's links resolved)? Refused: what
 * builds read or write (bases, datasets, adapters, the store at `store`), by device and inode
 * (T43); another client's folder; for a client's adapter, a folder that rules of others read. */
bool exports_may_go(const struct rules *r, const struct rule_adapter *adapter, const char *store,
                    const char *path, struct error *e);

#endif
