/* build_parts: what the two files of build share; nobody else includes it. */
#ifndef LORABUILD_RUN_BUILD_PARTS_H
#define LORABUILD_RUN_BUILD_PARTS_H

#include "lorabuild/run/build.h"
#include "lorabuild/run/disk.h"

/* Paths and estimates of a job, from its plan; checks that it can ever fit. */
bool build_prepare(struct build *b, struct build_job *job, struct error *e);
struct disk_need build_disk_need(const struct build_job *job);
/* Nine tenths of what is available now. */
uint64_t build_free_bytes(void);

#endif
