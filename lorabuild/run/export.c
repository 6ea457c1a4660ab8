#include "lorabuild/run/export.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/file_copy.h"
#include "lorabuild/common/json.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/bundle.h"
#include "lorabuild/run/exports.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const form_names[] = {[EXPORT_PEFT] = "peft", [EXPORT_LINEAGE] = "lineage"};

bool export_form_find(const char *word, enum export_form *form, struct error *e)
{
    for (size_t i = 0; i < sizeof form_names / sizeof *form_names; i++)
        if (strcmp(word, form_names[i]) == 0) {
            *form = (enum export_form)i;
            return true;
        }
    return error_set(e, ERROR_USAGE, _("--to %s: this lorabuild writes peft and lineage"), word);
}

/* --- What goes. --- */

/* adapters/NAME/blocked: "vN DATE PATH" for each version that learned something withdrawn. */
static bool check_blocked(const struct lineage *l, int number, struct error *e)
{
    struct strbuf text = {0};
    char *path = path_join(l->folder, "blocked"), *word = mem_printf("v%d ", number);
    size_t n = strlen(word);
    bool blocked = false;
    if (file_read(&text, path, 16 << 20, NULL))
        for (const char *at = text.data; at && !blocked; at = strchr(at, '\n')) {
            at += *at == '\n';
            blocked = strncmp(at, word, n) == 0;
        }
    strbuf_free(&text);
    free(word);
    free(path);
    return !blocked || error_set(e, ERROR_INPUT,
                                 _("%s v%d is blocked: it learned something that was withdrawn; "
                                   "lorabuild %s builds a version without it"),
                                 l->name, number, l->name);
}

struct version *export_choose(struct lineage *l, int version, struct error *e)
{
    int number = version > 0               ? version
                 : version < 0 && l->count ? l->versions[l->count - 1].number
                                           : l->current;
    struct version *v = lineage_version(l, number);
    if (!number)
        error_set(e, ERROR_INPUT, _("%s has not been built yet; run: lorabuild %s"), l->name,
                  l->name);
    else if (!v)
        error_set(e, ERROR_INPUT, _("%s has no v%d"), l->name, number);
    return v && check_blocked(l, number, e) ? v : NULL;
}

static bool check_file(const struct version *v, const char *name, const json_t *known,
                       struct error *e)
{
    const char *wanted = json_string_value(json_object_get(known, "sha256"));
    char sha[SHA256_HEX], *path = path_join(v->folder, name);
    bool ok = sha256_file(path, sha, e);
    if (ok && (!wanted || strcmp(wanted, sha) != 0))
        ok = error_set(e, ERROR_INPUT,
                       _("%s: is not the file that was built (its digest differs); delete it and "
                         "build again: it comes back from the archive"),
                       path);
    free(path);
    return ok;
}

/* What quotes or lists the samples is not served. */
static bool stays_at_home(const char *name)
{
    return strcmp(name, "samples") == 0 || strcmp(name, LINEAGE_REPORT) == 0;
}

bool export_list_version(struct archive_list *list, const struct version *v, const char *inner,
                         bool whole, struct error *e)
{
    json_t *known;
    const char *name;
    json_object_foreach (json_object_get(v->manifest, "files"), name, known) {
        if (!whole && stays_at_home(name))
            continue;
        if (!check_file(v, name, known, e))
            return false;
        char *path = path_join(v->folder, name), *as = path_join(inner, name);
        archive_list_file(list, as, path);
        free(as);
        free(path);
    }
    if (whole) {
        char *path = path_join(v->folder, "manifest.json"), *as = path_join(inner, "manifest.json");
        archive_list_file(list, as, path);
        free(as);
        free(path);
    }
    return true;
}

/* What may be known of a served adapter. Whatever was made from the samples stays at home. */
static void public_manifest(struct strbuf *b, const struct version *v)
{
    static const char *const keys[] = {"format", "adapter",     "version",  "tool",
                                       "base",   "base_digest", "recipe",   "recipe_digest",
                                       "parent", "artifact",    "numerics", "metrics"};
    json_t *o = json_object(), *files = json_deep_copy(json_object_get(v->manifest, "files"));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        json_object_set(o, keys[i], json_object_get(v->manifest, keys[i]));
    json_object_del(files, "samples");
    json_object_del(files, LINEAGE_REPORT);
    json_object_set_new(o, "files", files);
    json_write(b, o, true);
    json_decref(o);
}

