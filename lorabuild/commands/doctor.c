#include "lorabuild/run/doctor.h"

#include "lorabuild/commands/commands.h"
#include "lorabuild/commands/screen.h"
#include "lorabuild/common/json.h"
#include "lorabuild/common/text.h"

#include <stdlib.h>

static const char *const state_names[] = {"well", "note", "unfit"};
static const enum paint paints[] = {PAINT_NONE, PAINT_YELLOW, PAINT_RED};

static void print_text(const struct options *o, const struct findings *f, bool project)
{
    struct screen s;
    screen_open(&s, stdout, o->quiet);
    for (size_t i = 0; i < f->count; i++) {
        const struct finding *x = &f->items[i];
        struct strbuf line = {0};
        strbuf_printf(&line, "%-11s", x->check);
        strbuf_add_shown(&line, str_of(x->fact));
        screen_painted(&s, paints[x->state], line.data);
        strbuf_free(&line);
        if (!x->remedy)
            continue;
        strbuf_printf(&line, "%-11s-> ", "");
        strbuf_add_shown(&line, str_of(x->remedy));
        screen_text(&s, line.data);
        strbuf_free(&line);
    }
    screen_gap(&s);
    if (!project)
        screen_text(&s, _("No lorabuild.yaml here: only the machine was looked at."));
    char *end = f->unfit ? mem_printf(show_plural(f->unfit, _("Not fit: %zu finding."),
                                                  _("Not fit: %zu findings.")),
                                      f->unfit)
                         : mem_strdup(_("Fit."));
    screen_text(&s, end);
    free(end);
}

static void print_object(json_t *o)
{
    struct strbuf b = {0};
    json_write(&b, o, false);
    fwrite(b.data, 1, b.size, stdout);
    strbuf_free(&b);
    json_decref(o);
}

static void print_json(const struct findings *f)
{
    for (size_t i = 0; i < f->count; i++)
        print_object(json_pack("{s:s, s:s, s:s, s:s, s:s?}", "event", "finding", "check",
                               f->items[i].check, "state", state_names[f->items[i].state], "fact",
                               f->items[i].fact, "remedy", f->items[i].remedy));
    print_object(json_pack("{s:s, s:b, s:i, s:i}", "event", "verdict", "fit", f->unfit == 0,
                           "unfit", (int)f->unfit, "notes", (int)f->notes));
}

int command_doctor(const struct options *o)
{
    struct findings f = {0};
    struct project project;
    struct error e = {0};
    int code = 0;
    if (o->word_count > 1) {
        error_set(&e, ERROR_USAGE, _("doctor looks at all at once: lorabuild doctor"));
        return command_fail(&e);
    }
    char *file = o->rule_file ? mem_strdup(o->rule_file) : rules_find(".");
    doctor_machine(&f, command_threads(o));
    if (file && command_open(&project, o, true, &code)) {
        doctor_project(&f, &project);
        project_close(&project);
    }
    if (o->json)
        print_json(&f);
    else
        print_text(o, &f, file != NULL);
    if (!code)
        code = f.unfit ? 1 : 0;
    doctor_free(&f);
    free(file);
    return code;
}
