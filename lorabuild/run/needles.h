/* needles: digests and names to be found in bytes of any layout.
 *
 * Stores and seals hold digests as 16 bytes and names as they are, so whether a record tells
 * something about a document can be asked without knowing the record's layout, and stays true
 * when a layout changes. 16 bytes that happen to be equal cost a record that can be made again.
 */
#ifndef LORABUILD_RUN_NEEDLES_H
#define LORABUILD_RUN_NEEDLES_H

#include "lorabuild/common/digest.h"

struct needles {
    struct digest_set digests; /* sealed by needles_seal() */
    struct str *names;         /* point to the caller's bytes */
    size_t name_count;
    uint8_t *first; /* a bit for each two bytes that a digest begins with */
};

void needles_add_digests(struct needles *n, const struct digest_set *s);
void needles_add_name(struct needles *n, struct str name);
void needles_seal(struct needles *n);
bool needles_found(const struct needles *n, struct str bytes); /* sealed */
/* Of a whole file. A file that cannot be read holds none. */
bool needles_in_file(const struct needles *n, const char *path);
void needles_free(struct needles *n);

#endif
