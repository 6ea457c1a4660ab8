/* file_writer: a new file written piece by piece that appears whole or not at all.
 *
 * The pieces go to a temporary file beside `path`; file_writer_commit() makes it durable and
 * gives it its name, as file_replace() does. The old file, if any, stays readable (and mapped)
 * until then. Every file_writer_open() that succeeded is followed by exactly one commit or
 * discard.
 */
#ifndef LORABUILD_COMMON_FILE_WRITER_H
#define LORABUILD_COMMON_FILE_WRITER_H

#include "lorabuild/common/error.h"

#include <sys/types.h>

struct file_writer {
    int fd;
    char *path, *temporary;
};

bool file_writer_open(struct file_writer *w, const char *path, mode_t mode, struct error *e);
bool file_writer_add(struct file_writer *w, const void *bytes, size_t n, struct error *e);
bool file_writer_commit(struct file_writer *w, struct error *e); /* discards where it fails */
void file_writer_discard(struct file_writer *w);

#endif
