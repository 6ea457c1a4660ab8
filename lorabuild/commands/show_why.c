#include "lorabuild/commands/show_plan.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"

#include <stdlib.h>
#include <string.h>

/* "  + 地铁方案.docx §5   new" */
static void show_fact(struct screen *s, char sign, const char *place, const char *fact)
{
    struct strbuf b = {0};
    strbuf_printf(&b, "  %c ", sign);
    strbuf_add_shown(&b, str_of(place));
    for (int i = display_width(strbuf_str(&b)); i < 21; i++)
        strbuf_add_byte(&b, ' ');
    strbuf_add_text(&b, "  ");
    strbuf_add_text(&b, fact);
    screen_text(s, b.data);
    strbuf_free(&b);
}

static void show_change(struct screen *s, const struct plan_change *c, int in_use)
{
    static const char signs[] = {'+', '-', '~', '~', '~'};
    char place[400], fact[300];
    int n = 0;
    if (!c->document)
        snprintf(place, sizeof place, "%zu %s", c->count,
                 show_plural(c->count, _("sample"), _("samples")));
    else if (c->place)
        snprintf(place, sizeof place, "%s §%zu", c->document, c->place);
    else
        snprintf(place, sizeof place, "%s", c->document);
    switch (c->kind) {
    case CHANGE_EDITED: n = snprintf(fact, sizeof fact, _("text edited since v%d"), in_use); break;
    case CHANGE_CAPTION:
        n = snprintf(fact, sizeof fact, _("caption edited since v%d"), in_use);
        break;
    case CHANGE_HEADING:
        n = snprintf(fact, sizeof fact, _("heading edited since v%d"), in_use);
        break;
    case CHANGE_NEW: n = snprintf(fact, sizeof fact, "%s", _("new")); break;
    case CHANGE_GONE:
        n = snprintf(fact, sizeof fact, "%s",
                     c->document ? _("gone") : _("gone; in which document is not known any more"));
        break;
    }
    if (c->document && !c->place)
        n += snprintf(fact + n, sizeof fact - (size_t)n, ": %zu %s", c->count,
                      show_plural(c->count, _("sample"), _("samples")));
    if (c->stay)
        snprintf(fact + n, sizeof fact - (size_t)n, _("; %zu more stand in %s"), c->stay,
                 c->stays_in);
    show_fact(s, signs[c->kind], place, fact);
}

