/* attempts: the folders of trainings that have not become a version yet, or whose checkpoints
 * are still wanted: <keep>/attempts/NAME/<attempt_key>/step-<8 digits>/.
 *
 * Retention goes by attempt, never by step number or time (T49): a new attempt at step 100 does
 * not age one at step 700, and a clock set back ages none.
 */
#ifndef LORABUILD_CACHE_ATTEMPTS_H
#define LORABUILD_CACHE_ATTEMPTS_H

#include "lorabuild/common/digest.h"

struct attempt {
    struct digest key;
    char *folder;
    int64_t step; /* newest complete checkpoint; 0 = none */
};

/* Ascending by key; a missing folder gives none. Names that are no key are left alone. */
bool attempts_list(const char *keep, const char *name, struct attempt **attempts, size_t *count,
                   struct error *e);
void attempts_free(struct attempt *attempts, size_t count);

/* Removes an attempt whole: it is renamed first, so that no half of it is ever taken for one.
 * One that a running training holds by flock (on the folder, or on `lock` in it) is left, and
 * *busy says so. A missing one is success. */
bool attempt_remove(const char *keep, const char *name, struct digest key, bool *busy,
                    struct error *e);

/* Removes all attempts that `wanted` (sealed) does not name; busy ones stay. */
bool attempts_keep_only(const char *keep, const char *name, const struct digest_set *wanted,
                        struct error *e);

#endif
