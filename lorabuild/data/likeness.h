/* likeness: which of some texts nearly stand in another, told by their letters alone.
 *
 * A text is its shingles: every run of 12 bytes that begins a character, white space, ASCII
 * punctuation and case left out (12 letters of English, 4 of Chinese). It nearly stands in another
 * text that has seven in ten of its shingles. Texts too short for a dozen shingles are like none.
 */
#ifndef LORABUILD_DATA_LIKENESS_H
#define LORABUILD_DATA_LIKENESS_H

#include "lorabuild/common/str.h"

struct likeness;

struct likeness *likeness_open(const struct str *texts, size_t count);
/* The indices of the texts that nearly stand in `text`, rising; the caller frees. */
size_t *likeness_find(struct likeness *l, struct str text, size_t *count);
void likeness_close(struct likeness *l);

#endif
