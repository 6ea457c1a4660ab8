#include "cache/scan.h"

#include "cache/scan_parts.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/threads.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct unread { /* a file to be hashed */
    struct folder *folder;
    struct entry *entry;
};

struct reading {
    struct walk *walk;
    bool rehash;
    struct unread *files;
    size_t count;
};

static void recall_one(void *context, size_t i)
{
    struct reading *r = context;
    scan_recall(r->walk->folders[i], r->rehash);
}

static void hash_one(void *context, size_t i)
{
    struct reading *r = context;
    struct unread *u = &r->files[i];
    scan_hash(r->walk, u->entry, scan_entry_path(u->folder, u->entry));
}

static bool is_unread(const struct entry *en)
{
    return en->kind == ENTRY_FILE && !en->known && !en->problem;
}

static void hash_unread(struct reading *r)
{
    struct walk *w = r->walk;
    for (int pass = 0; pass < 2; pass++) { /* count, then fill */
        r->files = pass ? mem_array(r->count ? r->count : 1, sizeof *r->files) : NULL;
        r->count = 0;
        for (size_t i = 0; i < w->count; i++)
            for (size_t j = 0; j < w->folders[i]->count; j++) {
                if (!is_unread(&w->folders[i]->entries[j]))
                    continue;
                if (pass)
                    r->files[r->count] = (struct unread){w->folders[i], &w->folders[i]->entries[j]};
                r->count++;
            }
    }
    scan_share(r->count, hash_one, r);
    for (size_t i = 0; i < r->count; i++)
        if (r->files[i].entry->trusted)
            r->files[i].folder->changed = true;
    free(r->files);
}

/* Digests for all files: from the store, else by reading; what is new goes into the store in
 * one commit. With nothing new nothing is written. */
static bool settle_digests(struct walk *w, struct scan *s, struct store *store, bool rehash,
                           struct error *e)
{
    struct reading r = {.walk = w, .rehash = rehash};
    struct store_view *v = store ? store_view_begin(store, e) : NULL;
    if (store && !v)
        return false;
    for (size_t i = 0; v && i < w->count; i++)
        scan_fetch(w, w->folders[i], v);
    scan_share(w->count, recall_one, &r);
    hash_unread(&r);
    s->hashed = r.count;
    struct store_change *c = store ? store_change_begin(store) : NULL;
    for (size_t i = 0; c && i < w->count; i++)
        if (w->folders[i]->changed && !w->folders[i]->problem)
            scan_remember(w, w->folders[i], c);
    store_view_end(v);
    return !c || store_change_commit(c, e);
}

/* --- The result. --- */

static void count_folder(const struct folder *f, size_t *count)
{
    *count += f->problem != NULL;
    for (size_t i = 0; i < f->count; i++) {
        *count += f->entries[i].kind == ENTRY_FILE;
        if (f->entries[i].folder)
            count_folder(f->entries[i].folder, count);
    }
}

static void gather_file(struct scan *s, const struct entry *en, const char *path)
{
    s->files[s->count++] = (struct scan_file){
        .path = path,
        .digest = en->problem ? (struct digest){{0}} : en->digest,
        .size_bytes = en->problem ? 0 : en->identity.size_bytes,
        .problem = en->problem ? arena_strdup(&s->arena, en->problem) : NULL,
    };
    s->too_young |= en->young && !en->problem;
}

/* In the order of the paths, which stay where the folder's listing put them. */
static void gather_folder(struct scan *s, struct folder *f)
{
    if (f->problem)
        s->files[s->count++] = (struct scan_file){
            .path = arena_strdup(&s->arena, f->path),
            .problem = arena_strdup(&s->arena, f->problem),
        };
    for (size_t i = 0; i < f->count; i++) {
        const struct entry *en = &f->entries[i];
        if (en->folder)
            gather_folder(s, en->folder);
        if (en->kind == ENTRY_FILE)
            gather_file(s, en, scan_entry_path(f, en));
    }
    s->names[s->name_count++] = f->names;
    f->names = NULL;
}

static bool scan_one_file(struct scan *s, const char *path, struct store *store, bool rehash,
                          struct error *e);

