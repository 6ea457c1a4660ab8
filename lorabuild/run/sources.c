#include "lorabuild/run/sources.h"

#include "cache/scan.h"
#include "lorabuild/common/clock.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/data/read.h"
#include "lorabuild/run/child.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Hidden and desktop files are passed over silently; what is no source but might be taken for
 * one (a spreadsheet) stays, so that its absence can be explained. */
static bool skip_entry(const char *name, bool is_folder, void *context)
{
    (void)context;
    const char *reason = NULL;
    if (is_folder)
        return name[0] == '.';
    return !read_is_source(name, &reason) && !reason;
}

/* Where the captions of a client's dataset go whose folder cannot be written: the client's own
 * folder, or among what is kept for that client. */
static char *client_captions_path(const struct scope *scope, const char *name)
{
    char *kept = mem_printf("%s/captions/%s.csv", scope->keep, name);
    char *path = mem_printf("%s/%s.metadata.csv", scope->like, name);
    bool use_kept =
        access(path, F_OK) < 0 && (access(kept, F_OK) == 0 || access(scope->like, W_OK) < 0);
    free(use_kept ? path : kept);
    return use_kept ? kept : path;
}

/* metadata.csv stands in the dataset's folder; where that cannot be written, in the client's, or
 * beside the rule file. */
static char *choose_captions_path(const struct rule_dataset *d, const struct rules *r,
                                  const struct scope *scope, bool is_file)
{
    if (d->metadata)
        return mem_strdup(d->metadata);
    char *folder = is_file ? path_folder(d->path) : mem_strdup(d->path);
    char *path =
        is_file ? mem_printf("%s.metadata.csv", d->path) : path_join(folder, "metadata.csv");
    if (access(folder, W_OK) < 0 && access(path, F_OK) < 0) {
        char *name = mem_strdup(d->name);
        for (char *c = name; *c; c++)
            if (*c == '/')
                *c = '-';
        free(path);
        path = scope->client ? client_captions_path(scope, name)
                             : mem_printf("%s/%s.metadata.csv", r->root, name);
        free(name);
    }
    free(folder);
    return path;
}

static bool keeps_changing(const struct source *s, struct error *e)
{
    return error_set(e, ERROR_INPUT,
                     _("%s keeps changing while it is read; run again when it is "
                       "complete"),
                     s->rule->written);
}

/* Waits out the two seconds in which a file counts as still being written: again, while between
 * two looks something did change (a copy that is under way), but not for ever. */
static bool scan_settled(struct scan *scan, const struct source *s, struct store *hashes,
                         const struct source_options *o, struct error *e)
{
    enum { MOST_WAITS = 5 };
    const char *path = s->rule->path;
    struct digest before, now = {{0}};
    if (!scan_folder_within(scan, path, &s->walls, hashes, o->rehash, skip_entry, NULL, e))
        return false;
    for (int i = 0; i < MOST_WAITS && scan->too_young; i++) {
        if (i == 0 && o->waiting)
            o->waiting(o->context, path);
        before = seal_scan_key(scan, (struct digest){{0}}, "");
        scan_free(scan);
        nanosleep(&(struct timespec){2, 100000000}, NULL);
        if (!scan_folder_within(scan, path, &s->walls, hashes, o->rehash, skip_entry, NULL, e))
            return false;
        now = seal_scan_key(scan, (struct digest){{0}}, "");
        if (digest_equal(before, now))
            return true;
    }
    if (!scan->too_young)
        return true;
    scan_free(scan);
    return keeps_changing(s, e);
}

/* The first file that cannot be read as it is, with its path as the rules write the folder. */
static bool has_problem(const struct scan *scan, const char *written, bool is_file, struct error *e)
{
    for (size_t i = 0; i < scan->count; i++) {
        const struct scan_file *f = &scan->files[i];
        if (!f->problem || !f->problem[0])
            continue;
        char *path = is_file ? mem_strdup(written) : path_join(written, f->path);
        error_set(e, ERROR_INPUT, "%s: %s", path, f->problem);
        free(path);
        return true;
    }
    return false;
}

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

/* A link may lead anywhere in its own client's folder and in what is shared; without clients,
 * anywhere in the project. */
