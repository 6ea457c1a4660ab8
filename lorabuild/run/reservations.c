#include "lorabuild/run/reservations.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- The decision. --- */

/* Granted and not yet taken: the system still counts it as free. */
static uint64_t unclaimed(const struct reservation_entry *r)
{
    return r->granted && r->bytes > r->used_bytes ? r->bytes - r->used_bytes : 0;
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* Who is in the way: of another process rather than of our own, then by what it holds. */
static void choose_holder(struct reservation_answer *a, const struct reservation_entry *r, long own)
{
    const struct reservation_entry *h = &a->holder;
    bool foreign = r->process != own, better = foreign != (h->process != own) ? foreign
                                               : a->state == RESERVATION_TURN ? r->place < h->place
                                               : a->state == RESERVATION_MEMORY
                                                   ? r->bytes > h->bytes
                                                   : r->threads > h->threads;
    if (!a->has_holder || better)
        a->holder = *r;
    a->has_holder = true;
}

void reservation_decide(struct reservation_answer *a, const struct reservation_entry *others,
                        size_t count, uint64_t place, long own, const struct reservation_need *n,
                        const struct reservation_limits *l)
{
    uint64_t bytes = l->free_bytes, own_bytes = l->own_bytes ? l->own_bytes : UINT64_MAX;
    int threads = l->processors > l->own_threads ? l->processors : l->own_threads;
    int own_threads = l->own_threads;
    bool earlier = false;
    for (size_t i = 0; i < count; i++) {
        const struct reservation_entry *r = &others[i];
        earlier = earlier || (!r->granted && r->place < place);
        bytes = less(bytes, unclaimed(r));
        threads -= r->granted ? r->threads : 0;
        own_threads -= r->granted && r->process == own ? r->threads : 0;
        if (r->granted && r->process == own)
            own_bytes = less(own_bytes, r->bytes);
    }
    bytes = bytes < own_bytes ? bytes : own_bytes;
    threads = threads < own_threads ? threads : own_threads;
    *a = (struct reservation_answer){.bytes = bytes < n->wanted_bytes ? bytes : n->wanted_bytes,
                                     .threads = threads < n->threads ? threads : n->threads};
    a->state = earlier                  ? RESERVATION_TURN
               : bytes < n->least_bytes ? RESERVATION_MEMORY
               : threads < 1            ? RESERVATION_THREADS
                                        : RESERVATION_GRANTED;
    if (a->state == RESERVATION_GRANTED)
        return;
    a->bytes = bytes;
    a->threads = threads > 0 ? threads : 0;
    for (size_t i = 0; i < count; i++)
        if (a->state == RESERVATION_TURN ? !others[i].granted && others[i].place < place
                                         : others[i].granted)
            choose_holder(a, &others[i], own);
}

/* --- The files. --- */

static char *folder_of_account(void)
{
    const char *temporary = getenv("TMPDIR");
    if (!temporary || temporary[0] != '/')
        temporary = "/tmp";
    return mem_printf("%s/lorabuild-%ld", temporary, (long)getuid());
}

/* A folder of that name that is not ours alone may have been laid there for us. */
static bool make_folder(const char *folder, struct error *e)
{
    struct stat s;
    if (mkdir(folder, 0700) < 0 && errno != EEXIST)
        return error_errno(e, _("%s, where trainings agree on memory (TMPDIR says where)"), folder);
    if (lstat(folder, &s) < 0)
        return error_errno(e, "%s", folder);
    if (!S_ISDIR(s.st_mode) || s.st_uid != getuid())
        return error_set(e, ERROR_SYSTEM,
                         _("%s is not yours; remove it, or set TMPDIR to a folder of your own"),
                         folder);
    return (s.st_mode & 0777) == 0700 || chmod(folder, 0700) == 0 || error_errno(e, "%s", folder);
}

/* Held only while one looks and decides, by processes that do nothing else meanwhile. */
static int enter_gate(const char *folder, struct error *e)
{
    char *path = path_join(folder, "gate");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    while (fd >= 0 && flock(fd, LOCK_EX) < 0)
        if (errno != EINTR) {
            close(fd);
            fd = -1;
        }
    if (fd < 0)
        error_errno(e, "%s", path);
    free(path);
    return fd;
}

static bool write_record(const struct reservation *r, const char *state, long child)
{
    char record[RESERVATION_RECORD + 1];
    int n = snprintf(record, sizeof record, "%ld %.200s\n%s %" PRIu64 " %d %ld\n", (long)getpid(),
                     r->name, state, r->bytes, r->threads, child);
    memset(record + n, ' ', (size_t)(RESERVATION_RECORD - n));
    record[RESERVATION_RECORD - 1] = '\n';
    return pwrite(r->fd, record, RESERVATION_RECORD, 0) == RESERVATION_RECORD;
}

/* What a process holds of memory that is not a file's: of mapped weights nothing is held back. */
static uint64_t memory_of(long process)
{
    char *path = mem_printf("/proc/%ld/status", process);
    struct strbuf text = {0};
    const char *line = process > 0 && file_read(&text, path, 1 << 16, NULL) && text.size
                           ? strstr(text.data, "RssAnon:")
                           : NULL;
    uint64_t kilobytes = line ? strtoull(line + 8, NULL, 10) : 0;
    strbuf_free(&text);
    free(path);
    return kilobytes * 1024;
}

/* A torn or foreign record counts as one that waits for nothing and holds nothing. */
static bool read_record(int fd, struct reservation_entry *r)
{
    char text[RESERVATION_RECORD + 1], *rest;
    ssize_t n = pread(fd, text, RESERVATION_RECORD, 0);
    text[n > 0 ? n : 0] = '\0';
    char *end = strchr(text, '\n');
    r->process = strtol(text, &rest, 10);
    if (!end || *rest != ' ' || rest > end)
        return false;
    struct strbuf shown = {0};
    strbuf_add_shown(&shown, (struct str){rest + 1, (size_t)(end - rest - 1)});
    snprintf(r->name, sizeof r->name, "%s", shown.size ? shown.data : "");
    strbuf_free(&shown);
    r->granted = strncmp(end + 1, "granted ", 8) == 0;
    if (!r->granted)
        return strncmp(end + 1, "waiting ", 8) == 0;
    r->bytes = strtoull(end + 9, &rest, 10);
    r->threads = (int)strtol(rest, &rest, 10);
    r->used_bytes = memory_of(strtol(rest, &rest, 10));
    return true;
}

static bool is_job(const char *name, uint64_t *place)
{
    char *rest;
    *place = strtoull(name, &rest, 10);
    return rest == name + 8 && strcmp(rest, ".job") == 0 && *place > 0;
}

/* All that live, `but` one's own; called within the gate. The caller frees *list. */
static bool list_entries(const char *folder, uint64_t but, struct reservation_entry **list,
                         size_t *count, struct error *e)
{
    struct dirent *entry;
    DIR *d = opendir(folder);
    *list = NULL;
    *count = 0;
    if (!d)
        return error_errno(e, "%s", folder);
    while ((entry = readdir(d))) {
        struct reservation_entry r = {0};
        if (!is_job(entry->d_name, &r.place) || r.place == but)
            continue;
        int fd = openat(dirfd(d), entry->d_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
            continue;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            unlinkat(dirfd(d), entry->d_name, 0); /* its process is gone */
        } else if (read_record(fd, &r)) {
            *list = mem_grow(*list, *count + 1, sizeof **list);
            (*list)[(*count)++] = r;
        }
        close(fd);
    }
    closedir(d);
    return true;
}

/* --- One's own. --- */

static bool make_file(struct reservation *r, const char *folder, struct error *e)
{
    r->path = mem_printf("%s/%08" PRIu64 ".job", folder, r->place);
    r->fd = open(r->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return (r->fd >= 0 && flock(r->fd, LOCK_EX | LOCK_NB) == 0 && write_record(r, "waiting", 0)) ||
           error_errno(e, "%s", r->path);
}

bool reservation_queue(struct reservation *r, const char *name, struct error *e)
{
    char *folder = folder_of_account();
    struct reservation_entry *list = NULL;
    size_t count = 0;
    int gate = -1;
    *r = (struct reservation){.fd = -1, .place = 1, .name = mem_strdup(name)};
    bool ok = make_folder(folder, e) && (gate = enter_gate(folder, e)) >= 0 &&
              list_entries(folder, 0, &list, &count, e);
    for (size_t i = 0; ok && i < count; i++)
        r->place = list[i].place >= r->place ? list[i].place + 1 : r->place;
    ok = ok && make_file(r, folder, e);
    if (gate >= 0)
        close(gate);
    if (!ok)
        reservation_give_back(r);
    free(list);
    free(folder);
    return ok;
}

bool reservation_try(struct reservation *r, const struct reservation_need *n,
                     const struct reservation_limits *l, struct reservation_answer *a,
                     struct error *e)
{
    char *folder = path_folder(r->path);
    struct reservation_entry *list = NULL;
    size_t count = 0;
    int gate = enter_gate(folder, e);
    bool ok = gate >= 0 && list_entries(folder, r->place, &list, &count, e);
    if (ok)
        reservation_decide(a, list, count, r->place, (long)getpid(), n, l);
    if (ok && a->state == RESERVATION_GRANTED) {
        r->bytes = a->bytes;
        r->threads = a->threads;
        ok = write_record(r, "granted", 0) || error_errno(e, "%s", r->path);
    }
    if (gate >= 0)
        close(gate);
    free(list);
    free(folder);
    return ok;
}

void reservation_tell_child(struct reservation *r, pid_t child)
{
    if (r->fd >= 0 && !write_record(r, "granted", (long)child))
        errno = 0; /* then its memory counts twice, on the safe side */
}

void reservation_give_back(struct reservation *r)
{
    if (r->fd >= 0) {
        unlink(r->path);
        close(r->fd);
    }
    free(r->path);
    free(r->name);
    *r = (struct reservation){.fd = -1};
}

uint64_t reservation_capacity(uint64_t free_bytes)
{
    char *folder = folder_of_account();
    struct reservation_entry *list = NULL;
    size_t count = 0;
    int gate = -1;
    if (access(folder, F_OK) == 0 && make_folder(folder, NULL) &&
        (gate = enter_gate(folder, NULL)) >= 0 && list_entries(folder, 0, &list, &count, NULL))
        for (size_t i = 0; i < count; i++)
            free_bytes += list[i].used_bytes;
    if (gate >= 0)
        close(gate);
    free(list);
    free(folder);
    return free_bytes;
}
