/* added_tokens: the tokens that are split off a text before anything else looks at it.
 *
 * At every place the longest that matches wins, and the search goes on behind it. Control tokens
 * take part in that (they may cover another's beginning) but stay text: this is what
 * transformers does with split_special_tokens.
 */
#ifndef LORABUILD_FORMATS_ADDED_TOKENS_H
#define LORABUILD_FORMATS_ADDED_TOKENS_H

#include "lorabuild/common/str.h"

struct added_token {
    struct str text;
    int32_t id;                     /* -1: a control token */
    bool strips_left, strips_right; /* takes the white space beside it */
};

struct added_tokens {
    struct added_token *items; /* by text once sealed */
    size_t count, capacity;
    bool starts[256]; /* does any start with this byte? */
};

void added_tokens_add(struct added_tokens *a, struct added_token item); /* borrows the text */
void added_tokens_seal(struct added_tokens *a);
void added_tokens_free(struct added_tokens *a);

/* The first token of `text` in [from, text.size), or false. [*begin, *end) is what it takes. */
bool added_tokens_next(const struct added_tokens *a, struct str text, size_t from, size_t *begin,
                       size_t *end, int32_t *id);

#endif
