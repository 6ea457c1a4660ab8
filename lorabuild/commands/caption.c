#include "lorabuild/run/caption.h"

#include "lorabuild/commands/commands.h"
#include "lorabuild/commands/ndjson.h"
#include "lorabuild/commands/screen.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"

#include <stdlib.h>
#include <string.h>

/* "10 from headings, 2 new; 1 yours; 1 skipped" */
static void add_fact(struct strbuf *b, const struct caption_result *c)
{
    char count[32];
    if (c->machine || !(c->yours + c->skipped)) {
        strbuf_printf(b, _("%s from headings"), str_count(c->machine, count));
        if (c->machine && c->fresh)
            strbuf_printf(b, _(", %s new"), str_count(c->fresh, count));
        else if (c->machine)
            strbuf_add_text(b, _(", none new"));
    }
    if (c->yours)
        strbuf_printf(b, _("%s%s yours"), b->size ? "; " : "", str_count(c->yours, count));
    if (c->skipped)
        strbuf_printf(b, _("%s%s skipped"), b->size ? "; " : "", str_count(c->skipped, count));
}

static void print_review(struct screen *s, const struct caption_result *c, const char *name)
{
    char line[300], count[32];
    bool required = c->source->rule->review_required;
    if (!(c->machine + c->waiting) || (!required && !c->accepted))
        return;
    if (!required) {
        snprintf(line, sizeof line, _("%s accepted; all are learned: review is not required"),
                 str_count(c->accepted, count));
        screen_line(s, c->source->rule->name, _("review"), PAINT_NONE, line, -1);
        return;
    }
    if (!c->waiting) {
        snprintf(line, sizeof line, _("%s accepted, none waits"), str_count(c->accepted, count));
        screen_line(s, c->source->rule->name, _("review"), PAINT_NONE, line, -1);
        return;
    }
    snprintf(line, sizeof line, "%s %s", str_count(c->waiting, count),
             show_plural(c->waiting, _("waits for you: read it there, then"),
                         _("wait for you: read them there, then")));
    screen_line(s, c->source->rule->name, _("review"), PAINT_YELLOW, line, -1);
    snprintf(line, sizeof line, "lorabuild caption --accept %s", name);
    screen_more(s, line);
}

static void print_result(struct screen *s, const struct rules *r, const struct caption_result *c,
                         const char *name)
{
    struct strbuf fact = {0};
    add_fact(&fact, c);
    screen_line(s, c->source->rule->name, _("captions"), PAINT_NONE, fact.data, c->source->seconds);
    screen_more(s, path_behind(c->source->captions_path, r->root));
    print_review(s, c, name);
    for (size_t i = 0; i < c->source->data.note_count; i++)
        screen_line(s, c->source->rule->name, _("note"), PAINT_NONE, c->source->data.notes[i], -1);
    strbuf_free(&fact);
}

static json_t *list_notes(const struct dataset *d)
{
    json_t *list = json_array();
    for (size_t i = 0; i < d->note_count; i++)
        json_array_append_new(list, ndjson_shown(d->notes[i]));
    return list;
}

static void print_json(const struct rules *r, const struct caption_result *c)
{
    const struct rule_dataset *d = c->source->rule;
    ndjson_print(json_pack(
        "{s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:o}", "event", "captions",
        "dataset", d->name, "file", ndjson_shown(path_behind(c->source->captions_path, r->root)),
        "machine", (json_int_t)c->machine, "new", (json_int_t)c->fresh, "accepted",
        (json_int_t)c->accepted, "waiting", (json_int_t)c->waiting, "yours", (json_int_t)c->yours,
        "skipped", (json_int_t)c->skipped, "changed", (json_int_t)c->edited, "review",
        d->review_required, "notes", list_notes(&c->source->data)));
}

static bool check_words(const struct options *o, struct error *e)
{
    if (o->word_count < 2)
        return error_set(e, ERROR_USAGE,
                         _("which captions? lorabuild caption NAME: an adapter, group or dataset"));
    if (o->accept && o->redo)
        return error_set(e, ERROR_USAGE, _("--accept and --redo are two wishes: one at a time"));
    if (o->word_count > 2 && !o->accept)
        return error_set(e, ERROR_USAGE,
                         _("'%s' is too much: files are named with --accept, or by "
                           "--redo FILE"),
                         o->words[2]);
    return true;
}

static bool caption(const struct options *o, struct workshop *w, void *context, struct error *e)
{
    const struct rules *r = w->project->rules;
    struct caption_wish wish = {.accept = o->accept,
                                .files = o->words + 2,
                                .file_count = (size_t)o->word_count - 2,
                                .redo = o->redo};
    struct caption_result *results = mem_array(r->dataset_count, sizeof *results);
    bool *chosen = mem_array(r->dataset_count, sizeof *chosen);
    struct screen s;
    (void)context;
    screen_open(&s, stdout, o->quiet);
    bool ok =
        caption_choose(r, o->words[1], chosen, e) && caption_run(w, chosen, &wish, results, e);
    for (size_t i = 0; ok && i < r->dataset_count; i++)
        if (chosen[i])
            screen_fit_name(&s, r->datasets[i].name);
    for (size_t i = 0; ok && i < r->dataset_count; i++) {
        if (chosen[i] && o->json)
            print_json(r, &results[i]);
        else if (chosen[i])
            print_result(&s, r, &results[i], o->words[1]);
    }
    free(chosen);
    free(results);
    return ok;
}

int command_caption(const struct options *o)
{
    struct error e = {0};
    return check_words(o, &e) ? command_in_workshop(o, false, caption, NULL) : command_fail(&e);
}
