/* archive: a folder as a reproducible .tar.zst, and back (libarchive).
 *
 * Names sorted by bytes, mtime 0, uid and gid 0 with empty names, fixed modes: equal content
 * gives an equal tar, whose SHA-256 is returned (zstd's own bytes may differ between versions).
 */
#ifndef LORABUILD_FORMATS_ARCHIVE_H
#define LORABUILD_FORMATS_ARCHIVE_H

#include "lorabuild/common/digest.h"
#include "lorabuild/common/error.h"

/* Packs the plain files of `folder` (recursively; links and devices are refused) under the
 * prefix "<prefix>/" into `path`, durably and by rename. */
bool archive_pack(const char *path, const char *folder, const char *prefix,
                  char tar_sha256[static SHA256_HEX], struct error *e);
/* Checks every entry (B21: plain files and folders beneath the prefix, none twice, no more bytes
 * than `most_bytes`) before the first is written; unpacks without the prefix into `folder`, which
 * must not exist and is removed again on failure. */
bool archive_unpack(const char *path, const char *folder, uint64_t most_bytes,
                    char tar_sha256[static SHA256_HEX], struct error *e);

#endif
