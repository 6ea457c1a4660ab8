/* scan: the files beneath a folder and their content digests, opening only what changed.
 *
 * A file's digest is taken from the hash cache where (inode, size, mtime_ns, ctime_ns) are equal
 * (compared with !=, never <; no device number, so that a remount does not hash everything) and
 * its mtime was not within 2 s of the moment it was looked at (racy, as in git; a file from the
 * future is never trusted, B05). Otherwise: stat, hash, fstat again, stored only if equal.
 *
 * How: one packed array of records a directory in LMDB (in chunks of 256), compared with what
 * getdents64 and statx relative to the directory's descriptor give; directories are shared out
 * over the threads. A link is followed only where it ends beneath the root, or where walls allow
 * (link.h).
 */
#ifndef LORABUILD_CACHE_SCAN_H
#define LORABUILD_CACHE_SCAN_H

#include "cache/store.h"
#include "lorabuild/common/link.h"
#include "lorabuild/common/memory.h"

struct scan_file {
    const char *path; /* relative to the root, any bytes */
    struct digest digest;
    uint64_t size_bytes;
    const char *problem; /* NULL, or why it could not be read (then the digest is zero) */
};

struct scan {
    struct arena arena; /* owns problems, and paths with `names` */
    char **names;
    size_t name_count;
    struct scan_file *files; /* sorted by path bytes */
    size_t count;
    size_t hashed;  /* how many were opened */
    bool too_young; /* something was modified less than 2 s ago: wait and scan again (bounded) */
};

/* `skip(name, context)` true leaves out a file or folder by its name; it is called from several
 * threads at once. `store` may be NULL (all is hashed). `folder` may also be one file. `walls`: how
 * far links may lead out of the folder; NULL: nowhere. */
bool scan_folder(struct scan *s, const char *folder, const struct link_walls *walls,
                 struct store *store, bool rehash,
                 bool (*skip)(const char *name, bool is_folder, void *context), void *context,
                 struct error *e);
void scan_free(struct scan *s);

/* The digest of one file through the same cache (base models, captions files). */
bool scan_file_digest(struct digest *d, const char *path, struct store *store, bool rehash,
                      struct error *e);

#endif
