#include "lorabuild/run/verify.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/formats/archive.h"
#include "lorabuild/run/files.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARCHIVE_MOST_BYTES ((uint64_t)1 << 40)

static void add(struct verify_result *r, int version, bool wrong, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void add(struct verify_result *r, int version, bool wrong, const char *format, ...)
{
    char text[1200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    r->items = mem_grow(r->items, r->count + 1, sizeof *r->items);
    r->items[r->count++] = (struct verify_finding){version, wrong, mem_strdup(text)};
    r->wrong += wrong;
}

void verify_free(struct verify_result *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->items[i].text);
    free(r->items);
    *r = (struct verify_result){0};
}

static bool check_files(struct verify_result *r, const struct version *v, struct error *e)
{
    struct file_findings f;
    json_t *file;
    const char *name;
    if (!files_check(&f, v, true, e))
        return false;
    for (size_t i = 0; i < f.count; i++) {
        struct strbuf shown = {0};
        strbuf_add_shown(&shown, str_of(f.items[i].name));
        enum file_state state = f.items[i].state;
        const char *format = state == FILE_MISSING   ? _("%s is missing")
                             : state == FILE_UNKNOWN ? _("%s is no file of this version")
                                                     : _("%s was edited since it was built");
        add(r, v->number, state != FILE_UNKNOWN, format, shown.data);
        strbuf_free(&shown);
    }
    json_object_foreach (json_object_get(v->manifest, "files"), name, file) {
        r->files++;
        r->bytes += (uint64_t)json_integer_value(json_object_get(file, "size"));
    }
    files_free(&f);
    return true;
}

/* want_key is made of what else stands in the manifest. */
static void check_key(struct verify_result *r, const struct version *v)
{
    struct digest key = plan_want_key(v->recipe, v->base, v->parent, v->set);
    if (!digest_equal(key, v->want_key))
        add(r, v->number, true, _("manifest.json contradicts itself: it was edited"));
}

static bool same_exposure(const struct version *a, const struct version *b)
{
    return a->exposure.count == b->exposure.count && digest_set_within(&a->exposure, &b->exposure);
}

/* The list in the version's folder, and its copy in the store, by which builds decide. */
static bool check_samples(struct workshop *w, struct target *t, struct verify_result *r,
                          const struct version *v, struct error *e)
{
    struct version file = {.folder = v->folder};
    struct version kept = {.folder = v->folder, .manifest_digest = v->manifest_digest};
    struct store *store = project_exposures(w->project, t->scope, e);
    struct digest_set ids = {0};
    struct error why;
    if (!store)
        return false;
    if (!lineage_load_exposure(&file, NULL, &why)) {
        if (access(v->folder, R_OK) == 0 && !v->damaged)
            add(r, v->number, true, "%s", why.message);
        return true;
    }
    for (size_t i = 0; i < file.sample_count; i++)
        digest_set_add(&ids, file.samples[i].id);
    digest_set_seal(&ids);
    if (!digest_equal(digest_set_digest(&ids, SAMPLE_SET), v->set))
        add(r, v->number, true, _("samples does not list what manifest.json was built for"));
    if (lineage_load_exposure(&kept, store, NULL) && !same_exposure(&file, &kept))
        add(r, v->number, true, _("the store remembers another list of samples; delete %s"),
            t->scope->keep);
    digest_set_free(&ids);
    digest_set_free(&kept.exposure);
    free(kept.samples);
    digest_set_free(&file.exposure);
    free(file.samples);
    return true;
}

/* --- Archives. --- */

static const struct lineage_event *last_event(const struct lineage_event *events, size_t count,
                                              int number)
{
    for (size_t i = count; i-- > 0;)
        if (events[i].number == number)
            return &events[i];
    return NULL;
}

static char *archive_file(const struct target *t, const struct lineage_event *event,
                          const char *ending)
{
    return mem_printf("%s/%s-%s-v%d.tar.%s", t->lineage.folder, t->lineage.name, event->date,
                      event->number, ending);
}

/* "<sha256>  <name>" as sha256sum writes it. */
static void check_sum_file(struct verify_result *r, const struct target *t,
                           const struct lineage_event *event)
{
    char *path = archive_file(t, event, "sha256");
    struct strbuf text = {0};
    if (!file_read(&text, path, 4096, NULL) ||
        strncmp(text.data ? text.data : "", event->tar_sha256, SHA256_HEX - 1) != 0)
        add(r, event->number, true, _("%s does not hold the digest that the history has"),
            path_base(path));
    strbuf_free(&text);
    free(path);
}

static bool check_archive(struct verify_result *r, const struct target *t, const struct version *v,
                          const struct lineage_event *event, struct error *e)
{
    char sha[SHA256_HEX], *path = archive_file(t, event, "zst");
    char *manifest = path_join(v->folder, "manifest.json");
    struct strbuf packed = {0}, now = {0};
    struct error why = {0};
    struct stat s;
    bool ok = true;
    if (stat(path, &s) < 0) {
        add(r, v->number, true, _("its archive is missing"));
        goto out;
    }
    r->archives++;
    r->bytes += (uint64_t)s.st_size;
    if (!archive_look(path, ARCHIVE_MOST_BYTES, "manifest.json", &packed, sha, &why))
        add(r, v->number, true, _("its archive is damaged: %s"), why.message);
    else if (strcmp(sha, event->tar_sha256) != 0)
        add(r, v->number, true, _("its archive does not hold what was recorded"));
    else if (!(ok = file_read(&now, manifest, 1 << 26, e)))
        goto out;
    else if (!str_equal(strbuf_str(&packed), strbuf_str(&now)))
        add(r, v->number, true, _("manifest.json was edited since it was built"));
    check_sum_file(r, t, event);
out:
    strbuf_free(&packed);
    strbuf_free(&now);
    free(manifest);
    free(path);
    return ok;
}

/* --- The adapter. --- */

/* Numbers of the history whose folder is gone, though their archive is there. */
static void find_lost(struct verify_result *r, struct target *t, const struct lineage_event *events,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int number = events[i].number;
        if (last_event(events, count, number) != &events[i] || lineage_version(&t->lineage, number))
            continue;
        char *path = archive_file(t, &events[i], "zst");
        if (access(path, F_OK) == 0)
            add(r, number, true, _("its folder is missing or cannot be read"));
        free(path);
    }
}

