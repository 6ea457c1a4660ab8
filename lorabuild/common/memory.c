#include "lorabuild/common/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The one piece of process-wide state in the library: written once by main(). */
static void (*failure_handler)(size_t);

void mem_on_failure(void (*handler)(size_t size_bytes))
{
    failure_handler = handler;
}

static void fail(size_t size)
{
    if (failure_handler)
        failure_handler(size);
    abort();
}

static void *checked(void *p, size_t size)
{
    if (!p)
        fail(size);
    return p;
}

void *mem_alloc(size_t size)
{
    return checked(malloc(size ? size : 1), size);
}

void *mem_zalloc(size_t size)
{
    return checked(calloc(1, size ? size : 1), size);
}

void *mem_array(size_t count, size_t item)
{
    return checked(calloc(count ? count : 1, item ? item : 1), count);
}

void *mem_grow(void *old, size_t count, size_t item)
{
    size_t size;
    if (__builtin_mul_overflow(count, item, &size))
        fail(SIZE_MAX);
    return checked(realloc(old, size ? size : 1), size);
}

char *mem_strdup(const char *text)
{
    size_t n = strlen(text) + 1;
    return memcpy(mem_alloc(n), text, n);
}

static size_t print_size(const char *format, va_list arguments)
{
    char none[2];
    int n = vsnprintf(none, 0, format, arguments);
    return n < 0 ? 1 : (size_t)n + 1;
}

char *mem_printf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t n = print_size(format, arguments);
    va_end(arguments);
    char *text = mem_alloc(n);
    va_start(arguments, format);
    vsnprintf(text, n, format, arguments);
    va_end(arguments);
    return text;
}

void *mem_try_alloc(size_t size)
{
    if (size > SIZE_MAX - 63)
        return NULL;
    return aligned_alloc(64, size ? (size + 63) & ~(size_t)63 : 64);
}

struct arena_chunk {
    struct arena_chunk *previous;
    size_t used, capacity;
    _Alignas(16) unsigned char bytes[];
};

static struct arena_chunk *new_chunk(struct arena *a, size_t at_least)
{
    size_t capacity = a->last ? a->last->capacity * 2 : 4096 - sizeof(struct arena_chunk);
    if (capacity > ((size_t)1 << 20))
        capacity = (size_t)1 << 20;
    if (capacity < at_least)
        capacity = at_least;
    struct arena_chunk *chunk = mem_alloc(sizeof *chunk + capacity);
    *chunk = (struct arena_chunk){.previous = a->last, .capacity = capacity};
    a->last = chunk;
    return chunk;
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size > SIZE_MAX / 2)
        fail(size);
    size_t rounded = (size + 15) & ~(size_t)15;
    struct arena_chunk *chunk = a->last;
    if (!chunk || chunk->capacity - chunk->used < rounded)
        chunk = new_chunk(a, rounded);
    void *p = chunk->bytes + chunk->used;
    chunk->used += rounded;
    return memset(p, 0, rounded);
}

void *arena_array(struct arena *a, size_t count, size_t item)
{
    size_t size;
    if (__builtin_mul_overflow(count, item, &size))
        fail(SIZE_MAX);
    return arena_alloc(a, size);
}

char *arena_strndup(struct arena *a, const char *text, size_t n)
{
    char *copy = arena_alloc(a, n + 1);
    if (n)
        memcpy(copy, text, n);
    return copy;
}

char *arena_strdup(struct arena *a, const char *text)
{
    return arena_strndup(a, text, strlen(text));
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t n = print_size(format, arguments);
    va_end(arguments);
    char *text = arena_alloc(a, n);
    va_start(arguments, format);
    vsnprintf(text, n, format, arguments);
    va_end(arguments);
    return text;
}

struct arena_mark arena_mark(const struct arena *a)
{
    return (struct arena_mark){a->last, a->last ? a->last->used : 0};
}

void arena_release(struct arena *a, struct arena_mark m)
{
    while (a->last != m.chunk) {
        struct arena_chunk *gone = a->last;
        a->last = gone->previous;
        free(gone);
    }
    if (a->last)
        a->last->used = m.used;
}

void arena_free(struct arena *a)
{
    arena_release(a, (struct arena_mark){0});
}
