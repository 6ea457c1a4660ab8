#include "tests/unit/formats/scratch.h"

#include "lorabuild/run/bundle.h"

static bool open_head(void **state, const char *head, struct bundle *b, struct error *e)
{
    char sha[SHA256_HEX], *path = path_join(*state, "x.tar.zst");
    struct archive_list list = {0};
    archive_list_bytes(&list, "bundle.json", str_of(head));
    assert_true(archive_pack_list(path, &list, "x-v1", sha, NULL));
    archive_list_free(&list);
    bool ok = bundle_open(b, path, e);
    free(path);
    return ok;
}

#define CITY "{\"adapter\":\"city\",\"client\":null,\"versions\":[1,4],\"in_use\":4}"
#define TEXT "{\"adapter\":\"text-a\",\"client\":\"a\",\"versions\":[3],\"in_use\":3}"
#define HEAD(format, rest) \
    "{\"format\":" format ",\"kind\":\"lineage\",\"adapter\":\"text-a\",\"lineages\":[" rest "]}"

static void the_head_is_read(void **state)
{
    struct error e = {0};
    struct bundle b;
    assert_ok(open_head(state, HEAD("1", CITY "," TEXT), &b, &e), e);
    assert_string_equal(b.adapter, "text-a");
    assert_int_equal(b.count, 2);
    assert_string_equal(b.lineages[0].name, "city");
    assert_null(b.lineages[0].client);
    assert_int_equal(b.lineages[0].version_count, 2);
    assert_int_equal(b.lineages[0].versions[1], 4);
    assert_string_equal(b.lineages[1].client, "a");
    assert_int_equal(b.lineages[1].in_use, 3);
    bundle_free(&b);
}

static void wrong_heads_are_refused(void **state)
{
    static const struct {
        const char *head, *why;
    } wrong[] = {
        {HEAD("2", CITY "," TEXT), "made by a newer lorabuild"},
        {HEAD("0", CITY "," TEXT), "damaged"},
        {HEAD("1", TEXT "," CITY), "damaged"}, /* the adapter is not the last */
        {HEAD("1", TEXT "," TEXT), "damaged"},
        {HEAD("1", ""), "damaged"},
        {HEAD("1", "{\"adapter\":\"text-a\",\"client\":\"a\",\"versions\":[],\"in_use\":1}"),
         "damaged"},
        {HEAD("1", "{\"adapter\":\"text-a\",\"client\":\"a\",\"versions\":[2,1],\"in_use\":1}"),
         "damaged"},
        {HEAD("1", "{\"adapter\":\"text-a\",\"client\":\"a\",\"versions\":[1],\"in_use\":2}"),
         "damaged"},
        {HEAD("1", "{\"adapter\":\"text-a\",\"versions\":[1],\"in_use\":1}"), "damaged"},
        {HEAD("1", "{\"adapter\":\"text-a\",\"client\":\"../b\",\"versions\":[1],\"in_use\":1}"),
         "damaged"},
        {"{\"format\":1,\"kind\":\"lineage\",\"adapter\":\"../x\",\"lineages\":[{\"adapter\":\"../"
         "x\","
         "\"client\":null,\"versions\":[1],\"in_use\":1}]}",
         "damaged"},
        {"{\"format\":1,\"kind\":\"other\",\"adapter\":\"text-a\",\"lineages\":[" TEXT "]}",
         "damaged"},
        {"[]", "damaged"},
        {"{", "bundle.json"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct error e = {0};
        struct bundle b;
        if (open_head(state, wrong[i].head, &b, &e))
            fail_msg("%s", wrong[i].head);
        assert_error(e, ERROR_INPUT, wrong[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_head_is_read, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(wrong_heads_are_refused, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
