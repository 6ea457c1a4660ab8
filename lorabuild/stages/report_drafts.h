/* report_drafts: the same requests drafted by the base, what went before, and this version.
 *
 * Requests are the rule file's, else three captions chosen by their digests, of held-out samples
 * first: so they stay while the documents stay. Always the likeliest token: the same weights give
 * the same text. A version that was exposed to anything that this one was not is not drafted
 * with: its words could hold what was withdrawn.
 */
#ifndef LORABUILD_STAGES_REPORT_DRAFTS_H
#define LORABUILD_STAGES_REPORT_DRAFTS_H

#include "lorabuild/stages/result.h"

enum { REPORT_WRITERS = 3 };

struct report_writer {
    const char *name;    /* "SmolLM2-135M", "text-a v1" */
    const char *why_not; /* it drafts nothing; NULL = it does */
    const char *folder;  /* of its adapter; NULL = the base alone */
};

struct report_draft {
    struct strbuf text;
    bool cut;      /* it would go on */
    char *failure; /* in the text's stead; NULL = none */
};

struct report_drafts {
    struct arena arena;
    struct str *requests;
    size_t request_count;
    struct report_writer writers[REPORT_WRITERS];
    size_t writer_count;
    struct report_draft *drafts; /* (request, writer) */
    int64_t tokens;              /* at most so many each */
};

/* `folder`: this version's files, already there. What cannot be drafted is told in its place; false
 * only when the run is to stop, or an adapter cannot be read. */
bool report_drafts_make(struct report_drafts *d, const struct result *r, const char *folder,
                        struct error *e);
void report_drafts_free(struct report_drafts *d);

#endif
