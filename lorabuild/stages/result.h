/* result: a finished training as a version's folder: PEFT's files (and alone/ where there is a
 * parent), samples, report.html, manifest.json. Nothing in it depends on time, host or place. */
#ifndef LORABUILD_STAGES_RESULT_H
#define LORABUILD_STAGES_RESULT_H

#include "lorabuild/stages/job.h"
#include "lorabuild/train/gate.h"
#include "lorabuild/train/trainer.h"

struct result {
    const struct job *job;
    const struct job_adapter *parent, *start;
    const struct training_result *training;
    const struct gate *gate;    /* NULL: not checked */
    double limit;               /* of the check; infinite: it cannot fail */
    struct backend *backend;    /* drafts for the report; no adapter is attached to the model */
    struct digest artifact;     /* out: of the trained weights alone */
    struct digest_set exposure; /* out: contents learned, validated on, the start's and parent's */
};

/* Into `folder`, which is made afresh. */
bool result_write(struct result *r, const char *folder, struct error *e);
void result_free(struct result *r);

#endif
