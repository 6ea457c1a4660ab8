/* store_folder: the folder in which a project keeps its stores.
 *
 * .lorabuild beside the rule file; or, where LORABUILD_STORE names a folder, one beneath it for
 * each project, so that two projects (whose clients may bear the same names) never meet:
 * $LORABUILD_STORE/<last part of the project's path>-<16 digits of the path's digest>.
 *
 * The file `project` in it says whose it is: path, inode and time of birth of the project's
 * folder. A project that was moved or renamed on its file system keeps inode and birth, so its
 * folder is found by them, and renamed. A copy has others and begins with an empty store; so does
 * a project moved to another file system, or where files have no time of birth. That costs one
 * reading of all texts, no training.
 */
#ifndef LORABUILD_RUN_STORE_FOLDER_H
#define LORABUILD_RUN_STORE_FOLDER_H

#include "lorabuild/common/error.h"

/* The folder for the project at `root`; absolute, it need not exist. `look`: rename nothing.
 * *apart: it lies under LORABUILD_STORE. Caller frees. */
char *store_folder(const char *root, bool look, bool *apart);
/* Makes a folder under LORABUILD_STORE, as open to others as the project's, and marks it. */
bool store_folder_make(const char *folder, const char *root, struct error *e);
/* For `doctor`: the project's path that the mark in `folder` names, or NULL. Caller frees. */
char *store_folder_owner(const char *folder);

#endif
