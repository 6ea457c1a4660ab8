#include "tests/unit/formats/scratch.h"

#include "lorabuild/formats/text_encoding.h"

static void check(struct str bytes, const char *encoding, const char *text)
{
    struct strbuf out = {0};
    struct error e = {0};
    const char *found = NULL;
    strbuf_add_byte(&out, '>'); /* what stands there already stays */
    assert_ok(text_decode(&out, bytes, "f", &found, &e), e);
    assert_string_equal(found, encoding);
    assert_string_equal(out.data + 1, text);
    assert_int_equal(out.size, strlen(text) + 1);
    strbuf_free(&out);
}

static void refused(struct str bytes, const char *why)
{
    struct strbuf out = {0};
    struct error e = {0};
    const char *found;
    assert_false(text_decode(&out, bytes, "f.txt", &found, &e));
    assert_error(e, ERROR_INPUT, why);
    assert_int_equal(out.size, 0);
    strbuf_free(&out);
}

static void t01_marks_never_become_text(void **state)
{
    (void)state;
    check(STR("plain"), "UTF-8", "plain");
    check(STR(""), "UTF-8", "");
    check(STR("\xEF\xBB\xBF"), "UTF-8", "");
    check(STR("\xEF\xBB\xBF\u4e2d"), "UTF-8", "\u4e2d");
    check(STR("\xEF\xBB\xBF\xEF\xBB\xBFx"), "UTF-8", "x");
    check(STR("\xFF\xFE\x2d\x4e\x0d\0\x0a\0"), "UTF-16LE", "\u4e2d\n");
    check(STR("\xFE\xFF\x4e\x2d\0a"), "UTF-16BE",
          "\u4e2d"
          "a");
    check(STR("\xFF\xFE\0\0a\0\0\0"), "UTF-32LE", "a");
    check(STR("\xFF\xFE\x3d\xd8\x00\xde"), "UTF-16LE", "\U0001F600");
    check(STR("\x84\x31\x95\x33\xd6\xc7\xbb\xdb"), "GB18030", "\u667a\u6167");
}

static void line_ends_become_newlines(void **state)
{
    (void)state;
    check(STR("a\r\nb\rc\n\r\n\r"), "UTF-8", "a\nb\nc\n\n\n");
    check(STR("\r"), "UTF-8", "\n");
}

static void utf16_without_a_mark_is_found(void **state)
{
    (void)state;
    check(STR("h\0i\0\r\0\n\0"), "UTF-16LE", "hi\n");
    check(STR("\0h\0i"), "UTF-16BE", "hi");
    check(STR("\x7a\x66\x67\x61\xce\x57\x02\x5e\n\0"), "UTF-16LE", "\u667a\u6167\u57ce\u5e02\n");
}

static void t03_files_of_other_encodings_are_decoded(void **state)
{
    (void)state;
    static const char *const names[][2] = {{"gb18030", "GB18030"},
                                           {"big5", "BIG5"},
                                           {"shift_jis", "SHIFT_JIS"},
                                           {"euc_kr", "EUC-KR"},
                                           {"cp1252", "WINDOWS-1252"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *raw = mem_printf(GOLDEN "text/%s.txt", names[i][0]);
        char *utf8 = mem_printf(GOLDEN "text/%s.utf8", names[i][0]);
        struct strbuf bytes = read_file(raw), wanted = read_file(utf8);
        check(strbuf_str(&bytes), names[i][1], wanted.data);
        strbuf_free(&bytes);
        strbuf_free(&wanted);
        free(raw);
        free(utf8);
    }
}

static void t03_short_texts_are_chinese_or_western(void **state)
{
    (void)state;
    check(STR("client\x92s"), "WINDOWS-1252", "client\u2019s");
    check(STR("The client\x92s bid.\n"), "WINDOWS-1252", "The client\u2019s bid.\n");
    check(STR("caf\xE9"), "WINDOWS-1252", "caf\u00e9");
    check(STR("Z\xFCrich, na\xEFve, \x80 5"), "WINDOWS-1252", "Z\u00fcrich, na\u00efve, \u20ac 5");
    check(STR("\xB1\xA8\xBC\xDB"), "GB18030", "\u62a5\u4ef7");
    check(STR("\xB3\xC7\xCA\xD0\xC9\xB3\xC5\xCC, a.png"), "GB18030",
          "\u57ce\u5e02\u6c99\u76d8, a.png");
    check(STR("price \xBC\xDB"), "GB18030", "price \u4ef7");
}

static void t03_damaged_utf8_is_refused_with_its_place(void **state)
{
    (void)state;
    refused(STR("\u667a\u6167\n\u57ce\xE5\xB8"), "f.txt:2: damaged UTF-8 at byte 10");
    refused(STR("The bid costs 5 \xE2\x82"), "f.txt:1: damaged UTF-8 at byte 16");
    refused(STR("a\r\nb\r\u667a\u6167\u57ce\u5e02\xFF\u57ce\n"),
            "f.txt:3: damaged UTF-8 at byte 17");
    refused(STR("\u667a\u6167\u57ce\xE5\u5e02\u57ce\n"), "f.txt:1: damaged UTF-8 at byte 9");
}

static void what_is_no_text_is_refused(void **state)
{
    (void)state;
    refused(STR("a\nb\0c"), "f.txt:2: not text: a NUL at byte 3");
    refused(STR("abcdefg\0"), "not text: a NUL at byte 7");
    refused(STR("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "not text: a NUL");
    refused(STR("\x1\0\x2\0\x3\0"), "not text: a NUL");
    refused(STR("\x1F\x8B\x08\x01\xFF"), "not text in any known encoding at byte 1");
    refused(STR("a\x81\x8D z"), "not text in any known encoding at byte 1");
    refused(STR("\xFF\xFE\x00\xdc\x41\x00"), "f.txt:1: not valid UTF-16LE at byte 2");
    refused(STR("\xFF\xFE\n\0a"), "f.txt:2: not valid UTF-16LE at byte 4");
}

static void long_texts_pass_the_converters_buffer(void **state)
{
    (void)state;
    struct strbuf bytes = {0}, wanted = {0};
    for (int i = 0; i < 5000; i++) {
        strbuf_add_text(&bytes, "\xB3\xC7\xCA\xD0\r\n");
        strbuf_add_text(&wanted, "\u57ce\u5e02\n");
    }
    check(strbuf_str(&bytes), "GB18030", wanted.data);
    strbuf_free(&bytes);
    strbuf_free(&wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t01_marks_never_become_text),
        cmocka_unit_test(line_ends_become_newlines),
        cmocka_unit_test(utf16_without_a_mark_is_found),
        cmocka_unit_test(t03_files_of_other_encodings_are_decoded),
        cmocka_unit_test(t03_short_texts_are_chinese_or_western),
        cmocka_unit_test(t03_damaged_utf8_is_refused_with_its_place),
        cmocka_unit_test(what_is_no_text_is_refused),
        cmocka_unit_test(long_texts_pass_the_converters_buffer),
    };
    return cmocka_run_group_tests_name("text_encoding", tests, NULL, NULL);
}
