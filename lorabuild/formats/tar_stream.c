#include "lorabuild/formats/tar_stream.h"

#include "lorabuild/common/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Adapters are noise to a compressor: a higher level costs time and gains nothing. */
enum { LEVEL = 3 };

static void sha_end(struct sha256_ctx *sha, char text[static SHA256_HEX])
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_digest(sha, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        text[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    text[SHA256_HEX - 1] = '\0';
}

bool tar_writer_open(struct tar_writer *w, const char *path, struct error *e)
{
    *w = (struct tar_writer){.zstd = ZSTD_createCCtx(), .out_bytes = ZSTD_CStreamOutSize()};
    if (!w->zstd || ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, LEVEL)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_checksumFlag, 1))) {
        ZSTD_freeCCtx(w->zstd);
        return error_set(e, ERROR_LIMIT, "%s: no memory for zstd", path);
    }
    if (!file_writer_open(&w->file, path, 0666, e)) {
        ZSTD_freeCCtx(w->zstd);
        return false;
    }
    w->out = mem_alloc(w->out_bytes);
    sha256_init(&w->sha);
    return true;
}

static bool compress(struct tar_writer *w, const void *bytes, size_t n, ZSTD_EndDirective end,
                     struct error *e)
{
    ZSTD_inBuffer in = {bytes, n, 0};
    size_t left;
    do {
        ZSTD_outBuffer out = {w->out, w->out_bytes, 0};
        left = ZSTD_compressStream2(w->zstd, &out, &in, end);
        if (ZSTD_isError(left))
            return error_set(e, ERROR_INTERNAL, "%s: zstd: %s", w->file.path,
                             ZSTD_getErrorName(left));
        if (!file_writer_add(&w->file, w->out, out.pos, e))
            return false;
    } while (in.pos < in.size || (end == ZSTD_e_end && left));
    return true;
}

bool tar_writer_add(struct tar_writer *w, const void *bytes, size_t n, struct error *e)
{
    sha256_update(&w->sha, n, bytes);
    return compress(w, bytes, n, ZSTD_e_continue, e);
}

bool tar_writer_close(struct tar_writer *w, bool keep, char sha256[static SHA256_HEX],
                      struct error *e)
{
    bool ok = keep && compress(w, NULL, 0, ZSTD_e_end, e);
    sha_end(&w->sha, sha256);
    if (ok)
        ok = file_writer_commit(&w->file, e);
    else
        file_writer_discard(&w->file);
    ZSTD_freeCCtx(w->zstd);
    free(w->out);
    *w = (struct tar_writer){.zstd = NULL};
    return ok;
}

/* More of the file into the empty input; leaves it empty at the file's end. */
static bool refill(struct tar_reader *r, struct error *e)
{
    ssize_t n;
    do
        n = read(r->fd, r->in_block, r->in_bytes);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return error_errno(e, "%s", r->path);
    r->in = (ZSTD_inBuffer){r->in_block, (size_t)n, 0};
    return true;
}

bool tar_reader_open(struct tar_reader *r, const char *path, struct error *e)
{
    static const char magic[4] = "\x28\xB5\x2F\xFD";
    *r = (struct tar_reader){.path = path,
                             .most = UINT64_MAX,
                             .in_bytes = ZSTD_DStreamInSize(),
                             .out_bytes = ZSTD_DStreamOutSize()};
    r->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0)
        return error_errno(e, "%s", path);
    r->in_block = mem_alloc(r->in_bytes);
    r->out = mem_alloc(r->out_bytes);
    sha256_init(&r->sha);
    bool ok = refill(r, e);
    if (ok && r->in.size >= sizeof magic && memcmp(r->in.src, magic, sizeof magic) == 0) {
        r->zstd = ZSTD_createDCtx();
        ok = r->zstd || error_set(e, ERROR_LIMIT, "%s: no memory for zstd", path);
    }
    if (!ok) {
        char unused[SHA256_HEX];
        tar_reader_close(r, unused);
    }
    return ok;
}

static bool decompress(struct tar_reader *r, size_t *n, struct error *e)
{
    for (*n = 0; *n == 0;) {
        if (r->in.pos == r->in.size && !refill(r, e))
            return false;
        bool at_end = r->in.size == 0;
        if (at_end && !r->in_frame)
            return true;
        ZSTD_outBuffer out = {r->out, r->out_bytes, 0};
        size_t left = ZSTD_decompressStream(r->zstd, &out, &r->in);
        if (ZSTD_isError(left))
            return error_set(e, ERROR_INPUT, "%s: damaged: %s", r->path, ZSTD_getErrorName(left));
        if (at_end && out.pos == 0)
            return error_set(e, ERROR_INPUT, "%s: cut off", r->path);
        r->in_frame = left != 0;
        *n = out.pos;
    }
    return true;
}

bool tar_reader_next(struct tar_reader *r, const void **bytes, size_t *n, struct error *e)
{
    if (r->zstd) {
        *bytes = r->out;
        if (!decompress(r, n, e))
            return false;
    } else {
        if (r->in.pos == r->in.size && !refill(r, e))
            return false;
        *bytes = r->in_block + r->in.pos;
        *n = r->in.size - r->in.pos;
        r->in.pos = r->in.size;
    }
    r->total += *n;
    if (r->total > r->most)
        return error_set(e, ERROR_LIMIT, "%s: unpacks to more than the %llu bytes allowed here",
                         r->path, (unsigned long long)r->most);
    sha256_update(&r->sha, *n, *bytes);
    return true;
}

void tar_reader_close(struct tar_reader *r, char sha256[static SHA256_HEX])
{
    sha_end(&r->sha, sha256);
    ZSTD_freeDCtx(r->zstd);
    free(r->in_block);
    free(r->out);
    close(r->fd);
    *r = (struct tar_reader){.fd = -1};
}
