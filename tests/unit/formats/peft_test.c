#include "tests/unit/formats/scratch.h"

#include "lorabuild/common/json.h"
#include "lorabuild/common/random.h"
#include "lorabuild/formats/peft.h"
#include "lorabuild/formats/safetensors.h"

#include <math.h>

#define CONFIG "adapter_config.json"
#define MODEL "adapter_model.safetensors"

static void pefts_own_adapter_is_read(void **state)
{
    (void)state;
    struct error e = {0};
    struct peft_adapter a;
    assert_ok(peft_read(&a, GOLDEN "adapter", &e), e);
    assert_int_equal(a.rank, 4);
    assert_true(a.alpha == 8 && !a.rslora && a.dropout == 0 && peft_scale(&a) == 2);
    assert_string_equal(a.base, "tiny");
    assert_int_equal(a.count, 4);
    assert_string_equal(a.modules[0].name, "model.layers.0.mlp.down_proj");
    assert_string_equal(a.modules[3].name, "model.layers.1.self_attn.q_proj");
    assert_true(a.modules[0].in == 16 && a.modules[0].out == 8);
    struct safetensors *s = safetensors_open(GOLDEN "adapter/" MODEL, &e);
    const struct weight_tensor *b =
        safetensors_find(s, "base_model.model.model.layers.0.mlp.down_proj.lora_B.weight");
    assert_memory_equal(a.modules[0].b, b->data, b->size_bytes);
    safetensors_close(s);
    peft_free(&a);
}

static void equal_files(const char *folder, const char *other, const char *name)
{
    char *x = path_join(folder, name), *y = path_join(other, name);
    struct strbuf first = read_file(x), second = read_file(y);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    strbuf_free(&first);
    strbuf_free(&second);
    free(x);
    free(y);
}

static void what_is_written_is_read_and_the_same_bytes(void **state)
{
    struct error e = {0};
    struct peft_adapter a, b;
    char *one = path_join(*state, "1"), *two = path_join(*state, "2");
    assert_true(folder_make(one, 0755, NULL) && folder_make(two, 0755, NULL));
    assert_ok(peft_read(&a, GOLDEN "adapter", &e), e);
    a.dropout = 0.05;
    a.rslora = true;
    assert_ok(peft_write(one, &a, &e), e);
    assert_ok(peft_read(&b, one, &e), e);
    assert_true(b.rank == a.rank && b.alpha == a.alpha && b.rslora && b.dropout == 0.05);
    assert_true(peft_scale(&b) == 4);
    assert_int_equal(b.count, a.count);
    assert_memory_equal(a.modules[2].a, b.modules[2].a, 4u * 16 * sizeof(float));
    assert_ok(peft_write(two, &b, &e), e);
    equal_files(one, two, CONFIG);
    equal_files(one, two, MODEL);
    peft_free(&a);
    peft_free(&b);
    free(one);
    free(two);
}

/* T35: these keys and no other. */
static void t35_the_configuration_is_minimal(void **state)
{
    static const char wanted[] = "{\n"
                                 "  \"alpha_pattern\": {},\n"
                                 "  \"base_model_name_or_path\": null,\n"
                                 "  \"bias\": \"none\",\n"
                                 "  \"fan_in_fan_out\": false,\n"
                                 "  \"inference_mode\": true,\n"
                                 "  \"init_lora_weights\": true,\n"
                                 "  \"layers_to_transform\": null,\n"
                                 "  \"lora_alpha\": 8,\n"
                                 "  \"lora_dropout\": 0.0,\n"
                                 "  \"modules_to_save\": null,\n"
                                 "  \"peft_type\": \"LORA\",\n"
                                 "  \"r\": 4,\n"
                                 "  \"rank_pattern\": {},\n"
                                 "  \"revision\": null,\n"
                                 "  \"target_modules\": [\n"
                                 "    \"down_proj\",\n"
                                 "    \"q_proj\"\n"
                                 "  ],\n"
                                 "  \"task_type\": \"CAUSAL_LM\",\n"
                                 "  \"use_dora\": false,\n"
                                 "  \"use_rslora\": false\n"
                                 "}\n";
    struct error e = {0};
    struct peft_adapter a;
    char *path = path_join(*state, CONFIG);
    assert_ok(peft_read(&a, GOLDEN "adapter", &e), e);
    free(a.base);
    a.base = NULL;
    assert_ok(peft_write(*state, &a, &e), e);
    struct strbuf text = read_file(path);
    assert_string_equal(text.data, wanted);
    strbuf_free(&text);
    peft_free(&a);
    free(path);
}

