#include "cache/lock.h"
#include "lorabuild/commands/commands.h"
#include "lorabuild/commands/screen.h"
#include "lorabuild/commands/show_plan.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/facts.h"

#include <stdlib.h>
#include <string.h>

struct row {
    struct strbuf state;
    double cost_s; /* < 0: none */
    bool attention;
};

static size_t count_changes(const struct plan *p, enum change_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < p->change_count; i++)
        if (p->changes[i].kind == kind)
            n += p->changes[i].count;
    return n;
}

static void add_part(struct strbuf *b, const char *format, size_t n)
{
    if (!n)
        return;
    if (b->size)
        strbuf_add_text(b, ", ");
    strbuf_printf(b, "%zu ", n);
    strbuf_add_text(b, format);
}

/* "3 new, 1 withdrawn; v2 learned it" */
static void describe_train(struct row *row, const struct target *t)
{
    const struct plan *p = &t->plan;
    struct strbuf *b = &row->state;
    if (!t->lineage.current) {
        strbuf_add_text(b, t->lineage.count ? _("no version in use") : _("never built"));
        return;
    }
    add_part(b, _("new"), count_changes(p, CHANGE_NEW));
    add_part(b, _("edited"), count_changes(p, CHANGE_EDITED));
    add_part(b, _("captions edited"), count_changes(p, CHANGE_CAPTION));
    size_t gone = count_changes(p, CHANGE_GONE);
    add_part(b, _("withdrawn"), gone);
    if (gone)
        strbuf_printf(b, gone == 1 ? _("; v%d learned it") : _("; v%d learned them"),
                      t->lineage.current);
    if (p->recipe_changed)
        strbuf_printf(b, "%s%s", b->size ? ", " : "", _("recipe changed"));
    if (p->base_changed)
        strbuf_printf(b, "%s%s", b->size ? ", " : "", _("base model changed"));
    if (p->parent_changed && t->parent_pending)
        strbuf_printf(b, "%s%s", b->size ? ", " : "", _("its domain adapter must be built anew"));
    if (!b->size)
        strbuf_add_text(b, _("changed"));
}

/* The seconds that the version in use took, by the share of samples to learn: an estimate that
 * costs nothing to make. */
static double guess_cost(const struct target *t)
{
    double before = facts_recorded_seconds(t, t->lineage.current);
    const struct version *v =
        lineage_version((struct lineage *)(uintptr_t)&t->lineage, t->lineage.current);
    double learned = v ? json_number_value(json_object_get(v->manifest, "learned")) : 0;
    if (before <= 0 || learned <= 0)
        return -1;
    return before * (double)t->plan.learn_count / learned;
}

/* "; being built (process 4242)", as its lock says. */
static void add_builder(struct row *row, const struct target *t)
{
    char *path = target_lock_path(t), *holder = lock_holder(path);
    if (holder)
        strbuf_printf(&row->state, _("; being built (process %.*s)"), (int)strcspn(holder, " "),
                      holder);
    free(holder);
    free(path);
}

static void describe(struct row *row, const struct workshop *w, const struct target *t)
{
    *row = (struct row){.cost_s = -1, .attention = true};
    const char *parent =
        t->rule->parent >= 0 ? w->project->rules->adapters[t->rule->parent].name : "";
    switch (t->plan.verdict) {
    case PLAN_TRAIN:
        describe_train(row, t);
        add_builder(row, t);
        row->cost_s = guess_cost(t);
        return;
    case PLAN_USE: strbuf_printf(&row->state, _("v%d fits again"), t->plan.version); return;
    case PLAN_ASIDE:
        strbuf_printf(&row->state, _("v%d built, not used: it failed its check"), t->plan.version);
        return;
    case PLAN_EMPTY:
        if (target_waiting(w, t))
            strbuf_add_text(&row->state, _("all its captions wait for review"));
        else
            strbuf_add_text(&row->state, _("nothing to learn yet"));
        return;
    case PLAN_VANISHED:
        strbuf_add_text(&row->state, _("over half of its documents are gone"));
        return;
    case PLAN_CURRENT: break;
    }
    size_t waiting = target_waiting(w, t);
    row->attention = t->newer_parent || waiting;
    if (waiting) {
        strbuf_printf(
            &row->state, "%zu %s", waiting,
            show_plural(waiting, _("caption waits for review"), _("captions wait for review")));
        return;
    }
    if (t->newer_parent)
        strbuf_printf(&row->state, _("keeps %s v%d; %s v%d exists (-U)"), parent, t->parent_version,
                      parent, t->newer_parent);
    else
        strbuf_add_text(&row->state, _("current"));
}

