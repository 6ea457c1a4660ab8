#include "tests/unit/tensor/reference.h"

struct shape {
    int64_t rows, cols;
    int head_size;
    const int32_t *positions;
    const float *inverse_frequency;
    enum rope_pairing pairing;
};

static void norm_reference(const struct reference *r, double *out)
{
    const struct shape *s = r->shape;
    for (int64_t i = 0; i < s->rows; i++) {
        const double *x = r->in[0] + i * s->cols;
        double sum = 0;
        for (int64_t j = 0; j < s->cols; j++)
            sum += x[j] * x[j];
        for (int64_t j = 0; j < s->cols; j++)
            out[i * s->cols + j] = x[j] / sqrt(sum / (double)s->cols + 1e-5) * r->in[1][j];
    }
}

static void norm_is_its_formula(void **state)
{
    (void)state;
    struct shape s = {.rows = 19, .cols = 77};
    struct backend *b = test_backend(0);
    struct tape *t = tape_open(b);
    struct error e;
    tape_record(t, true);
    struct value *x = leaf(t, s.rows, s.cols, "x");
    float *gain = filled((size_t)s.cols, "gain"), *w = filled((size_t)(s.rows * s.cols), "w");
    struct value *y = op_rms_norm(t, x, gain, 1e-5f, &e);
    struct reference r = {
        .run = norm_reference, .shape = &s, .out_count = (size_t)(s.rows * s.cols)};
    reference_input(&r, x->data, r.out_count);
    reference_input(&r, gain, (size_t)s.cols);
    same_as_reference(&r, y->data);
    walk_back(t, y, w);
    same_gradient(&r, 0, w, x->grad);
    reference_free(&r);
    free(gain);
    free(w);
    tape_close(t);
    cpu_backend_close(b);
}

static void rope_reference(const struct reference *r, double *out)
{
    const struct shape *s = r->shape;
    int size = s->head_size, half = size / 2;
    for (int64_t row = 0; row < s->rows; row++)
        for (int64_t head = 0; head < s->cols; head += size)
            for (int i = 0; i < half; i++) {
                bool halves = s->pairing == ROPE_HALVES;
                int64_t first = row * s->cols + head + (halves ? i : 2 * i);
                int64_t second = halves ? first + half : first + 1;
                float angle = (float)s->positions[row] * s->inverse_frequency[i];
                double c = cos((double)angle), n = sin((double)angle);
                out[first] = r->in[0][first] * c - r->in[0][second] * n;
                out[second] = r->in[0][second] * c + r->in[0][first] * n;
            }
}

static void rope_turns_and_turns_back(enum rope_pairing pairing)
{
    static const int32_t positions[] = {0, 1, 2, 3, 0, 1, 2, 999, 8000};
    static const float frequency[] = {1, 0.31f, 0.01f};
    struct shape s = {9, 4 * 6, 6, positions, frequency, pairing};
    struct backend *b = test_backend(0);
    struct tape *t = tape_open(b);
    struct error e;
    tape_record(t, true);
    struct value *x = leaf(t, s.rows, s.cols, "x");
    struct reference r = {
        .run = rope_reference, .shape = &s, .out_count = (size_t)(s.rows * s.cols)};
    reference_input(&r, x->data, r.out_count);
    float *w = filled(r.out_count, "w");
    struct value *y = op_rope(t, x, positions, s.head_size, frequency, pairing, &e);
    same_as_reference(&r, y->data);
    walk_back(t, y, w);
    same_gradient(&r, 0, w, x->grad);
    reference_free(&r);
    free(w);
    tape_close(t);
    cpu_backend_close(b);
}

static void rope_is_its_formula_in_both_pairings(void **state)
{
    (void)state;
    rope_turns_and_turns_back(ROPE_HALVES);
    rope_turns_and_turns_back(ROPE_NEIGHBOURS);
}

static void swiglu_reference(const struct reference *r, double *out)
{
    for (size_t i = 0; i < r->out_count; i++)
        out[i] = r->in[0][i] / (1 + exp(-r->in[0][i])) * r->in[1][i];
}

static void add_reference(const struct reference *r, double *out)
{
    for (size_t i = 0; i < r->out_count; i++)
        out[i] = r->in[0][i] + r->in[1][i];
}

