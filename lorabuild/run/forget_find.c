#include "lorabuild/run/forget.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECORD_MOST_BYTES = 1 << 24, EXAMPLES = 8 };

/* Which dataset of the rules a sealed one was made from, as versions recorded it. */
struct origin {
    struct digest key;
    char *written;
};

struct finding {
    struct forget *forget;
    const struct forget_request *request;
    struct origin *origins;
    size_t origin_count;
    bool *found; /* one a file of the request */
    size_t last; /* the document found last */
    char **gone; /* documents that are gone, for the message */
    size_t gone_count;
};

bool forget_names(const struct rule_dataset *d, const char *path, const char *file)
{
    if (strcmp(path, file) == 0)
        return true;
    char *clean = path_clean(file), *written = path_join(d->written, path);
    char *here = getcwd(NULL, 0), *whole = path_join(here ? here : "", file);
    char *absolute = path_clean(whole), *place = path_join(d->path, path);
    bool same = strcmp(clean, path) == 0 || strcmp(clean, written) == 0 ||
                strcmp(absolute, place) == 0 ||
                (strcmp(absolute, d->path) == 0 && strcmp(path_base(d->path), path) == 0);
    free(place);
    free(absolute);
    free(whole);
    free(here);
    free(written);
    free(clean);
    return same;
}

/* --- Where sealed datasets come from. --- */

static void add_origins(struct finding *s, const char *path)
{
    json_t *o = json_read_file(path, RECORD_MOST_BYTES, NULL), *dataset;
    size_t i;
    json_array_foreach (json_object_get(o, "datasets"), i, dataset) {
        const char *key = json_string_value(json_object_get(dataset, "key"));
        const char *written = json_string_value(json_object_get(dataset, "written"));
        struct origin origin = {.written = NULL};
        if (!key || !written || !digest_from_hex(&origin.key, str_of(key)))
            continue;
        origin.written = mem_strdup(written);
        s->origins = mem_grow(s->origins, s->origin_count + 1, sizeof *s->origins);
        s->origins[s->origin_count++] = origin;
    }
    json_decref(o);
}

/* May the adapter have been built from a dataset that is searched? A client's is in that client's
 * versions alone, and nothing of another client is opened for it. */
static bool may_know(const struct finding *s, const struct rule_adapter *a)
{
    const struct rules *r = s->forget->workshop->project->rules;
    for (size_t i = 0; i < r->adapter_count; i++)
        for (size_t k = 0; s->request->adapters[i] && k < r->adapters[i].data_count; k++) {
            const char *client = r->datasets[r->adapters[i].data[k]].client;
            if (!client || (a->client && strcmp(a->client, client) == 0))
                return true;
        }
    return false;
}

static void gather_origins(struct finding *s)
{
    struct project *p = s->forget->workshop->project;
    for (size_t i = 0; i < p->rules->adapter_count; i++) {
        const struct rule_adapter *a = &p->rules->adapters[i];
        if (!may_know(s, a))
            continue;
        char *folder =
            mem_printf("%s/lineage/%s", project_scope(p, a->client)->keep, path_base(a->output));
        DIR *d = opendir(folder);
        for (struct dirent *entry; d && (entry = readdir(d));) {
            char *path = path_join(folder, entry->d_name);
            if (str_ends(str_of(entry->d_name), ".json"))
                add_origins(s, path);
            free(path);
        }
        if (d)
            closedir(d);
        free(folder);
    }
}

/* May this sealed dataset be one of `d`'s? One that no version names may be anybody's. */
static bool may_be(const struct finding *s, struct digest key, const struct rule_dataset *d)
{
    bool named = false;
    for (size_t i = 0; i < s->origin_count; i++)
        if (digest_equal(s->origins[i].key, key)) {
            if (strcmp(s->origins[i].written, d->written) == 0)
                return true;
            named = true;
        }
    return !named;
}

/* --- Documents. --- */

/* Datasets list their documents in the same order, so the one wanted mostly follows the last. */
static struct forget_document *find_document(struct forget *f, int dataset, const char *path,
                                             size_t *last)
{
    for (size_t n = 1; n <= f->document_count; n++) {
        size_t i = (*last + n) % f->document_count;
        if (f->documents[i].dataset == dataset && strcmp(f->documents[i].path, path) == 0) {
            *last = i;
            return &f->documents[i];
        }
    }
    *last = f->document_count;
    f->documents = mem_grow(f->documents, f->document_count + 1, sizeof *f->documents);
    struct forget_document *d = &f->documents[f->document_count++];
    *d = (struct forget_document){.dataset = dataset, .path = arena_strdup(&f->list.arena, path)};
    return d;
}

static void add_samples(struct forget_document *to, const struct document *d)
{
    for (size_t i = 0; i < d->count; i++) {
        digest_set_add(&to->contents, d->samples[i].content);
        if (d->samples[i].kind != SAMPLE_HEADING)
            digest_set_add(&to->texts, d->samples[i].content);
    }
}

/* With what captions leave out of a dataset: that stands in the source's seal alone. */
static void add_state(struct finding *s, int dataset, const struct source *now,
                      const struct document *d)
{
    struct forget_document *to = find_document(s->forget, dataset, d->path, &s->last);
    struct arena a = {0};
    struct document whole = {.path = d->path, .kind = d->kind};
    digest_set_add(&to->sources, d->source);
    add_samples(to, d);
    if (seal_read_source(&whole, now->scope->keep, d->source, &a, NULL))
        add_samples(to, &whole);
    arena_free(&a);
}

