#include "lorabuild/plan/retention.h"

/* 0 for the newest, 1 for one version ago, 2 for two or three, 3 for four to seven, … */
static int age_class(int age)
{
    int class = 0;
    for (; age > 0; age /= 2)
        class ++;
    return class;
}

static int halvings(int number)
{
    int n = 0;
    for (; number > 0 && number % 2 == 0; number /= 2)
        n++;
    return n;
}

static enum retention named_reason(const struct retention_version *v)
{
    return v->in_use   ? RETAIN_IN_USE
           : v->pinned ? RETAIN_PINNED
           : v->start  ? RETAIN_START
                       : RETAIN_NOT;
}

void retention_choose(struct retention_version *versions, size_t count)
{
    int newest = count ? versions[count - 1].number : 0;
    size_t begin = 0;
    while (begin < count) {
        int class = age_class(newest - versions[begin].number);
        size_t end = begin, best = begin;
        for (; end < count && age_class(newest - versions[end].number) == class; end++) {
            versions[end].reason = named_reason(&versions[end]);
            if (halvings(versions[end].number) >= halvings(versions[best].number))
                best = end;
        }
        /* The oldest class may hold too few yet to have the number that will stay. */
        bool whole = newest >= 1 << class;
        bool stays = whole || class == 0 || halvings(versions[best].number) >= class - 1;
        if (stays && versions[best].reason == RETAIN_NOT)
            versions[best].reason = class == 0 ? RETAIN_NEWEST : RETAIN_AGE;
        begin = end;
    }
}
