#include "lorabuild/commands/show_json.h"

#include "lorabuild/common/memory.h"

#include <stdlib.h>
#include <string.h>

const char *json_kind(enum error_kind k)
{
    static const char *const kinds[] = {
        [ERROR_NONE] = "none",         [ERROR_USAGE] = "usage",
        [ERROR_INPUT] = "input",       [ERROR_SYSTEM] = "system",
        [ERROR_LIMIT] = "limit",       [ERROR_INTERRUPTED] = "interrupted",
        [ERROR_INTERNAL] = "internal", [ERROR_PERMISSION] = "permission"};
    return kinds[k];
}

void json_print_error(const struct options *o, const struct error *e)
{
    if (o->json)
        ndjson_print(json_pack("{s:s, s:s, s:o}", "event", "error", "kind", json_kind(e->kind),
                               "message", ndjson_message(e)));
}

/* --- A plan. --- */

/* The word at `i` of a table; what is newer than the table is "other". */
#define WORD(table, i) \
    ((size_t)(i) < sizeof(table) / sizeof *(table) && (table)[i] ? (table)[i] : "other")

static json_t *list_changes(const struct plan *p)
{
    static const char *const kinds[] = {[CHANGE_NEW] = "new",
                                        [CHANGE_GONE] = "gone",
                                        [CHANGE_EDITED] = "edited",
                                        [CHANGE_CAPTION] = "caption",
                                        [CHANGE_HEADING] = "heading"};
    json_t *list = json_array();
    for (size_t i = 0; i < p->change_count; i++) {
        const struct plan_change *c = &p->changes[i];
        json_t *o = json_pack("{s:s, s:o}", "change", WORD(kinds, c->kind), "document",
                              ndjson_shown(c->document));
        json_object_set_new(o, "place",
                            c->place ? json_integer((json_int_t)c->place) : json_null());
        json_object_set_new(o, "samples", json_integer(c->place ? 1 : (json_int_t)c->count));
        if (c->stay)
            json_object_set_new(o, "stay", json_integer((json_int_t)c->stay));
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *list_starts(const struct plan *p)
{
    static const char *const reasons[] = {
        [START_USABLE] = "usable",    [START_RECIPE] = "recipe",   [START_BASE] = "base",
        [START_PARENT] = "parent",    [START_EXPOSED] = "exposed", [START_CHAIN] = "max_chain",
        [START_ASIDE] = "set aside",  [START_LOST] = "lost",       [START_REBUILD] = "rebuild",
        [START_COSTLIER] = "costlier"};
    json_t *list = json_array();
    for (size_t i = 0; i < p->start_count; i++) {
        const struct plan_start *s = &p->starts[i];
        json_t *o = json_pack("{s:o, s:s, s:I, s:b, s:o}", "version", ndjson_version(s->version),
                              "reason", WORD(reasons, s->reason), "learn", (json_int_t)s->learn,
                              "taken", (int)(i == p->taken), "example", ndjson_shown(s->example));
        json_array_append_new(list, o);
    }
    return list;
}

static const char *rule_word(const struct plan *p)
{
    static const char *const rules[] = {
        [RULE_FIRST] = "first",      [RULE_LEAST] = "least",           [RULE_CHOSEN] = "chosen",
        [RULE_BASE] = "base",        [RULE_CORRECTION] = "correction", [RULE_EXPOSED] = "exposed",
        [RULE_PARENT] = "parent",    [RULE_RECIPE] = "recipe",         [RULE_CHAIN] = "max_chain",
        [RULE_LOST] = "lost",        [RULE_ASIDE] = "set aside",       [RULE_REBUILD] = "rebuild",
        [RULE_COSTLIER] = "costlier"};
    return WORD(rules, p->rule);
}

static json_t *list_changed_rules(const struct plan *p)
{
    json_t *list = json_array();
    if (p->recipe_changed)
        json_array_append_new(list, json_string("recipe"));
    if (p->base_changed)
        json_array_append_new(list, json_string("base"));
    if (p->parent_changed)
        json_array_append_new(list, json_string("parent"));
    return list;
}

static json_t *describe_parent(const struct workshop *w, const struct target *t)
{
    if (t->rule->parent < 0)
        return json_null();
    return json_pack("{s:s, s:o}", "adapter", w->project->rules->adapters[t->rule->parent].name,
                     "version", ndjson_version(t->parent_version));
}

static void add_measures(json_t *o, const struct build_job *job)
{
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {{"steps", job->steps},
                   {"resumed_at", job->resumed_at},
                   {"steps_in_full", job->steps_in_full},
                   {"memory_bytes", (int64_t)job->needed_bytes},
                   {"memory_least_bytes", (int64_t)job->least_bytes},
                   {"memory_free_bytes", (int64_t)job->available_bytes},
                   {"disk_bytes", (int64_t)job->disk_bytes}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        json_object_set_new(o, numbers[i].name, json_integer(numbers[i].value));
    double left = job->steps ? 1 - (double)job->resumed_at / (double)job->steps : 0;
    json_object_set_new(o, "estimate_s", ndjson_number(job->estimate_s * left));
    json_object_set_new(o, "estimate_in_full_s", ndjson_number(job->estimate_in_full_s));
    json_object_set_new(o, "precision", json_string(job->precision));
}

json_t *json_plan(const struct workshop *w, const struct target *t, const struct build_job *job)
{
    static const char *const actions[] = {
        [PLAN_CURRENT] = "none", [PLAN_ASIDE] = "none",    [PLAN_USE] = "use",
        [PLAN_TRAIN] = "train",  [PLAN_EMPTY] = "refused", [PLAN_VANISHED] = "refused"};
    const struct plan *p = &t->plan;
    bool trains = job && p->verdict == PLAN_TRAIN;
    json_t *o =
        json_pack("{s:s, s:s, s:i, s:I, s:I}", "adapter", t->rule->name, "action",
                  WORD(actions, p->verdict), "version", p->version, "documents",
                  (json_int_t)t->now.document_count, "samples", (json_int_t)t->now.sample_count);
    json_object_set_new(o, "in_use", ndjson_version(t->lineage.current));
    json_object_set_new(o, "set_aside", json_boolean(p->verdict == PLAN_ASIDE));
    json_object_set_new(o, "parent", describe_parent(w, t));
    if (!trains)
        return o;
    json_object_set_new(o, "start", ndjson_version(p->start));
    json_object_set_new(o, "learn", json_integer((json_int_t)p->learn_count));
    json_object_set_new(o, "unchanged", json_integer((json_int_t)p->unchanged));
    json_object_set_new(o, "changes", list_changes(p));
    json_object_set_new(o, "changed_rules", list_changed_rules(p));
    json_object_set_new(o, "starts", list_starts(p));
    json_object_set_new(o, "rule", json_string(rule_word(p)));
    add_measures(o, job);
    return o;
}
