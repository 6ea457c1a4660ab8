#include "lorabuild/train/schedule.h"

#include <math.h>

/* A share of the steps, rounded up; products like 0.1 × 30 lie a hair above their true value. */
static int64_t share_of(double share, int64_t steps)
{
    return (int64_t)ceil(share * (double)steps - 1e-9);
}

static int64_t at_most(int64_t n, int64_t most)
{
    return n < most ? n : most;
}

struct schedule schedule_make(const struct recipe *r, int64_t steps, int64_t rewarm)
{
    struct schedule s = {(enum recipe_schedule)r->schedule, r->learning_rate, steps, 0, 0};
    if (s.kind == SCHEDULE_WSD)
        s.decay = at_most(share_of(r->decay, steps), steps);
    int64_t warmup = r->warmup < 1 ? share_of(r->warmup, steps) : (int64_t)r->warmup;
    if (rewarm > 0) {
        warmup = rewarm;
        s.peak *= SCHEDULE_UPDATE_RATE;
    }
    s.warmup = at_most(warmup, steps - (s.decay > 0 ? s.decay : 1));
    return s;
}

double schedule_rate(const struct schedule *s, int64_t step)
{
    const double pi = 3.14159265358979323846;
    if (step < s->warmup)
        return s->peak * ((double)(step + 1) / (double)s->warmup);
    double p = (double)(step - s->warmup) / (double)(s->steps - s->warmup);
    int64_t stable_end = s->steps - s->decay;
    switch (s->kind) {
    case SCHEDULE_CONSTANT: break;
    case SCHEDULE_LINEAR: return s->peak * (1 - p);
    case SCHEDULE_COSINE: return s->peak * 0.5 * (1 + cos(pi * p));
    case SCHEDULE_WSD:
        if (step >= stable_end)
            return s->peak * (1 - sqrt((double)(step - stable_end) / (double)s->decay));
        break;
    }
    return s->peak;
}
