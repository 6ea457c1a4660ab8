#include "lorabuild/run/gc.h"

#include "lorabuild/commands/commands.h"
#include "lorabuild/commands/ndjson.h"
#include "lorabuild/commands/screen.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *adapter_name(const struct gc *g, const struct gc_adapter *a)
{
    return g->workshop->project->rules->adapters[a->adapter].name;
}

/* "v1 to v3, v5": those that go, or those that stay with the reason where it is not age. */
static void list_versions(struct strbuf *b, const struct gc_adapter *a, bool going)
{
    static const char *const reasons[] = {[RETAIN_IN_USE] = " (in use)",
                                          [RETAIN_PINNED] = " (pinned)",
                                          [RETAIN_START] = " (continued)"};
    for (size_t i = 0; i < a->version_count; i++) {
        const struct retention_version *v = &a->versions[i];
        size_t last = i;
        if ((v->reason == RETAIN_NOT) != going)
            continue;
        strbuf_printf(b, "%sv%d", b->size ? ", " : "", v->number);
        while (going && last + 1 < a->version_count && a->versions[last + 1].reason == RETAIN_NOT)
            last++;
        if (last > i + 1)
            strbuf_printf(b, _(" to v%d"), a->versions[last].number);
        i = last > i + 1 ? last : i;
        if (!going && v->reason < RETAIN_NEWEST && reasons[v->reason])
            strbuf_add_text(b, _(reasons[v->reason]));
    }
}

static void show_adapter(struct screen *s, const struct gc *g, const struct gc_adapter *a)
{
    struct strbuf going = {0}, staying = {0};
    char size[32];
    const char *name = adapter_name(g, a);
    if (a->left) {
        screen_line(s, name, _("left"), PAINT_YELLOW, a->left, -1);
        return;
    }
    list_versions(&going, a, true);
    list_versions(&staying, a, false);
    if (a->attempt_count)
        strbuf_printf(
            &going, "%s%zu %s", going.size ? ", " : "", a->attempt_count,
            show_plural(a->attempt_count, _("training given up"), _("trainings given up")));
    if (going.size) {
        screen_line_right(s, name, _("free"), PAINT_NONE, going.data, show_size(a->bytes, size));
        if (staying.size)
            screen_line(s, name, _("keep"), PAINT_DIM, staying.data, -1);
    }
    strbuf_free(&going);
    strbuf_free(&staying);
}

static void show_texts(struct screen *s, const struct gc_texts *x)
{
    char size[32], fact[80];
    const char *name = x->scope->client ? x->scope->client : _("shared");
    if (x->left) {
        screen_line(s, name, _("left"), PAINT_YELLOW, x->left, -1);
    } else if (x->count) {
        snprintf(fact, sizeof fact, _("texts that nothing refers to: %zu %s"), x->count,
                 show_plural(x->count, _("file"), _("files")));
        screen_line_right(s, name, _("free"), PAINT_NONE, fact, show_size(x->bytes, size));
    }
}

static void show(struct screen *s, const struct gc *g)
{
    for (size_t i = 0; i < g->adapter_count; i++)
        screen_fit_name(s, adapter_name(g, &g->adapters[i]));
    for (size_t i = 0; i < g->adapter_count; i++)
        show_adapter(s, g, &g->adapters[i]);
    for (size_t i = 0; i < g->text_count; i++)
        show_texts(s, &g->texts[i]);
}

/* What was left alone only when it came to doing. */
static void show_left(struct screen *s, const struct gc *g, const bool *left_before)
{
    for (size_t i = 0; i < g->adapter_count; i++)
        if (g->adapters[i].left && !left_before[i])
            show_adapter(s, g, &g->adapters[i]);
}

static void print_objects(const struct gc *g)
{
    for (size_t i = 0; i < g->adapter_count; i++) {
        const struct gc_adapter *a = &g->adapters[i];
        json_t *lists[2] = {json_array(), json_array()};
        for (size_t k = 0; k < a->version_count; k++)
            json_array_append_new(lists[a->versions[k].reason != RETAIN_NOT],
                                  json_integer(a->versions[k].number));
        ndjson_print(json_pack("{s:s, s:s, s:o, s:o, s:I, s:I, s:s*}", "event", "gc", "adapter",
                               adapter_name(g, a), "free", lists[0], "keep", lists[1], "trainings",
                               (json_int_t)a->attempt_count, "bytes", (json_int_t)a->bytes, "left",
                               a->left));
    }
    for (size_t i = 0; i < g->text_count; i++)
        ndjson_print(json_pack("{s:s, s:s?, s:I, s:I, s:s*}", "event", "gc-texts", "client",
                               g->texts[i].scope->client, "files", (json_int_t)g->texts[i].count,
                               "bytes", (json_int_t)g->texts[i].bytes, "left", g->texts[i].left));
}

static void show_sum(struct screen *s, const struct gc *g, const struct options *o)
{
    char size[32];
    if (o->json) {
        ndjson_print(json_pack("{s:s, s:b, s:I}", "event", "gc-done", "freed", !o->dry_run, "bytes",
                               (json_int_t)g->bytes));
        return;
    }
    char *line = !g->bytes ? mem_strdup(_("There is nothing to free."))
                 : o->dry_run
                     ? mem_printf(_("lorabuild gc would free %s"), show_size(g->bytes, size))
                     : mem_printf(_("Freed %s"), show_size(g->bytes, size));
    if (s->name)
        screen_gap(s);
    screen_text(s, line);
    free(line);
}

static bool gc(const struct options *o, struct screen *s, struct workshop *w, const bool *asked,
               struct error *e)
{
    struct gc g;
    bool ok = gc_plan(&g, w, asked, true, e);
    bool *left = mem_array(g.adapter_count, sizeof *left);
    for (size_t i = 0; i < g.adapter_count; i++)
        left[i] = g.adapters[i].left != NULL;
    if (ok && o->json)
        print_objects(&g);
    else if (ok)
        show(s, &g);
    fflush(stdout);
    if (ok && !o->dry_run) {
        ok = gc_run(&g, e);
        if (!o->json)
            show_left(s, &g, left);
    }
    if (ok)
        show_sum(s, &g, o);
    free(left);
    gc_free(&g);
    return ok;
}

static bool work(const struct options *o, struct workshop *w, void *context, struct error *e)
{
    bool *asked = mem_array(w->project->rules->adapter_count, sizeof *asked);
    bool ok = command_choose(w->project->rules, o->words + 1, o->word_count - 1, asked, e) &&
              gc(o, context, w, asked, e);
    free(asked);
    return ok;
}

int command_gc(const struct options *o)
{
    struct screen s;
    screen_open(&s, stdout, o->quiet);
    return command_in_workshop(o, false, work, &s);
}
