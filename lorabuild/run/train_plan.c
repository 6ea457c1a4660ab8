#include "lorabuild/run/train_plan.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/formats/weights.h"

#include <stdlib.h>
#include <string.h>

bool train_precision(const struct workshop *w, const struct target *t, char precision[8],
                     struct error *e)
{
    const struct recipe *r = &t->rule->recipe;
    if (r->precision == PRECISION_INT8)
        return error_at(e, ERROR_INPUT, t->rule->place.file, t->rule->place.line,
                        t->rule->place.column,
                        _("precision: int8 cannot be trained with yet; use "
                          "auto, f32 or bf16"));
    bool bf16 = r->precision == PRECISION_BF16;
    if (r->precision == PRECISION_AUTO) {
        const json_t *numerics =
            t->lineage.count ? json_object_get(t->lineage.versions[0].manifest, "numerics") : NULL;
        const char *first = json_string_value(json_object_get(numerics, "compute"));
        bf16 = first ? strcmp(first, "bf16") == 0
                     : w->machine.bf16_flop_per_s > w->machine.f32_flop_per_s;
    }
    strcpy(precision, bf16 ? "bf16" : "f32");
    return true;
}

char *train_numerics(const struct workshop *w, const char *precision)
{
    return mem_printf("%s %s %s", w->machine.instruction_set, precision, w->machine.library);
}

static json_t *hex_list(const struct digest_set *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->count; i++) {
        char hex[DIGEST_HEX];
        digest_hex(s->items[i], hex);
        json_array_append_new(list, json_string(hex));
    }
    return list;
}

static json_t *hex_or_null(struct digest d)
{
    char hex[DIGEST_HEX];
    digest_hex(d, hex);
    return digest_is_zero(d) ? json_null() : json_string(hex);
}

static json_t *describe_adapter(json_t *readable, const struct target *t, int version)
{
    char *folder = mem_printf("%s/v%d", t->lineage.folder, version);
    json_t *o =
        json_pack("{s:o, s:o}", "folder", json_bytes(folder), "weights", json_bytes(folder));
    json_array_append_new(readable, json_bytes(folder));
    free(folder);
    return o;
}

/* The base's own files where they really are: a hub's folder is a tree of links. */
static bool add_base_files(json_t *readable, const char *path, struct error *e)
{
    char **files = NULL;
    size_t count = 0;
    bool ok = weights_list_files(path, &files, &count, e);
    json_array_append_new(readable, json_bytes(path));
    for (size_t i = 0; i < count; i++) {
        char *real = realpath(files[i], NULL);
        if (real)
            json_array_append_new(readable, json_bytes(real));
        free(real);
        free(files[i]);
    }
    free(files);
    return ok;
}

static json_t *list_datasets(struct workshop *w, const struct target *t, json_t *readable)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->rule->data_count; i++) {
        const struct source *s = &w->sources[t->rule->data[i]];
        char hex[DIGEST_HEX];
        digest_hex(s->data.key, hex);
        json_array_append_new(list, json_pack("{s:o, s:s, s:o}", "keep", json_bytes(s->scope->keep),
                                              "key", hex, "written", json_bytes(s->rule->written)));
        json_array_append_new(readable, json_bytes(s->scope->keep));
    }
    return list;
}

/* Which weights the training begins with, if not fresh ones. */
static void add_start(json_t *plan, json_t *readable, struct workshop *w, const struct target *t)
{
    if (t->plan.start) {
        json_t *o = describe_adapter(readable, t, t->plan.start);
        char *weights = target_weights_folder(t, t->plan.start);
        json_object_set_new(o, "weights", json_bytes(weights));
        json_object_set_new(plan, "start", o);
        free(weights);
    } else if (t->rule->continues && t->parent_version) {
        struct target *parent = &w->targets[t->rule->parent];
        json_object_set_new(plan, "start", describe_adapter(readable, parent, t->parent_version));
    } else if (t->rule->initial_adapter) {
        char *weights = target_initial_weights(t), *folder = path_folder(weights);
        json_object_set_new(plan, "start",
                            json_pack("{s:o, s:o, s:b}", "folder", json_bytes(folder), "weights",
                                      json_bytes(folder), "foreign", 1));
        json_array_append_new(readable, json_bytes(folder));
        free(folder);
        free(weights);
    }
}

