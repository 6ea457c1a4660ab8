/* tokenize MODEL: for oracle tests. Reads JSON texts, one a line, from standard input and prints
 * their ids, a line each. MODEL is what `base:` takes. A line that is a list of messages
 * [{"role", "content"}, ...] is printed as a conversation: its ids, " |", and the ids that are
 * learned. With --bytes the input is one text as it stands and only its number of ids and the
 * processor seconds are printed. */
#include "lorabuild/common/file.h"
#include "lorabuild/common/json.h"
#include "lorabuild/formats/chat_template.h"
#include "lorabuild/formats/tokenizer.h"
#include "lorabuild/formats/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int fail(const struct error *e)
{
    fprintf(stderr, "%s\n", e->message);
    return 1;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool measure(const struct tokenizer *t, struct error *e)
{
    struct strbuf text = {0};
    struct tokens ids = {0};
    bool ok = file_read_fd(&text, 0, SIZE_MAX, "standard input", e);
    double start = now();
    ok = ok && tokenizer_encode(t, strbuf_str(&text), &ids, e);
    if (ok)
        printf("%zu %.3f\n", ids.count, now() - start);
    tokens_free(&ids);
    strbuf_free(&text);
    return ok;
}

static void print_ids(const struct tokens *ids, const struct strbuf *learned)
{
    for (size_t i = 0; i < ids->count; i++)
        printf("%s%d", i ? " " : "", (int)ids->ids[i]);
    if (learned)
        printf(" |");
    for (size_t i = 0; learned && i < ids->count; i++)
        if (learned->data[i])
            printf(" %d", (int)ids->ids[i]);
    printf("\n");
}

static bool converse(const struct tokenizer *t, const json_t *list, struct error *e)
{
    struct chat_template c;
    struct tokens ids = {0};
    struct strbuf learned = {0};
    struct chat_message messages[64];
    const json_t *item;
    size_t i;
    json_array_foreach (list, i, item) {
        const char *role = json_string_value(json_object_get(item, "role"));
        const json_t *content = json_object_get(item, "content");
        messages[i % 64] =
            (struct chat_message){!strcmp(role, "system") ? CHAT_SYSTEM
                                  : !strcmp(role, "user") ? CHAT_USER
                                                          : CHAT_ASSISTANT,
                                  {json_string_value(content), json_string_length(content)}};
    }
    bool ok = chat_template_find(&c, t, NULL, e) &&
              chat_template_render(&c, t, messages, json_array_size(list),
                                   messages[json_array_size(list) - 1].role != CHAT_ASSISTANT, &ids,
                                   &learned, e);
    if (ok)
        print_ids(&ids, &learned);
    strbuf_free(&learned);
    tokens_free(&ids);
    return ok;
}

static bool answer(const struct tokenizer *t, struct str line, size_t number, struct error *e)
{
    json_error_t problem;
    json_t *value = json_loadb(line.data, line.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &problem);
    struct tokens ids = {0};
    bool ok = value || error_set(e, ERROR_INPUT, "line %zu: %s", number, problem.text);
    if (ok && json_is_array(value)) {
        ok = converse(t, value, e);
    } else if (ok) {
        struct str text = {json_string_value(value), json_string_length(value)};
        ok = tokenizer_encode(t, text, &ids, e);
        if (ok)
            print_ids(&ids, NULL);
    }
    tokens_free(&ids);
    json_decref(value);
    return ok;
}

int main(int argc, char **argv)
{
    struct error e = {0};
    bool bytes = argc == 3 && !strcmp(argv[2], "--bytes"), ok = true;
    if (argc != 2 && !bytes)
        return fprintf(stderr, "usage: tokenize MODEL [--bytes] < TEXTS\n"), 2;
    double start = now();
    struct weights *w = weights_open(argv[1], &e);
    struct tokenizer *t = w ? tokenizer_open(w, &e) : NULL;
    if (!t)
        return weights_close(w), fail(&e);
    if (bytes)
        fprintf(stderr, "opened in %.3f s\n", now() - start), ok = measure(t, &e);
    char *line = NULL;
    size_t room = 0, number = 0;
    for (ssize_t n; ok && !bytes && (n = getline(&line, &room, stdin)) > 0;)
        ok = answer(t, (struct str){line, (size_t)n}, ++number, &e);
    free(line);
    tokenizer_close(t);
    weights_close(w);
    return ok ? 0 : fail(&e);
}
