#include "lorabuild/data/records.h"

#include <string.h>

struct record {
    const json_t *value;
    json_t *messages; /* being gathered */
    struct strbuf *problem;
};

static bool wrong(struct strbuf *problem, const char *path, const char *wanted, const json_t *found)
{
    strbuf_printf(problem, "%s: must be %s, found %s", path, wanted, json_type_name(found));
    return false;
}

/* A string of the record as it is learned: "\n" line ends, no U+FEFF; NULL and a problem where
 * it is none, or blank where that is not `may_be_blank`. The text joins `out`. */
static bool take_text(struct strbuf *out, const json_t *value, const char *path, bool may_be_blank,
                      struct strbuf *problem)
{
    if (!json_is_string(value))
        return wrong(problem, path, "text", value);
    struct str s = {json_string_value(value), json_string_length(value)};
    size_t from = out->size;
    for (size_t i = 0; i < s.size; i++) {
        struct str rest = {s.data + i, s.size - i};
        if (str_starts(rest, "\xEF\xBB\xBF"))
            i += 2;
        else if (!str_starts(rest, "\r\n"))
            strbuf_add_byte(out, s.data[i] == '\r' ? '\n' : s.data[i]);
    }
    struct str taken = {out->data + from, out->size - from};
    if (may_be_blank || (taken.size && str_trim(taken).size))
        return true;
    strbuf_printf(problem, "%s: is empty", path);
    return false;
}

static void add_message(struct record *r, const char *role, struct strbuf *text)
{
    json_array_append_new(r->messages,
                          json_pack("{s:s, s:o}", "role", role, "content",
                                    json_stringn(text->data ? text->data : "", text->size)));
    text->size = 0;
}

/* Text, or [{"type": "text", "text": …}, …] joined. */
static bool take_content(struct strbuf *out, const json_t *value, const char *path,
                         bool may_be_blank, struct strbuf *problem)
{
    if (!json_is_array(value))
        return take_text(out, value, path, may_be_blank, problem);
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *part = json_array_get(value, i);
        const json_t *type = json_object_get(part, "type");
        char inner[160];
        snprintf(inner, sizeof inner, "%s[%zu]", path, i);
        if (!json_is_object(part))
            return wrong(problem, inner, "a text part", part);
        if (type && (!json_is_string(type) || strcmp(json_string_value(type), "text") != 0)) {
            strbuf_printf(problem, "%s.type: only text can be learned, found ", inner);
            if (json_is_string(type))
                strbuf_printf(problem, "'%.40s'", json_string_value(type));
            else
                strbuf_add_text(problem, json_type_name(type));
            return false;
        }
        snprintf(inner, sizeof inner, "%s[%zu].text", path, i);
        if (!take_text(out, json_object_get(part, "text"), inner, true, problem))
            return false;
    }
    if (may_be_blank || str_trim(strbuf_str(out)).size)
        return true;
    strbuf_printf(problem, "%s: is empty", path);
    return false;
}

static const struct {
    const char *written, *role;
} roles[] = {
    {"system", "system"},       {"user", "user"},     {"human", "user"},
    {"assistant", "assistant"}, {"gpt", "assistant"},
};

static const char *role_of(const json_t *written)
{
    for (size_t i = 0; json_is_string(written) && i < sizeof roles / sizeof roles[0]; i++)
        if (strcmp(json_string_value(written), roles[i].written) == 0)
            return roles[i].role;
    return NULL;
}

static bool bad_role(struct record *r, const char *list, size_t i, const char *key,
                     const json_t *found)
{
    strbuf_printf(r->problem, "%s[%zu].%s: must be system, user or assistant, found ", list, i,
                  key);
    if (json_is_string(found))
        strbuf_printf(r->problem, "'%.40s'", json_string_value(found));
    else
        strbuf_add_text(r->problem, json_type_name(found));
    return false;
}

/* A list of turns under `list`, each with its role and its text under these keys. */
static bool read_turns(struct record *r, const char *list, const char *role_key,
                       const char *text_key)
{
    const json_t *turns = json_object_get(r->value, list);
    struct strbuf text = {0};
    bool ok = json_is_array(turns) || wrong(r->problem, list, "a list", turns);
    bool answered = false;
    for (size_t i = 0; ok && i < json_array_size(turns); i++) {
        const json_t *turn = json_array_get(turns, i);
        char path[100];
        snprintf(path, sizeof path, "%s[%zu]", list, i);
        if (!json_is_object(turn)) {
            ok = wrong(r->problem, path, "an object", turn);
            break;
        }
        const json_t *written = json_object_get(turn, role_key);
        const char *role = role_of(written);
        bool is_system = role && strcmp(role, "system") == 0;
        snprintf(path, sizeof path, "%s[%zu].%s", list, i, text_key);
        ok = role || bad_role(r, list, i, role_key, written);
        if (ok && is_system && i > 0) {
            strbuf_printf(r->problem, "%s[%zu].%s: system may only stand first", list, i, role_key);
            ok = false;
        }
        ok =
            ok && take_content(&text, json_object_get(turn, text_key), path, is_system, r->problem);
        if (ok)
            add_message(r, role, &text);
        answered = answered || (ok && strcmp(role, "assistant") == 0);
    }
    if (ok && !answered) {
        strbuf_printf(r->problem, "%s: has no answer (role assistant)", list);
        ok = false;
    }
    strbuf_free(&text);
    return ok;
}

