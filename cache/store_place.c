#include "cache/store_place.h"

#include "cache/store_check.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <unistd.h>

#define LARGEST_COPY ((off_t)256 << 20)

/* f_type of file systems whose other end another machine may write to, from their kernel
 * sources; FUSE because sshfs and its kin hide behind it. */
static const struct {
    unsigned long type;
    const char *name;
} not_local[] = {
    {0x6969, "NFS"},      {0xFF534D42, "SMB"},  {0xFE534D42, "SMB"},    {0x517B, "SMB"},
    {0x01021997, "9p"},   {0x00C36400, "Ceph"}, {0x0BD00BD0, "Lustre"}, {0x5346414F, "AFS"},
    {0x6B414653, "AFS"},  {0x47504653, "GPFS"}, {0x19830326, "BeeGFS"}, {0x7461636F, "OCFS2"},
    {0x01161970, "GFS2"}, {0x73757245, "Coda"}, {0x65735546, "FUSE"},
};

/* `path`, or the nearest folder above it that exists. Caller frees. */
static char *existing(const char *path)
{
    char *found = path_clean(path);
    while (faccessat(AT_FDCWD, found, F_OK, 0) < 0 && strcmp(found, "/") != 0 &&
           strcmp(found, ".") != 0) {
        char *above = path_folder(found);
        free(found);
        found = above;
    }
    return found;
}

bool store_is_local(const char *folder, struct error *e)
{
    struct statfs s = {0};
    char *path = existing(folder);
    if (statfs(path, &s) < 0)
        s.f_type = 0; /* whoever opens it next says why */
    free(path);
    for (size_t i = 0; i < sizeof not_local / sizeof *not_local; i++)
        if (not_local[i].type == ((unsigned long)s.f_type & 0xFFFFFFFF))
            return error_set(e, ERROR_INPUT,
                             "%s: lies on a network file system (%s), where a store cannot be kept "
                             "safely; set LORABUILD_STORE to a folder on a disk of this machine",
                             folder, not_local[i].name);
    return true;
}

static bool may_write(const char *folder)
{
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    bool may = faccessat(AT_FDCWD, folder, R_OK | W_OK | X_OK, AT_EACCESS) == 0;
    for (int i = 0; i < 2 && may; i++) {
        char *path = path_join(folder, names[i]);
        may = faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) == 0 || errno == ENOENT;
        free(path);
    }
    return may;
}

static bool make_folder(const char *folder, const struct stat *like, struct error *e)
{
    if (!folder_make(folder, 0777, e))
        return false;
    if (!like)
        return true;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool ok = fd >= 0 && (fchown(fd, like->st_uid, like->st_gid) == 0 || errno == EPERM) &&
              fchmod(fd, (like->st_mode & 0777) | 0700) == 0;
    if (!ok)
        error_errno(e, "%s", folder);
    if (fd >= 0)
        close(fd);
    return ok;
}

bool store_make_folder(const char *folder, const struct stat *like, bool *writable, struct error *e)
{
    char *there = existing(folder), *clean = path_clean(folder);
    bool missing = strcmp(there, clean) != 0;
    *writable =
        missing ? faccessat(AT_FDCWD, there, W_OK | X_OK, AT_EACCESS) == 0 : may_write(folder);
    free(clean);
    free(there);
    return !missing || !*writable || make_folder(folder, like, e);
}

bool store_can_lock(const char *folder)
{
    char *data = path_join(folder, "data.mdb"), *lock = path_join(folder, "lock.mdb");
    bool can = faccessat(AT_FDCWD, data, R_OK, AT_EACCESS) == 0 &&
               faccessat(AT_FDCWD, lock, R_OK | W_OK, AT_EACCESS) == 0;
    free(lock);
    free(data);
    return can;
}

/* The number of the newest commit, which tells whether a writer was at work meanwhile. */
static bool newest_commit(int fd, uint64_t *number)
{
    struct store_meta metas[2];
    if (!store_check_metas(fd, metas))
        return false;
    *number = metas[metas[0].transaction < metas[1].transaction].transaction;
    return metas[0].page_bytes > 0;
}

static bool copy_file(int from, int to)
{
    struct stat s;
    off_t at = 0;
    if (fstat(from, &s) < 0 || !S_ISREG(s.st_mode) || s.st_size > LARGEST_COPY ||
        ftruncate(to, 0) < 0 || lseek(to, 0, SEEK_SET) < 0)
        return false;
    while (at < s.st_size) {
        ssize_t n = sendfile(to, from, &at, (size_t)(s.st_size - at));
        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
    }
    return true;
}

int store_private_copy(const char *folder)
{
    char *path = path_join(folder, "data.mdb");
    int from = open(path, O_RDONLY | O_CLOEXEC), to = -1;
    free(path);
    if (from < 0)
        return -1;
    bool still = false;
    to = memfd_create("store", MFD_CLOEXEC);
    for (int tries = 0; to >= 0 && !still && tries < 5; tries++) {
        uint64_t before = 0, after;
        bool known = newest_commit(from, &before);
        if (!copy_file(from, to))
            break;
        /* A damaged file is copied too: whoever opens the copy finds the damage and says so. */
        still = !known || (newest_commit(from, &after) && before == after);
    }
    close(from);
    if (to >= 0 && !still) {
        close(to);
        to = -1;
    }
    return to;
}
