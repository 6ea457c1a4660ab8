#include "lorabuild/formats/archive.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/formats/tar_stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODE = 0644 };

struct names {
    char **items;
    size_t count, capacity;
};

static void add_name(struct names *n, char *name)
{
    if (n->count == n->capacity) {
        n->capacity = 2 * n->capacity + 16;
        n->items = mem_grow(n->items, n->capacity, sizeof *n->items);
    }
    n->items[n->count++] = name;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool list_files(struct names *names, const char *root, const char *inner, struct error *e);

static bool list_entry(struct names *names, const char *root, char *inner, struct error *e)
{
    struct stat s;
    char *path = path_join(root, inner);
    bool ok = lstat(path, &s) == 0 || error_errno(e, "%s", path);
    if (ok && S_ISREG(s.st_mode))
        add_name(names, mem_strdup(inner));
    else if (ok && S_ISDIR(s.st_mode))
        ok = list_files(names, root, inner, e);
    else if (ok)
        ok = error_set(e, ERROR_INPUT, "%s: neither a plain file nor a folder; not packed", path);
    free(path);
    free(inner);
    return ok;
}

/* The plain files beneath root/inner, named relative to `root`. */
static bool list_files(struct names *names, const char *root, const char *inner, struct error *e)
{
    char *path = path_join(root, inner);
    DIR *d = opendir(*path ? path : ".");
    bool ok = d || error_errno(e, "%s", path);
    struct dirent *entry;
    while (ok && (errno = 0, entry = readdir(d)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            ok = list_entry(names, root, path_join(inner, entry->d_name), e);
    if (ok && errno)
        ok = error_errno(e, "%s", path);
    if (d)
        closedir(d);
    free(path);
    return ok;
}

struct packer {
    struct tar_writer out;
    struct archive *tar;
    const char *path;
    struct error e;
};

static la_ssize_t take_tar(struct archive *tar, void *context, const void *bytes, size_t n)
{
    struct packer *p = context;
    (void)tar; /* after a failure libarchive still tries to write the end: nothing is taken */
    return !p->e.kind && tar_writer_add(&p->out, bytes, n, &p->e) ? (la_ssize_t)n : -1;
}

/* libarchive's reason, unless take_tar() has told a better one. */
static bool complain(struct packer *p)
{
    const char *why = archive_error_string(p->tar);
    return !p->e.kind &&
           error_set(&p->e, ERROR_SYSTEM, "%s: %s", p->path, why ? why : "cannot be packed");
}

static bool pack_header(struct packer *p, const char *name, off_t size)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_copy_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, MODE);
    archive_entry_set_size(entry, size);
    archive_entry_set_mtime(entry, 0, 0);
    archive_entry_set_uid(entry, 0);
    archive_entry_set_gid(entry, 0);
    bool ok = archive_write_header(p->tar, entry) == ARCHIVE_OK || complain(p);
    archive_entry_free(entry);
    return ok;
}

static bool pack_content(struct packer *p, int fd, const char *path, uint64_t left)
{
    char block[1 << 16];
    while (left) {
        ssize_t n = read(fd, block, left < sizeof block ? (size_t)left : sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(&p->e, "%s", path);
        if (n == 0)
            return error_set(&p->e, ERROR_INPUT, "%s: became shorter while it was packed", path);
        if (archive_write_data(p->tar, block, (size_t)n) != n)
            return complain(p);
        left -= (uint64_t)n;
    }
    return true;
}

static bool pack_file(struct packer *p, const char *path, const char *name)
{
    struct stat s;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return error_errno(&p->e, "%s", path);
    bool ok = fstat(fd, &s) == 0 || error_errno(&p->e, "%s", path);
    if (ok && !S_ISREG(s.st_mode))
        ok = error_set(&p->e, ERROR_INPUT, "%s: no plain file any more", path);
    ok = ok && pack_header(p, name, s.st_size) && pack_content(p, fd, path, (uint64_t)s.st_size);
    close(fd);
    return ok;
}

static bool pack_files(struct packer *p, const struct names *names, const char *folder,
                       const char *prefix)
{
    p->tar = archive_write_new();
    bool ok = (archive_write_set_format_gnutar(p->tar) == ARCHIVE_OK &&
               archive_write_add_filter_none(p->tar) == ARCHIVE_OK &&
               archive_write_set_bytes_in_last_block(p->tar, 1) == ARCHIVE_OK &&
               archive_write_open(p->tar, p, NULL, take_tar, NULL) == ARCHIVE_OK) ||
              complain(p);
    for (size_t i = 0; i < names->count && ok; i++) {
        char *path = path_join(folder, names->items[i]);
        char *name = mem_printf("%s/%s", prefix, names->items[i]);
        ok = pack_file(p, path, name);
        free(name);
        free(path);
    }
    if (ok && archive_write_close(p->tar) != ARCHIVE_OK)
        ok = complain(p);
    archive_write_free(p->tar);
    return ok;
}

bool archive_pack(const char *path, const char *folder, const char *prefix,
                  char tar_sha256[static SHA256_HEX], struct error *e)
{
    struct packer p = {.path = path};
    struct names names = {0};
    bool ok = list_files(&names, folder, "", &p.e);
    if (names.count)
        qsort(names.items, names.count, sizeof *names.items, by_text);
    if (ok && tar_writer_open(&p.out, path, &p.e)) {
        ok = pack_files(&p, &names, folder, prefix);
        ok = tar_writer_close(&p.out, ok, tar_sha256, &p.e);
    } else {
        ok = false;
    }
    for (size_t i = 0; i < names.count; i++)
        free(names.items[i]);
    free(names.items);
    if (!ok && e)
        *e = p.e;
    return ok;
}
