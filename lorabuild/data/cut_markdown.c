/* Blocks between blank lines, as CommonMark draws them as far as samples need it:
 *
 *   - a fenced code block keeps its blank lines and stays inside its block; a fence that is
 *     never closed is an ordinary line, so that it cannot swallow the rest of the document;
 *   - a heading ("## Risks", or a line underlined with === or ---) is a sample of its own;
 *   - a block that is only a rule (---, ***, ___) is nothing;
 *   - YAML front matter at the top is left out, with a note.
 */
#include "lorabuild/data/cut.h"

#include <stdlib.h>
#include <string.h>

struct page {
    struct str *lines;
    size_t count;
    /* For each line, the length of the longest closing fence at or behind it. */
    size_t *ticks, *tildes;
};

static bool is_blank(struct str line)
{
    return str_trim(line).size == 0;
}

static size_t run_of(struct str line, char mark)
{
    size_t n = 0;
    while (n < line.size && line.data[n] == mark)
        n++;
    return n;
}

static size_t indent_of(struct str line)
{
    return run_of(line, ' ');
}

/* 1 … 6, or 0: no heading of the kind "## Risks". */
static int atx_level(struct str line)
{
    size_t indent = indent_of(line);
    if (indent > 3)
        return 0;
    line = (struct str){line.data + indent, line.size - indent};
    size_t n = run_of(line, '#');
    if (n < 1 || n > 6)
        return 0;
    return n == line.size || strchr(" \t\r", line.data[n]) ? (int)n : 0;
}

/* A line of one mark only, at least `least` times, spaces between allowed where `spaced`. */
static bool is_row_of(struct str line, char mark, size_t least, bool spaced)
{
    size_t n = 0;
    if (indent_of(line) > 3)
        return false;
    line = str_trim(line);
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] == mark)
            n++;
        else if (!spaced || line.data[i] != ' ')
            return false;
    }
    return n >= least;
}

static bool is_rule(struct str line)
{
    return is_row_of(line, '-', 3, true) || is_row_of(line, '*', 3, true) ||
           is_row_of(line, '_', 3, true);
}

/* Is the line at `i`, the first of its block, a heading by the line under it? */
static int setext_level(const struct page *p, size_t i)
{
    if (i + 1 >= p->count || indent_of(p->lines[i]) > 3 || is_rule(p->lines[i]))
        return 0;
    struct str title = str_trim(p->lines[i]);
    bool item = title.size > 1 && strchr("-*+", title.data[0]) && title.data[1] == ' ';
    if (item || title.data[0] == '>' || title.data[0] == '|' || title.data[0] == '=')
        return 0;
    return is_row_of(p->lines[i + 1], '=', 3, false)   ? 1
           : is_row_of(p->lines[i + 1], '-', 3, false) ? 2
                                                       : 0;
}

/* The length of a fence that `line` opens, or 0; `mark` gets its kind. */
static size_t fence_opens(struct str line, char *mark)
{
    line = str_trim(line);
    *mark = line.size ? line.data[0] : ' ';
    if (*mark != '`' && *mark != '~')
        return 0;
    size_t n = run_of(line, *mark);
    if (n < 3 || (*mark == '`' && memchr(line.data + n, '`', line.size - n)))
        return 0;
    return n;
}

static size_t fence_closes(struct str line, char mark)
{
    line = str_trim(line);
    size_t n = run_of(line, mark);
    return n >= 3 && n == line.size ? n : 0;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static struct page page_of(struct str text)
{
    struct page p = {0};
    size_t capacity = 0;
    struct str line;
    while (cut_next_line(&text, &line)) {
        if (p.count == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            p.lines = mem_grow(p.lines, capacity, sizeof *p.lines);
        }
        p.lines[p.count++] = line;
    }
    p.ticks = mem_array(p.count + 1, sizeof *p.ticks);
    p.tildes = mem_array(p.count + 1, sizeof *p.tildes);
    for (size_t i = p.count; i-- > 0;) {
        p.ticks[i] = larger(p.ticks[i + 1], fence_closes(p.lines[i], '`'));
        p.tildes[i] = larger(p.tildes[i + 1], fence_closes(p.lines[i], '~'));
    }
    return p;
}

/* The line behind the fenced block that begins at `i`; i itself where none begins. */
static size_t fence_end(const struct page *p, size_t i)
{
    char mark;
    size_t length = fence_opens(p->lines[i], &mark);
    if (!length || (mark == '`' ? p->ticks : p->tildes)[i + 1] < length)
        return i;
    size_t end = i + 1;
    while (fence_closes(p->lines[end], mark) < length)
        end++;
    return end + 1;
}

static size_t block_end(const struct page *p, size_t start)
{
    size_t i = start;
    while (i < p->count && !is_blank(p->lines[i]) && !atx_level(p->lines[i])) {
        size_t behind = fence_end(p, i);
        i = behind > i ? behind : i + 1;
    }
    return i;
}

static struct str lines_from(const struct page *p, size_t begin, size_t end)
{
    const char *first = p->lines[begin].data;
    struct str last = p->lines[end - 1];
    return (struct str){first, (size_t)(last.data + last.size - first)};
}

/* Could this line stand in YAML front matter? */
static bool is_yaml_like(struct str line)
{
    struct str t = str_trim(line);
    if (!t.size || t.data[0] == '#' || t.data[0] == '-' || line.data[0] == ' ')
        return true;
    const char *colon = memchr(t.data, ':', t.size);
    return colon && (colon == t.data + t.size - 1 || colon[1] == ' ');
}

/* Lines of the front matter at the top, both rows of dashes included; 0 = none. */
static size_t front_matter(const struct page *p)
{
    if (p->count < 3 || !str_is(str_trim(p->lines[0]), "---") || is_blank(p->lines[1]))
        return 0;
    for (size_t i = 1; i < p->count; i++) {
        struct str t = str_trim(p->lines[i]);
        if (str_is(t, "---") || str_is(t, "..."))
            return i > 1 ? i + 1 : 0;
        if (!is_yaml_like(p->lines[i]))
            return 0;
    }
    return 0;
}

void cut_markdown(struct cut *c, struct str text)
{
    struct page p = page_of(text);
    size_t i = front_matter(&p);
    if (i)
        cut_note(c, "its front matter (%zu lines at the top) is not learned", i);
    while (i < p.count) {
        int level = atx_level(p.lines[i]);
        size_t end = i + 1;
        if (is_blank(p.lines[i])) {
            i++;
            continue;
        }
        if (!level && (level = setext_level(&p, i)))
            end = i + 2;
        if (!level)
            end = block_end(&p, i);
        if (level || end > i + 1 || !is_rule(p.lines[i]))
            cut_add(c, level ? SAMPLE_HEADING : SAMPLE_TEXT, level, lines_from(&p, i, end), i + 1);
        i = end;
    }
    free(p.lines);
    free(p.ticks);
    free(p.tildes);
}
