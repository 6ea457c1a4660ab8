#include "cache/lock.h"
#include "lorabuild/commands/commands.h"
#include "lorabuild/commands/ndjson.h"
#include "lorabuild/commands/screen.h"
#include "lorabuild/commands/show_plan.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/disk_used.h"
#include "lorabuild/run/facts.h"
#include "lorabuild/run/gc.h"
#include "lorabuild/run/left.h"

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

/* "; being built (process 4242, step 40 of 128)", as its lock says. */
static void add_builder(struct row *row, const struct target *t)
{
    char *path = target_lock_path(t);
    struct lock_holder h;
    if (lock_look(path, &h) && h.doing[0])
        strbuf_printf(&row->state, _("; being built (process %ld, %s)"), h.process, h.doing);
    else if (h.process)
        strbuf_printf(&row->state, _("; being built (process %ld)"), h.process);
    free(path);
}

/* "chosen with `use` 27 Nov; v3 set aside" */
static void describe_choice(struct row *row, const struct lineage *l)
{
    char day[32];
    size_t later = 0;
    for (size_t i = 0; i < l->count; i++)
        later += l->versions[i].number > l->chosen.number;
    strbuf_printf(&row->state, _("chosen with `use` %s"), show_day(l->chosen.date, day));
    if (later == 1)
        strbuf_printf(&row->state, _("; v%d set aside"), l->versions[l->count - 1].number);
    else if (later)
        strbuf_printf(&row->state, _("; %zu later ones set aside"), later);
}

/* "v6 built, not used: earlier pages +3.1 %" */
static void describe_aside(struct row *row, const struct target *t)
{
    const struct version *v =
        lineage_version((struct lineage *)(uintptr_t)&t->lineage, t->plan.version);
    if (v && v->put_aside && lineage_failed_check(v))
        strbuf_printf(&row->state, _("v%d built, not used: earlier pages %+.1f %%"), v->number,
                      100 * lineage_check_change(v));
    else if (t->lineage.chosen.number)
        describe_choice(row, &t->lineage);
    else
        strbuf_printf(&row->state, _("v%d fits, but was set aside with `use`"), t->plan.version);
}

static void describe_current(struct row *row, const struct workshop *w, const struct target *t)
{
    const char *parent =
        t->rule->parent >= 0 ? w->project->rules->adapters[t->rule->parent].name : "";
    size_t waiting = target_waiting(w, t);
    row->attention = t->newer_parent || t->lineage.chosen.number || waiting;
    if (t->lineage.chosen.number) {
        describe_choice(row, &t->lineage);
    } else if (waiting) {
        strbuf_printf(
            &row->state, "%zu %s", waiting,
            show_plural(waiting, _("caption waits for review"), _("captions wait for review")));
    } else if (t->newer_parent) {
        strbuf_printf(&row->state, _("keeps %s v%d; %s v%d exists (-U)"), parent, t->parent_version,
                      parent, t->newer_parent);
        row->cost_s = facts_recorded_seconds(t, t->lineage.current);
        row->cost_s = row->cost_s > 0 ? row->cost_s : -1;
    } else {
        strbuf_add_text(&row->state, _("current"));
    }
}

static void describe(struct row *row, const struct workshop *w, const struct target *t)
{
    *row = (struct row){.cost_s = -1, .attention = true};
    switch (t->plan.verdict) {
    case PLAN_TRAIN:
        describe_train(row, t);
        add_builder(row, t);
        row->cost_s = guess_cost(t);
        return;
    case PLAN_USE: strbuf_printf(&row->state, _("v%d fits again"), t->plan.version); return;
    case PLAN_ASIDE: describe_aside(row, t); return;
    case PLAN_EMPTY:
        if (target_waiting(w, t))
            strbuf_add_text(&row->state, _("all its captions wait for review"));
        else
            strbuf_add_text(&row->state, _("nothing to learn yet"));
        return;
    case PLAN_VANISHED:
        strbuf_add_text(&row->state, _("over half of its documents are gone"));
        return;
    case PLAN_CURRENT: describe_current(row, w, t); return;
    }
}