static json_t *common_plan(struct workshop *w, struct build_job *job, struct error *e)
{
    const struct target *t = job->target;
    const struct rule_base *base = &w->project->rules->bases[t->rule->base];
    json_t *readable = json_array(), *plan = json_object();
    json_object_set_new(plan, "adapter", json_string(t->rule->name));
    json_object_set_new(
        plan, "base",
        json_pack("{s:o, s:s?}", "path", json_bytes(base->path), "template", base->template));
    json_object_set_new(plan, "recipe", recipe_to_json(&t->rule->recipe));
    json_object_set_new(plan, "datasets", list_datasets(w, t, readable));
    json_object_set_new(plan, "learn", hex_list(&t->plan.learn));
    json_object_set_new(plan, "validate", hex_list(&t->plan.validate));
    json_object_set_new(plan, "memory_bytes", json_integer((json_int_t)job->available_bytes));
    if (t->parent_version && !t->rule->continues)
        json_object_set_new(
            plan, "parent",
            describe_adapter(readable, &w->targets[t->rule->parent], t->parent_version));
    add_start(plan, readable, w, t);
    bool ok = add_base_files(readable, base->path, e);
    json_object_set_new(plan, "readable", readable);
    if (ok)
        return plan;
    json_decref(plan);
    return NULL;
}

json_t *train_plan_measure(struct workshop *w, struct build_job *job, struct error *e)
{
    return common_plan(w, job, e);
}

/* Why this version was made, for its manifest: in English, whatever the locale. */
static char *reason(const struct target *t)
{
    const struct plan *p = &t->plan;
    if (!t->lineage.count)
        return mem_strdup("first build");
    if (p->start)
        return mem_printf("%zu samples to learn, continued from v%d", p->learn_count, p->start);
    enum start_reason newest = p->starts[0].reason;
    static const char *const words[] = {[START_USABLE] = "cheaper than to continue",
                                        [START_RECIPE] = "the recipe changed",
                                        [START_BASE] = "the base model changed",
                                        [START_PARENT] = "the parent changed",
                                        [START_EXPOSED] =
                                            "earlier versions learned what is no longer wanted",
                                        [START_CHAIN] = "max_chain updates in a row",
                                        [START_ASIDE] = "the newest was set aside",
                                        [START_LOST] = "the newest version's weights are gone",
                                        [START_REBUILD] = "asked for",
                                        [START_COSTLIER] = "to continue costs no less"};
    return mem_printf("trained in full: %s", words[newest]);
}

static int updates_in_a_row(const struct target *t)
{
    for (size_t i = 0; t->plan.start && i < t->lineage.count; i++)
        if (t->versions[i].number == t->plan.start)
            return t->versions[i].updates + 1;
    return 0;
}

static json_t *describe_parent(const struct workshop *w, const struct target *t)
{
    if (!t->parent_version)
        return json_null();
    return json_pack("{s:s, s:i, s:o}", "name", w->project->rules->adapters[t->rule->parent].name,
                     "version", t->parent_version, "artifact", hex_or_null(t->parent_artifact));
}

/* Which file of the base is which, so that --why can name the one that changed. */
static json_t *describe_base(const struct workshop *w, int base)
{
    const struct base_files *f = &w->base_files[base];
    json_t *o = json_object();
    for (size_t i = 0; i < f->count; i++)
        json_object_set_new(o, f->names[i], hex_or_null(f->digests[i]));
    return o;
}

/* The check after an update; NULL: none. Where the version in use may not stay, none can fail. */
static json_t *describe_check(const struct target *t)
{
    if (t->rule->check.none)
        return json_null();
    return json_pack("{s:o}", "limit",
                     t->plan.in_use_exposed ? json_null() : json_real(t->rule->check.limit));
}

static json_t *list_corrections(const struct plan *p)
{
    json_t *list = json_array();
    for (size_t i = 0; i < p->correction_count; i++)
        json_array_append_new(list, json_pack("[o, o]", hex_or_null(p->corrections[i].old),
                                              hex_or_null(p->corrections[i].now)));
    return list;
}

