#include "cache/lineage.h"

#include "cache/lineage_parts.h"
#include "lorabuild/common/clock.h"
#include "lorabuild/common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_BYTES = 64 << 20 };

/* The file's text; a missing one is empty. */
static bool read_record(struct strbuf *text, const char *folder, const char *name, struct error *e)
{
    char *path = path_join(folder, name);
    bool ok = access(path, F_OK) < 0 && errno == ENOENT;
    ok = ok || file_read(text, path, MOST_BYTES, e);
    free(path);
    return ok;
}

/* Cuts the next line off `rest`; false at the end. *whole: it ended in a newline. */
static bool next_line(struct str *rest, struct str *line, bool *whole)
{
    if (!rest->size)
        return false;
    const char *end = memchr(rest->data, '\n', rest->size);
    size_t n = end ? (size_t)(end - rest->data) : rest->size;
    *line = (struct str){rest->data, n};
    *whole = end != NULL;
    rest->data += n + *whole;
    rest->size -= n + *whole;
    return true;
}

/* The next word of `line`; false unless it has `size` bytes (0: any). */
static bool next_word(struct str *line, struct str *word, size_t size)
{
    const char *space = memchr(line->data, ' ', line->size);
    size_t n = space ? (size_t)(space - line->data) : line->size;
    *word = (struct str){line->data, n};
    line->data += n + (space != NULL);
    line->size -= n + (space != NULL);
    return n > 0 && (size == 0 || n == size);
}

/* "vN DATE" at the beginning of a line. */
static bool next_dated(struct str *line, int *number, char date[static 11])
{
    struct str word, day;
    if (!next_word(line, &word, 0) || !(*number = version_number(word)) ||
        !next_word(line, &day, 10))
        return false;
    memcpy(date, day.data, 10);
    date[10] = '\0';
    return strspn(date, "0123456789-") == 10;
}

/* The file as `text` says it: replaced, or removed where there is nothing to say. */
static bool write_record(const char *folder, const char *name, struct str text, struct error *e)
{
    char *path = path_join(folder, name);
    bool ok = true;
    if (text.size)
        ok = file_replace(path, text, 0666, e);
    else if (unlink(path) == 0)
        ok = folder_sync(folder, e);
    else if (errno != ENOENT)
        ok = error_errno(e, "%s", path);
    free(path);
    return ok;
}

/* --- set-aside. --- */

