#include "lorabuild/run/rebuild.h"

#include "lorabuild/common/clock.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/facts.h"
#include "lorabuild/run/train_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The real workshop's rules and machine, with lineages that lie in the private place and sources
 * as they were. train_plan.c then says what a training child is told, as for a build. */
struct rebuilding {
    struct workshop *real;
    struct workshop copy;
    struct rules rules;
    const struct rebuild_options *options;
    char *folder; /* the private place */
};

/* One version on its way. */
struct piece {
    const struct ancestor *a;
    struct rule_adapter rule;
    struct facts_recalled datasets;
    struct source *sources;
    int *data; /* 0 … n-1: the rule's data */
    struct target target;
    struct build_job job;
    struct arena arena;
};

static const char *numerics_of(const struct version *v, const char *key)
{
    const json_t *numerics = json_object_get(v->manifest, "numerics");
    const char *text = json_string_value(json_object_get(numerics, key));
    return text ? text : "";
}

static bool check_machine(const struct rebuilding *r, const struct ancestor *a, struct error *e)
{
    const struct machine *m = &r->real->machine;
    const char *set = numerics_of(a->version, "instruction_set");
    const char *library = numerics_of(a->version, "onednn");
    if (strcmp(set, m->instruction_set) == 0 && strcmp(library, m->library) == 0)
        return true;
    return error_set(e, ERROR_INPUT,
                     _("%s v%d was built with %s and %s; here are %s and %s: bits cannot be "
                       "compared on this machine"),
                     a->name, a->number, set, library, m->instruction_set, m->library);
}

static bool check_base(const struct rebuilding *r, const struct ancestor *a, struct error *e)
{
    const struct rule_adapter *rule = &r->real->project->rules->adapters[a->adapter];
    struct digest base;
    return workshop_base_digest(r->real, rule->base, &base, e) &&
           (digest_equal(base, a->version->base) ||
            error_set(e, ERROR_INPUT,
                      _("%s v%d was trained over another base model than %s holds now"), a->name,
                      a->number, r->real->project->rules->bases[rule->base].written));
}

static bool check_there(const struct ancestor *a, struct error *e)
{
    if (!a->version)
        return error_set(e, ERROR_INPUT,
                         _("%s v%d is not there any more; without it the line cannot be trained "
                           "again"),
                         a->name, a->number);
    return lineage_load_exposure(a->version, NULL, e);
}

/* --- What was planned then. --- */

/* What was learned: all but what was held out and what the start was built for. */
static void fill_samples(struct piece *p, const struct version *start)
{
    const struct version *v = p->a->version;
    struct digest_set before = {0};
    for (size_t i = 0; start && i < start->sample_count; i++)
        digest_set_add(&before, start->samples[i].id);
    digest_set_seal(&before);
    for (size_t i = 0; i < v->sample_count; i++) {
        if (v->samples[i].role == 'v')
            digest_set_add(&p->target.plan.validate, v->samples[i].id);
        else if (!digest_set_has(&before, v->samples[i].id))
            digest_set_add(&p->target.plan.learn, v->samples[i].id);
    }
    digest_set_seal(&p->target.plan.validate);
    digest_set_seal(&p->target.plan.learn);
    digest_set_free(&before);
}

static bool fill_rule(struct rebuilding *r, struct piece *p, struct error *e)
{
    const json_t *m = p->a->version->manifest;
    p->rule = r->rules.adapters[p->a->adapter];
    p->rule.no_report = true;
    p->data = mem_array(p->datasets.count, sizeof *p->data);
    p->sources = mem_array(p->datasets.count, sizeof *p->sources);
    for (size_t i = 0; i < p->datasets.count; i++) {
        struct rule_dataset *d = arena_alloc(&p->arena, sizeof *d);
        *d = (struct rule_dataset){.written = p->datasets.named[i].written};
        p->data[i] = (int)i;
        p->sources[i] = (struct source){.rule = d,
                                        .scope = p->datasets.scopes[i],
                                        .data = {.key = p->datasets.datasets[i].key}};
    }
    p->rule.data = p->data;
    p->rule.data_count = p->datasets.count;
    return recipe_from_json(&p->rule.recipe, &p->arena, json_object_get(m, "recipe"), p->a->name,
                            e);
}

