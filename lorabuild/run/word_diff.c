#include "lorabuild/run/word_diff.h"

#include "lorabuild/common/memory.h"

#include <stdlib.h>

enum { MOST_WORDS = 2000 };

struct word {
    struct str text;
    bool spaced; /* white space stands before it */
};
struct words {
    struct word *items;
    size_t count;
};

static struct words split(struct str text)
{
    struct words w = {0};
    bool spaced = false, open = false; /* open: the last word may still grow */
    for (size_t at = 0; at < text.size;) {
        size_t from = at;
        int32_t c = utf8_next(text, &at);
        if (c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == 0x3000) {
            spaced = w.count > 0;
            open = false;
        } else if (open && !utf8_is_unspaced(c)) {
            w.items[w.count - 1].text.size += at - from;
        } else {
            w.items = mem_grow(w.items, w.count + 1, sizeof *w.items);
            w.items[w.count++] = (struct word){{text.data + from, at - from}, spaced};
            spaced = false;
            open = !utf8_is_unspaced(c);
        }
    }
    return w;
}

static void add_words(struct strbuf *out, const struct word *words, size_t n, const char *begin,
                      const char *end)
{
    if (!n)
        return;
    if (words[0].spaced && out->size && out->data[out->size - 1] != ' ')
        strbuf_add_byte(out, ' ');
    strbuf_add_text(out, begin);
    for (size_t i = 0; i < n; i++) {
        if (i && words[i].spaced)
            strbuf_add_byte(out, ' ');
        strbuf_add_str(out, words[i].text);
    }
    strbuf_add_text(out, end);
}

/* longest[i][j]: the longest common sequence of a from i and b from j. */
static void add_difference(struct strbuf *out, const struct word *a, size_t n, const struct word *b,
                           size_t m)
{
    uint16_t *longest = mem_array((n + 1) * (m + 1), sizeof *longest);
#define LONGEST(i, j) longest[(i) * (m + 1) + (j)]
    for (size_t i = n; i-- > 0;)
        for (size_t j = m; j-- > 0;) {
            uint16_t skip =
                LONGEST(i + 1, j) > LONGEST(i, j + 1) ? LONGEST(i + 1, j) : LONGEST(i, j + 1);
            LONGEST(i, j) =
                str_equal(a[i].text, b[j].text) ? (uint16_t)(LONGEST(i + 1, j + 1) + 1) : skip;
        }
    for (size_t i = 0, j = 0; i < n || j < m;) {
        size_t gone = i, come = j;
        while (i < n && j < m && !str_equal(a[i].text, b[j].text)) {
            if (LONGEST(i + 1, j) >= LONGEST(i, j + 1))
                i++;
            else
                j++;
        }
        if (i == n || j == m)
            i = n, j = m;
        add_words(out, a + gone, i - gone, "[-", "-]");
        add_words(out, b + come, j - come, "{+", "+}");
        if (i < n && j < m) {
            struct word both = {b[j].text, a[i].spaced || b[j].spaced};
            add_words(out, &both, 1, "", "");
            i++, j++;
        }
    }
#undef LONGEST
    free(longest);
}

void word_diff(struct strbuf *out, struct str before, struct str now)
{
    struct words a = split(before), b = split(now);
    size_t same = 0;
    while (same < a.count && same < b.count && str_equal(a.items[same].text, b.items[same].text))
        same++;
    add_words(out, b.items, same, "", "");
    size_t n = a.count - same, m = b.count - same;
    if (n > MOST_WORDS || m > MOST_WORDS) {
        add_words(out, a.items + same, n, "[-", "-]");
        add_words(out, b.items + same, m, "{+", "+}");
    } else {
        add_difference(out, a.items + same, n, b.items + same, m);
    }
    free(a.items);
    free(b.items);
}
