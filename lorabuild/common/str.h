/* str: slices and growing buffers of bytes.
 *
 * A slice is a pointer and a length: it may hold any byte, is not terminated and owns nothing.
 * A strbuf owns its bytes and keeps a NUL behind them, so `data` also serves as a C string
 * where the content has no NUL of its own.
 */
#ifndef LORABUILD_COMMON_STR_H
#define LORABUILD_COMMON_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
    const char *data;
    size_t size;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
struct str str_of(const char *text);
bool str_equal(struct str a, struct str b);
bool str_is(struct str a, const char *text);
int str_compare(struct str a, struct str b); /* by bytes, shorter first: strcmp's order */
bool str_starts(struct str s, const char *prefix);
bool str_ends(struct str s, const char *suffix);
struct str str_trim(struct str s); /* without ASCII white space at both ends */

struct strbuf {
    char *data; /* NULL while empty */
    size_t size, capacity;
};

void strbuf_add(struct strbuf *b, const void *bytes, size_t n);
void strbuf_add_str(struct strbuf *b, struct str s);
void strbuf_add_text(struct strbuf *b, const char *text);
void strbuf_add_byte(struct strbuf *b, char byte);
void strbuf_printf(struct strbuf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct str strbuf_str(const struct strbuf *b);
char *strbuf_take(struct strbuf *b); /* the bytes, NUL-terminated, now the caller's to free */
void strbuf_free(struct strbuf *b);

/* The one escaping printer: adds `s` fit for a terminal and a log: printable UTF-8 as it is,
 * control characters, bidirectional overrides and invalid bytes as \xNN. */
void strbuf_add_shown(struct strbuf *b, struct str s);

/* UTF-8. utf8_next() decodes the character at *at, advances *at and returns its code point,
 * or -1 (advancing one byte) where the bytes are not UTF-8 (overlong, surrogate, > U+10FFFF). */
int32_t utf8_next(struct str s, size_t *at);
void utf8_add(struct strbuf *b, uint32_t code_point);
bool utf8_valid(struct str s, size_t *bad_at); /* bad_at may be NULL */
/* Of a script that puts no spaces between words: Chinese, kana, hangul, and their punctuation. */
bool utf8_is_unspaced(int32_t code_point);

/* Numbers in full, or false: no white space, no rest, no overflow. */
bool str_to_int(struct str s, int64_t *value);           /* decimal, or 0x hexadecimal */
bool str_to_double(struct str s, double *value);         /* decimal or scientific; always '.' */
const char *str_count(uint64_t n, char text[static 32]); /* "1,204" */

#endif
