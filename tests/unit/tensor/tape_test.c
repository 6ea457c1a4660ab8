#include "tests/unit/tensor/reference.h"

#include "lorabuild/tensor/pool.h"

/* A small block: y = x + swiglu(norm(x), norm(x)) made of droppable values. */
static struct value *block(struct tape *t, void *context, struct value *x, struct error *e)
{
    struct value *n = op_rms_norm(t, x, context, 1e-5f, e);
    struct value *s = n ? op_swiglu(t, n, n, e) : NULL;
    if (!s)
        return NULL;
    tape_drop(t, n);
    struct value *y = op_add(t, x, s, e);
    tape_drop(t, s);
    return y;
}

#define LAYERS 12
#define ROWS 40
#define COLS 64

struct outcome {
    float y[ROWS * COLS], dx[ROWS * COLS];
    size_t peak;
};

static void run(bool checkpoint, int rounds, struct outcome *o)
{
    struct backend *b = test_backend(0);
    struct tape *t = tape_open(b);
    struct error e = {0};
    float *gain = filled(COLS, "gain"), *w = filled(ROWS * COLS, "w");
    tape_record(t, true);
    for (int round = 0; round < rounds; round++) {
        struct value *x = leaf(t, ROWS, COLS, "x"), *first = x;
        for (int i = 0; i < LAYERS; i++) {
            struct value *before = x;
            x = checkpoint ? tape_checkpoint(t, block, gain, x, &e) : block(t, gain, x, &e);
            assert_non_null(x);
            if (i > 0)
                tape_drop(t, before);
        }
        memcpy(o->y, x->data, sizeof o->y);
        walk_back(t, x, w);
        memcpy(o->dx, first->grad, sizeof o->dx);
        tape_reset(t);
    }
    o->peak = tape_peak_bytes(t);
    free(gain);
    free(w);
    tape_close(t);
    cpu_backend_close(b);
}

static void checkpoints_change_memory_and_no_bit(void **state)
{
    (void)state;
    static struct outcome plain, saved, again;
    run(false, 1, &plain);
    run(true, 1, &saved);
    run(true, 5, &again);
    assert_memory_equal(plain.y, saved.y, sizeof plain.y);
    assert_memory_equal(plain.dx, saved.dx, sizeof plain.dx);
    assert_memory_equal(plain.dx, again.dx, sizeof plain.dx);
    assert_true(saved.peak < 0.7 * (double)plain.peak);
    assert_true(again.peak == saved.peak); /* a second step needs no more than the first */
}

static void nothing_is_kept_while_not_recording(void **state)
{
    (void)state;
    struct backend *b = test_backend(0);
    struct tape *t = tape_open(b);
    struct error e = {0};
    float *gain = filled(COLS, "gain");
    struct value *x = leaf(t, ROWS, COLS, "x");
    for (int i = 0; i < LAYERS; i++) {
        struct value *before = x;
        x = block(t, gain, x, &e);
        tape_drop(t, before);
    }
    assert_true(tape_peak_bytes(t) <= 5 * ROWS * COLS * sizeof(float));
    free(gain);
    tape_close(t);
    cpu_backend_close(b);
}

static void branches_without_gradient_are_skipped(void **state)
{
    (void)state;
    struct backend *b = test_backend(0);
    struct tape *t = tape_open(b);
    struct error e = {0};
    tape_record(t, true);
    struct value *x = leaf(t, 3, 4, "x"), *frozen = leaf(t, 3, 4, "frozen");
    float *w = filled(12, "w");
    frozen->needs_grad = false;
    struct value *aside = op_add(t, x, x, &e); /* leads nowhere */
    struct value *y = op_add(t, x, frozen, &e);
    walk_back(t, y, w);
    assert_null(frozen->grad);
    assert_null(aside->grad);
    assert_memory_equal(x->grad, w, 12 * sizeof *w);
    free(w);
    tape_close(t);
    cpu_backend_close(b);
}

static void the_pool_reuses_and_shrinks(void **state)
{
    (void)state;
    struct backend *b = test_backend(0);
    struct pool p;
    struct error e = {0};
    pool_open(&p, b);
    size_t small = 1000, large = 1000000, other = 990;
    void *first = pool_take(&p, &small, &e);
    assert_true(small >= 1000 && small <= 1125);
    pool_give(&p, first, small);
    assert_ptr_equal(pool_take(&p, &other, &e), first);
    assert_int_equal(other, small);
    pool_give(&p, first, other);
    void *second = pool_take(&p, &large, &e);
    assert_true(large >= 1000000 && large <= 1125000);
    pool_give(&p, second, large);
    for (size_t bytes = 1; bytes < 3000000; bytes += bytes / 3 + 1) { /* shapes that change */
        size_t got = bytes;
        void *x = pool_take(&p, &got, &e);
        assert_true(got >= bytes && got <= bytes + bytes / 3 + 320);
        memset(x, 1, got);
        pool_give(&p, x, got);
    }
    assert_true(p.free_bytes == p.held_bytes);
    assert_true(p.peak_bytes < 6500000);
    size_t absurd = (size_t)1 << 62;
    assert_null(pool_take(&p, &absurd, &e));
    assert_int_equal(e.kind, ERROR_LIMIT);
    pool_close(&p);
    assert_int_equal(p.held_bytes, 0);
    cpu_backend_close(b);
}

static void *no_memory(struct backend *b, size_t bytes)
{
    (void)b, (void)bytes;
    return NULL;
}

static void running_out_of_memory_is_an_error_with_numbers(void **state)
{
    (void)state;
    struct backend *b = test_backend(0);
    struct tape *t = tape_open(b);
    struct error e = {0};
    struct value *x = leaf(t, 100, 100, "x");
    b->alloc = no_memory;
    assert_null(op_add(t, x, x, &e));
    assert_int_equal(e.kind, ERROR_LIMIT);
    assert_null(tape_value(t, INT64_MAX / 2, 8, false, &e));
    tape_close(t);
    cpu_backend_close(b);
}

static void a_kernel_that_lacks_is_an_error(void **state)
{
    (void)state;
    struct backend *b = test_backend(0);
    struct tape *t = tape_open(b);
    struct error e = {0};
    b->kernel[OP_ADD][FORWARD] = NULL;
    struct value *x = leaf(t, 2, 2, "x");
    assert_null(op_add(t, x, x, &e));
    assert_string_equal(e.message, "the cpu backend has no forward of operation add");
    tape_close(t);
    cpu_backend_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checkpoints_change_memory_and_no_bit),
        cmocka_unit_test(nothing_is_kept_while_not_recording),
        cmocka_unit_test(branches_without_gradient_are_skipped),
        cmocka_unit_test(the_pool_reuses_and_shrinks),
        cmocka_unit_test(running_out_of_memory_is_an_error_with_numbers),
        cmocka_unit_test(a_kernel_that_lacks_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
