#include "rules/report.h"

#include "lorabuild/common/text.h"
#include "rules/nearest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum {
    FINDINGS_MOST = 10000, /* further ones are only counted */
    LINE_MOST = 160,       /* display columns of a quoted line */
    LINE_BEFORE = 60,      /* of these, before the caret */
    TAB_COLUMNS = 4
};

static void add(struct report *r, struct mark m, bool warning, const char *note, const char *format,
                va_list arguments)
{
    for (size_t i = r->count; i-- > 0;) { /* newest first: that is where twins are */
        const struct mark *other = &r->findings[i].mark;
        if (other->source == m.source && other->line == m.line && other->column == m.column &&
            m.line && r->findings[i].warning == warning)
            return;
    }
    ++*(warning ? &r->warnings : &r->errors);
    if (r->count == FINDINGS_MOST)
        return;
    if (r->count == r->capacity) {
        r->capacity = r->capacity ? r->capacity * 2 : 16;
        r->findings = mem_grow(r->findings, r->capacity, sizeof *r->findings);
    }
    char message[900];
    vsnprintf(message, sizeof message, format, arguments);
    r->findings[r->count] = (struct finding){.mark = m, .warning = warning, .number = r->count};
    r->findings[r->count].message = arena_strdup(r->arena, message);
    r->findings[r->count++].note = note ? arena_strdup(r->arena, note) : NULL;
}

void report_error(struct report *r, struct mark m, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(r, m, false, NULL, format, arguments);
    va_end(arguments);
}

void report_error_note(struct report *r, struct mark m, const char *note, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(r, m, false, note, format, arguments);
    va_end(arguments);
}

void report_warning(struct report *r, struct mark m, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(r, m, true, NULL, format, arguments);
    va_end(arguments);
}

const char *report_did_you_mean(struct report *r, const char *word, const char *const *words,
                                size_t count)
{
    const char *nearest = nearest_word(word, words, count);
    return nearest ? arena_printf(r->arena, _("; did you mean '%s'?"), nearest) : "";
}

static int by_place(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    size_t orders[][2] = {
        {x->mark.source ? x->mark.source->order : 0, y->mark.source ? y->mark.source->order : 0},
        {x->mark.line, y->mark.line},
        {x->mark.column, y->mark.column},
        {x->number, y->number}};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        if (orders[i][0] != orders[i][1])
            return orders[i][0] < orders[i][1] ? -1 : 1;
    return 0;
}

/* One character as it is shown, and the display columns that it takes. */
static size_t show_character(struct strbuf *out, struct str character, int32_t c)
{
    if (c == '\t') {
        strbuf_printf(out, "%*s", TAB_COLUMNS, "");
        return TAB_COLUMNS;
    }
    size_t before = out->size;
    strbuf_add_shown(out, character);
    bool escaped = out->size - before != character.size;
    if (escaped || c < 0)
        return out->size - before;
    int columns = utf8proc_charwidth(c);
    return columns > 0 ? (size_t)columns : 0;
}

/* The part of a line around its caret, and the display columns before and under the caret. */
static void show_line(struct strbuf *out, struct str line, struct mark m, size_t *before,
                      size_t *under)
{
    size_t *starts = mem_array(line.size + 1, sizeof *starts); /* columns before each character */
    struct strbuf whole = {0};
    size_t n = 0, columns = 0;
    for (size_t at = 0; at < line.size; n++) {
        size_t from = at;
        int32_t c = utf8_next(line, &at);
        starts[n] = columns;
        columns += show_character(&whole, (struct str){line.data + from, at - from}, c);
    }
    strbuf_free(&whole);
    starts[n] = columns;
    size_t caret = m.column - 1 < n ? m.column - 1 : n;
    size_t end = m.width < n - caret ? caret + m.width : n;
    size_t first =
        columns > LINE_MOST && starts[caret] > LINE_BEFORE ? starts[caret] - LINE_BEFORE : 0;
    size_t shown_from = 0;
    *before = *under = 0;
    for (size_t at = 0, i = 0; at < line.size; i++) {
        size_t from = at;
        int32_t c = utf8_next(line, &at);
        if (starts[i] < first || starts[i + 1] > first + LINE_MOST)
            continue;
        if (first && !shown_from) {
            strbuf_add_text(out, "...");
            *before = 3;
        }
        shown_from = 1;
        show_character(out, (struct str){line.data + from, at - from}, c);
        *before += i < caret ? starts[i + 1] - starts[i] : 0;
        *under += i >= caret && i < end ? starts[i + 1] - starts[i] : 0;
    }
    if (columns > first + LINE_MOST)
        strbuf_add_text(out, "...");
    free(starts);
}

static void show_quote(struct strbuf *out, const struct finding *f)
{
    size_t before, under;
    char number[32];
    snprintf(number, sizeof number, "%3zu", f->mark.line);
    strbuf_printf(out, "%s | ", number);
    show_line(out, source_line(f->mark.source, f->mark.line), f->mark, &before, &under);
    while (out->data[out->size - 1] == ' ')
        out->data[--out->size] = '\0';
    strbuf_printf(out, "\n%*s | %*s", (int)strlen(number), "", (int)before, "");
    for (size_t i = 0; i < (under ? under : 1); i++)
        strbuf_add_byte(out, '^');
    if (f->note) {
        strbuf_add_byte(out, ' ');
        strbuf_add_shown(out, str_of(f->note));
    }
    strbuf_add_byte(out, '\n');
}

static void show(struct strbuf *out, const struct finding *f)
{
    struct mark m = f->mark;
    if (m.source)
        strbuf_add_shown(out, str_of(m.source->shown));
    if (m.line)
        strbuf_printf(out, ":%zu:%zu", m.line, m.column);
    strbuf_add_text(out, m.source ? ": " : "");
    strbuf_add_text(out, f->warning ? _("warning: ") : "");
    strbuf_add_shown(out, str_of(f->message));
    strbuf_add_byte(out, '\n');
    if (m.source && m.line)
        show_quote(out, f);
}

void report_show(struct report *r, struct strbuf *out)
{
    if (r->count)
        qsort(r->findings, r->count, sizeof *r->findings, by_place);
    size_t shown = 0;
    for (size_t i = 0; i < r->count && shown < REPORT_MOST; i++) {
        if (r->errors && r->findings[i].warning)
            continue; /* the errors first; the warnings once they are gone */
        show(out, &r->findings[i]);
        shown++;
    }
    size_t all = r->errors ? r->errors : r->warnings;
    if (all > shown)
        strbuf_printf(out, _("... and %zu more\n"), all - shown);
}

void report_free(struct report *r)
{
    free(r->findings);
    *r = (struct report){0};
}
