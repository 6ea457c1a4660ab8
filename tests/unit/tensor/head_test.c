#include "tests/unit/tensor/reference.h"

#define WIDTH 12
#define VOCABULARY 37

struct shape {
    int64_t rows;
    const int32_t *targets;
    const float *weights;
};

static void loss_reference(const struct reference *r, double *out) /* Σ weight · loss */
{
    const struct shape *s = r->shape;
    double z[VOCABULARY];
    *out = 0;
    for (int64_t i = 0; i < s->rows; i++) {
        double sum = 0;
        for (int v = 0; v < VOCABULARY; v++) {
            z[v] = 0;
            for (int j = 0; j < WIDTH; j++)
                z[v] += r->in[0][i * WIDTH + j] * r->in[1][v * WIDTH + j];
            sum += exp(z[v]);
        }
        if (s->weights[i] > 0)
            *out += (double)s->weights[i] * (log(sum) - z[s->targets[i]]);
    }
}

static void check(int64_t rows, bool all)
{
    int32_t *targets = malloc((size_t)rows * sizeof *targets);
    float *weights = malloc((size_t)rows * sizeof *weights);
    for (int64_t i = 0; i < rows; i++) {
        targets[i] = (int32_t)(i * 7 % VOCABULARY);
        weights[i] = all ? 1 : i % 3 == 0 ? 0 : i % 3 == 1 ? 1 : 0.25f;
        if (!(weights[i] > 0))
            targets[i] = -100; /* never looked at */
    }
    struct shape s = {rows, targets, weights};
    struct backend *b = test_backend(0);
    struct tape *t = tape_open(b);
    struct error e = {0};
    tape_record(t, true);
    struct value *x = leaf(t, rows, WIDTH, "x");
    float *table = filled(VOCABULARY * WIDTH, "table"), one = 0.5f;
    struct linear head = {.weight = {DTYPE_F32, VOCABULARY, WIDTH, table, 0}};
    double sum = 0, expected;
    float *row_loss = malloc((size_t)rows * sizeof *row_loss);
    struct head_loss h = {&head, targets, weights, 0.5, &sum, row_loss};
    struct reference r = {.run = loss_reference, .shape = &s, .out_count = 1};
    reference_input(&r, x->data, (size_t)rows * WIDTH);
    reference_input(&r, table, VOCABULARY * WIDTH);
    assert_true(op_head_loss(t, x, &h, &e));
    r.run(&r, &expected);
    assert_true(fabs(sum - expected) <= 1e-6 * expected);
    same_gradient(&r, 0, &one, x->grad);
    double again = 0;
    for (int64_t i = 0; i < rows; i++) {
        again += (double)weights[i] * (double)row_loss[i];
        assert_true(weights[i] > 0 || row_loss[i] == 0);
    }
    assert_true(fabs(again - expected) <= 1e-5 * expected);
    reference_free(&r);
    free(targets);
    free(weights);
    free(table);
    free(row_loss);
    tape_close(t);
    cpu_backend_close(b);
}

static void loss_and_gradient_are_their_formulas(void **state)
{
    (void)state;
    check(5, true);
    check(9, false);
    check(300, false); /* more than one chunk */
}

static void rows_without_weight_cost_and_change_nothing(void **state)
{
    (void)state;
    struct backend *b = test_backend(0);
    struct tape *t = tape_open(b);
    struct error e = {0};
    tape_record(t, true);
    struct value *x = leaf(t, 4, WIDTH, "x");
    float *table = filled(VOCABULARY * WIDTH, "table"), none[4] = {0};
    struct linear head = {.weight = {DTYPE_F32, VOCABULARY, WIDTH, table, 0}};
    int32_t targets[4] = {0};
    double sum = 0;
    struct head_loss h = {&head, targets, none, 1, &sum, NULL};
    assert_true(op_head_loss(t, x, &h, &e));
    assert_true(sum == 0);
    for (int i = 0; i < 4 * WIDTH; i++)
        assert_true(x->grad[i] == 0);
    free(table);
    tape_close(t);
    cpu_backend_close(b);
}

static void a_target_outside_the_vocabulary_is_refused(void **state)
{
    (void)state;
    struct backend *b = test_backend(0);
    struct tape *t = tape_open(b);
    struct error e = {0};
    struct value *x = leaf(t, 2, WIDTH, "x");
    float *table = filled(VOCABULARY * WIDTH, "table"), weights[2] = {1, 1};
    struct linear head = {.weight = {DTYPE_F32, VOCABULARY, WIDTH, table, 0}};
    int32_t targets[2] = {0, VOCABULARY};
    double sum = 0;
    struct head_loss h = {&head, targets, weights, 1, &sum, NULL};
    assert_false(op_head_loss(t, x, &h, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    free(table);
    tape_close(t);
    cpu_backend_close(b);
}

static void logits_are_products_with_the_rows_asked_for(void **state)
{
    (void)state;
    struct backend *b = test_backend(0);
    struct tape *t = tape_open(b);
    struct error e;
    struct value *x = leaf(t, 9, WIDTH, "x");
    float *table = filled(VOCABULARY * WIDTH, "table"), logits[7 * VOCABULARY];
    struct linear head = {.weight = {DTYPE_F32, VOCABULARY, WIDTH, table, 0}};
    static const int32_t rows[] = {8, 0, 3, 3, 1, 2, 5};
    for (int64_t n = 1; n <= 7; n += 6) {
        assert_true(op_head_logits(t, x, &head, rows, n, logits, &e));
        for (int64_t i = 0; i < n; i++)
            for (int v = 0; v < VOCABULARY; v++) {
                double z = 0;
                for (int j = 0; j < WIDTH; j++)
                    z += (double)x->data[rows[i] * WIDTH + j] * (double)table[v * WIDTH + j];
                assert_true(fabs((double)logits[i * VOCABULARY + v] - z) < 1e-5);
            }
    }
    free(table);
    tape_close(t);
    cpu_backend_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_and_gradient_are_their_formulas),
        cmocka_unit_test(rows_without_weight_cost_and_change_nothing),
        cmocka_unit_test(a_target_outside_the_vocabulary_is_refused),
        cmocka_unit_test(logits_are_products_with_the_rows_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
