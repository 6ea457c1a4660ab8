#include "cache/lock.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define ENDED UINT64_MAX

/* When a process was started, in the kernel's ticks: with its number it names one process for as
 * long as the machine runs. ENDED: it only waits to be buried; 0: that cannot be known. */
static uint64_t started_at(long process)
{
    enum { FIELDS_AFTER_NAME = 20 }; /* its name may hold anything, but ends at the last ')' */
    char *path = mem_printf("/proc/%ld/stat", process);
    struct strbuf text = {0};
    uint64_t ticks = 0;
    bool known = file_read(&text, path, 4096, NULL) && text.size;
    const char *at = known ? strrchr(text.data, ')') : NULL;
    bool ended = at && (strncmp(at, ") Z", 3) == 0 || strncmp(at, ") X", 3) == 0);
    for (int i = 0; at && i < FIELDS_AFTER_NAME; i++)
        at = strchr(at + 1, ' ');
    if (at)
        ticks = ended ? ENDED : strtoull(at + 1, NULL, 10);
    strbuf_free(&text);
    free(path);
    return ticks;
}

static bool is_running(long process, uint64_t started)
{
    if (kill((pid_t)process, 0) < 0 && errno != EPERM)
        return false;
    uint64_t now = started_at(process);
    return !now || !started || now == started;
}

static bool write_record(int fd, const char *what, const char *doing)
{
    char record[LOCK_RECORD + 1];
    int n = snprintf(record, sizeof record, "%ld %.200s\n%" PRIu64 "\n%.150s\n", (long)getpid(),
                     what, started_at((long)getpid()), doing);
    memset(record + n, ' ', (size_t)(LOCK_RECORD - n));
    record[LOCK_RECORD - 1] = '\n';
    return pwrite(fd, record, LOCK_RECORD, 0) == LOCK_RECORD;
}

static void take_shown(char *to, size_t room, struct str line)
{
    struct strbuf shown = {0};
    strbuf_add_shown(&shown, line);
    snprintf(to, room, "%s", shown.size ? shown.data : "");
    strbuf_free(&shown);
}

/* The next line of a record, without its end. */
static struct str next_line(struct str *text)
{
    const char *end = memchr(text->data, '\n', text->size);
    size_t n = end ? (size_t)(end - text->data) : text->size;
    struct str line = {text->data, n};
    text->data += end ? n + 1 : n;
    text->size -= end ? n + 1 : n;
    return line;
}

static bool read_record(int fd, struct lock_holder *h)
{
    char bytes[LOCK_RECORD];
    ssize_t n = pread(fd, bytes, sizeof bytes, 0);
    struct str text = {bytes, n > 0 ? (size_t)n : 0}, first = next_line(&text);
    struct str second = next_line(&text), third = next_line(&text);
    const char *space = first.size ? memchr(first.data, ' ', first.size) : NULL;
    int64_t process = 0, started = 0;
    *h = (struct lock_holder){0};
    if (!space || !str_to_int((struct str){first.data, (size_t)(space - first.data)}, &process) ||
        process <= 0 || !str_to_int(second, &started))
        return false;
    h->process = (long)process;
    take_shown(h->name, sizeof h->name,
               (struct str){space + 1, first.size - (size_t)(space + 1 - first.data)});
    take_shown(h->doing, sizeof h->doing, str_trim(third));
    if (!is_running(h->process, (uint64_t)started))
        *h = (struct lock_holder){0};
    return h->process != 0;
}

static void tell_holder(int fd, void (*waiting)(void *, const char *), void *context)
{
    struct lock_holder h;
    char holder[320];
    if (read_record(fd, &h))
        snprintf(holder, sizeof holder, "%ld %s", h.process, h.name);
    waiting(context, h.process ? holder : "another process");
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
        if (write_record(fd, what, ""))
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

void lock_note(int lock, const char *what, const char *doing)
{
    if (lock >= 0 && !write_record(lock, what, doing))
        errno = 0; /* it is only told to whoever looks */
}

void lock_release(int lock)
{
    if (lock < 0)
        return;
    if (ftruncate(lock, 0) < 0)
        errno = 0; /* the next holder writes over it */
    close(lock);
}

bool lock_look(const char *path, struct lock_holder *h)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    *h = (struct lock_holder){0};
    if (fd < 0)
        return false;
    bool held = read_record(fd, h);
    close(fd);
    return held;
}