static void raise_walls(struct source *s, const struct rules *r)
{
    if (r->clients_root && s->rule->client)
        s->own = path_join(r->clients_root, s->rule->client);
    else if (!r->clients_root)
        s->own = realpath(r->root, NULL);
    s->walls = (struct link_walls){s->own, r->clients_root, r->shared, r->shared_count};
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

static json_t *read_plan(const struct source *s, const char *folder, bool is_file,
                         const struct to_read *r, const json_t *edit)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->count; i++) {
        char hex[DIGEST_HEX];
        digest_hex(r->sources[i].digest, hex);
        json_array_append_new(list, json_pack("[o, s, I]", json_bytes(r->sources[i].path), hex,
                                              (json_int_t)r->sources[i].size_bytes));
    }
    json_t *plan =
        json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:o}", "folder", json_bytes(folder), "shown",
                  shown_folder(s, is_file), "captions", json_bytes(s->captions_path),
                  "caption_mode", s->caption_mode, "keep", json_bytes(s->scope->keep), "walls",
                  describe_walls(&s->walls), "sources", list);
    if (edit)
        json_object_set_new(plan, "caption_edit", json_deep_copy(edit));
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
static bool read_stage(struct source *s, struct digest *key, const char *folder, bool is_file,
                       const struct to_read *r, const struct source_options *o, bool *changed,
                       struct error *e)
{
    char *captions_folder = path_folder(s->captions_path);
    json_t *done = NULL;
    bool ok = project_make_keep(s->scope, e) &&
              (access(s->scope->keep, W_OK) == 0 || error_errno(e, "%s", s->scope->keep)) &&
              folder_make(captions_folder, 0777, e) &&
              (done = child_run_seen("read", read_plan(s, folder, is_file, r, o->caption_edit),
                                     o->threads, NULL, o->timeline, s->rule->written, e));
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

/* What is new or changed is read, and the dataset sealed. */
static bool read_changes(struct source *s, const struct scan *scan, struct digest *key,
                         const char *folder, bool is_file, bool no_captions, struct store *store,
                         const struct source_options *o, bool *changed, struct error *e)
{
    struct to_read r;
    bool plain = no_captions && strcmp(s->caption_mode, "none") == 0;
    choose_to_read(&r, s, scan, *key, plain, store);
    bool ok = read_stage(s, key, folder, is_file, &r, o, changed, e);
    if (ok && !*changed && plain)
        remember_last(s, store, *key);
    dataset_free(&r.old);
    free(r.gone);
    free(r.sources);
    return ok;
}

/* One look at the dataset: scanned, found sealed or read. */
static bool look(struct source *s, struct project *p, const char *folder, bool is_file,
                 const struct source_options *o, bool *changed, struct error *e)
{
    struct store *hashes = project_hashes(p, s->scope, e);
    struct scan scan = {0};
    struct digest captions = {{0}}, key;
    double began_s = clock_seconds();
    bool ok = hashes && scan_settled(&scan, s, hashes, o, e);
    timeline_add(o->timeline, "scan", s->rule->written, began_s);
    ok = ok && !has_problem(&scan, s->rule->written, is_file, e);
    if (ok && access(s->captions_path, F_OK) == 0)
        ok = scan_file_digest(&captions, s->captions_path, hashes, o->rehash, e);
    if (!ok)
        goto out;
    s->files = scan.count;
    s->hashed = scan.hashed;
    key = seal_scan_key(&scan, captions, s->caption_mode);
    *changed = false;
    if (o->caption_edit || !seal_has_dataset(s->scope->keep, key)) {
        s->read_now = true;
        ok = read_changes(s, &scan, &key, folder, is_file, digest_is_zero(captions), hashes, o,
                          changed, e);
    }
    if (ok && !*changed)
        ok = seal_read_dataset_header(&s->data, s->scope->keep, key, e);
out:
    scan_free(&scan);
    return ok;
}

bool source_load(struct source *s, struct project *p, const struct rule_dataset *rule,
                 const char *caption_mode, const struct source_options *o, struct error *e)
{
    enum { TRIES = 3 };
    double begin = clock_seconds();
    struct stat st;
    bool is_file = stat(rule->path, &st) == 0 && !S_ISDIR(st.st_mode), changed = true;
    char *folder = is_file ? path_folder(rule->path) : mem_strdup(rule->path);
    *s = (struct source){
        .rule = rule, .scope = project_scope(p, rule->client), .caption_mode = caption_mode};
    raise_walls(s, p->rules);
    s->captions_path = choose_captions_path(rule, p->rules, s->scope, is_file);
    bool ok = true;
    for (int i = 0; ok && changed && i < TRIES; i++)
        ok = look(s, p, folder, is_file, o, &changed, e);
    if (ok && !changed && rule->review_required)
        ok = source_load_samples(s, e); /* how many wait is said even where nothing is built */
    if (ok && changed)
        ok = keeps_changing(s, e);
    s->seconds = clock_seconds() - begin;
    free(folder);
    return ok;
}

bool source_load_samples(struct source *s, struct error *e)
{
    if (s->has_samples)
        return true;
    struct digest key = s->data.key;
    dataset_free(&s->data);
    s->has_samples = seal_read_dataset(&s->data, s->scope->keep, key, false, e);
    return s->has_samples;
}

void source_free(struct source *s)
{
    dataset_free(&s->data);
    json_decref(s->captions);
    free(s->captions_path);
    free(s->own);
    *s = (struct source){0};
}
