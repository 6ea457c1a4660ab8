/* What the reading stage is told, and what it answers. */
#include "lorabuild/run/sources_parts.h"

#include "lorabuild/common/file.h"
#include "lorabuild/run/child.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the reading stage is told: all sources, or a base and what is not as it was there. */
struct to_read {
    struct seal_source *sources;
    size_t count;
    struct digest base, key;
    struct dataset old; /* the base */
    const char **gone;
    size_t gone_count;
};

static struct seal_source as_source(const struct scan_file *f)
{
    return (struct seal_source){f->path, f->digest, f->size_bytes};
}

/* Walks the base and the scan, both by path. */
static void compare_with_base(struct to_read *r, const struct scan *scan)
{
    size_t at = 0;
    r->gone = mem_array(r->old.document_count, sizeof *r->gone);
    for (size_t i = 0; i < scan->count; i++) {
        const struct scan_file *f = &scan->files[i];
        int order = 1;
        while (at < r->old.document_count &&
               (order = strcmp(r->old.documents[at].path, f->path)) < 0)
            r->gone[r->gone_count++] = r->old.documents[at++].path;
        bool there = at < r->old.document_count && order == 0;
        if (!there || !digest_equal(r->old.documents[at].source, f->digest))
            r->sources[r->count++] = as_source(f);
        at += there;
    }
    while (at < r->old.document_count)
        r->gone[r->gone_count++] = r->old.documents[at++].path;
}

static struct digest last_name(const struct source *s)
{
    struct digest_stream *d = digest_begin("last dataset");
    digest_add_text(d, s->rule->path);
    digest_add_text(d, s->caption_mode);
    return digest_end(d);
}

enum { LAST_VERSION = 1, LAST_VALUE = 1 + sizeof(struct digest) };

/* The dataset that was sealed of this folder last, if there is one, and no caption is in it. */
static bool recall_last(const struct source *s, struct store *store, struct digest *key)
{
    struct digest name = last_name(s);
    struct str value;
    struct store_view *v = store_view_begin(store, NULL);
    bool found =
        v && store_view_get(v, 'd', (struct str){(const char *)name.bytes, sizeof name}, &value) &&
        value.size == LAST_VALUE && value.data[0] == LAST_VERSION;
    if (found)
        memcpy(key, value.data + 1, sizeof *key);
    store_view_end(v);
    return found;
}

static void remember_last(const struct source *s, struct store *store, struct digest key)
{
    struct digest name = last_name(s);
    char value[LAST_VALUE] = {LAST_VERSION};
    memcpy(value + 1, &key, sizeof key);
    struct store_change *c = store_change_begin(store);
    store_change_put(c, 'd', (struct str){(const char *)name.bytes, sizeof name},
                     (struct str){value, sizeof value});
    store_change_commit(c, NULL); /* it is memory: without it all is looked at */
}

static void list_all(struct to_read *r, const struct scan *scan)
{
    for (r->count = 0; r->count < scan->count; r->count++)
        r->sources[r->count] = as_source(&scan->files[r->count]);
}

/* `plain`: without captions, where no text has a part in another's record. */
static void choose_to_read(struct to_read *r, const struct source *s, const struct scan *scan,
                           struct digest key, bool plain, struct store *store)
{
    *r = (struct to_read){.sources = mem_array(scan->count, sizeof *r->sources), .key = key};
    if (plain && recall_last(s, store, &r->base) && seal_has_dataset(s->scope->keep, r->base) &&
        seal_read_dataset(&r->old, s->scope->keep, r->base, false, NULL)) {
        compare_with_base(r, scan);
        if (r->count * 2 < scan->count)
            return;
    }
    r->base = (struct digest){{0}};
    list_all(r, scan);
}

static json_t *describe_walls(const struct link_walls *w)
{
    json_t *open = json_array();
    for (size_t i = 0; i < w->open_count; i++)
        json_array_append_new(open, json_bytes(w->open[i]));
    return json_pack("{s:o, s:o, s:o}", "own", json_bytes(w->own), "clients",
                     json_bytes(w->clients), "open", open);
}

/* The folder as the rules write it. */
static json_t *shown_folder(const struct source *s, bool is_file)
{
    char *folder = is_file ? path_folder(s->rule->written) : mem_strdup(s->rule->written);
    json_t *shown = strcmp(folder, ".") == 0 ? json_null() : json_bytes(folder);
    free(folder);
    return shown;
}

static json_t *read_plan(const struct source *s, const struct source_look *l,
                         const struct to_read *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->count; i++) {
        char hex[DIGEST_HEX];
        digest_hex(r->sources[i].digest, hex);
        json_array_append_new(list, json_pack("[o, s, I]", json_bytes(r->sources[i].path), hex,
                                              (json_int_t)r->sources[i].size_bytes));
    }
    json_t *plan =
        json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:o}", "folder", json_bytes(l->folder), "shown",
                  shown_folder(s, l->is_file), "captions", json_bytes(s->captions_path),
                  "caption_mode", s->caption_mode, "keep", json_bytes(s->scope->keep), "walls",
                  describe_walls(&s->walls), "sources", list);
    if (l->options->caption_edit)
        json_object_set_new(plan, "caption_edit", json_deep_copy(l->options->caption_edit));
    if (!digest_is_zero(r->base)) {
        json_t *gone = json_array();
        char base[DIGEST_HEX], key[DIGEST_HEX];
        for (size_t i = 0; i < r->gone_count; i++)
            json_array_append_new(gone, json_bytes(r->gone[i]));
        digest_hex(r->base, base);
        digest_hex(r->key, key);
        json_object_set_new(plan, "gone", gone);
        json_object_set_new(plan, "base", json_string(base));
        json_object_set_new(plan, "key", json_string(key));
    }
    return plan;
}

/* Runs the reading stage. *changed: a file was written to meanwhile; scan again. */
static bool read_stage(struct source *s, const struct source_look *l, const struct to_read *r,
                       struct digest *key, bool *changed, struct error *e)
{
    const struct source_options *o = l->options;
    char *captions_folder = path_folder(s->captions_path);
    json_t *done = NULL;
    bool ok = project_make_keep(s->scope, e) &&
              (access(s->scope->keep, W_OK) == 0 || error_errno(e, "%s", s->scope->keep)) &&
              folder_make(captions_folder, 0777, e) &&
              (done = child_run_seen("read", read_plan(s, l, r), o->threads, NULL, o->timeline,
                                     s->rule->written, e));
    const char *text = json_string_value(json_object_get(done, "key"));
    *changed = json_is_true(json_object_get(done, "changed"));
    if (ok && !*changed && (!text || !digest_from_hex(key, str_of(text))))
        ok = error_set(e, ERROR_INTERNAL, "the reading stage gave no key");
    json_decref(s->captions);
    s->captions = json_incref(json_object_get(done, "captions"));
    json_decref(done);
    free(captions_folder);
    return ok;
}

bool sources_read(struct source *s, const struct source_look *l, struct digest *key, bool *changed,
                  struct error *e)
{
    struct to_read r;
    bool plain = !l->has_captions && strcmp(s->caption_mode, "none") == 0;
    choose_to_read(&r, s, l->scan, *key, plain, l->hashes);
    bool ok = read_stage(s, l, &r, key, changed, e);
    if (ok && !*changed && plain)
        remember_last(s, l->hashes, *key);
    dataset_free(&r.old);
    free(r.gone);
    free(r.sources);
    return ok;
}
