/* read: a folder of sources to a sealed dataset: the dataset stage's work, run in the child.
 *
 * Each source is opened beneath the folder, read once, checked against the digest that the scan
 * gave (it changed meanwhile: ERROR_INPUT with `changed` set, and the parent scans again),
 * decoded, cut, and sealed; sources whose seal exists are not opened at all. Then captions are
 * joined and ids computed. A document that cannot be read is left out with its reason; bad
 * records of a .jsonl are all listed (file:line, field path, type found) and fail the stage: as
 * many as fit stand in the error's message, the first 50 in the dataset's notes, one a note.
 *
 * Of a large folder in which little changed only that is told and read: `base` is a dataset of the
 * same folder that was sealed before, without captions as is the new one, and all its documents
 * that stand neither in `sources` nor in `gone` are taken over as they are.
 */
#ifndef LORABUILD_DATA_READ_H
#define LORABUILD_DATA_READ_H

#include "lorabuild/common/link.h"
#include "lorabuild/data/captions.h"
#include "lorabuild/data/seal.h"

struct read_request {
    const char *folder; /* the dataset's folder, absolute; or a single file's folder */
    const char *shown;  /* the same as the rules write it, for messages; or NULL */
    const struct seal_source *sources;
    size_t source_count;
    const char *captions_path; /* metadata.csv to read and, for generated captions, to write */
    const char *caption_mode;  /* "headings", "reviewed" (headings, once accepted) or "none" */
    const char *keep;          /* the client's (or shared) keep folder */
    const struct captions_edit *edit; /* what a person asks of the captions; NULL: nothing */
    struct captions_counts *counts;   /* filled if not NULL */
    struct link_walls walls;          /* how far links in the folder may lead */
    struct digest base;               /* zero: none, and `sources` are all that there are */
    struct digest key;                /* of the whole new dataset; where there is a base */
    const char *const *gone; /* paths of the base that are not there now; rising, like `sources` */
    size_t gone_count;
};

/* Fills *d and seals it under d->key, which is the key of the folder as it is afterwards, captions
 * that were just written included: the next scan finds it. The caller frees *d (dataset_free), on
 * failure too: then it holds notes at most. */
bool read_dataset(struct dataset *d, const struct read_request *r, bool *changed, struct error *e);

/* Would this file be learned? By name only: ".txt", ".md", ".jsonl" (any case). `reason` tells
 * why not ("spreadsheets are not read"). Names that are ignored silently (~$*, Thumbs.db,
 * .DS_Store, hidden files, metadata.csv, captions.html) give NULL and false. */
bool read_is_source(const char *path, const char **reason);

#endif
