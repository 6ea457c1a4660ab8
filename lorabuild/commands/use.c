/* use: an earlier version in use, and back. */
#include "lorabuild/run/use.h"
#include "lorabuild/commands/ndjson.h"
#include "lorabuild/commands/reader.h"
#include "lorabuild/commands/screen.h"
#include "lorabuild/common/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct use_screen {
    struct screen screen;
    const char *name;
};

static void on_waiting(void *context, const char *holder)
{
    struct use_screen *s = context;
    char line[300];
    snprintf(line, sizeof line, _("another lorabuild works on it (%s); waiting"), holder);
    screen_line(&s->screen, s->name, NULL, PAINT_NONE, line, -1);
}

static void print_result(struct use_screen *s, const struct use_result *r)
{
    struct strbuf b = {0};
    if (r->before == r->now && !r->later)
        strbuf_printf(&b, _("v%d is in use, as before"), r->now);
    else
        strbuf_printf(&b, _("v%d is in use"), r->now);
    if (r->later == 1)
        strbuf_printf(&b, _("; v%d is set aside"), r->last);
    else if (r->later)
        strbuf_printf(&b, _("; v%d to v%d are set aside"), r->first, r->last);
    if (r->later)
        strbuf_printf(&b, _(". Back: lorabuild use %s@latest"), s->name);
    screen_line(&s->screen, s->name, NULL, PAINT_NONE, b.data, -1);
    strbuf_free(&b);
}

static bool use(const struct options *o, struct workshop *w, struct error *e)
{
    const struct rules *r = w->project->rules;
    struct use_screen s;
    struct use_result result;
    int adapter, version;
    screen_open(&s.screen, stdout, o->quiet || o->json);
    if (!reader_choose(r, o->words[1], &adapter, &version, e))
        return false;
    s.name = r->adapters[adapter].name;
    screen_fit_name(&s.screen, s.name);
    if (!version)
        return error_set(e, ERROR_USAGE,
                         _("which version? lorabuild use %s@v1, or @latest; lorabuild log %s "
                           "lists them"),
                         s.name, s.name);
    if (!use_version(w, adapter, version, &result, on_waiting, &s, e))
        return false;
    print_result(&s, &result);
    if (o->json)
        ndjson_print(json_pack("{s:s, s:o, s:i, s:i}", "adapter", s.name, "before",
                               ndjson_version(result.before), "in_use", result.now, "set_aside",
                               result.later));
    return true;
}

int command_use(const struct options *o)
{
    struct project project;
    struct workshop workshop;
    struct error e = {0};
    int code = 0;
    if (o->word_count != 2) {
        error_set(&e, ERROR_USAGE, _("which version? lorabuild use NAME@v1, or NAME@latest"));
        return command_fail(&e);
    }
    if (!command_open(&project, o, false, &code))
        return code;
    workshop_open(&workshop, &project);
    workshop.source_options =
        (struct source_options){.rehash = o->rehash, .threads = command_threads(o)};
    if (!use(o, &workshop, &e))
        code = command_fail(&e);
    workshop_close(&workshop);
    project_close(&project);
    return code;
}
