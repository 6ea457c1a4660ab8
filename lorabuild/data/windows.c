#include "lorabuild/data/window_maker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Digests that were met, by open addressing: they are random already. */
struct met {
    struct digest *slots;
    size_t count, capacity;
};

static size_t slot_of(const struct met *m, struct digest d)
{
    size_t at;
    memcpy(&at, d.bytes, sizeof at);
    for (at &= m->capacity - 1; !digest_is_zero(m->slots[at]); at = (at + 1) & (m->capacity - 1))
        if (digest_equal(m->slots[at], d))
            break;
    return at;
}

static void met_grow(struct met *m)
{
    struct met larger = {.count = m->count, .capacity = m->capacity ? 2 * m->capacity : 1024};
    larger.slots = mem_array(larger.capacity, sizeof *larger.slots);
    for (size_t i = 0; i < m->capacity; i++)
        if (!digest_is_zero(m->slots[i]))
            larger.slots[slot_of(&larger, m->slots[i])] = m->slots[i];
    free(m->slots);
    *m = larger;
}

/* Adds it; true if it was there before. */
static bool met_before(struct met *m, struct digest d)
{
    if (2 * m->count >= m->capacity)
        met_grow(m);
    size_t at = slot_of(m, d);
    if (!digest_is_zero(m->slots[at]))
        return true;
    m->slots[at] = d;
    m->count++;
    return false;
}

void maker_note(struct maker *m, const char *format, ...)
{
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    m->w->notes = mem_grow(m->w->notes, m->w->note_count + 1, sizeof *m->w->notes);
    m->w->notes[m->w->note_count++] = arena_strdup(&m->w->arena, text);
}

void maker_emit(struct maker *m, const struct digest *samples, size_t sample_count)
{
    size_t n = m->tokens.count;
    uint32_t learned = 0;
    if (n)
        m->learned.data[0] = 0; /* nothing predicts the first token */
    for (size_t i = 0; i < n; i++)
        learned += m->learned.data[i] != 0;
    if (!learned)
        return;
    if (m->w->count == m->capacity) {
        m->capacity = m->capacity ? 2 * m->capacity : 64;
        m->w->items = mem_grow(m->w->items, m->capacity, sizeof *m->w->items);
    }
    struct window *w = &m->w->items[m->w->count++];
    *w = (struct window){.count = (uint32_t)n,
                         .learned_count = learned,
                         .sample_count = (uint32_t)sample_count,
                         .document = m->document};
    w->ids = arena_array(&m->w->arena, n, sizeof *w->ids);
    w->learned = arena_array(&m->w->arena, n, 1);
    w->samples = arena_array(&m->w->arena, sample_count, sizeof *w->samples);
    memcpy(w->ids, m->tokens.ids, n * sizeof *w->ids);
    memcpy(w->learned, m->learned.data, n);
    if (sample_count)
        memcpy(w->samples, samples, sample_count * sizeof *w->samples);
}

struct windows_run {
    struct maker m;
    struct met met;
    bool raw;
    size_t uncaptioned;
};

/* What a sample is used for. One that stood before is learned once: then it is only context. */
static enum piece_use use_of(struct windows_run *r, const struct sample *s)
{
    const struct window_options *o = r->m.o;
    enum sample_role role = o->role ? o->role(o->context, s) : o->wanted;
    if (role == ROLE_NONE || (role == ROLE_VALIDATE && o->wanted == ROLE_LEARN))
        return PIECE_OUT;
    if (role != o->wanted || met_before(&r->met, r->raw ? s->content : s->id))
        return PIECE_CONTEXT;
    return PIECE_WANTED;
}

static struct piece *pieces_of(struct windows_run *r, const struct document *d)
{
    struct piece *pieces = mem_array(d->count, sizeof *pieces);
    for (size_t i = 0; i < d->count; i++)
        pieces[i] = (struct piece){
            .sample = &d->samples[i], .use = use_of(r, &d->samples[i]), .text = d->samples[i].text};
    return pieces;
}

/* Where the section ends that begins at `begin`: before what is left out, before a
 * conversation, and before a heading if there is text already. */
static size_t plain_end(const struct piece *p, size_t begin, size_t count)
{
    bool has_text = false;
    for (size_t i = begin; i < count; i++) {
        if (p[i].use == PIECE_OUT || p[i].sample->kind == SAMPLE_CHAT)
            return i;
        if (p[i].sample->kind == SAMPLE_HEADING && has_text)
            return i;
        has_text = has_text || p[i].sample->kind == SAMPLE_TEXT;
    }
    return count;
}

/* Pieces begin … end-1 as plain text; `count` is the whole document's. */
static bool plain_text(struct windows_run *r, const struct document *d, struct piece *p,
                       size_t begin, size_t end, size_t count)
{
    bool records = d->kind == DOCUMENT_RECORDS; /* each its own document */
    for (size_t i = begin, next; i < end; i = next) {
        next = records ? i + 1 : plain_end(p, i, end);
        struct section s = {.pieces = p + i,
                            .count = next - i,
                            .separator = d->kind == DOCUMENT_MARKDOWN ? "\n\n" : "\n",
                            .at_end = records || next == count};
        if (next == i || p[i].use == PIECE_OUT)
            next = i + 1;
        else if (!section_windows(&r->m, &s))
            return false;
    }
    return true;
}

static bool conversation(struct windows_run *r, const struct piece *p)
{
    return p->use != PIECE_WANTED || conversation_windows(&r->m, p->sample);
}

