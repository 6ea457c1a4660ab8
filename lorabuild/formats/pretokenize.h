/* pretokenize: text to the pieces within which tokens are merged.
 *
 * A pretokenizer is a list of steps. Each cuts every piece that the one before made, at the
 * matches of a pattern, without seeing across the piece's ends. What no pattern matches is a
 * piece too. Immutable once built; any number of threads may run one.
 *
 * Patterns are written as tokenizer.json has them (Oniguruma's syntax) and translated to PCRE2's.
 */
#ifndef LORABUILD_FORMATS_PRETOKENIZE_H
#define LORABUILD_FORMATS_PRETOKENIZE_H

#include "lorabuild/common/digest.h"
#include "lorabuild/common/error.h"
#include "lorabuild/common/str.h"

/* GPT-2's own pattern: what a bare ByteLevel pre-tokenizer means. */
extern const char pattern_gpt2[];

struct pretokenizer;

enum pretokenize_keep { KEEP_ALL, KEEP_MATCHES, KEEP_GAPS };

struct pretokenizer *pretokenizer_new(void);
void pretokenizer_free(struct pretokenizer *p); /* NULL is fine */

bool pretokenizer_add_pattern(struct pretokenizer *p, struct str pattern,
                              enum pretokenize_keep keep, struct error *e);
bool pretokenizer_add_literal(struct pretokenizer *p, struct str text, enum pretokenize_keep keep,
                              struct error *e);
/* Puts a space before every piece that does not start with one. */
void pretokenizer_add_space(struct pretokenizer *p);
/* The steps that GGUF files call `name` (tokenizer.ggml.pre). */
bool pretokenizer_add_named(struct pretokenizer *p, struct str name, struct error *e);

/* Calls `use` for each piece of `text` (valid UTF-8) in order, until it returns false. A piece
 * is never empty and may not be kept after the call. */
typedef bool pretokenize_use(void *context, struct str piece);
bool pretokenizer_run(const struct pretokenizer *p, struct str text, pretokenize_use *use,
                      void *context, struct error *e);

void pretokenizer_digest(const struct pretokenizer *p, struct digest_stream *s);

/* A pattern in PCRE2's syntax, with Unicode's white space in the place of \s (PCRE2 counts
 * U+180E among it). ERROR_INPUT for what the two syntaxes read differently. */
bool pattern_translate(struct strbuf *out, struct str pattern, struct error *e);

#endif
