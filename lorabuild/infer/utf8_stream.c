#include "lorabuild/infer/utf8_stream.h"

#include <string.h>

/* May `s` from `at` on still become a character when more bytes come? */
static bool is_unfinished(struct str s, size_t at)
{
    unsigned char lead = (unsigned char)s.data[at];
    size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                    : lead >= 0xE0 && lead <= 0xEF ? 3
                    : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                   : 1;
    if (s.size - at >= length)
        return false;
    for (size_t i = at + 1; i < s.size; i++)
        if (((unsigned char)s.data[i] & 0xC0) != 0x80)
            return false;
    return true;
}

void utf8_stream_add(struct utf8_stream *s, struct str bytes, struct strbuf *out)
{
    strbuf_add_str(&s->pending, bytes);
    struct str all = strbuf_str(&s->pending);
    size_t at = 0;
    while (at < all.size) {
        size_t begin = at;
        int32_t c = utf8_next(all, &at);
        if (c < 0 && is_unfinished(all, begin)) {
            at = begin;
            break;
        }
        if (c < 0)
            strbuf_add_text(out, "\xEF\xBF\xBD");
        else
            strbuf_add(out, all.data + begin, at - begin);
    }
    if (at > 0)
        memmove(s->pending.data, s->pending.data + at, s->pending.size - at);
    s->pending.size -= at;
}

void utf8_stream_free(struct utf8_stream *s)
{
    strbuf_free(&s->pending);
}
