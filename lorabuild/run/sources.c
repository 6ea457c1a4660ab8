#include "lorabuild/run/sources_parts.h"

#include "lorabuild/common/clock.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/data/read.h"

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
    if (!scan_folder(scan, path, &s->walls, hashes, o->rehash, skip_entry, NULL, e))
        return false;
    for (int i = 0; i < MOST_WAITS && scan->too_young; i++) {
        if (i == 0 && o->waiting)
            o->waiting(o->context, path);
        before = seal_scan_key(scan, (struct digest){{0}}, "");
        scan_free(scan);
        nanosleep(&(struct timespec){2, 100000000}, NULL);
        if (!scan_folder(scan, path, &s->walls, hashes, o->rehash, skip_entry, NULL, e))
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
        ok = sources_read(s,
                          &(struct source_look){.scan = &scan,
                                                .folder = folder,
                                                .is_file = is_file,
                                                .has_captions = !digest_is_zero(captions),
                                                .hashes = hashes,
                                                .options = o},
                          &key, changed, e);
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
