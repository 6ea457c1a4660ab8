/* What was forgotten stays forgotten: documents that reappear, and a forget that was killed. */
#include "lorabuild/run/forget.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/data/seal_file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- At reading. --- */

/* What was sealed a moment ago of a document that may not be learned. */
static void unseal(const struct source *s, const struct document *d)
{
    char *dataset = seal_dataset_path(s->scope->keep, s->data.key);
    char *source = seal_source_path(s->scope->keep, d->kind, d->source);
    unlink(dataset);
    unlink(source);
    free(source);
    free(dataset);
}

/* The first text of a document that was forgotten; SIZE_MAX: none. */
static size_t forgotten_text(struct tombstones *t, const struct document *d, size_t *document)
{
    for (size_t i = 0; i < d->count; i++) {
        if (d->samples[i].kind == SAMPLE_HEADING)
            continue;
        *document = tombstones_find_digest(t, TOMBSTONE_TEXT, d->samples[i].content);
        if (*document != TOMBSTONE_NONE)
            return i;
    }
    return SIZE_MAX;
}

/* `place` 0: the whole file is one that was forgotten. */
static bool refuse(const struct target *t, const struct source *s, const struct document *d,
                   const char *date, size_t place, struct error *e)
{
    struct strbuf shown = {0};
    const char *name = t->rule->name, *written = s->rule->written;
    strbuf_add_shown(&shown, str_of(d->path));
    unseal(s, d);
    if (!place)
        error_set(e, ERROR_INPUT,
                  _("%s: %s was forgotten on %s and is back in %s.\n"
                    "Take it out; or, to learn it again: lorabuild forget --undo %s '%s'"),
                  name, shown.data, date, written, name, shown.data);
    else
        error_set(e, ERROR_INPUT,
                  _("%s: §%zu of %s in %s stood in a document that was forgotten on %s.\n"
                    "Take it out; or, to learn it again: lorabuild forget --undo %s '%s'"),
                  name, place, shown.data, written, date, name, shown.data);
    strbuf_free(&shown);
    return false;
}

static bool check_document(const struct target *t, struct tombstones *stones,
                           const struct source *s, const struct document *d, struct error *e)
{
    size_t document = tombstones_find_digest(stones, TOMBSTONE_SOURCE, d->source), text;
    if (document != TOMBSTONE_NONE)
        return refuse(t, s, d, stones->documents[document].date, 0, e);
    text = forgotten_text(stones, d, &document);
    return text == SIZE_MAX ||
           refuse(t, s, d, stones->documents[document].date, d->samples[text].place, e);
}

/* What waits for review may not be accepted either. */
static bool check_waiting(const struct target *t, struct tombstones *stones, const struct source *s,
                          struct error *e)
{
    for (size_t i = 0; i < s->data.waiting_count; i++) {
        const struct waiting *w = &s->data.waiting[i];
        size_t document = w->heading ? TOMBSTONE_NONE
                                     : tombstones_find_digest(stones, TOMBSTONE_TEXT, w->content);
        if (document != TOMBSTONE_NONE)
            return refuse(t, s, &s->data.documents[w->document], stones->documents[document].date,
                          w->place, e);
    }
    return true;
}

bool forget_check(const struct workshop *w, const struct target *t, struct error *e)
{
    struct tombstones stones;
    char *folder = path_join(t->rule->output, "forgotten");
    bool ok = tombstones_read(&stones, folder, e);
    for (size_t i = 0; ok && stones.count && i < t->rule->data_count; i++) {
        const struct source *s = &w->sources[t->rule->data[i]];
        for (size_t k = 0; ok && k < s->data.document_count; k++)
            ok = check_document(t, &stones, s, &s->data.documents[k], e);
        ok = ok && check_waiting(t, &stones, s, e);
    }
    tombstones_free(&stones);
    free(folder);
    return ok;
}

/* --- Undo. --- */

static bool lift(struct tombstones *t, enum tombstone_kind kind, struct str bytes)
{
    bool lifted = false;
    for (size_t found; (found = tombstones_find(t, kind, bytes)) != TOMBSTONE_NONE; lifted = true)
        t->documents[found].lifted = true;
    return lifted;
}

static bool lift_digest(struct tombstones *t, enum tombstone_kind kind, struct digest d)
{
    char hex[DIGEST_HEX];
    digest_hex(d, hex);
    return lift(t, kind, str_of(hex));
}

/* By the path under which it was forgotten. It may be typed in three ways, as for forgetting. */
static bool lift_by_name(struct tombstones *t, const struct rule_dataset *d, const char *file)
{
    char *clean = path_clean(file), *here = getcwd(NULL, 0);
    char *whole = path_join(here ? here : "", file), *absolute = path_clean(whole);
    const char *names[3] = {file, NULL, NULL};
    if (path_is_beneath(clean, d->written) && strcmp(clean, d->written) != 0)
        names[1] = clean + strlen(d->written) + 1;
    if (path_is_beneath(absolute, d->path) && strcmp(absolute, d->path) != 0)
        names[2] = absolute + strlen(d->path) + 1;
    bool lifted = false;
    for (int i = 0; i < 3; i++)
        lifted = (names[i] && lift(t, TOMBSTONE_NAME, str_of(names[i]))) || lifted;
    free(absolute);
    free(whole);
    free(here);
    free(clean);
    return lifted;
}