static bool is_there(const struct source *now, const char *path)
{
    for (size_t i = 0; i < now->data.document_count; i++)
        if (strcmp(now->data.documents[i].path, path) == 0)
            return true;
    char *place = path_join(now->rule->path, path);
    bool there = faccessat(AT_FDCWD, place, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    free(place);
    return there;
}

static void remember_gone(struct finding *s, const char *path)
{
    for (size_t i = 0; i < s->gone_count; i++)
        if (i > EXAMPLES || strcmp(s->gone[i], path) == 0)
            return; /* enough for the message */
    s->gone = mem_grow(s->gone, s->gone_count + 1, sizeof *s->gone);
    s->gone[s->gone_count++] = mem_strdup(path);
}

static bool refuse_present(struct finding *s, const struct source *now, const char *path,
                           struct error *e)
{
    const char *name = "";
    const struct rules *r = s->forget->workshop->project->rules;
    for (size_t i = 0; i < r->adapter_count; i++)
        if (s->request->adapters[i])
            name = r->adapters[i].name;
    return error_set(e, ERROR_INPUT,
                     _("%s is still in %s. Delete it there, run lorabuild %s, "
                       "which makes a version that never saw it, and then forget it."),
                     path, now->rule->written, name);
}

static bool take_document(struct finding *s, int dataset, const struct source *now,
                          const struct document *d, struct error *e)
{
    bool there = is_there(now, d->path);
    if (!there)
        remember_gone(s, d->path);
    if (s->request->all && !there)
        add_state(s, dataset, now, d);
    for (size_t i = 0; i < s->request->file_count; i++) {
        if (!forget_names(now->rule, d->path, s->request->files[i]))
            continue;
        if (there)
            return refuse_present(s, now, d->path, e);
        add_state(s, dataset, now, d);
        s->found[i] = true;
    }
    return true;
}

/* All sealed states of a dataset. */
static bool search_dataset(struct finding *s, int dataset, struct error *e)
{
    struct source *now = workshop_source(s->forget->workshop, dataset, e);
    if (!now || !source_load_samples(now, e))
        return false;
    char *folder = path_join(now->scope->keep, "datasets");
    DIR *d = opendir(folder);
    bool ok = true;
    for (struct dirent *entry; ok && d && (entry = readdir(d));) {
        struct digest key;
        struct dataset sealed;
        if (!digest_from_hex(&key, str_of(entry->d_name)) || !may_be(s, key, now->rule) ||
            !seal_read_dataset(&sealed, now->scope->keep, key, false, NULL))
            continue;
        for (size_t i = 0; ok && i < sealed.document_count; i++)
            ok = take_document(s, dataset, now, &sealed.documents[i], e);
        dataset_free(&sealed);
    }
    if (d)
        closedir(d);
    free(folder);
    return ok;
}

static bool refuse_unknown(const struct finding *s, const char *file, struct error *e)
{
    struct strbuf names = {0}, shown = {0};
    s->forget->unknown = true;
    strbuf_add_shown(&shown, str_of(file));
    for (size_t i = 0; i < s->gone_count && i < EXAMPLES; i++) {
        strbuf_add_text(&names, i ? ", " : "");
        strbuf_add_shown(&names, str_of(s->gone[i]));
    }
    if (s->gone_count)
        error_set(e, ERROR_INPUT,
                  _("nothing that is kept names '%s'. Documents that are gone: %s%s"), shown.data,
                  names.data, s->gone_count > EXAMPLES ? ", …" : "");
    else
        error_set(e, ERROR_INPUT, _("nothing that is kept names '%s'; no document is gone"),
                  shown.data);
    strbuf_free(&shown);
    strbuf_free(&names);
    return false;
}

static void seal_sets(struct forget *f)
{
    for (size_t i = 0; i < f->document_count; i++) {
        digest_set_seal(&f->documents[i].sources);
        digest_set_seal(&f->documents[i].contents);
        digest_set_seal(&f->documents[i].texts);
    }
}

bool forget_find(struct forget *f, const struct forget_request *r, struct error *e)
{
    const struct rules *rules = f->workshop->project->rules;
    struct finding s = {.forget = f, .request = r};
    bool ok = true, *searched = mem_array(rules->dataset_count, sizeof *searched);
    s.found = mem_array(r->file_count, sizeof *s.found);
    gather_origins(&s);
    for (size_t i = 0; ok && i < rules->adapter_count; i++)
        for (size_t k = 0; ok && r->adapters[i] && k < rules->adapters[i].data_count; k++) {
            int dataset = rules->adapters[i].data[k];
            ok = searched[dataset] || search_dataset(&s, dataset, e);
            searched[dataset] = true;
        }
    for (size_t i = 0; ok && i < r->file_count; i++)
        ok = s.found[i] || refuse_unknown(&s, r->files[i], e);
    f->unknown = ok && r->all && !f->document_count;
    if (f->unknown)
        ok = error_set(e, ERROR_INPUT, _("no document is gone; there is nothing to forget"));
    seal_sets(f);
    for (size_t i = 0; i < s.origin_count; i++)
        free(s.origins[i].written);
    for (size_t i = 0; i < s.gone_count; i++)
        free(s.gone[i]);
    free(s.origins);
    free(s.gone);
    free(s.found);
    free(searched);
    return ok;
}
