#include "lorabuild/train/trainer.h"

#include "lorabuild/common/clock.h"
#include "lorabuild/train/adapter.h"
#include "lorabuild/train/checkpoint.h"
#include "lorabuild/train/evaluate.h"
#include "lorabuild/train/optimizer.h"
#include "lorabuild/train/order.h"
#include "lorabuild/train/schedule.h"
#include "lorabuild/train/step.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAVE_EVERY_S 30.0

struct trainer {
    const struct training *t;
    struct lora_set parent, set;
    bool has_parent, has_set;
    struct tape *tape;
    struct order order;
    struct schedule schedule;
    struct optimizer optimizer;
    struct checkpoint_state state; /* step: finished ones */
    double began_s, saved_s;       /* clock */
    int64_t first_step;            /* of this process */
    int64_t tokens_here;           /* of this process, learned or not */
    bool stopped;
};

static bool wants_stop(const struct trainer *r)
{
    return r->t->should_stop && r->t->should_stop(r->t->context);
}

/* ---- what makes the run, and its state ---- */

static void add_windows(struct digest_stream *s, const struct windows *w)
{
    struct digest_set all = {0};
    for (size_t i = 0; i < w->count; i++)
        digest_set_add(&all, window_digest(&w->items[i]));
    digest_set_seal(&all);
    digest_add_u64(s, w->count);
    digest_add_digest(s, digest_set_digest(&all, "windows"));
    digest_set_free(&all);
}

static struct digest run_digest(const struct training *t)
{
    struct digest_stream *s = digest_begin("training run 1");
    add_windows(s, t->learn);
    add_windows(s, t->validate);
    digest_add_digest(s, recipe_digest(t->recipe));
    digest_add_digest(s, adapter_digest(t->parent));
    digest_add_digest(s, adapter_digest(t->start));
    digest_add_u64(s, (uint64_t)t->steps);
    digest_add_u64(s, (uint64_t)t->rewarm_steps);
    digest_add_u64(s, (uint64_t)t->backend->compute);
    digest_add_text(s, t->backend->name);
    return digest_end(s);
}

#define STATE_TENSORS 3
static void state_tensors(struct trainer *r, struct checkpoint_tensor tensors[STATE_TENSORS])
{
    int64_t count = (int64_t)r->set.number_count;
    tensors[0] = (struct checkpoint_tensor){"lora", r->set.weights, count};
    tensors[1] = (struct checkpoint_tensor){"adam.m", r->optimizer.m, count};
    tensors[2] = (struct checkpoint_tensor){"adam.v", r->optimizer.v, count};
}

static bool save(struct trainer *r, struct error *e)
{
    struct checkpoint_tensor tensors[STATE_TENSORS];
    state_tensors(r, tensors);
    if (!checkpoint_save(r->t->attempt, &r->state, tensors, STATE_TENSORS, e))
        return false;
    r->saved_s = clock_seconds();
    return true;
}

static void consume(struct trainer *r, const struct window *w)
{
    for (uint32_t i = 0; i < w->sample_count; i++)
        digest_set_add(&r->state.consumed, w->samples[i]);
}

/* ---- preparing ---- */

static bool check(const struct training *t, struct error *e)
{
    if (t->recipe->precision == PRECISION_INT8)
        return error_set(e, ERROR_INPUT, "precision: int8 comes later; use auto, f32 or bf16");
    if (t->learn->count == 0 || t->steps <= 0)
        return error_set(e, ERROR_INPUT, "there is nothing to learn: no sample was read");
    return true;
}

static bool prepare(struct trainer *r, struct error *e)
{
    const struct training *t = r->t;
    if (t->parent) {
        if (!adapter_frozen(&r->parent, t->model, t->parent, e))
            return false;
        lora_attach(&r->parent);
        r->has_parent = true;
    }
    if (!adapter_trainable(&r->set, t->model, t->recipe, t->start, e))
        return false;
    lora_attach(&r->set);
    r->has_set = true;
    r->tape = tape_open(t->backend);
    order_init(&r->order, t->learn, t->recipe);
    r->schedule = schedule_make(t->recipe, t->steps, t->rewarm_steps);
    optimizer_init(&r->optimizer, r->set.number_count);
    return true;
}

