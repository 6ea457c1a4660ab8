#include "lorabuild/commands/commands.h"
#include "lorabuild/commands/ndjson.h"
#include "lorabuild/commands/screen.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/forget.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FACT_COLUMN = 10, WIDTH = 80 };

/* "Erase     a, b, c: rest", broken between its parts. */
struct sentence {
    struct strbuf text;
    int column;
};

static void begin_sentence(struct sentence *s, const char *word)
{
    *s = (struct sentence){.column = FACT_COLUMN};
    strbuf_add_text(&s->text, word);
    for (int i = display_width(str_of(word)); i < FACT_COLUMN; i++)
        strbuf_add_byte(&s->text, ' ');
}

static void add_part(struct sentence *s, const char *part)
{
    int width = display_width(str_of(part));
    bool first = s->column == FACT_COLUMN;
    if (!first && s->column + 2 + width >= WIDTH) {
        strbuf_printf(&s->text, ",\n%*s", FACT_COLUMN, "");
        s->column = FACT_COLUMN;
    } else if (!first) {
        strbuf_add_text(&s->text, ", ");
        s->column += 2;
    }
    strbuf_add_text(&s->text, part);
    s->column += width;
}

static void end_sentence(struct screen *s, struct sentence *words)
{
    screen_text(s, words->text.data);
    strbuf_free(&words->text);
}

static void add_number(struct sentence *s, size_t n, const char *one, const char *many)
{
    if (!n)
        return;
    char *part = mem_printf("%zu %s", n, show_plural(n, one, many));
    add_part(s, part);
    free(part);
}

static const char *adapter_name(const struct forget *f, size_t n)
{
    return f->workshop->project->rules->adapters[f->adapters[n].adapter].name;
}

/* "v1, v2", or with the adapter's name where several lose versions. */
static void add_versions(struct sentence *s, const struct forget *f)
{
    size_t losing = 0;
    for (size_t n = 0; n < f->list.adapter_count; n++)
        losing += f->list.adapters[n].version_count > 0;
    bool named = losing > 1 || (losing == 1 && f->list.adapter_count > 1);
    for (size_t n = 0; n < f->list.adapter_count; n++)
        for (size_t k = 0; k < f->list.adapters[n].version_count; k++) {
            char *part = mem_printf("%s%sv%d", named && !k ? adapter_name(f, n) : "",
                                    named && !k ? " " : "", f->list.adapters[n].versions[k]);
            add_part(s, part);
            free(part);
        }
}

/* "report of v1", "reports of text-a v1, v3": of versions that stay. */
static void add_reports(struct sentence *s, const struct forget *f)
{
    struct strbuf b = {0};
    size_t count = 0;
    for (size_t n = 0; n < f->list.adapter_count; n++)
        for (size_t k = 0; k < f->list.adapters[n].report_count; k++, count++)
            strbuf_printf(&b, "%s%s%sv%d", count ? ", " : "",
                          f->list.adapter_count > 1 && !k ? adapter_name(f, n) : "",
                          f->list.adapter_count > 1 && !k ? " " : "",
                          f->list.adapters[n].reports[k]);
    if (count) {
        char *part =
            mem_printf("%s %s", show_plural(count, _("report of"), _("reports of")), b.data);
        add_part(s, part);
        free(part);
    }
    strbuf_free(&b);
}

static void show_plan_of(struct screen *s, const struct forget *f)
{
    struct sentence words;
    char size[32];
    begin_sentence(&words, _("Erase"));
    add_versions(&words, f);
    add_reports(&words, f);
    add_number(&words, f->checkpoints, _("checkpoint"), _("checkpoints"));
    add_number(&words, f->archives, _("archive"), _("archives"));
    char *last = mem_printf(_("text and captions: %s"), show_size(f->bytes, size));
    add_part(&words, last);
    end_sentence(s, &words);
    free(last);
    if (f->staying) {
        struct strbuf b = {0};
        strbuf_printf(&b, _("%zu of %zu samples: "), f->staying, f->samples);
        strbuf_add_shown(&b, str_of(f->staying_in ? f->staying_in : ""));
        strbuf_add_text(&b, _(" has the same text"));
        begin_sentence(&words, _("Stays"));
        add_part(&words, b.data);
        end_sentence(s, &words);
        strbuf_free(&b);
    }
    begin_sentence(&words, _("Beyond us"));
    for (size_t i = 0; i < f->beyond_count; i++)
        add_part(&words, f->beyond[i]);
    add_part(&words, _("backups"));
    add_part(&words, _("snapshots"));
    end_sentence(s, &words);
}

/* Is the name typed? Without an answer nothing is erased. */
static bool ask(const struct options *o, const char *name, struct error *e)
{
    char *line = NULL;
    size_t room = 0;
    if (o->yes)
        return strcmp(o->yes, name) == 0 ||
               error_set(e, ERROR_USAGE, _("--yes %s is not %s; nothing was erased"), o->yes, name);
    if (o->json || o->quiet)
        return error_set(e, ERROR_USAGE, _("nothing was erased; say --yes %s"), name);
    printf(_("Type %s to erase: "), name);
    fflush(stdout);
    ssize_t n = getline(&line, &room, stdin);
    bool ok = n > 0 && str_is(str_trim((struct str){line, (size_t)n}), name);
    if (n <= 0)
        fputs("\n", stdout);
    free(line);
    return ok || error_set(e, ERROR_INPUT, _("nothing was erased; scripts say --yes %s"), name);
}

