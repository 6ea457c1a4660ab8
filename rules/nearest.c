#include "rules/nearest.h"

#include "lorabuild/common/str.h"

#include <utf8proc.h>

static size_t decode(const char *word, int32_t *characters)
{
    struct str s = str_of(word);
    size_t n = 0;
    for (size_t at = 0; at < s.size && n < NEAREST_LONGEST;)
        characters[n++] = utf8proc_tolower(utf8_next(s, &at));
    return n;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t word_distance(const char *word_a, const char *word_b)
{
    int32_t a[NEAREST_LONGEST], b[NEAREST_LONGEST];
    size_t na = decode(word_a, a), nb = decode(word_b, b);
    size_t row[3][NEAREST_LONGEST + 1]; /* the rows i-2, i-1 and i, in turn */
    for (size_t j = 0; j <= nb; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t changed = up[j - 1] + (a[i - 1] != b[j - 1]);
            now[j] = least(changed, least(up[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], up2[j - 2] + 1);
        }
    }
    return row[na % 3][nb];
}

const char *nearest_word(const char *word, const char *const *words, size_t count)
{
    int32_t characters[NEAREST_LONGEST];
    size_t length = decode(word, characters);
    size_t best = length / 3 > 1 ? length / 3 : 1;
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t distance = word_distance(word, words[i]);
        if (distance > best || (nearest && distance == best))
            continue;
        nearest = words[i];
        best = distance;
    }
    /* A word with nothing in common is no hint, however short it is. */
    return length > best ? nearest : NULL;
}
