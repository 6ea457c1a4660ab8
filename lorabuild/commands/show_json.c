#include "lorabuild/commands/show_json.h"

#include "lorabuild/common/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void json_print(json_t *object)
{
    struct strbuf line = {0};
    json_write(&line, object, false);
    fwrite(line.data, 1, line.size, stdout);
    fflush(stdout);
    strbuf_free(&line);
    json_decref(object);
}

json_t *json_shown(const char *text)
{
    struct strbuf shown = {0};
    if (!text)
        return json_null();
    strbuf_add_shown(&shown, str_of(text));
    json_t *value = json_string(shown.size ? shown.data : "");
    strbuf_free(&shown);
    return value;
}

json_t *json_finite(double number)
{
    return isfinite(number) ? json_real(number) : json_null();
}

const char *json_kind(enum error_kind k)
{
    static const char *const kinds[] = {
        [ERROR_NONE] = "none",         [ERROR_USAGE] = "usage",
        [ERROR_INPUT] = "input",       [ERROR_SYSTEM] = "system",
        [ERROR_LIMIT] = "limit",       [ERROR_INTERRUPTED] = "interrupted",
        [ERROR_INTERNAL] = "internal", [ERROR_PERMISSION] = "permission"};
    return kinds[k];
}

/* The message as it stands: its line ends are JSON's to write. */
static json_t *message(const struct error *e)
{
    json_t *text = json_string(e->message);
    return text ? text : json_shown(e->message);
}

void json_print_error(const struct options *o, const struct error *e)
{
    if (o->json)
        json_print(json_pack("{s:s, s:s, s:o}", "event", "error", "kind", json_kind(e->kind),
                             "message", message(e)));
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
                                        [CHANGE_CAPTION] = "caption"};
    json_t *list = json_array();
    for (size_t i = 0; i < p->change_count; i++) {
        const struct plan_change *c = &p->changes[i];
        json_t *o = json_pack("{s:s, s:o}", "change", WORD(kinds, c->kind), "document",
                              json_shown(c->document));
        json_object_set_new(o, "place",
                            c->place ? json_integer((json_int_t)c->place) : json_null());
        json_object_set_new(o, "samples", json_integer(c->place ? 1 : (json_int_t)c->count));
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
        json_t *o = json_pack("{s:o, s:s, s:I, s:b, s:o}", "version",
                              s->version ? json_integer(s->version) : json_null(), "reason",
                              WORD(reasons, s->reason), "learn", (json_int_t)s->learn, "taken",
                              (int)(i == p->taken), "example", json_shown(s->example));
        json_array_append_new(list, o);
    }
    return list;
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
                     "version", t->parent_version ? json_integer(t->parent_version) : json_null());
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
    json_object_set_new(o, "estimate_s", json_finite(job->estimate_s * left));
    json_object_set_new(o, "estimate_in_full_s", json_finite(job->estimate_in_full_s));
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
    json_object_set_new(o, "in_use",
                        t->lineage.current ? json_integer(t->lineage.current) : json_null());
    json_object_set_new(o, "set_aside", json_boolean(p->verdict == PLAN_ASIDE));
    json_object_set_new(o, "parent", describe_parent(w, t));
    if (!trains)
        return o;
    json_object_set_new(o, "start", p->start ? json_integer(p->start) : json_null());
    json_object_set_new(o, "learn", json_integer((json_int_t)p->learn_count));
    json_object_set_new(o, "unchanged", json_integer((json_int_t)p->unchanged));
    json_object_set_new(o, "changes", list_changes(p));
    json_object_set_new(o, "changed_rules", list_changed_rules(p));
    json_object_set_new(o, "starts", list_starts(p));
    add_measures(o, job);
    return o;
}
