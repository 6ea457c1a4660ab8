/* lineage_remove: a version taken away, by gc or by forget, or a file out of one, by forget. Call
 * it with the adapter's lock held.
 *
 * The archive goes first, then the folder, renamed to .vN.gone before it is emptied: at no moment
 * is there half a version, and what a crash leaves is either whole (its archive is packed again)
 * or is swept away by the next removal. The version in use is refused unless `erase`.
 */
#ifndef LORABUILD_CACHE_LINEAGE_REMOVE_H
#define LORABUILD_CACHE_LINEAGE_REMOVE_H

#include "lorabuild/common/error.h"

#include <stdint.h>

/* `erase`: also what tells about it. Its line in the history keeps number and date (no number is
 * given twice) with zeros for its digests; it is taken out of set-aside, chosen and blocked; if it
 * is in use, so are CURRENT and current. A version that is not there is success. */
bool lineage_remove(const char *folder, const char *name, int number, bool erase, struct error *e);

/* Takes a file that nothing is built on out of a version: out of its manifest, its folder and its
 * archive, which is packed anew (lineage_pack()). May be repeated; a version or file that is not
 * there is success. */
bool lineage_drop_file(const char *folder, const char *name, int number, const char *file,
                       struct error *e);

/* Bytes of its folder and archives; *archives counts these. */
uint64_t lineage_bytes(const char *folder, const char *name, int number, size_t *archives);
/* The same of several, whose numbers rise: the adapter's folder is read once. */
uint64_t lineage_bytes_of(const char *folder, const char *name, const int *numbers, size_t count,
                          size_t *archives);

/* Bytes of all files beneath `path`, or of the file. */
uint64_t tree_bytes(const char *path);

/* Removes what killed processes left in a folder, `deep`: and in those within it: names that
 * begin with `prefix` and end in .PID.tmp, and .vN.restore and .vN.gone. */
bool sweep_temporaries(const char *folder, const char *prefix, bool deep, struct error *e);

#endif