static void two_inputs(struct value *(*op)(struct tape *, struct value *, struct value *,
                                           struct error *),
                       void (*reference)(const struct reference *, double *), float factor)
{
    struct backend *b = test_backend(0);
    struct tape *t = tape_open(b);
    struct error e;
    tape_record(t, true);
    struct value *x = leaf(t, 23, 17, "x"), *y = leaf(t, 23, 17, "y");
    for (int i = 0; i < 23 * 17; i++)
        x->data[i] *= factor;
    struct reference r = {.run = reference, .out_count = 23 * 17};
    reference_input(&r, x->data, r.out_count);
    reference_input(&r, y->data, r.out_count);
    float *w = filled(r.out_count, "w");
    struct value *z = op(t, x, y, &e);
    same_as_reference(&r, z->data);
    walk_back(t, z, w);
    same_gradient(&r, 0, w, x->grad);
    same_gradient(&r, 1, w, y->grad);
    reference_free(&r);
    free(w);
    tape_close(t);
    cpu_backend_close(b);
}

static void swiglu_is_its_formula(void **state)
{
    (void)state;
    two_inputs(op_swiglu, swiglu_reference, 1);
    two_inputs(op_swiglu, swiglu_reference, 30);
}

static void add_is_its_formula(void **state)
{
    (void)state;
    two_inputs(op_add, add_reference, 1);
}

/* x + x and x · σ(x) · x: one input twice must get both gradients. */
static void an_input_used_twice_gets_both_gradients(void **state)
{
    (void)state;
    struct backend *b = test_backend(0);
    struct tape *t = tape_open(b);
    struct error e;
    tape_record(t, true);
    struct value *x = leaf(t, 3, 5, "x");
    float *w = filled(15, "w");
    struct value *y = op_add(t, op_add(t, x, x, &e), x, &e);
    walk_back(t, y, w);
    for (int i = 0; i < 15; i++)
        assert_true(fabsf(x->grad[i] - 3 * w[i]) <= 1e-6f);
    free(w);
    tape_close(t);
    cpu_backend_close(b);
}

/* Each type's rows, found by their own size; what a number is, dtype's tests say. */
static void embedding_reads_rows_of_every_type(void **state)
{
    (void)state;
    enum { ROWS = 7, WIDTH = 512 };
    struct backend *b = test_backend(0);
    struct tape *t = tape_open(b);
    struct error e;
    uint8_t *stored = malloc(ROWS * WIDTH * sizeof(float));
    float row[WIDTH];
    static const int32_t ids[] = {6, 0, 3, 3}, wrong[] = {0, 7};
    for (int i = 0; i < ROWS * WIDTH * 4; i++) /* f16 and MXFP4 scales stay small */
        stored[i] = (uint8_t)(i % 2 ? 0x30 + i % 7 : i * 37 % 120);
    for (int type = 0; type < DTYPE_COUNT; type++) {
        const struct matrix table = {(enum dtype)type, ROWS, WIDTH, stored, type};
        size_t bytes = 0;
        assert_true(dtype_bytes(table.type, WIDTH, &bytes));
        struct value *y = op_embedding(t, &table, ids, 4, 2, &e);
        for (int i = 0; i < 4; i++) {
            dtype_to_f32(table.type, stored + (size_t)ids[i] * bytes, row, WIDTH);
            for (int j = 0; j < WIDTH; j++) {
                assert_true(y->data[i * WIDTH + j] == 2 * row[j]);
                assert_true(fabsf(row[j]) < 1e6f);
            }
        }
        assert_null(op_embedding(t, &table, wrong, 2, 1, &e));
        assert_non_null(strstr(e.message, "token 7 at position 1"));
    }
    free(stored);
    tape_close(t);
    cpu_backend_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norm_is_its_formula),
        cmocka_unit_test(rope_is_its_formula_in_both_pairings),
        cmocka_unit_test(swiglu_is_its_formula),
        cmocka_unit_test(add_is_its_formula),
        cmocka_unit_test(an_input_used_twice_gets_both_gradients),
        cmocka_unit_test(embedding_reads_rows_of_every_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
