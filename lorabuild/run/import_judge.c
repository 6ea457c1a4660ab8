#include "lorabuild/common/file.h"
#include "lorabuild/common/json.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/import_parts.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct lineage_event *import_event_of(const struct import_lineage *l, int number)
{
    const struct lineage_event *found = NULL;
    for (size_t i = 0; i < l->event_count; i++)
        if (l->events[i].number == number)
            found = &l->events[i];
    return found;
}

void import_lineage_free(struct import_lineage *l)
{
    free(l->events);
    lineage_free(&l->staged);
    lineage_free(&l->here);
}

/* --- Is a version whole? --- */

static bool damaged(const struct version *v, const char *name, const char *file, struct error *e)
{
    return error_set(e, ERROR_INPUT,
                     _("%s: v%d/%s is not what its manifest says; nothing was imported. Export it "
                       "again"),
                     file, v->number, name);
}

static bool check_files(const struct version *v, const char *file, struct error *e)
{
    json_t *known;
    const char *name;
    json_object_foreach (json_object_get(v->manifest, "files"), name, known) {
        const char *wanted = json_string_value(json_object_get(known, "sha256"));
        char sha[SHA256_HEX] = "", *path = path_join(v->folder, name);
        bool beneath = name[0] != '/' && !strstr(name, "..");
        bool same = beneath && wanted && sha256_file(path, sha, NULL) && strcmp(sha, wanted) == 0;
        free(path);
        if (!same)
            return damaged(v, name, file, e);
    }
    return true;
}

static bool check_version(struct version *v, const char *file, struct error *e)
{
    struct error why = {0};
    json_t *files = json_object_get(v->manifest, "files");
    const char *needed[] = {"samples", "adapter_model.safetensors", "adapter_config.json"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!json_object_get(files, needed[i]))
            return damaged(v, needed[i], file, e);
    if (!check_files(v, file, e))
        return false;
    return lineage_load_exposure(v, NULL, &why) || damaged(v, "samples", file, e);
}

/* The bundle says which versions it holds; it must hold these. */
static bool check_versions(struct import_lineage *l, const char *file, struct error *e)
{
    for (size_t i = 0; i < l->from->version_count; i++) {
        struct version *v = lineage_version(&l->staged, l->from->versions[i]);
        if (!v)
            return error_set(e, ERROR_INPUT,
                             _("%s: %s v%d is missing in it; nothing was imported. Export it "
                               "again"),
                             file, l->from->name, l->from->versions[i]);
        if (!check_version(v, file, e))
            return false;
    }
    return l->staged.count == l->from->version_count ||
           error_set(e, ERROR_INPUT,
                     _("%s: holds more versions of %s than it says; nothing was "
                       "imported. Export it again"),
                     file, l->from->name);
}

/* --- Does it agree with what is here? --- */

static bool parted(const struct import_lineage *l, int number, const char *file, struct error *e)
{
    return error_set(e, ERROR_INPUT,
                     _("%s: its %s v%d is another one than v%d here: both machines built on. "
                       "Nothing was imported; to take the bundle's, move %s away and import again"),
                     file, l->from->name, number, number, l->rule->output);
}

static bool check_numbers(const struct import_lineage *l, const struct lineage_event *events,
                          size_t count, const char *file, struct error *e)
{
    for (size_t i = 0; i < count; i++) {
        const struct lineage_event *theirs = import_event_of(l, events[i].number);
        if (theirs && !digest_equal(theirs->want_key, events[i].want_key))
            return parted(l, events[i].number, file, e);
    }
    return true;
}

static bool check_here(struct import_lineage *l, const char *file, struct error *e)
{
    struct lineage_event *events;
    size_t count;
    for (size_t i = 0; i < l->staged.count; i++) {
        const struct version *v = &l->staged.versions[i];
        const struct version *mine = lineage_version(&l->here, v->number);
        struct stat s;
        char *folder = mem_printf("%s/v%d", l->rule->output, v->number);
        bool stands = lstat(folder, &s) == 0;
        free(folder);
        if (mine ? !digest_equal(mine->manifest_digest, v->manifest_digest) : stands)
            return parted(l, v->number, file, e);
    }
    if (!lineage_history_read(l->rule->output, &events, &count, e))
        return false;
    bool ok = check_numbers(l, events, count, file, e);
    free(events);
    return ok;
}

bool import_judge(struct import_lineage *l, const char *staged, const char *file, struct error *e)
{
    char *folder = mem_printf("%s/lineages/%s", staged, l->from->name);
    char *chosen = path_join(l->rule->output, "chosen");
    l->chosen_here = access(chosen, F_OK) == 0;
    bool ok = lineage_load(&l->staged, folder, l->from->name, e) &&
              lineage_load(&l->here, l->rule->output, path_base(l->rule->output), e) &&
              lineage_history_read(folder, &l->events, &l->event_count, e) &&
              check_versions(l, file, e) && check_here(l, file, e) && import_forgotten_agrees(l, e);
    free(chosen);
    free(folder);
    return ok;
}

/* --- Nothing else may be in it. --- */

/* "v3/alone/adapter_config.json": a version's file that its manifest names, or the manifest. */
static bool is_version_file(const struct import_lineage *l, const char *inner)
{
    const char *slash = strchr(inner, '/');
    for (size_t i = 0; slash && i < l->staged.count; i++) {
        const struct version *v = &l->staged.versions[i];
        if (strncmp(path_base(v->folder), inner, (size_t)(slash - inner)) == 0 &&
            path_base(v->folder)[slash - inner] == '\0')
            return strcmp(slash + 1, "manifest.json") == 0 ||
                   json_object_get(json_object_get(v->manifest, "files"), slash + 1);
    }
    return false;
}

static bool is_known(const struct import_lineage *lineages, size_t count, const char *inner)
{
    if (strcmp(inner, "bundle.json") == 0)
        return true;
    if (strncmp(inner, "lineages/", 9) != 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(lineages[i].from->name);
        const char *rest = inner + 9;
        if (strncmp(rest, lineages[i].from->name, n) != 0 || rest[n] != '/')
            continue;
        rest += n + 1;
        for (size_t k = 0; bundle_records[k]; k++)
            if (strcmp(rest, bundle_records[k]) == 0)
                return true;
        return is_version_file(&lineages[i], rest);
    }
    return false;
}

static bool check_folder(const char *staged, const char *inner,
                         const struct import_lineage *lineages, size_t count, const char *file,
                         struct error *e)
{
    char *path = path_join(staged, inner);
    DIR *d = opendir(*inner ? path : staged);
    bool ok = d || error_errno(e, "%s", path);
    for (struct dirent *entry; ok && (entry = readdir(d));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *name = path_join(inner, entry->d_name), *full = path_join(staged, name);
        struct stat s;
        if (lstat(full, &s) == 0 && S_ISDIR(s.st_mode))
            ok = check_folder(staged, name, lineages, count, file, e);
        else if (!is_known(lineages, count, name))
            ok = error_set(e, ERROR_INPUT,
                           _("%s: entry '%s' is no part of a lineage; nothing was imported"), file,
                           name);
        free(full);
        free(name);
    }
    if (d)
        closedir(d);
    free(path);
    return ok;
}

bool import_check_strays(const char *staged, const struct import_lineage *lineages, size_t count,
                         const char *file, struct error *e)
{
    return check_folder(staged, "", lineages, count, file, e);
}
