#include "cache/scan_parts.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/threads.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
    FOLDERS_AT_ONCE = 128, /* descriptors held */
    BLOCK = 256,           /* entries a thread takes at a time */
    SETTLED_S = 2
};

#define STATX_WANTED (STATX_TYPE | STATX_MODE | STATX_INO | STATX_SIZE | STATX_MTIME | STATX_CTIME)

struct share {
    atomic_size_t next;
    size_t n;
    void (*body)(void *, size_t);
    void *context;
};

static void take_shares(void *context, size_t begin, size_t end)
{
    struct share *s = context;
    (void)begin, (void)end;
    for (size_t i; (i = atomic_fetch_add(&s->next, 1)) < s->n;)
        s->body(s->context, i);
}

void scan_share(size_t n, void (*body)(void *, size_t), void *context)
{
    struct share s = {.n = n, .body = body, .context = context};
    size_t threads = (size_t)threads_count();
    threads_for(n < threads ? n : threads, 1, take_shares, &s);
}

char *scan_path(const struct folder *f, const char *name)
{
    return mem_printf("%s%s%s", f->path, f->path[0] ? "/" : "", name);
}

static int open_beneath(const struct walk *w, const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd;
    do
        fd = syscall(SYS_openat2, w->root, path[0] ? path : ".", &how, sizeof how);
    while (fd < 0 && (errno == EINTR || errno == EAGAIN));
    return (int)fd;
}

