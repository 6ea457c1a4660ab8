/* archive: a folder as a reproducible .tar.zst, and back (libarchive).
 *
 * The tar is GNU's plainest form: names as their bytes (no character set, so no locale, takes
 * part), sorted by bytes, mtime 0, uid and gid 0 with empty names, mode 0644, plain files only,
 * no padding behind the two zero blocks. Equal content gives an equal tar, whose SHA-256 is
 * returned (zstd's own bytes may differ between versions). Files are streamed.
 */
#ifndef LORABUILD_FORMATS_ARCHIVE_H
#define LORABUILD_FORMATS_ARCHIVE_H

#include "lorabuild/common/digest.h"
#include "lorabuild/common/error.h"
#include "lorabuild/common/str.h"

/* Packs the plain files of `folder` (recursively; links and devices are refused, empty folders
 * left out) under the prefix "<prefix>/" into `path`, durably and by rename. */
bool archive_pack(const char *path, const char *folder, const char *prefix,
                  char tar_sha256[static SHA256_HEX], struct error *e);
/* Unpacks a .tar.zst (or plain .tar) whose entries all lie beneath one prefix, without that
 * prefix, into `folder`, which must not exist and is removed again on failure. Every entry is
 * checked before the first is written (B21): plain files and folders only, no name absolute or
 * with "..", none twice, no more bytes of content than `most_bytes`. The SHA-256 is of all tar
 * bytes, as archive_pack() gave it. */
bool archive_unpack(const char *path, const char *folder, uint64_t most_bytes,
                    char tar_sha256[static SHA256_HEX], struct error *e);

/* Checks every entry as archive_unpack() does, and writes nothing: the tar's SHA-256, and the
 * content of the entry `name` (within the prefix), appended to `content`; none there is an error.
 */
bool archive_look(const char *path, uint64_t most_bytes, const char *name, struct strbuf *content,
                  char tar_sha256[static SHA256_HEX], struct error *e);

#endif
