#include "lorabuild/run/use.h"

#include "cache/lock.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/ancestry.h"
#include "lorabuild/run/commit.h"
#include "lorabuild/run/facts.h"
#include "lorabuild/run/files.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct lineage_block *find_block(const struct lineage_block *blocks, size_t count,
                                              int number)
{
    for (size_t i = 0; i < count; i++)
        if (blocks[i].number == number)
            return &blocks[i];
    return NULL;
}

static int find_latest(const struct lineage *l, const struct lineage_block *blocks, size_t count)
{
    for (size_t i = l->count; i-- > 0;) {
        const struct version *v = &l->versions[i];
        if (!v->put_aside && !lineage_failed_check(v) && !find_block(blocks, count, v->number))
            return v->number;
    }
    return 0;
}

static bool refuse_damaged(const struct target *t, const struct version *v, struct error *e)
{
    const char *name;
    json_t *file;
    json_object_foreach (json_object_get(v->manifest, "files"), name, file) {
        enum file_state state;
        if (!files_check_one(v, name, false, &state, e))
            return false;
        if (state == FILE_MISSING || (state == FILE_EDITED && !lineage_may_differ(name)))
            return error_set(e, ERROR_INPUT,
                             _("%s v%d is damaged: %s is %s; it is not taken into use"),
                             t->rule->name, v->number, name,
                             state == FILE_MISSING ? _("missing") : _("not as it was built"));
    }
    return true;
}

static bool refuse_by_name(struct workshop *w, const struct target *t, int number,
                           const struct digest_set *unwanted, struct error *e)
{
    struct ancestor *list;
    size_t count, documents, unnamed;
    int adapter = (int)(t->rule - w->project->rules->adapters);
    if (!ancestry_list(w, adapter, number, &list, &count, e))
        return false;
    char **names = ancestry_name(w, list, count, unwanted, &documents, &unnamed);
    struct strbuf shown = {0};
    if (documents)
        strbuf_add_shown(&shown, str_of(names[0]));
    else
        strbuf_add_text(&shown, _("a text whose name is not known any more"));
    if (documents > 1)
        strbuf_printf(&shown, _(" and %zu more"), documents - 1);
    error_set(e, ERROR_INPUT, _("%s v%d learned %s, which is no longer wanted; it is not used"),
              t->rule->name, number, shown.data);
    strbuf_free(&shown);
    for (size_t i = 0; i < documents; i++)
        free(names[i]);
    free(names);
    free(list);
    return false;
}

/* What the version was exposed to must all be wanted now. */
static bool refuse_exposed(struct workshop *w, struct target *t, struct version *v, struct error *e)
{
    struct store *exposures = project_exposures(w->project, t->scope, e);
    struct digest_set unwanted = {0};
    if (!exposures || !lineage_load_exposure(v, exposures, e) || !facts_gather_samples(w, t, e))
        return false;
    for (size_t i = 0; i < v->exposure.count; i++)
        if (!digest_set_has(&t->wanted, v->exposure.items[i]))
            digest_set_add(&unwanted, v->exposure.items[i]);
    digest_set_seal(&unwanted);
    bool ok = !unwanted.count || refuse_by_name(w, t, v->number, &unwanted, e);
    digest_set_free(&unwanted);
    return ok;
}

static bool refuse_blocked(const struct target *t, const struct lineage_block *b, struct error *e)
{
    return !b || error_set(e, ERROR_INPUT, _("%s v%d is blocked: it learned %s, withdrawn on %s"),
                           t->rule->name, b->number, b->path, b->date);
}

static bool check(struct workshop *w, struct target *t, int number,
                  const struct lineage_block *blocks, size_t count, struct error *e)
{
    struct version *v = lineage_version(&t->lineage, number);
    if (!t->lineage.count)
        return error_set(e, ERROR_INPUT, _("%s has not been built yet; run: lorabuild %s"),
                         t->rule->name, t->rule->name);
    if (!v && number > 0)
        return error_set(e, ERROR_INPUT, _("%s has no v%d; see lorabuild log %s"), t->rule->name,
                         number, t->rule->name);
    if (!v)
        return error_set(e, ERROR_INPUT,
                         _("%s has no version that may be used; see lorabuild "
                           "log %s"),
                         t->rule->name, t->rule->name);
    return refuse_blocked(t, find_block(blocks, count, number), e) && refuse_damaged(t, v, e) &&
           refuse_exposed(w, t, v, e);
}

/* The record is written before the link is moved, and removed after: in between it counts. */
static bool move(const struct target *t, int number, int latest, struct error *e)
{
    struct lineage_choice c = {.number = number};
    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    strftime(c.date, sizeof c.date, "%Y-%m-%d", &local);
    if (number != latest)
        return lineage_write_chosen(t->lineage.folder, &c, e) && commit_current(t, number, e);
    return commit_current(t, number, e) &&
           lineage_write_chosen(t->lineage.folder, &(struct lineage_choice){0}, e);
}

static void count_later(struct use_result *r, const struct lineage *l)
{
    for (size_t i = 0; i < l->count; i++) {
        int number = l->versions[i].number;
        if (number <= r->now)
            continue;
        r->first = r->later++ ? r->first : number;
        r->last = number;
    }
}

static bool use_locked(struct workshop *w, struct target *t, int version, struct use_result *r,
                       struct error *e)
{
    struct lineage_block *blocks;
    size_t count;
    if (!lineage_read_blocked(t->lineage.folder, &blocks, &count, e))
        return false;
    r->before = t->lineage.current;
    r->latest = find_latest(&t->lineage, blocks, count);
    r->now = version == USE_LATEST ? r->latest : version;
    bool ok = check(w, t, r->now, blocks, count, e) && move(t, r->now, r->latest, e);
    if (ok && r->now != r->latest)
        count_later(r, &t->lineage);
    lineage_blocked_free(blocks, count);
    return ok;
}

bool use_version(struct workshop *w, int adapter, int version, struct use_result *r,
                 void (*waiting)(void *context, const char *holder), void *context, struct error *e)
{
    struct target *t = workshop_target(w, adapter, e); /* mends what can be mended */
    *r = (struct use_result){0};
    if (!t)
        return false;
    int lock = target_lock(t, waiting, context, e);
    if (lock < 0)
        return false;
    target_forget(t); /* another process may have built meanwhile */
    t = workshop_target(w, adapter, e);
    bool ok = t && use_locked(w, t, version, r, e);
    lock_release(lock);
    return ok;
}
