/* tokenizer: text to token ids and back, exactly as the model's own library does it.
 *
 * Byte-level BPE from a Hugging Face folder's tokenizer.json or from GGUF metadata. A tokenizer
 * is immutable after opening: any number of threads may use one.
 *
 * User text can never produce a control token: tokenizer_encode() treats the spelling of one as
 * plain text (transformers' split_special_tokens). Control tokens come from templates only, by
 * tokenizer_control(). Added tokens that are not control tokens are split off first (T15).
 * What is supported, and where libraries differ: docs/tokenizers.md.
 */
#ifndef LORABUILD_FORMATS_TOKENIZER_H
#define LORABUILD_FORMATS_TOKENIZER_H

#include "lorabuild/common/digest.h"
#include "lorabuild/common/error.h"
#include "lorabuild/common/str.h"
#include "lorabuild/formats/weights.h"

struct tokenizer;

struct tokens { /* a growing list of ids; the owner frees it */
    int32_t *ids;
    size_t count, capacity;
};
void tokens_add(struct tokens *t, int32_t id);
void tokens_append(struct tokens *t, const int32_t *ids, size_t n);
void tokens_free(struct tokens *t);

/* For the model that `w` holds; does not keep `w`. NULL on error. */
struct tokenizer *tokenizer_open(const struct weights *w, struct error *e);
void tokenizer_close(struct tokenizer *t);

/* Adds the ids of `text` (UTF-8; invalid bytes are ERROR_INPUT with their offset). No BOS, no
 * EOS. Linear in the size of the text. A byte that the vocabulary lacks gives no token. */
bool tokenizer_encode(const struct tokenizer *t, struct str text, struct tokens *out,
                      struct error *e);
/* Adds the bytes of `ids`; control tokens are left out. A stream of tokens may cut a character:
 * tokenizer_decode_one() gives a token's raw bytes (none for a control token). They are borrowed
 * and may hold a NUL. */
void tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t n, struct strbuf *out);
struct str tokenizer_decode_one(const struct tokenizer *t, int32_t id);

size_t tokenizer_vocabulary(const struct tokenizer *t);                     /* highest id + 1 */
int32_t tokenizer_control(const struct tokenizer *t, const char *spelling); /* -1 = none */
bool tokenizer_is_control(const struct tokenizer *t, int32_t id);
int32_t tokenizer_bos(const struct tokenizer *t); /* -1 = none */
int32_t tokenizer_eos(const struct tokenizer *t); /* -1 = none; end of a document */
bool tokenizer_adds_bos(const struct tokenizer *t);
/* The model's own chat template (Jinja), empty if it has none. */
struct str tokenizer_chat_template(const struct tokenizer *t);
/* Everything that decides the ids, the chat template included: part of the key of what was
 * tokenised and trained. Equal for equal content, in whatever form the file has it (T09, T17). */
struct digest tokenizer_digest(const struct tokenizer *t);

#endif
