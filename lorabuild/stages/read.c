#include "lorabuild/common/clock.h"
#include "lorabuild/data/read.h"
#include "lorabuild/stages/sandbox.h"
#include "lorabuild/stages/stage.h"

#include <stdlib.h>

/* [[path, digest, size], …] */
static bool parse_sources(const json_t *list, struct seal_source **sources, size_t *count,
                          struct error *e)
{
    *count = json_array_size(list);
    *sources = mem_array(*count, sizeof **sources);
    for (size_t i = 0; i < *count; i++) {
        const json_t *entry = json_array_get(list, i);
        const char *digest = json_string_value(json_array_get(entry, 1));
        struct seal_source *s = &(*sources)[i];
        s->path = json_string_value(json_array_get(entry, 0));
        s->size_bytes = (uint64_t)json_integer_value(json_array_get(entry, 2));
        if (!s->path || !digest || !digest_from_hex(&s->digest, str_of(digest)))
            return error_set(e, ERROR_INTERNAL, "plan: source %zu is malformed", i);
    }
    return true;
}

/* {"accept": true, "picks": [FILE, …], "redo": FILE} */
static const struct captions_edit *parse_edit(const json_t *o, struct captions_edit *edit)
{
    const json_t *picks = json_object_get(o, "picks");
    if (!o)
        return NULL;
    const char **list = mem_array(json_array_size(picks), sizeof *list);
    for (size_t i = 0; i < json_array_size(picks); i++) {
        const char *pick = json_string_value(json_array_get(picks, i));
        list[i] = pick ? pick : "";
    }
    *edit = (struct captions_edit){.accept = json_is_true(json_object_get(o, "accept")),
                                   .picks = list,
                                   .pick_count = json_array_size(picks),
                                   .redo = json_string_value(json_object_get(o, "redo"))};
    return edit;
}

static json_t *describe_captions(const struct captions_counts *c)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "machine", (json_int_t)c->machine,
                     "new", (json_int_t)c->fresh, "accepted", (json_int_t)c->accepted, "waiting",
                     (json_int_t)c->waiting, "yours", (json_int_t)c->yours, "skipped",
                     (json_int_t)c->skipped, "picked", (json_int_t)c->picked, "edited",
                     (json_int_t)c->edited);
}

/* How far links may lead; none where the plan does not say. */
static const char **parse_walls(const json_t *o, struct link_walls *w)
{
    const json_t *open = json_object_get(o, "open");
    size_t count = json_array_size(open);
    const char **list = mem_array(count, sizeof *list);
    for (size_t i = 0; i < count; i++)
        list[i] = json_string_value(json_array_get(open, i));
    *w = (struct link_walls){json_string_value(json_object_get(o, "own")),
                             json_string_value(json_object_get(o, "clients")), list, count};
    return list;
}

/* What may be touched: the folder, what links in it may lead to, and where results go. */
static bool enter_sandbox(const struct read_request *r, struct error *e)
{
    const struct link_walls *w = &r->walls;
    struct sandbox_path *paths = mem_array(w->open_count + 4, sizeof *paths);
    size_t count = 0;
    paths[count++] = (struct sandbox_path){r->folder, false};
    paths[count++] = (struct sandbox_path){r->keep, true};
    paths[count++] = (struct sandbox_path){r->captions_path, true};
    if (w->own)
        paths[count++] = (struct sandbox_path){w->own, false};
    for (size_t i = 0; i < w->open_count; i++)
        paths[count++] = (struct sandbox_path){w->open[i], false};
    bool ok = sandbox_enter(paths, count, e);
    free(paths);
    return ok;
}

/* A dataset that the new one is made from, if the plan names one. */
static bool parse_base(const json_t *plan, struct read_request *r, const char ***list,
                       struct error *e)
{
    const char *base = json_string_value(json_object_get(plan, "base"));
    const char *key = json_string_value(json_object_get(plan, "key"));
    const json_t *gone = json_object_get(plan, "gone");
    if (!base)
        return true;
    if (!key || !digest_from_hex(&r->base, str_of(base)) || !digest_from_hex(&r->key, str_of(key)))
        return error_set(e, ERROR_INTERNAL, "plan: the base is malformed");
    r->gone_count = json_array_size(gone);
    *list = mem_array(r->gone_count, sizeof **list);
    for (size_t i = 0; i < r->gone_count; i++)
        if (!((*list)[i] = json_string_value(json_array_get(gone, i))))
            return error_set(e, ERROR_INTERNAL, "plan: 'gone' is malformed");
    r->gone = *list;
    return true;
}

static json_t *describe_dataset(const struct dataset *d, const struct captions_counts *counts)
{
    char key[DIGEST_HEX];
    digest_hex(d->key, key);
    json_t *unread = json_array(), *notes = json_array();
    for (size_t i = 0; i < d->unread_count; i++)
        json_array_append_new(unread, json_pack("[o, o]", json_bytes(d->unread[i].path),
                                                json_bytes(d->unread[i].reason)));
    for (size_t i = 0; i < d->note_count; i++)
        json_array_append_new(notes, json_bytes(d->notes[i]));
    return json_pack("{s:s, s:s, s:o, s:o, s:o}", "event", "done", "key", key, "unread", unread,
                     "notes", notes, "captions", describe_captions(counts));
}

bool stage_read(const json_t *plan, struct error *e)
{
    struct captions_counts counts = {0};
    struct captions_edit edit = {0};
    struct read_request r = {.counts = &counts};
    struct seal_source *sources = NULL;
    struct dataset d = {0};
    bool changed = false;
    r.shown = json_string_value(json_object_get(plan, "shown"));
    const char **gone = NULL;
    const char **walls = parse_walls(json_object_get(plan, "walls"), &r.walls);
    bool ok = json_get_text(plan, "folder", &r.folder, "plan", e) &&
              json_get_text(plan, "captions", &r.captions_path, "plan", e) &&
              json_get_text(plan, "caption_mode", &r.caption_mode, "plan", e) &&
              json_get_text(plan, "keep", &r.keep, "plan", e) &&
              parse_sources(json_object_get(plan, "sources"), &sources, &r.source_count, e) &&
              parse_base(plan, &r, &gone, e);
    if (!ok)
        goto out;
    r.sources = sources;
    r.edit = parse_edit(json_object_get(plan, "caption_edit"), &edit);
    double began_s = clock_seconds();
    ok = enter_sandbox(&r, e) && read_dataset(&d, &r, &changed, e);
    stage_span("cut", began_s);
    if (ok)
        stage_event(describe_dataset(&d, &counts));
    else if (changed)
        ok = stage_event(json_pack("{s:s, s:b}", "event", "done", "changed", 1));
    dataset_free(&d);
out:
    free((void *)(uintptr_t)edit.picks);
    free(gone);
    free(walls);
    free(sources);
    return ok;
}
