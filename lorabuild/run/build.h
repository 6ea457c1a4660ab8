/* build: plans turned into versions: measures, starts children, commits, and tells a listener.
 *
 * Jobs run in the order of the rules (parents first), at most `jobs` at once; a job whose parent
 * is being built waits for it and is planned again then. Each holds the lock of its adapter, and
 * its share of this machine's memory and processors (reservations.h) while its child runs; for
 * neither does this process ever block, so that the trainings that run are always attended to.
 * Only this process writes stores and commits.
 *
 *   build.c      what is to be done: plans, measures
 *   build_run.c  doing it: locks, shares, children, commits
 */
#ifndef LORABUILD_RUN_BUILD_H
#define LORABUILD_RUN_BUILD_H

#include "lorabuild/run/child.h"
#include "lorabuild/run/reservations.h"
#include "lorabuild/run/target.h"

#include <signal.h>

struct build_options {
    int jobs, threads;
    uint64_t memory_bytes;                    /* --memory; 0 = what is free */
    bool keep_going;                          /* -k: other adapters go on after a failure */
    const volatile sig_atomic_t *interrupted; /* counts Ctrl-C: 1 saves and stops, 2 kills */
    struct timeline *timeline;                /* --trace; may be NULL */
};

enum job_state {
    JOB_WAITING, /* for its parent, its turn, or its adapter's lock */
    JOB_QUEUED,  /* has the lock and is planned; waits for memory and processors */
    JOB_RUNNING,
    JOB_DONE,
    JOB_FAILED,
    JOB_STOPPED, /* by Ctrl-C; what was learned is saved */
    JOB_SKIPPED  /* never begun: `error` says why */
};

struct build_job {
    int adapter;
    struct target *target;
    enum job_state state;
    int64_t steps, steps_in_full, resumed_at, last_step, saved_step;
    double flop, flop_in_full, estimate_s, estimate_in_full_s;
    uint64_t needed_bytes, least_bytes;
    uint64_t available_bytes;                       /* planned with; once it runs: granted */
    uint64_t save_bytes, version_bytes, disk_bytes; /* the last: needed, on the fuller disk */
    uint64_t peak_bytes;                            /* that its child really held; 0 = unknown */
    int threads;
    json_t *notes; /* of measuring: texts too long, … */
    char precision[8];
    char *attempt; /* its folder */
    struct digest attempt_key;
    struct digest measured; /* the key of the plan that was measured: not done twice */
    bool in_full;           /* …and it was found to be cheaper in full */
    struct child child;
    struct reservation share;
    int lock;
    bool told_waiting;
    double noted_s, waiting_s; /* when the lock's record was last written; when waiting began */
    double started_s, train_seconds, total_seconds;
    int version, start;                             /* as planned when it was started */
    bool passed, checked;                           /* the check after training */
    double held_out_before, held_out_after, change; /* NaN = none */
    struct error error;
    struct build *build;
};

/* For what a job waits, and whom. */
struct build_wait {
    enum { WAIT_LOCK, WAIT_TURN, WAIT_MEMORY, WAIT_THREADS } why;
    long process; /* 0 = not known */
    char name[256];
    uint64_t needed_bytes, free_bytes, held_bytes;
    int held_threads;
};

struct build_listener {
    void *context;
    void (*planned)(void *context, struct build_job *jobs, size_t count);
    void (*started)(void *context, struct build_job *job);
    void (*progress)(void *context, struct build_job *job, double loss, double tokens_per_s,
                     double seconds_left);
    void (*trained)(void *context, struct build_job *job);
    void (*ready)(void *context, struct build_job *job); /* committed, or taken into use */
    void (*ended)(void *context, struct build_job *job); /* failed, stopped or skipped */
    void (*waiting)(void *context, struct build_job *job, const struct build_wait *wait); /* once */
    void (*current)(void *context, struct build_job *job); /* built meanwhile by another */
    void (*note)(void *context, struct build_job *job, const char *text);
};

struct build {
    struct workshop *workshop;
    struct build_options options;
    struct build_listener listener;
    struct build_job *jobs;
    size_t job_count;
    struct build_job *unplanned; /* -k: those whose planning failed, or whose parent's did */
    size_t unplanned_count;
};

/* Plans the asked adapters and what they need. Adapters with nothing to do get no job; their
 * target holds the verdict. PLAN_VANISHED, PLAN_EMPTY, and what can never fit into memory or on
 * the disk, are errors. With keep_going an error is told to the listener (ended) instead, and
 * only that adapter and those that stand on it are left out. */
bool build_plan(struct build *b, struct workshop *w, const struct build_options *o,
                const struct build_listener *l, struct error *e);
/* Runs the jobs. false if one failed, now or in planning (each told to the listener), or it was
 * interrupted. */
bool build_run(struct build *b, struct error *e);
void build_free(struct build *b);

/* An asked adapter for which nothing is to be done: current, or built before and set aside. */
bool build_is_idle(const struct build *b, int adapter);
/* How many ended so, planning included. */
size_t build_count(const struct build *b, enum job_state state);

#endif
