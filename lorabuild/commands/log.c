/* log: an adapter's versions, newest first. */
#include "lorabuild/commands/commands.h"
#include "lorabuild/commands/ndjson.h"
#include "lorabuild/commands/screen.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_VERSIONS = 20, NAMED_NUMBERS = 6, CHANGE_LEAST = 12, RIGHT = 79 };

/* --- What changed. --- */

/* The changes that are no document's: keys of the recipe cannot be told apart any more. */
static void add_others(struct strbuf *b, const json_t *changes)
{
    static const struct {
        const char *key, *words;
    } others[] = {{"recipe", "recipe"}, {"base", "base model"}, {"parent", "domain version"}};
    for (size_t i = 0; i < 3; i++)
        if (json_is_true(json_object_get(changes, others[i].key)))
            strbuf_printf(b, "%s~ %s", b->size ? ", " : "", _(others[i].words));
}

static void add_change(struct strbuf *b, const json_t *change)
{
    const char *sign = json_string_value(json_array_get(change, 0));
    const char *document = json_string_value(json_array_get(change, 1));
    long long place = (long long)json_integer_value(json_array_get(change, 2));
    if (!sign || !document)
        return;
    bool caption = strcmp(sign, "c") == 0;
    strbuf_printf(b, "%s%s %s", b->size ? ", " : "", caption ? "~" : sign, document);
    if (place)
        strbuf_printf(b, " §%lld", place);
    if (caption)
        strbuf_add_text(b, _(" caption"));
}

/* "- 交通报价.docx", "+ a.md and 2 more", "12 documents" */
static char *describe_change(const struct history_row *row, int columns)
{
    struct strbuf b = {0};
    const json_t *list = json_object_get(row->changes, "changes");
    size_t count =
        json_array_size(list) + (size_t)json_integer_value(json_object_get(row->changes, "more"));
    char text[32];
    if (count)
        add_change(&b, json_array_get(list, 0));
    if (count == 2)
        add_change(&b, json_array_get(list, 1));
    if (count > 2 || display_width(strbuf_str(&b)) > columns) {
        strbuf_free(&b);
        add_change(&b, json_array_get(list, 0));
        if (count > 1) {
            snprintf(text, sizeof text, _(" and %zu more"), count - 1);
            char *first = show_cut(b.data, columns - display_width(str_of(text)));
            strbuf_free(&b);
            strbuf_printf(&b, "%s%s", first, text);
            free(first);
        }
    }
    add_others(&b, row->changes);
    if (!b.size && row->version->ancestor)
        strbuf_printf(&b, "+ %s %s", str_count((uint64_t)row->learned, text),
                      show_plural((size_t)row->learned, _("sample"), _("samples")));
    if (!b.size)
        strbuf_printf(&b, "%s %s", str_count((uint64_t)row->documents, text),
                      show_plural((size_t)row->documents, _("document"), _("documents")));
    char *cut = show_cut(b.data, columns);
    strbuf_free(&b);
    return cut;
}

/* --- The table. --- */

static char *describe_from(const struct history_row *row)
{
    if (row->version->ancestor)
        return mem_printf("v%d", row->version->ancestor);
    if (row->parent)
        return mem_printf("%s v%d", row->parent, row->parent_version);
    const char *base = json_string_value(json_object_get(row->version->manifest, "base"));
    return mem_strdup(base ? base : "");
}

static void pad_to(struct strbuf *b, int column)
{
    for (int i = display_width(strbuf_str(b)); i < column; i++)
        strbuf_add_byte(b, ' ');
}

/* `text` ends at `column`. */
static void add_right(struct strbuf *b, const char *text, int column)
{
    pad_to(b, column - display_width(str_of(text)));
    strbuf_add_text(b, text);
}

struct columns {
    int from, samples, change; /* where each begins; `samples`: where it ends */
};

static void print_header(struct screen *s, const struct columns *c)
{
    struct strbuf b = {0};
    strbuf_printf(&b, "     %s", _("version"));
    pad_to(&b, 14);
    strbuf_add_text(&b, _("built"));
    pad_to(&b, c->from);
    strbuf_add_text(&b, _("from"));
    add_right(&b, _("samples"), c->samples);
    pad_to(&b, c->change);
    strbuf_add_text(&b, _("change"));
    add_right(&b, _("held-out"), RIGHT);
    screen_text(s, b.data);
    strbuf_free(&b);
}

