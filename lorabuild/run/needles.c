#include "lorabuild/run/needles.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 65536 / 8 };

void needles_add_digests(struct needles *n, const struct digest_set *s)
{
    for (size_t i = 0; i < s->count; i++)
        digest_set_add(&n->digests, s->items[i]);
}

void needles_add_name(struct needles *n, struct str name)
{
    n->names = mem_grow(n->names, n->name_count + 1, sizeof *n->names);
    n->names[n->name_count++] = name;
}

static unsigned first_of(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

void needles_seal(struct needles *n)
{
    digest_set_seal(&n->digests);
    n->first = mem_zalloc(FIRST_BYTES);
    for (size_t i = 0; i < n->digests.count; i++) {
        unsigned first = first_of(n->digests.items[i].bytes);
        n->first[first / 8] |= (uint8_t)(1u << first % 8);
    }
}

static bool has_digest(const struct needles *n, struct str bytes)
{
    struct digest d;
    for (size_t at = 0; at + sizeof d <= bytes.size; at++) {
        unsigned first = first_of((const uint8_t *)bytes.data + at);
        if (!(n->first[first / 8] >> first % 8 & 1))
            continue;
        memcpy(&d, bytes.data + at, sizeof d);
        if (digest_set_has(&n->digests, d))
            return true;
    }
    return false;
}

bool needles_found(const struct needles *n, struct str bytes)
{
    for (size_t i = 0; i < n->name_count; i++)
        if (memmem(bytes.data, bytes.size, n->names[i].data, n->names[i].size))
            return true;
    return n->digests.count && has_digest(n, bytes);
}

bool needles_in_file(const struct needles *n, const char *path)
{
    struct file_map m;
    if (!file_map(&m, path, NULL))
        return false;
    bool found = m.bytes.size && needles_found(n, m.bytes);
    file_unmap(&m);
    return found;
}

void needles_free(struct needles *n)
{
    digest_set_free(&n->digests);
    free(n->names);
    free(n->first);
    *n = (struct needles){0};
}