static void print_row(struct screen *s, const struct target *t, const struct row *row)
{
    struct strbuf b = {0};
    char version[16] = "-", count[32], cost[40] = "";
    if (t->lineage.current)
        snprintf(version, sizeof version, "v%d", t->lineage.current);
    strbuf_add_shown(&b, str_of(t->rule->name));
    for (int i = display_width(strbuf_str(&b)); i < s->name_width + 2; i++)
        strbuf_add_byte(&b, ' ');
    strbuf_printf(&b, "%-6s  %9s  %s", version, show_count(t->now.document_count, count),
                  row->state.data ? row->state.data : "");
    if (row->cost_s >= 0) {
        show_about(row->cost_s, cost);
        for (int i = display_width(strbuf_str(&b)) + display_width(str_of(cost)); i < 79; i++)
            strbuf_add_byte(&b, ' ');
        strbuf_add_text(&b, cost);
    }
    screen_text(s, b.data);
    strbuf_free(&b);
}

static void print_header(struct screen *s)
{
    struct strbuf b = {0};
    for (int i = 0; i < s->name_width + 2; i++)
        strbuf_add_byte(&b, ' ');
    strbuf_add_text(&b, _("in use  documents  state"));
    for (int i = display_width(strbuf_str(&b)) + 4; i < 79; i++)
        strbuf_add_byte(&b, ' ');
    strbuf_add_text(&b, _("cost"));
    screen_text(s, b.data);
    strbuf_free(&b);
}

static void print_mended(struct screen *s, const struct target *t)
{
    for (size_t k = 0; k < t->lineage.note_count; k++)
        screen_line(s, t->rule->name, _("note"), PAINT_NONE, t->lineage.notes[k], -1);
    for (size_t k = 0; k < t->mended_count; k++)
        screen_line(s, t->rule->name, _("note"), PAINT_NONE, t->mended[k], -1);
    s->name = NULL;
}

static bool print_status(struct screen *s, struct workshop *w, const bool *shown, bool all,
                         struct error *e)
{
    const struct rules *r = w->project->rules;
    struct row *rows = mem_array(r->adapter_count, sizeof *rows);
    size_t current = 0, attention = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < r->adapter_count; i++)
        if (shown[i] && (ok = target_plan(w, (int)i, e))) {
            describe(&rows[i], w, &w->targets[i]);
            print_mended(s, &w->targets[i]);
            attention += rows[i].attention || all;
            current += !rows[i].attention && !all;
            screen_fit_name(s, r->adapters[i].name);
        }
    if (ok && attention)
        print_header(s);
    for (size_t i = 0; ok && i < r->adapter_count; i++)
        if (shown[i] && (rows[i].attention || all))
            print_row(s, &w->targets[i], &rows[i]);
    if (ok && current) {
        char *line = attention ? mem_printf(_("%zu %s                      current"), current,
                                            current == 1 ? _("other") : _("others"))
                               : mem_printf(_("All %zu adapters are current."), current);
        screen_text(s, line);
        free(line);
    }
    for (size_t i = 0; i < r->adapter_count; i++)
        strbuf_free(&rows[i].state);
    free(rows);
    return ok;
}

/* The adapters of the named targets, or all. Parents of those named are not shown. */
static bool choose(const struct rules *r, const struct options *o, bool *shown, struct error *e)
{
    for (size_t i = 0; o->word_count < 2 && i < r->adapter_count; i++)
        shown[i] = !r->adapters[i].not_built_kind;
    for (int n = 1; n < o->word_count; n++) {
        int adapter = -1, group = -1;
        if (!rules_target(r, o->words[n], &adapter, &group, e))
            return false;
        if (adapter >= 0)
            shown[adapter] = !r->adapters[adapter].not_built_kind;
        for (size_t i = 0; group >= 0 && i < r->groups[group].member_count; i++)
            shown[r->groups[group].members[i]] =
                !r->adapters[r->groups[group].members[i]].not_built_kind;
    }
    return true;
}

int command_status(const struct options *o)
{
    struct project project;
    struct workshop workshop;
    struct error e = {0};
    struct screen s;
    int code = 0;
    screen_open(&s, stdout, o->quiet);
    if (!command_open(&project, o, false, &code))
        return code;
    bool *shown = mem_array(project.rules->adapter_count, sizeof *shown);
    workshop_open(&workshop, &project);
    workshop.source_options =
        (struct source_options){.rehash = o->rehash, .threads = command_threads(o)};
    if (!choose(project.rules, o, shown, &e) || !print_status(&s, &workshop, shown, o->all, &e))
        code = command_fail(&e);
    workshop_close(&workshop);
    project_close(&project);
    free(shown);
    return code;
}
