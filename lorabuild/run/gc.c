#include "lorabuild/run/gc.h"

#include "cache/attempts.h"
#include "cache/lineage_remove.h"
#include "cache/lock.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/train_plan.h"
#include "lorabuild/tensor/cpu/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct rules *rules_of(const struct gc *g)
{
    return g->workshop->project->rules;
}

static struct target *target_of(const struct gc *g, const struct gc_adapter *a)
{
    return &g->workshop->targets[a->adapter];
}

static struct gc_adapter *find_adapter(const struct gc *g, int adapter)
{
    for (size_t i = 0; i < g->adapter_count; i++)
        if (g->adapters[i].adapter == adapter)
            return &g->adapters[i];
    return NULL;
}

/* Is a version kept? All are of adapters that were not asked for or are left alone. */
static bool is_kept(const struct gc *g, int adapter, int version)
{
    const struct gc_adapter *a = find_adapter(g, adapter);
    if (!a || a->left)
        return true;
    for (size_t i = 0; i < a->version_count; i++)
        if (a->versions[i].number == version)
            return a->versions[i].reason != RETAIN_NOT;
    return true;
}

/* --- Versions. --- */

/* A rule that names it, or a kept version that was built on it. Children stand behind their
 * parents in the rules, and were judged before. */
static bool is_pinned(const struct gc *g, int adapter, int version)
{
    const struct rules *r = rules_of(g);
    for (size_t i = (size_t)adapter + 1; i < r->adapter_count; i++) {
        const struct rule_adapter *child = &r->adapters[i];
        const struct target *t = &g->workshop->targets[i];
        if (child->parent != adapter)
            continue;
        if (child->pin == PIN_VERSION && child->pinned_version == version)
            return true;
        for (size_t k = 0; t->loaded && k < t->lineage.count; k++) {
            const struct version *v = &t->lineage.versions[k];
            const json_t *parent = json_object_get(v->manifest, "parent");
            if (json_integer_value(json_object_get(parent, "version")) == version &&
                is_kept(g, (int)i, v->number))
                return true;
        }
    }
    return false;
}

/* Where the next build would start, or what it would go back to; 0: nowhere. */
static int next_start(const struct plan *p)
{
    return p->verdict == PLAN_TRAIN                             ? p->start
           : p->verdict == PLAN_USE || p->verdict == PLAN_ASIDE ? p->version
                                                                : 0;
}

static void choose_versions(struct gc *g, struct gc_adapter *a)
{
    const struct target *t = target_of(g, a);
    int start = next_start(&t->plan);
    a->version_count = t->lineage.count;
    a->versions = mem_array(a->version_count, sizeof *a->versions);
    for (size_t i = 0; i < a->version_count; i++) {
        int number = t->lineage.versions[i].number;
        a->versions[i] = (struct retention_version){.number = number,
                                                    .in_use = number == a->current,
                                                    .pinned = is_pinned(g, a->adapter, number),
                                                    .start = number == start};
    }
    retention_choose(a->versions, a->version_count);
    int *going = mem_array(a->version_count, sizeof *going);
    size_t archives;
    for (size_t i = 0; i < a->version_count; i++)
        if (a->versions[i].reason == RETAIN_NOT)
            going[a->going++] = a->versions[i].number;
    a->bytes += lineage_bytes_of(t->lineage.folder, t->lineage.name, going, a->going, &archives);
    free(going);
}

/* --- Trainings under way. --- */

static void add_attempt_keys(struct workshop *w, const struct target *t, struct digest_set *keys)
{
    static const char *const precisions[] = {"f32", "bf16"};
    const struct version *from =
        lineage_version((struct lineage *)(uintptr_t)&t->lineage, t->plan.start);
    for (size_t i = 0; i < sizeof precisions / sizeof *precisions; i++) {
        char *numerics = train_numerics(w, precisions[i]);
        digest_set_add(keys, plan_attempt_key(t->plan.want_key,
                                              from ? from->artifact : (struct digest){{0}},
                                              &t->plan.learn, numerics));
        free(numerics);
    }
}

/* The attempts that the next build may continue: with either type of numbers, as an update or in
 * full. A parent that is not built yet decides about its child's: *all. */
static void wanted_attempts(struct workshop *w, struct target *t, struct digest_set *keys,
                            bool *all)
{
    *all = t->plan.verdict == PLAN_TRAIN && t->parent_pending;
    if (t->plan.verdict != PLAN_TRAIN || *all)
        return;
    if (!w->machine.instruction_set[0]) {
        snprintf(w->machine.instruction_set, sizeof w->machine.instruction_set, "%s",
                 cpu_instruction_set());
        snprintf(w->machine.library, sizeof w->machine.library, "%s", cpu_library_version());
    }
    add_attempt_keys(w, t, keys);
    if (t->plan.start) {
        struct plan_facts in_full = t->facts;
        struct plan was = t->plan;
        in_full.in_full = true;
        plan_adapter(&t->plan, &in_full, &t->arena);
        add_attempt_keys(w, t, keys);
        plan_free(&t->plan);
        t->plan = was;
    }
}

