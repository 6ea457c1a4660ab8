#include "tests/unit/models/golden.h"

static void logits_with_an_adapter_are_those_of_peft(void **state)
{
    (void)state;
    static const char *const names[] = {"hf", "model.gguf"};
    for (int i = 0; i < 2; i++) {
        struct golden g;
        struct peft_adapter a;
        struct lora_set s;
        struct error e = {0};
        float logits[TOKENS * VOCABULARY], plain[TOKENS * VOCABULARY];
        golden_open(&g, names[i], 0);
        golden_adapter(&g, &a);
        assert_true(lora_from_peft(&s, g.model, &a, false, &e));
        assert_null(s.gradients);
        lora_attach(&s);
        golden_logits(&g, logits);
        assert_true(farthest(logits, expected_of(&g, "logits.lora"), TOKENS * VOCABULARY) <= 2e-5);
        lora_detach(&s);
        golden_logits(&g, plain);
        assert_true(farthest(plain, expected_of(&g, "logits.hf"), TOKENS * VOCABULARY) <= 2e-5);
        lora_free(&s);
        peft_free(&a);
        golden_close(&g);
    }
}

static void same_as_peft(const struct golden *g, const struct lora_set *s, size_t i)
{
    char name[200];
    const struct model_linear *l = s->modules[i];
    size_t a = (size_t)(s->rank * l->linear->weight.cols);
    size_t b = (size_t)(s->rank * l->linear->weight.rows);
    float *rows = malloc(b * sizeof *rows);
    model_export_rows(l, s->pairs[i].grad_b, s->rank, rows);
    snprintf(name, sizeof name, "grad.%s.lora_A", l->name);
    double off_a = farthest(s->pairs[i].grad_a, expected_of(g, name), a);
    snprintf(name, sizeof name, "grad.%s.lora_B", l->name);
    double off_b = farthest(rows, expected_of(g, name), b);
    if (!(off_a <= 5e-5 && off_b <= 5e-5))
        print_error("%s: dA off by %g, dB by %g\n", l->name, off_a, off_b);
    assert_true(off_a <= 5e-5 && off_b <= 5e-5);
    free(rows);
}

static void every_gradient_is_that_of_peft(void **state)
{
    (void)state;
    static const char *const names[] = {"hf", "model.gguf"};
    for (int i = 0; i < 4; i++) {
        struct golden g;
        struct peft_adapter a;
        struct lora_set s;
        struct error e = {0};
        golden_open(&g, names[i % 2], 0);
        golden_adapter(&g, &a);
        assert_true(lora_from_peft(&s, g.model, &a, true, &e));
        lora_attach(&s);
        double loss = golden_step(&g, i >= 2);
        assert_true(fabs(loss - (double)expected_of(&g, "loss")[0]) <= 2e-6 * loss);
        for (size_t j = 0; j < s.count; j++)
            same_as_peft(&g, &s, j);
        lora_detach(&s);
        lora_free(&s);
        peft_free(&a);
        golden_close(&g);
    }
}

/* One step's gradients, freshly made adapter; caller frees. */
static float *gradients(const char *base, size_t panel_bytes, int threads, bool checkpoint,
                        double dropout, size_t *count)
{
    struct golden g;
    struct lora_set s;
    struct error e = {0};
    int before = threads_count();
    threads_set(threads);
    golden_open(&g, base, panel_bytes);
    assert_true(lora_create(&s, g.model, NULL, 0, 4, 8, dropout, 7, &e));
    for (size_t i = 0; i < s.count; i++)
        for (int64_t j = 0; j < s.rank * s.modules[i]->linear->weight.rows; j++)
            s.pairs[i].b[j] = (float)(j % 7) * 0.01f - 0.03f;
    lora_attach(&s);
    golden_step(&g, checkpoint);
    lora_detach(&s);
    float *copy = malloc(s.number_count * sizeof *copy);
    memcpy(copy, s.gradients, s.number_count * sizeof *copy);
    *count = s.number_count;
    lora_free(&s);
    golden_close(&g);
    threads_set(before);
    return copy;
}

static void bits_do_not_depend_on_threads_panels_or_checkpoints(void **state)
{
    (void)state;
    static const char *const bases[] = {"f16", "tied"};
    for (int base = 0; base < 2; base++) {
        size_t n, m;
        float *first = gradients(bases[base], 0, 1, false, 0.25, &n);
        for (int i = 1; i < 8; i++) {
            float *again =
                gradients(bases[base], i & 1 ? 1 << 20 : 0, i & 2 ? 2 : 1, i & 4, 0.25, &m);
            assert_int_equal(n, m);
            assert_memory_equal(first, again, n * sizeof *first);
            free(again);
        }
        free(first);
    }
}

