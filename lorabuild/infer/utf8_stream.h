/* utf8_stream: bytes that come in pieces, given on as whole characters. Bytes that cannot be part
 * of any character become U+FFFD; an unfinished character at the end is left out.
 */
#ifndef LORABUILD_INFER_UTF8_STREAM_H
#define LORABUILD_INFER_UTF8_STREAM_H

#include "lorabuild/common/str.h"

struct utf8_stream {
    struct strbuf pending; /* the start of a character, at most 3 bytes between calls */
};

/* Adds the characters that are whole now to `out`. */
void utf8_stream_add(struct utf8_stream *s, struct str bytes, struct strbuf *out);
void utf8_stream_free(struct utf8_stream *s);

#endif
