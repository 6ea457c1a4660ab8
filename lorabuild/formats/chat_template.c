#include "lorabuild/formats/chat_template.h"

#include "lorabuild/common/digest.h"

/* Templates by the digest (XXH3-128) of their text as models carry it, without a last newline. */
static const struct known {
    const char *digest;
    const char *model; /* whose it is, for people */
    const char *default_system;
} chatml[] = {
    {"98f63cc3d421d28f99ab995e9629dacd", "SmolLM2-Instruct",
     "You are a helpful AI assistant named SmolLM, trained by Hugging Face"},
    {"e392aa06018503fd2469c9508f79506e", "Qwen2.5-Instruct",
     "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."},
    {"5fdb9fce4071098def2b96adf9b87224", "Qwen2.5-Instruct, first edition",
     "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."},
};
enum { KNOWN = sizeof chatml / sizeof *chatml };

static const char *const role_names[] = {"system", "user", "assistant"};

static const struct known *recognise(struct str text)
{
    char hex[DIGEST_HEX];
    if (str_ends(text, "\n"))
        text.size--;
    digest_hex(digest_of(text.data, text.size), hex);
    for (size_t i = 0; i < KNOWN; i++)
        if (str_is(str_of(hex), chatml[i].digest))
            return &chatml[i];
    return NULL;
}

bool chat_template_find(struct chat_template *c, const struct tokenizer *t, const char *wanted,
                        struct error *e)
{
    struct str text = tokenizer_chat_template(t);
    const struct known *known = recognise(text);
    *c = (struct chat_template){.end_of_turn = -1, .default_system = STR("")};
    if (!wanted && !text.size)
        return true;
    if (wanted && !str_is(str_of(wanted), "chatml"))
        return error_set(e, ERROR_USAGE, "template \"%s\" is not known (known: chatml)", wanted);
    if (!wanted && !known)
        return error_set(e, ERROR_INPUT,
                         "the model's chat template is not one that is known; if it is ChatML, "
                         "write `template: chatml` into the base's entry of the rule file");
    c->name = "chatml";
    if (known)
        c->default_system = str_of(known->default_system);
    c->end_of_turn = tokenizer_control(t, "<|im_end|>");
    if (c->end_of_turn < 0 || tokenizer_control(t, "<|im_start|>") < 0)
        return error_set(e, ERROR_INPUT,
                         "the template is ChatML, but the vocabulary has no "
                         "control tokens <|im_start|> and <|im_end|>");
    return true;
}

struct rendering {
    const struct chat_template *c;
    const struct tokenizer *t;
    struct tokens *out;
    struct strbuf *learned; /* may be NULL */
    size_t marked;          /* ids of `out` */
    struct error *e;
};

/* Marks what was added to `out` since the last mark. */
static void mark(struct rendering *r, bool learned)
{
    for (; r->marked < r->out->count; r->marked++)
        if (r->learned)
            strbuf_add_byte(r->learned, learned ? 1 : 0);
}

static bool add_text(struct rendering *r, struct str text)
{
    return tokenizer_encode(r->t, text, r->out, r->e);
}

/* "role\n", alone or with what follows in one piece. */
static bool add_head(struct rendering *r, enum chat_role role, struct str text)
{
    struct strbuf head = {0};
    strbuf_printf(&head, "%s\n", role_names[role]);
    strbuf_add_str(&head, text);
    tokens_add(r->out, tokenizer_control(r->t, "<|im_start|>"));
    bool ok = add_text(r, strbuf_str(&head));
    strbuf_free(&head);
    return ok;
}

static bool add_turn(struct rendering *r, const struct chat_message *m)
{
    bool answer = m->role == CHAT_ASSISTANT;
    bool ok = add_head(r, m->role, answer ? STR("") : m->text);
    mark(r, false);
    if (answer)
        ok = ok && add_text(r, m->text);
    tokens_add(r->out, r->c->end_of_turn);
    mark(r, answer);
    ok = ok && add_text(r, STR("\n"));
    mark(r, false);
    return ok;
}

bool chat_template_render(const struct chat_template *c, const struct tokenizer *t,
                          const struct chat_message *messages, size_t count, bool open_answer,
                          struct tokens *out, struct strbuf *learned, struct error *e)
{
    struct rendering r = {c, t, out, learned, out->count, e};
    struct chat_message system = {CHAT_SYSTEM, c->default_system};
    bool ok = true;
    if (count && messages[0].role != CHAT_SYSTEM && c->default_system.size)
        ok = add_turn(&r, &system);
    for (size_t i = 0; ok && i < count; i++)
        ok = add_turn(&r, &messages[i]);
    if (ok && open_answer)
        ok = add_head(&r, CHAT_ASSISTANT, STR(""));
    mark(&r, false);
    return ok;
}
