/* link: opening what may lie behind links, judged by where it really ends.
 *
 * What ends beneath the root folder may be opened always. A link that ends elsewhere may be
 * followed where walls say so: into the folder of its own client, or into what is shared, but never
 * into anything else beneath the folder that holds all clients.
 */
#ifndef LORABUILD_COMMON_LINK_H
#define LORABUILD_COMMON_LINK_H

#include <stdbool.h>
#include <stddef.h>

struct link_walls {
    const char *own;         /* absolute real folder whose files these are, or NULL */
    const char *clients;     /* the same of what holds the folders of all clients, or NULL */
    const char *const *open; /* the same of all else that may be read */
    size_t open_count;
};

/* Opens `path` beneath the folder `root_fd`; `walls` may be NULL: then nothing may lead out. -1
 * with errno; EXDEV: it ends where it must not. Close-on-exec. */
int link_open(int root_fd, const char *path, int flags, const struct link_walls *walls);

#endif
