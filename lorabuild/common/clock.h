/* clock: seconds that only go forward, for durations; never part of a result. */
#ifndef LORABUILD_COMMON_CLOCK_H
#define LORABUILD_COMMON_CLOCK_H

double clock_seconds(void);

#endif
