/* disk: is there room for what a training will write? Asked before it begins, as for memory.
 *
 * A training keeps its newest save while it writes the next, and keeps it until the version is
 * packed; the version's folder takes its final name in place, its archive is a second copy. What
 * a quota or another program takes away later is only told by the write that fails.
 */
#ifndef LORABUILD_RUN_DISK_H
#define LORABUILD_RUN_DISK_H

#include "lorabuild/common/error.h"

#include <stdint.h>

struct disk_need {
    const char *keep, *adapters;        /* folders; need not exist yet */
    uint64_t save_bytes, version_bytes; /* one save; a version's folder, and its archive */
    bool saved;                         /* one save is there already */
};

struct disk_room {
    const char *folder; /* of the need's two */
    uint64_t needed_bytes, free_bytes;
};

/* The place that is short of room by the most, or, where all is well, `keep`'s figures. */
bool disk_has_room(const struct disk_need *n, struct disk_room *r);
/* As an error: "needs 420 MB on DIR, 17 MB free: free 403 MB or set a smaller rank". */
bool disk_check(const struct disk_need *n, struct error *e);
/* "420 MB", with three digits at most. */
const char *disk_words(uint64_t bytes, char text[static 24]);

#endif
