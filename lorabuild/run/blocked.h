/* blocked: adapters/NAME/blocked follows what is wanted.
 *
 * The file says which versions learned something that is no longer wanted, since when, and what
 * (docs/formats-cache.md). It is derived: plan.starts tells which versions are exposed. What comes
 * back is taken out again. So that a build with nothing to do need not open any list, the key of
 * what was wanted when the file was last brought up to date is remembered in keep/.
 */
#ifndef LORABUILD_RUN_BLOCKED_H
#define LORABUILD_RUN_BLOCKED_H

#include "lorabuild/run/target.h"

/* After a whole plan of `t`. Documents that are missing so that a user must be asked block nothing
 * yet. */
bool blocked_update(const struct target *t, struct error *e);
/* Does the file say what is so when `want_key` is wanted? */
bool blocked_is_judged(const struct target *t, struct digest want_key);

#endif
