/* scratch: a folder for one test, and files in it. */
#ifndef LORABUILD_TESTS_SCRATCH_H
#define LORABUILD_TESTS_SCRATCH_H

#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct scratch {
    char path[64];
};

static inline struct scratch scratch_make(void)
{
    struct scratch s;
    snprintf(s.path, sizeof s.path, "/tmp/lorabuild-cache-XXXXXX");
    if (!mkdtemp(s.path))
        abort();
    return s;
}

static inline void scratch_remove(struct scratch *s)
{
    folder_remove(s->path, NULL);
}

/* "<scratch>/<name>", valid for the next few calls. */
static inline const char *at(const struct scratch *s, const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", s->path, name);
    return path;
}

static inline void put_file(const char *path, const char *text)
{
    char *folder = path_folder(path);
    folder_make(folder, 0777, NULL);
    free(folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        abort();
    close(fd);
}

static inline void set_time(const char *path, time_t seconds, long nanoseconds)
{
    struct timespec t[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
    if (utimensat(AT_FDCWD, path, t, AT_SYMLINK_NOFOLLOW) < 0)
        abort();
}

/* Until what was touched last counts as settled. */
static inline void wait_settled(void)
{
    nanosleep(&(struct timespec){2, 50000000}, NULL);
}

#endif
