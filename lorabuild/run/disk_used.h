/* disk_used: what a project takes up: its adapters' folders and its stores, not what it reads. */
#ifndef LORABUILD_RUN_DISK_USED_H
#define LORABUILD_RUN_DISK_USED_H

#include "lorabuild/run/project.h"

/* Bytes on the disk. What cannot be looked at counts as nothing. */
uint64_t disk_used(const struct project *p);

#endif
