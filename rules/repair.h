/* repair: what Chinese keyboards and tab keys do to YAML, named and mended before libyaml reads.
 *
 * libyaml stops at the first thing that it cannot read, so one full-width colon would hide every
 * other error of the file. A light pass over the characters finds those in a place where YAML
 * expects punctuation (never in quotes, comments or block texts, nor inside a value, where
 * 方案（终版） is a fine name), reports each, and hands libyaml the text as it was meant. The
 * shifts it notes in the source turn columns of the mended text back into those of the file.
 *
 * A plain word that begins with % is mended with PERCENT in its place, which yaml.c turns back.
 */
#ifndef RULES_REPAIR_H
#define RULES_REPAIR_H

#include "rules/report.h"

#define PERCENT "\xEE\x80\xA5" /* U+E025, private use: one character, as % is */

/* Writes the mended text. The number of the first line that had to be guessed at (a tab as
 * indentation, whose width nobody knows), 0 = none: a syntax error from there on may be ours. */
size_t repair_text(struct source *s, struct report *r, struct strbuf *mended);

#endif
