#include "rules/repair.h"

#include "lorabuild/common/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLOW_MOST = 100 };

enum wide {
    WIDE_COLON = 0xFF1A,
    WIDE_COMMA = 0xFF0C,
    LIST_COMMA = 0x3001,
    WIDE_PERCENT = 0xFF05,
    WIDE_HASH = 0xFF03,
    WIDE_SPACE = 0x3000,
    HARD_SPACE = 0xA0
};

static const struct bracket {
    int32_t wide;
    char ascii;
} brackets[] = {{0x3010, '['}, {0xFF3B, '['}, {0xFF5B, '{'},
                {0x3011, ']'}, {0xFF3D, ']'}, {0xFF5D, '}'}};

static const struct quote {
    int32_t open, close;
} quotes[] = {{0x201C, 0x201D}, {0x2018, 0x2019}, {0xFF02, 0xFF02},
              {0xFF07, 0xFF07}, {0x300C, 0x300D}, {0x300E, 0x300F}};

struct repair {
    struct source *source;
    struct report *report;
    struct strbuf *out;
    size_t shift_capacity;
    size_t tab_width, first_guess;
    /* Where we are. */
    struct str line;
    size_t number, at, column;
    /* What we are in. */
    char quote;           /* ' or ", 0 = none */
    char flow[FLOW_MOST]; /* open brackets */
    size_t depth;
    bool in_block;       /* a | or > text */
    size_t block_indent; /* of the line that opened it */
    bool wide_blank;     /* behind another one */
    bool token_start;    /* a key, value or item may begin here */
    bool key_side;       /* and it may be a key of a mapping */
};

static int32_t character(const struct repair *p, size_t at)
{
    return at < p->line.size ? utf8_next(p->line, &at) : '\n';
}

static int32_t here(const struct repair *p)
{
    return character(p, p->at);
}

static int32_t next(const struct repair *p)
{
    size_t at = p->at;
    if (at < p->line.size)
        utf8_next(p->line, &at);
    return character(p, at);
}

