#include "tests/unit/formats/scratch.h"

#include "lorabuild/common/file_copy.h"

static void a_folder_is_copied_whole(void **state)
{
    struct error e = {0};
    char *from = path_join(*state, "from"), *deep = path_join(from, "a/b"), *to;
    char *file = path_join(deep, "x");
    assert_true(folder_make(deep, 0755, NULL));
    write_file(file, "1\0002", 3);
    to = path_join(*state, "to");
    assert_ok(folder_copy(from, to, &e), e);
    char *copied = path_join(to, "a/b/x");
    struct strbuf b = read_file(copied);
    assert_int_equal(b.size, 3);
    assert_memory_equal(b.data, "1\0002", 3);
    strbuf_free(&b);
    assert_false(folder_copy(from, to, &e)); /* what is there stays */
    assert_error(e, ERROR_SYSTEM, "exists");
    assert_false(file_copy(file, copied, &e));
    assert_error(e, ERROR_SYSTEM, "exists");
    free(copied), free(file), free(to), free(deep), free(from);
}

static void links_are_refused_and_nothing_is_left(void **state)
{
    struct error e = {0};
    char *from = path_join(*state, "from"), *link = path_join(from, "link");
    char *to = path_join(*state, "to");
    assert_true(folder_make(from, 0755, NULL));
    assert_int_equal(symlink("/etc/passwd", link), 0);
    assert_false(folder_copy(from, to, &e));
    assert_int_equal(e.kind, ERROR_SYSTEM);
    assert_int_equal(access(to, F_OK), -1);
    free(to), free(link), free(from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_folder_is_copied_whole, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(links_are_refused_and_nothing_is_left, scratch_make,
                                        scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
