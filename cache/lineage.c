#include "cache/lineage.h"

#include "cache/lineage_parts.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/file_copy.h"
#include "lorabuild/common/text.h"
#include "lorabuild/common/threads.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MANIFEST_MOST_BYTES = 64 << 20 };

int version_number(struct str name)
{
    int64_t number;
    if (name.size < 2 || name.size > 7 || name.data[0] != 'v' || name.data[1] < '1' ||
        name.data[1] > '9' || !str_to_int((struct str){name.data + 1, name.size - 1}, &number))
        return 0;
    return (int)number;
}

void note_add(char ***notes, size_t *count, const char *format, ...)
{
    char text[1200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    *notes = mem_grow(*notes, *count + 1, sizeof **notes);
    (*notes)[(*count)++] = mem_strdup(text);
}

/* --- Reading. --- */

/* A digest that may be absent or null (zero), but not something else. */
static bool take_digest(struct digest *d, const json_t *o, const char *key)
{
    const json_t *value = json_object_get(o, key);
    *d = (struct digest){{0}};
    return !value || json_is_null(value) ||
           (json_is_string(value) &&
            digest_from_hex(d, (struct str){json_string_value(value), json_string_length(value)}));
}

static bool take_fields(struct version *v)
{
    const json_t *m = v->manifest, *parent = json_object_get(m, "parent");
    const json_t *ancestor = json_object_get(m, "ancestor");
    v->ancestor = (int)json_integer_value(ancestor);
    return json_integer_value(json_object_get(m, "version")) == v->number &&
           json_is_string(json_object_get(m, "want_key")) &&
           take_digest(&v->want_key, m, "want_key") &&
           take_digest(&v->attempt_key, m, "attempt_key") &&
           take_digest(&v->recipe, m, "recipe_digest") && take_digest(&v->base, m, "base_digest") &&
           take_digest(&v->set, m, "set") && take_digest(&v->artifact, m, "artifact") &&
           (!ancestor || json_is_null(ancestor) || json_is_integer(ancestor)) &&
           take_digest(&v->parent, json_is_object(parent) ? parent : NULL, "artifact");
}

bool lineage_may_differ(const char *file)
{
    return strcmp(path_base(file), "adapter_config.json") == 0 || strcmp(file, LINEAGE_REPORT) == 0;
}

/* The first file of the manifest that is not there with its size. */
static const char *damaged_file(const struct version *v)
{
    json_t *files = json_object_get(v->manifest, "files"), *file;
    const char *name;
    json_object_foreach (files, name, file) {
        struct stat s;
        char *path = path_join(v->folder, name);
        bool right = stat(path, &s) == 0 && S_ISREG(s.st_mode) &&
                     (lineage_may_differ(name) ||
                      s.st_size == json_integer_value(json_object_get(file, "size")));
        free(path);
        if (!right)
            return name;
    }
    return NULL;
}

/* *readable false: the manifest is missing or damaged, and `e` says how. */
static bool read_manifest(struct version *v, bool *readable, struct error *e)
{
    struct strbuf text = {0};
    char *path = path_join(v->folder, "manifest.json");
    *readable = file_read(&text, path, MANIFEST_MOST_BYTES, e) &&
                (v->manifest = json_parse(strbuf_str(&text), path, 1, e));
    v->manifest_digest = digest_of(text.data ? text.data : "", text.size);
    strbuf_free(&text);
    int64_t format = json_integer_value(json_object_get(v->manifest, "format"));
    bool ok = true;
    if (format > LINEAGE_FORMAT)
        ok = error_set(e, ERROR_INPUT,
                       "%s: made by a newer lorabuild (manifest format %lld, this one knows %d)",
                       path, (long long)format, LINEAGE_FORMAT);
    else if (*readable && (format < 1 || !take_fields(v)))
        *readable =
            error_set(e, ERROR_INPUT, "%s: not the manifest of version %d", path, v->number);
    free(path);
    if (ok && *readable)
        v->damaged = damaged_file(v);
    return ok;
}

static void free_version(struct version *v)
{
    digest_set_free(&v->exposure);
    free(v->corrections);
    free(v->samples);
    json_decref(v->manifest);
    free(v->folder);
}

/* A version while it is read; a thousand manifests are parsed on all processors. */
struct reading {
    struct version version;
    bool ok, readable;
    struct error error;
};

static void read_some(void *context, size_t begin, size_t end)
{
    struct reading *readings = context;
    for (size_t i = begin; i < end; i++)
        readings[i].ok =
            read_manifest(&readings[i].version, &readings[i].readable, &readings[i].error);
}

static bool add_version(struct lineage *l, struct reading *r, struct error *e)
{
    if (r->ok && r->readable) {
        l->versions[l->count++] = r->version;
        return true;
    }
    if (r->ok)
        note_add(&l->notes, &l->note_count, _("v%d of %s cannot be read: %s"), r->version.number,
                 l->name, r->error.message);
    else if (e)
        *e = r->error;
    free_version(&r->version);
    return r->ok;
}

static bool add_versions(struct lineage *l, const int *numbers, size_t count, struct error *e)
{
    enum { GRAIN = 32 };
    struct reading *readings = mem_array(count, sizeof *readings);
    bool ok = true;
    json_object_seed(0); /* before threads need it */
    for (size_t i = 0; i < count; i++) {
        readings[i].version.number = numbers[i];
        readings[i].version.folder = mem_printf("%s/v%d", l->folder, numbers[i]);
    }
    threads_for(count, GRAIN, read_some, readings);
    l->versions = mem_array(count, sizeof *l->versions);
    for (size_t i = 0; i < count; i++) {
        if (ok)
            ok = add_version(l, &readings[i], e);
        else
            free_version(&readings[i].version);
    }
    free(readings);
    return ok;
}

static int by_number(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* The numbers of all version folders, rising, and the highest of folders and archives. */
static bool list_numbers(struct lineage *l, int **numbers, size_t *count, struct error *e)
{
    DIR *d = opendir(l->folder);
    *numbers = NULL;
    *count = 0;
    if (!d)
        return errno == ENOENT || error_errno(e, "%s", l->folder);
    for (struct dirent *entry; (entry = readdir(d));) {
        int number = version_number(str_of(entry->d_name));
        if (number) {
            *numbers = mem_grow(*numbers, *count + 1, sizeof **numbers);
            (*numbers)[(*count)++] = number;
        } else {
            number = archive_number(entry->d_name, l->name, NULL);
        }
        l->highest = number > l->highest ? number : l->highest;
    }
    closedir(d);
    if (*count)
        qsort(*numbers, *count, sizeof **numbers, by_number);
    return true;
}

static bool mark_set_aside(struct lineage *l, struct error *e)
{
    int *numbers;
    size_t count;
    if (!lineage_read_set_aside(l->folder, &numbers, &count, e))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct version *v = lineage_version(l, numbers[i]);
        if (v)
            v->put_aside = v->set_aside = true;
    }
    free(numbers);
    return true;
}

static const json_t *check_of(const struct version *v)
{
    return json_object_get(json_object_get(v->manifest, "metrics"), "check");
}

bool lineage_failed_check(const struct version *v)
{
    return json_is_false(json_object_get(check_of(v), "passed"));
}

double lineage_check_change(const struct version *v)
{
    return json_number_value(json_object_get(check_of(v), "change"));
}

/* A choice that was written down counts, however far `use` came after that. */
static bool follow_choice(struct lineage *l, struct error *e)
{
    if (!lineage_read_chosen(l->folder, &l->chosen, e))
        return false;
    if (!lineage_version(l, l->chosen.number))
        l->chosen = (struct lineage_choice){0};
    for (size_t i = 0; l->chosen.number && i < l->count; i++)
        if (l->versions[i].number >= l->chosen.number)
            l->versions[i].set_aside = l->versions[i].number > l->chosen.number;
    return true;
}

static int number_in_use(struct lineage *l)
{
    int number = l->chosen.number ? l->chosen.number : lineage_recorded_current(l->folder);
    if (!lineage_version(l, number))
        number = lineage_linked_current(l->folder);
    if (lineage_version(l, number))
        return number;
    for (size_t i = l->count; i-- > 0;)
        if (!l->versions[i].set_aside)
            return l->versions[i].number;
    return 0;
}

bool lineage_load(struct lineage *l, const char *folder, const char *name, struct error *e)
{
    *l = (struct lineage){.name = mem_strdup(name), .folder = mem_strdup(folder)};
    int *numbers = NULL;
    struct lineage_event *events = NULL;
    size_t count = 0, event_count = 0;
    bool ok = list_numbers(l, &numbers, &count, e) &&
              lineage_history_read(folder, &events, &event_count, e);
    ok = ok && add_versions(l, numbers, count, e);
    for (size_t i = 0; i < event_count; i++)
        l->highest = events[i].number > l->highest ? events[i].number : l->highest;
    ok = ok && mark_set_aside(l, e) && follow_choice(l, e);
    if (ok)
        l->current = number_in_use(l);
    else
        lineage_free(l);
    free(events);
    free(numbers);
    return ok;
}

void lineage_free(struct lineage *l)
{
    for (size_t i = 0; i < l->count; i++)
        free_version(&l->versions[i]);
    for (size_t i = 0; i < l->note_count; i++)
        free(l->notes[i]);
    free(l->notes);
    free(l->versions);
    free(l->folder);
    free(l->name);
    *l = (struct lineage){0};
}

struct version *lineage_version(struct lineage *l, int number)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->versions[i].number == number)
            return &l->versions[i];
    return NULL;
}

