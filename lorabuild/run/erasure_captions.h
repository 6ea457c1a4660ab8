/* erasure_captions: rows of metadata.csv that only forgotten documents had, taken out. */
#ifndef LORABUILD_RUN_ERASURE_CAPTIONS_H
#define LORABUILD_RUN_ERASURE_CAPTIONS_H

#include "lorabuild/run/erasure.h"

/* Rows that carry a forgotten document's name, or the id of a text that no document holds any
 * more, the user's own rows included; all others stay, cell by cell. captions.html beside it,
 * which is made of the table, is removed if a row was. *written false: the table may not be
 * written by this user. A missing table is fine. */
bool erasure_captions(const char *path, const struct erasure *x, bool *written, struct error *e);

#endif