static void set_dropout(struct trainer *r, double dropout)
{
    for (size_t i = 0; i < r->set.count; i++)
        r->set.pairs[i].dropout = (float)dropout;
}

static bool measure(struct trainer *r, double *mean, float *window_loss, struct error *e)
{
    struct evaluation v = {r->t->model, r->tape, r->t->validate, r->t->should_stop, r->t->context};
    set_dropout(r, 0);
    bool ok = evaluate(&v, mean, window_loss, &r->stopped, e);
    set_dropout(r, r->t->recipe->dropout);
    return ok;
}

/* From the newest save of this run, else from step 0 with the held-out loss before learning. */
static bool begin(struct trainer *r, struct error *e)
{
    struct checkpoint_tensor tensors[STATE_TENSORS];
    struct checkpoint_state *s = &r->state;
    bool found;
    state_tensors(r, tensors);
    s->run = run_digest(r->t);
    if (!checkpoint_load(r->t->attempt, s, tensors, STATE_TENSORS, &found, e))
        return false;
    s->losses = mem_grow(s->losses, (size_t)r->t->steps, sizeof *s->losses);
    r->optimizer.step = r->first_step = s->step;
    if (found)
        return true;
    s->window_count = r->t->validate->count;
    s->window_before = mem_array(s->window_count, sizeof *s->window_before);
    for (size_t i = 0; i < s->window_count; i++)
        consume(r, &r->t->validate->items[i]);
    digest_set_seal(&s->consumed);
    return measure(r, &s->held_out_before, s->window_before, e);
}

/* ---- the loop ---- */

static bool not_finite(const struct trainer *r, uint32_t window, struct error *e)
{
    const struct training *t = r->t;
    uint32_t document = t->learn->items[window].document;
    const char *name = t->document_name ? t->document_name(t->context, document) : NULL;
    if (name)
        return error_set(e, ERROR_INPUT,
                         "the loss is no longer a number at step %" PRId64 ", in %s: try a lower "
                         "learning_rate",
                         r->state.step + 1, name);
    return error_set(e, ERROR_INPUT,
                     "the loss is no longer a number at step %" PRId64 ", in document %" PRIu32
                     ": try a lower learning_rate",
                     r->state.step + 1, document + 1);
}

static void report(const struct trainer *r, double loss)
{
    const struct training *t = r->t;
    double elapsed = clock_seconds() - r->began_s, done = (double)(r->state.step - r->first_step);
    struct training_progress p = {
        .step = r->state.step,
        .steps = t->steps,
        .loss = loss,
        .tokens_per_s = elapsed > 0 ? (double)r->tokens_here / elapsed : 0,
        .seconds_left = elapsed / done * (double)(t->steps - r->state.step),
    };
    if (t->progress)
        t->progress(t->context, &p);
}

/* One optimizer step; a stop inside leaves weights and state as they were. */
static bool take_step(struct trainer *r, struct error *e)
{
    const struct training *t = r->t;
    struct checkpoint_state *s = &r->state;
    struct step step = {.model = t->model,
                        .tape = r->tape,
                        .set = &r->set,
                        .windows = t->learn,
                        .micro = (size_t)t->recipe->batch_size,
                        .dropout_step = (uint32_t)(s->step * t->recipe->accumulation),
                        .checkpoint_layers = t->checkpoint_layers,
                        .should_stop = t->should_stop,
                        .context = t->context};
    struct step_result result;
    step.which = order_step(&r->order, s->step, &step.count);
    if (!step_gradients(&step, &result, e))
        return false;
    r->stopped = result.stopped;
    if (result.stopped)
        return true;
    if (!result.finite)
        return not_finite(r, result.bad_window, e);
    double norm = optimizer_step(&r->optimizer, r->set.weights, r->set.gradients,
                                 schedule_rate(&r->schedule, s->step), t->recipe->weight_decay,
                                 t->recipe->max_grad_norm);
    if (!isfinite(norm))
        return not_finite(r, step.which[0], e);
    for (size_t i = 0; i < step.count; i++)
        consume(r, &t->learn->items[step.which[i]]);
    digest_set_seal(&s->consumed);
    s->losses[s->loss_count++] = result.loss;
    s->step++;
    r->tokens_here += result.tokens;
    return true;
}

