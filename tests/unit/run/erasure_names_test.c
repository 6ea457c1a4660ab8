#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/common/file.h"
#include "lorabuild/run/erasure_names.h"

#include <stdlib.h>
#include <string.h>

static char folder[] = "/tmp/erasure-names-XXXXXX";

static int open_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int close_folder(void **state)
{
    (void)state;
    return folder_remove(folder, NULL) ? 0 : -1;
}

static void put(const char *name, const char *text)
{
    char *path = path_join(folder, name), *above = path_folder(path);
    assert_true(folder_make(above, 0777, NULL));
    assert_true(file_replace(path, str_of(text), 0666, NULL));
    free(above);
    free(path);
}

static bool holds(const char *name, const char *text)
{
    struct strbuf b = {0};
    char *path = path_join(folder, name);
    bool found = file_read(&b, path, 1 << 20, NULL) && strstr(b.data, text);
    strbuf_free(&b);
    free(path);
    return found;
}

static void a_report_names_what_it_lists(void **state)
{
    (void)state;
    assert_false(erasure_report_names(folder, "bus.md"));
    put("report.html", "<td>omnibus.md</td><td>bus.mdx</td>");
    assert_false(erasure_report_names(folder, "bus.md"));
    put("report.html", "<td>omnibus.md</td><p>clients/a/bus.md: read as GB18030</p>");
    assert_true(erasure_report_names(folder, "bus.md"));
    assert_true(erasure_report_names(folder, "a/bus.md"));
    put("report.html", "bus.md");
    assert_true(erasure_report_names(folder, "bus.md"));
    put("report.html", "<td>a &lt;b&gt; &amp; c.md</td><td>\\xff.md</td><td>消防.md</td>");
    assert_true(erasure_report_names(folder, "a <b> & c.md"));
    assert_true(erasure_report_names(folder, "\xff.md"));
    assert_true(erasure_report_names(folder, "消防.md"));
    assert_false(erasure_report_names(folder, "防.md"));
}

static void records_forget_names(void **state)
{
    (void)state;
    static const char *names[] = {"sub/bus.md", "\xff.md"}; /* the second is no UTF-8 */
    struct erasure x = {.names = names, .name_count = 2};
    struct erasure_adapter a = {.folder = "adapters/text-a"};
    put("lineage/text-a/v3.json",
        "{\"format\": 1, \"changes\": {\"changes\": [[\"-\", \"sub/bus.md\", 0, 2], "
        "[\"+\", \"clients/a/sub/bus.md\", 1, 1], [\"+\", \"minibus.md\", 0, 1], "
        "[\"-\", \"\xF4\x8F\xBB\xBF.md\", 0, 1], [\"-\", \"\xF4\x8F\xBB\xBE.md\", 0, 1]], "
        "\"more\": 0}}");
    put("lineage/text-a/v4.json", "no record");
    for (int times = 0; times < 2; times++) {
        assert_true(erasure_names(&x, &a, folder, NULL));
        assert_false(holds("lineage/text-a/v3.json", "sub/bus.md"));
        assert_true(holds("lineage/text-a/v3.json", "a forgotten document"));
        assert_false(holds("lineage/text-a/v3.json", "\xF4\x8F\xBB\xBF.md"));
        assert_true(holds("lineage/text-a/v3.json", "\xF4\x8F\xBB\xBE.md"));
        assert_true(holds("lineage/text-a/v3.json", "minibus.md"));
        assert_true(holds("lineage/text-a/v3.json", "\"more\""));
    }
    assert_true(holds("lineage/text-a/v4.json", "no record"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_names_what_it_lists),
        cmocka_unit_test(records_forget_names),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
