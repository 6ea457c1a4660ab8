#include "lorabuild/formats/pretokenize.h"

#include <string.h>

/* White_Space of Unicode, as the inside of a character class. */
#define SPACES                                                                                  \
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}" \
    "\\x{205f}\\x{3000}"

/* Letters that mean the same behind a backslash in both syntaxes. */
static const char common_escapes[] = "pPdDrntfx";

static bool refuse(struct str pattern, const char *what, struct error *e)
{
    struct strbuf shown = {0};
    strbuf_add_shown(&shown, pattern);
    error_set(e, ERROR_INPUT, "the pre-tokenizer's pattern %s uses %s, which is not supported",
              shown.data, what);
    strbuf_free(&shown);
    return false;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '1' && c <= '9');
}

/* What stands behind the backslash at `at`. */
static bool translate_escape(struct strbuf *out, struct str pattern, size_t at, bool in_class,
                             struct error *e)
{
    char c = at + 1 < pattern.size ? pattern.data[at + 1] : '\0';
    if (c == 's') {
        strbuf_add_text(out, in_class ? SPACES : "[" SPACES "]");
        return true;
    }
    if (c == 'S' && !in_class) {
        strbuf_add_text(out, "[^" SPACES "]");
        return true;
    }
    if (!c || (is_letter(c) && !strchr(common_escapes, c))) {
        char what[] = "\\?";
        what[1] = c ? c : ' ';
        return refuse(pattern, c == 'S' ? "\\S in a character class" : what, e);
    }
    strbuf_add(out, pattern.data + at, 2);
    return true;
}

bool pattern_translate(struct strbuf *out, struct str pattern, struct error *e)
{
    bool in_class = false;
    for (size_t i = 0; i < pattern.size; i++) {
        char c = pattern.data[i], next = i + 1 < pattern.size ? pattern.data[i + 1] : '\0';
        if (c == '\\') {
            if (!translate_escape(out, pattern, i++, in_class, e))
                return false;
            continue;
        }
        if (in_class && (c == '[' || (c == '&' && next == '&')))
            return refuse(pattern, c == '[' ? "a class in a class" : "an intersection of classes",
                          e);
        if (c == '[')
            in_class = true;
        else if (c == ']')
            in_class = false;
        strbuf_add_byte(out, c);
    }
    return true;
}
