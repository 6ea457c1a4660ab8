#include "lorabuild/run/exports.h"

#include "cache/lock.h"
#include "lorabuild/common/clock.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/formats/weights.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST_BYTES = 16 << 20 };

/* --- The record. --- */

/* "DATE PATH FORM": the first and the last space part it. */
static bool read_line(struct export_record *record, struct str line)
{
    const char *last = line.size ? memrchr(line.data, ' ', line.size) : NULL;
    size_t size = last ? (size_t)(last - line.data) : 0;
    if (size < 13 || line.data[10] != ' ' || line.data[11] != '/')
        return false;
    *record =
        (struct export_record){.path = mem_printf("%.*s", (int)(size - 11), line.data + 11),
                               .form = mem_printf("%.*s", (int)(line.size - size - 1), last + 1)};
    memcpy(record->date, line.data, 10);
    return true;
}

bool exports_read(const char *folder, struct export_record **records, size_t *count,
                  struct error *e)
{
    struct strbuf text = {0};
    char *path = path_join(folder, "exported");
    *records = NULL;
    *count = 0;
    bool there = access(path, F_OK) == 0 || errno != ENOENT;
    bool ok = !there || file_read(&text, path, MOST_BYTES, e);
    struct str rest = strbuf_str(&text);
    while (ok && rest.size) {
        const char *end = memchr(rest.data, '\n', rest.size);
        struct str line = {rest.data, end ? (size_t)(end - rest.data) : rest.size};
        struct export_record record;
        rest.data += line.size + (end != NULL);
        rest.size -= line.size + (end != NULL);
        if (!read_line(&record, line))
            continue;
        *records = mem_grow(*records, *count + 1, sizeof **records);
        (*records)[(*count)++] = record;
    }
    strbuf_free(&text);
    free(path);
    return ok;
}

void exports_free(struct export_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(records[i].form);
        free(records[i].path);
    }
    free(records);
}

static bool add_line(const char *folder, const char *path, const char *form, struct error *e)
{
    struct export_record *records;
    size_t count;
    struct strbuf text = {0};
    char today[11];
    if (!exports_read(folder, &records, &count, e))
        return false;
    for (size_t i = 0; i < count; i++)
        if (strcmp(records[i].path, path) != 0)
            strbuf_printf(&text, "%s %s %s\n", records[i].date, records[i].path, records[i].form);
    strbuf_printf(&text, "%s %s %s\n", clock_day(time(NULL), today), path, form);
    char *file = path_join(folder, "exported");
    bool ok = file_replace(file, strbuf_str(&text), 0666, e);
    free(file);
    strbuf_free(&text);
    exports_free(records, count);
    return ok;
}

bool exports_add(const char *folder, const char *lock, const char *path, const char *form,
                 struct error *e)
{
    if (strchr(path, '\n'))
        return error_set(e, ERROR_USAGE,
                         _("a name with a line break cannot be recorded; choose "
                           "another one"));
    int held = lock_take(lock, "export", true, NULL, NULL, e);
    if (held < 0)
        return false;
    bool ok = add_line(folder, path, form, e);
    lock_release(held);
    return ok;
}

/* --- Where one may go. --- */

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Is `path`, or a folder above it, the file or folder `input`? What does not exist is nothing. */
static bool lies_in(const char *path, const char *input)
{
    struct stat wanted, s;
    if (stat(input, &wanted) < 0)
        return false;
    char *at = mem_strdup(path);
    bool found = false;
    for (;;) {
        found = stat(at, &s) == 0 && same(&s, &wanted);
        if (found || strcmp(at, "/") == 0 || strcmp(at, ".") == 0)
            break;
        char *above = path_folder(at);
        free(at);
        at = above;
    }
    free(at);
    return found;
}

static bool refuse_input(const char *path, const char *what, struct error *e)
{
    return error_set(e, ERROR_USAGE,
                     _("%s: belongs to %s, from which builds read; choose another "
                       "place with -o"),
                     path, what);
}

/* A base's own files may have a second name (a hard link), or be links themselves. */
static bool is_base_file(const char *path, const char *base)
{
    char **files = NULL;
    size_t count = 0;
    bool found = false;
    weights_list_files(base, &files, &count, NULL);
    for (size_t i = 0; i < count; i++) {
        found |= lies_in(path, files[i]);
        free(files[i]);
    }
    free(files);
    return found;
}

static bool check_inputs(const struct rules *r, const char *store, const char *path,
                         struct error *e)
{
    if (lies_in(path, store) || lies_in(path, r->file))
        return refuse_input(path, _("this project"), e);
    for (size_t i = 0; i < r->base_count; i++)
        if (lies_in(path, r->bases[i].path) || is_base_file(path, r->bases[i].path))
            return refuse_input(path, r->bases[i].written, e);
    for (size_t i = 0; i < r->dataset_count; i++)
        if (lies_in(path, r->datasets[i].path))
            return refuse_input(path, r->datasets[i].written, e);
    for (size_t i = 0; i < r->adapter_count; i++)
        if (lies_in(path, r->adapters[i].output))
            return refuse_input(path, r->adapters[i].name, e);
    return true;
}

/* Nothing of a client goes where another may read it. */
static bool check_walls(const struct rules *r, const struct rule_adapter *adapter, const char *path,
                        struct error *e)
{
    char *own = adapter->client ? path_join(r->clients_root, adapter->client) : NULL;
    bool ok = true;
    if (r->clients_root && lies_in(path, r->clients_root) && !(own && lies_in(path, own)))
        ok =
            error_set(e, ERROR_USAGE,
                      _("%s: lies in another client's folder; choose another place with -o"), path);
    for (size_t i = 0; ok && adapter->client && i < r->shared_count; i++)
        if (lies_in(path, r->shared[i]))
            ok = error_set(e, ERROR_USAGE,
                           _("%s: lies in %s, which is shared, and %s is secret to %s; choose "
                             "another place with -o"),
                           path, r->shared[i], adapter->name, adapter->client);
    free(own);
    return ok;
}

bool exports_may_go(const struct rules *r, const struct rule_adapter *adapter, const char *store,
                    const char *path, struct error *e)
{
    return check_inputs(r, store, path, e) && check_walls(r, adapter, path, e);
}
