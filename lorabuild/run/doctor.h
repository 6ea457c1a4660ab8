/* doctor: is this machine fit to build, and this project's place on it? Looks, changes nothing.
 *
 * Each finding says what was looked at, what was found, and, unless it is well, one remedy.
 * A note costs something but stops nothing; what is unfit would stop a build or spoil it.
 */
#ifndef LORABUILD_RUN_DOCTOR_H
#define LORABUILD_RUN_DOCTOR_H

#include "lorabuild/run/project.h"

enum finding_state { FINDING_WELL, FINDING_NOTE, FINDING_UNFIT };

struct finding {
    const char *check; /* "memory": fixed words, also for --json */
    enum finding_state state;
    char *fact, *remedy; /* remedy NULL where all is well */
};

struct findings {
    struct finding *items;
    size_t count, notes, unfit;
};

/* Processor, speed, threads, memory, walls around children, clock, libraries. */
void doctor_machine(struct findings *f, int threads);
/* Disk, stores, locks, permissions, dates, left-overs and base models of a project, which may be
 * opened read-only. */
void doctor_project(struct findings *f, struct project *p);
void doctor_free(struct findings *f);

#endif