static int by_number(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

bool lineage_read_set_aside(const char *folder, int **numbers, size_t *count, struct error *e)
{
    struct strbuf text = {0};
    struct str line;
    bool whole, ok = read_record(&text, folder, "set-aside", e);
    *numbers = NULL;
    *count = 0;
    for (struct str rest = strbuf_str(&text); ok && next_line(&rest, &line, &whole);) {
        int64_t number;
        if (!str_to_int(str_trim(line), &number) || number < 1 || number > INT_MAX)
            continue;
        *numbers = mem_grow(*numbers, *count + 1, sizeof **numbers);
        (*numbers)[(*count)++] = (int)number;
    }
    if (*count)
        qsort(*numbers, *count, sizeof **numbers, by_number);
    strbuf_free(&text);
    return ok;
}

bool lineage_set_aside(const char *folder, int number, bool on, struct error *e)
{
    int *numbers;
    size_t count;
    if (!lineage_read_set_aside(folder, &numbers, &count, e))
        return false;
    struct strbuf text = {0};
    bool was = false, written = !on;
    for (size_t i = 0; i < count; i++) {
        was |= numbers[i] == number;
        if (!written && numbers[i] >= number) {
            strbuf_printf(&text, "%d\n", number);
            written = true;
        }
        if (numbers[i] != number)
            strbuf_printf(&text, "%d\n", numbers[i]);
    }
    if (!written)
        strbuf_printf(&text, "%d\n", number);
    char *path = path_join(folder, "set-aside");
    bool ok = was == on || file_replace(path, strbuf_str(&text), 0666, e);
    free(path);
    strbuf_free(&text);
    free(numbers);
    return ok;
}

/* --- chosen, blocked. --- */

bool lineage_read_chosen(const char *folder, struct lineage_choice *c, struct error *e)
{
    struct strbuf text = {0};
    struct str line;
    bool whole, ok = read_record(&text, folder, "chosen", e);
    *c = (struct lineage_choice){0};
    struct str rest = strbuf_str(&text);
    if (ok &&
        (!next_line(&rest, &line, &whole) || !whole || !next_dated(&line, &c->number, c->date)))
        *c = (struct lineage_choice){0};
    strbuf_free(&text);
    return ok;
}

bool lineage_write_chosen(const char *folder, const struct lineage_choice *c, struct error *e)
{
    struct strbuf text = {0};
    if (c->number)
        strbuf_printf(&text, "v%d %s\n", c->number, c->date);
    bool ok = write_record(folder, "chosen", strbuf_str(&text), e);
    strbuf_free(&text);
    return ok;
}

bool lineage_retire_choice(const struct lineage *l, struct error *e)
{
    for (size_t i = 0; l->chosen.number && i < l->count; i++)
        if (l->versions[i].number >= l->chosen.number &&
            !lineage_set_aside(l->folder, l->versions[i].number, l->versions[i].set_aside, e))
            return false;
    return !l->chosen.number || lineage_write_chosen(l->folder, &(struct lineage_choice){0}, e);
}

bool lineage_read_blocked(const char *folder, struct lineage_block **blocks, size_t *count,
                          struct error *e)
{
    struct strbuf text = {0};
    struct str line;
    bool whole, ok = read_record(&text, folder, "blocked", e);
    *blocks = NULL;
    *count = 0;
    for (struct str rest = strbuf_str(&text); ok && next_line(&rest, &line, &whole);) {
        struct lineage_block b = {0};
        if (!whole || !next_dated(&line, &b.number, b.date))
            continue;
        b.path = mem_printf("%.*s", (int)line.size, line.data ? line.data : "");
        *blocks = mem_grow(*blocks, *count + 1, sizeof **blocks);
        (*blocks)[(*count)++] = b;
    }
    strbuf_free(&text);
    return ok;
}

bool lineage_write_blocked(const char *folder, const struct lineage_block *blocks, size_t count,
                           struct error *e)
{
    struct strbuf text = {0}, before = {0};
    for (size_t i = 0; i < count; i++) {
        strbuf_printf(&text, "v%d %s ", blocks[i].number, blocks[i].date);
        strbuf_add_shown(&text, str_of(blocks[i].path));
        strbuf_add_byte(&text, '\n');
    }
    bool ok = read_record(&before, folder, "blocked", e) &&
              (str_equal(strbuf_str(&before), strbuf_str(&text)) ||
               write_record(folder, "blocked", strbuf_str(&text), e));
    strbuf_free(&before);
    strbuf_free(&text);
    return ok;
}

void lineage_blocked_free(struct lineage_block *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(blocks[i].path);
    free(blocks);
}

/* --- history. --- */

static bool append(int fd, struct str line, const char *path, struct error *e)
{
    struct strbuf text = {0};
    struct stat s;
    char last = '\n';
    if (fstat(fd, &s) < 0 || (s.st_size > 0 && pread(fd, &last, 1, s.st_size - 1) != 1))
        return error_errno(e, "%s", path);
    if (last != '\n')
        strbuf_add_byte(&text, '\n'); /* a line that a crash tore stays alone */
    strbuf_add_str(&text, line);
    bool ok = file_write_all(fd, text.data, text.size, path, e) &&
              (fsync(fd) == 0 || error_errno(e, "%s", path));
    strbuf_free(&text);
    return ok;
}

struct lineage_event lineage_event_now(int number, struct digest want_key)
{
    struct lineage_event event = {.number = number, .want_key = want_key};
    time_t now = time(NULL);
    struct tm t;
    localtime_r(&now, &t);
    clock_day(now, event.date);
    strftime(event.time, sizeof event.time, "%H:%M:%S", &t);
    return event;
}

bool lineage_history_append(const char *folder, const struct lineage_event *event, struct error *e)
{
    struct strbuf line = {0};
    char hex[DIGEST_HEX], *path = path_join(folder, "history");
    digest_hex(event->want_key, hex);
    strbuf_printf(&line, "v%d %s %s %s %s\n", event->number, event->date, event->time, hex,
                  event->tar_sha256);
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    bool ok = fd >= 0 ? append(fd, strbuf_str(&line), path, e) : error_errno(e, "%s", path);
    if (fd >= 0)
        close(fd);
    strbuf_free(&line);
    free(path);
    return ok && folder_sync(folder, e);
}

static bool read_event(struct lineage_event *event, struct str line)
{
    struct str word, date, time, key, sha;
    *event = (struct lineage_event){0};
    if (!next_word(&line, &word, 0) || !next_word(&line, &date, 10) ||
        !next_word(&line, &time, 8) || !next_word(&line, &key, DIGEST_HEX - 1) ||
        !next_word(&line, &sha, SHA256_HEX - 1) || line.size > 0)
        return false;
    memcpy(event->date, date.data, date.size);
    memcpy(event->time, time.data, time.size);
    memcpy(event->tar_sha256, sha.data, sha.size);
    event->number = version_number(word);
    return event->number > 0 && digest_from_hex(&event->want_key, key) &&
           strspn(event->date, "0123456789-") == 10 && strspn(event->time, "0123456789:") == 8 &&
           strspn(event->tar_sha256, "0123456789abcdef") == sha.size;
}

bool lineage_history_read(const char *folder, struct lineage_event **events, size_t *count,
                          struct error *e)
{
    struct strbuf text = {0};
    struct str line;
    bool whole, ok = read_record(&text, folder, "history", e);
    *events = NULL;
    *count = 0;
    for (struct str rest = strbuf_str(&text); ok && next_line(&rest, &line, &whole);) {
        struct lineage_event event;
        if (!whole || !read_event(&event, line))
            continue;
        *events = mem_grow(*events, *count + 1, sizeof **events);
        (*events)[(*count)++] = event;
    }
    strbuf_free(&text);
    return ok;
}
