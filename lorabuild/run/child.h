/* child: a stage in a process of its own: /proc/self/exe --stage KIND, the plan on its standard
 * input, events on its descriptor 3 (stages/stage.h). It is killed when its parent dies. */
#ifndef LORABUILD_RUN_CHILD_H
#define LORABUILD_RUN_CHILD_H

#include "lorabuild/common/error.h"
#include "lorabuild/common/json.h"
#include "lorabuild/run/timeline.h"

#include <signal.h>
#include <sys/types.h>

struct child {
    pid_t pid;
    int events;           /* descriptor to read from; -1 once it has ended */
    struct strbuf buffer; /* bytes of a line not yet complete */
    bool greeted;
    json_t *done;              /* its last word, or NULL */
    struct error failure;      /* kind ERROR_NONE = it did not fail */
    struct timeline *timeline; /* its spans go there; set after child_start(); NULL = nowhere */
    const char *lane;
};

/* Takes the plan; adds "protocol". `threads` is set in its environment before it starts. */
bool child_start(struct child *c, const char *kind, json_t *plan, int threads, struct error *e);

/* Reads what there is; calls on_event for each progress event. false once it has ended; then
 * done or failure is filled in. Blocks only as long as `events` is not readable. */
bool child_read(struct child *c, void (*on_event)(void *context, const json_t *event),
                void *context);
void child_stop(struct child *c); /* asks it to save and end */
void child_free(struct child *c);

/* Start and wait in one; returns its last word (the caller's), or NULL and an error. It is asked
 * to stop once *interrupted is not 0 (NULL: never). */
json_t *child_run(const char *kind, json_t *plan, int threads,
                  const volatile sig_atomic_t *interrupted, struct error *e);
/* The same, and it is seen in a timeline (NULL: in none). */
json_t *child_run_seen(const char *kind, json_t *plan, int threads,
                       const volatile sig_atomic_t *interrupted, struct timeline *timeline,
                       const char *lane, struct error *e);

#endif
