#include "lorabuild/data/wording.h"

#include "lorabuild/common/file.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool is_chinese(int32_t c)
{
    return (c >= 0x3400 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) ||
           (c >= 0x20000 && c <= 0x3FFFF);
}

static bool has_chinese(struct str s)
{
    for (size_t at = 0; at < s.size;)
        if (is_chinese(utf8_next(s, &at)))
            return true;
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct str from(struct str s, size_t at)
{
    return (struct str){s.data + at, s.size - at};
}

/* Length of "3", "3.2", "3.2.1", "IV", "B" at the front, or 0. `dotted`: has a dot inside. */
static size_t number_length(struct str s, bool *dotted)
{
    size_t n = 0;
    *dotted = false;
    while (n < s.size && is_digit(s.data[n])) {
        while (n < s.size && is_digit(s.data[n]))
            n++;
        if (n + 1 >= s.size || s.data[n] != '.' || !is_digit(s.data[n + 1]))
            return n;
        *dotted = true;
        n++;
    }
    while (n < s.size && strchr("IVX", s.data[n]))
        n++;
    return n ? n : s.size && s.data[0] >= 'A' && s.data[0] <= 'H';
}

/* Does a title begin here: a capital, a quote, anything beyond ASCII? */
static bool begins_title(struct str s)
{
    return s.size && (isupper((unsigned char)s.data[0]) || s.data[0] == '"' ||
                      (unsigned char)s.data[0] >= 0x80);
}

static struct str without_marks(struct str s)
{
    static const char *const marks[] = {".", ")", ":", "-", "–", "—", "、", "．", "：", "）", "，"};
    s = str_trim(s);
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (str_starts(s, marks[i]))
            return without_marks(from(s, strlen(marks[i])));
    return s;
}

/* "3.2 Risks", "3. Risks", "(3) Risks", "3) Risks", "IV. Risks", "12 Risks"; not "2024 budget",
 * "3D models", "A plan". */
static struct str without_number(struct str s)
{
    bool open = s.size && s.data[0] == '(', dotted;
    struct str rest = open ? from(s, 1) : s;
    size_t n = number_length(rest, &dotted);
    if (!n)
        return s;
    bool plain_digits = is_digit(rest.data[0]);
    rest = from(rest, n);
    bool closed = rest.size && strchr(".):", rest.data[0]);
    bool wide = str_starts(rest, "、") || str_starts(rest, "．") || str_starts(rest, "：");
    bool spaced = rest.size && (rest.data[0] == ' ' || rest.data[0] == '\t');
    struct str title = without_marks(rest);
    if (wide || (closed && rest.size > 1 && rest.data[1] == ' '))
        return title;
    if (closed && plain_digits && begins_title(title))
        return title;
    if (spaced && plain_digits && (dotted || n <= 2) && begins_title(title))
        return title;
    return s;
}

/* "Section 3: Risks", "Clause 4.2 – Risks". */
static struct str without_word_and_number(struct str s)
{
    static const char *const words[] = {"section", "chapter",  "clause", "part",
                                        "article", "appendix", "annex"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t n = strlen(words[i]);
        bool dotted;
        if (s.size <= n + 1 || strncasecmp(s.data, words[i], n) != 0 || s.data[n] != ' ')
            continue;
        struct str rest = from(s, n + 1);
        size_t number = number_length(rest, &dotted);
        if (!number || number == rest.size || !strchr(" .:)-", rest.data[number]))
            return s;
        return without_marks(from(rest, number));
    }
    return s;
}

static bool is_chinese_digit(int32_t c)
{
    static const int32_t digits[] = {0x96F6, 0x3007, 0x4E00, 0x4E8C, 0x4E24, 0x4E09, 0x56DB,
                                     0x4E94, 0x516D, 0x4E03, 0x516B, 0x4E5D, 0x5341, 0x767E};
    for (size_t i = 0; i < sizeof digits / sizeof digits[0]; i++)
        if (c == digits[i])
            return true;
    return c >= '0' && c <= '9';
}

static size_t chinese_number_length(struct str s)
{
    for (size_t at = 0, behind = 0;; at = behind)
        if (at == s.size || !is_chinese_digit(utf8_next(s, &behind)))
            return at;
}

/* "第三章 风险", "三、风险", "（三）风险". */
static struct str without_chinese_number(struct str s)
{
    static const struct {
        const char *open, *close;
    } forms[] = {{"第", "章"}, {"第", "节"}, {"第", "部分"}, {"第", "条"}, {"第", "篇"},
                 {"（", "）"}, {"(", ")"},   {"", "、"},     {"", "．"},   {"", "."}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (!str_starts(s, forms[i].open))
            continue;
        struct str rest = from(s, strlen(forms[i].open));
        size_t n = chinese_number_length(rest);
        bool alone = forms[i].open[0] == '\0'; /* "3." is not for us */
        if (n && !(alone && is_digit(rest.data[0])) && str_starts(from(rest, n), forms[i].close))
            return without_marks(from(rest, n + strlen(forms[i].close)));
    }
    return s;
}

static struct str without_numbering(struct str s)
{
    static struct str (*const ways[])(struct str) = {without_word_and_number,
                                                     without_chinese_number, without_number};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct str rest = ways[i](s);
        if (rest.size && rest.size < s.size)
            return rest;
    }
    return s;
}

