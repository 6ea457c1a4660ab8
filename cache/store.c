#include "cache/store.h"

#include "cache/store_check.h"
#include "cache/store_place.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    STORE_FORMAT = 1,
    LONGEST_KEY = 501, /* table letter included; LMDB's own limit is 511 */
    MOST_READERS = 510,
    GROW_WAIT_S = 10
};

#define FIRST_MAP_BYTES ((size_t)256 << 20)
#define FORMAT_TABLE '!'
#define FORMAT_KEY STR("format")

struct store {
    char *folder;
    MDB_env *env; /* NULL: an empty store */
    MDB_dbi table;
    bool keeps; /* puts are written */
    int copy;   /* the private copy's descriptor, or -1 */
    pthread_mutex_t mutex;
    pthread_cond_t idle;
    int transactions; /* open in this process; the map moves only at 0 */
    bool damaged;     /* the four are guarded by `mutex` */
};

struct store_view {
    struct store *store;
    MDB_txn *transaction; /* NULL in an empty store */
};

/* What LMDB answers when it meets a page that cannot be. */
static bool means_damage(int code)
{
    return code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND || code == MDB_INVALID ||
           code == MDB_PANIC || code == MDB_VERSION_MISMATCH || code == MDB_CURSOR_FULL;
}

static bool lmdb_error(struct error *e, const struct store *s, int code, const char *doing)
{
    enum error_kind kind = code == ENOSPC || code == EDQUOT ? ERROR_LIMIT : ERROR_SYSTEM;
    return error_set(e, kind, "%s: cannot %s: %s", s->folder, doing, mdb_strerror(code));
}

static void mark_damaged(struct store *s)
{
    pthread_mutex_lock(&s->mutex);
    s->damaged = true;
    pthread_mutex_unlock(&s->mutex);
}

/* --- Transactions: the map grows and follows others' growth with none open. --- */

static void transaction_ended(struct store *s)
{
    pthread_mutex_lock(&s->mutex);
    s->transactions--;
    pthread_cond_broadcast(&s->idle);
    pthread_mutex_unlock(&s->mutex);
}

/* Sets the map's size (0: what another process made it) once nothing is open here. */
static int map_resize(struct store *s, size_t size_bytes)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += GROW_WAIT_S;
    pthread_mutex_lock(&s->mutex);
    int code = 0;
    while (s->transactions > 0 && code == 0)
        code = pthread_cond_timedwait(&s->idle, &s->mutex, &until);
    if (s->transactions == 0)
        code = mdb_env_set_mapsize(s->env, size_bytes);
    pthread_mutex_unlock(&s->mutex);
    return code;
}

static int map_double(struct store *s)
{
    MDB_envinfo info;
    mdb_env_info(s->env, &info);
    return map_resize(s, info.me_mapsize * 2);
}

static int transaction_begin(struct store *s, unsigned flags, MDB_txn **transaction)
{
    for (int tries = 0;; tries++) {
        int dead;
        pthread_mutex_lock(&s->mutex);
        s->transactions++;
        pthread_mutex_unlock(&s->mutex);
        int code = mdb_txn_begin(s->env, NULL, flags, transaction);
        if (code == 0)
            return 0;
        transaction_ended(s);
        if (tries == 100)
            return code;
        if (code == MDB_MAP_RESIZED)
            code = map_resize(s, 0);
        else if (code == MDB_READERS_FULL)
            code = mdb_reader_check(s->env, &dead) == 0 && dead > 0 ? 0 : code;
        if (code != 0)
            return code;
    }
}

/* --- Opening. --- */

static size_t first_map_bytes(void)
{
    const char *knob = getenv("LORABUILD_TEST_MAP_BYTES"); /* tests of growth alone */
    int64_t size;
    return knob && str_to_int(str_of(knob), &size) && size >= 1 << 16 ? (size_t)size
                                                                      : FIRST_MAP_BYTES;
}

/* May mdb_env_open() touch the file? A meta page that a writer is just replacing can read as
 * wrong for a moment, so a bad one is looked at again. */
