/* file_copy: plain files and folders copied, for where they cannot be renamed or linked.
 *
 * A copy is durable when the function returns; on failure what was written of it is removed.
 */
#ifndef LORABUILD_COMMON_FILE_COPY_H
#define LORABUILD_COMMON_FILE_COPY_H

#include "lorabuild/common/error.h"

/* `to` must not exist; its permissions are those of a new file. */
bool file_copy(const char *from, const char *to, struct error *e);
/* With all beneath; links and devices are refused. `to` must not exist. */
bool folder_copy(const char *from, const char *to, struct error *e);

#endif
