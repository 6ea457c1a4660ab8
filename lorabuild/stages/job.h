/* job: what the measuring and the training stage have in common: a plan's base model, samples and
 * adapters, opened, and the windows that it trains on.
 *
 * job_open() opens everything that the plan names, in order, and job_close() gives it back in
 * reverse. A job that failed to open is closed by its caller as well.
 */
#ifndef LORABUILD_STAGES_JOB_H
#define LORABUILD_STAGES_JOB_H

#include "lorabuild/data/batch.h"
#include "lorabuild/data/seal.h"
#include "lorabuild/models/model.h"
#include "lorabuild/train/recipe.h"

struct job_adapter { /* the parent, or the version continued from */
    bool there;
    bool foreign;        /* made elsewhere: it has no list of samples */
    const char *folder;  /* its version's folder */
    const char *weights; /* the folder of the weights to load */
    struct peft_adapter adapter;
};

struct job {
    const json_t *plan;
    struct arena arena;
    struct recipe recipe;
    const char *base_path, *adapter_name;
    struct weights *weights;
    struct tokenizer *tokenizer;
    struct chat_template chat;
    struct model *model;
    struct dataset *datasets;
    size_t dataset_count;
    struct digest_set learn_ids, validate_ids;
    struct windows learn, validate;
    bool raw; /* plain text; false: request and answer */
};

/* Enters the sandbox first: nothing is parsed outside it. */
bool job_open(struct job *j, const json_t *plan, struct error *e);
void job_close(struct job *j);

/* Begins zeroed; each call gives the next sample of all datasets, NULL at the end. */
struct job_walk {
    size_t dataset, number; /* of the sample given: its dataset, how many came before it */
    const struct document *document;
    size_t given, next_document, next_sample; /* the walk's own */
};
const struct sample *job_next_sample(const struct job *j, struct job_walk *w);

/* Windows over all samples of the datasets, as a full training would see them. */
bool job_all_windows(struct job *j, struct windows *all, struct error *e);

bool job_read_adapter(struct job_adapter *a, const json_t *plan, const char *key, struct error *e);

/* How a step is fitted into the memory that the plan allows: neutral to bits. */
struct job_memory {
    uint64_t step_bytes, panel_bytes, needed_bytes, allowed_bytes;
    uint64_t least_bytes; /* with which it can still run */
    bool checkpoint_layers;
};
bool job_plan_memory(const struct job *j, struct job_memory *m, struct error *e);

#endif
