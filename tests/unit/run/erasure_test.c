#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/run/erasure.h"
#include "lorabuild/run/needles.h"
#include "tests/unit/cache/scratch.h"

static struct digest numbered(uint8_t n)
{
    return (struct digest){{n, 1, 2, 3}};
}

/* Names may hold any byte; the project may have been moved when the list is read. */
static void list_comes_back(void **state)
{
    (void)state;
    static const char *names[] = {"a b.md", "new\nline.md", "\xff\xfe.md", "交通报价.md"};
    static const char *clients[] = {NULL, "a"};
    struct scratch s = scratch_make();
    struct error e = {0};
    char folder[128], captions[128], receipt[128], moved[128];
    snprintf(folder, sizeof folder, "%s/one/adapters/x", s.path);
    snprintf(captions, sizeof captions, "%s/one/clients/a/metadata.csv", s.path);
    snprintf(receipt, sizeof receipt, "%s/one/adapters/x/forgotten/2026-11-26.html", s.path);
    snprintf(moved, sizeof moved, "%s/two", s.path);
    const char *tables[] = {captions, "/elsewhere/metadata.csv"};
    int versions[] = {1, 7};
    struct rules rules = {.root = at(&s, "one")};
    struct project p = {.rules = &rules};
    struct erasure_adapter adapter = {.folder = folder,
                                      .client = "a",
                                      .loses_use = true,
                                      .versions = versions,
                                      .version_count = 2};
    struct erasure x = {.adapters = &adapter,
                        .adapter_count = 1,
                        .clients = clients,
                        .client_count = 2,
                        .captions = tables,
                        .caption_count = 2,
                        .names = names,
                        .name_count = 4,
                        .receipt = receipt,
                        .receipt_text = "<p>two\nlines</p>"};
    struct erasure y;
    bool there;
    for (uint8_t i = 0; i < 3; i++) {
        digest_set_add(&x.sources, numbered(i));
        digest_set_add(&x.contents, numbered(100 + i));
    }
    digest_set_seal(&x.sources);
    digest_set_seal(&x.contents);
    assert_true(erasure_read(&y, &p, folder, &there, &e));
    assert_false(there);
    if (!erasure_write(&x, &p, &e))
        fail_msg("%s", e.message);
    assert_int_equal(rename(at(&s, "one"), moved), 0);
    rules.root = moved;
    if (!erasure_read(&y, &p, at(&s, "two/adapters/x"), &there, &e))
        fail_msg("%s", e.message);
    assert_true(there);
    assert_int_equal(y.adapter_count, 1);
    assert_string_equal(y.adapters[0].folder, at(&s, "two/adapters/x"));
    assert_string_equal(y.adapters[0].client, "a");
    assert_true(y.adapters[0].loses_use && !y.adapters[0].flat_output);
    assert_int_equal(y.adapters[0].version_count, 2);
    assert_int_equal(y.adapters[0].versions[1], 7);
    assert_int_equal(y.client_count, 2);
    assert_null(y.clients[0]);
    assert_string_equal(y.clients[1], "a");
    assert_string_equal(y.captions[0], at(&s, "two/clients/a/metadata.csv"));
    assert_string_equal(y.captions[1], "/elsewhere/metadata.csv");
    assert_int_equal(y.name_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(y.names[i], names[i]);
    assert_string_equal(y.receipt, at(&s, "two/adapters/x/forgotten/2026-11-26.html"));
    assert_string_equal(y.receipt_text, x.receipt_text);
    assert_true(digest_set_within(&x.sources, &y.sources) && y.sources.count == 3);
    assert_true(digest_set_within(&x.contents, &y.contents) && y.contents.count == 3);
    erasure_free(&y);
    digest_set_free(&x.sources);
    digest_set_free(&x.contents);
    scratch_remove(&s);
}

/* A list that is not whole erases nothing. */
static void torn_list_is_refused(void **state)
{
    (void)state;
    struct scratch s = scratch_make();
    struct rules rules = {.root = s.path};
    struct project p = {.rules = &rules};
    struct erasure y;
    struct error e = {0};
    bool there;
    static const char *const bad[] = {
        "",
        "lorabuild-erasure 1\n",
        "lorabuild-erasure 1\nreceipt 61 62\nadapter 61 - 0 0 1\n",
        "lorabuild-erasure 1\nreceipt 61 62\nadapter 61 - 0 0 x\nend\n",
        "lorabuild-erasure 1\nreceipt 61 62\nsource 12\nend\n",
        "lorabuild-erasure 1\nreceipt 61 62\nwhat 12\nend\n",
        "lorabuild-erasure 2\nreceipt 61 62\nend\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_file(at(&s, "x/forgotten/pending"), bad[i]);
        if (erasure_read(&y, &p, at(&s, "x"), &there, &e))
            fail_msg("case %zu was read", i);
    }
    put_file(at(&s, "x/forgotten/pending"), "lorabuild-erasure 1\nreceipt 61 62\nend\n");
    assert_true(erasure_read(&y, &p, at(&s, "x"), &there, &e));
    erasure_free(&y);
    scratch_remove(&s);
}

static void needles(void **state)
{
    (void)state;
    struct needles n = {0};
    struct digest_set set = {0};
    char bytes[64] = {0};
    struct digest d = numbered(9);
    for (uint8_t i = 0; i < 20; i += 3)
        digest_set_add(&set, numbered(i));
    needles_add_digests(&n, &set);
    needles_add_name(&n, STR("quagga.md"));
    needles_seal(&n);
    assert_false(needles_found(&n, (struct str){bytes, sizeof bytes}));
    for (size_t at = 0; at <= sizeof bytes; at += 7) { /* anywhere, and not where it is cut off */
        memset(bytes, 0, sizeof bytes);
        size_t fits = sizeof bytes - at < sizeof d ? sizeof bytes - at : sizeof d;
        memcpy(bytes + at, &d, fits);
        assert_int_equal(needles_found(&n, (struct str){bytes, sizeof bytes}), fits == sizeof d);
    }
    d = numbered(10);
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes + 5, &d, sizeof d);
    assert_false(needles_found(&n, (struct str){bytes, sizeof bytes}));
    assert_true(needles_found(&n, STR("the quagga.md is")));
    assert_false(needles_found(&n, STR("the quagga md is")));
    assert_false(needles_found(&n, STR("")));
    digest_set_free(&set);
    needles_free(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_comes_back),
        cmocka_unit_test(torn_list_is_refused),
        cmocka_unit_test(needles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
