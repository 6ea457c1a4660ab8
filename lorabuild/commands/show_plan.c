#include "lorabuild/commands/show_plan.h"

#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"

#include <stdlib.h>
#include <string.h>

char *show_parent(const struct workshop *w, const struct target *t)
{
    const struct rules *r = w->project->rules;
    if (t->rule->parent < 0)
        return mem_strdup(r->bases[t->rule->base].name);
    const struct target *parent = &w->targets[t->rule->parent];
    int version = t->parent_version;
    if (!version)
        version = parent->planned ? parent->plan.version : 1;
    return mem_printf("%s v%d", r->adapters[t->rule->parent].name, version);
}

/* "text-a v2 from v1: 3 new samples", "text-a v1, continued at step 128 of 242" */
static void name_job(struct strbuf *b, const struct build_job *job)
{
    const struct target *t = job->target;
    const struct plan *p = &t->plan;
    char count[32];
    strbuf_add_shown(b, str_of(t->rule->name));
    strbuf_printf(b, " v%d", p->version);
    if (p->verdict == PLAN_USE) {
        strbuf_add_text(b, _(", built before"));
    } else if (job->resumed_at) {
        strbuf_printf(b, _(", continued at step %lld of %lld"), (long long)job->resumed_at,
                      (long long)job->steps);
    } else if (p->start) {
        strbuf_printf(b, _(" from v%d: %s %s"), p->start, show_count(p->learn_count, count),
                      show_plural(p->learn_count, _("new sample"), _("new samples")));
    }
}

static void add_memory(struct screen *s, const struct build_job *jobs, size_t count)
{
    uint64_t needed = 0, available = 0;
    char line[120];
    for (size_t i = 0; i < count; i++)
        if (jobs[i].needed_bytes > needed) {
            needed = jobs[i].needed_bytes;
            available = jobs[i].available_bytes;
        }
    if (!needed)
        return;
    snprintf(line, sizeof line, _("CPU: needs %.1f of %.1f GB free"), (double)needed / 1e9,
             (double)available / 1e9);
    screen_line(s, "Plan", NULL, PAINT_NONE, line, -1);
}

/* What must be told before it happens: a full training where earlier versions exist. */
static void add_reason(struct screen *s, const struct build_job *job)
{
    const struct plan *p = &job->target->plan;
    struct strbuf b = {0};
    size_t exposed = 0;
    for (size_t i = 0; p->verdict == PLAN_TRAIN && i + 1 < p->start_count; i++)
        if (p->starts[i].reason == START_EXPOSED) {
            strbuf_printf(&b, "%sv%d", exposed ? _(" and ") : "", p->starts[i].version);
            if (++exposed == 2)
                break;
        }
    if (exposed) {
        strbuf_add_text(&b, exposed == 1 ? _(" learned what is gone; it is not continued")
                                         : _(" learned what is gone; neither is continued"));
        screen_line(s, "Plan", NULL, PAINT_NONE, b.data, -1);
    }
    strbuf_free(&b);
}

void show_plan(struct screen *s, const struct build_job *jobs, size_t count)
{
    struct strbuf b = {0};
    double seconds = 0, in_full = 0;
    char about[40];
    bool trains = false, first = false;
    for (size_t i = 0; i < count; i++) {
        if (i)
            strbuf_add_text(&b, i + 1 < count ? ", " : _(", then "));
        name_job(&b, &jobs[i]);
        double left = jobs[i].steps ? 1 - (double)jobs[i].resumed_at / (double)jobs[i].steps : 0;
        seconds += jobs[i].estimate_s * left;
        in_full += jobs[i].estimate_in_full_s;
        trains = trains || jobs[i].target->plan.verdict == PLAN_TRAIN;
        first = first || (!jobs[i].target->plan.start && !jobs[i].resumed_at);
    }
    if (trains)
        strbuf_printf(&b, _("%s about %s"),
                      count == 1 && jobs[0].target->plan.start && !jobs[0].resumed_at ? "," : ":",
                      show_about(seconds, about));
    if (trains && count == 1 && jobs[0].target->plan.start && !jobs[0].resumed_at)
        strbuf_printf(&b, _(" (in full: %s)"), show_about(in_full, about));
    else if (trains && first)
        strbuf_add_text(&b, _("; Ctrl-C is safe at any time"));
    s->name = NULL;
    screen_line(s, "Plan", NULL, PAINT_NONE, b.data, -1);
    add_memory(s, jobs, count);
    for (size_t i = 0; i < count; i++)
        add_reason(s, &jobs[i]);
    strbuf_free(&b);
}

