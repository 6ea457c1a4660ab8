/* diff: an adapter's folders against a version, or two versions: documents, samples, captions,
 * recipe, parent, losses, and what both write for the same request. */
#include "lorabuild/commands/ndjson.h"
#include "lorabuild/commands/reader.h"
#include "lorabuild/commands/screen.h"
#include "lorabuild/commands/show_plan.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"
#include "lorabuild/infer/draft.h"
#include "lorabuild/run/compare.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMN = 38, DRAFT_TOKENS = 120, WORDS_INDENT = 6, WIDTH = 79 };

struct diff {
    const struct options *options;
    struct workshop *workshop;
    int adapter, before, now; /* now 0: the folders */
    const char **prompts;
    int prompt_count;
    struct screen screen;
};

/* --- Texts in columns. --- */

/* The next piece of at most `columns`, cut at a space where there is one. */
static struct str next_piece(struct str *rest, int columns)
{
    size_t at = 0, end = 0, space = 0;
    while (at < rest->size && rest->data[at] != '\n') {
        size_t from = at;
        utf8_next(*rest, &at);
        if (display_width((struct str){rest->data, at}) > columns)
            break;
        space = rest->data[from] == ' ' ? from : space;
        end = at;
    }
    bool whole = end == rest->size || rest->data[end] == '\n' || rest->data[end] == ' ';
    if (!whole && space)
        end = space;
    struct str piece = {rest->data, end};
    if (!end && rest->size && rest->data[0] != '\n') /* wider than the column: taken all the same */
        utf8_next(*rest, &end), piece.size = end;
    end += end < rest->size && (rest->data[end] == ' ' || rest->data[end] == '\n');
    rest->data += end;
    rest->size -= end;
    return piece;
}

static void print_wrapped(struct screen *s, const char *text)
{
    struct strbuf line = {0};
    for (struct str rest = str_of(text); rest.size;) {
        line.size = 0;
        strbuf_printf(&line, "%*s", WORDS_INDENT, "");
        strbuf_add_shown(&line, next_piece(&rest, WIDTH - WORDS_INDENT));
        screen_text(s, line.data);
    }
    strbuf_free(&line);
}

static void print_beside(struct screen *s, const char *left, const char *right)
{
    struct strbuf line = {0};
    for (struct str a = str_of(left), b = str_of(right); a.size || b.size;) {
        line.size = 0;
        strbuf_add_shown(&line, next_piece(&a, COLUMN));
        for (int i = display_width(strbuf_str(&line)); i < COLUMN + 2; i++)
            strbuf_add_byte(&line, ' ');
        strbuf_add_shown(&line, next_piece(&b, COLUMN));
        screen_text(s, line.data);
    }
    strbuf_free(&line);
}

/* --- Samples. --- */

static void print_change(struct screen *s, const struct compare_change *c)
{
    static const char signs[] = {'+', '-', '~', '~'};
    struct strbuf b = {0};
    strbuf_printf(&b, "  %c ", signs[c->change.kind]);
    strbuf_add_shown(&b, str_of(c->change.document));
    if (c->change.place)
        strbuf_printf(&b, " §%zu", c->change.place);
    for (int i = display_width(strbuf_str(&b)); i < 23; i++)
        strbuf_add_byte(&b, ' ');
    if (!c->change.place)
        strbuf_printf(&b, "  %zu %s", c->change.count,
                      show_plural(c->change.count, _("sample"), _("samples")));
    else if (c->change.kind == CHANGE_CAPTION)
        strbuf_add_text(&b, _("  caption"));
    else if (c->change.kind == CHANGE_EDITED)
        strbuf_add_text(&b, _("  text"));
    while (b.size && b.data[b.size - 1] == ' ')
        b.data[--b.size] = '\0';
    screen_text(s, b.data);
    strbuf_free(&b);
    if (c->words)
        print_wrapped(s, c->words);
}

/* --- Recipe, base, parent, losses. --- */

static char *parent_text(const json_t *manifest)
{
    const json_t *parent = json_object_get(manifest, "parent");
    const char *name = json_string_value(json_object_get(parent, "name"));
    return name ? mem_printf("%s v%lld", name,
                             (long long)json_integer_value(json_object_get(parent, "version")))
                : mem_strdup(_("none"));
}

static void print_line(struct screen *s, const char *what, const char *is, const char *was)
{
    char *line = mem_printf(_("  ~ %-18s %s, was %s"), what, is, was);
    screen_text(s, line);
    free(line);
}

static void print_loss(struct screen *s, const char *what, const char *key,
                       const struct comparison *c)
{
    const json_t *was = json_object_get(json_object_get(c->before->manifest, "metrics"), key);
    const json_t *is = json_object_get(json_object_get(c->now->manifest, "metrics"), key);
    char a[32], b[32];
    if (!json_is_number(was) || !json_is_number(is))
        return;
    snprintf(a, sizeof a, "%.2f", json_number_value(is));
    snprintf(b, sizeof b, "%.2f", json_number_value(was));
    print_line(s, what, a, b);
}

