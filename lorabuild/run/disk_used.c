#include "lorabuild/run/disk_used.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Takes the descriptor. */
static uint64_t used_beneath(int fd)
{
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    uint64_t bytes = 0;
    if (!d) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    for (struct dirent *entry; (entry = readdir(d));) {
        struct stat s;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            fstatat(fd, entry->d_name, &s, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        bytes += (uint64_t)s.st_blocks * 512;
        if (S_ISDIR(s.st_mode))
            bytes += used_beneath(
                openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    }
    closedir(d);
    return bytes;
}

static uint64_t used(const char *folder)
{
    return used_beneath(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

uint64_t disk_used(const struct project *p)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < p->scope_count; i++)
        bytes += used(p->scopes[i].cache) + used(p->scopes[i].keep);
    for (size_t i = 0; i < p->rules->adapter_count; i++)
        bytes += used(p->rules->adapters[i].output);
    return bytes;
}
