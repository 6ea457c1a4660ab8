/* store_rewrite: a store written anew without some of its records, so that nothing of them is
 * left in its pages, the free ones included.
 *
 * LMDB only marks the pages of a deleted record as free; their bytes stay. So what is kept is
 * copied into a new file in one transaction, made durable, and renamed over the old one. The old
 * file is unlinked, not overwritten: on drives that move blocks about and on file systems that
 * copy on write, writing over it would prove nothing.
 */
#ifndef LORABUILD_CACHE_STORE_REWRITE_H
#define LORABUILD_CACHE_STORE_REWRITE_H

#include "lorabuild/common/error.h"
#include "lorabuild/common/str.h"

#include <stdint.h>

/* Leaves out the records for which `drop` says true; *dropped counts them. The store must not be
 * open in this process. Another process that has it open goes on with the old file, and loses
 * what it adds: that is memory, not truth. A damaged store is removed, and so is what was set
 * aside for damage earlier. A missing one is success. */
bool store_rewrite(const char *folder,
                   bool (*drop)(void *context, char table, struct str key, struct str value),
                   void *context, uint64_t *dropped, struct error *e);

#endif
