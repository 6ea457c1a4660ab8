/* threads: loops split over the processors, with the same bits whatever their number.
 *
 * threads_for() calls `body(context, begin, end)` on ranges that together cover 0 … n-1. Which
 * thread takes which range is not fixed; therefore a body may write only what belongs to its
 * own indices, and a sum over indices is made afterwards in index order. The team is
 * OpenMP's, the one oneDNN uses, so that there is one team of threads and not two; built with
 * -DLORABUILD_PTHREADS (for ThreadSanitizer, which does not know libgomp) it is plain pthreads.
 */
#ifndef LORABUILD_COMMON_THREADS_H
#define LORABUILD_COMMON_THREADS_H

#include <stddef.h>

typedef void threads_body(void *context, size_t begin, size_t end);

/* Threads used by this process from now on. Called once, by main(). */
void threads_set(int count);
int threads_count(void);

/* Ranges are multiples of `grain` (but the last); a loop of one grain runs on the caller. */
void threads_for(size_t n, size_t grain, threads_body *body, void *context);

#endif
