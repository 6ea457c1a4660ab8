/* stub: a trainer whose weights can be read.
 *
 * Weights are a text file, one line a thing known, sorted, none twice:
 *   r HEX             digest of the recipe that it was trained with
 *   p HEX             digest of the weights beneath (none where there is no parent)
 *   l TEXT|CAPTION    learned          h TEXT    a heading that was read
 *   v TEXT            validated on
 *   u LINE            a line of the adapter beneath, in the joint weights alone
 * TEXT has its newlines as "\n". The work log ($HISTORIES_LOG) gets "ATTEMPT LINE" for each sample
 * when it is learned, and "ATTEMPT done" when an attempt has its result.
 */
#ifndef TESTS_HISTORIES_STUB_H
#define TESTS_HISTORIES_STUB_H

#include "lorabuild/common/str.h"

/* The measuring or training stage ("measure", "train"), as lorabuild --stage KIND would be. */
int stub_stage(const char *kind);

/* Lines of a file: sorted, none twice. */
struct lines {
    char **items;
    size_t count;
};
void lines_add(struct lines *l, struct str line);
void lines_seal(struct lines *l);
bool lines_have(const struct lines *l, const char *line); /* sealed */
bool lines_read(struct lines *l, const char *path);       /* false: it cannot be read */
void lines_free(struct lines *l);

#endif
