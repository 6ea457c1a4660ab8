/* step MODEL [TOKENS [STEPS [THREADS [PANELS_MIB [checkpoint]]]]]: a training step's speed.
 *
 * LoRA r16 on all linear layers, one sequence of TOKENS random tokens: forward, backward, clipping
 * and AdamW, as the peers do.
 * Prints the median of the steps after the first, the peak memory, and each operation's share. */
#include "lorabuild/common/threads.h"
#include "lorabuild/models/lora.h"
#include "lorabuild/train/optimizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static backend_kernel *kernels[OP_COUNT][PASS_COUNT];
static double spent[OP_COUNT][PASS_COUNT];

static bool timed(struct backend *b, struct op_call *call, enum pass pass, struct error *e)
{
    double start = seconds();
    bool ok = kernels[call->op][pass](b, call, e);
    spent[call->op][pass] += seconds() - start;
    return ok;
}

static bool timed_forward(struct backend *b, struct op_call *call, struct error *e)
{
    return timed(b, call, FORWARD, e);
}

static bool timed_backward(struct backend *b, struct op_call *call, struct error *e)
{
    return timed(b, call, BACKWARD, e);
}

static void measure(struct backend *b)
{
    memcpy(kernels, b->kernel, sizeof kernels);
    for (int op = 0; op < OP_COUNT; op++) {
        b->kernel[op][FORWARD] = kernels[op][FORWARD] ? timed_forward : NULL;
        b->kernel[op][BACKWARD] = kernels[op][BACKWARD] ? timed_backward : NULL;
    }
}

struct setting {
    int32_t tokens;
    int steps;
    bool checkpoint;
};

static bool step(struct model *m, struct tape *t, struct setting s, double *loss, struct error *e)
{
    size_t n = (size_t)s.tokens;
    int32_t *ids = malloc((n + 1) * sizeof *ids), *positions = malloc(n * sizeof *positions);
    int32_t starts[2] = {0, s.tokens};
    float *weights = malloc(n * sizeof *weights);
    for (int32_t i = 0; i <= s.tokens; i++)
        ids[i] = (int32_t)((uint32_t)i * 2654435761u % (uint32_t)model_shape(m)->vocabulary);
    for (int32_t i = 0; i < s.tokens; i++)
        positions[i] = i, weights[i] = 1;
    struct model_input in = {ids, positions, starts, s.tokens, 1};
    struct head_loss h = {.head = model_head(m),
                          .targets = ids + 1,
                          .weights = weights,
                          .grad_scale = 1.0 / s.tokens,
                          .loss_sum = loss};
    *loss = 0;
    tape_record(t, true);
    struct value *x = model_forward(m, t, &in, NULL, s.checkpoint, e);
    bool ok = x && op_head_loss(t, x, &h, e) && tape_backward(t, e);
    tape_reset(t);
    free(ids);
    free(positions);
    free(weights);
    return ok;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const struct model *m, const struct tape *t, struct setting s, double *times,
                   double loss)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    int n = s.steps > 1 ? s.steps - 1 : 1;
    double *from = s.steps > 1 ? times + 1 : times, all = 0;
    qsort(from, (size_t)n, sizeof *from, compare);
    double median = from[n / 2], flop = model_step_flop(m, s.tokens, s.tokens, s.checkpoint);
    printf("%.3f s a step (best %.3f), %.1f tokens/s, %.1f GFLOP/s, loss %.6f\n", median, from[0],
           s.tokens / median, flop / median * 1e-9, loss / s.tokens);
    double cpu = (double)usage.ru_utime.tv_sec + 1e-6 * (double)usage.ru_utime.tv_usec;
    printf("processor time %.2f s a step, all steps together over their number\n", cpu / s.steps);
    printf("peak resident %ld MB, tape %.1f MB, estimate %.1f MB\n", usage.ru_maxrss / 1024,
           (double)tape_peak_bytes(t) / 1048576,
           (double)model_step_bytes(m, s.tokens, 16, s.checkpoint) / 1048576);
    for (int op = 0; op < OP_COUNT; op++)
        all += spent[op][FORWARD] + spent[op][BACKWARD];
    for (int op = 0; op < OP_COUNT; op++)
        if (spent[op][FORWARD] + spent[op][BACKWARD] > 0)
            printf("  %-12s forward %5.1f%%  backward %5.1f%%\n", op_name((enum op)op),
                   100 * spent[op][FORWARD] / all, 100 * spent[op][BACKWARD] / all);
}

static bool run(const char *path, struct setting s, size_t panels, struct error *e)
{
    struct weights *w = weights_open(path, e);
    struct model *m = w ? model_open(w, e) : NULL;
    struct backend *b = m ? cpu_backend_open(COMPUTE_F32, panels, e) : NULL;
    struct lora_set l = {0};
    bool ok = b && lora_create(&l, m, NULL, 0, 16, 32, 0, 0, e);
    struct tape *t = ok ? tape_open(b) : NULL;
    double *times = malloc((size_t)s.steps * sizeof *times), loss = 0;
    struct optimizer optimizer;
    optimizer_init(&optimizer, l.number_count);
    if (ok) {
        measure(b);
        lora_attach(&l);
    }
    for (int i = 0; ok && i < s.steps; i++) {
        double start = seconds();
        memset(l.gradients, 0, l.number_count * sizeof *l.gradients);
        ok = step(m, t, s, &loss, e);
        optimizer_step(&optimizer, l.weights, l.gradients, 1e-4, 0, 1);
        times[i] = seconds() - start;
    }
    if (ok)
        report(m, t, s, times, loss);
    optimizer_free(&optimizer);
    free(times);
    tape_close(t);
    lora_free(&l);
    cpu_backend_close(b);
    model_close(m);
    weights_close(w);
    return ok;
}

int main(int argc, char **argv)
{
    struct error e = {0};
    struct setting s = {.tokens = argc > 2 ? atoi(argv[2]) : 512,
                        .steps = argc > 3 ? atoi(argv[3]) : 3,
                        .checkpoint = argc > 6 && !strcmp(argv[6], "checkpoint")};
    size_t panels = argc > 5 ? (size_t)atoi(argv[5]) << 20 : 0;
    if (argc < 2 || s.tokens < 2 || s.steps < 1) {
        fprintf(stderr, "usage: step MODEL [TOKENS [STEPS [THREADS [PANELS_MIB [checkpoint]]]]]\n");
        return 2;
    }
    threads_set(argc > 4 ? atoi(argv[4]) : 2);
    if (run(argv[1], s, panels, &e))
        return 0;
    fprintf(stderr, "step: %s\n", e.message);
    return 1;
}
