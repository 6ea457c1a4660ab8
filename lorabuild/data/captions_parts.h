/* captions_parts: what the files of captions share; nobody else includes it.
 *
 *   captions.c        texts and rows joined, the table written back
 *   captions_edit.c   what a person asks for beforehand: accepted, or given back
 */
#ifndef LORABUILD_DATA_CAPTIONS_PARTS_H
#define LORABUILD_DATA_CAPTIONS_PARTS_H

#include "lorabuild/data/captions.h"
#include "lorabuild/data/captions_table.h"
#include "lorabuild/data/wording.h"

enum { NO_ROW = -1 };

/* A text that may have a row. */
struct asker {
    struct document *document;
    struct sample *sample;
    struct str name; /* its file, as the table writes it */
    struct str id;
    struct wording wording;
    ptrdiff_t row;
};

struct joining {
    struct captions_table table;
    struct arena arena;
    struct asker *askers;
    size_t count;
    bool generate, review;
    struct captions_counts *counts;
};

/* Done to the rows as they were read, each text with its row already found. */
void captions_apply_edit(struct joining *j, const struct captions_edit *edit);

#endif
