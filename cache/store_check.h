/* store_check: is a data.mdb whole? Judged without letting LMDB follow a pointer from it.
 *
 * LMDB trusts its file: a root beyond the end of a truncated file is a SIGBUS, a noisy branch
 * page a wild pointer. So the two meta pages are judged before mdb_env_open() and, under a read
 * transaction that keeps the snapshot's pages from being reused, every page that can be reached
 * is read with pread() and checked: its own number and kind, its bounds, the order of its keys,
 * each page reached or listed as free once only. Values carry a checksum (store_checksum()),
 * verified too while the whole file is at most STORE_CHECK_WHOLE bytes; in a larger one the
 * values of overflow pages are left to store_view_get(), which checks what it returns.
 *
 * Layout: LMDB 0.9's data version 1 on a 64-bit machine, as its mdb.c declares it.
 */
#ifndef LORABUILD_CACHE_STORE_CHECK_H
#define LORABUILD_CACHE_STORE_CHECK_H

#include "lorabuild/common/str.h"

#define STORE_CHECK_WHOLE (32u << 20)
#define STORE_VALUE_HEAD 8 /* bytes of checksum in front of every value */

struct store_meta { /* one of the file's two meta pages */
    uint64_t map_bytes, roots[2], last_page, transaction;
    uint32_t page_bytes;
};

/* The checksum that stands in front of a value, over the key too: a value that passes was once
 * written under this very key. */
uint64_t store_checksum(struct str key, struct str value);

/* Reads both meta pages; false where LMDB could not use the file. An empty file is fine and
 * gives page_bytes 0. */
bool store_check_metas(int fd, struct store_meta metas[2]);

/* Walks the snapshot of `transaction`. false = damaged. `*retry` true: the meta page was already
 * overwritten by two later commits, begin again with a fresh transaction. */
bool store_check_snapshot(int fd, uint64_t transaction, bool *retry);

#endif
