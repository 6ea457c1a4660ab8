/* files: is a version's folder as it was built? By the digests of its manifest; changes nothing. */
#ifndef LORABUILD_RUN_FILES_H
#define LORABUILD_RUN_FILES_H

#include "cache/lineage.h"

enum file_state { FILE_INTACT, FILE_MISSING, FILE_EDITED, FILE_UNKNOWN };

struct file_finding {
    char *name; /* within the version's folder */
    enum file_state state;
};
struct file_findings {
    struct file_finding *items;
    size_t count;
};

/* One file against size, XXH3-128 and, where `all_digests`, SHA-256 of the manifest. */
bool files_check_one(const struct version *v, const char *name, bool all_digests,
                     enum file_state *state, struct error *e);
/* Every file of the manifest that is not intact, then those that it does not know (folders of
 * `alone/` included), sorted by name. */
bool files_check(struct file_findings *f, const struct version *v, bool all_digests,
                 struct error *e);
void files_free(struct file_findings *f);

#endif