static bool is_blank(int32_t c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

static bool is_flow_mark(int32_t c)
{
    return c == ',' || c == '[' || c == ']' || c == '{' || c == '}';
}

static bool is_wide_blank(int32_t c)
{
    return c == WIDE_SPACE || c == HARD_SPACE;
}

static void found(struct repair *p, const char *message)
{
    report_error(p->report, (struct mark){p->source, p->number, p->column, 1}, "%s", message);
}

/* Takes the character at hand over as it is. */
static void copy(struct repair *p)
{
    size_t from = p->at;
    utf8_next(p->line, &p->at);
    strbuf_add(p->out, p->line.data + from, p->at - from);
    p->column++;
}

/* Writes `text` of n characters for the character at hand. */
static void replace(struct repair *p, const char *text, size_t n)
{
    struct source *s = p->source;
    strbuf_add_text(p->out, text);
    if (n > 1) {
        if (s->shift_count == p->shift_capacity) {
            p->shift_capacity = p->shift_capacity ? p->shift_capacity * 2 : 16;
            s->shifts = mem_grow(s->shifts, p->shift_capacity, sizeof *s->shifts);
        }
        s->shifts[s->shift_count++] = (struct shift){p->number, p->column, n - 1};
    }
    utf8_next(p->line, &p->at);
    p->column++;
}

static void copy_rest(struct repair *p)
{
    strbuf_add(p->out, p->line.data + p->at, p->line.size - p->at);
    p->at = p->line.size;
}

static bool in_mapping(const struct repair *p)
{
    return p->depth ? p->flow[(p->depth - 1) % FLOW_MOST] == '{' : true;
}

static void open_flow(struct repair *p, char bracket)
{
    p->flow[p->depth++ % FLOW_MOST] = bracket;
    p->token_start = true;
    p->key_side = bracket == '{';
}

static void close_flow(struct repair *p)
{
    p->depth -= p->depth > 0;
    p->token_start = p->key_side = false;
}

static void after_comma(struct repair *p)
{
    p->token_start = true;
    p->key_side = in_mapping(p);
}

static void after_colon(struct repair *p)
{
    p->token_start = true;
    p->key_side = false;
}

static char ascii_bracket(int32_t c)
{
    for (size_t i = 0; i < sizeof brackets / sizeof *brackets; i++)
        if (brackets[i].wide == c)
            return brackets[i].ascii;
    return 0;
}

static void wide_bracket(struct repair *p, char ascii)
{
    char text[] = {ascii, '\0'}, message[100];
    snprintf(message, sizeof message, _("Chinese bracket; write %c"), ascii);
    found(p, message);
    replace(p, text, 1);
    if (ascii == '[' || ascii == '{')
        open_flow(p, ascii);
    else
        close_flow(p);
}

static void wide_colon(struct repair *p)
{
    found(p, _("Chinese colon; write ': ' (colon, space)"));
    bool spaced = is_blank(next(p)) || is_wide_blank(next(p));
    replace(p, spaced ? ":" : ": ", spaced ? 1 : 2);
    after_colon(p);
}

static void wide_comma(struct repair *p)
{
    found(p, _("Chinese comma; write ', ' (comma, space)"));
    replace(p, ", ", 2);
    after_comma(p);
}

/* Inside { }, a Chinese comma parts entries only if the next entry has a colon: else it belongs
 * to the value. */
static bool comma_parts(const struct repair *p, int32_t c)
{
    if (!p->depth || (c != WIDE_COMMA && c != LIST_COMMA))
        return false;
    if (!in_mapping(p))
        return true;
    size_t at = p->at;
    utf8_next(p->line, &at);
    while (at < p->line.size) {
        c = utf8_next(p->line, &at);
        if (c == ':' || c == WIDE_COLON)
            return true;
        if (c == ',' || c == '}' || c == WIDE_COMMA)
            return false;
    }
    return false;
}

/* “word” → "word", if it closes on this line and holds nothing that YAML would read. */
static bool wide_quotes(struct repair *p, int32_t c)
{
    for (size_t i = 0; i < sizeof quotes / sizeof *quotes; i++) {
        if (quotes[i].open != c && quotes[i].close != c)
            continue;
        size_t at = p->at;
        utf8_next(p->line, &at);
        int32_t closing = 0;
        while (at < p->line.size && closing != quotes[i].close && closing != quotes[i].open)
            if ((closing = utf8_next(p->line, &at)) == '"' || closing == '\\')
                return false;
        if (closing != quotes[i].close && closing != quotes[i].open)
            return false;
        found(p, _("Chinese quotation marks; write \" or '"));
        replace(p, "\"", 1);
        for (c = here(p); c != quotes[i].close && c != quotes[i].open; c = here(p))
            copy(p);
        replace(p, "\"", 1);
        p->token_start = false;
        return true;
    }
    return false;
}

static void percent(struct repair *p)
{
    size_t end = p->at;
    for (int32_t c = here(p); !is_blank(c) && !(p->depth && is_flow_mark(c)); end++) {
        if (c == ':' && is_blank(character(p, end + 1)))
            break;
        c = end + 1 < p->line.size ? p->line.data[end + 1] : '\n';
    }
    struct str word = {p->line.data + p->at, end - p->at};
    struct mark m = {p->source, p->number, p->column, source_characters(word)};
    report_error(p->report, m,
                 _("YAML cannot begin a plain word with %%; put it in quotes: '%.*s'"),
                 word.size < 200 ? (int)word.size : 200, word.data);
    replace(p, PERCENT, 1);
}

static bool wide_in_word(struct repair *p, int32_t c)
{
    char bracket = ascii_bracket(c);
    if (c == WIDE_COLON && p->key_side && in_mapping(p))
        wide_colon(p);
    else if (comma_parts(p, c))
        wide_comma(p);
    else if (p->depth && (bracket == ']' || bracket == '}'))
        wide_bracket(p, bracket);
    else
        return false;
    return true;
}

/* A plain word, up to the punctuation that ends it. */
static void plain_word(struct repair *p)
{
    size_t inner = 0; /* full-width brackets that opened inside the word: 方案【终版】 */
    p->token_start = false;
    while (p->at < p->line.size) {
        int32_t c = here(p);
        if (c == ':' &&
            (is_blank(next(p)) || is_wide_blank(next(p)) || (p->depth && is_flow_mark(next(p)))))
            return;
        if (p->depth && is_flow_mark(c))
            return;
        if (c == ' ' && next(p) == '#')
            return;
        if (ascii_bracket(c) == '[' || ascii_bracket(c) == '{')
            inner++;
        else if (inner && ascii_bracket(c))
            inner--;
        else if (wide_in_word(p, c))
            return;
        if (c == WIDE_PERCENT) {
            found(p, _("full-width percent sign; write %"));
            replace(p, "%", 1);
        } else if (c == '\t') {
            replace(p, " ", 1);
        } else {
            copy(p);
        }
    }
}

static void quoted(struct repair *p)
{
    while (p->at < p->line.size) {
        int32_t c = here(p);
        bool escape = p->quote == '"' ? c == '\\' : c == '\'' && next(p) == '\'';
        copy(p);
        if (escape && p->at < p->line.size)
            copy(p);
        else if (c == p->quote && !escape) {
            p->quote = 0;
            return;
        }
    }
}

static void block_header(struct repair *p)
{
    struct str line = p->line;
    p->in_block = true;
    p->block_indent = 0;
    while (p->block_indent < line.size && line.data[p->block_indent] == ' ')
        p->block_indent++;
    copy_rest(p);
}

/* A token's first character. false: it is none of these. */
static bool token_first(struct repair *p, int32_t c)
{
    char bracket = ascii_bracket(c);
    if (c == '"' || c == '\'') {
        p->quote = (char)c;
        p->token_start = false;
        copy(p);
        quoted(p);
    } else if (c == '&' || c == '!' || c == '*') {
        while (p->at < p->line.size && !is_blank(here(p)) && !(p->depth && is_flow_mark(here(p))))
            copy(p);
        p->token_start = c != '*';
    } else if ((c == '|' || c == '>') && !p->depth) {
        block_header(p);
    } else if (c == '-' && is_blank(next(p)) && !p->depth) {
        copy(p);
        p->key_side = false;
    } else if (bracket == '[' || bracket == '{') {
        wide_bracket(p, bracket);
    } else if (c == WIDE_HASH) {
        found(p, _("full-width #; write #"));
        replace(p, "#", 1);
        copy_rest(p);
    } else if (c == '%' && !(p->column == 1 && next(p) >= 'A' && next(p) <= 'Z')) {
        percent(p);
        plain_word(p);
    } else {
        return wide_quotes(p, c);
    }
    return true;
}

/* Punctuation between tokens. */
static bool between(struct repair *p, int32_t c)
{
    if (c == ' ' || (c == '\t' && p->at)) {
        if (c == ' ')
            copy(p);
        else
            replace(p, " ", 1);
        if (here(p) == '#')
            copy_rest(p);
    } else if (is_wide_blank(c)) {
        if (!p->wide_blank)
            found(p, c == WIDE_SPACE ? _("Chinese space; write an ordinary space")
                                     : _("no-break space; write an ordinary space"));
        p->wide_blank = is_wide_blank(next(p)); /* a run of them is one finding */
        replace(p, c == WIDE_SPACE ? "  " : " ", c == WIDE_SPACE ? 2 : 1);
    } else if (c == '[' || c == '{') {
        copy(p);
        open_flow(p, (char)c);
    } else if ((c == ']' || c == '}') && p->depth) {
        copy(p);
        close_flow(p);
    } else if (c == ',' && p->depth) {
        copy(p);
        after_comma(p);
    } else if (c == ':' && (is_blank(next(p)) || is_wide_blank(next(p)) || p->depth)) {
        copy(p);
        after_colon(p);
    } else {
        return false;
    }
    return true;
}

static void tokens(struct repair *p)
{
    if (p->quote)
        quoted(p);
    else if (here(p) == '#')
        copy_rest(p);
    while (p->at < p->line.size) {
        int32_t c = here(p);
        if (between(p, c) || (p->token_start && token_first(p, c)))
            continue;
        if (!p->token_start && wide_in_word(p, c))
            continue;
        plain_word(p);
        if (p->at < p->line.size && here(p) == ':')
            after_colon(p), copy(p);
    }
}

/* Spaces, and what stands in their place. */
static void indentation(struct repair *p)
{
    bool told = false;
    while (p->at < p->line.size) {
        int32_t c = here(p);
        if (c == ' ') {
            copy(p);
        } else if (c == '\t' && p->depth) {
            replace(p, " ", 1);
        } else if (c == '\t') {
            if (!told)
                found(p, _("a tab indents this line; write spaces"));
            told = true;
            p->first_guess = p->first_guess ? p->first_guess : p->number;
            replace(p, &"        "[8 - p->tab_width], p -> tab_width);
        } else {
            return;
        }
    }
}

static size_t leading_blanks(struct str line)
{
    size_t n = 0;
    while (n < line.size && (line.data[n] == ' ' || line.data[n] == '\t'))
        n++;
    return n;
}

static void one_line(struct repair *p)
{
    size_t blanks = leading_blanks(p->line), spaces = 0;
    bool empty = blanks == p->line.size;
    while (spaces < p->line.size && p->line.data[spaces] == ' ')
        spaces++;
    if (p->in_block && (empty || spaces > p->block_indent)) {
        copy_rest(p);
        return;
    }
    p->in_block = false;
    if (p->quote) {
        quoted(p);
    } else if (empty || (p->line.data[blanks] == '#' && !p->depth)) {
        p->at = blanks; /* a tab before nothing, or before a comment, harms nobody */
        copy_rest(p);
        return;
    } else {
        if (!p->depth)
            p->token_start = p->key_side = true;
        indentation(p);
    }
    tokens(p);
}

/* What one tab stands for: the least indentation by spaces in this file, else two. */
static size_t guess_tab_width(const struct source *s)
{
    size_t least = 0;
    for (size_t i = 0; i < s->line_count; i++) {
        struct str line = s->lines[i];
        size_t n = leading_blanks(line);
        bool spaces = n && n < line.size && !memchr(line.data, '\t', n);
        if (spaces && n >= 2 && (!least || n < least))
            least = n;
    }
    return least && least <= 8 ? least : 2;
}

size_t repair_text(struct source *s, struct report *r, struct strbuf *mended)
{
    struct repair p = {.source = s, .report = r, .out = mended};
    p.tab_width = guess_tab_width(s);
    for (size_t i = 0; i < s->line_count; i++) {
        p.line = s->lines[i];
        p.number = i + 1;
        p.at = 0;
        p.column = 1;
        one_line(&p);
        strbuf_add_byte(mended, '\n');
    }
    /* The shifts join the arena that the source lives in. */
    struct shift *kept = arena_array(r->arena, s->shift_count, sizeof *kept);
    if (s->shift_count)
        memcpy(kept, s->shifts, s->shift_count * sizeof *kept);
    free(s->shifts);
    s->shifts = kept;
    return p.first_guess;
}
