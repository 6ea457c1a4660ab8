#include "lorabuild/run/import.h"

#include "lorabuild/commands/commands.h"
#include "lorabuild/commands/screen.h"
#include "lorabuild/common/json.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"

#include <stdlib.h>

struct teller {
    struct screen screen;
    bool json;
};

static void tell_json(const char *adapter, enum import_event event, int version)
{
    static const char *const names[] = {[IMPORT_ADDED] = "added",
                                        [IMPORT_THERE] = "there",
                                        [IMPORT_IN_USE] = "in_use",
                                        [IMPORT_KEPT] = "kept"};
    json_t *o =
        json_pack("{s:s, s:s, s:i}", "event", names[event], "adapter", adapter, "version", version);
    struct strbuf b = {0};
    json_write(&b, o, false);
    fwrite(b.data, 1, b.size, stdout);
    strbuf_free(&b);
    json_decref(o);
}

static void told(void *context, const char *adapter, enum import_event event, int version)
{
    struct teller *t = context;
    const char *words[] = {[IMPORT_ADDED] = _("imported"),
                           [IMPORT_THERE] = _("was here already"),
                           [IMPORT_IN_USE] = _("in use"),
                           [IMPORT_KEPT] = _("stays in use")};
    if (t->json) {
        tell_json(adapter, event, version);
        return;
    }
    char *step = mem_printf("v%d", version);
    screen_line(&t->screen, adapter, step, event == IMPORT_IN_USE ? PAINT_GREEN : PAINT_NONE,
                words[event], -1);
    free(step);
}

static void waiting(void *context, const char *holder)
{
    struct teller *t = context;
    char *line = mem_printf(_("Waiting for process %s, which builds it"), holder ? holder : "?");
    if (!t->json)
        screen_text(&t->screen, line);
    free(line);
}

int command_import(const struct options *o)
{
    struct project project;
    struct teller t = {.json = o->json};
    struct error e = {0};
    const char *adapter = NULL;
    int code = 0;
    if (o->word_count < 2 || o->word_count > 3) {
        error_set(&e, ERROR_USAGE, _("which file? lorabuild import FILE [NAME]"));
        return command_fail(&e);
    }
    screen_open(&t.screen, stdout, o->quiet);
    if (!command_open(&project, o, false, &code))
        return code;
    struct import_request q = {.project = &project,
                               .file = o->words[1],
                               .name = o->word_count > 2 ? o->words[2] : NULL,
                               .context = &t,
                               .told = told,
                               .waiting = waiting};
    if (!import_run(&q, &adapter, &e))
        code = command_fail(&e);
    else if (!o->json) {
        char *line = mem_printf(_("Go on     lorabuild %s"), adapter);
        screen_gap(&t.screen);
        screen_text(&t.screen, line);
        free(line);
    }
    project_close(&project);
    return code;
}
