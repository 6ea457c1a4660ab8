/* sandbox: what a child may touch from now on: the given paths (Landlock), and no network
 * (seccomp). A kernel without Landlock is accepted: the walls between clients do not depend on
 * it, it is a second one.
 */
#ifndef LORABUILD_STAGES_SANDBOX_H
#define LORABUILD_STAGES_SANDBOX_H

#include "lorabuild/common/error.h"

struct sandbox_path {
    const char *path; /* a file that is written lets its folder be written */
    bool write;
};

/* For the whole process, for good. Paths that do not exist are left out. Libraries, /proc and
 * /sys stay readable. */
bool sandbox_enter(const struct sandbox_path *paths, size_t count, struct error *e);

#endif
