#include "lorabuild/data/packed.h"

#include <string.h>

static void add_number(struct strbuf *b, uint64_t number, int bytes)
{
    char text[8];
    for (int i = 0; i < bytes; i++)
        text[i] = (char)(number >> 8 * i);
    strbuf_add(b, text, (size_t)bytes);
}

void packed_u8(struct strbuf *b, unsigned number)
{
    add_number(b, number, 1);
}

void packed_u32(struct strbuf *b, uint32_t number)
{
    add_number(b, number, 4);
}

void packed_u64(struct strbuf *b, uint64_t number)
{
    add_number(b, number, 8);
}

void packed_digest(struct strbuf *b, struct digest d)
{
    strbuf_add(b, d.bytes, sizeof d.bytes);
}

void packed_str(struct strbuf *b, struct str s)
{
    packed_u32(b, (uint32_t)s.size);
    strbuf_add_str(b, s);
    strbuf_add_byte(b, '\0');
}

void packed_begin(struct strbuf *b, const char magic[static 8], uint32_t version)
{
    strbuf_add(b, magic, 8);
    packed_u32(b, version);
}

void packed_end(struct strbuf *b)
{
    packed_digest(b, digest_of(b->data, b->size));
}

/* The next n bytes, or NULL. */
static const char *take(struct unpacker *u, size_t n)
{
    if (u->bad || (size_t)(u->end - u->at) < n) {
        u->bad = true;
        return NULL;
    }
    const char *p = u->at;
    u->at += n;
    return p;
}

static uint64_t take_number(struct unpacker *u, size_t bytes)
{
    const unsigned char *p = (const unsigned char *)take(u, bytes);
    uint64_t number = 0;
    for (size_t i = 0; p && i < bytes; i++)
        number |= (uint64_t)p[i] << 8 * i;
    return number;
}

unsigned unpack_u8(struct unpacker *u)
{
    return (unsigned)take_number(u, 1);
}

uint32_t unpack_u32(struct unpacker *u)
{
    return (uint32_t)take_number(u, 4);
}

uint64_t unpack_u64(struct unpacker *u)
{
    return take_number(u, 8);
}

struct digest unpack_digest(struct unpacker *u)
{
    struct digest d = {{0}};
    const char *p = take(u, sizeof d.bytes);
    if (p)
        memcpy(d.bytes, p, sizeof d.bytes);
    return d;
}

struct str unpack_str(struct unpacker *u)
{
    size_t n = unpack_u32(u);
    const char *p = take(u, n + 1);
    if (p && p[n] == '\0')
        return (struct str){p, n};
    u->bad = true;
    return STR("");
}

size_t unpack_count(struct unpacker *u, size_t item_bytes)
{
    uint64_t n = unpack_u64(u);
    if (!u->bad && n <= (size_t)(u->end - u->at) / item_bytes)
        return (size_t)n;
    u->bad = true;
    return 0;
}

enum packed_state packed_open(struct unpacker *u, struct str bytes, const char magic[static 8],
                              uint32_t version)
{
    struct digest kept;
    *u = (struct unpacker){bytes.data, bytes.data + bytes.size, false};
    const char *found = take(u, 8);
    uint32_t number = unpack_u32(u);
    if (u->bad || memcmp(found, magic, 8) != 0)
        return PACKED_DAMAGED;
    if (number > version)
        return PACKED_NEWER;
    if (number == 0 || (size_t)(u->end - u->at) < sizeof kept)
        return PACKED_DAMAGED;
    u->end -= sizeof kept;
    memcpy(&kept, u->end, sizeof kept);
    return digest_equal(kept, digest_of(bytes.data, bytes.size - sizeof kept)) ? PACKED_WHOLE
                                                                               : PACKED_DAMAGED;
}
