#include "lorabuild/data/window_maker.h"

#include <stdlib.h>
#include <string.h>

enum { LEAST_ROOM = 16 };

/* A section being filled into windows. */
struct filling {
    struct maker *m;
    struct section *s;
    size_t room; /* tokens for text in a window */
};

static size_t next_wanted(const struct section *s, size_t at)
{
    while (at < s->count && s->pieces[at].use != PIECE_WANTED)
        at++;
    return at;
}

/* Tokens of a piece and of what stands before it, about; counted when first asked for, since an
 * update looks at few pieces of a document. 0 only where encoding failed. */
static size_t tokens_of(const struct filling *f, size_t i)
{
    struct piece *p = &f->s->pieces[i];
    if (p->tokens)
        return p->tokens;
    f->m->tokens.count = 0;
    if (!tokenizer_encode(f->m->o->tokenizer, p->text, &f->m->tokens, f->m->e))
        return 0;
    return p->tokens = f->m->tokens.count + 1;
}

/* Where the text before `first` begins that is shown as context: at most half a window. */
static size_t context_begin(const struct filling *f, size_t first)
{
    const struct piece *p = f->s->pieces;
    size_t begin = first, shown = 0;
    if (p[first].begun)
        return first;
    while (begin > 0 && p[begin - 1].use == PIECE_CONTEXT) {
        shown += tokens_of(f, begin - 1);
        if (shown > f->room / 2 || shown + tokens_of(f, first) > f->room)
            break;
        begin--;
    }
    return begin;
}

/* Without context at the end, which nothing is learned after. */
static size_t trimmed(const struct section *s, size_t first, size_t end)
{
    while (end > first + 1 && s->pieces[end - 1].use == PIECE_CONTEXT)
        end--;
    return end;
}

static size_t furthest_end(const struct filling *f, size_t begin, size_t first)
{
    size_t taken = 0, end = begin;
    while (end < f->s->count && (end <= first || taken + tokens_of(f, end) <= f->room))
        taken += tokens_of(f, end++);
    return trimmed(f->s, first, end);
}

static void emit(const struct filling *f, size_t begin, size_t end)
{
    size_t n = 0;
    struct digest *samples = mem_array(end - begin + f->s->above_count, sizeof *samples);
    for (size_t i = 0; i < f->s->above_count; i++)
        samples[n++] = f->s->above[i]->content;
    for (size_t i = begin; i < end; i++)
        if (i == begin || f->s->pieces[i].sample != f->s->pieces[i - 1].sample)
            samples[n++] = f->s->pieces[i].sample->content;
    maker_emit(f->m, samples, n);
    free(samples);
}

/* One window from the pieces at `first` on; `end` becomes the first piece that it has not.
 * `fits` false: even that piece alone is too long. */
static bool one_window(const struct filling *f, size_t first, size_t *end, bool *fits)
{
    size_t begin = context_begin(f, first);
    *end = furthest_end(f, begin, first);
    for (;;) {
        if (!window_render(f->m, f->s, begin, *end))
            return false;
        *fits = f->m->tokens.count <= f->m->max_length;
        if (*fits) {
            emit(f, begin, *end);
            return true;
        }
        if (begin < first)
            begin++;
        else if (*end > first + 1)
            *end = trimmed(f->s, first, *end - 1);
        else
            return true;
    }
}

static bool is_start(struct str text, size_t at)
{
    return at >= text.size || ((unsigned char)text.data[at] & 0xC0) != 0x80;
}

/* Is this a good place to break: before white space, or behind a sentence's end? 0 = no;
 * a line's end is better than a sentence's, which is better than a word's. */
static int break_quality(struct str text, size_t at)
{
    static const char *const ends[] = {"。", "！", "？", "；"};
    if (text.data[at] == '\n')
        return 3;
    if (text.data[at] == ' ')
        return at > 0 && strchr(".!?;:", text.data[at - 1]) ? 2 : 1;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (at >= 3 && memcmp(text.data + at - 3, ends[i], 3) == 0)
            return 2;
    return 0;
}

