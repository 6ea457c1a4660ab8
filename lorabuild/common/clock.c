#include "lorabuild/common/clock.h"

#include <stdio.h>

double clock_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

const char *clock_day(time_t when, char day[static 11])
{
    struct tm local = {0};
    localtime_r(&when, &local);
    if (strftime(day, 11, "%Y-%m-%d", &local) != 10)
        snprintf(day, 11, "0000-00-00");
    return day;
}