static bool choose_attempts(struct gc *g, struct gc_adapter *a, struct error *e)
{
    struct target *t = target_of(g, a);
    struct attempt *attempts;
    struct digest_set keys = {0};
    size_t count;
    bool all = false;
    if (!attempts_list(t->scope->keep, t->lineage.name, &attempts, &count, e))
        return false;
    if (count)
        wanted_attempts(g->workshop, t, &keys, &all);
    digest_set_seal(&keys);
    a->attempts = mem_array(count, sizeof *a->attempts);
    for (size_t i = 0; i < count; i++) {
        if (all || digest_set_has(&keys, attempts[i].key))
            continue;
        a->attempts[a->attempt_count++] = attempts[i].key;
        a->bytes += tree_bytes(attempts[i].folder);
    }
    digest_set_free(&keys);
    attempts_free(attempts, count);
    return true;
}

/* --- The plan. --- */

static char *builder_of(const struct target *t)
{
    char *path = target_lock_path(t), *why = NULL;
    struct lock_holder holder;
    if (lock_look(path, &holder))
        why = mem_printf(_("is being built (process %ld)"), holder.process);
    free(path);
    return why;
}

static bool plan_one(struct gc *g, struct gc_adapter *a, struct error *e)
{
    struct error why = {0};
    struct target *t = target_of(g, a);
    if (!target_plan(g->workshop, a->adapter, &why)) {
        a->left = mem_strdup(why.message);
        return true;
    }
    a->current = t->lineage.current;
    a->highest = t->lineage.highest;
    if ((a->left = builder_of(t)))
        return true;
    if (t->lineage.count && (t->plan.verdict == PLAN_VANISHED || t->plan.verdict == PLAN_EMPTY)) {
        a->left = mem_strdup(_("has lost most of its documents: build or forget first"));
        return true;
    }
    choose_versions(g, a);
    return choose_attempts(g, a, e);
}

/* Whose versions decide about those asked for: what is shared may be in anybody's; what is a
 * client's is in that client's alone, and nothing of another is opened for it. */
static bool is_concerned(const struct workshop *w, const bool *asked, size_t adapter)
{
    const struct rules *r = w->project->rules;
    const struct scope *scope = project_scope(w->project, r->adapters[adapter].client);
    for (size_t i = 0; i < r->adapter_count; i++)
        if (asked[i] &&
            (!r->adapters[i].client || project_scope(w->project, r->adapters[i].client) == scope))
            return true;
    return false;
}

bool gc_plan(struct gc *g, struct workshop *w, const bool *asked, bool texts, struct error *e)
{
    const struct rules *r = w->project->rules;
    bool ok = true;
    *g = (struct gc){.workshop = w};
    g->adapters = mem_array(r->adapter_count, sizeof *g->adapters);
    for (size_t i = 0; ok && i < r->adapter_count; i++) {
        if (r->adapters[i].not_built_kind || !is_concerned(w, asked, i))
            continue;
        ok = workshop_target(w, (int)i, e) != NULL;
        if (ok && asked[i])
            g->adapters[g->adapter_count++] = (struct gc_adapter){.adapter = (int)i};
    }
    for (size_t i = g->adapter_count; ok && i-- > 0;)
        ok = plan_one(g, &g->adapters[i], e);
    if (ok && texts)
        gc_plan_texts(g, asked, is_kept);
    for (size_t i = 0; i < g->adapter_count; i++)
        g->bytes += g->adapters[i].bytes;
    for (size_t i = 0; i < g->text_count; i++)
        g->bytes += g->texts[i].bytes;
    return ok;
}

/* --- The doing. --- */

/* Another process has it, or has built since: not a word more, the next gc looks again. */
static void leave(struct gc *g, struct gc_adapter *a, const char *why)
{
    g->bytes -= a->bytes;
    a->left = mem_strdup(why);
    a->bytes = 0;
    a->going = a->attempt_count = 0;
}

static bool is_as_planned(const struct target *t, const struct gc_adapter *a)
{
    struct lineage l;
    if (!lineage_load(&l, t->rule->output, t->lineage.name, NULL))
        return false;
    bool same = l.current == a->current && l.highest == a->highest;
    lineage_free(&l);
    return same;
}

static bool remove_version(const struct gc *g, struct target *t, int number, struct error *e)
{
    struct store *exposures = project_exposures(g->workshop->project, t->scope, e);
    const struct version *v = lineage_version(&t->lineage, number);
    char *record = mem_printf("%s/lineage/%s/v%d.json", t->scope->keep, t->lineage.name, number);
    bool ok = exposures && lineage_remove(t->lineage.folder, t->lineage.name, number, false, e) &&
              folder_remove(record, e);
    if (ok && v) {
        struct store_change *c = store_change_begin(exposures);
        store_change_delete(
            c, 'x',
            (struct str){(const char *)v->manifest_digest.bytes, sizeof v->manifest_digest.bytes});
        ok = store_change_commit(c, e);
    }
    free(record);
    return ok;
}

