#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/infer/draft.h"
#include "lorabuild/models/lora.h"
#include "lorabuild/train/trainer.h"
#include "tests/unit/train/tiny.h"

#include <math.h>
#include <unistd.h>

static struct tiny tiny;
static struct tokenizer *tokenizer;

static int open_tiny(void **state)
{
    struct error e = {0};
    (void)state;
    tiny_open(&tiny);
    tokenizer = tokenizer_open(tiny.weights, &e);
    tiny_check(tokenizer, &e);
    return 0;
}

static int close_tiny(void **state)
{
    (void)state;
    tokenizer_close(tokenizer);
    tiny_close(&tiny);
    return 0;
}

struct reader {
    struct strbuf text;
    int writes, most_writes; /* 0 = any number */
};

static bool take(void *context, struct str bytes)
{
    struct reader *r = context;
    assert_true(utf8_valid(bytes, NULL));
    assert_true(bytes.size > 0);
    strbuf_add_str(&r->text, bytes);
    return ++r->writes != r->most_writes;
}

static struct draft_request request(const char *prompt, struct reader *r)
{
    return (struct draft_request){
        .model = tiny.model,
        .backend = tiny.backend,
        .tokenizer = tokenizer,
        .prompt = str_of(prompt),
        .options = {.top_p = 1, .repeat_penalty = 1, .max_tokens = 30, .ignore_end = true},
        .write = take,
        .context = r};
}

static char *drafted(const char *prompt, const struct peft_adapter *adapter,
                     struct draft_options options)
{
    struct reader r = {0};
    struct draft_request q = request(prompt, &r);
    struct error e = {0};
    q.adapter = adapter;
    q.options = options;
    tiny_check(draft_run(&q, &e), &e);
    strbuf_add(&r.text, "", 0);
    return strbuf_take(&r.text);
}

/* The likeliest next token by a forward pass over everything, without a cache. */
static int32_t next_without_cache(const int32_t *ids, size_t n)
{
    struct error e = {0};
    int32_t starts[2] = {0, (int32_t)n}, last = (int32_t)n - 1, *positions = mem_array(n, 4);
    int64_t vocabulary = model_shape(tiny.model)->vocabulary;
    float *logits = mem_array((size_t)vocabulary, sizeof *logits);
    for (size_t i = 0; i < n; i++)
        positions[i] = (int32_t)i;
    struct model_input in = {ids, positions, starts, (int64_t)n, 1};
    struct tape *t = tape_open(tiny.backend);
    tape_record(t, false);
    struct value *x = model_forward(tiny.model, t, &in, NULL, false, &e);
    tiny_check(x && op_head_logits(t, x, model_head(tiny.model), &last, 1, logits, &e), &e);
    int32_t best = 0;
    for (int32_t i = 1; i < vocabulary; i++)
        if (logits[i] > logits[best] && i != tokenizer_eos(tokenizer))
            best = i;
    tape_close(t);
    free(logits);
    free(positions);
    return best;
}

/* Token by token over a cache, and a prompt that is read in two pieces, equal whole passes. */
static void a_cache_changes_nothing(void **state)
{
    (void)state;
    struct strbuf long_prompt = {0};
    for (int i = 0; i < 45; i++)
        strbuf_printf(&long_prompt, "stage %d ends; ", i);
    const char *prompts[] = {"The contractor delivers", "R", long_prompt.data};
    struct lora_set set;
    struct error e = {0};
    for (int p = 0; p < 3; p++) {
        struct tokens tokens = {0};
        struct strbuf wanted = {0};
        tiny_check(tokenizer_encode(tokenizer, str_of(prompts[p]), &tokens, &e), &e);
        if (p == 2 && (tokens.count <= 256 || tokens.count >= 380))
            fail_msg("the long prompt has %zu tokens", tokens.count);
        char *got =
            drafted(prompts[p], &tiny.adapter,
                    (struct draft_options){
                        .top_p = 1, .repeat_penalty = 1, .max_tokens = 12, .ignore_end = true});
        tiny_check(lora_from_peft(&set, tiny.model, &tiny.adapter, false, &e), &e);
        lora_attach(&set);
        size_t first = tokens.count;
        for (int i = 0; i < 12; i++)
            tokens_add(&tokens, next_without_cache(tokens.ids, tokens.count));
        lora_detach(&set);
        lora_free(&set);
        tokenizer_decode(tokenizer, tokens.ids + first, 12, &wanted);
        if (utf8_valid(strbuf_str(&wanted), NULL))
            assert_string_equal(got, wanted.data);
        else /* a cut character is shown as U+FFFD, or not at all at the end */
            assert_memory_equal(got, wanted.data,
                                strspn(wanted.data, "abcdefghijklmnopqrstuvwxyz "));
        free(got);
        strbuf_free(&wanted);
        tokens_free(&tokens);
    }
    strbuf_free(&long_prompt);
}

static void temperature_0_and_seeds_are_reproducible(void **state)
{
    (void)state;
    struct draft_options o = {
        .top_p = 1, .repeat_penalty = 1, .max_tokens = 30, .ignore_end = true};
    char *a = drafted("Risks are", NULL, o), *b = drafted("Risks are", NULL, o);
    assert_string_equal(a, b);
    char *with = drafted("Risks are", &tiny.adapter, o);
    assert_string_not_equal(a, with);
    o.temperature = 1;
    o.seed = 5;
    char *c = drafted("Risks are", NULL, o), *d = drafted("Risks are", NULL, o);
    assert_string_equal(c, d);
    o.seed = 6;
    char *f = drafted("Risks are", NULL, o);
    assert_string_not_equal(c, f);
    char *all[] = {a, b, c, d, f, with};
    for (int i = 0; i < 6; i++)
        free(all[i]);
}