static bool real_path(int fd, char path[PATH_MAX])
{
    char name[40];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(name, path, PATH_MAX - 1);
    path[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* The kernel refuses absolute links and those that leave the root on their way, even where they
 * end beneath it. A link is judged by where it ends: found by O_PATH, which reads nothing, and
 * then opened from the root by that path. */
static int open_where_it_ends(const struct walk *w, const char *path, int flags)
{
    char root[PATH_MAX], end[PATH_MAX];
    int found = openat(w->root, path, O_PATH | O_CLOEXEC);
    if (found < 0)
        return -1;
    bool beneath = real_path(w->root, root) && real_path(found, end) && strcmp(root, end) != 0 &&
                   path_is_beneath(end, root);
    close(found);
    errno = EXDEV;
    return beneath ? open_beneath(w, end + strlen(root) + (root[1] != '\0'), flags) : -1;
}

int scan_open(const struct walk *w, const char *path, int flags)
{
    int fd = open_beneath(w, path, flags);
    return fd >= 0 || errno != EXDEV ? fd : open_where_it_ends(w, path, flags);
}

/* More than 2 s before `now`? Times ahead of it are not. */
static bool is_settled(struct statx_timestamp t, struct timespec now)
{
    return t.tv_sec < now.tv_sec - SETTLED_S ||
           (t.tv_sec == now.tv_sec - SETTLED_S && (long)t.tv_nsec < now.tv_nsec);
}

static uint64_t nanoseconds(struct statx_timestamp t)
{
    return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

void scan_identify(struct entry *en, const struct walk *w, const struct statx *s)
{
    en->identity = (struct identity){s->stx_ino, s->stx_size, nanoseconds(s->stx_mtime),
                                     nanoseconds(s->stx_ctime)};
    bool modified = is_settled(s->stx_mtime, w->now);
    en->settled = modified && is_settled(s->stx_ctime, w->now);
    en->young = false;
    if (modified)
        return;
    struct timespec now; /* it may have been modified since the scan began */
    clock_gettime(CLOCK_REALTIME, &now);
    en->young = s->stx_mtime.tv_sec < now.tv_sec ||
                (s->stx_mtime.tv_sec == now.tv_sec && (long)s->stx_mtime.tv_nsec <= now.tv_nsec);
}

/* --- Names: getdents64. --- */

static enum entry_kind kind_of(unsigned char type)
{
    switch (type) {
    case DT_REG: return ENTRY_FILE;
    case DT_DIR: return ENTRY_FOLDER;
    case DT_LNK: return ENTRY_LINK;
    case DT_UNKNOWN: return ENTRY_UNKNOWN;
    default: return ENTRY_OTHER;
    }
}

/* Names stand in `names` one after the other, each with a byte for its kind in front. */
static bool read_names(int fd, struct strbuf *names, size_t *count)
{
    _Alignas(struct dirent64) char block[1 << 15];
    ssize_t n;
    while ((n = getdents64(fd, block, sizeof block)) > 0) {
        for (ssize_t at = 0; at < n;) {
            const struct dirent64 *d = (const struct dirent64 *)(block + at);
            at += d->d_reclen;
            if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
                continue;
            strbuf_add_byte(names, (char)kind_of(d->d_type));
            strbuf_add(names, d->d_name, strlen(d->d_name) + 1);
            ++*count;
        }
    }
    return n == 0;
}

static void list_folder(struct walk *w, struct folder *f)
{
    struct statx s;
    struct strbuf names = {0};
    f->fd = scan_open(w, f->path, O_RDONLY | O_DIRECTORY);
    if (f->fd < 0 || statx(f->fd, "", AT_EMPTY_PATH, STATX_INO, &s) < 0 ||
        !read_names(f->fd, &names, &f->count)) {
        f->problem = mem_printf("a folder that cannot be listed: %s", strerror(errno));
        f->count = 0;
        strbuf_free(&names);
        return;
    }
    f->device = makedev(s.stx_dev_major, s.stx_dev_minor);
    f->inode = s.stx_ino;
    f->names = strbuf_take(&names);
    f->entries = mem_array(f->count ? f->count : 1, sizeof *f->entries);
    const char *name = f->names;
    for (size_t i = 0; i < f->count; i++) {
        f->entries[i].kind = (uint8_t)name[0];
        f->entries[i].name = name + 1;
        name += strlen(name + 1) + 2;
    }
}

/* --- Identities: statx. --- */

static const char *link_problem(int code)
{
    switch (code) {
    case EXDEV: return "a link that leads out of its folder";
    case ENOENT: return "a link to something that does not exist";
    case ELOOP: return "a link that leads back to itself";
    default: return NULL;
    }
}

static void cannot(struct entry *en, int code)
{
    const char *text = en->link ? link_problem(code) : NULL;
    en->kind = ENTRY_FILE;
    en->problem = text ? mem_strdup(text) : mem_printf("cannot be read: %s", strerror(code));
}

static void take_stat(struct walk *w, struct entry *en, const struct statx *s)
{
    if (S_ISREG(s->stx_mode)) {
        en->kind = ENTRY_FILE;
        scan_identify(en, w, s);
    } else {
        en->kind = S_ISDIR(s->stx_mode) ? ENTRY_FOLDER : ENTRY_OTHER;
    }
}

static void resolve_link(struct walk *w, struct folder *f, struct entry *en)
{
    struct statx s;
    char *path = scan_path(f, en->name);
    en->link = true;
    int fd = scan_open(w, path, O_PATH);
    if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_WANTED, &s) < 0)
        cannot(en, errno);
    else
        take_stat(w, en, &s);
    if (fd >= 0)
        close(fd);
    free(path);
}

static void identify(struct walk *w, struct folder *f, struct entry *en)
{
    struct statx s;
    en->late = en->kind == ENTRY_LINK || en->kind == ENTRY_UNKNOWN;
    if (en->kind == ENTRY_LINK) {
        resolve_link(w, f, en);
        return;
    }
    if (en->kind != ENTRY_FILE && en->kind != ENTRY_UNKNOWN)
        return;
    if (statx(f->fd, en->name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_WANTED, &s) < 0) {
        if (errno == ENOENT)
            en->kind = ENTRY_OTHER; /* gone since it was listed */
        else
            cannot(en, errno);
    } else if (S_ISLNK(s.stx_mode)) {
        resolve_link(w, f, en);
    } else {
        take_stat(w, en, &s);
    }
}

/* --- The walk, some folders at a time. --- */

struct block {
    struct folder *folder;
    size_t begin, end;
};

struct batch {
    struct walk *walk;
    struct folder **folders;
    struct block *blocks;
};

static void list_one(void *context, size_t i)
{
    struct batch *b = context;
    list_folder(b->walk, b->folders[i]);
}

static void identify_block(void *context, size_t i)
{
    struct batch *b = context;
    const struct block *k = &b->blocks[i];
    for (size_t j = k->begin; j < k->end; j++)
        identify(b->walk, k->folder, &k->folder->entries[j]);
}

static struct folder *add_folder(struct walk *w, char *path)
{
    if (w->count == w->capacity) {
        w->capacity = w->capacity ? 2 * w->capacity : 64;
        w->folders = mem_grow(w->folders, w->capacity, sizeof *w->folders);
    }
    struct folder *f = mem_zalloc(sizeof *f);
    f->path = path;
    f->fd = -1;
    return w->folders[w->count++] = f;
}

/* Asks skip() about entries: first those whose kind the folder told, then the others. It is
 * called from this thread alone. */
static void skip_entries(struct walk *w, struct folder *f, bool late)
{
    for (size_t i = 0; w->skip && i < f->count; i++) {
        struct entry *en = &f->entries[i];
        if (en->late == late && (en->kind == ENTRY_FILE || en->kind == ENTRY_FOLDER) &&
            w->skip(en->name, en->kind == ENTRY_FOLDER, w->context)) {
            free(en->problem);
            en->problem = NULL;
            en->kind = ENTRY_SKIPPED;
        }
    }
}

/* Adds the folders in `f`, which are read in the next round. */
static void add_folders_within(struct walk *w, struct folder *f)
{
    for (size_t i = 0; i < f->count; i++) {
        struct entry *en = &f->entries[i];
        if (en->kind == ENTRY_FOLDER && !en->link)
            en->folder = add_folder(w, scan_path(f, en->name));
    }
}

static void list_batch(struct walk *w, size_t begin, size_t count)
{
    struct batch b = {.walk = w};
    size_t blocks = 0;
    b.folders = mem_array(count, sizeof *b.folders); /* add_folder() moves w->folders */
    memcpy(b.folders, w->folders + begin, count * sizeof *b.folders);
    scan_share(count, list_one, &b);
    for (size_t i = 0; i < count; i++) {
        skip_entries(w, b.folders[i], false);
        blocks += (b.folders[i]->count + BLOCK - 1) / BLOCK;
    }
    b.blocks = mem_array(blocks ? blocks : 1, sizeof *b.blocks);
    blocks = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0, n = b.folders[i]->count; at < n; at += BLOCK)
            b.blocks[blocks++] = (struct block){b.folders[i], at, at + BLOCK < n ? at + BLOCK : n};
    scan_share(blocks, identify_block, &b);
    for (size_t i = 0; i < count; i++) {
        skip_entries(w, b.folders[i], true);
        add_folders_within(w, b.folders[i]);
        if (b.folders[i]->fd >= 0)
            close(b.folders[i]->fd);
        b.folders[i]->fd = -1;
    }
    free(b.blocks);
    free(b.folders);
}

