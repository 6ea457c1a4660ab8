#include "lorabuild/common/file_copy.h"

#include "lorabuild/common/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool copy_bytes(int in, int out, const char *from, const char *to, struct error *e)
{
    char block[1 << 16];
    for (;;) {
        ssize_t n = read(in, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(e, "%s", from);
        if (n == 0)
            return fsync(out) == 0 || error_errno(e, "%s", to);
        if (!file_write_all(out, block, (size_t)n, to, e))
            return false;
    }
}

bool file_copy(const char *from, const char *to, struct error *e)
{
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), out;
    struct stat s;
    if (in < 0)
        return error_errno(e, "%s", from);
    bool ok = fstat(in, &s) == 0 || error_errno(e, "%s", from);
    if (ok && !S_ISREG(s.st_mode))
        ok = error_set(e, ERROR_INPUT, "%s: no plain file", from);
    if (!ok)
        goto out_in;
    out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (out < 0) {
        ok = error_errno(e, "%s", to);
        goto out_in;
    }
    ok = copy_bytes(in, out, from, to, e);
    if (close(out) < 0 && ok)
        ok = error_errno(e, "%s", to);
    if (!ok)
        unlink(to);
out_in:
    close(in);
    return ok;
}

static bool copy_inner(const char *from, const char *to, struct error *e)
{
    DIR *d = opendir(from);
    bool ok = d || error_errno(e, "%s", from);
    struct dirent *entry;
    while (ok && (errno = 0, entry = readdir(d))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *a = path_join(from, entry->d_name), *b = path_join(to, entry->d_name);
        struct stat s;
        bool folder = lstat(a, &s) == 0 && S_ISDIR(s.st_mode);
        ok = folder ? folder_copy(a, b, e) : file_copy(a, b, e);
        free(b);
        free(a);
    }
    if (ok && errno)
        ok = error_errno(e, "%s", from);
    if (d)
        closedir(d);
    return ok;
}

bool folder_copy(const char *from, const char *to, struct error *e)
{
    if (mkdir(to, 0777) < 0)
        return error_errno(e, "%s", to);
    bool ok = copy_inner(from, to, e) && folder_sync(to, e);
    if (!ok)
        folder_remove(to, NULL);
    return ok;
}
