#include "tests/unit/formats/scratch.h"

#include "lorabuild/run/store_folder.h"

#include <stdio.h>

static char *project(void **state, const char *name)
{
    char *path = path_join(*state, name);
    assert_true(folder_make(path, 0750, NULL));
    return path;
}

static char *made(const char *root)
{
    struct error e = {0};
    bool apart;
    char *folder = store_folder(root, false, &apart);
    assert_true(apart);
    assert_ok(store_folder_make(folder, root, &e), e);
    return folder;
}

static void without_the_variable_it_is_beside_the_rules(void **state)
{
    bool apart;
    unsetenv("LORABUILD_STORE");
    char *folder = store_folder(*state, false, &apart), *wanted = path_join(*state, ".lorabuild");
    assert_false(apart);
    assert_string_equal(folder, wanted);
    free(wanted), free(folder);
}

static void each_project_has_its_own(void **state)
{
    char *stores = path_join(*state, "stores");
    setenv("LORABUILD_STORE", stores, 1);
    char *a = project(state, "one/bids"), *b = project(state, "two/bids");
    char *sa = made(a), *sb = made(b), *again = made(a);
    assert_string_not_equal(sa, sb);
    assert_string_equal(sa, again);
    assert_true(strncmp(path_base(sa), "bids-", 5) == 0);
    struct stat s;
    assert_int_equal(stat(sa, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0750);
    char *owner = store_folder_owner(sa);
    assert_string_equal(owner, a);
    assert_null(store_folder_owner(stores));
    free(owner), free(again), free(sb), free(sa), free(b), free(a), free(stores);
}

/* By inode and birth; a copy is another project, and who only looks renames nothing. */
static void a_moved_project_is_found(void **state)
{
    struct statx x;
    bool apart;
    char *stores = path_join(*state, "stores");
    setenv("LORABUILD_STORE", stores, 1);
    char *a = project(state, "before"), *b = path_join(*state, "after"), *sa = made(a);
    assert_int_equal(statx(-1, a, 0, STATX_BTIME, &x), 0);
    if (!(x.stx_mask & STATX_BTIME))
        skip();
    char *copy = project(state, "copy"), *sc = store_folder(copy, false, &apart);
    assert_string_not_equal(sc, sa);
    assert_int_equal(access(sc, F_OK), -1);
    assert_int_equal(rename(a, b), 0);
    char *looked = store_folder(b, true, &apart);
    assert_string_equal(looked, sa);
    char *sb = store_folder(b, false, &apart);
    assert_true(strncmp(path_base(sb), "after-", 6) == 0);
    assert_int_equal(access(sb, F_OK), 0);
    assert_int_equal(access(sa, F_OK), -1);
    char *owner = store_folder_owner(sb);
    assert_string_equal(owner, b);
    /* Another folder under the old name does not get it back. */
    char *new = project(state, "before"), *sn = made(new);
    assert_string_equal(sn, sa);
    assert_int_equal(access(sb, F_OK), 0);
    free(sn), free(new), free(owner), free(sb), free(looked), free(sc), free(copy);
    free(sa), free(b), free(a), free(stores);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_the_variable_it_is_beside_the_rules, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(each_project_has_its_own, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_moved_project_is_found, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
