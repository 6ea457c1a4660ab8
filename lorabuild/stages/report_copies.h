/* report_copies: what a draft has taken word for word from the samples that were learned.
 *
 * A run counts from eight words on, or sixteen Chinese characters; a mixture by halves. Words are
 * compared as they are written; white space and punctuation between them are not. Only runs in
 * one sample count. Time: the samples' text once, whatever the number of drafts.
 */
#ifndef LORABUILD_STAGES_REPORT_COPIES_H
#define LORABUILD_STAGES_REPORT_COPIES_H

#include "lorabuild/common/str.h"

struct copied_run {
    size_t begin, end; /* bytes of the draft */
};

struct copied_draft {
    struct str text;
    struct copied_run *runs; /* rising, apart from each other */
    size_t run_count;
    size_t longest;      /* words (or characters) in the longest run; 0 = none */
    size_t longest_from; /* the number that its sample was given */
};

struct copies;
/* The drafts' texts must live as long as this. */
struct copies *copies_open(const struct str *drafts, size_t count);
void copies_look(struct copies *c, struct str sample, size_t number);
/* After the last sample; valid until it is closed. */
const struct copied_draft *copies_of(struct copies *c, size_t draft);
void copies_close(struct copies *c);

#endif