/* Its plan takes a right that is missing (B13): what stands is told all the same. */
static void describe_untold(struct row *row, struct target *t)
{
    const struct version *v = lineage_version(&t->lineage, t->lineage.current);
    *row = (struct row){.cost_s = -1, .attention = true};
    if (v)
        t->now.document_count =
            (size_t)json_integer_value(json_object_get(v->manifest, "documents"));
    strbuf_add_text(&row->state, v ? _("what changed cannot be told") : _("never built"));
    if (t->scope)
        add_builder(row, t);
}

static void print_row(struct screen *s, const char *name, int in_use, size_t documents,
                      const struct row *row)
{
    struct strbuf b = {0};
    char version[16] = "-", count[32], cost[40] = "";
    if (in_use)
        snprintf(version, sizeof version, "v%d", in_use);
    strbuf_add_shown(&b, str_of(name));
    for (int i = display_width(strbuf_str(&b)); i < s->name_width + 2; i++)
        strbuf_add_byte(&b, ' ');
    strbuf_printf(&b, "%-6s  %9s  %s", version, str_count(documents, count),
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

/* Fills a row; the first right that is missing goes to *missing. */
static bool plan_or_untold(struct workshop *w, int adapter, struct row *row, struct error *missing,
                           struct error *e)
{
    struct target *t = &w->targets[adapter];
    struct error why = {0};
    if (target_plan(w, adapter, &why)) {
        describe(row, w, t);
        return true;
    }
    if (why.kind != ERROR_PERMISSION) {
        *e = why;
        return false;
    }
    t->rule = &w->project->rules->adapters[adapter];
    describe_untold(row, t);
    if (!missing->kind)
        *missing = why;
    return true;
}

/* What a program wants to know of a row, and the sentence that a person reads. */
static void print_json(const struct workshop *w, const struct row *rows, const bool *shown)
{
    static const char *const verdicts[] = {
        [PLAN_CURRENT] = "current", [PLAN_ASIDE] = "aside", [PLAN_USE] = "use",
        [PLAN_TRAIN] = "train",     [PLAN_EMPTY] = "empty", [PLAN_VANISHED] = "vanished"};
    for (size_t i = 0; i < w->project->rules->adapter_count; i++) {
        const struct target *t = &w->targets[i];
        const struct plan *p = &t->plan;
        if (!shown[i])
            continue;
        ndjson_print(json_pack(
            "{s:s, s:o, s:I, s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:I}", "adapter",
            t->rule->name, "in_use", ndjson_version(t->lineage.current), "documents",
            (json_int_t)t->now.document_count, "verdict", verdicts[p->verdict], "state",
            rows[i].state.data ? rows[i].state.data : "", "cost_s",
            rows[i].cost_s < 0 ? json_null() : json_real(rows[i].cost_s), "chosen",
            ndjson_version(t->lineage.chosen.number), "newer_parent",
            ndjson_version(t->newer_parent), "new", (json_int_t)count_changes(p, CHANGE_NEW),
            "edited", (json_int_t)count_changes(p, CHANGE_EDITED), "captions_edited",
            (json_int_t)count_changes(p, CHANGE_CAPTION), "withdrawn",
            (json_int_t)count_changes(p, CHANGE_GONE)));
    }
}

/* Versions whose documents or rule are not there: nothing of them counts as withdrawn. */
static void describe_left(struct row *row, const struct left_adapter *a)
{
    *row = (struct row){.cost_s = -1, .attention = true};
    strbuf_add_text(&row->state,
                    a->why ? _("folder not there; share not mounted?") : _("no rule makes it now"));
}

static void print_left(struct screen *s, const struct left_adapters *left, bool json)
{
    for (size_t i = 0; i < left->count; i++) {
        const struct left_adapter *a = &left->items[i];
        struct row row;
        describe_left(&row, a);
        if (json)
            ndjson_print(json_pack("{s:o, s:o, s:I, s:s, s:s}", "adapter", ndjson_shown(a->name),
                                   "in_use", ndjson_version(a->in_use), "documents",
                                   (json_int_t)a->documents, "verdict", "left", "state",
                                   row.state.data));
        else
            print_row(s, a->name, a->in_use, a->documents, &row);
        strbuf_free(&row.state);
    }
}

/* The closing line; of the whole project, so not where only some adapters were asked for. */
static void print_disk(struct screen *s, struct workshop *w, const bool *shown, bool json)
{
    struct strbuf line = {0};
    struct gc g = {0};
    char size[32];
    uint64_t bytes = disk_used(w->project), free = 0;
    if (gc_plan(&g, w, shown, false, NULL))
        free = g.bytes;
    gc_free(&g);
    if (json) {
        ndjson_print(
            json_pack("{s:I, s:I}", "disk_bytes", (json_int_t)bytes, "gc_bytes", (json_int_t)free));
        return;
    }
    strbuf_printf(&line, _("\nDisk %s"), show_size(bytes, size));
    if (free)
        strbuf_printf(&line, _("; lorabuild gc would free %s"), show_size(free, size));
    screen_text(s, line.data);
    strbuf_free(&line);
}

static void print_rest(struct screen *s, const struct rules *r, const struct row *rows,
                       const bool *shown, size_t current, size_t attention)
{
    char *line = NULL;
    for (size_t i = 0; current == 1 && !attention && i < r->adapter_count; i++)
        if (shown[i] && !rows[i].attention)
            line = mem_printf(_("%s is current."), r->adapters[i].name);
    if (!line && attention)
        line = mem_printf(_("%zu %s                      current"), current,
                          show_plural(current, _("other"), _("others")));
    else if (!line)
        line = mem_printf(_("All %zu adapters are current."), current);
    screen_text(s, line);
    free(line);
}

static bool print_status(struct screen *s, struct workshop *w, const bool *shown,
                         const struct left_adapters *left, const struct options *o, struct error *e)
{
    bool all = o->all;
    const struct rules *r = w->project->rules;
    struct row *rows = mem_array(r->adapter_count, sizeof *rows);
    size_t current = 0, attention = left->count;
    struct error missing = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < r->adapter_count; i++)
        if (shown[i] && (ok = plan_or_untold(w, (int)i, &rows[i], &missing, e))) {
            if (!o->json)
                print_mended(s, &w->targets[i]);
            attention += rows[i].attention || all;
            current += !rows[i].attention && !all;
            screen_fit_name(s, r->adapters[i].name);
        }
    for (size_t i = 0; i < left->count; i++)
        screen_fit_name(s, left->items[i].name);
    if (ok && attention && !o->json)
        print_header(s);
    for (size_t i = 0; ok && !o->json && i < r->adapter_count; i++)
        if (shown[i] && (rows[i].attention || all))
            print_row(s, r->adapters[i].name, w->targets[i].lineage.current,
                      w->targets[i].now.document_count, &rows[i]);
    if (ok && o->json)
        print_json(w, rows, shown);
    if (ok)
        print_left(s, left, o->json);
    if (ok && current && !o->json)
        print_rest(s, r, rows, shown, current, attention);
    if (ok && missing.kind)
        screen_missing_right(s, missing.message);
    for (size_t i = 0; i < r->adapter_count; i++)
        strbuf_free(&rows[i].state);
    free(rows);
    return ok;
}

static bool work(const struct options *o, struct workshop *w, void *context, struct error *e)
{
    bool *shown = mem_array(w->project->rules->adapter_count, sizeof *shown);
    struct left_adapters left = {0};
    struct error nothing = {0};
    if (o->word_count < 2)
        left_find(&left, w->project->rules, NULL);
    bool ok = command_choose(w->project->rules, o->words + 1, o->word_count - 1, shown, e) &&
              print_status(context, w, shown, &left, o, e);
    if (ok && !o->json && !left.count && !rules_make_something(w->project->rules, &nothing))
        screen_text(context, nothing.message);
    left_free(&left);
    if (ok && o->word_count < 2)
        print_disk(context, w, shown, o->json);
    free(shown);
    return ok;
}

int command_status(const struct options *o)
{
    struct screen s;
    screen_open(&s, stdout, o->quiet);
    return command_in_workshop(o, false, work, &s);
}
