#include "lorabuild/stages/report_parts.h"

#include <stdio.h>

/* How many samples of a document, headings not counted. */
struct counts {
    size_t all, fresh, held_out;
};

static struct counts count_samples(const struct report *p, const struct document *d)
{
    struct counts c = {0};
    for (size_t i = 0; i < d->count; i++) {
        const struct sample *s = &d->samples[i];
        if (s->kind == SAMPLE_HEADING)
            continue;
        c.all++;
        c.fresh += digest_set_has(&p->job->learn_ids, s->id);
        c.held_out += digest_set_has(&p->job->validate_ids, s->id);
    }
    return c;
}

static void learned_row(struct report *p, size_t dataset, const struct document *d,
                        const struct counts *c)
{
    char all[PAGE_CELL], fresh[PAGE_CELL], held_out[PAGE_CELL];
    struct strbuf name = {0};
    report_document(p, dataset, d->path, &name);
    page_row(&p->page,
             (const char *[]){name.data, page_number(c->all, all), page_number(c->fresh, fresh),
                              page_number(c->held_out, held_out), NULL});
    strbuf_free(&name);
}

void report_add_learned(struct report *p)
{
    size_t rows = 0;
    char count[32];
    page_section(&p->page, "Learned");
    page_table(&p->page, (const char *[]){"document", PAGE_NUMBER "samples",
                                          PAGE_NUMBER "learned now", PAGE_NUMBER "held out", NULL});
    for (size_t k = 0; k < p->job->dataset_count; k++)
        for (size_t i = 0; i < p->job->datasets[k].document_count; i++) {
            const struct document *d = &p->job->datasets[k].documents[i];
            struct counts c = count_samples(p, d);
            if (c.all && rows++ < REPORT_ROWS)
                learned_row(p, k, d, &c);
        }
    page_table_end(&p->page);
    if (rows > REPORT_ROWS)
        page_paragraph(&p->page, "small", "and %s more documents.",
                       str_count(rows - REPORT_ROWS, count));
    page_section_end(&p->page);
}

/* ---- not learned ---- */

static void not_learned_row(struct report *p, size_t dataset, const char *path, const char *reason)
{
    struct strbuf name = {0};
    report_document(p, dataset, path, &name);
    page_row(&p->page, (const char *[]){name.data, reason, NULL});
    strbuf_free(&name);
}

static void add_unread_rows(struct report *p, size_t *rows)
{
    for (size_t k = 0; k < p->job->dataset_count; k++)
        for (size_t i = 0; i < p->job->datasets[k].unread_count; i++) {
            const struct unread *u = &p->job->datasets[k].unread[i];
            if ((*rows)++ < REPORT_ROWS)
                not_learned_row(p, k, u->path, u->reason);
        }
}

/* What a document has waiting stands together in the list. */
static void add_waiting_rows(struct report *p, size_t *rows)
{
    for (size_t k = 0; k < p->job->dataset_count; k++) {
        const struct dataset *d = &p->job->datasets[k];
        for (size_t i = 0, texts; i < d->waiting_count;) {
            uint32_t document = d->waiting[i].document;
            for (texts = 0; i < d->waiting_count && d->waiting[i].document == document; i++)
                texts += !d->waiting[i].heading;
            char reason[120];
            snprintf(reason, sizeof reason, "%zu %s", texts,
                     texts == 1 ? "text waits until somebody has accepted its request"
                                : "texts wait until somebody has accepted their requests");
            if (texts && (*rows)++ < REPORT_ROWS)
                not_learned_row(p, k, d->documents[document].path, reason);
        }
    }
}

static void add_note(struct report *p, const char *note)
{
    struct strbuf shown = {0};
    strbuf_add_shown(&shown, str_of(note));
    page_paragraph(&p->page, "small", "%s", shown.size ? shown.data : "");
    strbuf_free(&shown);
}

static size_t add_notes(struct report *p)
{
    size_t count = p->job->learn.note_count;
    for (size_t k = 0; k < p->job->dataset_count; k++)
        for (size_t i = 0; i < p->job->datasets[k].note_count; i++, count++)
            add_note(p, p->job->datasets[k].notes[i]);
    for (size_t i = 0; i < p->job->learn.note_count; i++)
        add_note(p, p->job->learn.notes[i]);
    return count;
}

static size_t count_not_learned(const struct report *p)
{
    size_t n = 0;
    for (size_t k = 0; k < p->job->dataset_count; k++)
        n += p->job->datasets[k].unread_count + p->job->datasets[k].waiting_texts;
    return n;
}

void report_add_not_learned(struct report *p)
{
    size_t rows = 0;
    char count[32];
    page_section(&p->page, "Not learned");
    if (count_not_learned(p)) {
        page_table(&p->page, (const char *[]){"file", "reason", NULL});
        add_unread_rows(p, &rows);
        add_waiting_rows(p, &rows);
        page_table_end(&p->page);
    }
    if (rows > REPORT_ROWS)
        page_paragraph(&p->page, "small", "and %s more.", str_count(rows - REPORT_ROWS, count));
    if (!add_notes(p) && !rows)
        page_paragraph(&p->page, "", "Nothing: every file in the folders was read.");
    page_section_end(&p->page);
}
