#include "lorabuild/common/threads.h"

#ifdef LORABUILD_PTHREADS

#include "lorabuild/common/memory.h"

#include <pthread.h>
#include <stdlib.h>

static int configured = 1;

void threads_set(int count)
{
    configured = count < 1 ? 1 : count;
}

int threads_count(void)
{
    return configured;
}

struct range {
    threads_body *body;
    void *context;
    size_t begin, end;
};

static void *run_range(void *argument)
{
    struct range *r = argument;
    r->body(r->context, r->begin, r->end);
    return NULL;
}

void threads_for(size_t n, size_t grain, threads_body *body, void *context)
{
    size_t grains = grain ? (n + grain - 1) / grain : 0;
    size_t count = grains < (size_t)configured ? grains : (size_t)configured;
    if (count <= 1) {
        if (n)
            body(context, 0, n);
        return;
    }
    struct range *ranges = mem_array(count, sizeof *ranges);
    pthread_t *threads = mem_array(count, sizeof *threads);
    for (size_t i = 0; i < count; i++) {
        size_t end = grains * (i + 1) / count * grain;
        ranges[i] = (struct range){body, context, grains * i / count * grain, end < n ? end : n};
        if (i > 0 && pthread_create(&threads[i], NULL, run_range, &ranges[i]) != 0)
            abort();
    }
    run_range(&ranges[0]);
    for (size_t i = 1; i < count; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    free(ranges);
}

#else

#include <omp.h>
#include <stdatomic.h>

void threads_set(int count)
{
    omp_set_dynamic(0);
    omp_set_num_threads(count < 1 ? 1 : count);
}

int threads_count(void)
{
    return omp_get_max_threads();
}

void threads_for(size_t n, size_t grain, threads_body *body, void *context)
{
    size_t grains = grain ? (n + grain - 1) / grain : 0;
    if (grains <= 1 || omp_get_max_threads() == 1 || omp_in_parallel()) {
        if (n)
            body(context, 0, n);
        return;
    }
    atomic_size_t next = 0; /* taken piece by piece: a thread that is held up holds up less */
#pragma omp parallel
    {
        size_t step = grains / (4 * (size_t)omp_get_num_threads());
        step = step ? step : 1;
        for (size_t at; (at = atomic_fetch_add(&next, step)) < grains;) {
            size_t end = (at + step) * grain;
            body(context, at * grain, end < n ? end : n);
        }
    }
}

#endif
