/* pool: buffers of a backend, kept for the next taker.
 *
 * Sizes are rounded up to classes, eight for each power of two. A request takes the best
 * fitting free buffer; before the pool grows past its peak with more than an eighth of it free,
 * free buffers are given back to the backend, so that changing shapes do not pile up.
 */
#ifndef LORABUILD_TENSOR_POOL_H
#define LORABUILD_TENSOR_POOL_H

#include "lorabuild/tensor/backend.h"

#define POOL_CLASSES 512

struct pool_buffer;
struct pool {
    struct backend *backend;
    struct pool_buffer *free[POOL_CLASSES];
    struct pool_buffer *names; /* unused list entries */
    size_t held_bytes, free_bytes, peak_bytes;
};

void pool_open(struct pool *p, struct backend *b);
void pool_close(struct pool *p); /* all buffers must have been given back */
/* `bytes` becomes what the buffer really has; pass that to pool_give(). NULL and an error. */
void *pool_take(struct pool *p, size_t *bytes, struct error *e);
void pool_give(struct pool *p, void *buffer, size_t bytes);

#endif
