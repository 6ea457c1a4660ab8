/* clock: seconds that only go forward, for durations, and the day; never part of a result. */
#ifndef LORABUILD_COMMON_CLOCK_H
#define LORABUILD_COMMON_CLOCK_H

#include <time.h>

double clock_seconds(void);
/* "2026-11-24", as the local clock has it; returns `day`. */
const char *clock_day(time_t when, char day[static 11]);

#endif