/* "v3 was built for this and set aside: it failed its check" */
static void describe_aside(char line[static 200], const struct target *t)
{
    const struct version *v =
        lineage_version((struct lineage *)(uintptr_t)&t->lineage, t->plan.version);
    if (v && lineage_failed_check(v) && v->put_aside)
        snprintf(line, 200, _("v%d was built for this and set aside: it failed its check"),
                 t->plan.version);
    else if (t->lineage.chosen.number)
        snprintf(line, 200,
                 _("v%d is in use, chosen with `use`; v%d, built for this, is set aside"),
                 t->lineage.current, t->plan.version);
    else
        snprintf(line, 200, _("v%d was built for this and set aside with `use`"), t->plan.version);
}

void show_current(struct screen *s, const struct target *t, double seconds)
{
    char documents[32], samples[32], line[200];
    snprintf(line, sizeof line, _("v%d is current: %s %s, %s %s unchanged"), t->plan.version,
             show_count(t->now.document_count, documents),
             show_plural(t->now.document_count, _("document"), _("documents")),
             show_count(t->now.sample_count, samples),
             show_plural(t->now.sample_count, _("sample"), _("samples")));
    s->name = NULL;
    if (t->plan.verdict == PLAN_ASIDE)
        describe_aside(line, t);
    char took[40];
    screen_line_right(s, t->rule->name, NULL, PAINT_NONE, line, show_duration(seconds, took));
    s->name = NULL;
}

static void show_change(struct screen *s, const struct plan_change *c, int in_use)
{
    struct strbuf b = {0}, place = {0};
    strbuf_add_shown(&place, str_of(c->document));
    if (c->place)
        strbuf_printf(&place, " §%zu", c->place);
    static const char signs[] = {'+', '-', '~', '~'};
    strbuf_printf(&b, "  %c %s", signs[c->kind], place.data);
    for (int i = display_width(strbuf_str(&b)); i < 21; i++)
        strbuf_add_byte(&b, ' ');
    strbuf_add_text(&b, "  ");
    if (c->kind == CHANGE_EDITED)
        strbuf_printf(&b, _("text edited since v%d"), in_use);
    else if (c->kind == CHANGE_CAPTION)
        strbuf_printf(&b, _("caption edited since v%d"), in_use);
    else if (c->kind == CHANGE_NEW)
        strbuf_add_text(&b, _("new"));
    else
        strbuf_add_text(&b, _("gone"));
    if (!c->place)
        strbuf_printf(&b, ": %zu %s", c->count, show_plural(c->count, _("sample"), _("samples")));
    screen_text(s, b.data);
    strbuf_free(&place);
    strbuf_free(&b);
}

static void show_unchanged(struct screen *s, const struct workshop *w, const struct target *t)
{
    const struct plan *p = &t->plan;
    struct strbuf b = {0};
    char count[32], *parent = show_parent(w, t);
    strbuf_printf(&b, _("Unchanged: %s %s"), show_count(p->unchanged, count),
                  show_plural(p->unchanged, _("sample"), _("samples")));
    if (!p->recipe_changed)
        strbuf_add_text(&b, _(", recipe"));
    if (!p->base_changed)
        strbuf_printf(&b, ", %s", w->project->rules->bases[t->rule->base].name);
    if (!p->parent_changed && t->rule->parent >= 0)
        strbuf_printf(&b, ", %s", parent);
    strbuf_add_byte(&b, '.');
    screen_text(s, b.data);
    strbuf_free(&b);
    free(parent);
}

