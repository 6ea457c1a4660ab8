#include "lorabuild/run/disk.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

struct place {
    bool known;
    dev_t device;
    uint64_t free_bytes;
};

/* Of the folder, or of the nearest one above it that exists. */
static struct place look(const char *folder)
{
    char *path = mem_strdup(folder);
    struct stat s;
    struct statvfs v;
    struct place p = {0};
    while (stat(path, &s) < 0 && strcmp(path, "/") != 0 && strcmp(path, ".") != 0) {
        char *above = path_folder(path);
        free(path);
        path = above;
    }
    if (stat(path, &s) == 0 && statvfs(path, &v) == 0)
        p = (struct place){true, s.st_dev, (uint64_t)v.f_bavail * v.f_frsize};
    free(path);
    return p;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

bool disk_has_room(const struct disk_need *n, struct disk_room *r)
{
    struct place keep = look(n->keep), adapters = look(n->adapters);
    bool together = keep.device == adapters.device;
    uint64_t at_end = n->save_bytes + n->version_bytes * (together ? 2 : 1);
    uint64_t needed = larger(2 * n->save_bytes, at_end) - (n->saved ? n->save_bytes : 0);
    *r = (struct disk_room){n->keep, needed, keep.free_bytes};
    if (!keep.known || !adapters.known || needed > keep.free_bytes || together)
        return !keep.known || needed <= keep.free_bytes;
    if (n->version_bytes > adapters.free_bytes)
        *r = (struct disk_room){n->adapters, n->version_bytes, adapters.free_bytes};
    return n->version_bytes <= adapters.free_bytes;
}

bool disk_check(const struct disk_need *n, struct error *e)
{
    struct disk_room r;
    char needed[24], room[24], missing[24];
    if (disk_has_room(n, &r))
        return true;
    return error_set(e, ERROR_LIMIT, _("needs %s on %s, %s free: free %s or set a smaller rank"),
                     disk_words(r.needed_bytes, needed), r.folder, disk_words(r.free_bytes, room),
                     disk_words(r.needed_bytes - r.free_bytes, missing));
}

const char *disk_words(uint64_t bytes, char text[static 24])
{
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    double n = (double)bytes / 1e3;
    size_t unit = 0;
    while (n >= 999.5 && unit < 3) {
        n /= 1e3;
        unit++;
    }
    snprintf(text, 24, n < 9.95 && unit ? "%.1f %s" : "%.0f %s", bytes && n < 1 ? 1.0 : n,
             units[unit]);
    return text;
}
