#include "lorabuild/train/step.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int64_t window_targets(const struct window *w)
{
    int64_t n = 0;
    for (uint32_t i = 1; i < w->count; i++)
        n += w->learned[i];
    return n;
}

static struct model_input input_of(const struct batch *b)
{
    return (struct model_input){b->ids, b->positions, b->starts, b->count, b->sequences};
}

/* The first sequence with a learned token whose loss is no number. */
static uint32_t find_bad(const struct batch *b, const float *row_loss, const uint32_t *which)
{
    for (int s = 0; s < b->sequences; s++)
        for (int32_t i = b->starts[s]; i < b->starts[s + 1]; i++)
            if (b->weights[i] > 0 && !isfinite(row_loss[i]))
                return which[s];
    return which[0];
}

static bool run_micro(const struct step *s, const struct batch *b, const uint32_t *which,
                      int64_t total, double *loss_sum, struct step_result *r, struct error *e)
{
    float *row_loss = mem_array((size_t)b->count, sizeof *row_loss);
    double sum = 0;
    struct model_input in = input_of(b);
    struct head_loss h = {model_head(s->model), b->targets, b->weights,
                          1.0 / (double)total,  &sum,       row_loss};
    struct value *x = model_forward(s->model, s->tape, &in, NULL, s->checkpoint_layers, e);
    bool ok = x && op_head_loss(s->tape, x, &h, e);
    if (ok && !isfinite(sum)) {
        r->finite = false;
        r->bad_window = find_bad(b, row_loss, which);
    } else if (ok) {
        ok = tape_backward(s->tape, e);
    }
    *loss_sum += sum;
    tape_reset(s->tape);
    free(row_loss);
    return ok;
}

static bool run_all(const struct step *s, const struct batch *batches, size_t count,
                    struct step_result *r, struct error *e)
{
    double sum = 0;
    for (size_t i = 0; i < count && r->finite; i++) {
        if (s->should_stop && s->should_stop(s->context)) {
            r->stopped = true;
            return true;
        }
        if (batches[i].learned == 0)
            continue;
        for (size_t p = 0; p < s->set->count; p++)
            s->set->pairs[p].dropout_step = s->dropout_step + (uint32_t)i;
        if (!run_micro(s, &batches[i], s->which + i * s->micro, r->learned, &sum, r, e))
            return false;
    }
    r->loss = r->learned ? sum / (double)r->learned : 0;
    return true;
}

bool step_gradients(const struct step *s, struct step_result *r, struct error *e)
{
    size_t count = (s->count + s->micro - 1) / s->micro;
    struct batch *batches = mem_array(count, sizeof *batches);
    *r = (struct step_result){.finite = true};
    for (size_t i = 0; i < count; i++) {
        size_t first = i * s->micro, left = s->count - first;
        batch_pack(&batches[i], s->windows, s->which + first, left < s->micro ? left : s->micro);
        r->learned += batches[i].learned;
        r->tokens += batches[i].count;
    }
    memset(s->set->gradients, 0, s->set->number_count * sizeof *s->set->gradients);
    tape_record(s->tape, true);
    bool ok = run_all(s, batches, count, r, e);
    for (size_t i = 0; i < count; i++)
        batch_free(&batches[i]);
    free(batches);
    return ok;
}

bool step_losses(struct model *m, struct tape *t, const struct windows *w, const uint32_t *which,
                 size_t n, double *sums, struct error *e)
{
    struct batch b;
    batch_pack(&b, w, which, n);
    float *row_loss = mem_array((size_t)b.count, sizeof *row_loss);
    double sum = 0;
    bool ok = true;
    if (b.learned > 0) {
        struct model_input in = input_of(&b);
        struct head_loss h = {model_head(m), b.targets, b.weights, 1.0, &sum, row_loss};
        struct value *x = model_forward(m, t, &in, NULL, false, e);
        ok = x && op_head_loss(t, x, &h, e);
    }
    for (int s = 0; ok && s < b.sequences; s++)
        for (int32_t i = b.starts[s]; i < b.starts[s + 1]; i++)
            if (b.weights[i] > 0)
                sums[which[s]] += (double)row_loss[i];
    tape_reset(t);
    free(row_loss);
    batch_free(&b);
    return ok;
}
