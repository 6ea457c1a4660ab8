/* report_parts: what the files of the report share; nobody else includes it.
 *
 *   report.c           the page, its head, losses
 *   report_written.c   what it writes: drafts, and what they copied
 *   report_samples.c   what was learned, and what not
 *   report_changes.c   what differs from the version before
 *   report_origin.c    recipe, origin and digests
 *   report_drafts.c    the drafts themselves    report_copies.c   what is copied in them
 *   report_page.c      the page's style and pieces   report_chart.c   drawings
 */
#ifndef LORABUILD_STAGES_REPORT_PARTS_H
#define LORABUILD_STAGES_REPORT_PARTS_H

#include "lorabuild/stages/report.h"
#include "lorabuild/stages/report_page.h"

/* Longer lists are cut, and say so: a report is read, and printed. */
enum { REPORT_ROWS = 500, REPORT_TEXT = 400 };

struct report {
    const struct result *r;
    const struct job *job;
    const json_t *plan, *manifest, *files;
    char before[REPORT_TEXT]; /* what the held-out loss is compared with: "city v1 alone" */
    struct strbuf page;
};

/* Of an object's member; "" and 0 where there is none. */
const char *report_text(const json_t *o, const char *key);
size_t report_number(const json_t *o, const char *key);
/* "bridge.md", with its dataset's path in front where there are several. */
void report_document(const struct report *p, size_t dataset, const char *path, struct strbuf *name);

bool report_add_written(struct report *p, const char *folder, struct error *e);
void report_add_learned(struct report *p);
void report_add_not_learned(struct report *p);
void report_add_changes(struct report *p);
void report_add_recipe(struct report *p);
void report_add_origin(struct report *p);

#endif
