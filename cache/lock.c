#include "cache/lock.h"

#include "lorabuild/common/memory.h"
#include "lorabuild/common/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* What the holder wrote, fit for showing; the caller's. NULL where it has written nothing yet. */
static char *read_holder(int fd)
{
    char text[200];
    ssize_t n = pread(fd, text, sizeof text, 0);
    struct strbuf shown = {0};
    strbuf_add_shown(&shown, str_trim((struct str){text, n > 0 ? (size_t)n : 0}));
    char *holder = shown.size ? mem_strdup(shown.data) : NULL;
    strbuf_free(&shown);
    return holder;
}

static void tell_holder(int fd, void (*waiting)(void *, const char *), void *context)
{
    char *holder = read_holder(fd);
    waiting(context, holder ? holder : "another process");
    free(holder);
}

static bool take(int fd, bool wait)
{
    int code;
    do
        code = flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB);
    while (code < 0 && errno == EINTR && !wait);
    return code == 0;
}

int lock_take(const char *path, const char *what, bool wait,
              void (*waiting)(void *context, const char *holder), void *context, struct error *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) {
        error_errno(e, "%s", path);
        return -1;
    }
    bool taken = take(fd, false);
    if (!taken && errno == EWOULDBLOCK && wait) {
        if (waiting)
            tell_holder(fd, waiting, context);
        taken = take(fd, true);
    }
    if (taken) {
        char text[200];
        int n = snprintf(text, sizeof text, "%ld %s\n", (long)getpid(), what);
        n = n < (int)sizeof text ? n : (int)sizeof text - 1;
        if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) == n)
            return fd;
        error_errno(e, "%s", path);
    } else if (errno == EWOULDBLOCK) {
        if (e)
            *e = (struct error){.kind = ERROR_NONE};
    } else if (errno == EINTR) {
        error_set(e, ERROR_INTERRUPTED, "interrupted while waiting for %s", path);
    } else {
        error_errno(e, "%s", path);
    }
    close(fd);
    return -1;
}

void lock_release(int lock)
{
    if (lock < 0)
        return;
    if (ftruncate(lock, 0) < 0)
        errno = 0; /* the next holder writes over it */
    close(lock);
}

char *lock_holder(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return NULL;
    bool taken = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    char *holder = taken ? read_holder(fd) : NULL;
    close(fd);
    return holder;
}
