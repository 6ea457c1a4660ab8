#include "lorabuild/run/forget.h"

#include "cache/lineage_remove.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/erasure_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RECORD_MOST_BYTES = 1 << 24 };

static const struct rules *rules_of(const struct forget *f)
{
    return f->workshop->project->rules;
}

/* --- Which adapters. --- */

static bool reads_documents(const struct forget *f, const struct rule_adapter *a)
{
    for (size_t i = 0; i < a->data_count; i++)
        for (size_t k = 0; k < f->document_count; k++)
            if (f->documents[k].dataset == a->data[i])
                return true;
    return false;
}

/* Those that read the documents' datasets, and all that stand on them: parents stand first. */
static void choose_adapters(struct forget *f)
{
    const struct rules *r = rules_of(f);
    bool *chosen = mem_array(r->adapter_count, sizeof *chosen);
    f->adapters = mem_array(r->adapter_count, sizeof *f->adapters);
    f->list.adapters = arena_array(&f->list.arena, r->adapter_count, sizeof *f->list.adapters);
    for (size_t i = 0; i < r->adapter_count; i++) {
        const struct rule_adapter *a = &r->adapters[i];
        bool reads = reads_documents(f, a);
        chosen[i] = !a->not_built_kind && (reads || (a->parent >= 0 && chosen[a->parent]));
        if (!chosen[i])
            continue;
        size_t n = f->list.adapter_count++;
        f->adapters[n] = (struct forget_adapter){.adapter = (int)i, .reads = reads};
        f->list.adapters[n] = (struct erasure_adapter){
            .folder = a->output, .client = a->client, .flat_output = a->flat_output};
    }
    free(chosen);
}

static bool add_wanted(struct forget *f, struct forget_adapter *to, int dataset, struct error *e)
{
    struct source *s = workshop_source(f->workshop, dataset, e);
    if (!s || !source_load_samples(s, e))
        return false;
    dataset_add_contents(&s->data, &to->wanted);
    return true;
}

static bool gather_wanted(struct forget *f, struct error *e)
{
    const struct rules *r = rules_of(f);
    for (size_t n = 0; n < f->list.adapter_count; n++) {
        for (int a = f->adapters[n].adapter; a >= 0; a = r->adapters[a].parent)
            for (size_t i = 0; i < r->adapters[a].data_count; i++)
                if (!add_wanted(f, &f->adapters[n], r->adapters[a].data[i], e))
                    return false;
        digest_set_seal(&f->adapters[n].wanted);
    }
    return true;
}

/* --- Which versions. --- */

static bool is_gone(const struct forget_adapter *a, struct digest content)
{
    return !digest_set_has(&a->wanted, content);
}

/* A version of which nobody can say what it saw counts as exposed. */
static bool is_exposed(const struct forget *f, const struct forget_adapter *a, struct version *v)
{
    if (!v || !lineage_load_exposure(v, NULL, NULL))
        return true;
    for (size_t i = 0; i < f->document_count; i++) {
        const struct digest_set *contents = &f->documents[i].contents;
        for (size_t k = 0; k < contents->count; k++)
            if (is_gone(a, contents->items[k]) && digest_set_has(&v->exposure, contents->items[k]))
                return true;
    }
    return false;
}

/* Does its report name a document? */
static bool is_reported(const struct forget *f, const struct version *v)
{
    for (size_t i = 0; i < f->document_count; i++)
        if (erasure_report_names(v->folder, f->documents[i].path))
            return true;
    return false;
}

static bool gather_versions(struct forget *f, size_t n, struct error *e)
{
    struct erasure_adapter *list = &f->list.adapters[n];
    struct forget_adapter *a = &f->adapters[n];
    struct target *t = workshop_target(f->workshop, a->adapter, e);
    if (!t)
        return false;
    a->current = t->lineage.current;
    a->highest = t->lineage.highest;
    list->versions = arena_array(&f->list.arena, (size_t)a->highest + 1, sizeof(int));
    list->reports = arena_array(&f->list.arena, (size_t)a->highest + 1, sizeof(int));
    for (int number = 1; number <= a->highest; number++) {
        size_t archives;
        struct version *v = lineage_version(&t->lineage, number);
        if (!v && !lineage_bytes(list->folder, t->lineage.name, number, &archives))
            continue;
        if (!is_exposed(f, a, v)) {
            if (is_reported(f, v))
                list->reports[list->report_count++] = number;
            continue;
        }
        list->versions[list->version_count++] = number;
        list->loses_use = list->loses_use || number == a->current;
    }
    return true;
}

