#include "cache/lineage_remove.h"

#include "cache/lineage_parts.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORD_MOST_BYTES = 64 << 20 };

static int by_number(const void *a, const void *b)
{
    const int *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Calls `each` for the archives of versions and the digests beside them. */
static bool each_archive(const char *folder, const char *name, const int *numbers, size_t count,
                         bool (*each)(void *context, const char *path, struct error *e),
                         void *context, struct error *e)
{
    DIR *d = opendir(folder);
    bool ok = d || errno == ENOENT || error_errno(e, "%s", folder);
    for (struct dirent *entry; ok && d && (entry = readdir(d));) {
        struct str file = str_of(entry->d_name);
        char *archive =
            str_ends(file, ".tar.sha256")
                ? mem_printf("%.*s.tar.zst", (int)(file.size - strlen(".tar.sha256")), file.data)
                : mem_strdup(entry->d_name);
        int number = archive_number(archive, name, NULL);
        if (bsearch(&number, numbers, count, sizeof number, by_number)) {
            char *path = path_join(folder, entry->d_name);
            ok = each(context, path, e);
            free(path);
        }
        free(archive);
    }
    if (d)
        closedir(d);
    return ok;
}

static bool remove_file(void *context, const char *path, struct error *e)
{
    (void)context;
    return unlink(path) == 0 || errno == ENOENT || error_errno(e, "%s", path);
}

static bool count_file(void *context, const char *path, struct error *e)
{
    (void)e;
    uint64_t *sums = context; /* bytes, archives */
    sums[0] += tree_bytes(path);
    sums[1] += str_ends(str_of(path), ".tar.zst");
    return true;
}

uint64_t tree_bytes(const char *path)
{
    struct stat s;
    uint64_t bytes = 0;
    if (lstat(path, &s) < 0)
        return 0;
    if (!S_ISDIR(s.st_mode))
        return (uint64_t)s.st_size;
    DIR *d = opendir(path);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *inner = path_join(path, entry->d_name);
        bytes += tree_bytes(inner);
        free(inner);
    }
    if (d)
        closedir(d);
    return bytes;
}

uint64_t lineage_bytes_of(const char *folder, const char *name, const int *numbers, size_t count,
                          size_t *archives)
{
    uint64_t sums[2] = {0, 0};
    if (count)
        each_archive(folder, name, numbers, count, count_file, sums, NULL);
    for (size_t i = 0; i < count; i++) {
        char *version = mem_printf("%s/v%d", folder, numbers[i]);
        sums[0] += tree_bytes(version);
        free(version);
    }
    *archives = (size_t)sums[1];
    return sums[0];
}

uint64_t lineage_bytes(const char *folder, const char *name, int number, size_t *archives)
{
    return lineage_bytes_of(folder, name, &number, 1, archives);
}

/* --- Records, rewritten without what names the version. --- */

/* `line` as it shall stand, added to `b`; nothing: it goes. */
typedef void rewrite_line(struct strbuf *b, struct str line, int number);

static bool names_version(struct str line, int number)
{
    const char *space = memchr(line.data, ' ', line.size);
    return version_number(
               (struct str){line.data, space ? (size_t)(space - line.data) : line.size}) == number;
}

/* "v3 2026-11-26 09:40:00 0…0 0…0" */
static void redact_history(struct strbuf *b, struct str line, int number)
{
    size_t words = 0, n = 0;
    bool mine = names_version(line, number);
    for (; mine && n < line.size && words < 3; n++)
        words += line.data[n] == ' ';
    if (!mine) {
        strbuf_add_str(b, line);
    } else if (words == 3) {
        strbuf_add(b, line.data, n);
        strbuf_printf(b, "%0*d %0*d", DIGEST_HEX - 1, 0, SHA256_HEX - 1, 0);
    }
    strbuf_add_byte(b, '\n');
}

static void leave_out(struct strbuf *b, struct str line, int number)
{
    if (names_version(line, number))
        return;
    strbuf_add_str(b, line);
    strbuf_add_byte(b, '\n');
}

static bool rewrite_record(const char *folder, const char *name, int number, rewrite_line *change,
                           struct error *e)
{
    struct strbuf text = {0}, changed = {0};
    char *path = path_join(folder, name);
    bool there = access(path, F_OK) == 0 || errno != ENOENT;
    bool ok = !there || file_read(&text, path, RECORD_MOST_BYTES, e);
    for (struct str rest = strbuf_str(&text); rest.size;) {
        const char *end = memchr(rest.data, '\n', rest.size);
        size_t n = end ? (size_t)(end - rest.data) : rest.size;
        change(&changed, (struct str){rest.data, n}, number);
        rest = (struct str){rest.data + n + (end != NULL), rest.size - n - (end != NULL)};
    }
    if (ok && there && !changed.size)
        ok = remove_file(NULL, path, e);
    else if (ok && there && !str_equal(strbuf_str(&text), strbuf_str(&changed)))
        ok = file_replace(path, strbuf_str(&changed), 0666, e);
    strbuf_free(&changed);
    strbuf_free(&text);
    free(path);
    return ok;
}

