/* machine: what this computer is and how fast it has proven to be.
 *
 * Kept outside of any project, in $XDG_CACHE_HOME/lorabuild/machine.json: the compute type that
 * is fastest here (measured once) and the speed of real training, for estimates only.
 */
#ifndef LORABUILD_RUN_MACHINE_H
#define LORABUILD_RUN_MACHINE_H

#include "lorabuild/common/error.h"

#include <stdbool.h>
#include <stdint.h>

struct machine {
    char instruction_set[32], library[32];
    double f32_flop_per_s, bf16_flop_per_s; /* of one product; 0 = not to be had */
    double train_f32, train_bf16;           /* of whole training steps; 0 = not yet known */
    uint64_t memory_bytes, free_bytes;
    int processors; /* that this process may use */
};

bool machine_look(struct machine *m, struct error *e);
void machine_learn(const struct machine *m, const char *precision, double flop_per_s);
/* Memory that is available now: to the machine, and to the control group that it runs in. */
uint64_t machine_free_bytes(void);
/* Floating point operations a second to expect of training with "f32" or "bf16". */
double machine_speed(const struct machine *m, const char *precision);

#endif
