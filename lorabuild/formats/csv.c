#include "lorabuild/formats/csv.h"

#include "lorabuild/formats/text_encoding.h"

#include <stdlib.h>
#include <string.h>

/* Reads one record after another out of clean UTF-8 with "\n" for line ends. */
struct reader {
    struct arena *arena;
    struct str text;
    const char *shown_as;
    struct error *e;
    size_t at, line;
    char delimiter;
    struct str *cells; /* of the current record */
    size_t count, capacity;
    bool has_content; /* some cell is not empty, or was quoted */
};

/* Excel's own hint, "sep=;", as the first line: taken and skipped. Otherwise the first of the
 * delimiters to occur outside quotes in the first line that is not blank: a file name, which
 * comes first, holds none of them. */
static char find_delimiter(struct reader *r)
{
    struct str t = r->text;
    bool is_quoted = false;
    if (str_starts(t, "sep=") && t.size > 4 && memchr(",;\t|", t.data[4], 4) &&
        (t.size == 5 || t.data[5] == '\n')) {
        r->at = t.size == 5 ? 5 : 6;
        r->line = 2;
        return t.data[4];
    }
    size_t i = 0;
    while (i < t.size && t.data[i] == '\n')
        i++;
    for (; i < t.size && (is_quoted || t.data[i] != '\n'); i++) {
        if (t.data[i] == '"')
            is_quoted = !is_quoted;
        else if (!is_quoted && memchr(",;\t", t.data[i], 3))
            return t.data[i];
    }
    return ',';
}

static void add_cell(struct reader *r, struct str cell)
{
    if (r->count == r->capacity) {
        r->capacity = 2 * r->capacity + 8;
        r->cells = mem_grow(r->cells, r->capacity, sizeof *r->cells);
    }
    r->cells[r->count++] = cell;
}

static bool at_end_of_cell(const struct reader *r)
{
    return r->at == r->text.size || r->text.data[r->at] == r->delimiter ||
           r->text.data[r->at] == '\n';
}

static void take_plain(struct reader *r)
{
    size_t from = r->at;
    while (!at_end_of_cell(r))
        r->at++;
    r->has_content |= str_trim((struct str){r->text.data + from, r->at - from}).size > 0;
    add_cell(r, (struct str){r->text.data + from, r->at - from});
}

/* At an opening quote. Doubled quotes stand for one; line breaks are content. */
static bool take_quoted(struct reader *r)
{
    size_t first_line = r->line, size = 0;
    const char *text = r->text.data + r->at + 1;
    const char *end = r->text.data + r->text.size, *p = text;
    while (p < end && (*p != '"' || (p + 1 < end && p[1] == '"')))
        p += *p == '"' ? 2 : 1;
    if (p == end)
        return error_at(r->e, ERROR_INPUT, r->shown_as, first_line, 0,
                        "a quoted cell that begins here never ends");
    char *cell = arena_alloc(r->arena, (size_t)(p - text) + 1);
    for (const char *q = text; q < p; q += *q == '"' ? 2 : 1) {
        cell[size++] = *q;
        r->line += *q == '\n';
    }
    r->at = (size_t)(p + 1 - r->text.data);
    while (!at_end_of_cell(r) && (r->text.data[r->at] == ' ' || r->text.data[r->at] == '\t'))
        r->at++;
    if (!at_end_of_cell(r))
        return error_at(r->e, ERROR_INPUT, r->shown_as, r->line, 0,
                        "text behind a cell's closing quote; a quote inside is written twice");
    r->has_content = true;
    add_cell(r, (struct str){cell, size});
    return true;
}

/* Space before an opening quote is no part of the cell. */
static bool take_cell(struct reader *r)
{
    size_t i = r->at;
    while (i < r->text.size && r->text.data[i] == ' ')
        i++;
    if (i == r->text.size || r->text.data[i] != '"') {
        take_plain(r);
        return true;
    }
    r->at = i;
    return take_quoted(r);
}

static bool take_record(struct reader *r)
{
    r->count = 0;
    r->has_content = false;
    for (;;) {
        if (!take_cell(r))
            return false;
        if (r->at == r->text.size)
            return true;
        if (r->text.data[r->at++] == '\n') {
            r->line++;
            return true;
        }
    }
}

static void keep_record(struct csv *c, struct reader *r, size_t line, size_t *capacity)
{
    if (c->count == *capacity) {
        size_t wider = 2 * *capacity + 16;
        struct csv_row *rows = arena_array(&c->arena, wider, sizeof *rows);
        if (c->count)
            memcpy(rows, c->rows, c->count * sizeof *rows);
        c->rows = rows;
        *capacity = wider;
    }
    struct str *cells = arena_array(&c->arena, r->count, sizeof *cells);
    memcpy(cells, r->cells, r->count * sizeof *cells);
    c->rows[c->count++] = (struct csv_row){line, cells, r->count};
}

bool csv_parse(struct csv *c, struct str bytes, const char *shown_as, struct error *e)
{
    struct strbuf text = {0};
    const char *encoding;
    size_t capacity = 0;
    *c = (struct csv){0};
    bool ok = text_decode(&text, bytes, shown_as, &encoding, e);
    struct reader r = {.arena = &c->arena, .shown_as = shown_as, .e = e, .line = 1};
    if (ok && text.size)
        r.text = (struct str){arena_strndup(&c->arena, text.data, text.size), text.size};
    strbuf_free(&text);
    r.delimiter = ok ? find_delimiter(&r) : ',';
    while (ok && r.at < r.text.size) {
        size_t line = r.line;
        ok = take_record(&r);
        if (ok && r.has_content)
            keep_record(c, &r, line, &capacity);
    }
    free(r.cells);
    if (!ok)
        csv_free(c);
    return ok;
}

void csv_free(struct csv *c)
{
    arena_free(&c->arena);
    *c = (struct csv){0};
}

/* Quoted is whatever some program might take for more than its characters, and a row's only
 * cell if it is empty, lest the row be blank. */
static bool needs_quotes(struct str cell)
{
    if (cell.size == 0)
        return false;
    char first = cell.data[0], last = cell.data[cell.size - 1];
    if (first == ' ' || first == '\t' || last == ' ' || last == '\t' || str_starts(cell, "sep="))
        return true;
    for (size_t i = 0; i < cell.size; i++)
        if (memchr(",;\t\"\n\r", cell.data[i], 6))
            return true;
    return false;
}

void csv_add_row(struct strbuf *out, const struct str *cells, size_t count)
{
    bool is_blank = true;
    for (size_t i = 0; i < count; i++)
        is_blank = is_blank && str_trim(cells[i]).size == 0;
    for (size_t i = 0; i < count; i++) {
        bool is_quoted = needs_quotes(cells[i]) || (i == 0 && is_blank);
        if (i)
            strbuf_add_byte(out, ',');
        if (is_quoted)
            strbuf_add_byte(out, '"');
        for (size_t k = 0; k < cells[i].size; k++) {
            if (cells[i].data[k] == '"')
                strbuf_add_byte(out, '"');
            strbuf_add_byte(out, cells[i].data[k]);
        }
        if (is_quoted)
            strbuf_add_byte(out, '"');
    }
    strbuf_add_byte(out, '\n');
}
