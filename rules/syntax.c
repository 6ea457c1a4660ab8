#include "rules/yaml.h"

#include "lorabuild/common/text.h"

#include <string.h>

#define N_(message) message

/* Matched in this order against the context (first column) and the problem (second). */
static const struct words {
    const char *context, *problem, *ours;
} table[] = {
    {"quoted scalar", "unexpected end of stream", N_("this quotation mark is never closed")},
    {"quoted scalar", "document indicator", N_("this quotation mark is never closed")},
    {"double-quoted scalar", "escape",
     N_("a \\ in \"…\" needs a letter that it can stand before; use '…' for paths")},
    {"double-quoted scalar", "hexdecimal", N_("\\x and \\u in \"…\" need hexadecimal digits")},
    {"simple key", "could not find expected ':'",
     N_("a colon and a space are missing here: 'key: value'")},
    {"", "mapping values are not allowed",
     N_("a second 'key: value' on one line; give it its own line, or put the value in quotes")},
    {"", "block sequence entries are not allowed",
     N_("a list cannot begin here; put each '- item' on its own line")},
    {"block mapping", "did not find expected key",
     N_("this line stands neither beside nor beneath the lines above; check its indentation")},
    {"block collection", "did not find expected '-' indicator",
     N_("this line stands neither beside nor beneath the list above; check its indentation")},
    {"flow mapping", "did not find expected ',' or '}'",
     N_("a comma is missing here, or the '{' is never closed")},
    {"flow sequence", "did not find expected ',' or ']'",
     N_("a comma is missing here, or the '[' is never closed")},
    {"", "tab character", N_("a tab indents this line; write spaces")},
    {"alias", "", N_("a value that begins with * needs quotes: '*.md'")},
    {"anchor", "", N_("a value that begins with & needs quotes")},
    {"tag", "", N_("a value that begins with ! needs quotes")},
    {"", "cannot start any token",
     N_("a value cannot begin with this character; put it in quotes")},
    {"", "control characters", N_("a control character, which YAML does not allow")},
    {"block scalar", "", N_("behind | or > nothing may stand on this line")},
    {"", "expected node content", N_("a value is missing here")},
    {"", "<document start>", N_("a rule file is one document: nothing may follow '...'")},
    {"", "directive", N_("lines that begin with % mean nothing here; remove it")},
};

const char *syntax_words(const char *problem, const char *context)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strstr(context ? context : "", table[i].context) && strstr(problem, table[i].problem))
            return _(table[i].ours);
    return problem;
}
