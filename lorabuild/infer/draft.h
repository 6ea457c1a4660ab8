/* draft: writing text with a model and up to two adapters, token by token. */
#ifndef LORABUILD_INFER_DRAFT_H
#define LORABUILD_INFER_DRAFT_H

#include "lorabuild/formats/chat_template.h"
#include "lorabuild/formats/peft.h"
#include "lorabuild/models/model.h"

struct draft_options {
    double temperature;    /* 0 = always the likeliest: reproducible */
    double top_p;          /* 1 = off */
    int64_t top_k;         /* 0 = off */
    double repeat_penalty; /* 1 = off; over the last 64 tokens, as llama.cpp's */
    int64_t max_tokens;
    uint64_t seed;
    bool ignore_end;
};

struct draft_request {
    struct model *model;
    struct backend *backend;
    const struct tokenizer *tokenizer;
    const struct chat_template *chat; /* NULL: raw text continues `prompt` */
    struct str prompt;
    const struct peft_adapter *adapter; /* the joint one, or NULL for the base */
    struct draft_options options;
    bool (*write)(void *context, struct str bytes); /* whole characters; false stops */
    void *context;
    bool *cut; /* set where max_tokens ended it, not the model; may be NULL */
};

bool draft_run(const struct draft_request *r, struct error *e);

/* The natural logarithm of each token's probability given those before it; out[0] = 0. */
bool draft_log_probabilities(struct model *m, struct backend *b, const struct peft_adapter *adapter,
                             const int32_t *ids, size_t n, double *out, struct error *e);

#endif