static json_t *manifest(const struct workshop *w, const struct build_job *job)
{
    const struct target *t = job->target;
    const char *template = w->project->rules->bases[t->rule->base].template;
    char *why = reason(t);
    json_t *m =
        json_pack("{s:i, s:s, s:i, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:i, s:i, s:s, s:o}",
                  "format", 1, "adapter", t->rule->name, "version", t->plan.version, "want_key",
                  hex_or_null(t->plan.want_key), "attempt_key", hex_or_null(job->attempt_key),
                  "recipe_digest", hex_or_null(t->recipe), "base_digest", hex_or_null(t->base),
                  "base", path_base(w->project->rules->bases[t->rule->base].path), "parent",
                  describe_parent(w, t), "set", hex_or_null(t->now.set), "ancestor", t->plan.start,
                  "updates", updates_in_a_row(t), "why", why, "numerics",
                  json_pack("{s:s, s:s, s:s}", "compute", job->precision, "instruction_set",
                            w->machine.instruction_set, "onednn", w->machine.library));
    json_object_set_new(m, "samples", json_integer((json_int_t)t->now.sample_count));
    json_object_set_new(m, "documents", json_integer((json_int_t)t->now.document_count));
    json_object_set_new(m, "learned", json_integer((json_int_t)t->plan.learn_count));
    json_object_set_new(m, "algorithm", json_integer(PLAN_ALGORITHM));
    json_object_set_new(m, "base_files", describe_base(w, t->rule->base));
    json_object_set_new(m, "template", template ? json_string(template) : json_null());
    if (t->plan.correction_count)
        json_object_set_new(m, "corrections", json_integer((json_int_t)t->plan.correction_count));
    free(why);
    return m;
}

/* Where each setting of the recipe comes from; what is missing is the default. */
static json_t *recipe_origins(const struct rule_adapter *rule)
{
    json_t *origins = json_object();
    for (size_t i = 0; i < recipe_key_count; i++) {
        const struct place *place = &rule->recipe_place[i];
        char *text = place->line ? mem_printf("%s:%zu", path_base(place->file), place->line) : NULL;
        if (text)
            json_object_set_new(origins, recipe_keys[i].name, json_string(text));
        free(text);
    }
    return origins;
}

/* The version in use until now, to draft beside this one. */
static json_t *previous_version(json_t *readable, struct target *t)
{
    const struct version *v = lineage_version(&t->lineage, t->lineage.current);
    if (!v)
        return json_null();
    json_t *o = describe_adapter(readable, t, v->number);
    json_object_set_new(o, "version", json_integer(v->number));
    if (!digest_equal(v->base, t->base))
        json_object_set_new(o, "why_not", json_string("It was made over another base model."));
    else if (v->damaged)
        json_object_set_new(o, "why_not", json_string("Its files are not all there any more."));
    return o;
}

/* What the report tells that only the planner knows. */
static json_t *describe_report(json_t *readable, struct target *t)
{
    json_t *requests = json_array();
    for (size_t i = 0; i < t->rule->request_count; i++)
        json_array_append_new(requests, json_string(t->rule->requests[i]));
    return json_pack("{s:o, s:o, s:o}", "previous", previous_version(readable, t), "origins",
                     recipe_origins(t->rule), "requests", requests);
}

json_t *train_plan_train(struct workshop *w, struct build_job *job, struct error *e)
{
    json_t *plan = common_plan(w, job, e);
    if (!plan)
        return NULL;
    json_object_set_new(plan, "attempt", json_bytes(job->attempt));
    json_object_set_new(plan, "steps", json_integer(job->steps));
    json_object_set_new(plan, "precision", json_string(job->precision));
    json_object_set_new(plan, "manifest", manifest(w, job));
    json_object_set_new(plan, "check", describe_check(job->target));
    json_object_set_new(plan, "corrections", list_corrections(&job->target->plan));
    if (!job->target->rule->no_report)
        json_object_set_new(plan, "report",
                            describe_report(json_object_get(plan, "readable"), job->target));
    if (job->target->plan.start) {
        int64_t share = job->steps / 20;
        int64_t most = job->steps / 4 > 1 ? job->steps / 4 : 1;
        int64_t rewarm = share > 10 ? share : 10;
        json_object_set_new(plan, "rewarm", json_integer(rewarm < most ? rewarm : most));
    }
    return plan;
}
