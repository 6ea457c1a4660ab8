#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/formats/safetensors.h"
#include "lorabuild/train/adapter.h"
#include "lorabuild/train/optimizer.h"
#include "lorabuild/train/step.h"
#include "tests/unit/train/tiny.h"

#include <math.h>

/* Cosine and greatest relative difference of two arrays. */
struct likeness {
    double cosine, difference;
};
static struct likeness compare(const float *x, const float *y, size_t n)
{
    double xx = 0, yy = 0, xy = 0, dd = 0;
    for (size_t i = 0; i < n; i++) {
        xx += (double)x[i] * x[i];
        yy += (double)y[i] * y[i];
        xy += (double)x[i] * y[i];
        dd += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
    }
    return (struct likeness){xy / sqrt(xx * yy), sqrt(dd / yy)};
}

/* Every A and B of `flat` (a set's layout) against the tensors of a golden file. */
static void compare_all(const struct lora_set *s, const float *flat, const char *file,
                        double least_cosine, double most_difference)
{
    struct error e = {0};
    struct safetensors *golden = safetensors_open(file, &e);
    tiny_check(golden, &e);
    assert_int_equal(safetensors_count(golden), 2 * s->count);
    for (size_t i = 0; i < s->count; i++)
        for (int part = 0; part < 2; part++) {
            char *name = mem_printf("%s.lora_%c.weight", s->modules[i]->name, "AB"[part]);
            const struct weight_tensor *t = safetensors_find(golden, name);
            assert_non_null(t);
            size_t n = t->size_bytes / sizeof(float);
            struct likeness l = compare(flat, t->data, n);
            if (!(l.cosine >= least_cosine) || !(l.difference <= most_difference))
                fail_msg("%s in %s: cosine %.8f, difference %.2e", name, file, l.cosine,
                         l.difference);
            flat += n;
            free(name);
        }
    safetensors_close(golden);
}

static size_t read_step(const json_t *steps, size_t step, uint32_t *which)
{
    const json_t *list = json_array_get(steps, step);
    for (size_t i = 0; i < json_array_size(list); i++)
        which[i] = (uint32_t)json_integer_value(json_array_get(list, i));
    return json_array_size(list);
}

static double at(const json_t *expected, const char *key, size_t i)
{
    return json_number_value(json_array_get(json_object_get(expected, key), i));
}

/* How near a way of computing must come to PyTorch + PEFT in f32. */
struct way {
    enum compute compute;
    bool checkpointed;
    double cosine, gradients, losses, norms, weights;
};

/* PyTorch + PEFT: gradients of the first step, losses and norms of ten, weights after them. */
static void equals_peft(void **state)
{
    const struct way *way = *state;
    struct error e = {0};
    struct tiny t;
    struct lora_set set;
    struct optimizer optimizer;
    uint32_t which[8];
    tiny_open(&t);
    cpu_backend_close(t.backend);
    t.backend = cpu_backend_open(way->compute, 0, &e);
    tiny_check(t.backend, &e);
    tiny_check(lora_from_peft(&set, t.model, &t.adapter, true, &e), &e);
    lora_attach(&set);
    optimizer_init(&optimizer, set.number_count);
    struct tape *tape = tape_open(t.backend);
    const json_t *steps = json_object_get(t.expected, "steps");
    for (size_t i = 0; i < json_array_size(steps); i++) {
        struct step s = {.model = t.model,
                         .tape = tape,
                         .set = &set,
                         .windows = &t.windows,
                         .which = which,
                         .count = read_step(steps, i, which),
                         .micro = 2,
                         .checkpoint_layers = way->checkpointed};
        struct step_result r;
        tiny_check(step_gradients(&s, &r, &e), &e);
        assert_true(r.finite && !r.stopped);
        if (i == 0)
            compare_all(&set, set.gradients, TINY "/gradients.safetensors", way->cosine,
                        way->gradients);
        double wanted = at(t.expected, "losses", i), norm;
        if (!(fabs(r.loss - wanted) <= way->losses * wanted))
            fail_msg("step %zu: loss %.9f, PEFT has %.9f", i, r.loss, wanted);
        norm = optimizer_step(&optimizer, set.weights, set.gradients, at(t.expected, "rates", i),
                              0.01, 1.0);
        wanted = at(t.expected, "norms", i);
        assert_true(fabs(norm - wanted) <= way->norms * wanted);
    }
    compare_all(&set, set.weights, TINY "/weights.safetensors", way->cosine, way->weights);
    tape_close(tape);
    optimizer_free(&optimizer);
    lora_detach(&set);
    lora_free(&set);
    tiny_close(&t);
}

/* The accumulation window's mean is over tokens: cutting it into micro-batches changes nothing. */
static void micro_batches_add_up(void **state)
{
    (void)state;
    struct error e = {0};
    struct tiny t;
    struct lora_set set;
    uint32_t which[6] = {3, 6, 0, 1, 5, 2};
    double losses[6];
    tiny_open(&t);
    tiny_check(lora_from_peft(&set, t.model, &t.adapter, true, &e), &e);
    lora_attach(&set);
    struct tape *tape = tape_open(t.backend);
    float *first = mem_array(set.number_count, sizeof *first);
    for (size_t micro = 1; micro <= 6; micro++) {
        struct step s = {.model = t.model,
                         .tape = tape,
                         .set = &set,
                         .windows = &t.windows,
                         .which = which,
                         .count = 6,
                         .micro = micro};
        struct step_result r;
        tiny_check(step_gradients(&s, &r, &e), &e);
        losses[micro - 1] = r.loss;
        if (micro == 1)
            memcpy(first, set.gradients, set.number_count * sizeof *first);
        assert_true(fabs(losses[micro - 1] - losses[0]) < 1e-6);
        assert_true(compare(set.gradients, first, set.number_count).difference < 1e-5);
    }
    free(first);
    tape_close(tape);
    lora_detach(&set);
    lora_free(&set);
    tiny_close(&t);
}

int main(void)
{
    static struct way plain = {COMPUTE_F32, false, 0.9999, 1e-4, 1e-4, 1e-3, 1e-2};
    static struct way checkpointed = {COMPUTE_F32, true, 0.9999, 1e-4, 1e-4, 1e-3, 1e-2};
    static struct way bf16 = {COMPUTE_BF16, false, 0.998, 6e-2, 2e-3, 5e-2, 6e-2};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(equals_peft, &plain),
        cmocka_unit_test_prestate(equals_peft, &checkpointed),
        cmocka_unit_test_prestate(equals_peft, &bf16),
        cmocka_unit_test(micro_batches_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
