#include "lorabuild/formats/archive.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/formats/tar_stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The tar is read twice: once to check every entry, once to write what was checked. Both passes
 * must see the same bytes. */
enum { MOST_ENTRIES = 1000000, MOST_NAME = 4096 };

struct item {
    char *name; /* beneath the prefix */
    bool is_folder;
};

struct unpacker {
    const char *path, *folder;
    uint64_t most_bytes, bytes; /* of content: allowed, and seen */
    struct tar_reader in;
    struct archive *tar;
    char *prefix; /* with its slash */
    struct item *items;
    size_t count, capacity;
    const char *wanted; /* archive_read_entry(): this entry's content */
    struct strbuf *content;
    size_t most_content;
    bool found;
    struct error e;
};

static la_ssize_t give_tar(struct archive *tar, void *context, const void **bytes)
{
    struct unpacker *u = context;
    size_t n = 0;
    (void)tar;
    return tar_reader_next(&u->in, bytes, &n, &u->e) ? (la_ssize_t)n : -1;
}

/* libarchive's reason, unless give_tar() has told a better one. */
static bool complain(struct unpacker *u)
{
    const char *why = archive_error_string(u->tar);
    return !u->e.kind &&
           error_set(&u->e, ERROR_INPUT, "%s: %s", u->path, why ? why : "not a valid tar");
}

static bool refuse(struct unpacker *u, const char *name, const char *why)
{
    struct strbuf shown = {0};
    strbuf_add_shown(&shown, str_of(name));
    error_set(&u->e, ERROR_INPUT, "%s: entry '%.300s' %s; nothing was unpacked", u->path,
              shown.data ? shown.data : "", why);
    strbuf_free(&shown);
    return false;
}

static const char *name_of(struct archive_entry *entry)
{
    const char *name = archive_entry_pathname(entry);
    if (!name)
        name = archive_entry_pathname_utf8(entry);
    return name ? name : "";
}

/* Every part is a plain name. A folder's trailing slash is allowed. */
static bool is_plain_name(const char *name)
{
    size_t size = strlen(name);
    if (size == 0 || size > MOST_NAME)
        return false;
    while (*name) {
        size_t n = strcspn(name, "/");
        if (n == 0 || (n == 1 && name[0] == '.') || (n == 2 && name[0] == '.' && name[1] == '.'))
            return false;
        name += n;
        name += *name == '/';
    }
    return true;
}

/* What stands behind the prefix that the first entry sets, or NULL. */
static const char *inner_name(struct unpacker *u, const char *name, bool is_folder)
{
    const char *slash = strchr(name, '/');
    if (!slash && !is_folder)
        return NULL;
    size_t n = slash ? (size_t)(slash - name) : strlen(name);
    if (!u->prefix)
        u->prefix = mem_printf("%.*s/", (int)n, name);
    if (strncmp(u->prefix, name, n) != 0 || u->prefix[n] != '/')
        return NULL;
    return slash ? slash + 1 : name + n;
}

static void add_item(struct unpacker *u, const char *inner, bool is_folder)
{
    if (u->count == u->capacity) {
        u->capacity = 2 * u->capacity + 16;
        u->items = mem_grow(u->items, u->capacity, sizeof *u->items);
    }
    size_t n = strlen(inner);
    n -= n && inner[n - 1] == '/';
    u->items[u->count++] = (struct item){mem_printf("%.*s", (int)n, inner), is_folder};
}

/* The content, and an entry's headers, long name and padding, and some room. */
static uint64_t most_tar_bytes(const struct unpacker *u)
{
    uint64_t frame = (uint64_t)u->count * 2 * MOST_NAME + (1 << 20);
    return u->most_bytes > UINT64_MAX - frame ? UINT64_MAX : u->most_bytes + frame;
}

