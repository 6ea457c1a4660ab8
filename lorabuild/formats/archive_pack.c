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

static void add_file(struct archive_list *l, struct archive_file file)
{
    if (l->count == l->capacity) {
        l->capacity = 2 * l->capacity + 16;
        l->files = mem_grow(l->files, l->capacity, sizeof *l->files);
    }
    l->files[l->count++] = file;
}

void archive_list_file(struct archive_list *l, const char *name, const char *path)
{
    add_file(l, (struct archive_file){.name = mem_strdup(name), .path = mem_strdup(path)});
}

void archive_list_bytes(struct archive_list *l, const char *name, struct str bytes)
{
    add_file(l, (struct archive_file){.name = mem_strdup(name), .bytes = bytes});
}

void archive_list_free(struct archive_list *l)
{
    for (size_t i = 0; i < l->count; i++) {
        free(l->files[i].path);
        free(l->files[i].name);
    }
    free(l->files);
    *l = (struct archive_list){0};
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct archive_file *)a)->name, ((const struct archive_file *)b)->name);
}

static bool list_files(struct archive_list *l, const char *root, const char *inner,
                       struct error *e);

static bool list_entry(struct archive_list *l, const char *root, char *inner, struct error *e)
{
    struct stat s;
    char *path = path_join(root, inner);
    bool ok = lstat(path, &s) == 0 || error_errno(e, "%s", path);
    if (ok && S_ISREG(s.st_mode))
        archive_list_file(l, inner, path);
    else if (ok && S_ISDIR(s.st_mode))
        ok = list_files(l, root, inner, e);
    else if (ok)
        ok = error_set(e, ERROR_INPUT, "%s: neither a plain file nor a folder; not packed", path);
    free(path);
    free(inner);
    return ok;
}

/* The plain files beneath root/inner, named relative to `root`. */
static bool list_files(struct archive_list *l, const char *root, const char *inner, struct error *e)
{
    char *path = path_join(root, inner);
    DIR *d = opendir(*path ? path : ".");
    bool ok = d || error_errno(e, "%s", path);
    struct dirent *entry;
    while (ok && (errno = 0, entry = readdir(d)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            ok = list_entry(l, root, path_join(inner, entry->d_name), e);
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

static bool pack_bytes(struct packer *p, struct str bytes, const char *name)
{
    return pack_header(p, name, (off_t)bytes.size) &&
           (archive_write_data(p->tar, bytes.data, bytes.size) == (la_ssize_t)bytes.size ||
            complain(p));
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

static bool pack_files(struct packer *p, const struct archive_list *l, const char *prefix)
{
    p->tar = archive_write_new();
    bool ok = (archive_write_set_format_gnutar(p->tar) == ARCHIVE_OK &&
               archive_write_add_filter_none(p->tar) == ARCHIVE_OK &&
               archive_write_set_bytes_in_last_block(p->tar, 1) == ARCHIVE_OK &&
               archive_write_open(p->tar, p, NULL, take_tar, NULL) == ARCHIVE_OK) ||
              complain(p);
    for (size_t i = 0; i < l->count && ok; i++) {
        const struct archive_file *f = &l->files[i];
        char *name = mem_printf("%s/%s", prefix, f->name);
        ok = f->path ? pack_file(p, f->path, name) : pack_bytes(p, f->bytes, name);
        free(name);
    }
    if (ok && archive_write_close(p->tar) != ARCHIVE_OK)
        ok = complain(p);
    archive_write_free(p->tar);
    return ok;
}

bool archive_pack_list(const char *path, struct archive_list *l, const char *prefix,
                       char tar_sha256[static SHA256_HEX], struct error *e)
{
    struct packer p = {.path = path};
    if (l->count)
        qsort(l->files, l->count, sizeof *l->files, by_name);
    bool ok = tar_writer_open(&p.out, path, &p.e);
    if (ok) {
        ok = pack_files(&p, l, prefix);
        ok = tar_writer_close(&p.out, ok, tar_sha256, &p.e);
    }
    if (!ok && e)
        *e = p.e;
    return ok;
}

bool archive_pack(const char *path, const char *folder, const char *prefix,
                  char tar_sha256[static SHA256_HEX], struct error *e)
{
    struct archive_list list = {0};
    bool ok =
        list_files(&list, folder, "", e) && archive_pack_list(path, &list, prefix, tar_sha256, e);
    archive_list_free(&list);
    return ok;
}
