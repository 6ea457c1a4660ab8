/* retention: which versions of an adapter are worth their disk. Pure.
 *
 * Kept are, for this reason in this order: the version in use; pinned ones (a rule names it, or a
 * version that is kept was built on it); the one that the next build would start from or go back
 * to; the newest; and of those one version ago, two or three, four to seven, eight to fifteen, …
 * one each. Which one of those is told by its number, so that what is kept today is what would
 * have been kept had gc run every day: the one that can be halved most often (of v4 … v7: v4).
 * Of the oldest of these ages, as long as it is not complete, only a number that will stay counts.
 * The number of versions kept grows with the logarithm of those built.
 */
#ifndef LORABUILD_PLAN_RETENTION_H
#define LORABUILD_PLAN_RETENTION_H

#include <stdbool.h>
#include <stddef.h>

enum retention {
    RETAIN_NOT,
    RETAIN_IN_USE,
    RETAIN_PINNED,
    RETAIN_START,
    RETAIN_NEWEST,
    RETAIN_AGE
};

struct retention_version {
    int number;
    bool in_use, pinned, start;
    enum retention reason; /* out */
};

/* Rising by number. */
void retention_choose(struct retention_version *versions, size_t count);

#endif