static void fill_target(struct rebuilding *r, struct piece *p)
{
    struct version *v = p->a->version;
    const json_t *parent = json_object_get(v->manifest, "parent");
    const char *beneath = json_string_value(json_object_get(parent, "name"));
    struct target *t = &p->target;
    t->rule = &p->rule;
    t->scope = p->a->target->scope;
    t->lineage = r->copy.targets[p->a->adapter].lineage;
    t->parent_version = (int)json_integer_value(json_object_get(parent, "version"));
    t->parent_artifact = v->parent;
    t->plan.start = v->ancestor;
    t->plan.want_key = v->want_key;
    t->plan.version = v->number;
    t->plan.verdict = PLAN_TRAIN;
    p->rule.parent = -1;
    for (size_t i = 0; beneath && i < r->rules.adapter_count; i++)
        if (strcmp(r->rules.adapters[i].name, beneath) == 0)
            p->rule.parent = (int)i;
}

static bool check_key(const struct piece *p, const struct version *start, struct error *e)
{
    const struct version *v = p->a->version;
    struct digest none = {{0}};
    char *numerics = mem_printf("%s %s %s", numerics_of(v, "instruction_set"),
                                numerics_of(v, "compute"), numerics_of(v, "onednn"));
    struct digest key = plan_attempt_key(v->want_key, start ? start->artifact : none,
                                         &p->target.plan.learn, numerics);
    free(numerics);
    return digest_equal(key, v->attempt_key) ||
           error_set(e, ERROR_INPUT,
                     _("%s v%d was trained by a lorabuild that learns otherwise, or its manifest "
                       "was edited: bits cannot be compared"),
                     p->a->name, p->a->number);
}

static bool fill(struct rebuilding *r, struct piece *p, struct error *e)
{
    const struct ancestor *a = p->a;
    if (!check_there(a, e) || !check_machine(r, a, e) || !check_base(r, a, e))
        return false;
    struct version *start = lineage_version(&a->target->lineage, a->version->ancestor);
    if (!facts_recall_datasets(r->real, a->target, a->number, false, &p->datasets))
        return error_set(e, ERROR_INPUT, _("the texts of %s v%d are not kept any more"), a->name,
                         a->number);
    if (!fill_rule(r, p, e))
        return false;
    fill_target(r, p);
    fill_samples(p, start);
    return check_key(p, start, e);
}

/* --- Training and comparing. --- */

static json_t *plan_piece(struct rebuilding *r, struct piece *p, struct error *e)
{
    const json_t *m = p->a->version->manifest;
    struct build_job *job = &p->job;
    job->target = &p->target;
    job->steps = json_integer_value(json_object_get(json_object_get(m, "metrics"), "steps"));
    job->available_bytes =
        r->options->memory_bytes ? r->options->memory_bytes : r->real->machine.free_bytes / 10 * 9;
    snprintf(job->precision, sizeof job->precision, "%s", numerics_of(p->a->version, "compute"));
    job->attempt = mem_printf("%s/attempt", r->folder);
    r->copy.sources = p->sources;
    json_t *plan = train_plan_train(&r->copy, job, e);
    if (!plan)
        return NULL;
    /* Who decided, and why, is taken as it was; what came of it is written anew. */
    json_object_set_new(plan, "manifest", json_deep_copy(m));
    json_object_set(plan, "recipe", json_object_get(m, "recipe"));
    return plan;
}

/* The first file whose SHA-256 is not the recorded one; *differs NULL = none. The report is not
 * compared: it also tells of what is no part of the version, such as which one was in use then. */
