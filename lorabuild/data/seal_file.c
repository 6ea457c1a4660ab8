#include "lorabuild/data/seal_file.h"

#include "lorabuild/common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_BYTES ((size_t)64 << 30)

char *seal_source_path(const char *keep, enum document_kind kind, struct digest source)
{
    static const char *const suffixes[] = {"txt", "md", "jsonl"};
    char hex[DIGEST_HEX];
    digest_hex(source, hex);
    return mem_printf("%s/seals/%.2s/%s-%d.%s", keep, hex, hex, SAMPLE_EXTRACTOR, suffixes[kind]);
}

char *seal_dataset_path(const char *keep, struct digest key)
{
    char hex[DIGEST_HEX];
    digest_hex(key, hex);
    return mem_printf("%s/datasets/%s", keep, hex);
}

/* Gives what was made beneath a client's keep folder to the folder's owner, whoever runs this.
 * Where that is not allowed it is not needed: then the runner is the owner. */
static void give(const char *path, const struct stat *like, mode_t mode)
{
    struct stat s;
    if (lstat(path, &s) < 0)
        return;
    if (s.st_uid != like->st_uid || s.st_gid != like->st_gid) {
        int ignored = lchown(path, like->st_uid, like->st_gid);
        (void)ignored;
    }
    chmod(path, mode);
}

/* The folder that `path` stands in, and the one above it: both beneath keep. */
static bool make_folders(const char *path, const struct stat *like, struct error *e)
{
    char *folder = path_folder(path), *above = path_folder(folder);
    bool ok = folder_make(folder, like->st_mode & 0777, e);
    if (ok)
        give(folder, like, like->st_mode & 07777);
    struct stat s;
    if (ok && stat(above, &s) == 0 && s.st_ino != like->st_ino)
        give(above, like, like->st_mode & 07777);
    free(folder);
    free(above);
    return ok;
}

/* As give(), of a file just made: usually nothing is left to do. */
static void give_file(int fd, const struct stat *like)
{
    struct stat s;
    if (fstat(fd, &s) < 0)
        return;
    if (s.st_uid != like->st_uid || s.st_gid != like->st_gid) {
        int ignored = fchown(fd, like->st_uid, like->st_gid);
        (void)ignored;
    }
    if ((s.st_mode & 07777) != (like->st_mode & 0666))
        fchmod(fd, like->st_mode & 0666);
}

static int create(const char *temporary, const struct stat *like, struct error *e)
{
    int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
    int fd = open(temporary, flags, like->st_mode & 0666);
    if (fd < 0 && errno == ENOENT) {
        if (!make_folders(temporary, like, e))
            return -1;
        fd = open(temporary, flags, like->st_mode & 0666);
    }
    if (fd < 0)
        error_errno(e, "%s", temporary);
    else
        give_file(fd, like);
    return fd;
}

bool seal_file_write(const char *keep, const char *path, struct str bytes, struct error *e)
{
    struct stat like;
    if (stat(keep, &like) < 0)
        return error_errno(e, "%s", keep);
    char *temporary = mem_printf("%s.%ld.tmp", path, (long)getpid());
    bool ok = false;
    int fd = create(temporary, &like, e);
    if (fd < 0)
        goto out;
    ok = file_write_all(fd, bytes.data, bytes.size, path, e);
    if (close(fd) < 0 && ok)
        ok = error_errno(e, "%s", path);
    if (ok && rename(temporary, path) < 0)
        ok = error_errno(e, "%s", path);
    if (!ok)
        unlink(temporary);
out:
    free(temporary);
    return ok;
}

bool seal_file_damaged(const char *path, struct error *e)
{
    unlink(path);
    return error_set(e, ERROR_INPUT, "%s: damaged, and removed; the next run makes it again", path);
}

bool seal_file_newer(const char *path, struct error *e)
{
    return error_set(e, ERROR_INPUT, "%s: written by a newer lorabuild", path);
}

bool seal_file_open(struct unpacker *u, struct arena *a, const char *path,
                    const char magic[static 8], uint32_t version, struct error *e)
{
    struct strbuf text = {0};
    if (!file_read(&text, path, MOST_BYTES, e)) {
        strbuf_free(&text);
        return false;
    }
    struct str bytes = {arena_strndup(a, text.data ? text.data : "", text.size), text.size};
    strbuf_free(&text);
    enum packed_state state = packed_open(u, bytes, magic, version);
    if (state == PACKED_NEWER)
        return seal_file_newer(path, e);
    return state == PACKED_WHOLE || seal_file_damaged(path, e);
}
