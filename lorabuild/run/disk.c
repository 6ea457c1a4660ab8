#include "lorabuild/run/disk.h"

#include "lorabuild/common/memory.h"
#include "lorabuild/common/threads.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* What lies directly in a folder, and the names of the folders in it. */
struct listing {
    int fd;
    uint64_t bytes;
    char **folders;
    uint64_t *used; /* beneath each of these */
    size_t count;
};

static void list(struct listing *l, DIR *d)
{
    for (struct dirent *entry; (entry = readdir(d));) {
        struct stat s;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            fstatat(l->fd, entry->d_name, &s, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        l->bytes += (uint64_t)s.st_blocks * 512;
        if (!S_ISDIR(s.st_mode))
            continue;
        l->folders = mem_grow(l->folders, l->count + 1, sizeof *l->folders);
        l->folders[l->count++] = mem_strdup(entry->d_name);
    }
}

static uint64_t used_beneath(int fd, bool shared_out);

static void measure_some(void *context, size_t begin, size_t end)
{
    struct listing *l = context;
    for (size_t i = begin; i < end; i++)
        l->used[i] = used_beneath(openat(l->fd, l->folders[i], FOLDER), false);
}

/* Takes the descriptor. `shared_out`: the folders in it are measured on all processors, for an
 * adapter may have a thousand versions. */
static uint64_t used_beneath(int fd, bool shared_out)
{
    enum { GRAIN = 32 };
    struct listing l = {.fd = fd};
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    list(&l, d);
    l.used = mem_array(l.count, sizeof *l.used);
    if (shared_out)
        threads_for(l.count, GRAIN, measure_some, &l);
    else
        measure_some(&l, 0, l.count);
    for (size_t i = 0; i < l.count; i++) {
        l.bytes += l.used[i];
        free(l.folders[i]);
    }
    free(l.folders);
    free(l.used);
    closedir(d);
    return l.bytes;
}

static uint64_t used(const char *folder)
{
    return used_beneath(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), true);
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
