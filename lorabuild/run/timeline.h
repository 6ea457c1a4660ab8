/* timeline: where the time of a run went, for --trace FILE.
 *
 * Spans of this process and of its children (which tell theirs as events; all read the same
 * clock) are gathered and written once at the end, as a JSON array in the Trace Event Format that
 * chrome://tracing and Perfetto load: complete events ("ph":"X", microseconds) and the names of
 * processes and lanes ("ph":"M"). A lane is what one line shows: an adapter, a dataset.
 */
#ifndef LORABUILD_RUN_TIMELINE_H
#define LORABUILD_RUN_TIMELINE_H

#include "lorabuild/common/error.h"

#include <stddef.h>

struct timeline_span {
    char *name, *lane;
    long process;
    double begin_s, end_s; /* clock_seconds() */
};

struct timeline {
    double begin_s;
    struct timeline_span *spans;
    size_t count;
};

void timeline_begin(struct timeline *t);
/* From begin_s until now, in this process. `t` NULL: nothing is wanted. */
void timeline_add(struct timeline *t, const char *name, const char *lane, double begin_s);
void timeline_add_child(struct timeline *t, const char *name, const char *lane, long process,
                        double begin_s, double end_s);
bool timeline_write(const struct timeline *t, const char *path, struct error *e);
void timeline_free(struct timeline *t);

#endif