/* The content of the entry that was asked for. */
static bool take_content(struct unpacker *u, const char *name, int64_t size)
{
    char block[1 << 14];
    if ((uint64_t)size > u->most_content)
        return refuse(u, name, "is larger than is allowed here");
    while (size) {
        la_ssize_t n = archive_read_data(u->tar, block, sizeof block);
        if (n <= 0 || n > size)
            return complain(u);
        strbuf_add(u->content, block, (size_t)n);
        size -= n;
    }
    return u->found = true;
}

static bool check_entry(struct unpacker *u, struct archive_entry *entry)
{
    const char *name = name_of(entry), *inner;
    bool is_folder = archive_entry_filetype(entry) == AE_IFDIR;
    int64_t size = is_folder ? 0 : archive_entry_size(entry);
    if (archive_entry_hardlink(entry) || archive_entry_symlink(entry))
        return refuse(u, name, "is a link");
    if (!is_folder && archive_entry_filetype(entry) != AE_IFREG)
        return refuse(u, name, "is neither a plain file nor a folder");
    if (!is_plain_name(name))
        return refuse(u, name, name[0] == '/' ? "has an absolute name" : "has an unsafe name");
    inner = inner_name(u, name, is_folder);
    if (!inner)
        return refuse(u, name, "does not lie in the folder that the others lie in");
    if (size < 0 || (uint64_t)size > u->most_bytes - u->bytes)
        return refuse(u, name, "makes the content larger than is allowed here");
    if (u->count == MOST_ENTRIES)
        return refuse(u, name, "is one of too many");
    u->bytes += (uint64_t)size;
    add_item(u, inner, is_folder);
    u->in.most = most_tar_bytes(u);
    return !u->wanted || is_folder || strcmp(inner, u->wanted) != 0 || take_content(u, name, size);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct item *)a)->name, ((const struct item *)b)->name);
}

/* No name twice, and no file where another entry needs a folder. */
static bool check_names(struct unpacker *u)
{
    qsort(u->items, u->count, sizeof *u->items, by_name);
    for (size_t i = 0; i < u->count; i++) {
        char *name = u->items[i].name;
        if (i && strcmp(name, u->items[i - 1].name) == 0)
            return refuse(u, name, "is there twice");
        for (char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
            *slash = '\0';
            const struct item *parent = bsearch(&u->items[i], u->items, i, sizeof *parent, by_name);
            *slash = '/';
            if (parent && !parent->is_folder)
                return refuse(u, name, "lies beneath another entry that is a file");
        }
    }
    return true;
}

static bool write_content(struct unpacker *u, int fd, const char *path, int64_t size)
{
    char block[1 << 16];
    while (size) {
        la_ssize_t n = archive_read_data(u->tar, block, sizeof block);
        if (n < 0)
            return complain(u);
        if (n == 0 || n > size)
            return error_set(&u->e, ERROR_INPUT, "%s: changed while it was unpacked", u->path);
        if (!file_write_all(fd, block, (size_t)n, path, &u->e))
            return false;
        size -= n;
    }
    return true;
}

static bool write_file(struct unpacker *u, struct archive_entry *entry, const char *path)
{
    char *parent = path_folder(path);
    bool ok = folder_make(parent, 0777, &u->e);
    free(parent);
    if (!ok)
        return false;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return error_errno(&u->e, "%s", path);
    ok = write_content(u, fd, path, archive_entry_size(entry));
    if (close(fd) < 0 && ok)
        ok = error_errno(&u->e, "%s", path);
    return ok;
}

/* The entry's name is checked again: the file may have changed between the passes. */
static bool write_entry(struct unpacker *u, struct archive_entry *entry)
{
    const char *name = name_of(entry);
    bool is_folder = archive_entry_filetype(entry) == AE_IFDIR;
    const char *inner = is_plain_name(name) ? inner_name(u, name, is_folder) : NULL;
    if (!inner || (!is_folder && archive_entry_filetype(entry) != AE_IFREG))
        return error_set(&u->e, ERROR_INPUT, "%s: changed while it was unpacked", u->path);
    char *path = path_join(u->folder, inner);
    bool ok = is_folder ? folder_make(path, 0777, &u->e) : write_file(u, entry, path);
    free(path);
    return ok;
}

