/* private_texts: texts that are read as for training and not kept.
 *
 * They are copied into a folder of their own in $TMPDIR (or /tmp) that nobody else may enter, cut
 * there by the reading stage in its sandbox, and removed by private_texts_free().
 */
#ifndef LORABUILD_RUN_PRIVATE_TEXTS_H
#define LORABUILD_RUN_PRIVATE_TEXTS_H

#include "lorabuild/data/seal.h"

struct private_texts {
    char *folder;
    struct dataset data; /* with text; each file in a numbered folder of its own */
};

/* Files, and folders that hold such. A file that cannot be read is an error. What was begun is
 * removed by private_texts_free() on failure too. */
bool private_texts_read(struct private_texts *p, const char *const *paths, size_t count,
                        int threads, struct error *e);
void private_texts_free(struct private_texts *p);

#endif
