/* doctor_parts: what the files of doctor share; nobody else includes it. */
#ifndef LORABUILD_RUN_DOCTOR_PARTS_H
#define LORABUILD_RUN_DOCTOR_PARTS_H

#include "lorabuild/run/doctor.h"

/* Both texts become the list's. `remedy` NULL: it is well. */
void finding_add(struct findings *f, const char *check, enum finding_state state, char *fact,
                 char *remedy);

/* Bytes that this process may still use: what is free, or what its control group leaves. */
uint64_t doctor_free_memory(uint64_t *limit); /* *limit: of the group; 0 = none */

#endif
