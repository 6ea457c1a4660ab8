#include "lorabuild/run/init.h"

#include "lorabuild/commands/commands.h"
#include "lorabuild/commands/screen.h"
#include "lorabuild/common/json.h"
#include "lorabuild/common/text.h"

#include <stdlib.h>
#include <string.h>

static void line(struct screen *s, const char *step, const char *fact)
{
    struct strbuf b = {0};
    strbuf_printf(&b, "%-10s", step);
    strbuf_add_shown(&b, str_of(fact));
    screen_text(s, b.data);
    strbuf_free(&b);
}

static void print_list(struct screen *s, const char *step, const struct init_items *list)
{
    struct strbuf names = {0};
    for (size_t i = 0; i < list->count; i++)
        strbuf_printf(&names, "%s%s", i ? ", " : "", list->items[i].path);
    if (names.size)
        line(s, step, names.data);
    strbuf_free(&names);
}

static void print_models(struct screen *s, const struct init_report *r)
{
    for (size_t i = 0; i < r->models.count; i++) {
        char *fact = i == 0 && r->models.count > 1
                         ? mem_printf(_("%s (the others are comments)"), r->models.items[i].path)
                         : mem_strdup(r->models.items[i].path);
        line(s, i ? "" : _("Model"), fact);
        free(fact);
    }
    for (size_t i = 0; i < r->passed_over.count; i++) {
        char *fact =
            mem_printf(_("%s: %s"), r->passed_over.items[i].path, r->passed_over.items[i].why);
        line(s, i ? "" : _("Not used"), fact);
        free(fact);
    }
}

/* Three commands that work as they stand; without a client, the first makes one. */
static void print_next(struct screen *s, const struct init_report *r, const char *folder)
{
    bool here = strcmp(folder, ".") == 0;
    char *place = show_quoted(folder), *client = show_quoted(r->client ? r->client : "acme");
    char *go = here ? mem_strdup("") : mem_printf("-C %s ", place);
    char *commands[3];
    screen_gap(s);
    commands[0] = r->client ? mem_printf("lorabuild %sstatus", go)
                            : mem_printf(_("mkdir %s%sclients/%s    then put .md, .txt or .jsonl "
                                           "files into it"),
                                         here ? "" : place, here ? "" : "/", client);
    commands[1] = mem_printf("lorabuild %s-n client-%s", go, client);
    commands[2] = mem_printf("lorabuild %sclient-%s", go, client);
    for (int i = 0; i < 3; i++) {
        line(s, i ? "" : _("Next"), commands[i]);
        free(commands[i]);
    }
    free(go);
    free(client);
    free(place);
}

static void print_text(const struct options *o, const struct init_report *r, const char *folder)
{
    struct screen s;
    screen_open(&s, stdout, o->quiet);
    print_list(&s, _("Written"), &r->written);
    print_list(&s, _("There"), &r->there);
    print_models(&s, r);
    for (size_t i = 0; i < r->there.count; i++)
        if (r->there.items[i].why) {
            char *fact = mem_printf(_("%s lacks %s; add them, or git keeps what is secret"),
                                    r->there.items[i].path, r->there.items[i].why);
            line(&s, _("Note"), fact);
            free(fact);
        }
    if (r->has_rules)
        print_next(&s, r, folder);
}

static void print_json(const char *event, const struct init_items *list)
{
    for (size_t i = 0; i < list->count; i++) {
        json_t *o = json_pack("{s:s, s:s}", "event", event, "path", list->items[i].path);
        if (list->items[i].why)
            json_object_set_new(o, "why", json_string(list->items[i].why));
        struct strbuf b = {0};
        json_write(&b, o, false);
        fwrite(b.data, 1, b.size, stdout);
        strbuf_free(&b);
        json_decref(o);
    }
}

int command_init(const struct options *o)
{
    const char *folder = o->word_count > 1 ? o->words[1] : ".";
    struct init_report r;
    struct error e = {0};
    int code = 0;
    if (o->word_count > 2) {
        error_set(&e, ERROR_USAGE, _("one folder, please: lorabuild init [DIR]"));
        return command_fail(&e);
    }
    bool ok = init_run(&r, folder, &e);
    if (ok && o->json) {
        print_json("written", &r.written);
        print_json("there", &r.there);
        print_json("model", &r.models);
        print_json("passed_over", &r.passed_over);
    } else if (ok) {
        print_text(o, &r, folder);
    }
    if (ok && !r.has_rules)
        ok = error_set(&e, ERROR_INPUT,
                       _("No model was found, so no lorabuild.yaml was written. Put a Hugging Face "
                         "folder or a .gguf file into models/ and run: lorabuild init"));
    if (!ok)
        code = command_fail(&e);
    init_free(&r);
    return code;
}
