/* file: reading, mapping and durably writing files; folders; paths.
 *
 * Nothing here follows a rule about clients: see link.h.
 */
#ifndef LORABUILD_COMMON_FILE_H
#define LORABUILD_COMMON_FILE_H

#include "lorabuild/common/error.h"
#include "lorabuild/common/str.h"

#include <sys/types.h>

/* A whole file as a read-only map. `bytes.data` is NULL for an empty file. The file must not
 * shrink while it is mapped (T43: the base is checked again by file_map_unchanged()). */
struct file_map {
    struct str bytes;
    ino_t inode;
    dev_t device;
    struct timespec modified, changed;
    int fd;
};

bool file_map(struct file_map *m, const char *path, struct error *e);
bool file_map_fd(struct file_map *m, int fd, const char *shown_as, struct error *e); /* takes fd */
bool file_map_unchanged(const struct file_map *m, const char *shown_as, struct error *e);
void file_unmap(struct file_map *m);

/* Whole file into `b` (appended). `most` bounds its size; larger is ERROR_LIMIT. */
bool file_read(struct strbuf *b, const char *path, size_t most, struct error *e);
bool file_read_fd(struct strbuf *b, int fd, size_t most, const char *shown_as, struct error *e);

/* All of `bytes`, retrying EINTR and short writes. */
bool file_write_all(int fd, const void *bytes, size_t n, const char *shown_as, struct error *e);

/* Replaces `path` as a whole: temporary file beside it, fsync, rename, fsync of the folder. */
bool file_replace(const char *path, struct str bytes, mode_t mode, struct error *e);

/* fsync of a folder, so that names in it are durable. */
bool folder_sync(const char *path, struct error *e);
/* fsync of every plain file and folder beneath `path`, then of `path`. */
bool folder_sync_all(const char *path, struct error *e);
bool folder_make(const char *path, mode_t mode, struct error *e); /* with its parents */
/* Removes a tree without following links; a missing `path` is success. */
bool folder_remove(const char *path, struct error *e);

/* "a/b" from "a" and "b"; an absolute `b` stays; "" and "." as `a` vanish. Caller frees. */
char *path_join(const char *a, const char *b);
const char *path_base(const char *path); /* what stands behind the last '/' */
char *path_folder(const char *path);     /* what stands before it, "." if nothing; caller frees */
/* Without ".", "//" and resolvable "..", by text alone. Caller frees. */
char *path_clean(const char *path);
/* Is `path` equal to `folder` or beneath it, by text (both clean)? */
bool path_is_beneath(const char *path, const char *folder);
/* What stands behind `folder` and its slash; `path` itself where that is not beneath it. */
const char *path_behind(const char *path, const char *folder);

#endif