void wording_title(struct strbuf *out, struct str heading)
{
    struct strbuf plain = {0};
    bool atx = false;
    const char *end = memchr(heading.data, '\n', heading.size); /* the line of === under it */
    if (end)
        heading.size = (size_t)(end - heading.data);
    heading = str_trim(heading);
    while (heading.size && heading.data[0] == '#')
        heading = from(heading, 1), atx = true;
    while (atx && heading.size && heading.data[heading.size - 1] == '#')
        heading.size--;
    heading = str_trim(heading);
    for (size_t i = 0; i < heading.size; i++)
        if (!strchr("*`", heading.data[i]))
            strbuf_add_byte(&plain, heading.data[i] == '"' ? '\'' : heading.data[i]);
    if (plain.size)
        strbuf_add_str(out, without_numbering(str_trim(strbuf_str(&plain))));
    strbuf_free(&plain);
}

void wording_name(struct strbuf *out, const char *path)
{
    const char *base = path_base(path), *dot = strrchr(base, '.');
    size_t n = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    struct strbuf plain = {0};
    for (size_t i = 0; i < n; i++)
        strbuf_add_byte(&plain, strchr("-_", base[i]) ? ' ' : base[i] == '"' ? '\'' : base[i]);
    struct str name = str_trim(strbuf_str(&plain));
    if (utf8_valid(name, NULL))
        strbuf_add_str(out, name);
    else
        strbuf_add_shown(out, name);
    strbuf_free(&plain);
}

/* \1, \2 and \3 stand for title, chapter and section. */
static const char *const forms[2][3] = {
    {"Write a passage for \"\1\".", "Write the section \"\3\" of \"\1\".",
     "Write the section \"\3\" of the chapter \"\2\" in \"\1\"."},
    {"请为“\1”撰写一段内容。", "请撰写“\1”的“\3”部分。", "请撰写“\1”中“\2”部分的“\3”一节。"},
};

static const char *form_of(const struct wording *w, bool chinese)
{
    return forms[chinese][!w->section.size ? 0 : !w->chapter.size ? 1 : 2];
}

/* Adds `form` with chapter and section filled in, up to `stop` or its end; gives what is left. */
static const char *fill(struct strbuf *out, const char *form, const struct wording *w, char stop)
{
    for (; *form && *form != stop; form++) {
        if (*form > '\3' || *form < '\1')
            strbuf_add_byte(out, *form);
        else
            strbuf_add_str(out, *form == '\1' ? w->title : *form == '\2' ? w->chapter : w->section);
    }
    return form;
}

void wording_request(struct strbuf *out, const struct wording *w)
{
    bool chinese = has_chinese(w->title) || has_chinese(w->chapter) || has_chinese(w->section);
    fill(out, form_of(w, chinese), w, '\0');
}

bool wording_same_place(struct str text, const struct wording *w)
{
    bool same = false;
    for (int chinese = 0; chinese < 2 && !same; chinese++) {
        struct strbuf front = {0}, back = {0};
        const char *rest = fill(&front, form_of(w, chinese), w, '\1');
        fill(&back, rest + 1, w, '\0');
        same = text.size > front.size + back.size && str_starts(text, front.data) &&
               str_ends(text, back.data);
        strbuf_free(&front);
        strbuf_free(&back);
    }
    return same;
}
