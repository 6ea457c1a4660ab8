#include "lorabuild/common/file_writer.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool file_writer_open(struct file_writer *w, const char *path, mode_t mode, struct error *e)
{
    char *temporary = mem_printf("%s.%ld.tmp", path, (long)getpid());
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    *w = (struct file_writer){.fd = -1};
    if (fd < 0) {
        error_errno(e, "%s", temporary);
        free(temporary);
        return false;
    }
    *w = (struct file_writer){fd, mem_strdup(path), temporary};
    return true;
}

bool file_writer_add(struct file_writer *w, const void *bytes, size_t n, struct error *e)
{
    return file_write_all(w->fd, bytes, n, w->path, e);
}

static void forget(struct file_writer *w)
{
    free(w->path);
    free(w->temporary);
    *w = (struct file_writer){.fd = -1};
}

bool file_writer_commit(struct file_writer *w, struct error *e)
{
    bool ok = fsync(w->fd) == 0 || error_errno(e, "%s", w->path);
    if (close(w->fd) < 0 && ok)
        ok = error_errno(e, "%s", w->path);
    if (ok && rename(w->temporary, w->path) < 0)
        ok = error_errno(e, "%s", w->path);
    if (!ok)
        unlink(w->temporary);
    if (ok) {
        char *folder = path_folder(w->path);
        ok = folder_sync(folder, e);
        free(folder);
    }
    forget(w);
    return ok;
}

void file_writer_discard(struct file_writer *w)
{
    if (w->fd >= 0) {
        close(w->fd);
        unlink(w->temporary);
    }
    forget(w);
}