static void show_unchanged(struct screen *s, const struct workshop *w, const struct target *t)
{
    const struct plan *p = &t->plan;
    struct strbuf b = {0};
    char count[32], *parent = show_parent(w, t);
    strbuf_printf(&b, _("Unchanged: %s %s"), str_count(p->unchanged, count),
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

static const struct version *version_in_use(const struct target *t)
{
    return lineage_version((struct lineage *)(uintptr_t)&t->lineage, t->lineage.current);
}

static char *json_words(const json_t *value)
{
    return json_is_string(value) ? mem_strdup(json_string_value(value))
                                 : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
}

size_t show_recipe_difference(struct screen *s, const json_t *before, const json_t *now)
{
    json_t *value;
    const char *key;
    size_t shown = 0;
    struct strbuf b = {0};
    json_object_foreach ((json_t *)(uintptr_t)now, key, value) {
        json_t *old = json_object_get(before, key);
        if (!old || json_equal(old, value))
            continue;
        char *was = json_words(old), *is = json_words(value);
        b.size = 0;
        strbuf_printf(&b, _("%s, was %s"), is, was);
        show_fact(s, '~', key, b.data);
        shown++;
        free(is);
        free(was);
    }
    strbuf_free(&b);
    return shown;
}

static void show_recipe_changes(struct screen *s, const struct target *t)
{
    json_t *now = recipe_to_json(&t->rule->recipe);
    const struct version *v = version_in_use(t);
    if (!show_recipe_difference(s, json_object_get(v->manifest, "recipe"), now))
        show_fact(s, '~', _("first weights"), _("what training begins with is another file"));
    json_decref(now);
}

/* Each file of the base that is another, came or went. */
static size_t show_base_files(struct screen *s, const struct base_files *now, const json_t *before)
{
    json_t *rest = json_deep_copy(before), *value;
    size_t shown = 0;
    const char *name;
    for (size_t i = 0; i < now->count; i++) {
        char hex[DIGEST_HEX];
        const char *old = json_string_value(json_object_get(rest, now->names[i]));
        digest_hex(now->digests[i], hex);
        if (!old || strcmp(old, hex) != 0) {
            show_fact(s, old ? '~' : '+', now->names[i],
                      old ? _("file of the base model, changed")
                          : _("file of the base model, new"));
            shown++;
        }
        json_object_del(rest, now->names[i]);
    }
    json_object_foreach (rest, name, value) {
        show_fact(s, '-', name, _("file of the base model, gone"));
        shown++;
    }
    json_decref(rest);
    return shown;
}

static void show_base_changes(struct screen *s, const struct workshop *w, const struct target *t)
{
    const struct rule_base *base = &w->project->rules->bases[t->rule->base];
    const json_t *m = version_in_use(t)->manifest, *files = json_object_get(m, "base_files");
    const char *was = json_string_value(json_object_get(m, "base"));
    const char *template = json_string_value(json_object_get(m, "template"));
    const char *now = base->template ? base->template : _("the model's own");
    struct strbuf b = {0};
    size_t shown = 0;
    if (files)
        shown = show_base_files(s, &w->base_files[t->rule->base], files);
    template = template ? template : _("the model's own");
    if (files && strcmp(now, template) != 0) {
        strbuf_printf(&b, _("%s, was %s"), now, template);
        show_fact(s, '~', "template", b.data);
        shown++;
    }
    b.size = 0;
    strbuf_printf(&b, _("%s, was %s"), path_base(base->path), was ? was : "?");
    if (!was || strcmp(was, path_base(base->path)) == 0)
        was = NULL;
    /* The folder's name is no part of a base: it is told where it explains more than a file. */
    if (was && (!shown || shown > w->base_files[t->rule->base].count / 2))
        show_fact(s, '~', base->name, b.data);
    else if (!shown)
        show_fact(s, '~', base->name, _("another base model"));
    strbuf_free(&b);
}

static void show_parent_change(struct screen *s, const struct workshop *w, const struct target *t)
{
    const json_t *was = json_object_get(version_in_use(t)->manifest, "parent");
    const char *name = json_string_value(json_object_get(was, "name"));
    char *now = show_parent(w, t), fact[300];
    snprintf(fact, sizeof fact, "%s", _("built on the base model alone until now"));
    if (name)
        snprintf(fact, sizeof fact, _("was %s v%d"), name,
                 (int)json_integer_value(json_object_get(was, "version")));
    show_fact(s, '~', now, fact);
    free(now);
}

static void show_changes(struct screen *s, const struct workshop *w, const struct target *t)
{
    const struct plan *p = &t->plan;
    char version[24];
    for (size_t i = 0; i < p->change_count; i++)
        show_change(s, &p->changes[i], t->lineage.current);
    if (p->recipe_changed)
        show_recipe_changes(s, t);
    if (p->base_changed)
        show_base_changes(s, w, t);
    if (p->parent_changed)
        show_parent_change(s, w, t);
    snprintf(version, sizeof version, "v%d", t->lineage.current);
    if (p->weights_lost)
        show_fact(s, '-', version, _("its weights are gone, and could not be brought back"));
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
        [START_CHAIN] = "max_chain: after so many updates in a row all is learned anew",
        [START_ASIDE] = "set aside",
        [START_LOST] = "its weights are gone",
        [START_REBUILD] = "--rebuild was asked for",
        [START_COSTLIER] = "costs no less than training in full",
    };
    if (o->reason == START_EXPOSED && o->path && o->edited)
        strbuf_printf(b, _("learned the old text of %s §%zu"), o->path, o->place);
    else if (o->reason == START_EXPOSED && o->path && o->place)
        strbuf_printf(b, _("learned %s §%zu, which is gone"), o->path, o->place);
    else if (o->reason == START_EXPOSED && o->path)
        strbuf_printf(b, _("learned %s, which is gone"), o->path);
    else if (o->reason == START_EXPOSED)
        strbuf_add_text(b, _("learned something no longer wanted"));
    else if (o->reason != START_USABLE)
        strbuf_add_text(b, _(words[o->reason]));
    else if (!o->version)
        strbuf_printf(b, _("%zu to learn, about %s"), o->learn,
                      show_about(job ? job->estimate_in_full_s : 0, about));
    else if (o->corrected)
        strbuf_printf(b, _("edited texts are learned on top; %zu to learn"), o->learn);
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
        if (b.data[b.size - 1] != ' ')
            strbuf_add_text(&b, "  ");
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

static void show_rule(struct screen *s, const struct target *t)
{
    static const char *const words[] = {
        [RULE_FIRST] = "without an earlier version all is learned.",
        [RULE_LEAST] = "of those that may be continued, the one with the least to learn.",
        [RULE_CHOSEN] = "what `use` chose is continued; later versions stay set aside.",
        [RULE_CORRECTION] = "edits: relearn: an edited text is learned on top of its old one.",
        [RULE_EXPOSED] = "never continue from what has learned something no longer wanted.",
        [RULE_RECIPE] = "another recipe is learned from the start.",
        [RULE_BASE] = "weights trained over one base model fit no other.",
        [RULE_PARENT] = "weights trained over one domain version fit no other.",
        [RULE_CHAIN] = "after max_chain updates in a row all is learned anew.",
        [RULE_ASIDE] = "what was set aside is not continued.",
        [RULE_LOST] = "only weights that are there can be continued.",
        [RULE_REBUILD] = "--rebuild learns all anew, whatever stands.",
        [RULE_COSTLIER] = "what costs no less to continue is learned from the start.",
    };
    struct strbuf b = {0};
    strbuf_printf(&b, _("Rule: %s"), _(words[t->plan.rule]));
    screen_text(s, b.data);
    strbuf_free(&b);
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
        strbuf_printf(&b, _(" would use v%d again, at once:"), p->version);
    else
        strbuf_printf(&b, _(" would become v%d, about %s:"), p->version,
                      show_about(job->estimate_s, about));
    screen_text(s, b.data);
    strbuf_free(&b);
    if (p->verdict == PLAN_USE && t->lineage.current) {
        show_changes(s, w, t);
        screen_text(s, _("Rule: what was built for exactly this is used again."));
    }
    if (p->verdict != PLAN_TRAIN)
        return;
    if (t->lineage.current)
        show_changes(s, w, t);
    else if (t->lineage.highest)
        screen_text(s, _("  + no version is in use"));
    else
        screen_text(s, _("  + never built before"));
    screen_text(s, "");
    show_starts(s, w, t, job);
    show_rule(s, t);
}