static int joint_rank(const struct version *v)
{
    char *path = path_join(v->folder, "adapter_config.json");
    json_t *o = json_read_file(path, 1 << 20, NULL);
    int rank = (int)json_integer_value(json_object_get(o, "r"));
    json_decref(o);
    free(path);
    return rank;
}

/* --- Where to. --- */

static bool is_archive_name(const char *path)
{
    return str_ends(str_of(path), ".tar.zst");
}

/* Absolute, with the links of its folder resolved; the last part stays as it is. */
static char *resolve(const char *path, struct error *e)
{
    char *clean = path_clean(path), *folder = path_folder(clean), *real = realpath(folder, NULL);
    const char *name = path_base(clean);
    char *result = NULL;
    if (!real)
        error_set(e, ERROR_USAGE, _("%s: the folder %s does not exist; make it first"), path,
                  folder);
    else if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        error_set(e, ERROR_USAGE, _("%s: name what shall be written"), path);
    else
        result = path_join(real, name);
    free(real);
    free(folder);
    free(clean);
    return result;
}

/* An earlier export of ours, with nothing put beside it: files of these names alone. */
static bool is_our_folder(const char *path, int depth)
{
    static const char *const names[] = {"adapter_config.json", "adapter_model.safetensors",
                                        "manifest.json"};
    DIR *d = opendir(path);
    bool ours = d != NULL;
    for (struct dirent *entry; ours && (entry = readdir(d));) {
        char *inner = path_join(path, entry->d_name);
        struct stat s;
        bool known = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (!known && lstat(inner, &s) == 0 && S_ISDIR(s.st_mode))
            known = depth == 0 && strcmp(entry->d_name, "alone") == 0 && is_our_folder(inner, 1);
        else if (!known)
            for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                known |= strcmp(entry->d_name, names[i]) == 0 && S_ISREG(s.st_mode);
        ours = known;
        free(inner);
    }
    if (d)
        closedir(d);
    return ours;
}

/* May what stands at `path` be replaced? *there: something does. */
static bool check_there(const struct rule_adapter *rule, const char *path, bool archive,
                        bool *there, struct error *e)
{
    struct export_record *records;
    size_t count;
    struct stat s;
    *there = lstat(path, &s) == 0;
    if (!*there)
        return true;
    if (!exports_read(rule->output, &records, &count, e))
        return false;
    bool ours = false;
    for (size_t i = 0; i < count; i++)
        ours |= strcmp(records[i].path, path) == 0;
    exports_free(records, count);
    ours = ours && (archive ? S_ISREG(s.st_mode) : S_ISDIR(s.st_mode) && is_our_folder(path, 0));
    return ours || error_set(e, ERROR_USAGE,
                             _("%s: exists and is no earlier export of %s alone; choose another "
                               "name with -o"),
                             path, rule->name);
}

/* --- Writing. --- */

static bool write_files(const struct archive_list *l, const char *folder, struct error *e)
{
    bool ok = true;
    for (size_t i = 0; ok && i < l->count; i++) {
        const struct archive_file *f = &l->files[i];
        char *path = path_join(folder, f->name), *parent = path_folder(path);
        ok = folder_make(parent, 0777, e) &&
             (f->path ? file_copy(f->path, path, e) : file_replace(path, f->bytes, 0666, e));
        free(parent);
        free(path);
    }
    return ok && folder_sync_all(folder, e);
}

/* Exchanged in one step where the file system can, so that a server finds the old or the new. */
static bool take_place(const char *from, const char *to, bool replace, struct error *e)
{
    if (!replace)
        return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0 ||
               (errno == EINVAL && rename(from, to) == 0) || error_errno(e, "%s", to);
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0)
        return folder_remove(from, e);
    return folder_remove(to, e) && (rename(from, to) == 0 || error_errno(e, "%s", to));
}