static void print_manifests(struct screen *s, const struct comparison *c)
{
    char *was = parent_text(c->before->manifest), *is = parent_text(c->now->manifest);
    if (strcmp(was, is) != 0)
        print_line(s, _("built on"), is, was);
    if (!digest_equal(c->before->base, c->now->base))
        screen_text(s, _("  ~ another base model"));
    print_loss(s, _("held-out loss"), "held_out_after", c);
    print_loss(s, _("last training loss"), "last_loss", c);
    free(is);
    free(was);
}

static bool print_folders_side(struct diff *d, const struct comparison *c, struct error *e)
{
    const struct rule_adapter *rule = &d->workshop->project->rules->adapters[d->adapter];
    struct digest base;
    json_t *recipe = recipe_to_json(&rule->recipe);
    show_recipe_difference(&d->screen, json_object_get(c->before->manifest, "recipe"), recipe);
    json_decref(recipe);
    if (!workshop_base_digest(d->workshop, rule->base, &base, e))
        return false;
    if (!digest_equal(base, c->before->base))
        screen_text(&d->screen, _("  ~ another base model"));
    return true;
}

static void name_side(int number, char text[static 40])
{
    if (number)
        snprintf(text, 40, "v%d", number);
    else
        snprintf(text, 40, "%s", _("its folders now"));
}

static bool print_comparison(struct diff *d, const struct comparison *c, struct error *e)
{
    struct screen *s = &d->screen;
    char before[40], now[40], count[32];
    name_side(d->before, before);
    name_side(d->now, now);
    char *line = mem_printf(_("%s: %s, and before it %s"),
                            d->workshop->project->rules->adapters[d->adapter].name, now, before);
    screen_text(s, line);
    free(line);
    if (!c->named)
        screen_text(s, _("  which documents differ is not known any more: .lorabuild was deleted"));
    for (size_t i = 0; i < c->count; i++)
        print_change(s, &c->changes[i]);
    if (c->now)
        show_recipe_difference(s, json_object_get(c->before->manifest, "recipe"),
                               json_object_get(c->now->manifest, "recipe"));
    if (!c->now && !print_folders_side(d, c, e))
        return false;
    if (c->now)
        print_manifests(s, c);
    if (c->named) {
        line = mem_printf(_("Unchanged: %s %s."), str_count(c->unchanged, count),
                          show_plural(c->unchanged, _("sample"), _("samples")));
        screen_text(s, line);
        free(line);
    }
    return true;
}

static void print_json(const struct diff *d, const struct comparison *c)
{
    static const char *const kinds[] = {"new", "gone", "edited", "caption"};
    const char *name = d->workshop->project->rules->adapters[d->adapter].name;
    for (size_t i = 0; i < c->count; i++)
        ndjson_print(json_pack(
            "{s:s, s:i, s:o, s:s, s:s, s:I, s:I, s:s?}", "adapter", name, "before", d->before,
            "now", ndjson_version(d->now), "change", kinds[c->changes[i].change.kind], "document",
            c->changes[i].change.document, "place", (json_int_t)c->changes[i].change.place,
            "samples", (json_int_t)c->changes[i].change.count, "words", c->changes[i].words));
    ndjson_print(json_pack("{s:s, s:i, s:o, s:b, s:I}", "adapter", name, "before", d->before, "now",
                           ndjson_version(d->now), "known", c->named, "unchanged",
                           (json_int_t)c->unchanged));
}

/* --- Drafts. --- */

static bool collect(void *context, struct str bytes)
{
    strbuf_add_str(context, bytes);
    return true;
}

static bool draft_one(struct diff *d, struct reader *r, int version, const char *prompt,
                      struct strbuf *out, struct error *e)
{
    const struct rules *rules = d->workshop->project->rules;
    struct peft_adapter adapter = {0};
    int number;
    if (!reader_load_adapter(r, &rules->adapters[d->adapter], version, &adapter, &number, e))
        return false;
    struct draft_request request = {.model = r->model,
                                    .backend = r->backend,
                                    .tokenizer = r->tokenizer,
                                    .chat = r->chat.name ? &r->chat : NULL,
                                    .prompt = str_of(prompt),
                                    .adapter = &adapter,
                                    .options = {.temperature = 0,
                                                .top_p = 1,
                                                .repeat_penalty = 1.1,
                                                .max_tokens = DRAFT_TOKENS},
                                    .write = collect,
                                    .context = out};
    bool ok = draft_run(&request, e);
    peft_free(&adapter);
    return ok;
}

