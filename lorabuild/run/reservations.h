/* reservations: who takes how much of this machine's memory and processors, agreed between all
 * lorabuilds of one account on one machine.
 *
 * ${TMPDIR:-/tmp}/lorabuild-UID/ (mode 0700, outside any project, the same for cron and for a
 * terminal) holds one file a training, NNNNNNNN.job, named by its place in the queue and held by
 * flock as long as its process lives: nothing goes stale, whatever kills it. `gate` is locked for
 * the moment in which one looks and decides. A file whose flock is free is removed by whoever
 * sees it. Its bytes, RESERVATION_RECORD of them, blanks at the end:
 *
 *   4242 text-a                       process and name
 *   granted 1288490188 2 4250         state (waiting, granted), bytes, threads, its child's process
 *
 * Order: first come, first served; a later one never overtakes, so a large one does not starve.
 * Memory that counts as free is what the system says is available, less what was granted to
 * others and is not yet in use by their children. Neither amount changes bits: a training gets
 * between the least that it needs and what it would like, and 1 … all of the threads it asks for.
 */
#ifndef LORABUILD_RUN_RESERVATIONS_H
#define LORABUILD_RUN_RESERVATIONS_H

#include "lorabuild/common/error.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RESERVATION_RECORD 512

struct reservation_need {
    uint64_t least_bytes, wanted_bytes;
    int threads; /* as many as it could use */
};

struct reservation_limits {
    uint64_t free_bytes; /* that the machine says are available; others' claims not yet taken off */
    int processors;      /* of the machine */
    uint64_t own_bytes;  /* most for this process's trainings together; 0 = no limit */
    int own_threads;
};

/* What one file tells. */
struct reservation_entry {
    uint64_t place;
    long process;
    bool granted;
    uint64_t bytes, used_bytes; /* granted; of these, what its child holds by now */
    int threads;
    char name[256]; /* fit for showing */
};

enum reservation_state {
    RESERVATION_GRANTED,
    RESERVATION_TURN,    /* another waits longer */
    RESERVATION_MEMORY,  /* too little is free yet */
    RESERVATION_THREADS, /* all processors are taken */
};

/* What it got, or for what, and for whom, it waits. */
struct reservation_answer {
    enum reservation_state state;
    uint64_t bytes; /* granted, or free now */
    int threads;    /* granted, or free now */
    bool has_holder;
    struct reservation_entry holder; /* the largest that is in the way; of another process first */
};

/* The decision alone, from all living entries but one's own: pure, for tests. `own` is this
 * process's number, `place` one's own place. */
void reservation_decide(struct reservation_answer *a, const struct reservation_entry *others,
                        size_t count, uint64_t place, long own, const struct reservation_need *n,
                        const struct reservation_limits *l);

struct reservation {
    int fd; /* -1 = none */
    uint64_t place;
    char *path, *name;
    uint64_t bytes;
    int threads;
};

/* Takes a place in the queue. */
bool reservation_queue(struct reservation *r, const char *name, struct error *e);
/* Is it this one's turn, and is there enough? Never waits; ask again later. */
bool reservation_try(struct reservation *r, const struct reservation_need *n,
                     const struct reservation_limits *l, struct reservation_answer *a,
                     struct error *e);
void reservation_tell_child(struct reservation *r, pid_t child);
void reservation_give_back(struct reservation *r); /* any number of times */

/* Memory that would be free for a training if all others of this account had ended: available
 * memory, and what their children hold. Never fails: without the folder it is `free_bytes`. */
uint64_t reservation_capacity(uint64_t free_bytes);

#endif
