#include "tests/unit/tensor/reference.h"

struct shape {
    struct attention a;
    int64_t rows, keys;
};

static int sequence_of(const struct attention *a, int64_t row)
{
    int s = 0;
    while (row >= a->starts[s + 1])
        s++;
    return s;
}

static void attention_reference(const struct reference *r, double *out)
{
    const struct shape *s = r->shape;
    const struct attention *a = &s->a;
    int64_t size = a->head_size, q_width = a->heads * size, k_width = a->kv_heads * size;
    double *p = malloc((size_t)s->keys * sizeof *p);
    for (int64_t i = 0; i < s->rows; i++)
        for (int64_t h = 0; h < a->heads; h++) {
            int64_t kv = h / (a->heads / a->kv_heads), last = i + s->keys - s->rows;
            int64_t first = a->starts[sequence_of(a, i)];
            if (a->window > 0 && last - a->window + 1 > first)
                first = last - a->window + 1;
            double sum = 0, *y = out + i * q_width + h * size;
            for (int64_t j = first; j <= last; j++) {
                double dot = 0;
                for (int64_t d = 0; d < size; d++)
                    dot += r->in[0][i * q_width + h * size + d] *
                           r->in[1][j * k_width + kv * size + d];
                sum += p[j] = exp(dot * (double)a->scale);
            }
            for (int64_t d = 0; d < size; d++) {
                y[d] = 0;
                for (int64_t j = first; j <= last; j++)
                    y[d] += p[j] / sum * r->in[2][j * k_width + kv * size + d];
            }
        }
    free(p);
}

static void check(struct shape s, bool gradients)
{
    struct backend *b = test_backend(0);
    struct tape *t = tape_open(b);
    struct error e;
    tape_record(t, true);
    int64_t q_width = s.a.heads * s.a.head_size, k_width = s.a.kv_heads * s.a.head_size;
    struct value *q = leaf(t, s.rows, q_width, "q");
    struct value *k = leaf(t, s.keys, k_width, "k"), *v = leaf(t, s.keys, k_width, "v");
    struct reference r = {
        .run = attention_reference, .shape = &s, .out_count = (size_t)(s.rows * q_width)};
    reference_input(&r, q->data, r.out_count);
    reference_input(&r, k->data, (size_t)(s.keys * k_width));
    reference_input(&r, v->data, (size_t)(s.keys * k_width));
    struct value *y = op_attention(t, q, k, v, &s.a, &e);
    assert_non_null(y);
    same_as_reference(&r, y->data);
    if (gradients) {
        float *w = filled(r.out_count, "w");
        walk_back(t, y, w);
        same_gradient(&r, 0, w, q->grad);
        same_gradient(&r, 1, w, k->grad);
        same_gradient(&r, 2, w, v->grad);
        free(w);
    }
    reference_free(&r);
    tape_close(t);
    cpu_backend_close(b);
}

static const int32_t one_start[] = {0, 21}, packed_starts[] = {0, 5, 6, 29},
                     long_start[] = {0, 150}, cached_start[] = {0, 3};

static void attention_is_its_formula(void **state)
{
    (void)state;
    check((struct shape){{4, 2, 6, 0.4f, 0, one_start, 1}, 21, 21}, true);
    check((struct shape){{3, 3, 5, 1.3f, 0, one_start, 1}, 21, 21}, true);
    check((struct shape){{3, 1, 4, 0.5f, 0, packed_starts, 3}, 29, 29}, true);
}

static void a_window_hides_older_keys(void **state)
{
    (void)state;
    check((struct shape){{2, 1, 4, 0.5f, 4, packed_starts, 3}, 29, 29}, true);
    check((struct shape){{2, 1, 4, 0.5f, 1, one_start, 1}, 21, 21}, false); /* gradient 0 */
    check((struct shape){{2, 1, 4, 0.5f, 2, one_start, 1}, 21, 21}, true);
    check((struct shape){{2, 1, 4, 0.5f, 100, one_start, 1}, 21, 21}, true);
}

static void tiles_join_without_a_seam(void **state)
{
    (void)state;
    check((struct shape){{2, 1, 2, 0.5f, 0, long_start, 1}, 150, 150}, true);
    check((struct shape){{2, 1, 2, 0.5f, 70, long_start, 1}, 150, 150}, true);
}

static void queries_are_the_last_positions_of_a_cache(void **state)
{
    (void)state;
    check((struct shape){{4, 2, 6, 0.4f, 0, cached_start, 1}, 3, 20}, false);
    check((struct shape){{4, 2, 6, 0.4f, 6, cached_start, 1}, 3, 20}, false);
}

/* T27: what stands in the first sequence does not move a bit of the second, forward or back. */
static void packed_sequences_do_not_see_one_another(void **state)
{
    (void)state;
    static const int32_t starts[] = {0, 70, 75};
    struct attention a = {2, 1, 8, 0.4f, 0, starts, 2};
    struct backend *b = test_backend(0);
    struct error e;
    float *w = filled(75 * 16, "w"), out[2][5 * 16], dq[2][5 * 16], dk[2][5 * 8];
    for (int round = 0; round < 2; round++) {
        struct tape *t = tape_open(b);
        tape_record(t, true);
        struct value *q = leaf(t, 75, 16, "q"), *k = leaf(t, 75, 8, "k"), *v = leaf(t, 75, 8, "v");
        if (round)
            fill(k->data, 70 * 8, "other"), fill(v->data, 70 * 8, "another");
        struct value *y = op_attention(t, q, k, v, &a, &e);
        memcpy(out[round], y->data + 70 * 16, sizeof out[0]);
        walk_back(t, y, w);
        memcpy(dq[round], q->grad + 70 * 16, sizeof dq[0]);
        memcpy(dk[round], k->grad + 70 * 8, sizeof dk[0]);
        tape_close(t);
    }
    assert_memory_equal(out[0], out[1], sizeof out[0]);
    assert_memory_equal(dq[0], dq[1], sizeof dq[0]);
    assert_memory_equal(dk[0], dk[1], sizeof dk[0]);
    free(w);
    cpu_backend_close(b);
}

static void large_scores_stay_finite(void **state)
{
    (void)state;
    struct attention a = {1, 1, 4, 50, 0, one_start, 1};
    struct backend *b = test_backend(0);
    struct tape *t = tape_open(b);
    struct error e;
    tape_record(t, true);
    struct value *q = leaf(t, 21, 4, "q"), *k = leaf(t, 21, 4, "k"), *v = leaf(t, 21, 4, "v");
    for (int i = 0; i < 84; i++)
        q->data[i] *= 100;
    struct value *y = op_attention(t, q, k, v, &a, &e);
    for (int i = 0; i < 84; i++)
        assert_true(isfinite(y->data[i]));
    float *w = filled(84, "w");
    walk_back(t, y, w);
    for (int i = 0; i < 84; i++)
        assert_true(isfinite(q->grad[i]) && isfinite(k->grad[i]) && isfinite(v->grad[i]));
    free(w);
    tape_close(t);
    cpu_backend_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_is_its_formula),
        cmocka_unit_test(a_window_hides_older_keys),
        cmocka_unit_test(tiles_join_without_a_seam),
        cmocka_unit_test(queries_are_the_last_positions_of_a_cache),
        cmocka_unit_test(packed_sequences_do_not_see_one_another),
        cmocka_unit_test(large_scores_stay_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