/* T29 */
static void fresh_weights_depend_on_seed_and_name_alone(void **state)
{
    (void)state;
    struct golden g;
    struct lora_set all = {0}, some = {0}, other = {0};
    struct error e = {0};
    char v[] = "v_proj", q[] = "q_proj";
    char *targets[] = {v, q};
    golden_open(&g, "hf", 0);
    assert_true(lora_create(&all, g.model, NULL, 0, 4, 8, 0, 7, &e));
    assert_true(lora_create(&some, g.model, targets, 2, 4, 8, 0, 7, &e));
    assert_true(lora_create(&other, g.model, targets, 2, 4, 8, 0, 8, &e));
    assert_int_equal(all.count, 14);
    assert_int_equal(some.count, 4);
    assert_string_equal(some.modules[0]->target, "q_proj");
    assert_memory_equal(some.pairs[0].a, all.pairs[0].a, 4 * 32 * sizeof(float));
    assert_memory_equal(some.pairs[3].a, all.pairs[9].a, 4 * 32 * sizeof(float));
    assert_memory_not_equal(some.pairs[0].a, other.pairs[0].a, 4 * 32 * sizeof(float));
    assert_memory_not_equal(all.pairs[0].a, all.pairs[1].a, 4 * 32 * sizeof(float));
    float bound = 1 / sqrtf(32), most = 0;
    for (int i = 0; i < 4 * 32; i++) {
        assert_true(fabsf(all.pairs[0].a[i]) <= bound && all.pairs[0].b[i] == 0);
        most = fmaxf(most, fabsf(all.pairs[0].a[i]));
    }
    assert_true(most > 0.9f * bound);
    lora_free(&all);
    lora_free(&some);
    lora_free(&other);
    golden_close(&g);
}

static void unknown_targets_and_modules_are_named(void **state)
{
    (void)state;
    struct golden g;
    struct lora_set s;
    struct peft_adapter a;
    struct error e = {0};
    char wrong[] = "c_attn";
    char *targets[] = {wrong};
    golden_open(&g, "hf", 0);
    assert_false(lora_create(&s, g.model, targets, 1, 4, 8, 0, 7, &e));
    assert_int_equal(e.kind, ERROR_USAGE);
    assert_non_null(strstr(e.message, "\"c_attn\""));
    assert_non_null(strstr(e.message, "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, "));
    golden_adapter(&g, &a);
    a.modules[3].in = 31;
    assert_false(lora_from_peft(&s, g.model, &a, true, &e));
    assert_non_null(strstr(e.message, "is 31 to 32, the base's 32 to 32"));
    a.modules[3].in = 32;
    a.modules[3].name[0] = 'x';
    assert_false(lora_from_peft(&s, g.model, &a, true, &e));
    assert_non_null(strstr(e.message, "xodel.layers.0.self_attn.o_proj"));
    peft_free(&a);
    golden_close(&g);
}

static void an_adapter_goes_round_unchanged(void **state)
{
    (void)state;
    struct golden g;
    struct lora_set s;
    struct peft_adapter a, back;
    struct error e = {0};
    golden_open(&g, "model.gguf", 0); /* q and k rows permuted in, and out again */
    golden_adapter(&g, &a);
    assert_true(lora_from_peft(&s, g.model, &a, true, &e));
    assert_true(lora_to_peft(&s, &back, a.alpha, 0, "base", &e));
    assert_int_equal(back.count, a.count);
    assert_false(back.rslora);
    for (size_t i = 0; i < a.count; i++) {
        const struct peft_module *m = &a.modules[i], *found = NULL;
        for (size_t j = 0; j < back.count; j++)
            if (!strcmp(back.modules[j].name, m->name))
                found = &back.modules[j];
        assert_non_null(found);
        assert_memory_equal(found->a, m->a, (size_t)(4 * m->in) * sizeof(float));
        assert_memory_equal(found->b, m->b, (size_t)(4 * m->out) * sizeof(float));
        assert_true(i == 0 || strcmp(back.modules[i - 1].name, back.modules[i].name) < 0);
    }
    lora_free(&s);
    peft_free(&a);
    peft_free(&back);
    golden_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_with_an_adapter_are_those_of_peft),
        cmocka_unit_test(every_gradient_is_that_of_peft),
        cmocka_unit_test(bits_do_not_depend_on_threads_panels_or_checkpoints),
        cmocka_unit_test(fresh_weights_depend_on_seed_and_name_alone),
        cmocka_unit_test(unknown_targets_and_modules_are_named),
        cmocka_unit_test(an_adapter_goes_round_unchanged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