static bool compare_files(const struct version *v, const char *folder, const char **differs,
                          struct error *e)
{
    const char *name;
    json_t *file;
    bool ok = true;
    *differs = NULL;
    json_object_foreach (json_object_get(v->manifest, "files"), name, file) {
        if (strcmp(name, LINEAGE_REPORT) == 0)
            continue;
        char sha[SHA256_HEX] = "", *path = path_join(folder, name);
        const char *recorded = json_string_value(json_object_get(file, "sha256"));
        ok = ok && sha256_file(path, sha, e);
        if (ok && !*differs && (!recorded || strcmp(recorded, sha) != 0))
            *differs = name;
        free(path);
    }
    return ok;
}

static bool train_piece(struct rebuilding *r, struct piece *p, const char **differs,
                        struct error *e)
{
    json_t *plan = plan_piece(r, p, e);
    bool ok = plan && folder_make(p->job.attempt, 0700, e);
    if (!ok) {
        json_decref(plan);
        return false;
    }
    json_t *done = child_run("train", plan, r->options->threads, r->options->interrupted, e);
    char *out = path_join(p->job.attempt, "out");
    char *folder = mem_printf("%s/v%d", p->target.lineage.folder, p->a->number);
    ok = done && folder_make(p->target.lineage.folder, 0700, e) &&
         (rename(out, folder) == 0 || error_errno(e, "%s", folder)) &&
         folder_remove(p->job.attempt, e) && compare_files(p->a->version, folder, differs, e);
    json_decref(done);
    free(folder);
    free(out);
    return ok;
}

static void free_piece(struct piece *p)
{
    plan_free(&p->target.plan);
    facts_recalled_free(&p->datasets);
    free(p->job.attempt);
    free(p->sources);
    free(p->data);
    arena_free(&p->arena);
}

static bool rebuild_one(struct rebuilding *r, const struct ancestor *a, bool *same, struct error *e)
{
    struct piece p = {.a = a};
    const char *differs = NULL;
    double begin = clock_seconds();
    bool ok = fill(r, &p, e) && train_piece(r, &p, &differs, e);
    if (ok) {
        r->options->done(r->options->context, a, differs, clock_seconds() - begin);
        *same = !differs;
    }
    free_piece(&p);
    return ok;
}

/* --- The private place. --- */

static bool open_place(struct rebuilding *r, const struct target *t, struct error *e)
{
    const struct rules *rules = r->real->project->rules;
    r->folder = mem_printf("%s/rebuild-XXXXXX", t->scope->keep);
    if (!project_make_keep(t->scope, e) || !mkdtemp(r->folder)) {
        if (!e || !e->kind)
            error_errno(e, "%s", r->folder);
        free(r->folder);
        r->folder = NULL;
        return false;
    }
    r->rules = *rules;
    r->copy = *r->real;
    r->copy.targets = mem_array(rules->adapter_count, sizeof *r->copy.targets);
    for (size_t i = 0; i < rules->adapter_count; i++)
        r->copy.targets[i] =
            (struct target){.rule = &rules->adapters[i],
                            .lineage = {.name = (char *)(uintptr_t)rules->adapters[i].name,
                                        .folder = path_join(r->folder, rules->adapters[i].name)}};
    return true;
}

static void close_place(struct rebuilding *r)
{
    for (size_t i = 0; r->copy.targets && i < r->rules.adapter_count; i++)
        free(r->copy.targets[i].lineage.folder);
    free(r->copy.targets);
    if (r->folder)
        folder_remove(r->folder, NULL);
    free(r->folder);
}

bool rebuild_line(struct workshop *w, int adapter, int version, const struct rebuild_options *o,
                  bool *same, struct error *e)
{
    struct rebuilding r = {.real = w, .options = o};
    struct ancestor *list = NULL;
    size_t count = 0;
    struct target *t = workshop_target(w, adapter, e);
    *same = true;
    bool ok = t && machine_look(&w->machine, e) &&
              ancestry_list(w, adapter, version, &list, &count, e) && open_place(&r, t, e);
    for (size_t i = 0; ok && *same && i < count; i++)
        ok = rebuild_one(&r, &list[i], same, e);
    close_place(&r);
    free(list);
    return ok;
}