static bool leave_use(const char *folder, int number, struct error *e)
{
    char *record = path_join(folder, "CURRENT"), *link = path_join(folder, "current");
    bool ok = (lineage_linked_current(folder) != number || remove_file(NULL, link, e)) &&
              (lineage_recorded_current(folder) != number || remove_file(NULL, record, e));
    free(link);
    free(record);
    return ok;
}

static bool erase_records(const char *folder, int number, struct error *e)
{
    return leave_use(folder, number, e) && lineage_set_aside(folder, number, false, e) &&
           rewrite_record(folder, "history", number, redact_history, e) &&
           rewrite_record(folder, "chosen", number, leave_out, e) &&
           rewrite_record(folder, "blocked", number, leave_out, e);
}

bool lineage_remove(const char *folder, const char *name, int number, bool erase, struct error *e)
{
    char *version = mem_printf("%s/v%d", folder, number);
    char *gone = mem_printf("%s/.v%d.gone", folder, number);
    bool ok = true;
    if (!erase &&
        (lineage_recorded_current(folder) == number || lineage_linked_current(folder) == number))
        ok = error_set(e, ERROR_INTERNAL, "%s: in use; it was not removed", version);
    ok = ok && (!erase || erase_records(folder, number, e)) && folder_remove(gone, e) &&
         each_archive(folder, name, &number, 1, remove_file, NULL, e);
    if (ok && rename(version, gone) < 0 && errno != ENOENT)
        ok = error_errno(e, "%s", version);
    ok = ok && folder_remove(gone, e);
    if (ok && access(folder, F_OK) == 0)
        ok = folder_sync(folder, e);
    free(gone);
    free(version);
    return ok;
}

/* --- A file of a version. --- */

static bool drop_from_manifest(const char *version, const char *file, struct error *e)
{
    struct strbuf text = {0};
    char *path = path_join(version, "manifest.json");
    json_t *m = json_read_file(path, RECORD_MOST_BYTES, e);
    bool ok = m != NULL;
    if (ok && json_object_del(json_object_get(m, "files"), file) == 0) {
        json_write(&text, m, true);
        ok = file_replace(path, strbuf_str(&text), 0666, e);
    }
    strbuf_free(&text);
    json_decref(m);
    free(path);
    return ok;
}

/* Without a line in the history the next run packs it. */
static bool pack_again(const char *folder, const char *name, int number, struct error *e)
{
    struct lineage_event *events = NULL;
    size_t count = 0, at;
    if (!lineage_history_read(folder, &events, &count, e))
        return false;
    for (at = count; at > 0 && events[at - 1].number != number;)
        at--;
    bool ok = !at || lineage_pack(folder, name, &events[at - 1], NULL, e);
    free(events);
    return ok;
}

bool lineage_drop_file(const char *folder, const char *name, int number, const char *file,
                       struct error *e)
{
    char *version = mem_printf("%s/v%d", folder, number), *path = path_join(version, file);
    bool there = access(version, F_OK) == 0;
    bool ok = !there || (drop_from_manifest(version, file, e) && remove_file(NULL, path, e) &&
                         folder_sync(version, e) &&
                         each_archive(folder, name, &number, 1, remove_file, NULL, e) &&
                         pack_again(folder, name, number, e));
    free(path);
    free(version);
    return ok;
}

/* --- What killed processes left. --- */

/* Is this "….PID.tmp" of a process that is no more? */
static bool is_orphan(const char *name)
{
    struct str s = str_of(name);
    if (!str_ends(s, ".tmp"))
        return false;
    s.size -= strlen(".tmp");
    size_t digits = 0;
    int64_t pid;
    while (digits < s.size && s.data[s.size - 1 - digits] >= '0' &&
           s.data[s.size - 1 - digits] <= '9')
        digits++;
    return digits && digits < s.size && s.data[s.size - 1 - digits] == '.' &&
           str_to_int((struct str){s.data + s.size - digits, digits}, &pid) &&
           (pid == getpid() || (kill((pid_t)pid, 0) < 0 && errno == ESRCH));
}

static bool is_left_over(const char *name)
{
    struct str s = str_of(name);
    return str_starts(s, ".v") && (str_ends(s, ".restore") || str_ends(s, ".gone"));
}

bool sweep_temporaries(const char *folder, const char *prefix, bool deep, struct error *e)
{
    DIR *d = opendir(folder);
    bool ok = d || errno == ENOENT || errno == ENOTDIR || error_errno(e, "%s", folder);
    for (struct dirent *entry; ok && d && (entry = readdir(d));) {
        const char *name = entry->d_name;
        struct stat s;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        char *path = path_join(folder, name);
        if ((str_starts(str_of(name), prefix) && is_orphan(name)) || is_left_over(name))
            ok = folder_remove(path, e);
        else if (deep && lstat(path, &s) == 0 && S_ISDIR(s.st_mode))
            ok = sweep_temporaries(path, prefix, deep, e);
        free(path);
    }
    if (d)
        closedir(d);
    return ok;
}