/* Reads PEFT's adapter with one key of its configuration set to `value` (NULL: removed). */
static bool read_with(void **state, const char *key, const char *value, struct error *e)
{
    struct peft_adapter a;
    struct strbuf text = {0};
    char *config = path_join(*state, CONFIG), *model = path_join(*state, MODEL);
    json_t *o = json_read_file(GOLDEN "adapter/" CONFIG, 1 << 20, e);
    if (value)
        json_object_set_new(o, key, json_loads(value, JSON_DECODE_ANY, NULL));
    else
        json_object_del(o, key);
    strbuf_add_text(&text, "\xEF\xBB\xBF"); /* T01: the mark is no matter */
    json_write(&text, o, false);
    write_file(config, text.data, text.size);
    copy_file(GOLDEN "adapter/" MODEL, model);
    bool ok = peft_read(&a, *state, e);
    if (ok)
        peft_free(&a);
    json_decref(o);
    strbuf_free(&text);
    free(config);
    free(model);
    return ok;
}

static void t35_keys_that_change_the_result_are_refused_by_name(void **state)
{
    static const struct {
        const char *key, *value, *why; /* why NULL: read */
    } cases[] = {
        {"eva_config", "null", NULL},
        {"exclude_modules", "null", NULL},
        {"lora_bias", "false", NULL},
        {"invented", "null", NULL},
        {"invented", "{}", NULL},
        {"peft_version", "\"9.9\"", NULL},
        {"layers_to_transform", "[0, 1]", NULL},
        {"rank_pattern", "{\"q_proj\": 4}", NULL},
        {"init_lora_weights", "\"gaussian\"", NULL},
        {"target_modules", "\"all-linear\"", NULL},
        {"target_modules", "[\"mlp.down_proj\", \"self_attn.q_proj\"]", NULL},
        {"lora_alpha", "8.0", NULL},
        {"invented", "true", "'invented' is not known here and may change the result"},
        {"use_dora", "true", "'use_dora' asks for DoRA"},
        {"layer_replication", "[[0, 4]]", "'layer_replication' repeats layers"},
        {"modules_to_save", "[\"lm_head\"]", "'modules_to_save' names modules saved whole"},
        {"lora_bias", "true", "'lora_bias' adds biases"},
        {"rank_pattern", "{\"q_proj\": 8}", "'rank_pattern' gives modules different values"},
        {"alpha_pattern", "{\"q_proj\": 16}", "'alpha_pattern' gives modules different values"},
        {"bias", "\"all\"", "'bias' trains biases"},
        {"fan_in_fan_out", "true", "'fan_in_fan_out' is set"},
        {"init_lora_weights", "\"pissa_niter_4\"", "'init_lora_weights' names a method"},
        {"peft_type", "\"LOHA\"", "'peft_type' is not LORA"},
        {"lora_alpha", NULL, "'lora_alpha' is missing"},
        {"lora_alpha", "\"8\"", "'lora_alpha' must be a number, found text"},
        {"r", "0", "'r' is not a possible rank"},
        {"r", "8", "has shape [4, 16] and its B [8, 4], where rank 8 asks for [8, in]"},
        {"target_modules", "[\"q_proj\"]",
         "'model.layers.0.mlp.down_proj' has tensors but is not among target_modules"},
        {"target_modules", "[\"q_proj\", \"down_proj\", \"k_proj\"]",
         "'k_proj' is a target module without tensors"},
        {"target_modules", "[\"roj\"]", "'roj' is a target module without tensors"},
        {"target_modules", "[7]", "'target_modules' is a target module without tensors"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error e = {0};
        bool ok = read_with(state, cases[i].key, cases[i].value, &e);
        if (!cases[i].why)
            assert_ok(ok, e);
        else
            assert_error(e, ERROR_INPUT, cases[i].why);
        assert_true(ok == !cases[i].why);
    }
}

/* PEFT's adapter plus `extra`, or less the tensor of extra's name where it has no data. */
static void read_with_tensor(void **state, struct weight_tensor extra, const char *why)
{
    struct error e = {0};
    struct peft_adapter a;
    struct weight_tensor t[10];
    size_t n = 0;
    char *config = path_join(*state, CONFIG), *model = path_join(*state, MODEL);
    struct safetensors *s = safetensors_open(GOLDEN "adapter/" MODEL, &e);
    for (size_t i = 0; i < safetensors_count(s); i++)
        if (strcmp(safetensors_at(s, i)->name, extra.name) != 0)
            t[n++] = *safetensors_at(s, i);
    if (extra.data)
        t[n++] = extra;
    assert_ok(safetensors_write(model, t, n, NULL, &e), e);
    copy_file(GOLDEN "adapter/" CONFIG, config);
    assert_false(peft_read(&a, *state, &e));
    assert_error(e, ERROR_INPUT, why);
    safetensors_close(s);
    free(config);
    free(model);
}

static void t39_strangers_among_the_tensors_are_named(void **state)
{
    static const float x[64];
#define Q "base_model.model.model.layers.0.self_attn.q_proj"
    const struct {
        struct weight_tensor extra;
        const char *why;
    } cases[] = {
        {{"base_model.model.lm_head.weight", DTYPE_F32, 2, {4, 8}, x, 128},
         "'base_model.model.lm_head.weight' of shape [4, 8] is neither an A nor a B"},
        {{Q ".lora_magnitude_vector", DTYPE_F32, 1, {8}, x, 32}, "is a DoRA magnitude"},
        {{"base_model.model.model.embed_tokens.lora_embedding_A", DTYPE_F32, 2, {4, 8}, x, 128},
         "adapts an embedding"},
        {{"rope_freqs.weight", DTYPE_F32, 1, {4}, x, 16}, "'rope_freqs.weight' of shape [4]"},
        {{Q ".lora_A.default.weight", DTYPE_F32, 2, {4, 8}, x, 128},
         "is not named 'base_model.model.MODULE.lora_A.weight'"},
        {{"model.x.lora_A.weight", DTYPE_F32, 2, {4, 8}, x, 128}, "is not named"},
        {{"base_model.model.x.lora_A.weight", DTYPE_F32, 2, {4, 8}, x, 128}, "has no B beside it"},
        {{Q ".lora_A.weight", DTYPE_F32, 2, {4, 8}, NULL, 0}, "has no A beside it"},
        {{Q ".lora_A.weight", DTYPE_F32, 2, {8, 4}, x, 128}, "has shape [8, 4] and its B [8, 4]"},
        {{Q ".lora_A.weight", DTYPE_F32, 1, {32}, x, 128}, "has shape [32]"},
        {{Q ".lora_A.weight", DTYPE_F32, 2, {4, 0}, x, 0}, "has shape [4, 0]"},
    };
#undef Q
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        read_with_tensor(state, cases[i].extra, cases[i].why);
}

/* A random adapter over `names`. */
static struct peft_adapter sketch(int rank, double alpha, bool rslora, const char *const *names,
                                  size_t count, uint64_t seed)
{
    struct peft_adapter a = {.rank = rank, .alpha = alpha, .rslora = rslora, .count = count};
    a.modules = mem_array(count, sizeof *a.modules);
    for (size_t i = 0; i < count; i++) {
        struct peft_module *m = &a.modules[i];
        struct random r = {.seed = seed, .purpose = random_purpose(names[i])};
        *m = (struct peft_module){.name = mem_strdup(names[i]), .in = 6, .out = 5};
        m->a = mem_array((size_t)rank * 6, sizeof *m->a);
        m->b = mem_array((size_t)rank * 5, sizeof *m->b);
        for (uint64_t k = 0; k < (uint64_t)rank * 6; k++)
            m->a[k] = random_uniform(r, k, -0.5f, 0.5f);
        for (uint64_t k = 0; k < (uint64_t)rank * 5; k++)
            m->b[k] = random_uniform(r, 1000 + k, -0.5f, 0.5f);
    }
    return a;
}

static double delta(const struct peft_adapter *a, const char *name, int64_t row, int64_t column)
{
    double sum = 0;
    for (size_t i = 0; i < a->count; i++)
        for (int k = 0; strcmp(a->modules[i].name, name) == 0 && k < a->rank; k++)
            sum += (double)a->modules[i].b[row * a->rank + k] *
                   (double)a->modules[i].a[k * a->modules[i].in + column];
    return sum * peft_scale(a);
}

static void t37_the_joint_effect_is_the_sum(void **state)
{
    static const char *const names[] = {"a.k_proj", "a.q_proj", "b.q_proj"};
    static const struct {
        int rank_1, rank_2, rank_to;
        double alpha_1, alpha_2;
        bool rslora_1, rslora_2;
    } cases[] = {{8, 4, 0, 16, 8, true, false},
                 {8, 4, 16, 16, 8, true, true},
                 {3, 4, 64, 5, 7, false, true},
                 {2, 2, 4, 4, 4, false, false}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct error e = {0};
        struct peft_adapter city =
            sketch(cases[c].rank_1, cases[c].alpha_1, cases[c].rslora_1, names, 2, 1);
        struct peft_adapter client = sketch(cases[c].rank_2, cases[c].alpha_2, cases[c].rslora_2,
                                            names + 1, 2, 2),
                            joint, again;
        city.base = mem_strdup("base");
        assert_ok(peft_join(&joint, &city, &client, cases[c].rank_to, &e), e);
        assert_int_equal(joint.rank,
                         cases[c].rank_to ? cases[c].rank_to : cases[c].rank_1 + cases[c].rank_2);
        assert_true(peft_scale(&joint) == 1 && !joint.rslora);
        assert_int_equal(joint.count, 3);
        assert_string_equal(joint.base, "base");
        assert_ok(peft_write(*state, &joint, &e) && peft_read(&again, *state, &e), e);
        for (int n = 0; n < 3; n++)
            for (int row = 0; row < 5; row++)
                for (int column = 0; column < 6; column++) {
                    double wanted =
                        delta(&city, names[n], row, column) + delta(&client, names[n], row, column);
                    assert_true(fabs(delta(&again, names[n], row, column) - wanted) < 1e-6);
                }
        peft_free(&again);
        peft_free(&joint);
        peft_free(&client);
        peft_free(&city);
    }
}

static void what_cannot_be_joined_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"a.q_proj"};
    struct error e = {0};
    struct peft_adapter a = sketch(4, 8, false, names, 1, 1), b = sketch(4, 8, false, names, 1, 2);
    struct peft_adapter joint;
    assert_false(peft_join(&joint, &a, &b, 7, &e));
    assert_error(e, ERROR_LIMIT, "ranks 4 and 4 need 8 together, above the 7 allowed");
    b.modules[0].in = 4;
    assert_false(peft_join(&joint, &a, &b, 0, &e));
    assert_error(e, ERROR_INPUT, "'a.q_proj' is 6 to 5 in one adapter, 4 to 5 in the other");
    peft_free(&a);
    peft_free(&b);
    assert_int_equal(peft_served_rank(1), 8);
    assert_int_equal(peft_served_rank(24), 32);
    assert_int_equal(peft_served_rank(257), 320);
    assert_int_equal(peft_served_rank(513), 513);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pefts_own_adapter_is_read),
        cmocka_unit_test_setup_teardown(what_is_written_is_read_and_the_same_bytes, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(t35_the_configuration_is_minimal, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(t35_keys_that_change_the_result_are_refused_by_name,
                                        scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(t39_strangers_among_the_tensors_are_named, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(t37_the_joint_effect_is_the_sum, scratch_make,
                                        scratch_remove),
        cmocka_unit_test(what_cannot_be_joined_is_refused),
    };
    return cmocka_run_group_tests_name("peft", tests, NULL, NULL);
}
