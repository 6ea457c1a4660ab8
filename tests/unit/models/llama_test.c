#include "tests/unit/models/golden.h"

#include "lorabuild/common/file.h"

static void logits_are_those_of_transformers(void **state)
{
    (void)state;
    static const char *const names[][2] = {{"hf", "logits.hf"},
                                           {"tied", "logits.tied"},
                                           {"f16", "logits.f16"},
                                           {"model.gguf", "logits.hf"}};
    for (int i = 0; i < 4; i++) {
        struct golden g;
        float logits[TOKENS * VOCABULARY];
        golden_open(&g, names[i][0], 1 << 20);
        golden_logits(&g, logits);
        double off = farthest(logits, expected_of(&g, names[i][1]), TOKENS * VOCABULARY);
        if (!(off <= 2e-5))
            print_error("%s: logits differ by %g\n", names[i][0], off);
        assert_true(off <= 2e-5);
        golden_close(&g);
    }
}

/* A cache filled by 5, then 1, 1 and 6 tokens ends in the same logits. */
static void a_cache_continues_a_sequence(void **state)
{
    (void)state;
    static const int64_t pieces[] = {5, 1, 1, 6};
    struct golden g;
    struct error e = {0};
    golden_open(&g, "model.gguf", 0);
    float logits[TOKENS * VOCABULARY], last[VOCABULARY];
    golden_logits(&g, logits);
    struct model_cache *c = model_cache_open(g.model, g.backend, 13, &e);
    int64_t at = 0;
    for (int i = 0; i < 4; i++) {
        int32_t starts[2] = {0, (int32_t)pieces[i]}, row = (int32_t)pieces[i] - 1;
        struct model_input in = {g.ids + at, golden_positions + at, starts, pieces[i], 1};
        struct value *x = model_forward(g.model, g.tape, &in, c, false, &e);
        assert_non_null(x);
        assert_true(op_head_logits(g.tape, x, model_head(g.model), &row, 1, last, &e));
        tape_reset(g.tape);
        at += pieces[i];
        assert_int_equal(model_cache_length(c), at);
        assert_true(farthest(last, logits + (at - 1) * VOCABULARY, VOCABULARY) <= 1e-5);
    }
    int32_t starts[2] = {0, 1};
    struct model_input more = {g.ids, golden_positions, starts, 1, 1};
    assert_null(model_forward(g.model, g.tape, &more, c, false, &e));
    assert_int_equal(e.kind, ERROR_LIMIT);
    model_cache_close(c);
    golden_close(&g);
}

/* T27 */
static void the_second_sequence_does_not_see_the_first(void **state)
{
    (void)state;
    struct golden g;
    float logits[TOKENS * VOCABULARY], changed[TOKENS * VOCABULARY];
    golden_open(&g, "hf", 0);
    golden_logits(&g, logits);
    g.ids[4] = (g.ids[4] + 1) % VOCABULARY;
    golden_logits(&g, changed);
    assert_memory_not_equal(logits, changed, 13 * VOCABULARY * sizeof *logits);
    assert_memory_equal(logits + 13 * VOCABULARY, changed + 13 * VOCABULARY,
                        8 * VOCABULARY * sizeof *logits);
    golden_close(&g);
}

static void write_text(const char *path, const char *text)
{
    struct error e;
    assert_true(file_replace(path, str_of(text), 0644, &e));
}

/* A copy of hf/ whose config.json has `from` replaced by `to`: what model_open() says. */
static void opened_with(const char *from, const char *to, const char *said)
{
    struct error e = {0};
    char folder[] = "/tmp/llama_test.XXXXXX", path[100];
    assert_non_null(mkdtemp(folder));
    struct strbuf config = {0}, weights = {0}, out = {0};
    assert_true(file_read(&config, GOLDEN "hf/config.json", 1 << 20, &e));
    assert_true(file_read(&weights, GOLDEN "hf/model.safetensors", 1 << 20, &e));
    char *place = strstr(config.data, from);
    assert_non_null(place);
    strbuf_add(&out, config.data, (size_t)(place - config.data));
    strbuf_add_text(&out, to);
    strbuf_add_text(&out, place + strlen(from));
    snprintf(path, sizeof path, "%s/config.json", folder);
    write_text(path, out.data);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    assert_true(file_replace(path, strbuf_str(&weights), 0644, &e));
    struct weights *w = weights_open(folder, &e);
    assert_non_null(w);
    struct model *m = model_open(w, &e);
    if (said) {
        assert_null(m);
        assert_int_equal(e.kind, ERROR_INPUT);
        if (!strstr(e.message, said))
            fail_msg("\"%s\" does not say \"%s\"", e.message, said);
    } else {
        assert_non_null(m);
    }
    model_close(m);
    weights_close(w);
    assert_true(folder_remove(folder, &e));
    strbuf_free(&config);
    strbuf_free(&weights);
    strbuf_free(&out);
}

static void what_does_not_fit_is_refused_by_name(void **state)
{
    (void)state;
    opened_with("\"hidden_size\": 32", "\"hidden_size\":  32", NULL);
    opened_with("\"LlamaForCausalLM\"", "\"Qwen3ForCausalLM\"", "\"Qwen3ForCausalLM\" is not");
    opened_with("\"LlamaForCausalLM\"", "\"Qwen3ForCausalLM\"", "we have: llama");
    opened_with("\"LlamaForCausalLM\"", "\"LlavaForConditionalGeneration\"",
                "LlavaForConditionalGeneration wraps");
    opened_with("\"rope_type\": \"default\"", "\"rope_type\": \"llama3\"", "\"llama3\"");
    opened_with("\"mlp_bias\": false", "\"mlp_bias\": true", "mlp_bias");
    opened_with("\"hidden_act\": \"silu\"", "\"hidden_act\": \"gelu\"", "gelu");
    opened_with("\"vocab_size\": 64", "\"vocab_size\": 65",
                "model.embed_tokens.weight is [64, 32], expected [65, 32]");
    opened_with("\"intermediate_size\": 48", "\"intermediate_size\": 50",
                "gate_proj.weight is [48, 32], expected [50, 32]");
    opened_with("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3",
                "tensor model.layers.2.input_layernorm.weight is missing");
    opened_with("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", "impossible shape");
    opened_with("\"rope_theta\": 10000.0,", "", NULL);
}

static void the_shape_is_what_the_files_say(void **state)
{
    (void)state;
    static const char *const names[] = {"hf", "model.gguf"};
    for (int i = 0; i < 2; i++) {
        struct golden g;
        golden_open(&g, names[i], 0);
        const struct model_shape *s = model_shape(g.model);
        assert_int_equal(s->vocabulary, 64);
        assert_int_equal(s->width, 32);
        assert_int_equal(s->feed_forward, 48);
        assert_int_equal(s->layers, 2);
        assert_int_equal(s->kv_heads, 2);
        assert_int_equal(s->head_size, 8);
        assert_int_equal(s->context, 128);
        assert_int_equal(s->block_parameters, 2 * (32 * 32 * 2 + 16 * 32 * 2 + 48 * 32 * 3));
        assert_int_equal(model_linear_count(g.model), 14);
        assert_string_equal(model_linear_at(g.model, 7)->name, "model.layers.1.self_attn.q_proj");
        assert_string_equal(model_linear_at(g.model, 7)->target, "q_proj");
        golden_close(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_are_those_of_transformers),
        cmocka_unit_test(a_cache_continues_a_sequence),
        cmocka_unit_test(the_second_sequence_does_not_see_the_first),
        cmocka_unit_test(what_does_not_fit_is_refused_by_name),
        cmocka_unit_test(the_shape_is_what_the_files_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