/* By the bytes of the paths beneath: a folder's name counts with its '/'. */
static int entry_order(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    size_t i = 0;
    while (x->name[i] == y->name[i] && x->name[i])
        i++;
    unsigned char p = (unsigned char)x->name[i], q = (unsigned char)y->name[i];
    if (!p && x->kind == ENTRY_FOLDER)
        p = '/';
    if (!q && y->kind == ENTRY_FOLDER)
        q = '/';
    return p < q ? -1 : p > q;
}

/* Names in a folder begin alike and differ soon after: eight bytes behind what they share settle
 * nearly every comparison (half the time of comparing names). */
struct sort_key {
    uint64_t bytes; /* big-endian */
    const struct entry *entry;
};

static size_t shared_prefix(const struct folder *f)
{
    size_t n = strlen(f->entries[0].name);
    for (size_t i = 1; i < f->count; i++)
        for (size_t k = 0; k < n; k++)
            if (f->entries[i].name[k] != f->entries[0].name[k])
                n = k;
    return n;
}

static struct sort_key sort_key(const struct entry *en, size_t skipped)
{
    struct sort_key key = {0, en};
    const char *at = en->name + skipped;
    for (int i = 0; i < 8; i++) {
        unsigned char c = (unsigned char)*at;
        bool ends = c == '\0';
        if (ends && en->kind == ENTRY_FOLDER)
            c = '/';
        key.bytes |= (uint64_t)c << (56 - 8 * i);
        if (ends)
            break;
        at++;
    }
    return key;
}

static int key_order(const void *a, const void *b)
{
    const struct sort_key *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1;
    return entry_order(x->entry, y->entry);
}

