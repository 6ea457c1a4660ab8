/* rebuild: a version and all that it came from, trained again from the sealed samples in a private
 * place, and compared bit by bit with what was recorded: the strongest proof of what is in it.
 *
 * Everything is taken from the manifests (recipe, steps, numerics), the lists of samples and the
 * records; the attempt_key made of these must be the recorded one, or nothing is claimed. Weights
 * that are started from or stood on are the ones just rebuilt, never the stored ones. The private
 * place lies among what is kept for the adapter's client and is removed again.
 */
#ifndef LORABUILD_RUN_REBUILD_H
#define LORABUILD_RUN_REBUILD_H

#include "lorabuild/run/ancestry.h"

#include <signal.h>

struct rebuild_options {
    int threads;
    uint64_t memory_bytes; /* 0 = what is free */
    const volatile sig_atomic_t *interrupted;
    /* Each version when it is done: the first file that differs, or NULL. */
    void (*done)(void *context, const struct ancestor *a, const char *differs, double seconds);
    void *context;
};

/* From the base up; stops at the first version that differs (*same false). false: it cannot be
 * done, and why: another machine, another base model, texts that are not kept any more, … */
bool rebuild_line(struct workshop *w, int adapter, int version, const struct rebuild_options *o,
                  bool *same, struct error *e);

#endif