static void print_row(struct screen *s, const struct history *h, const struct history_row *row,
                      const struct columns *c)
{
    struct strbuf b = {0};
    char text[40] = "-", *from = describe_from(row);
    char *change = describe_change(row, RIGHT - 10 - c->change);
    strbuf_printf(&b, "  %c  v%d", row->version->number == h->lineage->current ? '*' : ' ',
                  row->version->number);
    pad_to(&b, 14);
    if (row->built) {
        strbuf_add_text(&b, show_day(row->built->date, text));
        if (strlen(text) <= 6)
            strbuf_printf(&b, " %.5s", row->built->time);
    }
    pad_to(&b, c->from);
    strbuf_add_shown(&b, str_of(from));
    add_right(&b, str_count((uint64_t)row->samples, text), c->samples);
    pad_to(&b, c->change);
    strbuf_add_text(&b, change);
    snprintf(text, sizeof text, isnan(row->held_out) ? "-" : "%.2f", row->held_out);
    add_right(&b, text, RIGHT);
    screen_text(s, b.data);
    strbuf_free(&b);
    free(change);
    free(from);
}

static struct columns lay_out(const struct history *h)
{
    int width = 7;
    for (size_t i = 0; i < h->count; i++) {
        char *from = describe_from(&h->rows[i]);
        int w = display_width(str_of(from));
        width = w > width ? w : width;
        free(from);
    }
    int change = 28 + width + 2 + 7 + 2;
    if (change > RIGHT - 10 - CHANGE_LEAST)
        change = RIGHT - 10 - CHANGE_LEAST > 28 + width + 11 ? RIGHT - 10 - CHANGE_LEAST : change;
    return (struct columns){28, 28 + width + 2 + 7, change};
}

/* --- The sentences beneath. --- */

static bool same_withdrawal(const struct lineage_block *a, const struct lineage_block *b)
{
    return strcmp(a->path, b->path) == 0 && strcmp(a->date, b->date) == 0;
}

static int falling(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x < y) - (x > y);
}

/* "v2, v1 blocked: they learned 交通报价.docx, withdrawn 26 Nov." */
static void add_blocked(json_t *sentences, const struct history *h, size_t first)
{
    const struct lineage_block *b = &h->blocks[first];
    struct strbuf text = {0};
    char day[32];
    size_t count = 0;
    int *numbers = mem_array(h->block_count, sizeof *numbers);
    for (size_t i = first; i < h->block_count; i++)
        if (same_withdrawal(&h->blocks[i], b))
            numbers[count++] = h->blocks[i].number;
    qsort(numbers, count, sizeof *numbers, falling);
    for (size_t i = 0; i < count && i < NAMED_NUMBERS; i++)
        strbuf_printf(&text, "%sv%d", i ? ", " : "", numbers[i]);
    if (count > NAMED_NUMBERS)
        strbuf_printf(&text, _(" and %zu more"), count - NAMED_NUMBERS);
    strbuf_printf(&text,
                  count == 1 ? _(" blocked: it learned %s, withdrawn %s.")
                             : _(" blocked: they learned %s, withdrawn %s."),
                  b->path, show_day(b->date, day));
    json_array_append_new(sentences, json_string(text.data));
    strbuf_free(&text);
    free(numbers);
}

static bool stood_before(const struct history *h, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (same_withdrawal(&h->blocks[k], &h->blocks[i]))
            return true;
    return false;
}

static void add_choice(json_t *sentences, const struct history *h)
{
    const struct lineage *l = h->lineage;
    size_t aside = 0;
    int last = 0;
    char day[32], *text;
    for (size_t i = 0; i < l->count; i++)
        if (l->versions[i].number > l->chosen.number) {
            last = l->versions[i].number;
            aside++;
        }
    if (!l->chosen.number)
        return;
    show_day(l->chosen.date, day);
    if (!aside)
        text = mem_printf(_("v%d chosen with `use` %s."), l->chosen.number, day);
    else if (aside == 1)
        text =
            mem_printf(_("v%d chosen with `use` %s; v%d set aside."), l->chosen.number, day, last);
    else
        text = mem_printf(_("v%d chosen with `use` %s; %zu later ones set aside."),
                          l->chosen.number, day, aside);
    json_array_append_new(sentences, json_string(text));
    free(text);
}

/* Set aside for another reason than the choice that stands now. */
static void add_aside(json_t *sentences, const struct history *h)
{
    for (size_t i = 0; i < h->count; i++) {
        const struct version *v = h->rows[i].version;
        char *text = NULL;
        if (v->put_aside && lineage_failed_check(v))
            text = mem_printf(_("v%d set aside: earlier pages %+.1f %%."), v->number,
                              100 * lineage_check_change(v));
        else if (v->put_aside)
            text = mem_printf(_("v%d set aside by an earlier `use`."), v->number);
        if (text)
            json_array_append_new(sentences, json_string(text));
        free(text);
    }
}

