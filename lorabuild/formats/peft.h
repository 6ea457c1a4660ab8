/* peft: LoRA adapters as PEFT's two files, adapter_config.json and adapter_model.safetensors.
 *
 * An adapter is a list of modules, each y += scale · B(A x), scale = alpha / rank (rsLoRA:
 * alpha / √rank). Matrices are f32, row-major: A (rank, in), B (out, rank). Modules are sorted
 * by name; names are PEFT's without "base_model.model." ("model.layers.0.self_attn.q_proj").
 */
#ifndef LORABUILD_FORMATS_PEFT_H
#define LORABUILD_FORMATS_PEFT_H

#include "lorabuild/common/error.h"

#include <stdbool.h>
#include <stdint.h>

struct peft_module {
    char *name;
    int64_t in, out;
    float *a, *b;
};

struct peft_adapter {
    int rank;
    double alpha;
    bool rslora;
    double dropout;
    char *base; /* base_model_name_or_path; may be NULL */
    struct peft_module *modules;
    size_t count;
};

double peft_scale(const struct peft_adapter *a);
void peft_free(struct peft_adapter *a);

/* Writes both files into the existing folder. target_modules are the distinct last parts of the
 * modules' names, sorted. The same adapter gives the same bytes. */
bool peft_write(const char *folder, const struct peft_adapter *a, struct error *e);

/* Reads strictly: every key must be an A or B of a whole pair, all of one rank; what would
 * change the result and is not supported (DoRA, rank_pattern, modules_to_save, …) is refused by
 * name (T35, T39), and so is a missing alpha. Unknown keys pass where they are null, false or
 * empty. A list of target_modules must name the modules that have tensors, no more, no fewer.
 * Whether the modules fit a base is the caller's to check. */
bool peft_read(struct peft_adapter *a, const char *folder, struct error *e);

/* `joined` = one adapter whose effect is a's plus b's, exactly: A stacked, B side by side with
 * each scale folded in, alpha = rank, zero-padded to `rank_to` (0: to the sum). Modules that
 * only one of them has are padded too. Both must agree on the shape of shared modules. */
bool peft_join(struct peft_adapter *joined, const struct peft_adapter *a,
               const struct peft_adapter *b, int rank_to, struct error *e);
/* The least of vLLM's ranks (8, 16, 32, 64, 128, 256, 320, 512) that holds `rank`; else rank. */
int peft_served_rank(int rank);

#endif
