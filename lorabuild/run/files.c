#include "lorabuild/run/files.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool same_digests(const json_t *file, const char *path, bool all_digests, bool *same,
                         struct error *e)
{
    char hex[DIGEST_HEX], sha[SHA256_HEX];
    const char *xxh3 = json_string_value(json_object_get(file, "xxh3"));
    const char *sha256 = json_string_value(json_object_get(file, "sha256"));
    struct digest d;
    if (!digest_file(&d, path, e))
        return false;
    digest_hex(d, hex);
    *same = xxh3 && strcmp(xxh3, hex) == 0;
    if (!*same || !all_digests)
        return true;
    if (!sha256_file(path, sha, e))
        return false;
    *same = sha256 && strcmp(sha256, sha) == 0;
    return true;
}

bool files_check_one(const struct version *v, const char *name, bool all_digests,
                     enum file_state *state, struct error *e)
{
    const json_t *file = json_object_get(json_object_get(v->manifest, "files"), name);
    char *path = path_join(v->folder, name);
    struct stat s;
    bool same = false, ok = true;
    *state = FILE_EDITED;
    if (lstat(path, &s) < 0)
        *state = FILE_MISSING;
    else if (S_ISREG(s.st_mode) && s.st_size == json_integer_value(json_object_get(file, "size")))
        ok = same_digests(file, path, all_digests, &same, e);
    if (same)
        *state = FILE_INTACT;
    free(path);
    return ok;
}

static void add(struct file_findings *f, const char *name, enum file_state state)
{
    f->items = mem_grow(f->items, f->count + 1, sizeof *f->items);
    f->items[f->count++] = (struct file_finding){mem_strdup(name), state};
}

/* What stands in the folder and in no manifest. */
static bool find_unknown(struct file_findings *f, const struct version *v, const char *beneath,
                         struct error *e)
{
    const json_t *files = json_object_get(v->manifest, "files");
    char *folder = path_join(v->folder, beneath);
    DIR *d = opendir(folder);
    bool ok = d || error_errno(e, "%s", folder);
    for (struct dirent *entry; ok && (entry = readdir(d));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *name = path_join(beneath, entry->d_name), *path = path_join(v->folder, name);
        struct stat s;
        if (lstat(path, &s) == 0 && S_ISDIR(s.st_mode))
            ok = find_unknown(f, v, name, e);
        else if (!json_object_get(files, name) && strcmp(name, "manifest.json") != 0)
            add(f, name, FILE_UNKNOWN);
        free(path);
        free(name);
    }
    if (d)
        closedir(d);
    free(folder);
    return ok;
}

static int by_name(const void *a, const void *b)
{
    const struct file_finding *x = a, *y = b;
    return strcmp(x->name, y->name);
}

bool files_check(struct file_findings *f, const struct version *v, bool all_digests,
                 struct error *e)
{
    const char *name;
    json_t *file;
    bool ok = true;
    *f = (struct file_findings){0};
    json_object_foreach (json_object_get(v->manifest, "files"), name, file) {
        enum file_state state = FILE_INTACT;
        ok = ok && files_check_one(v, name, all_digests, &state, e);
        if (state != FILE_INTACT)
            add(f, name, state);
    }
    ok = ok && find_unknown(f, v, "", e);
    if (f->count)
        qsort(f->items, f->count, sizeof *f->items, by_name);
    if (!ok)
        files_free(f);
    return ok;
}

void files_free(struct file_findings *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->items[i].name);
    free(f->items);
    *f = (struct file_findings){0};
}
