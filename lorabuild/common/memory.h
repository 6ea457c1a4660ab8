/* memory: allocation that needs no check, and arenas.
 *
 * Small allocations cannot sensibly be survived one by one: mem_alloc() and its kin never
 * return NULL. When the system has no more they call the handler that main() installed, which
 * prints one line and exits 1 (every durable state is committed by rename, so nothing is lost);
 * without a handler they abort. What may be large (tensors, whole files) goes through
 * mem_try_alloc(), whose NULL the caller turns into an error with numbers.
 */
#ifndef LORABUILD_COMMON_MEMORY_H
#define LORABUILD_COMMON_MEMORY_H

#include <stddef.h>

/* `handler` must not return. Called once by main(), before any thread is started. */
void mem_on_failure(void (*handler)(size_t size_bytes));

void *mem_alloc(size_t size_bytes);                         /* not cleared */
void *mem_zalloc(size_t size_bytes);                        /* cleared */
void *mem_array(size_t count, size_t item_bytes);           /* cleared; overflow = failure */
void *mem_grow(void *old, size_t count, size_t item_bytes); /* realloc to count items */
char *mem_strdup(const char *text);
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *mem_try_alloc(size_t size_bytes); /* 64-byte aligned; NULL; free() */

/* arena: many small things that die together. Chunks grow; a chunk never moves, so pointers
 * stay valid until arena_free() or until a mark before them is released. */
struct arena {
    struct arena_chunk *last;
};
struct arena_mark {
    struct arena_chunk *chunk;
    size_t used;
};

void *arena_alloc(struct arena *a, size_t size_bytes); /* cleared, 16-byte aligned, never NULL */
void *arena_array(struct arena *a, size_t count, size_t item_bytes);
char *arena_strdup(struct arena *a, const char *text);
char *arena_strndup(struct arena *a, const char *text, size_t n);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct arena_mark arena_mark(const struct arena *a);
void arena_release(struct arena *a, struct arena_mark m);
void arena_free(struct arena *a); /* the arena is empty and usable afterwards */

#endif
