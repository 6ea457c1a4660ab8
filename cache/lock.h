/* lock: one builder at a time, by flock on a held descriptor: it dies with its process, so it
 * never goes stale. The file holds "pid name" for whoever waits. Never removed. */
#ifndef LORABUILD_CACHE_LOCK_H
#define LORABUILD_CACHE_LOCK_H

#include "lorabuild/common/error.h"

/* Takes the lock, waiting; before it waits it calls `waiting(context, holder)` once, with what
 * the holder wrote. Returns a descriptor (CLOEXEC), or -1. `wait` false: -1 with kind ERROR_NONE
 * when it is taken. */
int lock_take(const char *path, const char *what, bool wait,
              void (*waiting)(void *context, const char *holder), void *context, struct error *e);
void lock_release(int lock);

/* Who holds it: "pid name", the caller's, or NULL if nobody does or it cannot be read. Takes
 * nothing, writes nothing. */
char *lock_holder(const char *path);

#endif
