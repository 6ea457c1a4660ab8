#include "cache/attempts.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEP_DIGITS = 8 };

static char *attempts_folder(const char *keep, const char *name)
{
    return mem_printf("%s/attempts/%s", keep, name);
}

/* The number of "step-<8 digits>", or -1: a save that was not finished has another name. */
static int64_t step_of(const char *name)
{
    int64_t step;
    if (strncmp(name, "step-", 5) != 0 || strlen(name) != 5 + STEP_DIGITS ||
        strspn(name + 5, "0123456789") != STEP_DIGITS)
        return -1;
    return str_to_int(str_of(name + 5), &step) ? step : -1;
}

static int64_t newest_step(const char *folder)
{
    DIR *d = opendir(folder);
    int64_t newest = 0;
    for (struct dirent *entry; d && (entry = readdir(d));) {
        int64_t step = step_of(entry->d_name);
        newest = step > newest ? step : newest;
    }
    if (d)
        closedir(d);
    return newest;
}

static int by_key(const void *a, const void *b)
{
    return digest_compare(((const struct attempt *)a)->key, ((const struct attempt *)b)->key);
}

bool attempts_list(const char *keep, const char *name, struct attempt **attempts, size_t *count,
                   struct error *e)
{
    char *folder = attempts_folder(keep, name);
    DIR *d = opendir(folder);
    bool ok = d || errno == ENOENT;
    *attempts = NULL;
    *count = 0;
    if (!ok)
        error_errno(e, "%s", folder);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        struct attempt a = {0};
        if (!digest_from_hex(&a.key, str_of(entry->d_name)))
            continue;
        a.folder = path_join(folder, entry->d_name);
        a.step = newest_step(a.folder);
        *attempts = mem_grow(*attempts, *count + 1, sizeof **attempts);
        (*attempts)[(*count)++] = a;
    }
    if (d)
        closedir(d);
    if (*count)
        qsort(*attempts, *count, sizeof **attempts, by_key);
    free(folder);
    return ok;
}

void attempts_free(struct attempt *attempts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(attempts[i].folder);
    free(attempts);
}

/* Descriptors of the folder and of `lock` in it, both locked; false if somebody holds one. */
static bool hold(const char *folder, int fds[2])
{
    char *lock = path_join(folder, "lock");
    fds[0] = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fds[1] = open(lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    free(lock);
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0 && flock(fds[i], LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
            return false;
    return true;
}

bool attempt_remove(const char *keep, const char *name, struct digest key, bool *busy,
                    struct error *e)
{
    char hex[DIGEST_HEX], *all = attempts_folder(keep, name);
    digest_hex(key, hex);
    char *folder = path_join(all, hex), *gone = mem_printf("%s.gone", folder);
    int fds[2];
    bool ok = folder_remove(gone, e); /* what an earlier removal left */
    *busy = !hold(folder, fds);
    if (ok && !*busy && rename(folder, gone) < 0 && errno != ENOENT)
        ok = error_errno(e, "%s", folder);
    if (ok && !*busy)
        ok = folder_remove(gone, e);
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(gone);
    free(folder);
    free(all);
    return ok;
}

bool attempts_keep_only(const char *keep, const char *name, const struct digest_set *wanted,
                        struct error *e)
{
    struct attempt *attempts;
    size_t count;
    bool busy, ok = attempts_list(keep, name, &attempts, &count, e);
    for (size_t i = 0; ok && i < count; i++)
        if (!digest_set_has(wanted, attempts[i].key))
            ok = attempt_remove(keep, name, attempts[i].key, &busy, e);
    attempts_free(attempts, count);
    return ok;
}
