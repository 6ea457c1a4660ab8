#include "cache/store_rewrite.h"

#include "cache/store_check.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW_FILE "data.mdb.new"

struct rewriting {
    const char *folder;
    char *old, *new;
    bool (*drop)(void *context, char table, struct str key, struct str value);
    void *context;
    uint64_t *dropped;
};

static bool lmdb_failed(int code, const char *path, struct error *e)
{
    return error_set(e, code == ENOSPC || code == EDQUOT ? ERROR_LIMIT : ERROR_SYSTEM,
                     "%s: cannot be rewritten: %s", path, mdb_strerror(code));
}

/* Removes files of the folder by name; those that are missing are fine. */
static bool remove_files(const char *folder, const char *const *names, struct error *e)
{
    for (size_t i = 0; names[i]; i++) {
        char *path = path_join(folder, names[i]);
        bool ok = unlink(path) == 0 || errno == ENOENT || error_errno(e, "%s", path);
        free(path);
        if (!ok)
            return false;
    }
    return true;
}

/* A record whose checksum is wrong is left out: it reads as absent anyway. */
static int copy_records(struct rewriting *r, MDB_cursor *from, MDB_txn *to, MDB_dbi table)
{
    MDB_val key, value;
    int code = mdb_cursor_get(from, &key, &value, MDB_FIRST);
    for (; code == 0; code = mdb_cursor_get(from, &key, &value, MDB_NEXT)) {
        struct str full = {key.mv_data, key.mv_size}, content = {0};
        uint64_t sum = 0;
        bool right = full.size > 0 && value.mv_size >= STORE_VALUE_HEAD;
        if (right) {
            memcpy(&sum, value.mv_data, sizeof sum);
            content = (struct str){(const char *)value.mv_data + STORE_VALUE_HEAD,
                                   value.mv_size - STORE_VALUE_HEAD};
            right = sum == store_checksum(full, content);
        }
        if (!right || r->drop(r->context, full.data[0], (struct str){full.data + 1, full.size - 1},
                              content)) {
            ++*r->dropped;
            continue;
        }
        int put = mdb_put(to, table, &key, &value, MDB_APPEND);
        if (put != 0)
            return put;
    }
    return code == MDB_NOTFOUND ? 0 : code;
}

static int copy_into(struct rewriting *r, MDB_env *from, MDB_env *to)
{
    MDB_txn *read = NULL, *write = NULL;
    MDB_cursor *cursor = NULL;
    MDB_dbi old, new;
    int code = mdb_txn_begin(from, NULL, MDB_RDONLY, &read);
    code = code ? code : mdb_txn_begin(to, NULL, 0, &write);
    code = code ? code : mdb_dbi_open(read, NULL, 0, &old);
    code = code ? code : mdb_dbi_open(write, NULL, 0, &new);
    code = code ? code : mdb_cursor_open(read, old, &cursor);
    code = code ? code : copy_records(r, cursor, write, new);
    if (cursor)
        mdb_cursor_close(cursor);
    if (write && code == 0)
        code = mdb_txn_commit(write);
    else if (write)
        mdb_txn_abort(write);
    if (read)
        mdb_txn_abort(read);
    return code;
}

static int open_file(MDB_env **env, const char *path, unsigned flags, size_t map_bytes, mode_t mode)
{
    int code = mdb_env_create(env);
    code = code ? code : mdb_env_set_mapsize(*env, map_bytes);
    return code ? code : mdb_env_open(*env, path, flags | MDB_NOTLS, mode);
}

/* Is the old file fit to be read by LMDB? */
static bool is_whole(MDB_env *env)
{
    mdb_filehandle_t fd;
    MDB_txn *read;
    bool ok = false, retry = true;
    if (mdb_env_get_fd(env, &fd) != 0)
        return false;
    for (int tries = 0; retry && tries < 100; tries++) {
        if (mdb_txn_begin(env, NULL, MDB_RDONLY, &read) != 0)
            return false;
        ok = store_check_snapshot(fd, mdb_txn_id(read), &retry);
        mdb_txn_abort(read);
    }
    return ok;
}

static bool metas_right(const char *path, uint64_t *map_bytes)
{
    struct store_meta metas[2] = {{0}};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && store_check_metas(fd, metas) && metas[0].page_bytes > 0;
    *map_bytes = metas[0].map_bytes > metas[1].map_bytes ? metas[0].map_bytes : metas[1].map_bytes;
    if (fd >= 0)
        close(fd);
    return ok;
}

/* *whole false: the old file is damaged, nothing was copied. */
static bool copy(struct rewriting *r, const struct stat *like, bool *whole, struct error *e)
{
    MDB_env *from = NULL, *to = NULL;
    uint64_t map_bytes;
    mode_t mode = like->st_mode & 0666;
    *whole = metas_right(r->old, &map_bytes);
    if (!*whole)
        return true;
    int code = open_file(&from, r->folder, MDB_RDONLY, (size_t)map_bytes, mode);
    *whole = code == 0 && is_whole(from);
    if (*whole) {
        code = open_file(&to, r->new, MDB_NOSUBDIR | MDB_NOLOCK, (size_t)map_bytes, mode);
        code = code ? code : copy_into(r, from, to);
        code = code ? code : mdb_env_sync(to, 1);
    }
    if (to)
        mdb_env_close(to);
    if (from)
        mdb_env_close(from);
    return !*whole || code == 0 || lmdb_failed(code, r->old, e);
}

/* The new file in the old one's place. The lock file goes first: whoever opens the store from now
 * on must not share a reader table with those who still have the old one. */
static bool put_in_place(const struct rewriting *r, const struct stat *like, struct error *e)
{
    static const char *const lock[] = {"lock.mdb", NULL};
    struct stat own;
    if (stat(r->new, &own) < 0)
        return error_errno(e, "%s", r->new);
    if ((own.st_uid != like->st_uid || own.st_gid != like->st_gid) &&
        chown(r->new, like->st_uid, like->st_gid) < 0 && errno != EPERM)
        return error_errno(e, "%s", r->new);
    return remove_files(r->folder, lock, e) &&
           (rename(r->new, r->old) == 0 || error_errno(e, "%s", r->old)) &&
           folder_sync(r->folder, e);
}

static bool rewrite(struct rewriting *r, struct error *e)
{
    static const char *const left[] = {"data.mdb.damaged", "lock.mdb.damaged", NEW_FILE, NULL};
    static const char *const both[] = {"lock.mdb", "data.mdb", NULL};
    struct stat like;
    bool whole;
    if (!remove_files(r->folder, left, e))
        return false;
    if (stat(r->old, &like) < 0)
        return errno == ENOENT || error_errno(e, "%s", r->old);
    bool ok = copy(r, &like, &whole, e);
    if (ok)
        ok = whole ? put_in_place(r, &like, e)
                   : remove_files(r->folder, both, e) && folder_sync(r->folder, e);
    if (!ok)
        unlink(r->new);
    return ok;
}

bool store_rewrite(const char *folder,
                   bool (*drop)(void *context, char table, struct str key, struct str value),
                   void *context, uint64_t *dropped, struct error *e)
{
    *dropped = 0;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || error_errno(e, "%s", folder);
    while (flock(fd, LOCK_EX) < 0 && errno == EINTR)
        ;
    struct rewriting r = {.folder = folder,
                          .old = path_join(folder, "data.mdb"),
                          .new = path_join(folder, NEW_FILE),
                          .drop = drop,
                          .context = context,
                          .dropped = dropped};
    bool ok = rewrite(&r, e);
    free(r.new);
    free(r.old);
    close(fd);
    return ok;
}
