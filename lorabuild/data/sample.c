#include "lorabuild/data/sample.h"

#include <string.h>

static bool is_blank_byte(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Adds a line without "\r" and U+FEFF anywhere, and without white space at its end. */
static void add_line(struct strbuf *out, struct str line)
{
    static const char mark[] = "\xEF\xBB\xBF";
    size_t from = out->size;
    for (size_t i = 0; i < line.size;) {
        const char *odd = line.data + i;
        const char *end = line.data + line.size;
        while (odd < end && *odd != '\r' && *odd != mark[0])
            odd++;
        strbuf_add(out, line.data + i, (size_t)(odd - line.data) - i);
        i = (size_t)(odd - line.data);
        if (i == line.size)
            break;
        if (line.size - i >= 3 && memcmp(odd, mark, 3) == 0) {
            i += 3;
            continue;
        }
        if (*odd != '\r')
            strbuf_add_byte(out, *odd);
        i++;
    }
    while (out->size > from && is_blank_byte(out->data[out->size - 1]))
        out->size--;
    if (out->data)
        out->data[out->size] = '\0';
}

void sample_clean(struct strbuf *out, struct str text)
{
    size_t from = out->size, kept = from;
    while (text.size) {
        const char *end = memchr(text.data, '\n', text.size);
        size_t n = end ? (size_t)(end - text.data) : text.size;
        size_t line_from = out->size;
        add_line(out, (struct str){text.data, n});
        if (out->size > line_from)
            kept = out->size;
        else if (kept == from) /* nothing yet: a blank line in front */
            out->size = from;
        if (kept > from)
            strbuf_add_byte(out, '\n');
        n += end != NULL;
        text = (struct str){text.data + n, text.size - n};
    }
    out->size = kept;
    if (out->data)
        out->data[kept] = '\0';
}

static const char *const kind_names[] = {"text", "heading", "chat"};

struct digest sample_content_digest(enum sample_kind kind, struct str text)
{
    struct digest_stream *s = digest_begin("content");
    digest_add_text(s, kind_names[kind]);
    digest_add_str(s, text);
    return digest_end(s);
}

struct digest sample_id(struct digest content, struct str caption)
{
    struct digest_stream *s = digest_begin("sample");
    digest_add_digest(s, content);
    digest_add_str(s, caption);
    return digest_end(s);
}

void dataset_free(struct dataset *d)
{
    arena_free(&d->arena);
    *d = (struct dataset){0};
}

void dataset_add_contents(const struct dataset *d, struct digest_set *to)
{
    for (size_t i = 0; i < d->document_count; i++)
        for (size_t k = 0; k < d->documents[i].count; k++)
            digest_set_add(to, d->documents[i].samples[k].content);
    for (size_t i = 0; i < d->waiting_count; i++)
        digest_set_add(to, d->waiting[i].content);
}
