/* store_place: where a store may lie: its folder, the file system beneath, copies of it. */
#ifndef LORABUILD_CACHE_STORE_PLACE_H
#define LORABUILD_CACHE_STORE_PLACE_H

#include "lorabuild/common/error.h"

#include <sys/stat.h>

/* Does `folder`, or what there is of its path, lie on a file system of this machine? */
bool store_is_local(const char *folder, struct error *e);

/* Makes the folder, dressed as `like` (its own default where NULL). *writable false: this process
 * may not write there, which is no error. */
bool store_make_folder(const char *folder, const struct stat *like, bool *writable,
                       struct error *e);

/* Are both files there, and may LMDB's reader table be written? */
bool store_can_lock(const char *folder);

/* A copy of data.mdb in memory: a descriptor, or -1 where there is none to be had. */
int store_private_copy(const char *folder);

#endif
