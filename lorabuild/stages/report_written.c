#include "lorabuild/stages/report_parts.h"

#include "lorabuild/common/html.h"
#include "lorabuild/stages/report_copies.h"
#include "lorabuild/stages/report_drafts.h"

#include <stdlib.h>

static bool is_learned(const struct report *p, const struct sample *s)
{
    return s->kind != SAMPLE_HEADING && !digest_set_has(&p->job->validate_ids, s->id);
}

/* The number-th sample of all, as a person knows its place. */
static void add_place(struct report *p, size_t number)
{
    struct strbuf name = {0};
    struct job_walk w = {0};
    const struct sample *s;
    while ((s = job_next_sample(p->job, &w)) && w.number < number)
        ;
    if (!s)
        return;
    report_document(p, w.dataset, w.document->path, &name);
    strbuf_printf(&name, " §%zu", s->place);
    html_add_text(&p->page, strbuf_str(&name));
    strbuf_free(&name);
}

static struct copies *find_copies(const struct report *p, const struct report_drafts *d)
{
    size_t count = d->request_count * d->writer_count;
    struct str *texts = mem_array(count, sizeof *texts);
    for (size_t i = 0; i < count; i++)
        texts[i] = strbuf_str(&d->drafts[i].text);
    struct copies *c = copies_open(texts, count);
    struct job_walk w = {0};
    for (const struct sample *s; (s = job_next_sample(p->job, &w));)
        if (is_learned(p, s))
            copies_look(c, s->text, w.number);
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
    if (draft->cut)
        strbuf_add_text(b, "<span> …</span>");
    if (copied->longest) {
        strbuf_printf(b, "<small>longest copy: %zu in a row, from ", copied->longest);
        add_place(p, copied->longest_from);
        strbuf_add_text(b, "</small>");
    }
    strbuf_add_text(b, "</div></div>\n");
}

bool report_add_written(struct report *p, const char *folder, struct error *e)
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
