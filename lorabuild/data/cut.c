#include "lorabuild/data/cut.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *suffix;
    enum document_kind kind;
    void (*cut)(struct cut *c, struct str text);
} kinds[] = {
    {".txt", DOCUMENT_LINES, cut_lines},
    {".md", DOCUMENT_MARKDOWN, cut_markdown},
    {".jsonl", DOCUMENT_RECORDS, cut_records},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

bool cut_kind(const char *path, enum document_kind *kind)
{
    size_t n = strlen(path);
    for (int i = 0; i < KINDS; i++) {
        size_t m = strlen(kinds[i].suffix);
        if (n <= m || strcasecmp(path + n - m, kinds[i].suffix) != 0)
            continue;
        *kind = kinds[i].kind;
        return true;
    }
    return false;
}

static char *print(const char *format, va_list arguments)
{
    char text[400];
    vsnprintf(text, sizeof text, format, arguments);
    return mem_strdup(text);
}

void bad_records_add(struct bad_records *b, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (b->count < BAD_SHOWN)
        b->lines[b->count] = print(format, arguments);
    b->count++;
    va_end(arguments);
}

void bad_records_free(struct bad_records *b)
{
    for (size_t i = 0; i < b->count && i < BAD_SHOWN; i++)
        free(b->lines[i]);
    *b = (struct bad_records){0};
}

void cut_note(struct cut *c, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = print(format, arguments);
    va_end(arguments);
    c->notes = mem_grow(c->notes, c->note_count + 1, sizeof *c->notes);
    c->notes[c->note_count++] = arena_strdup(c->arena, text);
    free(text);
}

bool cut_next_line(struct str *rest, struct str *line)
{
    if (!rest->size)
        return false;
    const char *end = memchr(rest->data, '\n', rest->size);
    size_t n = end ? (size_t)(end - rest->data) : rest->size;
    *line = (struct str){rest->data, n};
    n += end != NULL;
    *rest = (struct str){rest->data + n, rest->size - n};
    return true;
}

static struct str kept(struct arena *a, struct str text)
{
    return (struct str){arena_strndup(a, text.data, text.size), text.size};
}

void cut_add(struct cut *c, enum sample_kind kind, int heading_level, struct str text, size_t line)
{
    struct strbuf clean = {0};
    if (kind == SAMPLE_CHAT)
        strbuf_add_str(&clean, text);
    else
        sample_clean(&clean, text);
    if (!clean.size)
        goto out;
    if (c->count == c->capacity) {
        c->capacity = c->capacity ? 2 * c->capacity : 32;
        c->samples = mem_grow(c->samples, c->capacity, sizeof *c->samples);
    }
    struct str own = kept(c->arena, strbuf_str(&clean));
    c->samples[c->count++] = (struct sample){.kind = kind,
                                             .heading_level = heading_level,
                                             .content = sample_content_digest(kind, own),
                                             .text = own,
                                             .line = line,
                                             .place = c->place};
    c->place += kind != SAMPLE_HEADING;
out:
    strbuf_free(&clean);
}

void cut_lines(struct cut *c, struct str text)
{
    struct str line;
    for (size_t number = 1; cut_next_line(&text, &line); number++)
        cut_add(c, SAMPLE_TEXT, 0, line, number);
}

void cut_document(struct document *d, struct str text, struct arena *a, struct bad_records *bad)
{
    struct cut c = {.arena = a, .shown_as = d->path, .place = 1, .bad = bad};
    if (bad && bad->folder)
        c.shown_as = arena_printf(a, "%s/%s", bad->folder, d->path);
    for (int i = 0; i < KINDS; i++)
        if (kinds[i].kind == d->kind)
            kinds[i].cut(&c, text);
    d->count = c.count;
    d->samples = arena_array(a, c.count, sizeof *d->samples);
    if (c.count)
        memcpy(d->samples, c.samples, c.count * sizeof *d->samples);
    d->note_count = c.note_count;
    d->notes = arena_array(a, c.note_count, sizeof *d->notes);
    if (c.note_count)
        memcpy(d->notes, c.notes, c.note_count * sizeof *d->notes);
    free(c.samples);
    free(c.notes);
}