static bool raw_document(struct windows_run *r, const struct document *d, struct piece *p)
{
    for (size_t i = 0, next; i < d->count; i = next) {
        next = i + 1;
        if (p[i].sample->kind == SAMPLE_CHAT) {
            if (!conversation(r, &p[i]))
                return false;
            continue;
        }
        while (next < d->count && p[next].sample->kind != SAMPLE_CHAT)
            next++;
        if (!plain_text(r, d, p, i, next, d->count))
            return false;
    }
    return true;
}

static bool is_passage_of(const struct piece *p, const struct piece *first)
{
    return p->sample->kind == SAMPLE_TEXT && p->use != PIECE_OUT &&
           p->sample->passage == first->sample->passage;
}

/* The headings in force, of which a request may be made. */
struct headings {
    const struct sample *at[7];
};

static void enter_heading(struct headings *h, const struct sample *s)
{
    for (int level = s->heading_level; level < 7; level++)
        h->at[level] = NULL;
    h->at[s->heading_level] = s;
}

static bool passage(struct windows_run *r, const struct document *d, const struct headings *h,
                    struct piece *p, size_t count)
{
    const struct sample *above[7];
    struct section s = {.pieces = p,
                        .count = count,
                        .separator = d->kind == DOCUMENT_MARKDOWN ? "\n\n" : "\n",
                        .request = p[0].sample->caption,
                        .chat = true,
                        .above = above};
    for (int level = 1; level < 7; level++)
        if (h->at[level])
            above[s.above_count++] = h->at[level];
    return section_windows(&r->m, &s);
}

/* Does the text at or behind the headings at i have no caption? */
static bool leads_to_uncaptioned(const struct piece *p, size_t i, size_t count)
{
    while (i < count && p[i].sample->kind == SAMPLE_HEADING)
        i++;
    return i < count && p[i].sample->kind == SAMPLE_TEXT && !p[i].sample->caption.size;
}

/* Texts that no caption asks for, from i on, with the headings above each, as plain text. `next`
 * becomes the first piece behind them. */
static bool uncaptioned(struct windows_run *r, const struct document *d, struct headings *h,
                        struct piece *p, size_t i, size_t *next)
{
    size_t begin = i;
    while (begin > 0 && p[begin - 1].sample->kind == SAMPLE_HEADING)
        begin--;
    for (*next = i; leads_to_uncaptioned(p, *next, d->count); ++*next) {
        if (p[*next].sample->kind == SAMPLE_HEADING)
            enter_heading(h, p[*next].sample);
        else
            r->uncaptioned += p[*next].use == PIECE_WANTED;
    }
    return plain_text(r, d, p, begin, *next, d->count);
}

static bool chat_document(struct windows_run *r, const struct document *d, struct piece *p)
{
    struct headings h = {{0}};
    bool ok = true;
    for (size_t i = 0, next; ok && i < d->count; i = next) {
        const struct sample *s = p[i].sample;
        next = i + 1;
        if (s->kind == SAMPLE_HEADING) {
            enter_heading(&h, s);
        } else if (s->kind == SAMPLE_CHAT) {
            ok = conversation(r, &p[i]);
        } else if (!s->caption.size) {
            ok = uncaptioned(r, d, &h, p, i, &next);
        } else if (p[i].use != PIECE_OUT) {
            while (next < d->count && is_passage_of(&p[next], &p[i]))
                next++;
            ok = passage(r, d, &h, p + i, next - i);
        }
    }
    return ok;
}

static bool is_wanted(const struct piece *p, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (p[i].use == PIECE_WANTED)
            return true;
    return false;
}

static bool document_windows(struct windows_run *r, const struct document *d)
{
    struct strbuf shown = {0};
    strbuf_add_shown(&shown, str_of(d->path));
    r->m.path = shown.data ? shown.data : "";
    struct piece *pieces = pieces_of(r, d);
    bool ok = true;
    if (is_wanted(pieces, d->count)) /* else it has no loss: nearly all of what an update sees */
        ok = r->raw ? raw_document(r, d, pieces) : chat_document(r, d, pieces);
    free(pieces);
    strbuf_free(&shown);
    r->m.document++;
    return ok;
}

bool windows_make(struct windows *w, const struct dataset *const *datasets, size_t dataset_count,
                  const struct window_options *o, struct error *e)
{
    struct windows_run r = {.m = {.o = o, .w = w, .e = e}};
    r.raw = o->raw || !o->chat || !o->chat->name;
    r.m.max_length = o->max_length > 0 ? (size_t)o->max_length : 0;
    *w = (struct windows){0};
    bool ok = true;
    for (size_t i = 0; ok && i < dataset_count; i++)
        for (size_t k = 0; ok && k < datasets[i]->document_count; k++)
            ok = document_windows(&r, &datasets[i]->documents[k]);
    if (r.uncaptioned)
        maker_note(&r.m, "%zu %s no caption: learned as plain text", r.uncaptioned,
                   r.uncaptioned == 1 ? "text has" : "texts have");
    free(r.met.slots);
    free(r.m.piece_starts);
    strbuf_free(&r.m.text);
    strbuf_free(&r.m.learned);
    tokens_free(&r.m.tokens);
    if (!ok)
        windows_free(w);
    return ok;
}

void windows_free(struct windows *w)
{
    free(w->items);
    free(w->notes);
    arena_free(&w->arena);
    *w = (struct windows){0};
}
