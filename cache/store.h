/* store: one LMDB environment: fast memory for what could be found out again.
 *
 * Files are the truth, LMDB is memory: everything in it can be rebuilt, so a damaged store is
 * moved aside (one note), never repaired in place (B07). Only the parent process writes. An
 * environment is never carried across fork (children are exec'ed), never opened on a network
 * file system, grows on MDB_MAP_FULL and follows MDB_MAP_RESIZED with no transaction open (B11).
 *
 * Keys are a table letter and at most 500 bytes (digests, mostly); values begin with the
 * table's own version where that can change.
 */
#ifndef LORABUILD_CACHE_STORE_H
#define LORABUILD_CACHE_STORE_H

#include "lorabuild/common/digest.h"
#include "lorabuild/common/error.h"
#include "lorabuild/common/str.h"

struct store;

/* Opens <folder>/data.mdb, creating folder and file with the mode, and where it can the owner
 * and group, of `like` (a client's folder; NULL: the process's own). A damaged one is set aside
 * and `note` (256 bytes) says so, else note[0] = 0. Without write permission, or read_only: works
 * on a private copy in memory or an empty store, and puts vanish. */
struct store *store_open(const char *folder, const char *like, bool read_only, char note[256],
                         struct error *e);
void store_close(struct store *s);

/* A read view: values stay valid until it ends. */
struct store_view;
struct store_view *store_view_begin(struct store *s, struct error *e);
bool store_view_get(struct store_view *v, char table, struct str key, struct str *value);
void store_view_end(struct store_view *v);

/* Changes gathered in memory and committed in one durable transaction. */
struct store_change;
struct store_change *store_change_begin(struct store *s);
void store_change_put(struct store_change *c, char table, struct str key, struct str value);
void store_change_delete(struct store_change *c, char table, struct str key);
bool store_change_commit(struct store_change *c, struct error *e); /* frees c */
void store_change_drop(struct store_change *c);

#endif