/* --- Commit. --- */

static bool cannot_rename(struct error *e, const char *from, const char *to)
{
    if (errno == EEXIST || errno == ENOTEMPTY)
        return error_set(e, ERROR_INTERNAL, "%s: exists already; it was not replaced", to);
    return error_errno(e, "cannot name %s %s", from, to);
}

/* Some file systems know no RENAME_NOREPLACE. The adapter's lock is held, so looking first is
 * as good, and a folder that is not empty is never replaced anyway. */
static bool rename_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS)
        return false;
    if (faccessat(AT_FDCWD, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return false;
    }
    return rename(from, to) == 0;
}

/* The store may lie on another file system than adapters/ (LORABUILD_STORE): then a copy under a
 * name that is no version's takes the name in one step. */
static bool copy_and_rename(const char *folder, const char *from, const char *to, struct error *e)
{
    char *copy = mem_printf("%s/.%s.copy", folder, path_base(to));
    bool ok = folder_remove(copy, e) && folder_copy(from, copy, e) &&
              (rename_new(copy, to) || cannot_rename(e, copy, to));
    if (!ok)
        folder_remove(copy, NULL);
    free(copy);
    return ok;
}

bool lineage_commit(const char *folder, const char *attempt_out, int number, struct error *e)
{
    char *to = mem_printf("%s/v%d", folder, number), *from_folder = path_folder(attempt_out);
    bool ok = folder_sync_all(attempt_out, e);
    if (ok && !rename_new(attempt_out, to))
        ok = errno == EXDEV ? copy_and_rename(folder, attempt_out, to, e)
                            : cannot_rename(e, attempt_out, to);
    ok = ok && folder_sync(folder, e) && folder_sync(from_folder, e);
    free(from_folder);
    free(to);
    return ok;
}

