#include "lorabuild/data/window_maker.h"

#include "lorabuild/common/json.h"

#include <stdlib.h>
#include <string.h>

struct conversation {
    struct chat_message *messages;
    size_t *tokens; /* of each, about */
    size_t count;
};

static enum chat_role role_named(const char *name)
{
    return strcmp(name, "system") == 0 ? CHAT_SYSTEM
           : strcmp(name, "user") == 0 ? CHAT_USER
                                       : CHAT_ASSISTANT;
}

/* The texts stay the property of `list`. */
static struct conversation conversation_of(const json_t *list)
{
    struct conversation c = {.count = json_array_size(list)};
    c.messages = mem_array(c.count, sizeof *c.messages);
    c.tokens = mem_array(c.count, sizeof *c.tokens);
    for (size_t i = 0; i < c.count; i++) {
        const json_t *turn = json_array_get(list, i), *text = json_object_get(turn, "content");
        const char *role = json_string_value(json_object_get(turn, "role"));
        c.messages[i].role = role_named(role ? role : "");
        c.messages[i].text = (struct str){json_string_value(text), json_string_length(text)};
        if (!c.messages[i].text.data)
            c.messages[i].text = STR("");
    }
    return c;
}

/* Without a template: turns as paragraphs, loss on the answers. */
static bool plain_windows(struct maker *m, const struct conversation *c, const struct sample *s)
{
    struct piece *pieces = mem_array(c->count, sizeof *pieces);
    struct section section = {.pieces = pieces, .separator = "\n\n", .at_end = true};
    for (size_t i = 0; i < c->count; i++) {
        bool answer = c->messages[i].role == CHAT_ASSISTANT;
        if (c->messages[i].text.size)
            pieces[section.count++] = (struct piece){.sample = s,
                                                     .use = answer ? PIECE_WANTED : PIECE_CONTEXT,
                                                     .text = c->messages[i].text};
    }
    bool ok = section_windows(m, &section);
    free(pieces);
    return ok;
}

static bool count_turns(struct maker *m, struct conversation *c, size_t *total)
{
    enum { AROUND_A_TURN = 4 };
    *total = 0;
    for (size_t i = 0; i < c->count; i++) {
        m->tokens.count = 0;
        if (!tokenizer_encode(m->o->tokenizer, c->messages[i].text, &m->tokens, m->e))
            return false;
        c->tokens[i] = m->tokens.count + AROUND_A_TURN;
        *total += c->tokens[i];
    }
    return true;
}

/* Takes the oldest turn away: the messages from the first, but for the system's, up to the next
 * request. Gives how many tokens that was, about; 0 = it is the last that has an answer. */
static size_t drop_oldest(struct conversation *c)
{
    size_t first = c->count && c->messages[0].role == CHAT_SYSTEM, next = first + 1, gone = 0;
    while (next < c->count && c->messages[next].role != CHAT_USER)
        next++;
    size_t answers = 0;
    for (size_t i = next; i < c->count; i++)
        answers += c->messages[i].role == CHAT_ASSISTANT;
    if (!answers)
        return 0;
    for (size_t i = first; i < next; i++)
        gone += c->tokens[i];
    size_t left = c->count - next;
    memmove(c->messages + first, c->messages + next, left * sizeof *c->messages);
    memmove(c->tokens + first, c->tokens + next, left * sizeof *c->tokens);
    c->count = first + left;
    return gone;
}

/* Renders the conversation, without its oldest turns if it is too long; `fits` false: even its
 * last turn is. */
static bool render_shortened(struct maker *m, struct conversation *c, size_t *whole,
                             size_t *dropped, bool *fits)
{
    size_t about;
    if (!count_turns(m, c, &about))
        return false;
    *whole = about;
    *dropped = 0;
    for (;;) {
        size_t gone = 0;
        if (about <= m->max_length + m->max_length / 2) { /* else surely too long: save the work */
            m->tokens.count = m->learned.size = 0;
            if (!chat_template_render(m->o->chat, m->o->tokenizer, c->messages, c->count, false,
                                      &m->tokens, &m->learned, m->e))
                return false;
            *fits = m->tokens.count <= m->max_length;
            if (*dropped == 0)
                *whole = m->tokens.count;
            if (*fits)
                return true;
        }
        gone = drop_oldest(c);
        if (!gone) {
            *fits = false;
            return true;
        }
        about -= gone;
        ++*dropped;
    }
}

static bool chat_windows(struct maker *m, struct conversation *c, const struct sample *s)
{
    size_t whole, dropped;
    bool fits;
    if (!render_shortened(m, c, &whole, &dropped, &fits))
        return false;
    if (!fits) {
        maker_note(m, "%s:%zu: not learned: %zu tokens, a window has %zu", m->path, s->line, whole,
                   m->max_length);
        return true;
    }
    if (dropped)
        maker_note(m, "%s:%zu: %zu oldest %s left out: %zu tokens, a window has %zu", m->path,
                   s->line, dropped, dropped == 1 ? "turn is" : "turns are", whole, m->max_length);
    maker_emit(m, &s->content, 1);
    return true;
}

bool conversation_windows(struct maker *m, const struct sample *s)
{
    struct error ignored;
    json_t *list = json_parse(s->text, m->path, s->line, &ignored);
    if (!list)
        return error_set(m->e, ERROR_INTERNAL, "%s:%zu: a sealed conversation is no JSON", m->path,
                         s->line);
    struct conversation c = conversation_of(list);
    bool plain = m->o->raw || !m->o->chat || !m->o->chat->name;
    bool ok = plain ? plain_windows(m, &c, s) : chat_windows(m, &c, s);
    free(c.messages);
    free(c.tokens);
    json_decref(list);
    return ok;
}