static void show_done(struct screen *s, const struct forget *f)
{
    struct sentence words;
    begin_sentence(&words, _("Receipt"));
    add_part(&words, path_behind(f->list.receipt, f->workshop->project->rules->root));
    end_sentence(s, &words);
    for (size_t i = 0; i < f->unwritable_count; i++) {
        char *line = mem_printf(_("%s may not be changed by you: take the rows of what was "
                                  "forgotten out of it"),
                                path_behind(f->unwritable[i], f->workshop->project->rules->root));
        begin_sentence(&words, _("Not done"));
        add_part(&words, line);
        end_sentence(s, &words);
        free(line);
    }
}

/* --- For programs. --- */

static json_t *json_plan(const struct forget *f)
{
    json_t *adapters = json_array(), *beyond = json_array();
    for (size_t n = 0; n < f->list.adapter_count; n++) {
        json_t *versions = json_array(), *reports = json_array();
        for (size_t k = 0; k < f->list.adapters[n].version_count; k++)
            json_array_append_new(versions, json_integer(f->list.adapters[n].versions[k]));
        for (size_t k = 0; k < f->list.adapters[n].report_count; k++)
            json_array_append_new(reports, json_integer(f->list.adapters[n].reports[k]));
        json_array_append_new(adapters, json_pack("{s:s, s:o, s:o}", "adapter", adapter_name(f, n),
                                                  "versions", versions, "reports", reports));
    }
    for (size_t i = 0; i < f->beyond_count; i++)
        json_array_append_new(beyond, json_string(f->beyond[i]));
    return json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:o}", "event", "erase", "adapters",
                     adapters, "checkpoints", (json_int_t)f->checkpoints, "archives",
                     (json_int_t)f->archives, "samples", (json_int_t)f->samples, "staying",
                     (json_int_t)f->staying, "bytes", (json_int_t)f->bytes, "beyond", beyond);
}

/* --- The command. --- */

static void show_notes(struct screen *s, const struct workshop *w, const bool *chosen)
{
    for (size_t i = 0; i < w->project->rules->adapter_count; i++)
        for (size_t k = 0; chosen[i] && k < w->targets[i].mended_count; k++)
            screen_line(s, w->project->rules->adapters[i].name, _("note"), PAINT_NONE,
                        w->targets[i].mended[k], -1);
}

static bool forget(const struct options *o, struct screen *s, struct workshop *w,
                   const struct forget_request *r, struct error *e)
{
    struct forget f;
    bool ok = forget_plan(&f, w, r, e);
    if (!o->json)
        show_notes(s, w, r->adapters);
    if (!ok && f.finished && f.unknown) {
        forget_free(&f);
        return true; /* it is what the interrupted one has just erased */
    }
    if (ok && o->json)
        ndjson_print(json_plan(&f));
    else if (ok)
        show_plan_of(s, &f);
    ok = ok && ask(o, o->words[1], e) && forget_run(&f, e);
    if (ok && o->json)
        ndjson_print(json_pack("{s:s, s:s, s:I}", "event", "erased", "receipt",
                               path_behind(f.list.receipt, w->project->rules->root), "unwritable",
                               (json_int_t)f.unwritable_count));
    else if (ok)
        show_done(s, &f);
    forget_free(&f);
    return ok;
}

static bool undo(const struct options *o, struct screen *s, struct workshop *w,
                 const struct forget_request *r, struct error *e)
{
    if (!forget_undo(w, r, e))
        return false;
    for (size_t i = 0; i < r->file_count; i++) {
        struct strbuf b = {0};
        strbuf_add_shown(&b, str_of(r->files[i]));
        strbuf_add_text(&b, _(" may be learned again; the next build does"));
        if (o->json)
            ndjson_print(json_pack("{s:s, s:s}", "event", "undone", "file", b.data));
        else
            screen_line(s, o->words[1], NULL, PAINT_NONE, b.data, -1);
        strbuf_free(&b);
    }
    return true;
}

static bool check_words(const struct options *o, struct error *e)
{
    if (o->word_count < 2 || (o->word_count < 3) != o->all)
        return error_set(e, ERROR_USAGE,
                         _("which document? lorabuild forget NAME FILE…; all that are gone: "
                           "lorabuild forget NAME --all"));
    return true;
}

static bool work(const struct options *o, struct workshop *w, void *context, struct error *e)
{
    bool *chosen = mem_array(w->project->rules->adapter_count, sizeof *chosen);
    struct forget_request r = {.adapters = chosen,
                               .files = o->words + 2,
                               .file_count = (size_t)o->word_count - 2,
                               .all = o->all};
    bool ok = command_choose(w->project->rules, o->words + 1, 1, chosen, e) &&
              (o->undo ? undo(o, context, w, &r, e) : forget(o, context, w, &r, e));
    free(chosen);
    return ok;
}

int command_forget(const struct options *o)
{
    struct error e = {0};
    struct screen s;
    screen_open(&s, stdout, o->quiet);
    return check_words(o, &e) ? command_in_workshop(o, false, work, &s) : command_fail(&e);
}
