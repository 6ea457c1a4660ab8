/* How many optimizer steps a training takes. */
#include "lorabuild/train/trainer.h"

#include <math.h>

#define AUTO_STEPS 120.0 /* in the middle of 60 … 200 */
#define AUTO_PASSES 10.0
#define LEAST_UPDATE_STEPS 10

int64_t training_steps(const struct recipe *r, size_t windows)
{
    int64_t per_step = r->batch_size * r->accumulation;
    double per_pass = (double)(((int64_t)windows + per_step - 1) / per_step);
    if (r->steps > 0)
        return r->steps;
    if (windows == 0)
        return 0;
    if (r->epochs > 0)
        return (int64_t)ceil(r->epochs * per_pass - 1e-9);
    double passes = floor(AUTO_STEPS / per_pass + 0.5);
    passes = passes < 1 ? 1 : passes > AUTO_PASSES ? AUTO_PASSES : passes;
    return (int64_t)(passes * per_pass);
}

int64_t training_update_steps(const struct recipe *r, size_t fresh, size_t all)
{
    if (fresh == 0 || all == 0)
        return 0;
    double share = fresh < all ? (double)fresh / (double)all : 1;
    int64_t steps = (int64_t)ceil((double)training_steps(r, all) * share - 1e-9);
    return steps < LEAST_UPDATE_STEPS ? LEAST_UPDATE_STEPS : steps;
}
