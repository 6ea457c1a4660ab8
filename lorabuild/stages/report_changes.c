#include "lorabuild/stages/report_parts.h"

#include "cache/lineage.h"

#include <stdio.h>
#include <stdlib.h>

/* What differs from the version before, by digests alone. */
struct changes {
    size_t fresh, captions, gone;
};

static void gather_now(const struct report *p, struct digest_set *contents)
{
    for (size_t k = 0; k < p->job->dataset_count; k++)
        dataset_add_contents(&p->job->datasets[k], contents);
    digest_set_seal(contents);
}

static void count_new(const struct report *p, const struct digest_set *ids,
                      const struct digest_set *contents, struct changes *c)
{
    struct digest_set fresh = {0}, captions = {0};
    struct job_walk w = {0};
    for (const struct sample *s; (s = job_next_sample(p->job, &w));)
        if (s->kind != SAMPLE_HEADING && !digest_set_has(ids, s->id))
            digest_set_add(digest_set_has(contents, s->content) ? &captions : &fresh, s->id);
    digest_set_seal(&fresh);
    digest_set_seal(&captions);
    c->fresh = fresh.count;
    c->captions = captions.count;
    digest_set_free(&captions);
    digest_set_free(&fresh);
}

/* false: not known. */
static bool count_changes(const struct report *p, const char *folder, struct changes *c)
{
    struct digest_set ids = {0}, contents = {0}, now = {0};
    struct version v = {.folder = (char *)(uintptr_t)folder};
    bool ok = lineage_load_exposure(&v, NULL, NULL);
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
    char cell[PAGE_CELL];
    if (n)
        page_row(&p->page, (const char *[]){words, page_number(n, cell), NULL});
}

/* Numbers only: what was withdrawn may have to be forgotten, its name too. */
void report_add_changes(struct report *p)
{
    const json_t *previous = json_object_get(p->plan, "previous");
    struct changes c;
    char title[60];
    if (!json_is_object(previous))
        return;
    bool known = count_changes(p, report_text(previous, "folder"), &c);
    snprintf(title, sizeof title, "Changed since v%zu", report_number(previous, "version"));
    page_section(&p->page, title);
    if (!known) {
        page_paragraph(&p->page, "", "Not known: its list of samples cannot be read any more.");
    } else if (c.fresh + c.captions + c.gone) {
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
    page_paragraph(&p->page, "small", "Why it was made: %s.", report_text(p->manifest, "why"));
    page_section_end(&p->page);
}
