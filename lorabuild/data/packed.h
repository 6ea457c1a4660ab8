/* packed: numbers, digests and slices behind one another, little-endian, for our own files.
 *
 * A file is a magic of 8 bytes, a u32 version, content, and at its end the XXH3-128 digest of all
 * before it. Reading never trusts a length: past the end, every taker gives zeros and `bad` is
 * set, which the caller asks once, at the end of what it takes.
 */
#ifndef LORABUILD_DATA_PACKED_H
#define LORABUILD_DATA_PACKED_H

#include "lorabuild/common/digest.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/str.h"

void packed_u8(struct strbuf *b, unsigned number);
void packed_u32(struct strbuf *b, uint32_t number);
void packed_u64(struct strbuf *b, uint64_t number);
void packed_digest(struct strbuf *b, struct digest d);
void packed_str(struct strbuf *b, struct str s); /* u32 length, bytes, a NUL */
void packed_begin(struct strbuf *b, const char magic[static 8], uint32_t version);
void packed_end(struct strbuf *b);

struct unpacker {
    const char *at, *end;
    bool bad;
};

unsigned unpack_u8(struct unpacker *u);
uint32_t unpack_u32(struct unpacker *u);
uint64_t unpack_u64(struct unpacker *u);
struct digest unpack_digest(struct unpacker *u);
struct str unpack_str(struct unpacker *u); /* points into the file's bytes; NUL-terminated */
/* A count of things that take at least `item_bytes` each; more than can follow is bad, and 0. */
size_t unpack_count(struct unpacker *u, size_t item_bytes);

enum packed_state { PACKED_WHOLE, PACKED_NEWER, PACKED_DAMAGED };

/* Checks magic, version and the digest at the end; `u` then stands behind the version. */
enum packed_state packed_open(struct unpacker *u, struct str bytes, const char magic[static 8],
                              uint32_t version);

#endif
