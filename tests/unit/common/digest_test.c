#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/common/digest.h"
#include "lorabuild/common/memory.h"

#include <stdlib.h>
#include <string.h>

static struct digest numbered(uint64_t n)
{
    return digest_of(&n, sizeof n);
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest));
}

/* Sealed as qsort() would sort it, and asked as bsearch() would find it. */
static void check_set(const struct digest *items, size_t n, const struct digest *others,
                      size_t other_count)
{
    struct digest_set s = {0};
    struct digest *sorted = mem_array(n + 1, sizeof *sorted);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        digest_set_add(&s, items[i]);
    digest_set_seal(&s);
    memcpy(sorted, items, n * sizeof *items);
    qsort(sorted, n, sizeof *sorted, by_bytes);
    for (size_t i = 0; i < n; i++)
        if (!kept || !digest_equal(sorted[kept - 1], sorted[i]))
            sorted[kept++] = sorted[i];
    assert_int_equal(s.count, kept);
    assert_memory_equal(s.items ? s.items : sorted, sorted, kept * sizeof *sorted);
    for (size_t i = 0; i < n; i++)
        assert_true(digest_set_has(&s, items[i]));
    for (size_t i = 0; i < other_count; i++)
        assert_int_equal(digest_set_has(&s, others[i]),
                         kept && bsearch(&others[i], sorted, kept, sizeof *sorted, by_bytes));
    digest_set_seal(&s); /* again changes nothing */
    assert_int_equal(s.count, kept);
    digest_set_free(&s);
    free(sorted);
}

static void sets_of_all_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 3, 40, 41, 64, 100, 1000, 4097, 50000};
    struct digest *others = mem_array(1002, sizeof *others);
    for (uint64_t i = 0; i < 1000; i++)
        others[i] = numbered(1000000 + i);
    memset(&others[1000], 0xFF, sizeof *others); /* and zero: [1001] */
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        struct digest *items = mem_array(sizes[k] + 1, sizeof *items);
        for (size_t i = 0; i < sizes[k]; i++)
            items[i] = numbered(i % 7 ? i : i / 2); /* some twice */
        check_set(items, sizes[k], others, 1002);
        free(items);
    }
    free(others);
}

/* Digests that somebody chose, so that they begin alike. */
static void uneven_sets(void **state)
{
    (void)state;
    enum { N = 3000 };
    static const uint8_t fills[] = {0x00, 0x7F, 0xFF};
    struct digest items[N], others[N];
    for (size_t k = 0; k < sizeof fills; k++) {
        for (uint64_t i = 0; i < N; i++) {
            items[i] = numbered(i);
            others[i] = numbered(N + i);
            memset(items[i].bytes, fills[k], 8);
            memset(others[i].bytes, fills[k] ^ (i % 3 ? 0 : 1), 8);
        }
        items[7] = numbered(7); /* but for one */
        check_set(items, N, others, N);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_of_all_sizes),
        cmocka_unit_test(uneven_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