/* What is in use must be clean before the rest can go: then it is proven that nothing is lost. */
static bool refuse_in_use(const struct forget *f, struct error *e)
{
    struct strbuf which = {0}, names = {0};
    for (size_t n = 0; n < f->list.adapter_count; n++) {
        const char *name = rules_of(f)->adapters[f->adapters[n].adapter].name;
        if (!f->list.adapters[n].loses_use)
            continue;
        strbuf_printf(&which, "%s%s v%d", which.size ? ", " : "", name, f->adapters[n].current);
        strbuf_printf(&names, " %s", name);
    }
    bool ok =
        !names.size || error_set(e, ERROR_INPUT,
                                 _("%s learned it and is in use. First run: lorabuild%s\n"
                                   "which makes a version that never saw it; then forget it."),
                                 which.data, names.data);
    strbuf_free(&names);
    strbuf_free(&which);
    return ok;
}

/* --- What of the documents. --- */

/* Does another document of the datasets stand there with the same file? */
static bool source_stays(const struct forget *f, struct digest source)
{
    for (size_t i = 0; i < rules_of(f)->dataset_count; i++) {
        const struct dataset *d = &f->workshop->sources[i].data;
        for (size_t k = 0; d->documents && k < d->document_count; k++)
            if (digest_equal(d->documents[k].source, source))
                return true;
    }
    return false;
}

/* Gone for all adapters that read the documents: what may be searched for and removed. */
static bool is_gone_for_all(const struct forget *f, struct digest content)
{
    for (size_t n = 0; n < f->list.adapter_count; n++)
        if (f->adapters[n].reads && !is_gone(&f->adapters[n], content))
            return false;
    return true;
}

static void gather_contents(struct forget *f)
{
    struct erasure *x = &f->list;
    struct digest_set texts = {0};
    x->names = arena_array(&x->arena, f->document_count, sizeof *x->names);
    for (size_t i = 0; i < f->document_count; i++) {
        const struct forget_document *d = &f->documents[i];
        x->names[x->name_count++] = d->path;
        for (size_t k = 0; k < d->sources.count; k++)
            if (!source_stays(f, d->sources.items[k]))
                digest_set_add(&x->sources, d->sources.items[k]);
        for (size_t k = 0; k < d->contents.count; k++)
            if (is_gone_for_all(f, d->contents.items[k]))
                digest_set_add(&x->contents, d->contents.items[k]);
        for (size_t k = 0; k < d->texts.count; k++)
            digest_set_add(&texts, d->texts.items[k]);
    }
    digest_set_seal(&x->sources);
    digest_set_seal(&x->contents);
    digest_set_seal(&texts);
    f->samples = texts.count;
    for (size_t i = 0; i < texts.count; i++)
        f->staying += !digest_set_has(&x->contents, texts.items[i]);
    digest_set_free(&texts);
}

/* A document of a dataset that holds one of these texts; NULL = none. */
static const char *find_holder(const struct dataset *d, const struct digest_set *texts)
{
    for (size_t k = 0; d->documents && k < d->document_count; k++)
        for (size_t s = 0; s < d->documents[k].count; s++)
            if (d->documents[k].samples[s].kind != SAMPLE_HEADING &&
                digest_set_has(texts, d->documents[k].samples[s].content))
                return d->documents[k].path;
    for (size_t k = 0; d->documents && k < d->waiting_count; k++)
        if (!d->waiting[k].heading && digest_set_has(texts, d->waiting[k].content))
            return d->documents[d->waiting[k].document].path;
    return NULL;
}

static void find_staying(struct forget *f)
{
    struct digest_set all = {0};
    for (size_t i = 0; i < f->document_count; i++)
        for (size_t k = 0; k < f->documents[i].texts.count; k++)
            digest_set_add(&all, f->documents[i].texts.items[k]);
    digest_set_seal(&all);
    for (size_t i = 0; !f->staying_in && i < rules_of(f)->dataset_count; i++)
        f->staying_in = find_holder(&f->workshop->sources[i].data, &all);
    digest_set_free(&all);
}

/* Scopes and captions of the documents' datasets, each once. */
static void gather_places(struct forget *f)
{
    struct erasure *x = &f->list;
    const struct rules *r = rules_of(f);
    x->clients = arena_array(&x->arena, r->dataset_count, sizeof *x->clients);
    x->captions = arena_array(&x->arena, r->dataset_count, sizeof *x->captions);
    for (size_t i = 0; i < r->dataset_count; i++) {
        bool concerned = false, known = false;
        const struct source *s = &f->workshop->sources[i];
        for (size_t k = 0; k < f->document_count; k++)
            concerned = concerned || f->documents[k].dataset == (int)i;
        if (!concerned)
            continue;
        for (size_t k = 0; k < x->client_count; k++)
            known = known || x->clients[k] == s->scope->client;
        if (!known)
            x->clients[x->client_count++] = s->scope->client;
        x->captions[x->caption_count++] = arena_strdup(&x->arena, s->captions_path);
    }
}