static void a_reader_that_has_enough_stops_it(void **state)
{
    (void)state;
    struct reader r = {.most_writes = 3};
    struct draft_request q = request("The city", &r);
    struct error e = {0};
    tiny_check(draft_run(&q, &e), &e);
    assert_int_equal(r.writes, 3);
    strbuf_free(&r.text);
}

static void a_full_context_is_said(void **state)
{
    (void)state;
    struct reader r = {0};
    struct draft_request q = request("The city", &r);
    struct error e = {0};
    q.options.max_tokens = 1000;
    assert_false(draft_run(&q, &e));
    assert_int_equal(e.kind, ERROR_LIMIT);
    assert_non_null(strstr(e.message, "400"));
    assert_true(r.text.size > 300); /* what there was room for was written */
    strbuf_free(&r.text);
    struct strbuf words = {0};
    for (int i = 0; i < 300; i++)
        strbuf_printf(&words, "%d %d ", i, i);
    r = (struct reader){0};
    q = request(words.data, &r);
    assert_false(draft_run(&q, &e));
    assert_non_null(strstr(e.message, "the prompt has"));
    assert_int_equal(r.writes, 0);
    strbuf_free(&words);
}

static void an_empty_prompt_begins_a_document(void **state)
{
    (void)state;
    struct draft_options o = {
        .top_p = 1, .repeat_penalty = 1, .max_tokens = 10, .ignore_end = true};
    char *text = drafted("", NULL, o);
    assert_true(strlen(text) > 0);
    free(text);
}

static void log_probabilities_are_those_of_the_logits(void **state)
{
    (void)state;
    const struct window *w = &tiny.windows.items[3];
    double out[32], sum = 0, loss;
    struct window all = *w;
    uint8_t learned[32];
    struct error e = {0};
    memset(learned, 1, sizeof learned);
    all.learned = learned;
    tiny_check(
        draft_log_probabilities(tiny.model, tiny.backend, &tiny.adapter, w->ids, w->count, out, &e),
        &e);
    assert_true(out[0] == 0);
    for (uint32_t i = 1; i < w->count; i++) {
        assert_true(out[i] < 0);
        sum -= out[i];
    }
    tiny_check(training_evaluate(tiny.model, tiny.backend,
                                 &(struct windows){.items = &all, .count = 1}, NULL, &tiny.adapter,
                                 &loss, NULL, &e),
               &e);
    assert_true(fabs(sum / (w->count - 1) - loss) < 1e-6);
    tiny_check(draft_log_probabilities(tiny.model, tiny.backend, NULL, w->ids, 1, out, &e), &e);
}

/* T13: overfitted on one answer, it writes the answer and ends its turn. */
static void what_was_learned_ends_where_it_ended(void **state)
{
    (void)state;
    struct chat_template chat;
    struct error e = {0};
    tiny_check(chat_template_find(&chat, tokenizer, "chatml", &e), &e);
    struct chat_message talk[2] = {{CHAT_USER, STR("Name the risks")},
                                   {CHAT_ASSISTANT, STR("Risk 1: the posts are late.")}};
    struct tokens ids = {0};
    struct strbuf learned = {0};
    tiny_check(chat_template_render(&chat, tokenizer, talk, 2, false, &ids, &learned, &e), &e);
    struct digest content = digest_of("talk", 4);
    struct window w = {.ids = ids.ids,
                       .learned = (uint8_t *)learned.data,
                       .count = (uint32_t)ids.count,
                       .samples = &content,
                       .sample_count = 1};
    struct windows learn = {.items = &w, .count = 1}, none = {0};
    struct recipe recipe = recipe_default(false);
    recipe.learning_rate = 2e-2;
    recipe.steps = 60;
    recipe.rank = 8;
    recipe_resolve(&recipe);
    char folder[] = "/tmp/draft-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct training t = {.model = tiny.model,
                         .backend = tiny.backend,
                         .recipe = &recipe,
                         .learn = &learn,
                         .validate = &none,
                         .steps = 60,
                         .attempt = folder};
    struct training_result result;
    tiny_check(training_run(&t, &result, &e), &e);
    struct reader r = {0};
    struct draft_request q = request("Name the risks", &r);
    q.chat = &chat;
    q.adapter = &result.adapter;
    q.options.ignore_end = false;
    q.options.max_tokens = 200;
    tiny_check(draft_run(&q, &e), &e);
    assert_string_equal(r.text.data, "Risk 1: the posts are late.");
    strbuf_free(&r.text);
    training_result_free(&result);
    strbuf_free(&learned);
    tokens_free(&ids);
    assert_true(folder_remove(folder, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cache_changes_nothing),
        cmocka_unit_test(temperature_0_and_seeds_are_reproducible),
        cmocka_unit_test(a_reader_that_has_enough_stops_it),
        cmocka_unit_test(a_full_context_is_said),
        cmocka_unit_test(an_empty_prompt_begins_a_document),
        cmocka_unit_test(log_probabilities_are_those_of_the_logits),
        cmocka_unit_test(what_was_learned_ends_where_it_ended),
    };
    return cmocka_run_group_tests(tests, open_tiny, close_tiny);
}
