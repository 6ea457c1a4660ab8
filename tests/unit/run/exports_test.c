#include "tests/unit/formats/scratch.h"

#include "lorabuild/run/exports.h"

static void a_place_is_noted_once(void **state)
{
    struct error e = {0};
    struct export_record *records;
    size_t count;
    char *lock = path_join(*state, "lock"), *file = path_join(*state, "exported");
    assert_ok(exports_read(*state, &records, &count, &e), e);
    assert_int_equal(count, 0);
    const char *old = "2020-01-01 /srv/two words peft\n2020-01-02 /b lineage\nnonsense\n2020 /x\n";
    write_file(file, old, strlen(old));
    assert_ok(exports_add(*state, lock, "/srv/two words", "peft", &e), e);
    assert_ok(exports_read(*state, &records, &count, &e), e);
    assert_int_equal(count, 2);
    assert_string_equal(records[0].path, "/b");
    assert_string_equal(records[0].form, "lineage");
    assert_string_equal(records[0].date, "2020-01-02");
    assert_string_equal(records[1].path, "/srv/two words");
    assert_string_equal(records[1].form, "peft");
    assert_string_not_equal(records[1].date, "2020-01-01");
    exports_free(records, count);
    assert_false(exports_add(*state, lock, "/a\n2020-01-01 /etc peft", "peft", &e));
    assert_error(e, ERROR_USAGE, "line break");
    free(file), free(lock);
}

static bool may(struct rules *r, const struct rule_adapter *a, const char *root, const char *path)
{
    char *full = path_join(root, path), *store = path_join(root, ".lorabuild");
    bool ok = exports_may_go(r, a, store, full, NULL);
    free(store), free(full);
    return ok;
}

/* T43, and the walls: by where a path ends, not by how it is written. */
static void what_builds_read_is_not_written(void **state)
{
    static const char *const folders[] = {"models/m",   "clients/a/texts", "clients/b", "corpus",
                                          "adapters/x", ".lorabuild",      "out"};
    char *p[7];
    for (size_t i = 0; i < 7; i++) {
        p[i] = path_join(*state, folders[i]);
        assert_true(folder_make(p[i], 0755, NULL));
    }
    char *file = path_join(*state, "lorabuild.yaml"), *clients = path_join(*state, "clients");
    char *models = path_join(*state, "models"), *link = path_join(*state, "out/link");
    char *weights = path_join(p[0], "model.safetensors");
    write_file(file, "x", 1);
    write_file(weights, "x", 1);
    assert_int_equal(symlink(p[0], link), 0);
    struct rule_base base = {.name = "m", .path = p[0], .written = "models/m"};
    struct rule_dataset data[] = {{.path = p[1], .written = "clients/a/texts"},
                                  {.path = p[3], .written = "corpus"}};
    struct rule_adapter adapters[] = {{.name = "x", .client = "a", .output = p[4]},
                                      {.name = "y", .output = p[4]}};
    const char *shared[] = {models, p[3]};
    struct rules r = {.file = file,
                      .root = *state,
                      .clients_root = clients,
                      .shared = shared,
                      .shared_count = 2,
                      .bases = &base,
                      .base_count = 1,
                      .datasets = data,
                      .dataset_count = 2,
                      .adapters = adapters,
                      .adapter_count = 2};
    assert_true(may(&r, &adapters[0], *state, "out/new"));
    assert_true(may(&r, &adapters[0], *state, "clients/a/new"));
    static const char *const never[] = {
        "models/m",       "models/m/new",        "out/link/new",
        "out/link",       "clients/a/texts/new", "clients/b/new",
        "corpus/new",     "adapters/x/new",      "adapters/x/v1/new",
        ".lorabuild/new", "lorabuild.yaml"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (may(&r, &adapters[0], *state, never[i]))
            fail_msg("%s", never[i]);
    assert_false(may(&r, &adapters[0], *state, "models/new")); /* others read what is shared */
    assert_true(may(&r, &adapters[1], *state, "models/new"));
    assert_false(may(&r, &adapters[1], *state, "clients/a/new"));
    for (size_t i = 0; i < 7; i++)
        free(p[i]);
    free(file), free(clients), free(models), free(link), free(weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_place_is_noted_once, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(what_builds_read_is_not_written, scratch_make,
                                        scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
