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

/* Fills the captions of d's samples (texts only: a conversation has its own request), takes out
 * those to be skipped, and, where `generate`, writes the table back if its content changed.
 * `path` may be NULL: no table. `file` gets the table's digest as it stands afterwards, zero for
 * none. `changed`: somebody else wrote the table meanwhile; nothing was written. Notes go to
 * `notes`, an array that the caller frees, with text from d's arena. */
struct captions_notes {
    char **items;
    size_t count;
};
bool captions_join(struct dataset *d, const char *path, bool generate, struct digest *file,
                   struct captions_notes *notes, bool *changed, struct error *e);

/* Numbers the passages of every document, after the captions are known. */
void captions_passages(struct dataset *d);
/* The same from the document with that index on. */
void captions_passages_from(struct dataset *d, size_t from);

#endif
