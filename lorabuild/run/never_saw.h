/* never_saw: did a version, or anything that it was made from, ever see a text?
 *
 * The file is cut as the reading stage cuts it, and the content of each sample looked up in the
 * exposure of the version and of all its ancestors down to the base, as their own lists of samples
 * have it (not as the store remembers it). A text counts wherever it stood: what had the same
 * words in another document was seen. A heading counts unless another learned document has it too.
 */
#ifndef LORABUILD_RUN_NEVER_SAW_H
#define LORABUILD_RUN_NEVER_SAW_H

#include "lorabuild/run/ancestry.h"

struct never_saw_sample {
    size_t place; /* §n */
    char *text;
    bool seen;
    const char *by; /* the first that saw it; lives as long as the lineages */
    int version;
};

struct never_saw {
    struct never_saw_sample *samples; /* of the file: texts, and headings that were seen */
    size_t sample_count, text_count;  /* text_count: without headings */
    size_t seen, seen_headings;       /* texts, and headings that count */
    char **others;                    /* other documents in which a seen text stood */
    size_t other_count;
    char **shared; /* headings that are not counted */
    size_t shared_count;
    struct ancestor *line; /* from the base up */
    size_t line_count, missing;
    size_t exposure; /* texts that had a part in any of them */
};

bool never_saw_ask(struct never_saw *n, struct workshop *w, int adapter, int version,
                   const char *file, int threads, struct error *e);
void never_saw_free(struct never_saw *n);

#endif
