/* archive: plain files as a reproducible .tar.zst, and back (libarchive).
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

/* What shall be packed: files of the disk under names of their own, and bytes that stand in no
 * file. In any order; archive_list_free() frees names and paths. */
struct archive_file {
    char *name;
    char *path;       /* NULL: `bytes` are the content */
    struct str bytes; /* the caller's, until the list is packed */
};
struct archive_list {
    struct archive_file *files;
    size_t count, capacity;
};
void archive_list_file(struct archive_list *l, const char *name, const char *path);
void archive_list_bytes(struct archive_list *l, const char *name, struct str bytes);
void archive_list_free(struct archive_list *l);

/* Packs the list under the prefix "<prefix>/" into `path`, durably and by rename; sorts it. */
bool archive_pack_list(const char *path, struct archive_list *l, const char *prefix,
                       char tar_sha256[static SHA256_HEX], struct error *e);
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
/* Writes nothing: checks every entry as archive_unpack() does, and appends to `content` the
 * entry that stands beneath the prefix as `name` (at most `most_content` bytes). *bytes is the
 * content of all entries together. Without such an entry: ERROR_INPUT. */
bool archive_read_entry(const char *path, const char *name, size_t most_content,
                        uint64_t most_bytes, struct strbuf *content, uint64_t *bytes,
                        struct error *e);

/* Checks every entry as archive_unpack() does, and writes nothing: the tar's SHA-256, and the
 * content of the entry `name` (within the prefix), appended to `content`; none there is an error.
 */
bool archive_look(const char *path, uint64_t most_bytes, const char *name, struct strbuf *content,
                  char tar_sha256[static SHA256_HEX], struct error *e);

#endif