static bool write_folder(const struct archive_list *l, const char *path, bool replace,
                         struct error *e)
{
    char *parent = path_folder(path);
    char *temporary = mem_printf("%s/.%s.%ld.tmp", parent, path_base(path), (long)getpid());
    bool ok = folder_remove(temporary, e) && folder_make(temporary, 0777, e) &&
              write_files(l, temporary, e) && take_place(temporary, path, replace, e) &&
              folder_sync(parent, e);
    if (!ok)
        folder_remove(temporary, NULL);
    free(temporary);
    free(parent);
    return ok;
}

/* A lineage holds what only the client's machines may know: the file is its maker's alone. */
static bool write_archive(const struct export_request *q, const struct lineage *l,
                          struct archive_list *list, struct export_result *r, struct error *e)
{
    char *prefix = mem_printf("%s-v%d", l->name, r->version);
    mode_t mask = umask(0);
    umask(q->form == EXPORT_LINEAGE ? 077 : mask);
    bool ok = archive_pack_list(r->path, list, prefix, r->sha256, e);
    umask(mask);
    free(prefix);
    return ok;
}

static bool record(const struct export_request *q, const char *path, struct error *e)
{
    const struct rule_adapter *rule = &q->project->rules->adapters[q->adapter];
    struct scope *scope = project_scope(q->project, rule->client);
    char *locks = path_join(scope->keep, "locks");
    char *lock = mem_printf("%s/%s.exported", locks, path_base(rule->output));
    bool ok = project_make_keep(scope, e) && folder_make(locks, 0777, e) &&
              exports_add(rule->output, lock, path, form_names[q->form], e);
    free(lock);
    free(locks);
    return ok;
}

static bool gather(const struct export_request *q, struct lineage *l, const struct version *v,
                   struct archive_list *list, struct strbuf *head, struct export_result *r,
                   struct error *e)
{
    if (q->form == EXPORT_LINEAGE)
        return bundle_list(list, head, q->project->rules, q->adapter, l, v, &r->version_count, e);
    public_manifest(head, v);
    archive_list_bytes(list, "manifest.json", strbuf_str(head));
    return export_list_version(list, v, "", false, e);
}

static bool choose_path(const struct export_request *q, const struct lineage *l,
                        struct export_result *r, struct error *e)
{
    const char *ending = q->form == EXPORT_LINEAGE ? ".lineage.tar.zst" : "";
    const struct rule_adapter *rule = &q->project->rules->adapters[q->adapter];
    char *usual = mem_printf("%s-v%d%s", l->name, r->version, ending);
    bool ok = (r->path = resolve(q->path ? q->path : usual, e)) != NULL;
    free(usual);
    r->archive = ok && is_archive_name(r->path);
    if (ok && q->form == EXPORT_LINEAGE && !r->archive)
        ok = error_set(e, ERROR_USAGE, _("%s: a lineage is one file; its name ends in .tar.zst"),
                       q->path);
    return ok && exports_may_go(q->project->rules, rule, q->project->store, r->path, e) &&
           check_there(rule, r->path, r->archive, &r->replaced, e);
}

bool export_run(const struct export_request *q, struct export_result *r, struct error *e)
{
    const struct rule_adapter *rule = &q->project->rules->adapters[q->adapter];
    struct lineage l;
    struct archive_list list = {0};
    struct strbuf head = {0};
    *r = (struct export_result){.path = NULL};
    if (!lineage_load(&l, rule->output, path_base(rule->output), e))
        return false;
    struct version *v = export_choose(&l, q->version, e);
    r->version = v ? v->number : 0;
    bool ok = v && choose_path(q, &l, r, e) && gather(q, &l, v, &list, &head, r, e);
    if (ok) {
        r->rank = joint_rank(v);
        json_t *files = json_object_get(v->manifest, "files");
        r->alone = json_object_get(files, "alone/adapter_model.safetensors") != NULL;
        ok = record(q, r->path, e) && (r->archive ? write_archive(q, &l, &list, r, e)
                                                  : write_folder(&list, r->path, r->replaced, e));
    }
    strbuf_free(&head);
    archive_list_free(&list);
    lineage_free(&l);
    if (!ok) {
        free(r->path);
        r->path = NULL;
    }
    return ok;
}