static bool read_messages(struct record *r)
{
    return read_turns(r, "messages", "role", "content");
}

static bool read_conversations(struct record *r)
{
    return read_turns(r, "conversations", "from", "value");
}

static bool read_pair(struct record *r)
{
    struct strbuf text = {0};
    bool ok = take_content(&text, json_object_get(r->value, "prompt"), "prompt", false, r->problem);
    if (ok)
        add_message(r, "user", &text);
    ok = ok && take_content(&text, json_object_get(r->value, "completion"), "completion", false,
                            r->problem);
    if (ok)
        add_message(r, "assistant", &text);
    strbuf_free(&text);
    return ok;
}

/* An optional text: absent, null and blank are the same. */
static bool take_optional(struct strbuf *out, const json_t *record, const char *key,
                          struct strbuf *problem)
{
    const json_t *value = json_object_get(record, key);
    return !value || json_is_null(value) || take_text(out, value, key, true, problem);
}

static bool read_alpaca(struct record *r)
{
    struct strbuf text = {0}, input = {0};
    bool ok = take_optional(&text, r->value, "system", r->problem);
    if (ok && text.size && str_trim(strbuf_str(&text)).size)
        add_message(r, "system", &text);
    text.size = 0;
    ok = ok &&
         take_text(&text, json_object_get(r->value, "instruction"), "instruction", false,
                   r->problem) &&
         take_optional(&input, r->value, "input", r->problem);
    if (ok && input.size && str_trim(strbuf_str(&input)).size) {
        strbuf_add_text(&text, "\n\n");
        strbuf_add_str(&text, strbuf_str(&input));
    }
    if (ok)
        add_message(r, "user", &text);
    ok = ok && take_text(&text, json_object_get(r->value, "output"), "output", false, r->problem);
    if (ok)
        add_message(r, "assistant", &text);
    strbuf_free(&input);
    strbuf_free(&text);
    return ok;
}

/* The first whose members are all there is the record's shape. */
static const struct {
    const char *first, *second;
    bool (*read)(struct record *r);
} shapes[] = {
    {"messages", NULL, read_messages},
    {"conversations", NULL, read_conversations},
    {"prompt", "completion", read_pair},
    {"instruction", "output", read_alpaca},
};

static bool unknown_shape(const json_t *record, struct strbuf *problem)
{
    const char *key;
    json_t *value;
    size_t n = 0;
    strbuf_add_text(problem, "no fields to learn from; found");
    json_object_foreach ((json_t *)(uintptr_t)record, key, value)
        if (n++ < 4)
            strbuf_printf(problem, "%s %.40s", n > 1 ? "," : "", key);
    strbuf_add_text(problem, n == 0 ? " none" : n > 4 ? ", …" : "");
    strbuf_add_text(problem, "; wanted: text, prompt and completion, messages, instruction and "
                             "output, or conversations");
    return false;
}

static bool read_chat(struct strbuf *out, struct record *r, bool (*read)(struct record *))
{
    r->messages = json_array();
    bool ok = read(r);
    if (ok) {
        json_write(out, r->messages, false);
        out->data[--out->size] = '\0'; /* its newline */
    }
    json_decref(r->messages);
    return ok;
}

bool record_read(struct strbuf *out, enum sample_kind *kind, const json_t *record,
                 struct strbuf *problem)
{
    struct record r = {.value = record, .problem = problem};
    if (!json_is_object(record)) {
        strbuf_printf(problem, "must be an object, found %s", json_type_name(record));
        return false;
    }
    *kind = SAMPLE_CHAT;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        if (json_object_get(record, shapes[i].first) &&
            (!shapes[i].second || json_object_get(record, shapes[i].second)))
            return read_chat(out, &r, shapes[i].read);
    *kind = SAMPLE_TEXT;
    const json_t *text = json_object_get(record, "text");
    if (!text)
        return unknown_shape(record, problem);
    return take_text(out, text, "text", true, problem);
}
