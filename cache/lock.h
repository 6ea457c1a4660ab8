/* lock: one builder at a time, by flock on a held descriptor: it dies with its process, so it
 * never goes stale. The file tells who holds it and what that process is doing; it is never
 * removed. Its bytes, always LOCK_RECORD of them and written at once, blanks at the end:
 *
 *   4242 text-a          process and name
 *   81723                when that process was started (/proc/PID/stat, field 22)
 *   step 40 of 128       what it is doing; may be empty
 *
 * Looking takes no lock, so it can neither delay nor fail a builder, and needs only the right to
 * read: the record counts if its process is still the one that wrote it.
 */
#ifndef LORABUILD_CACHE_LOCK_H
#define LORABUILD_CACHE_LOCK_H

#include "lorabuild/common/error.h"

#define LOCK_RECORD 512

/* Takes the lock, waiting; before it waits it calls `waiting(context, holder)` once, with what
 * the holder wrote. Returns a descriptor (CLOEXEC), or -1. `wait` false: -1 with kind ERROR_NONE
 * when it is taken. */
int lock_take(const char *path, const char *what, bool wait,
              void (*waiting)(void *context, const char *holder), void *context, struct error *e);
/* What its holder is doing now; a failing write is no error. */
void lock_note(int lock, const char *what, const char *doing);
void lock_release(int lock);

struct lock_holder {
    long process;
    char name[256], doing[160]; /* fit for showing */
};

/* Who holds it; false if nobody does or it cannot be read. Takes nothing, writes nothing. */
bool lock_look(const char *path, struct lock_holder *h);

#endif