bool scan_folder(struct scan *s, const char *folder, const struct link_walls *walls,
                 struct store *store, bool rehash,
                 bool (*skip)(const char *name, bool is_folder, void *context), void *context,
                 struct error *e)
{
    *s = (struct scan){0};
    char *root = path_clean(folder);
    struct walk w = {.shown_root = root, .skip = skip, .context = context, .walls = walls};
    clock_gettime(CLOCK_REALTIME, &w.now);
    w.root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = false;
    if (w.root < 0 && errno == ENOTDIR) {
        ok = (skip && skip(path_base(root), false, context)) ||
             scan_one_file(s, root, store, rehash, e);
        goto out;
    }
    if (w.root < 0) {
        error_errno(e, "%s", folder);
        goto out;
    }
    ok = scan_list(&w, e) && settle_digests(&w, s, store, rehash, e);
    if (ok) {
        size_t count = 0;
        count_folder(w.folders[0], &count);
        s->files = mem_alloc((count + 1) * sizeof *s->files);
        s->names = mem_array(w.count, sizeof *s->names);
        gather_folder(s, w.folders[0]);
    }
    scan_list_free(&w);
    close(w.root);
out:
    free(root);
    if (!ok)
        scan_free(s);
    return ok;
}

void scan_free(struct scan *s)
{
    for (size_t i = 0; i < s->name_count; i++)
        free(s->names[i]);
    free(s->names);
    free(s->files);
    arena_free(&s->arena);
    *s = (struct scan){0};
}

/* --- One file: table 'f', key = digest of the path as given; value = u8 version 1, identity,
 * digest. --- */

enum { FILE_VERSION = 1, FILE_VALUE = 1 + 32 + 16 };

static bool recall_file(const struct entry *en, struct digest *d, struct store *store,
                        struct str key, struct error *e)
{
    struct store_view *v = store_view_begin(store, e);
    struct str value;
    bool found = v && store_view_get(v, 'f', key, &value) && value.size == FILE_VALUE &&
                 value.data[0] == FILE_VERSION &&
                 memcmp(value.data + 1, &en->identity, sizeof en->identity) == 0;
    if (found)
        memcpy(d, value.data + 1 + sizeof en->identity, sizeof *d);
    store_view_end(v);
    return found;
}

static bool remember_file(const struct entry *en, struct store *store, struct str key,
                          struct error *e)
{
    char value[FILE_VALUE] = {FILE_VERSION};
    memcpy(value + 1, &en->identity, sizeof en->identity);
    memcpy(value + 1 + sizeof en->identity, &en->digest, sizeof en->digest);
    struct store_change *c = store_change_begin(store);
    store_change_put(c, 'f', key, (struct str){value, sizeof value});
    return store_change_commit(c, e);
}

/* Fills the entry's identity and digest; *hashed says whether it was read. */
static bool digest_one(struct entry *en, const char *path, struct store *store, bool rehash,
                       bool *hashed, struct error *e)
{
    struct walk w = {.root = -1};
    struct statx s;
    struct digest name = digest_of(path, strlen(path));
    struct str key = {(const char *)name.bytes, sizeof name.bytes};
    bool same = true, ok = false;
    clock_gettime(CLOCK_REALTIME, &w.now);
    *hashed = false;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return error_errno(e, "%s", path);
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &s) < 0) {
        error_errno(e, "%s", path);
        goto out;
    }
    scan_identify(en, &w, &s);
    if (store && en->settled && !rehash && recall_file(en, &en->digest, store, key, NULL)) {
        ok = true;
        goto out;
    }
    *hashed = true;
    ok = scan_hash_fd(&w, en, fd, &same, e) || error_context(e, "%s", path);
    en->young |= !same;
    if (ok && store && same && en->settled)
        ok = remember_file(en, store, key, e);
out:
    close(fd);
    return ok;
}

bool scan_file_digest(struct digest *d, const char *path, struct store *store, bool rehash,
                      struct error *e)
{
    struct entry en = {0};
    bool hashed;
    if (!digest_one(&en, path, store, rehash, &hashed, e))
        return false;
    *d = en.digest;
    return true;
}

static bool scan_one_file(struct scan *s, const char *path, struct store *store, bool rehash,
                          struct error *e)
{
    struct entry en = {0};
    bool hashed;
    if (!digest_one(&en, path, store, rehash, &hashed, e))
        return false;
    s->hashed = hashed;
    s->files = mem_array(1, sizeof *s->files);
    gather_file(s, &en, arena_strdup(&s->arena, path_base(path)));
    return true;
}
