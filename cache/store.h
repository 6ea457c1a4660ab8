/* store: one LMDB environment: fast memory for what could be found out again.
 *
 * Files are the truth, LMDB is memory: everything in it can be rebuilt, so a damaged store is
 * moved aside (one note), never repaired in place (B07). Only the parent process writes. An
 * environment is never carried across fork (children are exec'ed), never opened on a network
 * file system, grows on MDB_MAP_FULL and follows MDB_MAP_RESIZED with no transaction open (B11).
 *
 * Keys are a table letter and at most 500 bytes (digests, mostly); values begin with the
 * table's own version where that can change. Tables and layout: docs/formats-cache.md.
 *
 * One process opens a folder's store once at a time (LMDB's file locks die with the first of
 * two handles). Views and changes may be used from any thread, each by one thread at a time. A
 * commit may have to enlarge the map, which waits until no view is open in this process: never
 * commit while the same thread holds a view.
 */
#ifndef LORABUILD_CACHE_STORE_H
#define LORABUILD_CACHE_STORE_H

#include "lorabuild/common/digest.h"
#include "lorabuild/common/error.h"
#include "lorabuild/common/str.h"

struct store;

/* Opens <folder>/data.mdb, creating folder and file with the mode, and where it can the owner
 * and group, of `like` (a client's folder; NULL: the process's own). A damaged one is set aside
 * and `note` (256 bytes) says so, else note[0] = 0. read_only: creates nothing, puts vanish, a
 * missing or damaged store is an empty one. Without write permission: the same, on a private copy
 * in memory (each record is checked by itself, so a copy taken beside a writer holds no wrong one).
 * Refused with ERROR_INPUT: a network file system (the message names LORABUILD_STORE, which the
 * caller honours when it chooses `folder`), and a store made by a newer lorabuild. */
struct store *store_open(const char *folder, const char *like, bool read_only, char note[256],
                         struct error *e);
/* Closes; a store in which damage was met on the way is set aside now. NULL is fine. */
void store_close(struct store *s);
/* Was damage met since it was opened? Such records read as absent. */
bool store_damaged(const struct store *s);
/* Would a put be kept? false for read_only and without write permission. */
bool store_keeps(const struct store *s);

/* A read view: values stay valid until it ends. A value's bytes have no alignment: memcpy. */
struct store_view;
struct store_view *store_view_begin(struct store *s, struct error *e);
bool store_view_get(struct store_view *v, char table, struct str key, struct str *value);
void store_view_end(struct store_view *v);

/* Changes gathered in memory and committed in one durable transaction; later ones win. */
struct store_change;
struct store_change *store_change_begin(struct store *s);
void store_change_put(struct store_change *c, char table, struct str key, struct str value);
void store_change_delete(struct store_change *c, char table, struct str key);
bool store_change_commit(struct store_change *c, struct error *e); /* frees c, whatever comes */
void store_change_drop(struct store_change *c);

#endif
