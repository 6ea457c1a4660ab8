#include "lorabuild/common/html.h"

static const char *entity(int32_t c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return NULL;
    }
}

void html_add_text(struct strbuf *b, struct str text)
{
    for (size_t at = 0; at < text.size;) {
        size_t from = at;
        int32_t c = utf8_next(text, &at);
        const char *name = entity(c);
        bool control = (c < ' ' && c != '\n' && c != '\t') || (c >= 0x7F && c <= 0x9F);
        if (name)
            strbuf_add_text(b, name);
        else if (control) /* -1, no character, too */
            strbuf_add_text(b, "\xEF\xBF\xBD");
        else
            strbuf_add(b, text.data + from, at - from);
    }
}
