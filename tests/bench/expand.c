/* expand [MEGANUMBERS]: how fast stored numbers are expanded, beside copying memory.
 *
 * One thread; for each type the bytes of f32 (and of bf16, a row at a time, as panels are made)
 * that are written a second, and the share of it in what memcpy() writes. Others use the machine
 * too: the thread's own time counts, types take turns, and the best turn is shown. */
#include "lorabuild/common/memory.h"
#include "lorabuild/tensor/cpu/loops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROW = 4096, TURNS = 9 };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct run {
    const uint8_t *from;
    float *to, *copied;
    size_t rows;
};

static double copy(const struct run *r)
{
    double start = seconds();
    memcpy(r->to, r->copied, r->rows * ROW * sizeof(float));
    return seconds() - start;
}

static double expand(const struct run *r, enum dtype type, bool narrow)
{
    const struct loops *loops = loops_choose();
    float row[ROW];
    size_t stride = 0;
    dtype_bytes(type, ROW, &stride);
    double start = seconds();
    for (size_t i = 0; i < r->rows; i++) {
        dtype_to_f32(type, r->from + i * stride, narrow ? row : r->to + i * ROW, ROW);
        if (narrow)
            loops->to_bf16((uint16_t *)r->to + i * ROW, row, ROW);
    }
    return seconds() - start;
}

static void keep_least(double *least, double time)
{
    if (*least == 0 || time < *least)
        *least = time;
}

int main(int argc, char **argv)
{
    size_t numbers = (size_t)(argc > 1 ? atoi(argv[1]) : 16) << 20, bytes = numbers * sizeof(float);
    uint8_t *from = mem_alloc(bytes);
    struct run r = {from, mem_alloc(bytes), mem_alloc(bytes), numbers / ROW};
    double copied = 0, wide[DTYPE_COUNT] = {0}, narrow[DTYPE_COUNT] = {0};
    for (size_t i = 0; i < bytes; i++) /* scales of every type stay small */
        from[i] = (uint8_t)(i % 2 ? 0x30 + i % 7 : i * 37);
    memset(r.to, 1, bytes);
    memset(r.copied, 1, bytes);
    for (int turn = 0; turn < TURNS; turn++)
        for (int type = 0; type < DTYPE_COUNT; type++) {
            keep_least(&copied, copy(&r));
            keep_least(&wide[type], expand(&r, (enum dtype)type, false));
            keep_least(&narrow[type], expand(&r, (enum dtype)type, true));
        }
    double speed = (double)bytes / copied;
    printf("  memcpy  %6.2f GB/s\n", speed / 1e9);
    for (int type = 0; type < DTYPE_COUNT; type++) {
        double f32 = (double)bytes / wide[type], bf16 = (double)bytes / 2 / narrow[type];
        printf("  %-7s %6.2f GB/s of f32, %.2f of memcpy; %6.2f GB/s of bf16, %.2f\n",
               dtype_name((enum dtype)type), f32 / 1e9, f32 / speed, bf16 / 1e9, bf16 / speed);
    }
    free(from);
    free(r.to);
    free(r.copied);
}
