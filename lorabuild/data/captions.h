/* captions: which request each text answers, joined from metadata.csv and the headings.
 *
 * A user's row wins over a generated caption and is never rewritten; the machine's rows follow
 * the headings. A row finds its sample by the content's digest, in its own file first, then in
 * any (so it follows a rename). A user's row without an id is for every text of its file. A
 * caption made of a file's name stays when the file is renamed: a rename teaches nothing new.
 *
 * A passage is a run of neighbouring texts under one heading with one caption; where no heading
 * stands above, a few neighbours; of a .jsonl, one record. Its number is no identity.
 */
#ifndef LORABUILD_DATA_CAPTIONS_H
#define LORABUILD_DATA_CAPTIONS_H

#include "lorabuild/data/sample.h"

/* What a person asks for beforehand. A pick names rows as "FILE" (as the table writes it),
 * "FILE:§3" or by their id. Acceptance holds for captions as they stand in the table now: what is
 * drafted in the same run was not read by anybody, and waits. */
struct captions_edit {
    bool accept;
    const char *const *picks; /* accept only these */
    size_t pick_count;        /* 0 = all */
    const char *redo;         /* a pick: back to the machine; NULL = none */
};

struct captions_counts { /* of texts that may have a caption, each standing counted */
    size_t machine;      /* with one of the machine's, */
    size_t fresh;        /* …drafted just now, */
    size_t accepted;     /* …passed by a person, */
    size_t waiting;      /* …not passed, where that is required: left out */
    size_t yours, skipped;
    size_t picked, edited; /* rows that the edit named, and those that it changed */
};

struct captions_notes {
    char **items;
    size_t count;
};

struct captions_request {
    const char *path;                 /* metadata.csv; NULL: no table */
    bool generate;                    /* from headings, where the user gives none */
    bool review;                      /* only captions that a person has seen are learned */
    const struct captions_edit *edit; /* NULL: nothing */
};

/* Fills the captions of d's samples (texts only: a conversation has its own request), takes out
 * those to be skipped or waiting for review (d->waiting), with headings that stand over nothing
 * else, and writes the table back if `generate` or an edit changed its content. `file` gets the
 * table's digest as it stands afterwards, zero for none. `changed`: somebody else wrote the table
 * meanwhile; nothing was written. Notes go to `notes`, an array that the caller frees, with text
 * from d's arena. */
bool captions_join(struct dataset *d, const struct captions_request *request, struct digest *file,
                   struct captions_counts *counts, struct captions_notes *notes, bool *changed,
                   struct error *e);

/* Numbers the passages of the documents from that index on, after the captions are known. */
void captions_passages(struct dataset *d, size_t from);

#endif
