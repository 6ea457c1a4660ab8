#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/common/file.h"
#include "lorabuild/common/json.h"
#include "lorabuild/run/timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static json_t *written(const struct timeline *t)
{
    char path[] = "/tmp/lorabuild-timeline-XXXXXX";
    struct error e = {0};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_true(timeline_write(t, path, &e));
    json_t *list = json_read_file(path, 1 << 20, &e);
    unlink(path);
    assert_true(json_is_array(list));
    return list;
}

/* The n-th complete event. */
static const json_t *complete(const json_t *list, size_t n)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        if (strcmp(json_string_value(json_object_get(o, "ph")), "X") == 0 && n-- == 0)
            return o;
    }
    return NULL;
}

static int64_t number(const json_t *o, const char *key)
{
    assert_true(json_is_integer(json_object_get(o, key)));
    return json_integer_value(json_object_get(o, key));
}

static void spans_become_complete_events(void **state)
{
    (void)state;
    struct timeline t;
    timeline_begin(&t);
    double began_s = t.begin_s;
    timeline_add_child(&t, "train", "text-a", 4242, began_s + 0.5, began_s + 2);
    timeline_add_child(&t, "scan", "clients/a", 7, began_s, began_s + 0.25);
    timeline_add_child(&t, "check", "text-a", 4242, began_s + 2, began_s + 2);
    json_t *list = written(&t);
    const json_t *train = complete(list, 0), *scan = complete(list, 1), *check = complete(list, 2);
    assert_string_equal(json_string_value(json_object_get(train, "name")), "train");
    assert_string_equal(json_string_value(json_object_get(train, "cat")), "text-a");
    assert_int_equal(number(train, "ts"), 500000);
    assert_int_equal(number(train, "dur"), 1500000);
    assert_int_equal(number(train, "pid"), 4242);
    assert_int_equal(number(scan, "ts"), 0);
    assert_int_equal(number(scan, "dur"), 250000);
    assert_int_not_equal(number(scan, "tid"), number(train, "tid"));
    assert_int_equal(number(check, "tid"), number(train, "tid"));
    assert_int_equal(number(check, "dur"), 0);
    assert_null(complete(list, 3));
    /* two processes and two lanes are named, once each */
    assert_int_equal(json_array_size(list), 3 + 2 + 2);
    json_decref(list);
    timeline_free(&t);
}

static void nothing_is_an_empty_list(void **state)
{
    (void)state;
    struct timeline t;
    timeline_begin(&t);
    timeline_add(NULL, "train", "text-a", 0); /* not wanted */
    json_t *list = written(&t);
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    timeline_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_become_complete_events),
        cmocka_unit_test(nothing_is_an_empty_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
