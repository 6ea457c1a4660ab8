/* sources: a dataset of the rules as it stands on disk now, sealed.
 *
 * The folder is scanned (only what changed is hashed); if a dataset of exactly these files and
 * captions was sealed before, that is used and nothing is opened; else the reading stage runs in
 * a child. Reading is part of planning: it is repeatable and changes nothing but what is kept.
 */
#ifndef LORABUILD_RUN_SOURCES_H
#define LORABUILD_RUN_SOURCES_H

#include "lorabuild/common/json.h"
#include "lorabuild/data/seal.h"
#include "lorabuild/run/project.h"
#include "lorabuild/run/timeline.h"

struct source {
    const struct rule_dataset *rule; /* NULL: not loaded yet */
    struct scope *scope;
    struct dataset data; /* without text; samples only after source_load_samples() */
    bool has_samples;
    char *captions_path; /* metadata.csv */
    const char *caption_mode;
    struct link_walls walls; /* how far links in the folder may lead */
    char *own;               /* what walls.own points to */
    size_t files, hashed;
    bool read_now;    /* the reading stage ran in this process */
    json_t *captions; /* what the reading stage counted, if it ran; else NULL */
    double seconds;   /* scan and reading */
};

struct source_options {
    bool rehash;
    int threads;
    void (*waiting)(void *context, const char *why); /* a file is younger than 2 s; may be NULL */
    void *context;
    const json_t *caption_edit; /* what a person asks of the captions (docs/protocol.md): then the
                                 * dataset is read anew in any case; NULL = nothing */
    struct timeline *timeline;  /* may be NULL */
};

/* Scanned and sealed; of `data` only what a header holds: key, set and counts. */
bool source_load(struct source *s, struct project *p, const struct rule_dataset *rule,
                 const char *caption_mode, const struct source_options *o, struct error *e);
/* The documents and samples of `data`, too. */
bool source_load_samples(struct source *s, struct error *e);
void source_free(struct source *s);

#endif
