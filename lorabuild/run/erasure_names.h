/* erasure_names: the names of forgotten documents in what tells of versions that stay. These have
 * learned nothing of them, but their reports list what lay in the folders, and their records what
 * was withdrawn. */
#ifndef LORABUILD_RUN_ERASURE_NAMES_H
#define LORABUILD_RUN_ERASURE_NAMES_H

#include "lorabuild/run/erasure.h"

/* Does the report in a version's folder name the document? One that cannot be read may. */
bool erasure_report_names(const char *version_folder, const char *document);
/* The reports of the adapter's list, and the names in its records of versions (`keep`: its
 * scope's). May be repeated. */
bool erasure_names(const struct erasure *x, const struct erasure_adapter *a, const char *keep,
                   struct error *e);

#endif
