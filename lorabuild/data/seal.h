/* seal: samples as they were when they were read, kept beside the checkpoints.
 *
 *   <keep>/seals/<xx>/<source digest>-<extractor>   one a source: its samples with their text
 *   <keep>/datasets/<dataset key>                   one a state of a dataset: documents (path,
 *                                                   source digest), captions, ids, unread files
 *
 * Both begin with a magic and a version number (docs/formats.md); newer is refused. Files are
 * written whole (file_replace) and never changed, so they may be read without a lock. A dataset's
 * key = sorted (path, source digest) of its files ⊕ digest of its captions file ⊕ options ⊕
 * extractor version: the parent computes it from a scan alone and so knows, without opening a
 * single file, whether the dataset has been read before.
 */
#ifndef LORABUILD_DATA_SEAL_H
#define LORABUILD_DATA_SEAL_H

#include "lorabuild/data/sample.h"

struct seal_source { /* a file of a dataset, as the scan found it */
    const char *path; /* relative to the dataset's folder */
    struct digest digest;
    uint64_t size_bytes;
};

struct digest seal_dataset_key(const struct seal_source *sources, size_t count,
                               struct digest captions_file, const char *caption_mode);

bool seal_has_source(const char *keep, struct digest source);
bool seal_write_source(const char *keep, const struct document *d, struct error *e);
/* The document's samples with text, without captions; memory from `a`. */
bool seal_read_source(struct document *d, const char *keep, struct digest source, struct arena *a,
                      struct error *e);

bool seal_has_dataset(const char *keep, struct digest key);
bool seal_write_dataset(const char *keep, const struct dataset *d, struct error *e);
/* `with_text`: also fills sample.text from the sources' seals. */
bool seal_read_dataset(struct dataset *d, const char *keep, struct digest key, bool with_text,
                       struct error *e);
/* Only key, set and counts: what a build with nothing to do needs. */
bool seal_read_dataset_header(struct dataset *d, const char *keep, struct digest key,
                              struct error *e);

#endif
