/* What versions were built from, with names: datasets joined as planning sees them, and the small
 * record that remembers which they were. */
#include "lorabuild/common/file.h"
#include "lorabuild/run/facts.h"
#include "lorabuild/run/history.h"

#include <stdlib.h>
#include <string.h>

struct named_document {
    const char *shown;
    const struct document *document;
    bool relearn;
};

static int by_shown(const void *a, const void *b)
{
    const struct named_document *x = a, *y = b;
    return strcmp(x->shown, y->shown);
}

static void add_samples(struct plan_set *set, const struct document *d, uint32_t index,
                        struct digest_set *texts)
{
    for (size_t k = 0; k < d->count; k++) {
        const struct sample *s = &d->samples[k];
        bool heading = s->kind == SAMPLE_HEADING;
        set->samples[set->count++] =
            (struct plan_sample){s->content, s->id, heading, index, s->place};
        digest_set_add(&set->ids, s->id);
        digest_set_add(&set->contents, s->content);
        if (!heading)
            digest_set_add(texts, s->id);
    }
}

void facts_join(struct plan_set *set, const struct facts_dataset *list, size_t count,
                struct arena *a)
{
    size_t documents = 0, samples = 0, n = 0;
    for (size_t i = 0; i < count; i++) {
        documents += list[i].data->document_count;
        for (size_t d = 0; d < list[i].data->document_count; d++)
            samples += list[i].data->documents[d].count;
    }
    struct named_document *named = mem_array(documents, sizeof *named);
    for (size_t i = 0; i < count; i++)
        for (size_t d = 0; d < list[i].data->document_count; d++) {
            const struct document *doc = &list[i].data->documents[d];
            named[n++] = (struct named_document){
                count == 1 ? arena_strdup(a, doc->path)
                           : arena_printf(a, "%s/%s", list[i].written, doc->path),
                doc, list[i].relearn};
        }
    bool sorted = true; /* as a single dataset is */
    for (size_t i = 1; sorted && i < n; i++)
        sorted = by_shown(&named[i - 1], &named[i]) <= 0;
    if (!sorted)
        qsort(named, n, sizeof *named, by_shown);
    *set = (struct plan_set){.documents = arena_array(a, n + 1, sizeof *set->documents),
                             .first = arena_array(a, n + 1, sizeof *set->first),
                             .document_count = n,
                             .relearn = arena_array(a, n + 1, sizeof *set->relearn),
                             .samples = arena_array(a, samples + 1, sizeof *set->samples)};
    struct digest_set texts = {0};
    for (size_t i = 0; i < n; i++) {
        ((bool *)(uintptr_t)set->relearn)[i] = named[i].relearn;
        set->documents[i] = named[i].shown;
        set->first[i] = set->count;
        add_samples(set, named[i].document, (uint32_t)i, &texts);
    }
    set->first[n] = set->count;
    /* What waits for its caption's acceptance is not learned, but it is not gone. */
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < list[i].data->waiting_count; k++)
            digest_set_add(&set->contents, list[i].data->waiting[k].content);
    size_t all = texts.count;
    digest_set_seal(&texts);
    digest_set_seal(&set->ids);
    digest_set_seal(&set->contents);
    set->set = digest_set_digest(&set->ids, SAMPLE_SET);
    set->sample_count = texts.count;
    set->repeated_count = all - texts.count;
    digest_set_free(&texts);
    free(named);
}

void facts_free_set(struct plan_set *set)
{
    digest_set_free(&set->ids);
    digest_set_free(&set->contents);
}

char *facts_record_path(const struct target *t, int version)
{
    return mem_printf("%s/lineage/%s/v%d.json", t->scope->keep, t->lineage.name, version);
}

bool facts_record_version(const struct workshop *w, const struct target *t, int version,
                          double seconds, struct error *e)
{
    json_t *datasets = json_array();
    for (size_t i = 0; i < t->rule->data_count; i++) {
        const struct source *s = &w->sources[t->rule->data[i]];
        char hex[DIGEST_HEX];
        digest_hex(s->data.key, hex);
        json_array_append_new(datasets, json_pack("{s:s, s:s?, s:s}", "key", hex, "client",
                                                  s->scope->client, "written", s->rule->written));
    }
    json_t *o = json_pack("{s:i, s:o, s:f}", "format", 1, "datasets", datasets, "seconds", seconds);
    char *path = facts_record_path(t, version), *folder = path_folder(path);
    struct strbuf b = {0};
    json_object_set_new(o, "changes", history_describe(&t->plan));
    json_write(&b, o, true);
    bool ok = folder_make(folder, 0777, e) && file_replace(path, strbuf_str(&b), 0666, e);
    strbuf_free(&b);
    json_decref(o);
    free(folder);
    free(path);
    return ok;
}

double facts_recorded_seconds(const struct target *t, int version)
{
    char *path = facts_record_path(t, version);
    json_t *o = json_read_file(path, 1 << 24, NULL);
    double seconds = json_number_value(json_object_get(o, "seconds"));
    json_decref(o);
    free(path);
    return seconds;
}

bool facts_recall_datasets(struct workshop *w, const struct target *t, int version, bool with_text,
                           struct facts_recalled *r)
{
    char *path = facts_record_path(t, version);
    json_t *o = json_read_file(path, 1 << 24, NULL), *datasets = json_object_get(o, "datasets");
    size_t count = json_array_size(datasets);
    *r = (struct facts_recalled){mem_array(count, sizeof *r->datasets),
                                 mem_array(count, sizeof *r->named),
                                 mem_array(count, sizeof *r->scopes), 0};
    for (; r->count < count; r->count++) {
        const json_t *d = json_array_get(datasets, r->count);
        const char *key = json_string_value(json_object_get(d, "key"));
        const char *written = json_string_value(json_object_get(d, "written"));
        const char *client = json_string_value(json_object_get(d, "client"));
        struct scope *scope = r->scopes[r->count] = project_scope(w->project, client);
        struct digest digest;
        if (!key || !written || !digest_from_hex(&digest, str_of(key)) ||
            !seal_has_dataset(scope->keep, digest) ||
            !seal_read_dataset(&r->datasets[r->count], scope->keep, digest, with_text, NULL))
            break;
        struct dataset *read = &r->datasets[r->count];
        r->named[r->count] =
            (struct facts_dataset){read, arena_strdup(&read->arena, written), false};
    }
    bool whole = count && r->count == count;
    json_decref(o);
    free(path);
    if (!whole)
        facts_recalled_free(r);
    return whole;
}

void facts_recalled_free(struct facts_recalled *r)
{
    for (size_t i = 0; i < r->count; i++)
        dataset_free(&r->datasets[i]);
    free(r->scopes);
    free(r->named);
    free(r->datasets);
    *r = (struct facts_recalled){0};
}

struct plan_set *facts_recall_set(struct workshop *w, struct target *t, int version)
{
    struct facts_recalled r;
    if (!facts_recall_datasets(w, t, version, false, &r))
        return NULL;
    struct plan_set *set = arena_alloc(&t->arena, sizeof *set);
    facts_join(set, r.named, r.count, &t->arena);
    facts_recalled_free(&r);
    return set;
}