static void print_sentences(struct screen *s, const struct history *h, const char *name)
{
    json_t *sentences = json_array();
    struct strbuf line = {0};
    for (size_t i = 0; i < h->block_count; i++)
        if (!stood_before(h, i))
            add_blocked(sentences, h, i);
    add_choice(sentences, h);
    add_aside(sentences, h);
    if (h->left_out) {
        char *text = mem_printf(_("%zu older: lorabuild log --all %s"), h->left_out, name);
        json_array_append_new(sentences, json_string(text));
        free(text);
    }
    size_t count = json_array_size(sentences);
    if (!count)
        screen_text(s, _("* in use."));
    for (size_t i = 0; i < count; i++) {
        line.size = 0;
        strbuf_printf(&line, "%s%s", i ? "           " : _("* in use.  "),
                      json_string_value(json_array_get(sentences, i)));
        screen_text(s, line.data);
    }
    strbuf_free(&line);
    json_decref(sentences);
}

static void print_history(struct screen *s, const struct history *h, const char *name)
{
    if (!h->count) {
        char *line = mem_printf(_("%s has not been built yet; run: lorabuild %s"), name, name);
        screen_text(s, line);
        free(line);
        return;
    }
    struct columns c = lay_out(h);
    print_header(s, &c);
    for (size_t i = 0; i < h->count; i++)
        print_row(s, h, &h->rows[i], &c);
    print_sentences(s, h, name);
}

/* --- For programs. --- */

static json_t *list_blocks(const struct history *h, int number)
{
    json_t *list = json_array();
    for (size_t i = 0; i < h->block_count; i++)
        if (h->blocks[i].number == number)
            json_array_append_new(list, json_pack("{s:s, s:s}", "path", h->blocks[i].path,
                                                  "withdrawn", h->blocks[i].date));
    return list;
}

static void print_json(const struct history *h, const char *name)
{
    for (size_t i = 0; i < h->count; i++) {
        const struct history_row *row = &h->rows[i];
        const struct version *v = row->version;
        char *built = row->built ? mem_printf("%s %s", row->built->date, row->built->time) : NULL;
        ndjson_print(json_pack(
            "{s:s, s:i, s:b, s:b, s:s?, s:o, s:o, s:I, s:I, s:I, s:o, s:O?, s:o}", "adapter", name,
            "version", v->number, "in_use", v->number == h->lineage->current, "set_aside",
            v->set_aside, "built", built, "continued", ndjson_version(v->ancestor), "parent",
            row->parent
                ? json_pack("{s:s, s:i}", "name", row->parent, "version", row->parent_version)
                : json_null(),
            "samples", (json_int_t)row->samples, "documents", (json_int_t)row->documents, "learned",
            (json_int_t)row->learned, "held_out", ndjson_number(row->held_out), "changes",
            row->changes, "blocked", list_blocks(h, v->number)));
        free(built);
    }
}

static bool print_logs(const struct options *o, struct workshop *w, const bool *shown,
                       struct error *e)
{
    const struct rules *r = w->project->rules;
    struct screen s;
    size_t count = 0, printed = 0;
    screen_open(&s, stdout, o->quiet);
    for (size_t i = 0; i < r->adapter_count; i++)
        count += shown[i];
    for (size_t i = 0; i < r->adapter_count; i++) {
        struct history h;
        if (!shown[i])
            continue;
        struct target *t = workshop_target(w, (int)i, e);
        if (!t || !history_load(&h, t, o->all || o->json ? 0 : SHOWN_VERSIONS, e))
            return false;
        if (o->json) {
            print_json(&h, r->adapters[i].name);
        } else {
            if (printed++)
                screen_text(&s, "");
            if (count > 1)
                screen_text(&s, r->adapters[i].name);
            print_history(&s, &h, r->adapters[i].name);
        }
        history_free(&h);
    }
    return true;
}

static bool work(const struct options *o, struct workshop *w, void *context, struct error *e)
{
    (void)context;
    bool *shown = mem_array(w->project->rules->adapter_count, sizeof *shown);
    bool ok = command_choose(w->project->rules, o->words + 1, o->word_count - 1, shown, e) &&
              print_logs(o, w, shown, e);
    free(shown);
    return ok;
}

int command_log(const struct options *o)
{
    return command_in_workshop(o, true, work, NULL);
}
