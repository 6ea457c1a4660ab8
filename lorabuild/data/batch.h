/* batch: sealed samples to windows of tokens, and windows to packed batches.
 *
 * Windows are made when training and are part of no identity (DESIGN 7). Plain text (a base
 * model, or mode text): a window is consecutive samples of one document, beginning anew at a
 * heading, never longer than max_length, with the end token only at the document's true end; a
 * longer sample goes on in the next window. Chat: a passage is rendered as request → answer,
 * loss on the answer and its end-of-turn token. Lines of a .txt are independent documents' worth
 * of text only in that each is a sample; they too are windowed in their order.
 *
 * Roles: a sample is learned (has loss), held out, or only context (loss 0: text before a new
 * sample). Nothing is cut silently: `notes` says what was refused and where.
 */
#ifndef LORABUILD_DATA_BATCH_H
#define LORABUILD_DATA_BATCH_H

#include "lorabuild/data/sample.h"
#include "lorabuild/formats/chat_template.h"
#include "lorabuild/formats/tokenizer.h"

enum sample_role { ROLE_NONE, ROLE_CONTEXT, ROLE_LEARN, ROLE_VALIDATE };

struct window {
    int32_t *ids;     /* count tokens */
    uint8_t *learned; /* 1: predicting this token has loss */
    uint32_t count;
    uint32_t learned_count;
    struct digest *samples; /* contents of the samples that have part in it, context included */
    uint32_t sample_count;
    uint32_t document; /* for grouping: index over all documents of all datasets */
};

struct windows {
    struct arena arena;
    struct window *items;
    size_t count;
    char **notes;
    size_t note_count;
};

struct window_options {
    const struct tokenizer *tokenizer;
    const struct chat_template *chat; /* name NULL = raw text */
    bool raw;                         /* mode text */
    int64_t max_length;
    /* The role of a sample by its id; called once a sample. */
    enum sample_role (*role)(void *context, const struct sample *s);
    void *context;
    enum sample_role wanted; /* make windows of ROLE_LEARN samples, or of ROLE_VALIDATE ones */
};

bool windows_make(struct windows *w, const struct dataset *const *datasets, size_t dataset_count,
                  const struct window_options *o, struct error *e);
void windows_free(struct windows *w);

/* Windows behind one another, each its own sequence: positions restart, starts[] bounds them. */
struct batch {
    int32_t *ids, *positions, *starts, *targets; /* target of token i is token i+1 of its window */
    float *weights;                              /* 1 where target has loss, else 0 */
    int64_t count;
    int sequences;
    int64_t learned; /* how many weights are 1 */
};
void batch_pack(struct batch *b, const struct windows *w, const uint32_t *which, size_t n);
void batch_free(struct batch *b);

#endif
