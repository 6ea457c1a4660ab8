#include "lorabuild/train/gate.h"

#include "lorabuild/common/memory.h"
#include "lorabuild/common/random.h"

#include <stdlib.h>

enum { DRAWS = 2000 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double resampled_change(const float *before, const float *after, size_t count,
                               struct random r)
{
    double old = 0, new = 0;
    for (size_t i = 0; i < count; i++) {
        size_t pick = (size_t)random_below(r, i, count);
        old += before[pick];
        new += after[pick];
    }
    return old > 0 ? new / old - 1 : 0;
}

struct gate gate_check(const float *before, const float *after, size_t count, double limit)
{
    struct gate g = {0};
    if (!count)
        return g;
    double old = 0, new = 0, *changes = mem_array(DRAWS, sizeof *changes);
    for (size_t i = 0; i < count; i++) {
        old += before[i];
        new += after[i];
    }
    g.change = old > 0 ? new / old - 1 : 0;
    for (uint32_t i = 0; i < DRAWS; i++)
        changes[i] =
            resampled_change(before, after, count, (struct random){1, random_purpose("gate"), i});
    qsort(changes, DRAWS, sizeof *changes, by_value);
    g.least = changes[DRAWS / 20];
    g.failed = g.least > limit;
    free(changes);
    return g;
}
