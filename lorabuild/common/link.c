#include "lorabuild/common/link.h"

#include "lorabuild/common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_beneath(int root_fd, const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd;
    do
        fd = syscall(SYS_openat2, root_fd, path[0] ? path : ".", &how, sizeof how);
    while (fd < 0 && (errno == EINTR || errno == EAGAIN));
    return (int)fd;
}

static bool real_path(int fd, char path[PATH_MAX])
{
    char name[40];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(name, path, PATH_MAX - 1);
    path[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* The folder within the walls beneath which `end` lies, or NULL. */
static const char *folder_within(const struct link_walls *w, const char *end)
{
    if (w->own && path_is_beneath(end, w->own))
        return w->own;
    if (w->clients && path_is_beneath(end, w->clients))
        return NULL;
    for (size_t i = 0; i < w->open_count; i++)
        if (path_is_beneath(end, w->open[i]))
            return w->open[i];
    return NULL;
}

static int open_within(const struct link_walls *w, const char *end, int flags)
{
    const char *folder = w ? folder_within(w, end) : NULL;
    if (!folder) {
        errno = EXDEV;
        return -1;
    }
    int above = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (above < 0)
        return -1;
    const char *rest = strcmp(end, folder) == 0 ? "." : path_behind(end, folder);
    int fd = open_beneath(above, rest, flags), code = errno;
    close(above);
    errno = code;
    return fd;
}

/* The kernel refuses absolute links and those that leave the root on their way, even where they
 * end beneath it. So where a link ends is found by O_PATH, which reads nothing, and that path is
 * then opened from a folder that may be read. */
static int open_where_it_ends(int root_fd, const char *path, int flags, const struct link_walls *w)
{
    char root[PATH_MAX], end[PATH_MAX];
    int found = openat(root_fd, path, O_PATH | O_CLOEXEC);
    if (found < 0)
        return -1;
    bool known = real_path(root_fd, root) && real_path(found, end) && strcmp(root, end) != 0;
    close(found);
    if (!known) {
        errno = EXDEV;
        return -1;
    }
    if (path_is_beneath(end, root))
        return open_beneath(root_fd, path_behind(end, root), flags);
    return open_within(w, end, flags);
}

int link_open(int root_fd, const char *path, int flags, const struct link_walls *walls)
{
    int fd = open_beneath(root_fd, path, flags);
    return fd >= 0 || errno != EXDEV ? fd : open_where_it_ends(root_fd, path, flags, walls);
}