static void sort_folder(void *context, size_t i)
{
    struct folder *f = ((struct walk *)context)->folders[i];
    if (f->count < 2)
        return;
    size_t skipped = shared_prefix(f);
    struct sort_key *keys = mem_array(f->count, sizeof *keys);
    struct entry *sorted = mem_array(f->count, sizeof *sorted);
    for (size_t j = 0; j < f->count; j++)
        keys[j] = sort_key(&f->entries[j], skipped);
    qsort(keys, f->count, sizeof *keys, key_order);
    for (size_t j = 0; j < f->count; j++)
        sorted[j] = *keys[j].entry;
    free(keys);
    free(f->entries);
    f->entries = sorted;
}

/* A link to a folder is followed where that folder is not read at its own place (it was skipped
 * there, say), and by the first such link only: so every folder is read once, and no loop is. */
static void follow_link(struct walk *w, struct folder *f, struct entry *en)
{
    struct statx s;
    char *path = scan_path(f, en->name);
    int fd = scan_open(w, path, O_PATH | O_DIRECTORY);
    bool there = fd >= 0 && statx(fd, "", AT_EMPTY_PATH, STATX_INO, &s) == 0, read = false;
    if (fd >= 0)
        close(fd);
    for (size_t i = 0; there && !read && i < w->count; i++)
        read = w->folders[i]->inode == s.stx_ino &&
               w->folders[i]->device == makedev(s.stx_dev_major, s.stx_dev_minor);
    if (!there || read) {
        en->kind = ENTRY_OTHER;
        free(path);
        return;
    }
    en->folder = add_folder(w, path);
    en->folder->device = makedev(s.stx_dev_major, s.stx_dev_minor);
    en->folder->inode = s.stx_ino;
}

static void list_from(struct walk *w, size_t *done)
{
    while (*done < w->count) {
        size_t n = w->count - *done;
        n = n < FOLDERS_AT_ONCE ? n : FOLDERS_AT_ONCE;
        list_batch(w, *done, n);
        *done += n;
    }
}

struct pending_link {
    struct folder *folder;
    struct entry *entry;
    char *path;
};

static int link_order(const void *a, const void *b)
{
    const struct pending_link *x = a, *y = b;
    return strcmp(x->path, y->path);
}

/* The links to folders that wait in folders[begin…], in the order of their paths. */
static size_t pending_links(const struct walk *w, size_t begin, struct pending_link **links)
{
    size_t count = 0, capacity = 0;
    *links = NULL;
    for (size_t i = begin; i < w->count; i++) {
        for (size_t j = 0; j < w->folders[i]->count; j++) {
            struct entry *en = &w->folders[i]->entries[j];
            if (en->kind != ENTRY_FOLDER || !en->link)
                continue;
            if (count == capacity) {
                capacity = capacity ? 2 * capacity : 16;
                *links = mem_grow(*links, capacity, sizeof **links);
            }
            (*links)[count++] =
                (struct pending_link){w->folders[i], en, scan_path(w->folders[i], en->name)};
        }
    }
    if (count)
        qsort(*links, count, sizeof **links, link_order);
    return count;
}

bool scan_list(struct walk *w, struct error *e)
{
    size_t done = 0, looked_at = 0;
    add_folder(w, mem_strdup(""));
    list_from(w, &done);
    if (w->folders[0]->problem)
        return error_set(e, ERROR_SYSTEM, "%s: %s", w->shown_root, w->folders[0]->problem);
    while (looked_at < w->count) { /* links come after all real folders */
        struct pending_link *links;
        size_t count = pending_links(w, looked_at, &links);
        looked_at = w->count;
        for (size_t i = 0; i < count; i++) {
            follow_link(w, links[i].folder, links[i].entry);
            list_from(w, &done);
            free(links[i].path);
        }
        free(links);
    }
    scan_share(w->count, sort_folder, w);
    return true;
}

void scan_list_free(struct walk *w)
{
    for (size_t i = 0; i < w->count; i++) {
        struct folder *f = w->folders[i];
        for (size_t j = 0; j < f->count; j++)
            free(f->entries[j].problem);
        free(f->problem);
        free(f->records);
        free(f->entries);
        free(f->names);
        free(f->path);
        free(f);
    }
    free(w->folders);
}
