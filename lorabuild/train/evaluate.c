#include "lorabuild/train/evaluate.h"

#include "lorabuild/train/adapter.h"
#include "lorabuild/train/order.h"
#include "lorabuild/train/step.h"
#include "lorabuild/train/trainer.h"

#include <math.h>
#include <stdlib.h>

#define MOST_TOKENS 2048 /* in a batch; a longer window goes alone */

/* How many of the windows from `first` on go together. */
static size_t batch_size(const struct windows *w, const uint32_t *sorted, size_t first)
{
    size_t n = 0, tokens = 0;
    while (first + n < w->count) {
        tokens += w->items[sorted[first + n]].count;
        if (n > 0 && tokens > MOST_TOKENS)
            break;
        n++;
    }
    return n;
}

static void summarise(const struct windows *w, const uint32_t *sorted, const double *sums,
                      double *mean, float *window_loss)
{
    double sum = 0, learned = 0;
    for (size_t i = 0; i < w->count; i++) {
        double targets = (double)window_targets(&w->items[sorted[i]]);
        sum += sums[sorted[i]];
        learned += targets;
        if (window_loss)
            window_loss[sorted[i]] = targets > 0 ? (float)(sums[sorted[i]] / targets) : 0.0f;
    }
    *mean = learned > 0 ? sum / learned : (double)NAN;
}

bool evaluate(const struct evaluation *v, double *mean, float *window_loss, bool *stopped,
              struct error *e)
{
    const struct recipe any = {.batch_size = 1, .accumulation = 1};
    const struct windows *w = v->windows;
    double *sums = mem_array(w->count, sizeof *sums);
    struct order order;
    bool ok = true, stop = false;
    order_init(&order, w, &any);
    tape_record(v->tape, false);
    for (size_t first = 0; ok && first < w->count;) {
        size_t n = batch_size(w, order.sorted, first);
        stop = v->should_stop && v->should_stop(v->context);
        if (stop)
            break;
        ok = step_losses(v->model, v->tape, w, order.sorted + first, n, sums, e);
        first += n;
    }
    if (ok && !stop)
        summarise(w, order.sorted, sums, mean, window_loss);
    if (stopped)
        *stopped = stop;
    order_free(&order);
    free(sums);
    return ok;
}

/* ---- with adapters put on first ---- */

bool training_evaluate(struct model *m, struct backend *b, const struct windows *w,
                       const struct peft_adapter *parent, const struct peft_adapter *adapter,
                       double *mean, float *window_loss, struct error *e)
{
    const struct peft_adapter *adapters[2] = {parent, adapter};
    struct lora_set sets[2];
    int attached = 0;
    bool ok = true;
    for (int i = 0; ok && i < 2; i++) {
        if (!adapters[i])
            continue;
        ok = adapter_frozen(&sets[attached], m, adapters[i], e);
        if (ok)
            lora_attach(&sets[attached++]);
    }
    if (ok) {
        struct tape *tape = tape_open(b);
        struct evaluation v = {.model = m, .tape = tape, .windows = w};
        ok = evaluate(&v, mean, window_loss, NULL, e);
        tape_close(tape);
    }
    while (attached > 0) {
        lora_detach(&sets[--attached]);
        lora_free(&sets[attached]);
    }
    return ok;
}
