/* captions_parts: what the files of captions share; nobody else includes it.
 *
 *   captions.c        texts and rows joined, the table written back
 *   captions_edit.c   what a person asks for beforehand: accepted, or given back
 *   captions_fate.c   what is left out of the documents
 */
#ifndef LORABUILD_DATA_CAPTIONS_PARTS_H
#define LORABUILD_DATA_CAPTIONS_PARTS_H

#include "lorabuild/data/captions.h"
#include "lorabuild/data/captions_table.h"
#include "lorabuild/data/wording.h"

enum { NO_ROW = -1 };

enum fate { LEARNED, SKIPPED, WAITING, FATES };

/* A text that may have a row. */
struct asker {
    struct document *document;
    struct sample *sample;
    struct str name; /* its file, as the table writes it */
    struct str id;
    struct wording wording;
    ptrdiff_t row;
    enum fate fate;
};

struct joining {
    struct captions_table table;
    struct arena arena;
    struct asker *askers;
    size_t count;
    bool generate, review;
    struct captions_counts *counts;
};

/* Takes out of the documents what is not learned, each text by its fate, and headings with nothing
 * else beneath them; what waits is listed in d->waiting. */
void captions_leave_out(struct joining *j, struct dataset *d);

/* Done to the rows as they were read, each text with its row already found. */
void captions_apply_edit(struct joining *j, const struct captions_edit *edit);

#endif
