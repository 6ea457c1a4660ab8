/* commit: an attempt's result made a version.
 *
 * The one moment that counts is the rename of the attempt's folder to vN (lineage_commit). What
 * stands after it (current, archive, history, records) is derived, and the next run repairs it.
 */
#ifndef LORABUILD_RUN_COMMIT_H
#define LORABUILD_RUN_COMMIT_H

#include "lorabuild/run/build.h"

bool commit_version(struct workshop *w, struct build_job *job, struct error *e);
/* The link and CURRENT, and where the seed's users look. */
bool commit_current(const struct target *t, int version, struct error *e);
/* Takes an existing version into use because it is what is wanted: an earlier choice is over. */
bool commit_use(struct workshop *w, struct target *t, int version, struct error *e);

#endif