/* --- Beyond us. --- */

/* "25 Nov" of "2026-11-25". */
static bool short_date(struct str date, char text[static 64])
{
    struct tm day = {0};
    char copy[11];
    if (date.size != 10)
        return false;
    memcpy(copy, date.data, 10);
    copy[10] = '\0';
    if (!strptime(copy, "%Y-%m-%d", &day))
        return false;
    int n = snprintf(text, 64, "%d ", day.tm_mday);
    return strftime(text + n, 64 - (size_t)n, "%b", &day) > 0;
}

/* A line of `exported`: "DATE PATH form". */
static void add_export(struct forget *f, struct str line)
{
    char when[64];
    const char *last = memrchr(line.data, ' ', line.size);
    if (line.size < 12 || line.data[10] != ' ' || !last || last < line.data + 12 ||
        !short_date((struct str){line.data, 10}, when))
        return;
    struct strbuf b = {0};
    strbuf_add_shown(&b, (struct str){line.data + 11, (size_t)(last - line.data) - 11});
    strbuf_printf(&b, _(" (exported %s)"), when);
    f->beyond = mem_grow(f->beyond, f->beyond_count + 1, sizeof *f->beyond);
    f->beyond[f->beyond_count++] = arena_strdup(&f->list.arena, b.data);
    strbuf_free(&b);
}

static void gather_exports(struct forget *f)
{
    for (size_t n = 0; n < f->list.adapter_count; n++) {
        struct strbuf text = {0};
        char *path = path_join(f->list.adapters[n].folder, "exported");
        if (file_read(&text, path, RECORD_MOST_BYTES, NULL))
            for (struct str rest = strbuf_str(&text); rest.size;) {
                const char *end = memchr(rest.data, '\n', rest.size);
                size_t size = end ? (size_t)(end - rest.data) : rest.size;
                add_export(f, (struct str){rest.data, size});
                rest = (struct str){rest.data + size + (end != NULL),
                                    rest.size - size - (end != NULL)};
            }
        strbuf_free(&text);
        free(path);
    }
}

/* --- The plan. --- */

/* forgotten/DATE.html of the first adapter that reads the documents, or DATE-2.html, … */
static void name_receipt(struct forget *f, const char *date)
{
    size_t n = 0;
    while (n + 1 < f->list.adapter_count && !f->adapters[n].reads)
        n++;
    char *path = mem_printf("%s/forgotten/%s.html", f->list.adapters[n].folder, date);
    for (int k = 2; access(path, F_OK) == 0; k++) {
        free(path);
        path = mem_printf("%s/forgotten/%s-%d.html", f->list.adapters[n].folder, date, k);
    }
    f->list.receipt = arena_strdup(&f->list.arena, path);
    free(path);
}

static void today(time_t now, char date[static 16])
{
    struct tm day;
    localtime_r(&now, &day);
    strftime(date, 16, "%Y-%m-%d", &day);
}

/* Loading an adapter finishes what an earlier forget left, and says so in its notes. */
static bool finish_earlier(struct forget *f, const struct forget_request *r, struct error *e)
{
    for (size_t i = 0; i < rules_of(f)->adapter_count; i++) {
        if (!r->adapters[i])
            continue;
        char *pending = path_join(rules_of(f)->adapters[i].output, "forgotten/pending");
        f->finished = f->finished || access(pending, F_OK) == 0;
        free(pending);
        if (!workshop_target(f->workshop, (int)i, e))
            return false;
    }
    return true;
}

bool forget_plan(struct forget *f, struct workshop *w, const struct forget_request *r,
                 struct error *e)
{
    *f = (struct forget){.workshop = w};
    if (!finish_earlier(f, r, e) || !forget_find(f, r, e))
        return false;
    choose_adapters(f);
    bool ok = gather_wanted(f, e);
    for (size_t n = 0; ok && n < f->list.adapter_count; n++)
        ok = gather_versions(f, n, e);
    if (!ok || (!r->all && !refuse_in_use(f, e)))
        return false;
    gather_contents(f);
    if (f->staying)
        find_staying(f);
    if (!f->list.contents.count && !f->list.sources.count)
        return error_set(e, ERROR_INPUT,
                         _("all %zu samples stand in other documents too, such as %s; there is "
                           "nothing to erase"),
                         f->samples, f->staying_in ? f->staying_in : "");
    gather_places(f);
    gather_exports(f);
    f->bytes = erasure_bytes(&f->list, w->project, &f->checkpoints, &f->archives);
    return true;
}

/* --- The doing. --- */

