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

/* "3 new samples", "1 edited sample", "2 edited captions", "5 new or edited samples" */
static void add_learned(struct strbuf *b, const struct target *t)
{
    const struct plan *p = &t->plan;
    size_t counts[CHANGE_HEADING + 1] = {0}, n = p->learn_count;
    char count[32];
    for (size_t i = 0; i < p->change_count; i++)
        counts[p->changes[i].kind] += p->changes[i].count;
    strbuf_printf(b, "%s ", str_count(n, count));
    bool edited =
        p->start == t->lineage.current && (counts[CHANGE_EDITED] || counts[CHANGE_CAPTION]);
    if (!edited)
        strbuf_add_text(b, show_plural(n, _("new sample"), _("new samples")));
    else if (counts[CHANGE_EDITED] == n)
        strbuf_add_text(b, show_plural(n, _("edited sample"), _("edited samples")));
    else if (counts[CHANGE_CAPTION] == n)
        strbuf_add_text(b, show_plural(n, _("edited caption"), _("edited captions")));
    else
        strbuf_add_text(b, _("new or edited samples"));
}

/* "text-a v2 from v1: 3 new samples", "text-a v1, continued at step 128 of 242",
 * "text-a v3 without 交通报价.docx, from city v1" */
static void name_job(struct strbuf *b, const struct build_job *job)
{
    const struct target *t = job->target;
    const struct plan *p = &t->plan;
    strbuf_add_shown(b, str_of(t->rule->name));
    strbuf_printf(b, " v%d", p->version);
    if (p->verdict == PLAN_USE) {
        strbuf_add_text(b, _(", built before"));
        return;
    }
    if (job->resumed_at) {
        strbuf_printf(b, _(", continued at step %lld of %lld"), (long long)job->resumed_at,
                      (long long)job->steps);
        return;
    }
    if (job->withdrawal) {
        strbuf_add_text(b, _(" without "));
        show_withdrawn(b, job->withdrawal);
        strbuf_add_byte(b, ',');
    }
    if (p->start) {
        strbuf_printf(
            b, p->rule == RULE_CHOSEN ? _(" from v%d (chosen with `use`): ") : _(" from v%d: "),
            p->start);
        add_learned(b, t);
    } else if (job->withdrawal) {
        char *parent = show_parent(job->build->workshop, t);
        strbuf_printf(b, _(" from %s"), parent);
        free(parent);
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

/* What was edited is forgotten with its old text: told before it happens, as a withdrawal is. */
static void add_edited(struct screen *s, const struct build_job *job)
{
    const struct plan *p = &job->target->plan;
    struct strbuf b = {0};
    const struct plan_start *newest = NULL;
    for (size_t i = 0; p->verdict == PLAN_TRAIN && i + 1 < p->start_count; i++)
        if (p->starts[i].version == job->target->lineage.current)
            newest = &p->starts[i];
    if (!newest || !newest->exposed || job->withdrawal)
        return;
    strbuf_printf(&b, "v%d ", newest->version);
    if (newest->edited)
        strbuf_printf(&b, _("learned the old text of %s §%zu; it is not continued"), newest->path,
                      newest->place);
    else
        strbuf_add_text(&b, _("learned what is gone; it is not continued"));
    screen_line(s, "Plan", NULL, PAINT_NONE, b.data, -1);
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
        first = first || (!jobs[i].target->lineage.count && !jobs[i].resumed_at);
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
    for (size_t i = 0; i < count; i++) {
        show_not_continued(s, &jobs[i]);
        add_edited(s, &jobs[i]);
    }
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

/* "0.3", where the version was trained by another algorithm than this lorabuild's: that alone is no
 * reason to train. */
static char *older_tool(const struct target *t)
{
    const struct version *v =
        lineage_version((struct lineage *)(uintptr_t)&t->lineage, t->plan.version);
    const json_t *algorithm = v ? json_object_get(v->manifest, "algorithm") : NULL;
    const char *tool = v ? json_string_value(json_object_get(v->manifest, "tool")) : NULL;
    if (!algorithm || !tool || json_integer_value(algorithm) == PLAN_ALGORITHM)
        return NULL;
    const char *space = strchr(tool, ' ');
    return mem_strdup(space ? space + 1 : tool);
}

void show_current(struct screen *s, const struct target *t, double seconds)
{
    char documents[32], samples[32], line[200], *tool = older_tool(t);
    int n = snprintf(line, sizeof line, _("v%d is current"), t->plan.version);
    if (tool)
        n += snprintf(line + n, sizeof line - (size_t)n, _(", built by %.20s"), tool);
    snprintf(line + n, sizeof line - (size_t)n, _(": %s %s, %s %s unchanged"),
             str_count(t->now.document_count, documents),
             show_plural(t->now.document_count, _("document"), _("documents")),
             str_count(t->now.sample_count, samples),
             show_plural(t->now.sample_count, _("sample"), _("samples")));
    free(tool);
    s->name = NULL;
    if (t->plan.verdict == PLAN_ASIDE)
        describe_aside(line, t);
    char took[40];
    screen_line_right(s, t->rule->name, NULL, PAINT_NONE, line, show_duration(seconds, took));
    s->name = NULL;
}

/* Worse by the mean, but on too few pages to be sure: that passes, and is not hidden. */
void show_check_words(char line[static 200], const struct build_job *job)
{
    const struct rule_check *check =
        &job->build->workshop->project->rules->adapters[job->adapter].check;
    const char *verdict = !job->passed                 ? _("failed")
                          : job->change > check->limit ? _("too few to be sure")
                                                       : _("passed");
    if (job->withdrawal)
        snprintf(line, 200, _("earlier pages %+.1f %% (no limit: what it replaces may not stay)"),
                 100 * job->change);
    else
        snprintf(line, 200, _("earlier pages %+.1f %% (limit +%g %%): %s"), 100 * job->change,
                 100 * check->limit, verdict);
}
