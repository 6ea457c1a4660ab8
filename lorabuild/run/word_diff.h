/* word_diff: what differs between two texts, word by word, as git's --word-diff shows it:
 * "We carry the [-bus-] {+tram+}." A Chinese, Japanese or Korean character is a word of its own. */
#ifndef LORABUILD_RUN_WORD_DIFF_H
#define LORABUILD_RUN_WORD_DIFF_H

#include "lorabuild/common/str.h"

/* Appends to `out`. Of texts above 2,000 words what follows their common beginning is given whole,
 * as removed and added. White space between words becomes one space. */
void word_diff(struct strbuf *out, struct str before, struct str now);

#endif
