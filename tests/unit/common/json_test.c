#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/common/json.h"

#include <string.h>

/* Written, parsed as strict UTF-8, and back. */
static void goes_round(const char *text, const char *written)
{
    struct error e;
    struct strbuf b = {0};
    json_t *list = json_pack("[{s:o}]", "path", json_bytes(text));
    json_write(&b, list, false);
    assert_true(utf8_valid(strbuf_str(&b), NULL));
    if (written)
        assert_string_equal(b.data, written);
    json_t *parsed = json_parse(strbuf_str(&b), "here", 1, &e);
    if (!parsed)
        fail_msg("%s", e.message);
    json_restore_bytes(parsed);
    const json_t *path = json_object_get(json_array_get(parsed, 0), "path");
    assert_string_equal(json_string_value(path), text);
    assert_int_equal(json_string_length(path), strlen(text));
    json_decref(parsed);
    json_decref(list);
    strbuf_free(&b);
}

static void names_hold_any_byte(void **state)
{
    (void)state;
    goes_round("", "[{\"path\":\"\"}]\n");
    goes_round("a b\n", "[{\"path\":\"a b\\n\"}]\n");
    goes_round("地铁", "[{\"path\":\"地铁\"}]\n");
    goes_round("a\xFFz", "[{\"path\":\"a\xF4\x8F\xBB\xBFz\"}]\n");
    goes_round("\xC0\xAF\xED\xA0\x80", NULL); /* overlong, a surrogate */
    goes_round("\xF4\x8F\xBB\xBF", NULL);     /* what stands for a byte elsewhere */
    goes_round("\xF4\x8F\xBA", NULL);         /* and half of it */
    goes_round("\xE5\x9C", NULL);
    assert_true(json_is_null(json_bytes(NULL)));
}

static void any_bytes_go_round(void **state)
{
    (void)state;
    static const char alphabet[] =
        "a\"\\/\x01\x7F\x80\xBF\xC3\xE5\x9C\xB0\xED\xA0\xF4\x8F\xB8\xBA\xBB\xFE\xFF";
    uint32_t number = 1;
    for (int round = 0; round < 20000; round++) {
        char text[16];
        size_t n = (size_t)(round % 15);
        for (size_t i = 0; i < n; i++) {
            number = number * 1664525u + 1013904223u;
            text[i] = alphabet[(number >> 16) % (sizeof alphabet - 1)];
        }
        text[n] = '\0';
        goes_round(text, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_hold_any_byte),
        cmocka_unit_test(any_bytes_go_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