static bool print_drafts(struct diff *d, struct error *e)
{
    struct reader r = {0};
    int sides[2] = {d->before, d->now};
    bool ok = !d->prompt_count || reader_open(&r, d->workshop->project->rules, d->adapter,
                                              command_threads(d->options), e);
    for (int i = 0; ok && i < d->prompt_count; i++) {
        struct strbuf texts[2] = {{0}};
        for (int k = 0; ok && k < 2; k++)
            ok = draft_one(d, &r, sides[k], d->prompts[i], &texts[k], e);
        if (ok && d->options->json) {
            ndjson_print(json_pack("{s:s, s:s, s:s}", "prompt", d->prompts[i], "before",
                                   texts[0].data ? texts[0].data : "", "now",
                                   texts[1].data ? texts[1].data : ""));
        } else if (ok) {
            char *head = mem_printf("\n%s\nv%-39dv%d", d->prompts[i], d->before, d->now);
            screen_text(&d->screen, head);
            print_beside(&d->screen, texts[0].data ? texts[0].data : "",
                         texts[1].data ? texts[1].data : "");
            free(head);
        }
        strbuf_free(&texts[0]);
        strbuf_free(&texts[1]);
    }
    reader_close(&r);
    return ok;
}

/* --- What is compared. --- */

/* The second word is a version of the same adapter: "@v2", "v2" or "text-a@v2". */
static bool read_second(struct diff *d, const char *word, int *version, struct error *e)
{
    const struct rules *r = d->workshop->project->rules;
    const char *name = r->adapters[d->adapter].name;
    int other;
    char *full = word[0] == '@' ? mem_printf("%s%s", name, word) : mem_strdup(word);
    bool ok = reader_choose(r, full, &other, version, e);
    free(full);
    if (!ok || other == d->adapter)
        return ok;
    const char *a = r->adapters[d->adapter].client, *b = r->adapters[other].client;
    if (a && b && strcmp(a, b) != 0)
        return error_set(e, ERROR_USAGE,
                         _("%s belongs to client %s and %s to client %s: nothing is compared "
                           "between clients"),
                         name, a, r->adapters[other].name, b);
    return error_set(e, ERROR_USAGE,
                     _("%s and %s are two adapters; versions of one are compared: "
                       "lorabuild diff %s@v1 @v2"),
                     name, r->adapters[other].name, name);
}

static bool resolve(const struct diff *d, struct lineage *l, int asked, int *number,
                    struct error *e)
{
    const char *name = d->workshop->project->rules->adapters[d->adapter].name;
    *number = asked > 0    ? asked
              : asked == 0 ? l->current
              : l->count   ? l->versions[l->count - 1].number
                           : 0;
    if (!*number)
        return error_set(e, ERROR_INPUT, _("%s has not been built yet; run: lorabuild %s"), name,
                         name);
    return lineage_version(l, *number) ||
           error_set(e, ERROR_INPUT, _("%s has no v%d; see lorabuild log %s"), name, *number, name);
}

static bool names_version(const struct rules *r, const char *word)
{
    int adapter = -1, group = -1;
    return word[0] == '@' || strchr(word, '@') || rules_target(r, word, &adapter, &group, NULL);
}

static bool parse(struct diff *d, struct error *e)
{
    const struct options *o = d->options;
    const struct rules *r = d->workshop->project->rules;
    int first, second = 0, words = 2;
    if (!reader_choose(r, o->words[1], &d->adapter, &first, e))
        return false;
    bool two = o->word_count > 2 && names_version(r, o->words[2]);
    if (two && !read_second(d, o->words[2], &second, e))
        return false;
    words += two;
    struct target *t = workshop_target(d->workshop, d->adapter, e);
    if (!t || !resolve(d, &t->lineage, first, &d->before, e) ||
        (two && !resolve(d, &t->lineage, second, &d->now, e)))
        return false;
    d->prompts = o->words + words;
    d->prompt_count = o->word_count - words;
    return !d->prompt_count || two ||
           error_set(e, ERROR_USAGE,
                     _("what two versions write is compared: lorabuild diff %s@v1 @v2 \"%s\""),
                     r->adapters[d->adapter].name, d->prompts[0]);
}

static bool diff(struct diff *d, struct error *e)
{
    struct comparison c;
    if (!parse(d, e) || !compare_versions(&c, d->workshop, d->adapter, d->before, d->now, e))
        return false;
    bool ok = true;
    if (d->options->json)
        print_json(d, &c);
    else
        ok = print_comparison(d, &c, e);
    compare_free(&c);
    return ok && print_drafts(d, e);
}

static bool work(const struct options *o, struct workshop *w, void *context, struct error *e)
{
    struct diff *d = context;
    d->workshop = w;
    screen_open(&d->screen, stdout, o->quiet);
    return diff(d, e);
}

int command_diff(const struct options *o)
{
    struct error e = {0};
    struct diff d = {.options = o};
    if (o->word_count > 1)
        return command_in_workshop(o, false, work, &d);
    error_set(&e, ERROR_USAGE,
              _("which adapter? lorabuild diff NAME, or lorabuild diff NAME@v1 @v2"));
    return command_fail(&e);
}
