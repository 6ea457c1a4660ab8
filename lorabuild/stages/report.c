#include "lorabuild/stages/report_parts.h"

#include "cache/lineage.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/html.h"
#include "lorabuild/stages/report_chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *report_text(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : "";
}

size_t report_number(const json_t *o, const char *key)
{
    return (size_t)json_integer_value(json_object_get(o, key));
}

void report_document(const struct report *p, size_t dataset, const char *path, struct strbuf *name)
{
    const json_t *list = json_object_get(p->job->plan, "datasets");
    if (p->job->dataset_count > 1)
        strbuf_printf(name, "%s/", report_text(json_array_get(list, dataset), "written"));
    strbuf_add_shown(name, str_of(path));
}

/* ---- the head ---- */

static void name_before(struct report *p)
{
    const json_t *parent = json_object_get(p->manifest, "parent");
    size_t ancestor = report_number(p->manifest, "ancestor");
    if (ancestor)
        snprintf(p->before, REPORT_TEXT, "v%zu", ancestor);
    else if (json_is_object(parent))
        snprintf(p->before, REPORT_TEXT, "%s v%zu alone", report_text(parent, "name"),
                 report_number(parent, "version"));
    else
        snprintf(p->before, REPORT_TEXT, "the base model alone");
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

static void add_check_verdict(struct report *p, const struct gate *gate)
{
    char limit[40];
    const char *style = gate->failed ? "no" : gate->change > 0 ? "" : "yes";
    const char *badge = gate->failed ? "Worse" : gate->change > 0 ? "As good" : "Better";
    add_verdict(p, style, badge,
                "Pages of earlier documents that were held out of learning: loss %+.1f %% against "
                "%s%s; the lower, the better.",
                100 * gate->change, p->before, limit_words(p->r->limit, limit));
}

/* Ready or not, better or not: each a word and the reason. */
static void add_verdicts(struct report *p)
{
    const struct gate *gate = p->r->gate;
    double before = p->r->training->held_out_before, after = p->r->training->held_out_after;
    if (gate && gate->failed)
        add_verdict(p, "no", "Not used",
                    "Kept, but not taken into use: it is worse on earlier pages.");
    else
        add_verdict(p, "yes", "Ready", "It passed what could be checked and may be used.");
    if (gate)
        add_check_verdict(p, gate);
    else if (isfinite(before) && isfinite(after))
        add_verdict(p, after < before ? "yes" : "no", after < before ? "Better" : "Not better",
                    "Documents that were held out of learning: loss %.2f with %s, %.2f now "
                    "(%+.0f %%); the lower, the better.",
                    before, p->before, after, 100 * (after / before - 1));
    else
        add_verdict(p, "", "Not measured",
                    "%s: all of them were learned. The drafts below show what it does.",
                    json_is_null(json_object_get(p->job->plan, "check"))
                        ? "The rule file holds no document out (check: none)"
                        : "Too few documents to hold any out");
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
    struct job_walk w = {0};
    for (const struct sample *s; (s = job_next_sample(p->job, &w));)
        if (s->kind != SAMPLE_HEADING && digest_set_has(&p->job->learn_ids, s->id))
            digest_set_add(&learned, s->id);
    digest_set_seal(&learned);
    size_t count = learned.count;
    digest_set_free(&learned);
    return count;
}

static void add_head(struct report *p)
{
    const json_t *parent = json_object_get(p->manifest, "parent");
    char title[REPORT_TEXT], count[32], line[REPORT_TEXT] = "";
    snprintf(title, sizeof title, "%s v%zu", p->job->adapter_name,
             report_number(p->manifest, "version"));
    page_begin(&p->page, title);
    strbuf_add_text(&p->page, "<h1>");
    html_add_text(&p->page, str_of(title));
    strbuf_add_text(&p->page, "</h1>\n");
    if (json_is_object(parent))
        snprintf(line, sizeof line, ", over %s v%zu,", report_text(parent, "name"),
                 report_number(parent, "version"));
    page_paragraph(&p->page, "sub", "With this LoRA adapter %s%s writes like the documents below.",
                   report_text(p->manifest, "base"), line);
    add_verdicts(p);
    strbuf_add_text(&p->page, "<div class=\"facts\">\n");
    add_fact(p, "documents", str_count(report_number(p->manifest, "documents"), count));
    add_fact(p, "samples", str_count(report_number(p->manifest, "samples"), count));
    add_fact(p, "learned now", str_count(count_learned(p), count));
    add_fact(p, "training steps", str_count((size_t)p->r->training->steps, count));
    strbuf_add_text(&p->page, "</div>\n</header>\n");
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
    char before[REPORT_TEXT + 40];
    bool measured = isfinite(t->held_out_before) && isfinite(t->held_out_after);
    bool limited = p->r->gate && isfinite(p->r->limit);
    double limit = limited ? t->held_out_before * (1 + p->r->limit) : (double)NAN;
    struct chart_level levels[] = {
        {t->held_out_before, "before"}, {limit, "limit"}, {t->held_out_after, "now"}};
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

/* ---- the whole ---- */

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
    bool ok = report_add_written(&p, folder, e);
    if (ok) {
        add_losses(&p);
        report_add_learned(&p);
        report_add_not_learned(&p);
        report_add_changes(&p);
        report_add_recipe(&p);
        report_add_origin(&p);
        add_foot(&p);
        ok = file_replace(path, strbuf_str(&p.page), 0666, e);
    }
    strbuf_free(&p.page);
    free(path);
    return ok;
}
