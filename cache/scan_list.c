#include "cache/scan_parts.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/threads.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
    FOLDERS_AT_ONCE = 128, /* descriptors held */
    BLOCK = 256,           /* entries of a large folder that a thread takes at a time */
    SMALL = 4096,          /* entries of a folder that one thread looks at alone */
    SETTLED_S = 2
};

#define STATX_WANTED (STATX_TYPE | STATX_MODE | STATX_INO | STATX_SIZE | STATX_MTIME | STATX_CTIME)

int scan_open(const struct walk *w, const char *path, int flags)
{
    return link_open(w->root, path, flags, w->walls);
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
    en->link = true;
    int fd = scan_open(w, scan_entry_path(f, en), O_PATH);
    if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_WANTED, &s) < 0)
        cannot(en, errno);
    else
        take_stat(w, en, &s);
    if (fd >= 0)
        close(fd);
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

static bool open_folder(struct walk *w, struct folder *f)
{
    struct statx s;
    f->fd = scan_open(w, f->path, O_RDONLY | O_DIRECTORY);
    if (f->fd < 0 || statx(f->fd, "", AT_EMPTY_PATH, STATX_INO, &s) < 0)
        return false;
    f->device = makedev(s.stx_dev_major, s.stx_dev_minor);
    f->inode = s.stx_ino;
    return scan_read_names(f);
}

struct block {
    struct folder *folder;
    size_t begin, end;
};

struct batch {
    struct walk *walk;
    struct folder **folders;
    struct block *blocks;
};

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

/* Adds the folders in `f`, which are read in the next round. */
static void add_folders_within(struct walk *w, struct folder *f)
{
    for (size_t i = 0; i < f->count; i++) {
        struct entry *en = &f->entries[i];
        if (en->kind == ENTRY_FOLDER && !en->link)
            en->folder = add_folder(w, mem_strdup(scan_entry_path(f, en)));
    }
}

/* Asks skip() about entries: first those whose kind the folder told, then the others. */
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

/* All entries have been looked at. One that only now proved to be a folder moves. */
static void finish_folder(struct walk *w, struct folder *f)
{
    bool moved = false;
    for (size_t i = 0; i < f->count; i++)
        moved |= f->entries[i].late && f->entries[i].kind == ENTRY_FOLDER;
    if (moved)
        qsort(f->entries, f->count, sizeof *f->entries, scan_entry_order);
    skip_entries(w, f, true);
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

/* Lists a folder; a small one is finished by the thread that has its names at hand. */
static void list_one(void *context, size_t i)
{
    struct batch *b = context;
    struct folder *f = b->folders[i];
    if (!open_folder(b->walk, f)) {
        f->problem = mem_printf("a folder that cannot be listed: %s", strerror(errno));
        f->count = 0;
    }
    skip_entries(b->walk, f, false);
    if (f->count > SMALL)
        return;
    for (size_t j = 0; j < f->count; j++)
        identify(b->walk, f, &f->entries[j]);
    finish_folder(b->walk, f);
}

static void identify_block(void *context, size_t i)
{
    struct batch *b = context;
    const struct block *k = &b->blocks[i];
    for (size_t j = k->begin; j < k->end; j++)
        identify(b->walk, k->folder, &k->folder->entries[j]);
}

/* The entries of large folders, shared out in blocks. */
static void identify_large(struct batch *b, size_t count)
{
    size_t blocks = 0, capacity = 0;
    for (size_t i = 0; i < count; i++)
        if (b->folders[i]->count > SMALL)
            capacity += (b->folders[i]->count + BLOCK - 1) / BLOCK;
    if (!capacity)
        return;
    b->blocks = mem_array(capacity, sizeof *b->blocks);
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0, n = b->folders[i]->count; n > SMALL && at < n; at += BLOCK)
            b->blocks[blocks++] =
                (struct block){b->folders[i], at, at + BLOCK < n ? at + BLOCK : n};
    scan_share(blocks, identify_block, b);
    for (size_t i = 0; i < count; i++)
        if (b->folders[i]->count > SMALL)
            finish_folder(b->walk, b->folders[i]);
    free(b->blocks);
}

static void list_batch(struct walk *w, size_t begin, size_t count)
{
    struct batch b = {.walk = w};
    b.folders = mem_array(count, sizeof *b.folders); /* add_folder() moves w->folders */
    memcpy(b.folders, w->folders + begin, count * sizeof *b.folders);
    scan_share(count, list_one, &b);
    identify_large(&b, count);
    for (size_t i = 0; i < count; i++)
        add_folders_within(w, b.folders[i]);
    free(b.folders);
}

/* A link to a folder is followed where that folder is not read at its own place (it was skipped
 * there, say), and by the first such link only: so every folder is read once, and no loop is. */
static void follow_link(struct walk *w, struct folder *f, struct entry *en)
{
    struct statx s;
    const char *path = scan_entry_path(f, en);
    int fd = scan_open(w, path, O_PATH | O_DIRECTORY);
    bool there = fd >= 0 && statx(fd, "", AT_EMPTY_PATH, STATX_INO, &s) == 0, read = false;
    if (fd >= 0)
        close(fd);
    for (size_t i = 0; there && !read && i < w->count; i++)
        read = w->folders[i]->inode == s.stx_ino &&
               w->folders[i]->device == makedev(s.stx_dev_major, s.stx_dev_minor);
    if (!there || read) {
        en->kind = ENTRY_OTHER;
        return;
    }
    en->folder = add_folder(w, mem_strdup(path));
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
    const char *path;
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
                (struct pending_link){w->folders[i], en, scan_entry_path(w->folders[i], en)};
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
        }
        free(links);
    }
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