/* --- What is in use. --- */

int lineage_recorded_current(const char *folder)
{
    struct strbuf text = {0};
    char *path = path_join(folder, "CURRENT");
    int number =
        file_read(&text, path, 4096, NULL) ? version_number(str_trim(strbuf_str(&text))) : 0;
    strbuf_free(&text);
    free(path);
    return number;
}

int lineage_linked_current(const char *folder)
{
    char *path = path_join(folder, "current"), target[64];
    ssize_t n = readlink(path, target, sizeof target);
    free(path);
    return n > 0 && n < (ssize_t)sizeof target ? version_number((struct str){target, (size_t)n})
                                               : 0;
}

/* A new link under another name, renamed over the old one. File systems without links do with
 * CURRENT alone. */
static bool replace_link(const char *folder, int number, struct error *e)
{
    char *path = path_join(folder, "current"), target[20];
    char *temporary = mem_printf("%s.%ld.tmp", path, (long)getpid());
    snprintf(target, sizeof target, "v%d", number);
    unlink(temporary);
    bool ok = symlink(target, temporary) == 0;
    if (!ok)
        ok = errno == EPERM || errno == ENOSYS || errno == EOPNOTSUPP || error_errno(e, "%s", path);
    else if (rename(temporary, path) < 0) {
        ok = error_errno(e, "%s", path);
        unlink(temporary);
    }
    free(temporary);
    free(path);
    return ok && folder_sync(folder, e);
}

/* CURRENT, the record, comes first: a crash in between leaves the link on the version before,
 * and the next run moves it. */
bool lineage_set_current(const char *folder, int number, struct error *e)
{
    char *path = path_join(folder, "CURRENT"), text[20];
    snprintf(text, sizeof text, "v%d\n", number);
    bool ok = file_replace(path, str_of(text), 0666, e) && replace_link(folder, number, e);
    free(path);
    return ok;
}
