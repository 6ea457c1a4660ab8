#include "lorabuild/data/window_maker.h"

#include <stdlib.h>
#include <string.h>

size_t *window_token_offsets(const struct maker *m, const int32_t *ids, size_t n, struct str text)
{
    size_t *offsets = mem_array(n + 1, sizeof *offsets);
    for (size_t i = 0; i < n; i++)
        offsets[i + 1] = offsets[i] + tokenizer_decode_one(m->o->tokenizer, ids[i]).size;
    if (offsets[n] != text.size)
        for (size_t i = 0; i <= n; i++)
            offsets[i] = n ? (size_t)((double)text.size * (double)i / (double)n) : text.size;
    return offsets;
}

/* Joins the pieces in m->text. */
static void join_pieces(struct maker *m, const struct section *s, size_t begin, size_t end)
{
    if (end - begin > m->piece_capacity) {
        m->piece_capacity = 2 * (end - begin);
        m->piece_starts = mem_grow(m->piece_starts, m->piece_capacity, sizeof *m->piece_starts);
    }
    m->text.size = 0;
    for (size_t i = begin; i < end; i++) {
        m->piece_starts[i - begin] = m->text.size;
        if (i > begin)
            strbuf_add_text(&m->text, s->separator);
        strbuf_add_str(&m->text, s->pieces[i].text);
    }
}

/* Marks the tokens from..to-1 of the joined text, whose byte offsets are given: a token belongs
 * to the piece in which it begins, a separator to the piece behind it. */
static void mark_pieces(struct maker *m, const struct section *s, size_t begin, size_t end,
                        size_t from, size_t to, const size_t *offsets)
{
    size_t i = begin;
    for (size_t k = from; k < to; k++) {
        while (i + 1 < end && offsets[k - from] >= m->piece_starts[i + 1 - begin])
            i++;
        m->learned.data[k] = s->pieces[i].use == PIECE_WANTED;
    }
}

/* Does the text really end with this piece, so that an end token is right? */
static bool ends_with(const struct section *s, size_t end)
{
    const struct piece *last = &s->pieces[end - 1];
    bool broken_off = end < s->count && s->pieces[end].use == PIECE_CONTEXT;
    return last->use == PIECE_WANTED && !last->cut && !broken_off;
}

static bool render_plain(struct maker *m, const struct section *s, size_t begin, size_t end)
{
    const struct tokenizer *t = m->o->tokenizer;
    if (tokenizer_adds_bos(t) && tokenizer_bos(t) >= 0)
        tokens_add(&m->tokens, tokenizer_bos(t));
    size_t from = m->tokens.count;
    if (!tokenizer_encode(t, strbuf_str(&m->text), &m->tokens, m->e))
        return false;
    size_t to = m->tokens.count;
    bool ended = s->at_end && end == s->count && !s->pieces[end - 1].cut;
    if (ended && tokenizer_eos(t) >= 0)
        tokens_add(&m->tokens, tokenizer_eos(t));
    while (m->learned.size < m->tokens.count)
        strbuf_add_byte(&m->learned, 0);
    size_t *offsets =
        window_token_offsets(m, m->tokens.ids + from, to - from, strbuf_str(&m->text));
    mark_pieces(m, s, begin, end, from, to, offsets);
    free(offsets);
    if (m->tokens.count > to)
        m->learned.data[to] = s->pieces[end - 1].use == PIECE_WANTED;
    return true;
}

/* Takes the loss from what is not wanted in an answer that rendering has marked as a whole. */
static void mark_answer(struct maker *m, const struct section *s, size_t begin, size_t end)
{
    size_t from = 0, to = m->learned.size;
    while (from < to && !m->learned.data[from])
        from++;
    while (to > from && !m->learned.data[to - 1])
        to--;
    bool has_end = to > from && m->tokens.ids[to - 1] == m->o->chat->end_of_turn;
    size_t text_to = to - has_end, n = text_to - from;
    /* A template may put something of its own in front of the text: the text is what ends it. */
    size_t total = 0, at = 0;
    size_t *offsets = mem_array(n + 1, sizeof *offsets);
    for (size_t i = 0; i < n; i++)
        total += tokenizer_decode_one(m->o->tokenizer, m->tokens.ids[from + i]).size;
    size_t front = total > m->text.size ? total - m->text.size : 0;
    for (size_t i = 0; i < n; i++) {
        offsets[i] = at > front ? at - front : 0;
        at += tokenizer_decode_one(m->o->tokenizer, m->tokens.ids[from + i]).size;
    }
    mark_pieces(m, s, begin, end, from, text_to, offsets);
    free(offsets);
    if (has_end)
        m->learned.data[text_to] = ends_with(s, end);
}

static bool render_answer(struct maker *m, const struct section *s, size_t begin, size_t end)
{
    const struct chat_message messages[] = {{CHAT_USER, s->request},
                                            {CHAT_ASSISTANT, strbuf_str(&m->text)}};
    if (!chat_template_render(m->o->chat, m->o->tokenizer, messages, 2, false, &m->tokens,
                              &m->learned, m->e))
        return false;
    bool whole = ends_with(s, end);
    for (size_t i = begin; i < end; i++)
        whole = whole && s->pieces[i].use == PIECE_WANTED;
    if (!whole)
        mark_answer(m, s, begin, end);
    return true;
}

bool window_render(struct maker *m, const struct section *s, size_t begin, size_t end)
{
    m->tokens.count = 0;
    m->learned.size = 0;
    join_pieces(m, s, begin, end);
    return s->chat ? render_answer(m, s, begin, end) : render_plain(m, s, begin, end);
}

bool window_overhead(struct maker *m, const struct section *s, size_t *tokens)
{
    const struct tokenizer *t = m->o->tokenizer;
    *tokens = (size_t)(tokenizer_adds_bos(t) && tokenizer_bos(t) >= 0) + (tokenizer_eos(t) >= 0);
    if (!s->chat)
        return true;
    const struct chat_message messages[] = {{CHAT_USER, s->request}, {CHAT_ASSISTANT, STR("")}};
    m->tokens.count = 0;
    bool ok = chat_template_render(m->o->chat, t, messages, 2, false, &m->tokens, NULL, m->e);
    *tokens = m->tokens.count;
    return ok;
}
