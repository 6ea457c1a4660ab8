#include "tests/unit/tensor/reference.h"

struct shape {
    int64_t rows, in, out;
    int rank, pairs;
    float scale, dropout;
    const struct lora_pair *pair;
};

static double kept(const struct lora_pair *p, int64_t index)
{
    struct random r = {p->dropout_seed, p->dropout_purpose, p->dropout_step};
    uint32_t words[4];
    random_block(r, (uint64_t)index / 4, words);
    bool drop = p->dropout > 0 && (float)(words[index % 4] >> 8) * 0x1p-24f < p->dropout;
    return drop ? 0 : 1 / (1 - (double)p->dropout);
}

/* Inputs: x, W, bias, then A and B of each pair; at most two pairs fit beside one another. */
static void linear_reference(const struct reference *r, double *out)
{
    const struct shape *s = r->shape;
    const double *x = r->in[0], *w = r->in[1];
    for (int64_t i = 0; i < s->rows; i++)
        for (int64_t o = 0; o < s->out; o++) {
            double y = 0;
            for (int64_t j = 0; j < s->in; j++)
                y += x[i * s->in + j] * w[o * s->in + j];
            out[i * s->out + o] = y;
        }
    for (int p = 0; p < s->pairs; p++) {
        const double *a = r->in[2 + 2 * p], *b = r->in[3 + 2 * p];
        for (int64_t i = 0; i < s->rows; i++)
            for (int k = 0; k < s->rank; k++) {
                double h = 0;
                for (int64_t j = 0; j < s->in; j++)
                    h += x[i * s->in + j] * kept(&s->pair[p], i * s->in + j) * a[k * s->in + j];
                for (int64_t o = 0; o < s->out; o++)
                    out[i * s->out + o] += (double)s->scale * h * b[o * s->rank + k];
            }
    }
}

struct made { /* one linear layer with its pairs, and the reference of it */
    struct linear linear;
    struct lora_pair pair[2];
    struct reference reference;
    float *weight;
};

static void make(struct made *m, struct shape *s)
{
    size_t in = (size_t)s->in, out = (size_t)s->out, rank = (size_t)s->rank;
    *m = (struct made){.reference = {.run = linear_reference, .shape = s}};
    m->weight = filled(out * in, "weight");
    m->linear.weight = (struct matrix){DTYPE_F32, s->out, s->in, m->weight, 0};
    m->linear.pair_count = s->pairs;
    for (int p = 0; p < s->pairs; p++) {
        m->pair[p] = (struct lora_pair){.rank = s->rank,
                                        .scale = s->scale,
                                        .a = filled(rank * in, p ? "a1" : "a0"),
                                        .b = filled(out * rank, p ? "b1" : "b0"),
                                        .grad_a = calloc(rank * in, sizeof(float)),
                                        .grad_b = calloc(out * rank, sizeof(float)),
                                        .dropout = s->dropout,
                                        .dropout_seed = 5,
                                        .dropout_purpose = (uint64_t)p,
                                        .dropout_step = 3};
        m->linear.pairs[p] = &m->pair[p];
    }
    s->pair = m->pair;
}

static void unmake(struct made *m)
{
    for (int p = 0; p < m->linear.pair_count; p++) {
        free(m->pair[p].a);
        free(m->pair[p].b);
        free(m->pair[p].grad_a);
        free(m->pair[p].grad_b);
    }
    free(m->weight);
    reference_free(&m->reference);
}

static void check(struct shape s)
{
    struct made m;
    make(&m, &s);
    struct backend *b = test_backend(1 << 20);
    struct tape *t = tape_open(b);
    struct error e;
    tape_record(t, true);
    struct value *x = leaf(t, s.rows, s.in, "x");
    size_t rank = (size_t)s.rank, in = (size_t)s.in, out = (size_t)s.out;
    m.reference.out_count = (size_t)s.rows * out;
    reference_input(&m.reference, x->data, (size_t)s.rows * in);
    reference_input(&m.reference, m.weight, out * in);
    for (int p = 0; p < s.pairs; p++) {
        reference_input(&m.reference, m.pair[p].a, rank * in);
        reference_input(&m.reference, m.pair[p].b, out * rank);
    }
    struct value *y = op_linear(t, x, &m.linear, &e);
    assert_non_null(y);
    same_as_reference(&m.reference, y->data);
    float *w = filled(m.reference.out_count, "w");
    walk_back(t, y, w);
    same_gradient(&m.reference, 0, w, x->grad);
    for (int p = 0; p < s.pairs; p++) {
        same_gradient(&m.reference, 2 + 2 * p, w, m.pair[p].grad_a);
        same_gradient(&m.reference, 3 + 2 * p, w, m.pair[p].grad_b);
    }
    free(w);
    unmake(&m);
    tape_close(t);
    cpu_backend_close(b);
}