static bool metas_right(const char *path, bool *empty)
{
    struct store_meta metas[2];
    bool ok = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *empty = fd < 0 && errno == ENOENT;
    for (int tries = 0; fd >= 0 && !ok && tries < 5; tries++) {
        ok = store_check_metas(fd, metas);
        *empty = ok && metas[0].page_bytes == 0;
        if (!ok)
            nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    if (fd >= 0)
        close(fd);
    return ok || *empty;
}

/* Checks all that a snapshot can reach. */
static bool snapshot_right(struct store *s)
{
    mdb_filehandle_t fd;
    bool ok = false, retry = true;
    if (mdb_env_get_fd(s->env, &fd) != 0)
        return false;
    for (int tries = 0; retry && tries < 100; tries++) {
        MDB_txn *transaction;
        int code = transaction_begin(s, MDB_RDONLY, &transaction);
        if (code != 0)
            return !means_damage(code);
        ok = store_check_snapshot(fd, mdb_txn_id(transaction), &retry);
        mdb_txn_abort(transaction);
        transaction_ended(s);
    }
    return ok || retry; /* a writer that is always faster is no damage */
}

enum opened { OPENED, FAILED, DAMAGED };

static enum opened open_environment(struct store *s, const char *path, unsigned flags, mode_t mode,
                                    struct error *e)
{
    char *file = flags & MDB_NOSUBDIR ? mem_strdup(path) : path_join(path, "data.mdb");
    bool empty, right = metas_right(file, &empty);
    free(file);
    if (!right)
        return DAMAGED;
    if (empty && flags & MDB_RDONLY)
        return OPENED; /* as an empty store */
    int code = mdb_env_create(&s->env);
    if (code != 0) {
        lmdb_error(e, s, code, "open the store");
        return FAILED;
    }
    mdb_env_set_maxreaders(s->env, MOST_READERS);
    if (empty)
        mdb_env_set_mapsize(s->env, first_map_bytes());
    code = mdb_env_open(s->env, path, flags | MDB_NOTLS, mode);
    MDB_txn *transaction;
    if (code == 0)
        code = transaction_begin(s, MDB_RDONLY, &transaction);
    if (code == 0) {
        code = mdb_dbi_open(transaction, NULL, 0, &s->table);
        mdb_txn_abort(transaction);
        transaction_ended(s);
    }
    bool whole = code == 0 && snapshot_right(s);
    if (whole)
        return OPENED;
    mdb_env_close(s->env);
    s->env = NULL;
    if (code == 0 || means_damage(code))
        return DAMAGED;
    lmdb_error(e, s, code, "open the store");
    return FAILED;
}

/* Renames both files: whoever still has them open keeps its lock with its data. */
static void set_aside(const struct store *s)
{
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    for (int i = 0; i < 2; i++) {
        char *from = path_join(s->folder, names[i]), *to = mem_printf("%s.damaged", from);
        rename(from, to);
        free(to);
        free(from);
    }
}

/* The owner, group and mode of a client for files that LMDB has just made. By name: closing a
 * descriptor of lock.mdb would drop the file locks that LMDB holds for this process. */
static void dress_files(int folder, const struct stat *like)
{
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    for (int i = 0; i < 2; i++) {
        if (fchownat(folder, names[i], like->st_uid, like->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
            errno = 0; /* only root and members of the group can */
        fchmodat(folder, names[i], (like->st_mode & 0666) | 0600, 0);
    }
}

/* The folder's own flock makes looking at the files and setting them aside one step. */
static int lock_folder(const struct store *s)
{
    int folder = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (folder >= 0 && flock(folder, LOCK_EX) < 0 && errno == EINTR)
        ;
    return folder;
}

static bool agree_on_format(struct store *s, struct error *e);

static bool open_to_write(struct store *s, const struct stat *like, char note[256], struct error *e)
{
    int folder = lock_folder(s);
    if (folder < 0)
        return error_errno(e, "%s", s->folder);
    bool made = faccessat(folder, "data.mdb", F_OK, 0) < 0;
    mode_t mode = like ? (like->st_mode & 0666) | 0600 : 0666;
    enum opened how = open_environment(s, s->folder, 0, mode, e);
    if (how == DAMAGED) {
        set_aside(s);
        made = true;
        snprintf(note, 256,
                 "The store in %.120s was damaged; it has been set aside and is "
                 "filled again.",
                 s->folder);
        how = open_environment(s, s->folder, 0, mode, e);
        if (how == DAMAGED)
            error_set(e, ERROR_SYSTEM, "%s: a new store reads as damaged; is the disk sound?",
                      s->folder);
    }
    if (how == OPENED && made && like)
        dress_files(folder, like);
    s->keeps = how == OPENED;
    bool ok = s->keeps && agree_on_format(s, e);
    close(folder);
    return ok;
}

/* Reading without making anything: in place where LMDB's reader table can be used, else on a
 * private copy; where that is not to be had, the store is empty. */
static bool open_to_read(struct store *s, bool in_place, char note[256], struct error *e)
{
    enum opened how;
    if (in_place) {
        how = open_environment(s, s->folder, MDB_RDONLY, 0600, e);
    } else {
        s->copy = store_private_copy(s->folder);
        if (s->copy < 0)
            return true;
        char path[40];
        snprintf(path, sizeof path, "/proc/self/fd/%d", s->copy);
        how = open_environment(s, path, MDB_RDONLY | MDB_NOLOCK | MDB_NOSUBDIR, 0600, e);
    }
    if (how == DAMAGED)
        snprintf(note, 256,
                 "The store in %.120s is damaged and was not used; the next build "
                 "sets it aside.",
                 s->folder);
    return how != FAILED && agree_on_format(s, e);
}

/* Refuses a newer store; empties an older one; marks a new one. */
static bool agree_on_format(struct store *s, struct error *e)
{
    struct store_view *v = store_view_begin(s, e);
    if (!v)
        return false;
    struct str value;
    uint32_t format = 0;
    if (store_view_get(v, FORMAT_TABLE, FORMAT_KEY, &value) && value.size == sizeof format)
        memcpy(&format, value.data, sizeof format);
    store_view_end(v);
    if (format > STORE_FORMAT)
        return error_set(e, ERROR_INPUT,
                         "%s: made by a newer lorabuild (store format %u, this one knows %d); "
                         "use that one, or delete this folder: it is only a cache",
                         s->folder, format, STORE_FORMAT);
    if (format == STORE_FORMAT || !s->env || !s->keeps)
        return true;
    MDB_txn *transaction;
    int code = transaction_begin(s, 0, &transaction);
    if (code != 0)
        return lmdb_error(e, s, code, "write");
    code = mdb_drop(transaction, s->table, 0);
    code = code ? (mdb_txn_abort(transaction), code) : mdb_txn_commit(transaction);
    transaction_ended(s);
    if (code != 0)
        return lmdb_error(e, s, code, "write");
    format = STORE_FORMAT;
    struct store_change *c = store_change_begin(s);
    store_change_put(c, FORMAT_TABLE, FORMAT_KEY, (struct str){(char *)&format, sizeof format});
    return store_change_commit(c, e);
}

struct store *store_open(const char *folder, const char *like, bool read_only, char note[256],
                         struct error *e)
{
    struct stat owner;
    bool ok = true;
    note[0] = '\0';
    if (like && stat(like, &owner) < 0) {
        error_errno(e, "%s", like);
        return NULL;
    }
    struct store *s = mem_zalloc(sizeof *s);
    s->folder = mem_strdup(folder);
    s->copy = -1;
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->idle, NULL);
    bool local = store_is_local(folder, read_only ? NULL : e), writable = false;
    if (!read_only)
        ok = local && store_make_folder(folder, like ? &owner : NULL, &writable, e);
    if (ok && writable)
        ok = open_to_write(s, like ? &owner : NULL, note, e);
    else if (ok)
        ok = open_to_read(s, local && store_can_lock(folder), note, e);
    if (ok)
        return s;
    s->damaged = false;
    store_close(s);
    return NULL;
}

/* Is what this process has open still what stands in the folder? */
static bool still_in_place(const struct store *s, int folder)
{
    mdb_filehandle_t fd;
    struct stat open_one, named;
    return mdb_env_get_fd(s->env, &fd) == 0 && fstat(fd, &open_one) == 0 &&
           fstatat(folder, "data.mdb", &named, 0) == 0 && open_one.st_ino == named.st_ino;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    if (s->damaged && s->keeps && s->env) {
        int folder = lock_folder(s);
        if (folder >= 0 && still_in_place(s, folder))
            set_aside(s);
        if (folder >= 0)
            close(folder);
    }
    if (s->env)
        mdb_env_close(s->env);
    if (s->copy >= 0)
        close(s->copy);
    pthread_cond_destroy(&s->idle);
    pthread_mutex_destroy(&s->mutex);
    free(s->folder);
    free(s);
}

bool store_damaged(const struct store *s)
{
    struct store *guarded = (struct store *)(uintptr_t)s;
    pthread_mutex_lock(&guarded->mutex);
    bool damaged = s->damaged;
    pthread_mutex_unlock(&guarded->mutex);
    return damaged;
}

bool store_keeps(const struct store *s)
{
    return s->keeps;
}

/* --- Reading. --- */

/* "<table><key>" in `full`. */
static struct str full_key(char full[LONGEST_KEY], char table, struct str key)
{
    if (key.size > LONGEST_KEY - 1)
        abort(); /* a promise of the caller's */
    full[0] = table;
    if (key.size)
        memcpy(full + 1, key.data, key.size);
    return (struct str){full, key.size + 1};
}

struct store_view *store_view_begin(struct store *s, struct error *e)
{
    struct store_view *v = mem_zalloc(sizeof *v);
    v->store = s;
    int code = s->env ? transaction_begin(s, MDB_RDONLY, &v->transaction) : 0;
    if (code == 0)
        return v;
    free(v);
    lmdb_error(e, s, code, "read");
    return NULL;
}

bool store_view_get(struct store_view *v, char table, struct str key, struct str *value)
{
    char full[LONGEST_KEY];
    struct str name = full_key(full, table, key);
    MDB_val k = {name.size, full}, found;
    int code = v->transaction ? mdb_get(v->transaction, v->store->table, &k, &found) : MDB_NOTFOUND;
    *value = (struct str){NULL, 0};
    if (code != 0) {
        if (means_damage(code))
            mark_damaged(v->store);
        return false;
    }
    uint64_t sum;
    if (found.mv_size >= STORE_VALUE_HEAD) {
        memcpy(&sum, found.mv_data, sizeof sum);
        struct str rest = {(const char *)found.mv_data + STORE_VALUE_HEAD,
                           found.mv_size - STORE_VALUE_HEAD};
        if (sum == store_checksum(name, rest)) {
            *value = rest;
            return true;
        }
    }
    mark_damaged(v->store);
    return false;
}

void store_view_end(struct store_view *v)
{
    if (!v)
        return;
    if (v->transaction) {
        mdb_txn_abort(v->transaction);
        transaction_ended(v->store);
    }
    free(v);
}

/* --- Writing. --- */

struct change {
    size_t key, key_bytes, value, value_bytes; /* offsets into `bytes` */
    bool is_delete;
};

struct store_change {
    struct store *store;
    struct strbuf bytes;
    struct change *items;
    size_t count, capacity;
};

struct store_change *store_change_begin(struct store *s)
{
    struct store_change *c = mem_zalloc(sizeof *c);
    c->store = s;
    return c;
}

static struct change *add_change(struct store_change *c, char table, struct str key)
{
    char full[LONGEST_KEY];
    struct str name = full_key(full, table, key);
    if (c->count == c->capacity) {
        c->capacity = c->capacity ? 2 * c->capacity : 16;
        c->items = mem_grow(c->items, c->capacity, sizeof *c->items);
    }
    struct change *item = &c->items[c->count++];
    *item = (struct change){.key = c->bytes.size, .key_bytes = name.size};
    strbuf_add_str(&c->bytes, name);
    return item;
}

void store_change_put(struct store_change *c, char table, struct str key, struct str value)
{
    struct change *item = add_change(c, table, key);
    uint64_t sum = store_checksum((struct str){c->bytes.data + item->key, item->key_bytes}, value);
    item->value = c->bytes.size;
    item->value_bytes = sizeof sum + value.size;
    strbuf_add(&c->bytes, &sum, sizeof sum);
    strbuf_add_str(&c->bytes, value);
}

void store_change_delete(struct store_change *c, char table, struct str key)
{
    add_change(c, table, key)->is_delete = true;
}

static int apply(struct store_change *c, MDB_txn *transaction)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct change *item = &c->items[i];
        MDB_val key = {item->key_bytes, c->bytes.data + item->key};
        MDB_val value = {item->value_bytes, c->bytes.data + item->value};
        int code = item->is_delete ? mdb_del(transaction, c->store->table, &key, NULL)
                                   : mdb_put(transaction, c->store->table, &key, &value, 0);
        if (code != 0 && !(item->is_delete && code == MDB_NOTFOUND))
            return code;
    }
    return 0;
}

static int commit_once(struct store_change *c)
{
    MDB_txn *transaction;
    int code = transaction_begin(c->store, 0, &transaction);
    if (code != 0)
        return code;
    code = apply(c, transaction);
    if (code == 0)
        code = mdb_txn_commit(transaction);
    else
        mdb_txn_abort(transaction);
    transaction_ended(c->store);
    return code;
}

bool store_change_commit(struct store_change *c, struct error *e)
{
    struct store *s = c->store;
    int code = 0;
    if (c->count > 0 && s->keeps && s->env && !store_damaged(s)) {
        while ((code = commit_once(c)) == MDB_MAP_FULL && (code = map_double(s)) == 0)
            ;
        if (means_damage(code)) {
            mark_damaged(s); /* set aside when closed; what it held is found out again */
            code = 0;
        }
        if (code != 0)
            lmdb_error(e, s, code, "write");
    }
    store_change_drop(c);
    return code == 0;
}

void store_change_drop(struct store_change *c)
{
    if (!c)
        return;
    strbuf_free(&c->bytes);
    free(c->items);
    free(c);
}