static bool each_entry(struct unpacker *u,
                       bool visit(struct unpacker *u, struct archive_entry *entry))
{
    struct archive_entry *entry;
    const void *bytes;
    size_t n = 1;
    int result = ARCHIVE_OK;
    bool ok = (archive_read_support_format_tar(u->tar) == ARCHIVE_OK &&
               archive_read_open(u->tar, u, NULL, give_tar, NULL) == ARCHIVE_OK) ||
              complain(u);
    while (ok && (result = archive_read_next_header(u->tar, &entry)) != ARCHIVE_EOF)
        ok = (result == ARCHIVE_OK || result == ARCHIVE_WARN) ? visit(u, entry) : complain(u);
    while (ok && n) /* what stands behind the last entry is part of the digest */
        ok = tar_reader_next(&u->in, &bytes, &n, &u->e);
    return ok;
}

static bool pass(struct unpacker *u, bool visit(struct unpacker *u, struct archive_entry *entry),
                 char sha256[static SHA256_HEX])
{
    if (!tar_reader_open(&u->in, u->path, &u->e))
        return false;
    u->in.most = most_tar_bytes(u); /* in the second pass, that of all entries */
    u->tar = archive_read_new();
    bool ok = each_entry(u, visit);
    archive_read_free(u->tar);
    tar_reader_close(&u->in, sha256);
    return ok;
}

static bool write_all(struct unpacker *u, const char sha256[static SHA256_HEX])
{
    char again[SHA256_HEX];
    if (mkdir(u->folder, 0777) < 0)
        return error_errno(&u->e, "%s", u->folder);
    bool ok = pass(u, write_entry, again);
    if (ok && strcmp(again, sha256) != 0)
        ok = error_set(&u->e, ERROR_INPUT, "%s: changed while it was unpacked", u->path);
    ok = ok && folder_sync_all(u->folder, &u->e);
    if (!ok)
        folder_remove(u->folder, NULL);
    return ok;
}

static bool check_all(struct unpacker *u, char sha256[static SHA256_HEX])
{
    return pass(u, check_entry, sha256) &&
           (u->count || error_set(&u->e, ERROR_INPUT, "%s: holds no file", u->path)) &&
           check_names(u);
}

static bool end(struct unpacker *u, bool ok, struct error *e)
{
    for (size_t i = 0; i < u->count; i++)
        free(u->items[i].name);
    free(u->items);
    free(u->prefix);
    if (!ok && e)
        *e = u->e;
    return ok;
}

bool archive_unpack(const char *path, const char *folder, uint64_t most_bytes,
                    char tar_sha256[static SHA256_HEX], struct error *e)
{
    struct unpacker u = {.path = path, .folder = folder, .most_bytes = most_bytes};
    return end(&u, check_all(&u, tar_sha256) && write_all(&u, tar_sha256), e);
}

bool archive_read_entry(const char *path, const char *name, size_t most_content,
                        uint64_t most_bytes, struct strbuf *content, uint64_t *bytes,
                        struct error *e)
{
    struct unpacker u = {.path = path,
                         .most_bytes = most_bytes,
                         .wanted = name,
                         .content = content,
                         .most_content = most_content};
    char unused[SHA256_HEX];
    bool ok = check_all(&u, unused);
    *bytes = u.bytes;
    if (ok && !u.found)
        ok = error_set(&u.e, ERROR_INPUT, "%s: holds no %s", path, name);
    return end(&u, ok, e);
}

bool archive_look(const char *path, uint64_t most_bytes, const char *name, struct strbuf *content,
                  char tar_sha256[static SHA256_HEX], struct error *e)
{
    struct unpacker u = {.path = path,
                         .most_bytes = most_bytes,
                         .wanted = name,
                         .content = content,
                         .most_content = 1 << 26};
    bool ok = check_all(&u, tar_sha256);
    if (ok && !u.found)
        ok = error_set(&u.e, ERROR_INPUT, "%s: holds no %s", path, name);
    return end(&u, ok, e);
}