static void show_recipe_changes(struct screen *s, const struct target *t)
{
    struct version *v =
        lineage_version((struct lineage *)(uintptr_t)&t->lineage, t->lineage.current);
    json_t *now = recipe_to_json(&t->rule->recipe), *value;
    const json_t *before = v ? json_object_get(v->manifest, "recipe") : NULL;
    const char *key;
    struct strbuf b = {0};
    json_object_foreach (now, key, value) {
        json_t *old = json_object_get(before, key);
        if (!old || json_equal(old, value))
            continue;
        char *was = json_dumps(old, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        char *is = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        b.size = 0;
        strbuf_printf(&b, "  ~ %-18s %s, was %s", key, is, was);
        screen_text(s, b.data);
        free(is);
        free(was);
    }
    strbuf_free(&b);
    json_decref(now);
}

static void show_changes(struct screen *s, const struct workshop *w, const struct target *t)
{
    const struct plan *p = &t->plan;
    struct strbuf b = {0};
    for (size_t i = 0; i < p->change_count; i++)
        show_change(s, &p->changes[i], t->lineage.current);
    if (p->recipe_changed)
        show_recipe_changes(s, t);
    if (p->base_changed)
        strbuf_printf(&b, _("  ~ %-18s another base model\n"),
                      w->project->rules->bases[t->rule->base].name);
    if (p->parent_changed) {
        char *parent = show_parent(w, t);
        strbuf_printf(&b, _("  ~ %-18s another version to build on\n"), parent);
        free(parent);
    }
    if (b.size) {
        b.data[--b.size] = '\0';
        screen_text(s, b.data);
    }
    strbuf_free(&b);
    show_unchanged(s, w, t);
}

static void add_start_reason(struct strbuf *b, const struct target *t, const struct plan_start *o,
                             const struct build_job *job)
{
    char about[40];
    static const char *const words[] = {
        [START_RECIPE] = "trained with another recipe",
        [START_BASE] = "trained over another base model",
        [START_PARENT] = "built on another domain version",
        [START_CHAIN] = "as many updates in a row as max_chain allows",
        [START_ASIDE] = "set aside",
        [START_LOST] = "its weights are gone",
        [START_REBUILD] = "--rebuild was asked for",
        [START_COSTLIER] = "costs no less than training in full",
    };
    if (o->reason == START_EXPOSED && o->example)
        strbuf_printf(b, _("learned the old text of %s"), o->example);
    else if (o->reason == START_EXPOSED)
        strbuf_add_text(b, _("learned something no longer wanted"));
    else if (o->reason != START_USABLE)
        strbuf_add_text(b, _(words[o->reason]));
    else if (!o->version)
        strbuf_printf(b, _("%zu to learn, about %s"), o->learn,
                      show_about(job ? job->estimate_in_full_s : 0, about));
    else
        strbuf_printf(b, _("all its %zu samples are still wanted; %zu to learn"),
                      t->now.sample_count - o->learn, o->learn);
}

static void show_starts(struct screen *s, const struct workshop *w, const struct target *t,
                        const struct build_job *job)
{
    const struct plan *p = &t->plan;
    char *parent = show_parent(w, t);
    screen_text(s, _("Where it could start:"));
    for (size_t i = 0; i < p->start_count; i++) {
        const struct plan_start *o = &p->starts[i];
        struct strbuf b = {0}, name = {0};
        if (o->version)
            strbuf_printf(&name, "v%d", o->version);
        else
            strbuf_add_text(&name, parent);
        strbuf_printf(&b, "  %s", name.data);
        for (int k = display_width(strbuf_str(&b)); k < 12; k++)
            strbuf_add_byte(&b, ' ');
        strbuf_printf(&b, "%-4s  ", o->reason == START_USABLE ? _("yes") : _("no"));
        add_start_reason(&b, t, o, job);
        if (i == p->taken) {
            for (int k = display_width(strbuf_str(&b)); k < 71; k++)
                strbuf_add_byte(&b, ' ');
            strbuf_add_text(&b, _("<- taken"));
        }
        screen_text(s, b.data);
        strbuf_free(&name);
        strbuf_free(&b);
    }
    free(parent);
}

void show_why(struct screen *s, const struct workshop *w, const struct target *t,
              const struct build_job *job)
{
    struct strbuf b = {0};
    char about[40];
    if (!job) {
        show_current(s, t, 0);
        return;
    }
    const struct plan *p = &t->plan;
    strbuf_add_shown(&b, str_of(t->rule->name));
    if (p->verdict == PLAN_USE)
        strbuf_printf(&b, _(" would use v%d again: it is exactly what is wanted"), p->version);
    else
        strbuf_printf(&b, _(" would become v%d, about %s:"), p->version,
                      show_about(job->estimate_s, about));
    screen_text(s, b.data);
    strbuf_free(&b);
    if (p->verdict != PLAN_TRAIN)
        return;
    if (t->lineage.current)
        show_changes(s, w, t);
    else
        screen_text(s, _("  + never built before"));
    screen_text(s, "");
    show_starts(s, w, t, job);
    screen_text(s, _("Rule: never continue from what has learned something no longer wanted."));
}
