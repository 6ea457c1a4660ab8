#include "lorabuild/stages/report.h"

#include "cache/lineage.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/html.h"
#include "lorabuild/stages/report_chart.h"
#include "lorabuild/stages/report_copies.h"
#include "lorabuild/stages/report_drafts.h"
#include "lorabuild/stages/report_page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer lists are cut, and say so: a report is read, and printed. */
enum { MOST_ROWS = 500, TEXT = 400 };

struct report {
    const struct result *r;
    const struct job *job;
    const json_t *plan, *manifest, *files;
    char before[TEXT]; /* what the held-out loss is compared with: "city v1 alone" */
    struct strbuf page;
};

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : "";
}

static size_t number_of(const json_t *o, const char *key)
{
    return (size_t)json_integer_value(json_object_get(o, key));
}

static const char *plural(size_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

/* ---- the head ---- */

static void name_before(struct report *p)
{
    const json_t *parent = json_object_get(p->manifest, "parent");
    size_t ancestor = number_of(p->manifest, "ancestor");
    if (ancestor)
        snprintf(p->before, TEXT, "v%zu", ancestor);
    else if (json_is_object(parent))
        snprintf(p->before, TEXT, "%s v%zu alone", text_of(parent, "name"),
                 number_of(parent, "version"));
    else
        snprintf(p->before, TEXT, "the base model alone");
}

static void add_verdict(struct report *p, const char *style, const char *badge, const char *format,
                        ...) __attribute__((format(printf, 4, 5)));
static void add_verdict(struct report *p, const char *style, const char *badge, const char *format,
                        ...)
{
    char text[1200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    strbuf_printf(&p->page, "<div class=\"verdict %s\"><b>%s</b><span>", style, badge);
    html_add_text(&p->page, str_of(text));
    strbuf_add_text(&p->page, "</span></div>\n");
}

/* " (limit +1 %)"; nothing where no limit was set. */
static const char *limit_words(double limit, char text[static 40])
{
    text[0] = '\0';
    if (isfinite(limit))
        snprintf(text, 40, " (limit %+.3g %%)", 100 * limit);
    return text;
}

/* Ready or not, better or not: each a word and the reason. */
static void add_verdicts(struct report *p)
{
    const struct gate *gate = p->r->gate;
    const struct training_result *t = p->r->training;
    double before = t->held_out_before, after = t->held_out_after;
    char limit[40];
    if (gate && gate->failed)
        add_verdict(p, "no", "Not used",
                    "Kept, but not taken into use: it is worse on earlier pages.");
    else
        add_verdict(p, "yes", "Ready", "It passed what could be checked and may be used.");
    if (gate)
        add_verdict(p,
                    gate->failed       ? "no"
                    : gate->change > 0 ? ""
                                       : "yes",
                    gate->failed       ? "Worse"
                    : gate->change > 0 ? "As good"
                                       : "Better",
                    "Loss on the held-out pages of earlier documents: %+.1f %% against %s%s.",
                    100 * gate->change, p->before, limit_words(p->r->limit, limit));
    else if (isfinite(before) && isfinite(after))
        add_verdict(p, after < before ? "yes" : "no", after < before ? "Better" : "Not better",
                    "Loss on held-out documents %.2f with %s, %.2f now (%+.0f %%).", before,
                    p->before, after, 100 * (after / before - 1));
    else
        add_verdict(p, "", "Not measured",
                    "Too few documents to hold any out: all of them were learned. The drafts below "
                    "show what it does.");
}

static void add_fact(struct report *p, const char *name, const char *value)
{
    strbuf_printf(&p->page, "<div><span>%s</span><strong>", name);
    html_add_text(&p->page, str_of(value));
    strbuf_add_text(&p->page, "</strong></div>\n");
}

/* Samples with loss in this training, each once, headings not counted. */
static size_t count_learned(const struct report *p)
{
    struct digest_set learned = {0};
    for (size_t k = 0; k < p->job->dataset_count; k++)
        for (size_t i = 0; i < p->job->datasets[k].document_count; i++)
            for (size_t n = 0; n < p->job->datasets[k].documents[i].count; n++) {
                const struct sample *s = &p->job->datasets[k].documents[i].samples[n];
                if (s->kind != SAMPLE_HEADING && digest_set_has(&p->job->learn_ids, s->id))
                    digest_set_add(&learned, s->id);
            }
    digest_set_seal(&learned);
    size_t count = learned.count;
    digest_set_free(&learned);
    return count;
}

static void add_head(struct report *p)
{
    const json_t *parent = json_object_get(p->manifest, "parent");
    char title[TEXT], count[32], line[TEXT] = "";
    snprintf(title, sizeof title, "%s v%zu", p->job->adapter_name,
             number_of(p->manifest, "version"));
    page_begin(&p->page, title);
    strbuf_add_text(&p->page, "<h1>");
    html_add_text(&p->page, str_of(title));
    strbuf_add_text(&p->page, "</h1>\n");
    if (json_is_object(parent))
        snprintf(line, sizeof line, " over %s v%zu", text_of(parent, "name"),
                 number_of(parent, "version"));
    page_paragraph(&p->page, "sub", "A LoRA adapter for %s%s.", text_of(p->manifest, "base"), line);
    add_verdicts(p);
    strbuf_add_text(&p->page, "<div class=\"facts\">\n");
    add_fact(p, "documents", str_count(number_of(p->manifest, "documents"), count));
    add_fact(p, "samples", str_count(number_of(p->manifest, "samples"), count));
    add_fact(p, "learned now", str_count(count_learned(p), count));
    add_fact(p, "training steps", str_count((size_t)p->r->training->steps, count));
    strbuf_add_text(&p->page, "</div>\n</header>\n");
}

/* ---- drafts ---- */

static bool is_learned(const struct report *p, const struct sample *s)
{
    return s->kind != SAMPLE_HEADING && !digest_set_has(&p->job->validate_ids, s->id);
}

/* "bridge.md", with its dataset's path in front where there are several. */
static void shown_document(const struct report *p, size_t dataset, const struct document *d,
                           struct strbuf *name)
{
    const json_t *list = json_object_get(p->job->plan, "datasets");
    if (p->job->dataset_count > 1)
        strbuf_printf(name, "%s/", text_of(json_array_get(list, dataset), "written"));
    strbuf_add_shown(name, str_of(d->path));
}

/* The number-th sample of all, as a person knows its place. */
static void add_place(struct report *p, size_t number)
{
    struct strbuf name = {0};
    for (size_t k = 0; k < p->job->dataset_count; k++)
        for (size_t i = 0; i < p->job->datasets[k].document_count; i++) {
            const struct document *d = &p->job->datasets[k].documents[i];
            if (number < d->count) {
                shown_document(p, k, d, &name);
                strbuf_printf(&name, " §%zu", d->samples[number].place);
                html_add_text(&p->page, strbuf_str(&name));
                strbuf_free(&name);
                return;
            }
            number -= d->count;
        }
}

static struct copies *find_copies(const struct report *p, const struct report_drafts *d)
{
    size_t count = d->request_count * d->writer_count, number = 0;
    struct str *texts = mem_array(count, sizeof *texts);
    for (size_t i = 0; i < count; i++)
        texts[i] = strbuf_str(&d->drafts[i].text);
    struct copies *c = copies_open(texts, count);
    for (size_t k = 0; k < p->job->dataset_count; k++)
        for (size_t i = 0; i < p->job->datasets[k].document_count; i++) {
            const struct document *document = &p->job->datasets[k].documents[i];
            for (size_t n = 0; n < document->count; n++, number++)
                if (is_learned(p, &document->samples[n]))
                    copies_look(c, document->samples[n].text, number);
        }
    free(texts);
    return c;
}

static void add_marked(struct strbuf *b, const struct copied_draft *c)
{
    size_t at = 0;
    for (size_t i = 0; i < c->run_count; i++) {
        const struct copied_run *run = &c->runs[i];
        html_add_text(b, (struct str){c->text.data + at, run->begin - at});
        strbuf_add_text(b, "<mark>");
        html_add_text(b, (struct str){c->text.data + run->begin, run->end - run->begin});
        strbuf_add_text(b, "</mark>");
        at = run->end;
    }
    html_add_text(b, (struct str){c->text.data + at, c->text.size - at});
}

static void add_draft(struct report *p, const struct report_writer *w, bool own,
                      const struct report_draft *draft, const struct copied_draft *copied)
{
    struct strbuf *b = &p->page;
    strbuf_printf(b, "<div class=\"draft%s\"><div class=\"who\">", own ? " own" : "");
    html_add_text(b, str_of(w->name));
    const char *instead = w->why_not ? w->why_not : draft->failure;
    strbuf_printf(b, "</div><div class=\"text%s\">", instead || !copied->text.size ? " none" : "");
    if (instead || !copied->text.size)
        html_add_text(b, str_of(instead ? instead : "(nothing)"));
    else
        add_marked(b, copied);
    if (copied->longest) {
        strbuf_printf(b, "<small>longest copy: %zu in a row, from ", copied->longest);
        add_place(p, copied->longest_from);
        strbuf_add_text(b, "</small>");
    }
    strbuf_add_text(b, "</div></div>\n");
}

static bool add_drafts(struct report *p, const char *folder, struct error *e)
{
    struct report_drafts d;
    if (!report_drafts_make(&d, p->r, folder, e)) {
        report_drafts_free(&d);
        return false;
    }
    struct copies *c = find_copies(p, &d);
    page_section(&p->page, "What it writes");
    page_paragraph(&p->page, "small",
                   "The same requests by each, always with the likeliest next word, at most %lld "
                   "tokens long. Marked: eight words or more in a row (sixteen Chinese characters) "
                   "that also stand in a learned sample.",
                   (long long)d.tokens);
    for (size_t i = 0; i < d.request_count; i++) {
        strbuf_add_text(&p->page, "<div class=\"request\">");
        html_add_text(&p->page, d.requests[i]);
        strbuf_add_text(&p->page, p->job->raw ? " …</div>\n" : "</div>\n");
        for (size_t w = 0; w < d.writer_count; w++)
            add_draft(p, &d.writers[w], w + 1 == d.writer_count, &d.drafts[i * d.writer_count + w],
                      copies_of(c, i * d.writer_count + w));
    }
    page_section_end(&p->page);
    copies_close(c);
    report_drafts_free(&d);
    return true;
}

/* ---- losses ---- */

static void loss_row(struct report *p, const char *name, double value)
{
    char text[40] = PAGE_NUMBER "-";
    if (isfinite(value))
        snprintf(text, sizeof text, PAGE_NUMBER "%.3f", value);
    page_row(&p->page, (const char *[]){name, text, NULL});
}

static void add_losses(struct report *p)
{
    const struct training_result *t = p->r->training;
    char before[TEXT + 40];
    bool measured = isfinite(t->held_out_before) && isfinite(t->held_out_after);
    bool limited = p->r->gate && isfinite(p->r->limit);
    double limit = limited ? t->held_out_before * (1 + p->r->limit) : (double)NAN;
    struct chart_level levels[] = {{t->held_out_before, "before", "#5a636e", true},
                                   {limit, "limit", "#8a5a00", true},
                                   {t->held_out_after, "now", "#1e6b45", false}};
    page_section(&p->page, "Losses");
    page_paragraph(&p->page, "small",
                   "Mean loss a token: the lower, the better it foretells the text. Thin: each "
                   "training step; bold: their running mean.%s",
                   measured ? " The level lines are the held-out pages, which were not learned."
                            : "");
    chart_losses(&p->page, t->losses, (size_t)t->steps, levels, 3);
    page_table(&p->page, (const char *[]){"", PAGE_NUMBER "loss", NULL});
    loss_row(p, "First pass over what was learned", t->first_loss);
    loss_row(p, "Last pass", t->last_loss);
    snprintf(before, sizeof before, "Held-out pages with %s", p->before);
    if (measured) {
        loss_row(p, before, t->held_out_before);
        loss_row(p, "Held-out pages now", t->held_out_after);
    }
    if (limited) {
        char words[40];
        snprintf(before, sizeof before, "Highest that passes%s", limit_words(p->r->limit, words));
        loss_row(p, before, limit);
    }
    page_table_end(&p->page);
    page_section_end(&p->page);
}

/* ---- what was learned, and what not ---- */

static void learned_row(struct report *p, size_t dataset, const struct document *d)
{
    size_t samples = 0, fresh = 0, held_out = 0;
    char cells[3][34];
    struct strbuf name = {0};
    for (size_t i = 0; i < d->count; i++) {
        const struct sample *s = &d->samples[i];
        if (s->kind == SAMPLE_HEADING)
            continue;
        samples++;
        fresh += digest_set_has(&p->job->learn_ids, s->id);
        held_out += digest_set_has(&p->job->validate_ids, s->id);
    }
    size_t counts[3] = {samples, fresh, held_out};
    for (int i = 0; i < 3; i++) {
        cells[i][0] = *PAGE_NUMBER;
        if (counts[i] || !i)
            str_count(counts[i], cells[i] + 1);
        else
            strcpy(cells[i] + 1, "-");
    }
    shown_document(p, dataset, d, &name);
    page_row(&p->page, (const char *[]){name.data, cells[0], cells[1], cells[2], NULL});
    strbuf_free(&name);
}

static void add_learned(struct report *p)
{
    size_t shown = 0, all = 0;
    char count[32];
    page_section(&p->page, "Learned");
    page_table(&p->page, (const char *[]){"document", PAGE_NUMBER "samples",
                                          PAGE_NUMBER "learned now", PAGE_NUMBER "held out", NULL});
    for (size_t k = 0; k < p->job->dataset_count; k++)
        for (size_t i = 0; i < p->job->datasets[k].document_count; i++, all++)
            if (shown < MOST_ROWS) {
                learned_row(p, k, &p->job->datasets[k].documents[i]);
                shown++;
            }
    page_table_end(&p->page);
    if (all > shown)
        page_paragraph(&p->page, "small", "and %s more documents.", str_count(all - shown, count));
    page_section_end(&p->page);
}

static size_t count_waiting(const struct report *p)
{
    size_t n = 0;
    for (size_t k = 0; k < p->job->dataset_count; k++)
        n += p->job->datasets[k].waiting_texts;
    return n;
}

static void add_unread_rows(struct report *p)
{
    size_t left = MOST_ROWS;
    for (size_t k = 0; k < p->job->dataset_count; k++)
        for (size_t i = 0; i < p->job->datasets[k].unread_count && left; i++, left--) {
            const struct unread *u = &p->job->datasets[k].unread[i];
            struct strbuf name = {0};
            shown_document(p, k, &(struct document){.path = u->path}, &name);
            page_row(&p->page, (const char *[]){name.data, u->reason, NULL});
            strbuf_free(&name);
        }
}

static void add_note(struct report *p, const char *note)
{
    struct strbuf shown = {0};
    strbuf_add_shown(&shown, str_of(note));
    page_paragraph(&p->page, "small", "%s", shown.size ? shown.data : "");
    strbuf_free(&shown);
}

static void add_notes(struct report *p)
{
    for (size_t k = 0; k < p->job->dataset_count; k++)
        for (size_t i = 0; i < p->job->datasets[k].note_count; i++)
            add_note(p, p->job->datasets[k].notes[i]);
    for (size_t i = 0; i < p->job->learn.note_count; i++)
        add_note(p, p->job->learn.notes[i]);
}

static void add_not_learned(struct report *p)
{
    size_t unread = 0, notes = p->job->learn.note_count, waiting = count_waiting(p);
    for (size_t k = 0; k < p->job->dataset_count; k++) {
        unread += p->job->datasets[k].unread_count;
        notes += p->job->datasets[k].note_count;
    }
    page_section(&p->page, "Not learned");
    if (unread) {
        page_table(&p->page, (const char *[]){"file", "reason", NULL});
        add_unread_rows(p);
        page_table_end(&p->page);
    }
    if (waiting)
        page_paragraph(&p->page, "",
                       "%zu %s left out until somebody has read the request that "
                       "was made for %s.",
                       waiting, plural(waiting, "text was", "texts were"),
                       plural(waiting, "it", "them"));
    if (!unread && !waiting && !notes)
        page_paragraph(&p->page, "", "Nothing: every file in the folders was read.");
    add_notes(p);
    page_section_end(&p->page);
}

/* What differs from the version before, by digests alone. */
struct changes {
    size_t fresh, captions, gone;
};

static void gather_now(const struct report *p, struct digest_set *contents)
{
    for (size_t k = 0; k < p->job->dataset_count; k++) {
        const struct dataset *d = &p->job->datasets[k];
        for (size_t i = 0; i < d->document_count; i++)
            for (size_t n = 0; n < d->documents[i].count; n++)
                digest_set_add(contents, d->documents[i].samples[n].content);
        for (size_t i = 0; i < d->waiting_count; i++)
            digest_set_add(contents, d->waiting[i].content);
    }
    digest_set_seal(contents);
}

static void count_new(const struct report *p, const struct digest_set *ids,
                      const struct digest_set *contents, struct changes *c)
{
    struct digest_set fresh = {0}, captions = {0};
    for (size_t k = 0; k < p->job->dataset_count; k++)
        for (size_t i = 0; i < p->job->datasets[k].document_count; i++)
            for (size_t n = 0; n < p->job->datasets[k].documents[i].count; n++) {
                const struct sample *s = &p->job->datasets[k].documents[i].samples[n];
                if (s->kind == SAMPLE_HEADING || digest_set_has(ids, s->id))
                    continue;
                digest_set_add(digest_set_has(contents, s->content) ? &captions : &fresh, s->id);
            }
    digest_set_seal(&fresh);
    digest_set_seal(&captions);
    c->fresh = fresh.count;
    c->captions = captions.count;
    digest_set_free(&captions);
    digest_set_free(&fresh);
}

static bool count_changes(const struct report *p, const char *folder, struct changes *c,
                          struct error *e)
{
    struct digest_set ids = {0}, contents = {0}, now = {0};
    struct version v = {.folder = (char *)(uintptr_t)folder};
    bool ok = lineage_load_exposure(&v, NULL, e);
    *c = (struct changes){0};
    gather_now(p, &now);
    for (size_t i = 0; ok && i < v.sample_count; i++) {
        digest_set_add(&ids, v.samples[i].id);
        digest_set_add(&contents, v.samples[i].content);
    }
    digest_set_seal(&ids);
    digest_set_seal(&contents);
    for (size_t i = 0; ok && i < v.sample_count; i++)
        c->gone += v.samples[i].role != 'h' && !digest_set_has(&now, v.samples[i].content);
    count_new(p, &ids, &contents, c);
    digest_set_free(&now);
    digest_set_free(&contents);
    digest_set_free(&ids);
    digest_set_free(&v.exposure);
    free(v.samples);
    return ok;
}

static void change_row(struct report *p, size_t n, const char *words)
{
    char count[34] = PAGE_NUMBER;
    str_count(n, count + 1);
    if (n)
        page_row(&p->page, (const char *[]){words, count, NULL});
}

/* Numbers only: what was withdrawn may have to be forgotten, its name too. */
static bool add_changes(struct report *p, struct error *e)
{
    const json_t *previous = json_object_get(p->plan, "previous");
    struct changes c;
    char title[60];
    if (!json_is_object(previous))
        return true;
    if (!count_changes(p, text_of(previous, "folder"), &c, e))
        return false;
    snprintf(title, sizeof title, "Changed since v%zu", number_of(previous, "version"));
    page_section(&p->page, title);
    if (c.fresh + c.captions + c.gone) {
        page_table(&p->page, (const char *[]){"", PAGE_NUMBER "samples", NULL});
        change_row(p, c.fresh, "new, or their text was edited");
        change_row(p, c.captions, "with another request");
        change_row(p, c.gone,
                   "withdrawn, or the old text of an edited one: "
                   "they had no part in this training");
        page_table_end(&p->page);
    } else {
        page_paragraph(&p->page, "", "No sample.");
    }
    page_paragraph(&p->page, "small", "Why it was made: %s.", text_of(p->manifest, "why"));
    page_section_end(&p->page);
    return true;
}

/* ---- from what it was made ---- */

static void add_recipe(struct report *p)
{
    json_t *recipe = recipe_to_json(&p->job->recipe), *value;
    const json_t *origins = json_object_get(p->plan, "origins");
    page_section(&p->page, "Recipe");
    page_table(&p->page, (const char *[]){"setting", "value", "from", NULL});
    for (size_t i = 0; i < recipe_key_count; i++) {
        const char *name = recipe_keys[i].name, *origin = text_of(origins, name);
        struct strbuf text = {0};
        if (!(value = json_object_get(recipe, name)))
            continue;
        if (json_is_string(value))
            strbuf_add_text(&text, json_string_value(value));
        else
            json_write(&text, value, false);
        while (text.size && text.data[text.size - 1] == '\n')
            text.data[--text.size] = '\0';
        page_row(&p->page, (const char *[]){name, text.data ? text.data : "",
                                            *origin ? origin : "default", NULL});
        strbuf_free(&text);
    }
    page_table_end(&p->page);
    page_section_end(&p->page);
    json_decref(recipe);
}

static void digest_row(struct report *p, const char *name, const char *value, const char *digest)
{
    char code[80];
    snprintf(code, sizeof code, PAGE_CODE "%s", digest);
    page_row(&p->page, (const char *[]){name, value, code, NULL});
}

static void version_row(struct report *p, const char *name, const char *adapter, size_t number,
                        const char *digest)
{
    char text[TEXT];
    snprintf(text, sizeof text, "%s v%zu", adapter, number);
    digest_row(p, name, text, digest);
}

static void add_origin(struct report *p)
{
    const json_t *parent = json_object_get(p->manifest, "parent"), *file;
    const json_t *numerics = json_object_get(p->manifest, "numerics");
    const char *name;
    char hex[DIGEST_HEX], text[TEXT];
    size_t ancestor = number_of(p->manifest, "ancestor");
    page_section(&p->page, "Origin and digests");
    page_table(&p->page, (const char *[]){"", "", "XXH3-128", NULL});
    digest_row(p, "base model", text_of(p->manifest, "base"), text_of(p->manifest, "base_digest"));
    if (json_is_object(parent))
        version_row(p, "over", text_of(parent, "name"), number_of(parent, "version"),
                    text_of(parent, "artifact"));
    if (ancestor)
        version_row(p, "continued from", p->job->adapter_name, ancestor, "");
    digest_row(p, "samples", "all that were wanted", text_of(p->manifest, "set"));
    digest_row(p, "recipe", "", text_of(p->manifest, "recipe_digest"));
    digest_hex(p->r->artifact, hex);
    digest_row(p, "weights trained", "", hex);
    snprintf(text, sizeof text, "%s on %s, %s", text_of(numerics, "compute"),
             text_of(numerics, "instruction_set"), text_of(numerics, "onednn"));
    digest_row(p, "computed in", text, "");
    page_table_end(&p->page);
    strbuf_add_text(&p->page, "<p></p>\n");
    page_table(&p->page, (const char *[]){"file", PAGE_NUMBER "bytes", "SHA-256", NULL});
    for (void *at = json_object_iter((json_t *)(uintptr_t)p->files); at;
         at = json_object_iter_next((json_t *)(uintptr_t)p->files, at)) {
        char size[34] = PAGE_NUMBER, code[SHA256_HEX + 2];
        name = json_object_iter_key(at);
        file = json_object_iter_value(at);
        str_count(number_of(file, "size"), size + 1);
        snprintf(code, sizeof code, PAGE_CODE "%s", text_of(file, "sha256"));
        page_row(&p->page, (const char *[]){name, size, code, NULL});
    }
    page_table_end(&p->page);
    page_section_end(&p->page);
}

static void add_foot(struct report *p)
{
    strbuf_add_text(&p->page, "<footer>Made by lorabuild " LORABUILD_VERSION ". It quotes the "
                              "texts that were learned: show it to nobody who may not read them."
                              "</footer>\n");
    page_end(&p->page);
}

bool report_write(const struct result *r, const char *folder, const json_t *files, struct error *e)
{
    struct report p = {.r = r,
                       .job = r->job,
                       .plan = json_object_get(r->job->plan, "report"),
                       .manifest = json_object_get(r->job->plan, "manifest"),
                       .files = files};
    char *path = path_join(folder, LINEAGE_REPORT);
    name_before(&p);
    add_head(&p);
    bool ok = add_drafts(&p, folder, e);
    if (ok) {
        add_losses(&p);
        add_learned(&p);
        add_not_learned(&p);
        ok = add_changes(&p, e);
        add_recipe(&p);
        add_origin(&p);
        add_foot(&p);
        ok = ok && file_replace(path, strbuf_str(&p.page), 0666, e);
    }
    strbuf_free(&p.page);
    free(path);
    return ok;
}
