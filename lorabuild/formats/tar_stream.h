/* tar_stream: tar bytes on their way to and from a .tar.zst, and their SHA-256. Knows nothing of
 * what a tar is. Used by archive_pack.c and archive_unpack.c only. */
#ifndef LORABUILD_FORMATS_TAR_STREAM_H
#define LORABUILD_FORMATS_TAR_STREAM_H

#include "lorabuild/common/digest.h"
#include "lorabuild/common/error.h"
#include "lorabuild/common/file_writer.h"

#include <nettle/sha2.h>
#include <zstd.h>

struct tar_writer {
    struct file_writer file;
    struct sha256_ctx sha;
    ZSTD_CCtx *zstd;
    char *out;
    size_t out_bytes;
};

/* After a successful open exactly one close: with `keep` the file appears, durably; without, or
 * where that fails, nothing is left. */
bool tar_writer_open(struct tar_writer *w, const char *path, struct error *e);
bool tar_writer_add(struct tar_writer *w, const void *bytes, size_t n, struct error *e);
bool tar_writer_close(struct tar_writer *w, bool keep, char sha256[static SHA256_HEX],
                      struct error *e);

struct tar_reader {
    const char *path; /* not owned */
    int fd;
    struct sha256_ctx sha;
    ZSTD_DCtx *zstd; /* NULL: the file is a plain tar */
    ZSTD_inBuffer in;
    char *in_block, *out;
    size_t in_bytes, out_bytes;
    bool in_frame;
    uint64_t total, most; /* tar bytes so far, and allowed: the caller may raise `most` */
};

bool tar_reader_open(struct tar_reader *r, const char *path, struct error *e);
/* The next bytes, valid until the next call; *n = 0 at the end. More than `most` is ERROR_LIMIT,
 * a cut or damaged file ERROR_INPUT. */
bool tar_reader_next(struct tar_reader *r, const void **bytes, size_t *n, struct error *e);
void tar_reader_close(struct tar_reader *r, char sha256[static SHA256_HEX]);

#endif
