#include "lorabuild/tensor/pool.h"

#include "lorabuild/common/memory.h"

#include <stdlib.h>

#define SMALLEST 256
#define CLASSES_ABOVE 2 /* a request may take a buffer that is up to a quarter too large */

struct pool_buffer {
    struct pool_buffer *next;
    void *data;
};

/* Class k holds buffers of (8 + k % 8) · 2^(k / 8) · 32 bytes. */
static size_t class_bytes(int k)
{
    return (size_t)(8 + k % 8) << (k / 8 + 5);
}

static int class_of(size_t bytes) /* the least that holds them */
{
    if (bytes <= SMALLEST)
        return 0;
    int power = 63 - __builtin_clzll((unsigned long long)(bytes - 1)); /* bytes > 2^power */
    int k = (power - 8) * 8 + (int)((bytes - 1) >> (power - 3)) - 8;
    while (class_bytes(k) < bytes)
        k++;
    return k;
}

void pool_open(struct pool *p, struct backend *b)
{
    *p = (struct pool){.backend = b};
}

static void *pop(struct pool *p, int k)
{
    struct pool_buffer *entry = p->free[k];
    void *data = entry->data;
    p->free[k] = entry->next;
    entry->next = p->names;
    p->names = entry;
    p->free_bytes -= class_bytes(k);
    return data;
}

/* Gives free buffers back to the backend, the largest first, until `wanted` bytes are. */
static void shrink(struct pool *p, size_t wanted)
{
    size_t given = 0;
    for (int k = POOL_CLASSES - 1; k >= 0 && given < wanted; k--)
        while (p->free[k] && given < wanted) {
            p->backend->free(p->backend, pop(p, k), class_bytes(k));
            p->held_bytes -= class_bytes(k);
            given += class_bytes(k);
        }
}

void pool_close(struct pool *p)
{
    shrink(p, SIZE_MAX);
    while (p->names) {
        struct pool_buffer *next = p->names->next;
        free(p->names);
        p->names = next;
    }
}

void *pool_take(struct pool *p, size_t *bytes, struct error *e)
{
    size_t asked = *bytes;
    int first = asked < ((size_t)1 << 60) ? class_of(asked) : POOL_CLASSES;
    for (int k = first; k <= first + CLASSES_ABOVE && k < POOL_CLASSES; k++)
        if (p->free[k]) {
            *bytes = class_bytes(k);
            return pop(p, k);
        }
    if (first >= POOL_CLASSES) {
        error_set(e, ERROR_LIMIT, "a buffer of %zu bytes is too large", asked);
        return NULL;
    }
    *bytes = class_bytes(first);
    if (p->held_bytes + *bytes > p->peak_bytes && p->free_bytes > p->held_bytes / 8)
        shrink(p, *bytes);
    void *data = p->backend->alloc(p->backend, *bytes);
    if (!data) {
        error_set(e, ERROR_LIMIT,
                  "out of memory: no room for a buffer of %.1f MiB beside the %.1f MiB in use",
                  (double)*bytes / 1048576, (double)(p->held_bytes - p->free_bytes) / 1048576);
        return NULL;
    }
    p->held_bytes += *bytes;
    if (p->held_bytes > p->peak_bytes)
        p->peak_bytes = p->held_bytes;
    return data;
}

void pool_give(struct pool *p, void *buffer, size_t bytes)
{
    if (!buffer)
        return;
    int k = class_of(bytes);
    struct pool_buffer *entry = p->names;
    if (entry)
        p->names = entry->next;
    else
        entry = mem_alloc(sizeof *entry);
    *entry = (struct pool_buffer){p->free[k], buffer};
    p->free[k] = entry;
    p->free_bytes += bytes;
}