/* Time decides only when a save is made, never what is in it. It is due where another step like
 * this one would end too late. */
static bool save_is_due(const struct trainer *r, double step_s)
{
    double since_s = clock_seconds() - r->saved_s;
    return r->state.step == 1 || r->state.step == r->t->steps || since_s + step_s > SAVE_EVERY_S;
}

static bool loop(struct trainer *r, struct error *e)
{
    int64_t saved = r->state.step;
    r->began_s = r->saved_s = clock_seconds();
    while (!r->stopped && r->state.step < r->t->steps) {
        double step_began_s = clock_seconds();
        if (!take_step(r, e))
            return false;
        if (r->stopped)
            break;
        if (save_is_due(r, clock_seconds() - step_began_s)) {
            if (!save(r, e))
                return false;
            saved = r->state.step;
        }
        report(r, r->state.losses[r->state.loss_count - 1]);
        r->stopped = r->state.step < r->t->steps && wants_stop(r);
    }
    return saved == r->state.step || save(r, e);
}

/* ---- the result ---- */

static double mean_of(const double *losses, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += losses[i];
    return n ? sum / (double)n : (double)NAN;
}

/* Of all steps up to now, also those of processes before this one. */
static int64_t tokens_learned(struct trainer *r)
{
    int64_t tokens = 0;
    for (int64_t step = 0; step < r->state.step; step++) {
        size_t count;
        const uint32_t *which = order_step(&r->order, step, &count);
        for (size_t i = 0; i < count; i++)
            tokens += window_targets(&r->t->learn->items[which[i]]);
    }
    return tokens;
}

static bool finish(struct trainer *r, struct training_result *result, struct error *e)
{
    struct checkpoint_state *s = &r->state;
    size_t part = (size_t)r->order.steps_per_epoch;
    if (part > s->loss_count)
        part = s->loss_count;
    result->steps = s->step;
    result->resumed_at = r->first_step;
    result->tokens = tokens_learned(r);
    result->first_loss = mean_of(s->losses, part);
    result->last_loss = mean_of(s->losses + s->loss_count - part, part);
    result->held_out_before = s->held_out_before;
    result->held_out_after = (double)NAN;
    if (!r->stopped) {
        result->window_after = mem_array(s->window_count, sizeof *result->window_after);
        if (!measure(r, &result->held_out_after, result->window_after, e))
            return false;
    }
    result->stopped = r->stopped;
    if (!result->stopped && !lora_to_peft(&r->set, &result->adapter, r->t->recipe->alpha,
                                          r->t->recipe->dropout, NULL, e))
        return false;
    result->losses = s->losses;
    s->losses = NULL;
    result->consumed = s->consumed;
    result->window_before = s->window_before;
    s->consumed = (struct digest_set){0};
    s->window_before = NULL;
    return true;
}

static void clean_up(struct trainer *r)
{
    checkpoint_state_free(&r->state);
    optimizer_free(&r->optimizer);
    order_free(&r->order);
    if (r->tape)
        tape_close(r->tape);
    if (r->has_set) {
        lora_detach(&r->set);
        lora_free(&r->set);
    }
    if (r->has_parent) {
        lora_detach(&r->parent);
        lora_free(&r->parent);
    }
}

bool training_run(const struct training *t, struct training_result *result, struct error *e)
{
    struct trainer r = {.t = t};
    double began_s = clock_seconds();
    *result = (struct training_result){0};
    bool ok = check(t, e) && prepare(&r, e) && begin(&r, e) && (r.stopped || loop(&r, e)) &&
              finish(&r, result, e);
    result->seconds = clock_seconds() - began_s;
    clean_up(&r);
    if (!ok)
        training_result_free(result);
    return ok;
}

void training_result_free(struct training_result *r)
{
    peft_free(&r->adapter);
    digest_set_free(&r->consumed);
    free(r->losses);
    free(r->window_before);
    free(r->window_after);
    *r = (struct training_result){0};
}