static void check_current(struct verify_result *r, const struct target *t)
{
    const struct lineage *l = &t->lineage;
    char *link = path_join(l->folder, "current"), *record = path_join(l->folder, "CURRENT");
    char target[64] = "", wanted[24];
    struct strbuf text = {0};
    struct stat s;
    snprintf(wanted, sizeof wanted, "v%d", l->current);
    ssize_t n = readlink(link, target, sizeof target - 1);
    target[n > 0 ? n : 0] = '\0';
    bool has_link = lstat(link, &s) == 0;
    if (l->current && has_link && strcmp(target, wanted) != 0)
        add(r, 0, true, _("%s is in use, but the link `current` leads to %s"), wanted, target);
    if (l->current && !has_link)
        add(r, 0, true, _("%s is in use, but there is no link `current`"), wanted);
    if (l->current && (!file_read(&text, record, 4096, NULL) ||
                       !str_equal(str_trim(strbuf_str(&text)), str_of(wanted))))
        add(r, 0, true, _("%s is in use, but CURRENT does not say so"), wanted);
    strbuf_free(&text);
    free(record);
    free(link);
}

static bool check_version(struct workshop *w, struct target *t, struct verify_result *r,
                          const struct version *v, const struct lineage_event *event,
                          struct error *e)
{
    r->versions++;
    check_key(r, v);
    if (!check_files(r, v, e) || !check_samples(w, t, r, v, e))
        return false;
    if (event)
        return check_archive(r, t, v, event, e);
    add(r, v->number, true, _("the history does not know it"));
    return true;
}

bool verify_adapter(struct workshop *w, struct target *t, int version, struct verify_result *r,
                    struct error *e)
{
    const struct lineage *l = &t->lineage;
    struct lineage_event *events;
    size_t count;
    if (!lineage_history_read(l->folder, &events, &count, e))
        return false;
    bool ok = true;
    for (size_t i = l->count; ok && i-- > 0;)
        if (!version || l->versions[i].number == version)
            ok = check_version(w, t, r, &l->versions[i],
                               last_event(events, count, l->versions[i].number), e);
    if (ok && !version) {
        for (size_t i = 0; i < l->note_count; i++)
            add(r, 0, true, "%s", l->notes[i]);
        find_lost(r, t, events, count);
        check_current(r, t);
    }
    free(events);
    return ok;
}
