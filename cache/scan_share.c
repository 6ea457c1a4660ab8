#include "cache/scan_parts.h"
#include "lorabuild/common/threads.h"

#include <pthread.h>
#include <stdatomic.h>

enum { MOST_THREADS = 64 };

struct share {
    atomic_size_t next;
    size_t n;
    void (*body)(void *, size_t);
    void *context;
};

static void *take_shares(void *context)
{
    struct share *s = context;
    for (size_t i; (i = atomic_fetch_add(&s->next, 1)) < s->n;)
        s->body(s->context, i);
    return NULL;
}

void scan_share(size_t n, void (*body)(void *, size_t), void *context)
{
    struct share s = {.n = n, .body = body, .context = context};
    pthread_t threads[MOST_THREADS];
    size_t wanted = (size_t)threads_count(), started = 0;
    wanted = wanted < n ? wanted : n;
    while (started + 1 < wanted && started < MOST_THREADS &&
           pthread_create(&threads[started], NULL, take_shares, &s) == 0)
        started++; /* with fewer it takes longer */
    take_shares(&s);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
}