/* The best place to break `text` in (low, high]; a character is never cut. */
static size_t break_between(struct str text, size_t low, size_t high)
{
    size_t best = high;
    int quality = 0;
    while (best > 0 && !is_start(text, best))
        best--;
    for (size_t at = best; at > low && quality < 3; at--) {
        int found = at < text.size ? break_quality(text, at) : 0;
        if (found > quality)
            best = at, quality = found;
    }
    return best;
}

/* Emits the first bytes of a piece as a window of their own, fewer if they turn out too many.
 * `taken`: how many it was; 0 = not even a few fit. */
static bool emit_head(const struct filling *f, size_t i, size_t low, size_t high, size_t *taken)
{
    struct piece *p = &f->s->pieces[i];
    struct str whole = p->text;
    bool ok = true, fits = false;
    *taken = 0;
    while (!fits && high > 0) {
        *taken = break_between(whole, low, high);
        p->text.size = *taken;
        p->cut = true;
        if (!(ok = window_render(f->m, f->s, i, i + 1)))
            break;
        fits = f->m->tokens.count <= f->m->max_length;
        if (!fits)
            low = low / 2, high = *taken - (*taken + 7) / 8;
    }
    if (ok && fits)
        emit(f, i, i + 1);
    if (!fits)
        *taken = 0;
    p->text = whole;
    p->cut = false;
    return ok;
}

/* Fills windows with the front of a piece that is longer than one, until the rest fits. */
static bool shorten_piece(const struct filling *f, size_t i)
{
    struct piece *p = &f->s->pieces[i];
    size_t n = p->tokens - 1; /* where it should have fitted and did not, less is tried */
    size_t room = n > f->room ? f->room : n - (n + 7) / 8;
    struct tokens ids = {0};
    size_t at = 0, token = 0, taken = 0;
    struct str whole = p->text;
    bool ok = tokenizer_encode(f->m->o->tokenizer, whole, &ids, f->m->e);
    size_t *offsets = ok ? window_token_offsets(f->m, ids.ids, ids.count, whole) : NULL;
    while (ok && ids.count - token > room) {
        size_t low = offsets[token + room - room / 4], high = offsets[token + room];
        ok = emit_head(f, i, low > at ? low - at : 0, high - at, &taken);
        if (!ok)
            break;
        if (!taken) {
            ok = error_set(f->m->e, ERROR_LIMIT, "%s:%zu: a window of %zu tokens is too short",
                           f->m->path, p->sample->line, f->m->max_length);
            break;
        }
        at += taken;
        while (token < ids.count && offsets[token] < at)
            token++;
        p->text = (struct str){whole.data + at, whole.size - at};
        p->begun = true;
    }
    p->tokens = ids.count - token + 1;
    if (f->s->chat)
        p->text = str_trim(p->text);
    free(offsets);
    tokens_free(&ids);
    return ok;
}

static bool too_little_room(struct maker *m, const struct section *s, size_t overhead)
{
    size_t line = s->pieces[next_wanted(s, 0)].sample->line;
    if (!s->chat)
        return error_set(m->e, ERROR_LIMIT, "max_length %zu is too short", m->max_length);
    maker_note(m, "%s:%zu: not learned: its request alone has %zu tokens, a window %zu", m->path,
               line, overhead, m->max_length);
    return true;
}

bool section_windows(struct maker *m, struct section *s)
{
    struct filling f = {.m = m, .s = s};
    size_t overhead;
    if (next_wanted(s, 0) == s->count)
        return true;
    if (!window_overhead(m, s, &overhead))
        return false;
    if (overhead + LEAST_ROOM > m->max_length)
        return too_little_room(m, s, overhead);
    f.room = m->max_length - overhead;
    for (size_t at = next_wanted(s, 0); at < s->count; at = next_wanted(s, at)) {
        size_t end = at, n = tokens_of(&f, at);
        bool fits = n <= f.room + 1;
        if (!n)
            return false;
        if (fits && !one_window(&f, at, &end, &fits))
            return false;
        if (fits)
            at = end;
        else if (!shorten_piece(&f, at))
            return false;
    }
    return true;
}
