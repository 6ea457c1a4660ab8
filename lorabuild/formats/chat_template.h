/* chat_template: conversations as the token ids that a chat model was trained on.
 *
 * Templates are built in and recognised from the model's own template text; an unknown one is an
 * error that says how to set `template:`. Rendered ids equal transformers' apply_chat_template,
 * and the spans that are learned come from rendering, never from subtracting lengths (T19).
 *
 * One difference is meant. transformers tokenises "assistant\nANSWER" as one text, so where an
 * answer begins with white space its first letters may share a token with the line break. When
 * a draft is asked for, "assistant\n" stands alone and the answer follows token by token. So
 * an answer is tokenised by itself here, in training as in earlier turns: request ids equal those
 * at inference and the learned tokens are exactly the answer and what ends it. All other ids are
 * transformers', those of answers that begin otherwise too.
 */
#ifndef LORABUILD_FORMATS_CHAT_TEMPLATE_H
#define LORABUILD_FORMATS_CHAT_TEMPLATE_H

#include "lorabuild/common/error.h"
#include "lorabuild/formats/tokenizer.h"

enum chat_role { CHAT_SYSTEM, CHAT_USER, CHAT_ASSISTANT };

struct chat_message {
    enum chat_role role;
    struct str text;
};

struct chat_template {
    const char *name;          /* "chatml" */
    struct str default_system; /* inserted where a conversation has none; may be empty */
    int32_t end_of_turn;       /* the token that ends an answer and stops drafting */
};

/* How this model writes conversations. A base model without a template gives name = NULL and
 * true (there is no chat; raw text is trained). `wanted` is the rule file's `template:` or NULL;
 * with "chatml" an unknown template is passed over and no system text is inserted. */
bool chat_template_find(struct chat_template *c, const struct tokenizer *t, const char *wanted,
                        struct error *e);

/* Adds the ids of a conversation to `out`. `learned` (may be NULL) gets one byte an id that
 * is added: 1 on the assistant's text and its end-of-turn token, 0 elsewhere. `open_answer` adds
 * what stands before an answer yet to be written. */
bool chat_template_render(const struct chat_template *c, const struct tokenizer *t,
                          const struct chat_message *messages, size_t count, bool open_answer,
                          struct tokens *out, struct strbuf *learned, struct error *e);

#endif