static void add_tombstones(struct tombstones *t, const struct forget *f,
                           const struct forget_adapter *a, const struct forget_document *d)
{
    tombstones_add(t, TOMBSTONE_NAME, str_of(d->path));
    for (size_t i = 0; i < d->sources.count; i++)
        if (digest_set_has(&f->list.sources, d->sources.items[i]))
            tombstones_add_digest(t, TOMBSTONE_SOURCE, d->sources.items[i]);
    for (size_t i = 0; i < d->texts.count; i++)
        if (is_gone(a, d->texts.items[i]))
            tombstones_add_digest(t, TOMBSTONE_TEXT, d->texts.items[i]);
}

/* Of one adapter; those of the adapter that keeps the receipt are left in `keyed`. */
static bool write_tombstones(const struct forget *f, size_t n, const char *date,
                             struct tombstones *keyed, size_t *first, struct error *e)
{
    const struct forget_adapter *a = &f->adapters[n];
    const struct rule_adapter *rule = &rules_of(f)->adapters[a->adapter];
    struct tombstones t;
    char *folder = path_join(f->list.adapters[n].folder, "forgotten");
    bool ok = tombstones_read(&t, folder, e);
    size_t before = t.document_count;
    for (size_t i = 0; ok && i < f->document_count; i++)
        for (size_t k = 0; ok && k < rule->data_count; k++)
            if (rule->data[k] == f->documents[i].dataset) {
                ok = tombstones_add_document(&t, date, e);
                if (ok)
                    add_tombstones(&t, f, a, &f->documents[i]);
            }
    if (ok)
        tombstones_lift_repeated(&t, before);
    ok = ok && tombstones_write(&t, folder, e);
    if (ok && path_is_beneath(f->list.receipt, folder)) {
        *keyed = t;
        *first = before;
    } else {
        tombstones_free(&t);
    }
    free(folder);
    return ok;
}

/* Between the plan and the locks another process may have built. */
static bool is_as_planned(const struct forget *f, struct error *e)
{
    for (size_t n = 0; n < f->list.adapter_count; n++) {
        struct lineage l;
        const struct forget_adapter *a = &f->adapters[n];
        const char *folder = f->list.adapters[n].folder;
        if (!lineage_load(&l, folder, path_base(folder), e))
            return false;
        bool same = l.current == a->current && l.highest == a->highest;
        lineage_free(&l);
        if (!same)
            return error_set(e, ERROR_INPUT,
                             _("%s was built meanwhile; nothing was erased. Run it again."),
                             path_base(folder));
    }
    return true;
}

static bool run_locked(struct forget *f, struct error *e)
{
    struct tombstones keyed = {0};
    size_t first = 0;
    time_t now = time(NULL);
    char date[16];
    today(now, date);
    bool ok = is_as_planned(f, e);
    name_receipt(f, date);
    for (size_t n = 0; ok && n < f->list.adapter_count; n++)
        if (f->adapters[n].reads)
            ok = write_tombstones(f, n, date, &keyed, &first, e);
    if (ok) {
        char *text = forget_receipt(f, &keyed, first, now);
        f->list.receipt_text = arena_strdup(&f->list.arena, text);
        free(text);
    }
    tombstones_free(&keyed);
    return ok && erasure_write(&f->list, f->workshop->project, e) &&
           erasure_run(&f->list, f->workshop->project, &f->unwritable, &f->unwritable_count, e);
}

bool forget_run(struct forget *f, struct error *e)
{
    int *locks = mem_array(f->list.adapter_count, sizeof *locks);
    const char *busy;
    char *holder;
    bool ok = erasure_lock(&f->list, f->workshop->project, locks, &busy, &holder, e);
    if (ok) {
        ok = run_locked(f, e);
        erasure_unlock(&f->list, locks);
    } else if (e && e->kind == ERROR_NONE) {
        error_set(e, ERROR_INPUT,
                  _("%s is being built (process %s); nothing was erased. Run it again when that "
                    "has ended."),
                  path_base(busy), holder ? holder : "?");
    }
    free(holder);
    free(locks);
    return ok;
}

void forget_free(struct forget *f)
{
    for (size_t i = 0; i < f->document_count; i++) {
        digest_set_free(&f->documents[i].sources);
        digest_set_free(&f->documents[i].contents);
        digest_set_free(&f->documents[i].texts);
    }
    for (size_t n = 0; n < f->list.adapter_count; n++)
        digest_set_free(&f->adapters[n].wanted);
    for (size_t i = 0; i < f->unwritable_count; i++)
        free(f->unwritable[i]);
    free(f->unwritable);
    free(f->beyond);
    free(f->adapters);
    free(f->documents);
    erasure_free(&f->list);
    *f = (struct forget){0};
}