/* By what it holds, where it is back already, maybe under another name. */
static bool lift_by_content(struct tombstones *t, const struct source *s, const char *file)
{
    bool lifted = false;
    for (size_t i = 0; i < s->data.document_count; i++) {
        const struct document *d = &s->data.documents[i];
        if (!forget_names(s->rule, d->path, file))
            continue;
        lifted = lift_digest(t, TOMBSTONE_SOURCE, d->source) || lifted;
        for (size_t k = 0; k < d->count; k++)
            if (d->samples[k].kind != SAMPLE_HEADING)
                lifted = lift_digest(t, TOMBSTONE_TEXT, d->samples[k].content) || lifted;
    }
    for (size_t i = 0; i < s->data.waiting_count; i++) {
        const struct waiting *w = &s->data.waiting[i];
        if (!w->heading && forget_names(s->rule, s->data.documents[w->document].path, file))
            lifted = lift_digest(t, TOMBSTONE_TEXT, w->content) || lifted;
    }
    return lifted;
}

static bool undo_adapter(struct workshop *w, const struct rule_adapter *a,
                         const struct forget_request *r, bool *lifted, struct error *e)
{
    struct tombstones t;
    char *folder = path_join(a->output, "forgotten");
    bool ok = tombstones_read(&t, folder, e), changed = false;
    for (size_t i = 0; ok && i < r->file_count; i++)
        for (size_t k = 0; ok && t.count && k < a->data_count; k++) {
            struct source *s = workshop_source(w, a->data[k], e);
            ok = s && source_load_samples(s, e);
            bool found = ok && lift_by_name(&t, s->rule, r->files[i]);
            found = (ok && lift_by_content(&t, s, r->files[i])) || found;
            lifted[i] = lifted[i] || found;
            changed = changed || found;
        }
    for (size_t i = 0; ok && r->all && i < t.document_count; i++)
        changed = t.documents[i].lifted = true;
    ok = ok && (!changed || tombstones_write(&t, folder, e));
    tombstones_free(&t);
    free(folder);
    return ok;
}

bool forget_undo(struct workshop *w, const struct forget_request *r, struct error *e)
{
    const struct rules *rules = w->project->rules;
    bool ok = true, *lifted = mem_array(r->file_count, sizeof *lifted);
    for (size_t i = 0; ok && i < rules->adapter_count; i++)
        if (r->adapters[i])
            ok = undo_adapter(w, &rules->adapters[i], r, lifted, e);
    for (size_t i = 0; ok && i < r->file_count; i++)
        if (!lifted[i])
            ok = error_set(e, ERROR_INPUT, _("no document like '%s' was forgotten"), r->files[i]);
    free(lifted);
    return ok;
}

/* --- Finishing. --- */

static void tell(char ***notes, size_t *count, const char *format, const char *path)
{
    *notes = mem_grow(*notes, *count + 1, sizeof **notes);
    (*notes)[(*count)++] = mem_printf(format, path);
}

/* The locks are held. Whoever held them before may have finished it. */
static bool finish(struct project *p, const char *folder, char ***notes, size_t *count,
                   struct error *e)
{
    struct erasure x;
    char **unwritable = NULL;
    size_t unwritable_count = 0;
    bool there;
    if (!erasure_read(&x, p, folder, &there, e) || !there)
        return !there;
    bool ok = erasure_run(&x, p, &unwritable, &unwritable_count, e);
    if (ok)
        tell(notes, count, _("finished a forget that was interrupted; receipt: %s"), x.receipt);
    for (size_t i = 0; i < unwritable_count; i++) {
        tell(notes, count, _("%s may not be changed; rows of what was forgotten stay in it"),
             unwritable[i]);
        free(unwritable[i]);
    }
    free(unwritable);
    erasure_free(&x);
    return ok;
}

bool forget_resume(struct project *p, const char *folder, char ***notes, size_t *count,
                   struct error *e)
{
    struct erasure x;
    struct error why = {0};
    const char *busy;
    char *holder;
    bool there;
    if (p->read_only)
        return true;
    if (!erasure_read(&x, p, folder, &there, e) || !there)
        return !there;
    int *locks = mem_array(x.adapter_count, sizeof *locks);
    bool ok = erasure_lock(&x, p, locks, &busy, &holder, &why);
    if (ok) {
        ok = finish(p, folder, notes, count, &why);
        erasure_unlock(&x, locks);
    } else if (why.kind == ERROR_NONE) {
        ok = true; /* who holds a lock is at it, or comes here next */
    }
    if (!ok && e)
        *e = why;
    free(holder);
    free(locks);
    erasure_free(&x);
    return ok;
}