static void linear_is_its_formula(void **state)
{
    (void)state;
    check((struct shape){.rows = 13, .in = 11, .out = 17, .rank = 1});
    check((struct shape){.rows = 1, .in = 33, .out = 9, .rank = 1});
    check((struct shape){.rows = 3, .in = 7, .out = 5, .rank = 2, .pairs = 1, .scale = 0.5f});
}

static void pairs_are_added_with_their_gradients(void **state)
{
    (void)state;
    check((struct shape){.rows = 13, .in = 11, .out = 17, .rank = 3, .pairs = 1, .scale = 2});
    check((struct shape){.rows = 9, .in = 14, .out = 7, .rank = 5, .pairs = 2, .scale = -0.7f});
}

static void dropout_acts_on_the_input_of_its_pair(void **state)
{
    (void)state;
    check((struct shape){
        .rows = 13, .in = 11, .out = 9, .rank = 3, .pairs = 2, .scale = 2, .dropout = 0.4f});
}

static void a_bias_is_added_to_every_row(void **state)
{
    (void)state;
    struct shape s = {.rows = 6, .in = 5, .out = 4, .rank = 1};
    struct made m;
    make(&m, &s);
    struct backend *b = test_backend(0);
    struct tape *t = tape_open(b);
    struct error e;
    float *bias = filled(4, "bias");
    for (int64_t rows = 2; rows <= 6; rows += 4) { /* few rows, and a product */
        struct value *x = leaf(t, rows, 5, "x");
        m.linear.bias = NULL;
        struct value *plain = op_linear(t, x, &m.linear, &e);
        m.linear.bias = bias;
        struct value *y = op_linear(t, x, &m.linear, &e);
        for (int64_t i = 0; i < rows * 4; i++)
            assert_true(fabsf(y->data[i] - plain->data[i] - bias[i % 4]) < 1e-6f);
    }
    free(bias);
    unmake(&m);
    tape_close(t);
    cpu_backend_close(b);
}

/* Gradients add up over calls; a frozen pair has none, and no input gradient is made that
 * nobody wants. */
static void gradients_add_up_and_frozen_pairs_have_none(void **state)
{
    (void)state;
    struct shape s = {.rows = 6, .in = 5, .out = 4, .rank = 2, .pairs = 2, .scale = 1};
    struct made m;
    make(&m, &s);
    float *frozen_a = m.pair[0].grad_a, *frozen_b = m.pair[0].grad_b;
    m.pair[0].grad_a = m.pair[0].grad_b = NULL;
    struct backend *b = test_backend(0);
    struct tape *t = tape_open(b);
    struct error e;
    tape_record(t, true);
    float *w = filled(24, "w"), *once = malloc(10 * sizeof *once);
    for (int call = 0; call < 2; call++) {
        struct value *x = leaf(t, 6, 5, "x");
        x->needs_grad = false;
        walk_back(t, op_linear(t, x, &m.linear, &e), w);
        assert_null(x->grad);
        if (call == 0)
            memcpy(once, m.pair[1].grad_a, 10 * sizeof *once);
        tape_reset(t);
    }
    for (int i = 0; i < 10; i++)
        assert_true(fabsf(m.pair[1].grad_a[i] - 2 * once[i]) <= 1e-5f);
    m.pair[0].grad_a = frozen_a, m.pair[0].grad_b = frozen_b;
    free(w);
    free(once);
    unmake(&m);
    tape_close(t);
    cpu_backend_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_is_its_formula),
        cmocka_unit_test(pairs_are_added_with_their_gradients),
        cmocka_unit_test(dropout_acts_on_the_input_of_its_pair),
        cmocka_unit_test(a_bias_is_added_to_every_row),
        cmocka_unit_test(gradients_add_up_and_frozen_pairs_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
