#include "tests/unit/formats/scratch.h"

#include "lorabuild/formats/csv.h"

/* The table as "line[cell|cell]…". */
static void check(struct str bytes, const char *wanted)
{
    struct csv c;
    struct error e = {0};
    struct strbuf seen = {0};
    assert_ok(csv_parse(&c, bytes, "f.csv", &e), e);
    strbuf_add_text(&seen, "");
    for (size_t i = 0; i < c.count; i++) {
        strbuf_printf(&seen, "%zu[", c.rows[i].line);
        for (size_t k = 0; k < c.rows[i].count; k++) {
            if (k)
                strbuf_add_byte(&seen, '|');
            strbuf_add_str(&seen, c.rows[i].cells[k]);
        }
        strbuf_add_byte(&seen, ']');
    }
    strbuf_add_byte(&seen, '\0');
    assert_string_equal(seen.data, wanted);
    strbuf_free(&seen);
    csv_free(&c);
}

static void p17_seven_forms_are_one_table(void **state)
{
    (void)state;
    const char *wanted = "1[filename|prompt]2[1.jpg|a, b; c]3[2.jpg|\u57ce]";
    check(STR("filename,prompt\n1.jpg,\"a, b; c\"\n2.jpg,\u57ce\n"), wanted);
    check(STR(CSV_BOM "filename,prompt\n1.jpg,\"a, b; c\"\n2.jpg,\u57ce\n"), wanted);
    check(STR("filename,prompt\r\n1.jpg,\"a, b; c\"\r\n2.jpg,\u57ce\r\n"), wanted);
    check(STR("filename;prompt\n1.jpg;\"a, b; c\"\n2.jpg;\u57ce"), wanted);
    check(STR("filename\tprompt\n1.jpg\ta, b; c\n2.jpg\t\u57ce\n"), wanted);
    check(STR("filename,prompt\n1.jpg,\"a, b; c\"\n\n2.jpg,\u57ce\n\n\n\n"),
          "1[filename|prompt]2[1.jpg|a, b; c]4[2.jpg|\u57ce]");
    check(STR("1.jpg,\"a, b; c\"\n2.jpg,\u57ce\n"), "1[1.jpg|a, b; c]2[2.jpg|\u57ce]");
}

static void p15_cells_keep_all_their_lines(void **state)
{
    (void)state;
    check(STR("a.png,\"\u57ce\r\n\u4fef\"\r\nb.png,\"\n\nx\"\r\nc.png,y\r\n"),
          "1[a.png|\u57ce\n\u4fef]3[b.png|\n\nx]6[c.png|y]");
}

static void other_encodings_are_tables_too(void **state)
{
    (void)state;
    check(STR("\xFF\xFE"
              "a\0;\0\x2d\x4e\r\0\n\0"),
          "1[a|\u4e2d]");
    check(STR("1.png,\xB3\xC7\xCA\xD0\r\n"), "1[1.png|\u57ce\u5e02]");
}

static void the_delimiter_is_the_first_outside_quotes(void **state)
{
    (void)state;
    check(STR("\"a,b\";c,d\ne;f\n"), "1[a,b|c,d]2[e|f]");
    check(STR("sep=;\na,b;c\n"), "2[a,b|c]");
    check(STR("sep=|\na,b|c\n"), "2[a,b|c]");
    check(STR("one\ntwo, x\n"), "1[one]2[two| x]");
}

static void odd_cells(void **state)
{
    (void)state;
    check(STR(""), "");
    check(STR("\n\n"), "");
    check(STR("a,\n"), "1[a|]");
    check(STR("a,b\n,,\n \t\nc,d"), "1[a|b]4[c|d]");
    check(STR("\"\",\"\"\n"), "1[|]");
    check(STR("a,\"say \"\"hi\"\"\"\n"), "1[a|say \"hi\"]");
    check(STR("a,5\" pipe\n"), "1[a|5\" pipe]");
    check(STR("a, \"b, c\" \nd,e"), "1[a|b, c]2[d|e]");
}

static void faults_are_placed(void **state)
{
    (void)state;
    struct csv c;
    struct error e = {0};
    assert_false(csv_parse(&c, STR("a,b\n\"x\ny\n"), "f.csv", &e));
    assert_error(e, ERROR_INPUT, "f.csv:2: a quoted cell that begins here never ends");
    assert_false(csv_parse(&c, STR("a,b\n\"x\ny\"z,1\n"), "f.csv", &e));
    assert_error(e, ERROR_INPUT, "f.csv:3: text behind a cell's closing quote");
    assert_false(csv_parse(&c, STR("a\0b"), "f.csv", &e));
    assert_error(e, ERROR_INPUT, "f.csv:1: not text");
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    const struct str rows[][2] = {{STR("a;b.png"), STR("x, \"y\"\nz")},
                                  {STR(" c"), STR("sep=;")},
                                  {STR(""), STR("")},
                                  {STR("\u57ce"), STR("\ttab ")}};
    struct strbuf out = {0};
    for (size_t i = 0; i < 4; i++)
        csv_add_row(&out, rows[i], 2);
    csv_add_row(&out, rows[2], 1);
    assert_string_equal(out.data, "\"a;b.png\",\"x, \"\"y\"\"\nz\"\n"
                                  "\" c\",\"sep=;\"\n\"\",\n\u57ce,\"\ttab \"\n\"\"\n");
    check(strbuf_str(&out), "1[a;b.png|x, \"y\"\nz]3[ c|sep=;]4[|]5[\u57ce|\ttab ]6[]");
    strbuf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(p17_seven_forms_are_one_table),
        cmocka_unit_test(p15_cells_keep_all_their_lines),
        cmocka_unit_test(other_encodings_are_tables_too),
        cmocka_unit_test(the_delimiter_is_the_first_outside_quotes),
        cmocka_unit_test(odd_cells),
        cmocka_unit_test(faults_are_placed),
        cmocka_unit_test(what_is_written_is_read),
    };
    return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