static bool run_one(struct gc *g, struct gc_adapter *a, struct error *e)
{
    struct target *t = target_of(g, a);
    bool ok = true, busy;
    for (size_t i = 0; ok && i < a->version_count; i++)
        if (a->versions[i].reason == RETAIN_NOT)
            ok = remove_version(g, t, a->versions[i].number, e);
    for (size_t i = 0; ok && i < a->attempt_count; i++)
        ok = attempt_remove(t->scope->keep, t->lineage.name, a->attempts[i], &busy, e);
    return ok && sweep_temporaries(t->lineage.folder, "", false, e);
}

/* The locks of all adapters that read from the scope; false: one is busy, or an error. */
static bool lock_readers(const struct gc *g, const struct scope *s, int *locks, struct error *e)
{
    const struct rules *r = rules_of(g);
    bool ok = true;
    for (size_t i = 0; ok && i < r->adapter_count; i++) {
        bool reads = false;
        struct target *t = &g->workshop->targets[i];
        for (size_t k = 0; k < r->adapters[i].data_count; k++)
            reads = reads || project_scope(g->workshop->project,
                                           r->datasets[r->adapters[i].data[k]].client) == s;
        if (!reads || !t->loaded)
            continue;
        char *path = target_lock_path(t), *folder = path_folder(path);
        ok = project_make_keep(t->scope, e) && folder_make(folder, 0777, e) &&
             (locks[i] = lock_take(path, t->lineage.name, false, NULL, NULL, e)) >= 0;
        free(folder);
        free(path);
    }
    return ok;
}

static void unlock_readers(const struct gc *g, int *locks)
{
    for (size_t i = rules_of(g)->adapter_count; i-- > 0;)
        if (locks[i] >= 0)
            lock_release(locks[i]);
}

static bool run_texts(struct gc *g, struct gc_texts *x, struct error *e)
{
    size_t adapters = rules_of(g)->adapter_count;
    struct error why = {0};
    int *locks = mem_array(adapters, sizeof *locks);
    for (size_t i = 0; i < adapters; i++)
        locks[i] = -1;
    bool ok = lock_readers(g, x->scope, locks, &why);
    if (!ok && why.kind == ERROR_NONE) {
        x->left = mem_strdup(_("an adapter that learns from them is being built"));
        g->bytes -= x->bytes;
        x->bytes = 0;
    }
    for (size_t i = 0; ok && i < x->count; i++)
        ok = folder_remove(x->files[i], &why);
    ok = ok && sweep_temporaries(x->scope->keep, "", true, &why);
    unlock_readers(g, locks);
    free(locks);
    if (!ok && why.kind != ERROR_NONE && e)
        *e = why;
    return ok || why.kind == ERROR_NONE;
}

static bool lock_and_run(struct gc *g, struct gc_adapter *a, struct error *e)
{
    const struct target *t = target_of(g, a);
    struct error why = {0};
    char *path = target_lock_path(t), *folder = path_folder(path);
    int lock = -1;
    bool ok = project_make_keep(t->scope, &why) && folder_make(folder, 0777, &why) &&
              (lock = lock_take(path, t->lineage.name, false, NULL, NULL, &why)) >= 0;
    if (!ok && why.kind == ERROR_NONE) {
        leave(g, a, _("is being built"));
        ok = true;
    } else if (ok && !is_as_planned(t, a)) {
        leave(g, a, _("was built meanwhile"));
    } else if (ok) {
        ok = run_one(g, a, &why);
    }
    if (lock >= 0)
        lock_release(lock);
    free(folder);
    free(path);
    if (!ok && e)
        *e = why;
    return ok;
}

/* Children first: what pins a parent's version goes before it. */
bool gc_run(struct gc *g, struct error *e)
{
    bool ok = true;
    for (size_t i = g->adapter_count; ok && i-- > 0;)
        if (!g->adapters[i].left)
            ok = lock_and_run(g, &g->adapters[i], e);
    for (size_t i = 0; ok && i < g->text_count; i++)
        if (!g->texts[i].left)
            ok = run_texts(g, &g->texts[i], e);
    return ok;
}

void gc_free(struct gc *g)
{
    for (size_t i = 0; i < g->adapter_count; i++) {
        free(g->adapters[i].left);
        free(g->adapters[i].versions);
        free(g->adapters[i].attempts);
    }
    for (size_t i = 0; i < g->text_count; i++) {
        for (size_t k = 0; k < g->texts[i].count; k++)
            free(g->texts[i].files[k]);
        free(g->texts[i].files);
        free(g->texts[i].left);
    }
    free(g->adapters);
    free(g->texts);
    *g = (struct gc){0};
}
