/* seal: samples as they were when they were read, kept beside the checkpoints.
 *
 *   <keep>/seals/<xx>/<source digest>-<extractor>.<txt|md|jsonl>
 *                              one a source and way of cutting: its samples with their text
 *   <keep>/datasets/<dataset key>
 *                              one a state of a dataset: documents (path, source digest),
 *                              captions, ids, unread files
 *
 * Both begin with a magic and a version number and end with a digest of all before it
 * (docs/formats.md); newer is refused, a damaged one is removed and named, so that the next run
 * reads its sources again. Files get their name when they are whole and are never changed after,
 * so they may be read without a lock. A dataset's key = sorted (path, source digest) of its files
 * ⊕ digest of its captions file ⊕ options ⊕ extractor version: the parent computes it from a scan
 * alone and so knows, without opening a single file, whether the dataset has been read before.
 */
#ifndef LORABUILD_DATA_SEAL_H
#define LORABUILD_DATA_SEAL_H

#include "cache/scan.h"
#include "lorabuild/data/sample.h"

struct seal_source {  /* a file of a dataset, as the scan found it */
    const char *path; /* relative to the dataset's folder */
    struct digest digest;
    uint64_t size_bytes;
};

/* The order of `sources` and files that read_is_source() ignores silently make no difference. */
struct digest seal_dataset_key(const struct seal_source *sources, size_t count,
                               struct digest captions_file, const char *caption_mode);

/* The same of a scan that skipped what read_is_source() ignores silently. It is in the order of its
 * paths already: a build with nothing to do copies and sorts nothing. */
struct digest seal_scan_key(const struct scan *scan, struct digest captions_file,
                            const char *caption_mode);

bool seal_has_source(const char *keep, enum document_kind kind, struct digest source);
/* Not yet durable: seal_write_dataset() makes all seals before it durable at once. */
bool seal_write_source(const char *keep, const struct document *d, struct error *e);
/* The samples of a document whose `kind` is set: with text, without captions and ids; memory
 * from `a`. `path` is left alone, `source` set. */
bool seal_read_source(struct document *d, const char *keep, struct digest source, struct arena *a,
                      struct error *e);

bool seal_has_dataset(const char *keep, struct digest key);
bool seal_write_dataset(const char *keep, const struct dataset *d, struct error *e);
/* `with_text`: also fills sample.text from the sources' seals. */
bool seal_read_dataset(struct dataset *d, const char *keep, struct digest key, bool with_text,
                       struct error *e);
/* Only key, set and counts: what a build with nothing to do needs. Reads a page, whatever the
 * dataset's size; document_count is set, documents is NULL. */
bool seal_read_dataset_header(struct dataset *d, const char *keep, struct digest key,
                              struct error *e);

#endif
