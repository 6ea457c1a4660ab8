/* build: plans turned into versions: measures, starts children, commits, and tells a listener.
 *
 * Jobs run in the order of the rules (parents first), at most `jobs` at once; a job whose parent
 * is being built waits for it and is planned again then. Each holds the lock of its adapter.
 * Only this process writes stores and commits.
 */
#ifndef LORABUILD_RUN_BUILD_H
#define LORABUILD_RUN_BUILD_H

#include "lorabuild/run/child.h"
#include "lorabuild/run/target.h"
#include "lorabuild/run/withdrawal.h"

#include <signal.h>

struct build_options {
    int jobs, threads;
    uint64_t memory_bytes;                    /* --memory; 0 = what is free */
    bool keep_going;                          /* -k: other adapters go on after a failure */
    const volatile sig_atomic_t *interrupted; /* counts Ctrl-C: 1 saves and stops, 2 kills */
};

enum job_state { JOB_WAITING, JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_STOPPED, JOB_SKIPPED };

struct build_job {
    int adapter;
    struct target *target;
    enum job_state state;
    int64_t steps, steps_in_full, resumed_at, last_step, saved_step;
    double flop, flop_in_full, estimate_s, estimate_in_full_s;
    uint64_t needed_bytes, available_bytes;
    json_t *notes;                 /* of measuring: texts too long, … */
    struct withdrawal *withdrawal; /* NULL = nothing was withdrawn */
    char precision[8];
    char *attempt; /* its folder */
    struct digest attempt_key;
    struct child child;
    int lock;
    double started_s, train_seconds, total_seconds;
    int version, start;                             /* as planned when it was started */
    bool passed, checked;                           /* the check after training */
    double held_out_before, held_out_after, change; /* NaN = none */
    struct error error;
    struct build *build;
};

struct build_listener {
    void *context;
    void (*planned)(void *context, struct build_job *jobs, size_t count);
    void (*started)(void *context, struct build_job *job);
    void (*progress)(void *context, struct build_job *job, double loss, double tokens_per_s,
                     double seconds_left);
    void (*trained)(void *context, struct build_job *job);
    void (*ready)(void *context, struct build_job *job); /* committed, or taken into use */
    void (*ended)(void *context, struct build_job *job); /* failed or stopped */
    void (*waiting)(void *context, const char *adapter, const char *holder);
    void (*current)(void *context, struct build_job *job); /* built meanwhile by another */
};

struct build {
    struct workshop *workshop;
    struct build_options options;
    struct build_listener listener;
    struct build_job *jobs;
    size_t job_count;
};

/* Plans the asked adapters and what they need. Adapters with nothing to do get no job; their
 * target holds the verdict. What target_is_refused() says is an error. */
bool build_plan(struct build *b, struct workshop *w, const struct build_options *o,
                const struct build_listener *l, struct error *e);
/* Runs the jobs. false if one failed (each told to the listener) or it was interrupted. */
bool build_run(struct build *b, struct error *e);
void build_free(struct build *b);

#endif
