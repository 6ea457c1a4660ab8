#include "rules/schema.h"
#include "tests/unit/rules/project.h"

#define BASE "base: models/m.gguf\n"
#define HERE "adapters:\n  x: {data: corpus/"

static void make(void)
{
    static const char *const folders[] = {"corpus/smart-city", "clients/a/pictures",
                                          "clients/b/pictures", "models/painter", NULL};
    project_folders(folders);
    project_file("models/m.gguf", "");
    project_file("models/painter/model_index.json", "{}");
}

/* The three findings of the user's guide, in one file and one run. */
static void a_wrong_file_gets_every_error_at_once(void **state)
{
    struct project *p = *state;
    project_refuses(p,
                    "clients: clients/%/\n"
                    "shared: [corpus/, models/]\n"
                    "base:\n"
                    "  writer： models/m.gguf\n"
                    "  painter: models/painter\n"
                    "datasets:\n"
                    "  pictures-%: {images: clients/%/pictures/}\n"
                    "adapters:\n"
                    "  city: {base: writer, data: corpus/, rank: 8, epoch: 15}\n"
                    "  look-%: {base: painter, data: pictures-%}\n"
                    "  look-b:\n"
                    "    data: clients/a/pictures/\n",
                    "lorabuild.yaml:4:9: Chinese colon; write ': ' (colon, space)\n"
                    "  4 |   writer： models/m.gguf\n"
                    "    |         ^^\n"
                    "lorabuild.yaml:9:48: unknown key 'epoch'; did you mean 'epochs'?\n"
                    "  9 |   city: {base: writer, data: corpus/, rank: 8, epoch: 15}\n"
                    "    |                                                ^^^^^\n"
                    "lorabuild.yaml:12:11: 'look-b' belongs to client b and would learn from a\n"
                    " 12 |     data: clients/a/pictures/\n"
                    "    |           ^^^^^^^^^^^^^^^^^^^ secret to a (line 1)\n",
                    "3 errors. Nothing was built.");
}

struct wrong {
    const char *text, *report;
};

/* One error each, with its exact text. */
static const struct wrong one_error[] = {
    {BASE "adapters:\n\tx: {data: corpus/}\n",
     "lorabuild.yaml:3:1: a tab indents this line; write spaces\n"
     "  3 |     x: {data: corpus/}\n"
     "    | ^^^^\n"},
    {BASE HERE "， rank: 8}\n", "lorabuild.yaml:3:20: Chinese comma; write ', ' (comma, space)\n"
                                "  3 |   x: {data: corpus/， rank: 8}\n"
                                "    |                    ^^\n"},
    {BASE "adapters:\n  x: {data: 【corpus/]}\n", "lorabuild.yaml:3:13: Chinese bracket; write [\n"
                                                  "  3 |   x: {data: 【corpus/]}\n"
                                                  "    |             ^^\n"},
    {BASE "adapters:\n  x: {data: “corpus/”, rank: 8}\n",
     "lorabuild.yaml:3:13: Chinese quotation marks; write \" or '\n"
     "  3 |   x: {data: “corpus/”, rank: 8}\n"
     "    |             ^\n"},
    {BASE "adapters:\n  x:\n    data:　corpus/\n",
     "lorabuild.yaml:4:10: Chinese space; write an ordinary space\n"
     "  4 |     data:　corpus/\n"
     "    |          ^^\n"},
    {BASE HERE ", trigger: %-x}\n",
     "lorabuild.yaml:3:31: YAML cannot begin a plain word with %; put it in quotes: '%-x'\n"
     "  3 |   x: {data: corpus/, trigger: %-x}\n"
     "    |                               ^^^\n"},
    {BASE HERE ", rank: 8, rank: 9}\n",
     "lorabuild.yaml:3:31: 'rank' stands twice; it is on line 3 already\n"
     "  3 |   x: {data: corpus/, rank: 8, rank: 9}\n"
     "    |                               ^^^^\n"},
    {BASE "adapters:\n  x: {data: corpus/}\n  y: {data: corpus/}\n  x: {data: corpus/}\n",
     "lorabuild.yaml:5:3: 'x' stands twice; it is on line 3 already\n"
     "  5 |   x: {data: corpus/}\n"
     "    |   ^\n"},
    {BASE HERE ", rank: no}\n",
     "lorabuild.yaml:3:28: 'rank' takes a whole number from 1 to 512, not 'no'\n"
     "  3 |   x: {data: corpus/, rank: no}\n"
     "    |                            ^^\n"},
    {BASE HERE ", rank: 0}\n",
     "lorabuild.yaml:3:28: 'rank' takes a whole number from 1 to 512, not '0'\n"
     "  3 |   x: {data: corpus/, rank: 0}\n"
     "    |                            ^\n"},
    {BASE HERE ", rank: 2026-11-24}\n",
     "lorabuild.yaml:3:28: 'rank' takes a whole number from 1 to 512, not '2026-11-24'\n"
     "  3 |   x: {data: corpus/, rank: 2026-11-24}\n"
     "    |                            ^^^^^^^^^^\n"},
    {BASE HERE ", rank: [8]}\n", "lorabuild.yaml:3:28: 'rank' takes a whole number, not a list\n"
                                 "  3 |   x: {data: corpus/, rank: [8]}\n"
                                 "    |                            ^\n"},
    {BASE HERE ", rank}\n", "lorabuild.yaml:3:22: 'rank' has no value; leave it out\n"
                            "  3 |   x: {data: corpus/, rank}\n"
                            "    |                      ^^^^\n"},
    {BASE HERE ", learning_rate: 2}\n",
     "lorabuild.yaml:3:37: 'learning_rate' takes a number from 1e-9 to 1, not '2'\n"
     "  3 |   x: {data: corpus/, learning_rate: 2}\n"
     "    |                                     ^\n"},
    {BASE HERE ", schedule: cosin}\n",
     "lorabuild.yaml:3:32: 'schedule' takes constant, linear, cosine, wsd, not 'cosin'; did you "
     "mean 'cosine'?\n"
     "  3 |   x: {data: corpus/, schedule: cosin}\n"
     "    |                                ^^^^^\n"},
    {BASE HERE ", steps: 3, epochs: 4}\n",
     "lorabuild.yaml:3:32: 'steps' and 'epochs' say two things; keep one (steps: line 3)\n"
     "  3 |   x: {data: corpus/, steps: 3, epochs: 4}\n"
     "    |                                ^^^^^^\n"},
    {BASE HERE ", from: y}\n  y: {data: corpus/, from: x}\n",
     "lorabuild.yaml:4:28: 'y' would learn from itself: y from x from y\n"
     "  4 |   y: {data: corpus/, from: x}\n"
     "    |                            ^\n"},
    {BASE HERE "}\n  y: {data: corpus/, from: xx}\n",
     "lorabuild.yaml:4:28: there is no adapter 'xx'; did you mean 'x'?\n"
     "  4 |   y: {data: corpus/, from: xx}\n"
     "    |                            ^^\n"},
    {BASE HERE ", rank: 16}\n  k: {continue: x, data: corpus/, rank: 32}\n",
     "lorabuild.yaml:4:41: 'k' has rank 32, but continues 'x', whose rank is 16; write rank: 16, "
     "or from: instead of continue:\n"
     "  4 |   k: {continue: x, data: corpus/, rank: 32}\n"
     "    |                                         ^^\n"},
    {BASE HERE ", rank: 16}\n  k: {from: x, data: corpus/, rank: 8, max_rank: 16}\n",
     "lorabuild.yaml:4:50: 'k' joined with its parents has rank 24 (8 + 16), above max_rank 16\n"
     "  4 |   k: {from: x, data: corpus/, rank: 8, max_rank: 16}\n"
     "    |                                                  ^^\n"},
    {BASE HERE ", check: {limit: 1}}\n",
     "lorabuild.yaml:3:37: 'limit' takes a percentage from 0% to 100%, such as 1%, not '1'\n"
     "  3 |   x: {data: corpus/, check: {limit: 1}}\n"
     "    |                                     ^\n"},
    {BASE HERE ", check: {limit: 101 %}}\n",
     "lorabuild.yaml:3:37: 'limit' takes a percentage from 0% to 100%, such as 1%, not '101 %'\n"
     "  3 |   x: {data: corpus/, check: {limit: 101 %}}\n"
     "    |                                     ^^^^^\n"},
    {BASE HERE ", check: {least_documents: 1}}\n",
     "lorabuild.yaml:3:47: 'least_documents' takes a whole number from 2 to 1000000, not '1'\n"
     "  3 |   x: {data: corpus/, check: {least_documents: 1}}\n"
     "    |                                               ^\n"},
    {BASE HERE ", check: {limits: 1%}}\n",
     "lorabuild.yaml:3:30: unknown key 'limits'; did you mean 'limit'?\n"
     "  3 |   x: {data: corpus/, check: {limits: 1%}}\n"
     "    |                              ^^^^^^\n"},
    {BASE HERE ", check: off}\n", "lorabuild.yaml:3:29: 'check' takes none, not 'off'\n"
                                  "  3 |   x: {data: corpus/, check: off}\n"
                                  "    |                             ^^^\n"},
    {BASE HERE ", check: [none]}\n",
     "lorabuild.yaml:3:29: 'check' takes none, or {limit: 1%, least_documents: 10}, not a list\n"
     "  3 |   x: {data: corpus/, check: [none]}\n"
     "    |                             ^\n"},
    {BASE "defaults: {text: {check: }}\n" HERE "}\n",
     "lorabuild.yaml:2:19: 'check' has no value; it takes none, or {limit: 1%, least_documents: "
     "10}\n"
     "  2 | defaults: {text: {check: }}\n"
     "    |                   ^^^^^\n"},
    {BASE "adapters:\n  x: {rank: 8}\n", "lorabuild.yaml:3:3: 'x' has no 'data'\n"
                                         "  3 |   x: {rank: 8}\n"
                                         "    |   ^\n"},
    {BASE "adapters:\n  x: {data: corpora}\n",
     "lorabuild.yaml:3:13: there is no dataset 'corpora'\n"
     "  3 |   x: {data: corpora}\n"
     "    |             ^^^^^^^\n"},
    {BASE "adapters:\n  x: {data: corpus}\n",
     "lorabuild.yaml:3:13: there is no dataset 'corpus'; for the path write './corpus'\n"
     "  3 |   x: {data: corpus}\n"
     "    |             ^^^^^^\n"},
    {BASE "adapters:\n  x: {data: corpus/smart-citty/}\n",
     "lorabuild.yaml:3:13: 'corpus/smart-citty/' does not exist; did you mean "
     "'corpus/smart-city/'?\n"
     "  3 |   x: {data: corpus/smart-citty/}\n"
     "    |             ^^^^^^^^^^^^^^^^^^^\n"},
    {"base: models/n.gguf\n" HERE "}\n",
     "lorabuild.yaml:1:7: 'models/n.gguf' does not exist; did you mean 'models/m.gguf'?\n"
     "  1 | base: models/n.gguf\n"
     "    |       ^^^^^^^^^^^^^\n"},
    {"base: {writer: models/m.gguf, painter: models/painter}\n" HERE "}\n",
     "lorabuild.yaml:3:3: 'x' has no 'base', and there are several\n"
     "  3 |   x: {data: corpus/}\n"
     "    |   ^\n"},
    {"base: {writer: models/m.gguf}\n" HERE ", base: writter}\n",
     "lorabuild.yaml:3:28: there is no base 'writter'; did you mean 'writer'?\n"
     "  3 |   x: {data: corpus/, base: writter}\n"
     "    |                            ^^^^^^^\n"},
    {BASE HERE "}\n  look-%: {data: corpus/}\n",
     "lorabuild.yaml:4:3: 'look-%' needs clients:, such as clients: clients/%/\n"
     "  4 |   look-%: {data: corpus/}\n"
     "    |   ^^^^^^\n"},
    {BASE "adapters:\n  a/b: {data: corpus/}\n",
     "lorabuild.yaml:3:3: the name 'a/b' must not hold '/'\n"
     "  3 |   a/b: {data: corpus/}\n"
     "    |   ^^^\n"},
    {BASE "adapters:\n  -x: {data: corpus/}\n",
     "lorabuild.yaml:3:3: the name '-x' must not begin with '-' or '.'\n"
     "  3 |   -x: {data: corpus/}\n"
     "    |   ^^\n"},
    {BASE HERE "}\ngroups: {x: [x]}\n", "lorabuild.yaml:4:10: 'x' is an adapter already (line 3)\n"
                                        "  4 | groups: {x: [x]}\n"
                                        "    |          ^\n"},
    {BASE HERE "}\n  X: {data: corpus/}\n",
     "lorabuild.yaml:4:3: 'X' and 'x' (line 3) differ only in upper and lower case\n"
     "  4 |   X: {data: corpus/}\n"
     "    |   ^\n"},
    {"lorabuild: 2\nnew_words: {}\n",
     "lorabuild.yaml:1:12: this file is written in version 2 of the rule language; this lorabuild "
     "knows version 1\n"
     "  1 | lorabuild: 2\n"
     "    |            ^\n"},
    {BASE "adapter:\n  x: {data: corpus/}\n",
     "lorabuild.yaml:2:1: unknown key 'adapter'; did you mean 'adapters'?\n"
     "  2 | adapter:\n"
     "    | ^^^^^^^\n"},
    {BASE "datasets: {d: {texts: corpus/}}\n" HERE "}\n",
     "lorabuild.yaml:2:16: unknown key 'texts'; did you mean 'text'?\n"
     "  2 | datasets: {d: {texts: corpus/}}\n"
     "    |                ^^^^^\n"},
    {BASE "datasets: {d: {text: corpus/, foo: 1}}\n" HERE "}\n",
     "lorabuild.yaml:2:31: unknown key 'foo' in a dataset; here may stand text, images, captions, "
     "edits, review\n"
     "  2 | datasets: {d: {text: corpus/, foo: 1}}\n"
     "    |                               ^^^\n"},
    {BASE "defaults: {text: {rnk: 8}}\n" HERE "}\n",
     "lorabuild.yaml:2:19: unknown key 'rnk'; did you mean 'rank'?\n"
     "  2 | defaults: {text: {rnk: 8}}\n"
     "    |                   ^^^\n"},
    {BASE "adapters:\n  x:\n    data:corpus/\n",
     "lorabuild.yaml:4:5: a space is missing behind the colon of 'data:corpus/'\n"
     "  4 |     data:corpus/\n"
     "    |     ^^^^^^^^^^^^\n"},
    {BASE "adapters:\n  x {data: corpus/}\n",
     "lorabuild.yaml:3:12: a colon is missing before the bracket of 'x {data'\n"
     "  3 |   x {data: corpus/}\n"
     "    |            ^^^^^^^^\n"},
    {BASE "adapters:\n  x: {data: corpus/\n",
     "lorabuild.yaml:3:6: a comma is missing here, or the '{' is never closed\n"
     "  3 |   x: {data: corpus/\n"
     "    |      ^\n"},
    {BASE "adapters:\n  x: {data: 'corpus/}\n",
     "lorabuild.yaml:3:13: this quotation mark is never closed\n"
     "  3 |   x: {data: 'corpus/}\n"
     "    |             ^\n"},
    {BASE "adapters:\n  x:\n    data: corpus/\n   rank: 3\n",
     "lorabuild.yaml:5:4: this line stands neither beside nor beneath the lines above; check its "
     "indentation\n"
     "  5 |    rank: 3\n"
     "    |    ^\n"},
    {BASE "adapters:\n  x:\n    data: a: b\n",
     "lorabuild.yaml:4:12: a second 'key: value' on one line; give it its own line, or put the "
     "value in quotes\n"
     "  4 |     data: a: b\n"
     "    |            ^\n"},
    {BASE "adapters:\n  x: {data: *.md}\n",
     "lorabuild.yaml:3:13: a value that begins with * needs quotes: '*.md'\n"
     "  3 |   x: {data: *.md}\n"
     "    |             ^\n"},
    {BASE "adapters:\n  x: {data: @corpus/}\n",
     "lorabuild.yaml:3:13: a value cannot begin with this character; put it in quotes\n"
     "  3 |   x: {data: @corpus/}\n"
     "    |             ^\n"},
    {BASE "adapters:\n  x: {data: *corpus}\n",
     "lorabuild.yaml:3:13: there is no &corpus above; a value that begins with * needs quotes\n"
     "  3 |   x: {data: *corpus}\n"
     "    |             ^^^^^^^\n"},
    {BASE "adapters:\n  x: {data: \xD6\xD0/}\n",
     "lorabuild.yaml:3:13: this byte is not UTF-8; save the file as UTF-8\n"
     "  3 |   x: {data: \\xd6\\xd0/}\n"
     "    |             ^^^^\n"},
    {"", "lorabuild.yaml is empty; it needs at least base: and adapters:\n"},
    {"# nothing\n", "lorabuild.yaml is empty; it needs at least base: and adapters:\n"},
    {"base: models/m.gguf\n", "lorabuild.yaml names no adapter; add adapters:\n"},
    {"- a\n", "lorabuild.yaml:1:1: a rule file begins with keys, such as base: and adapters:\n"
              "  1 | - a\n"
              "    | ^\n"},
};

static void each_error_is_told_exactly(void **state)
{
    struct project *p = *state;
    for (size_t i = 0; i < sizeof one_error / sizeof *one_error; i++)
        project_refuses(p, one_error[i].text, one_error[i].report, "1 error. Nothing was built.");
}

static void marks_that_mean_nothing_are_taken_silently(void **state)
{
    struct project *p = *state;
    struct rules *r = project_takes(p, "\xEF\xBB\xBF" BASE "adapters:\r\n"
                                       "  x: {data: corpus/, rank:\t0x10,\r\n"
                                       "\t      learning_rate: 1e-4}\t\r\n"
                                       "\t\r\n"
                                       "\t# a tab before a comment\r\n"
                                       "  no: {data: corpus/}\r\n"
                                       "  2026-11-24: {data: corpus/}\r\n");
    assert_int_equal(r->adapter_count, 3);
    assert_int_equal(r->adapters[0].recipe.rank, 16);
    assert_true(r->adapters[0].recipe.learning_rate == 1e-4);
    assert_string_equal(r->adapters[1].name, "no");
    assert_string_equal(r->adapters[2].name, "2026-11-24");
}

/* Full-width punctuation is a fine part of a name: 方案（终版）：一. */
static void chinese_names_stay_as_they_are(void **state)
{
    struct project *p = *state;
    static const char *const folders[] = {"corpus/方案（终版）：一，二【三】", NULL};
    project_folders(folders);
    struct rules *r =
        project_takes(p, BASE "adapters:\n"
                              "  甲: {data: corpus/方案（终版）：一，二【三】/, rank: 8}\n"
                              "  乙:\n"
                              "    data: corpus/方案（终版）：一，二【三】\n"
                              "    trigger: '客户：甲'  # 注释：，【】\n");
    assert_string_equal(r->adapters[0].name, "甲");
    assert_string_equal(r->datasets[0].written, "corpus/方案（终版）：一，二【三】");
    assert_int_equal(r->dataset_count, 1);
    assert_string_equal(r->adapters[1].trigger, "客户：甲");
}

/* A mended line keeps the columns of the file for what stands behind the mend. */
static void columns_behind_a_mend_are_the_files(void **state)
{
    struct project *p = *state;
    project_refuses(p, BASE "adapters:\n  x：{data：corpus/，rnk：8}\n",
                    "lorabuild.yaml:3:4: Chinese colon; write ': ' (colon, space)\n"
                    "  3 |   x：{data：corpus/，rnk：8}\n"
                    "    |    ^^\n"
                    "lorabuild.yaml:3:10: Chinese colon; write ': ' (colon, space)\n"
                    "  3 |   x：{data：corpus/，rnk：8}\n"
                    "    |           ^^\n"
                    "lorabuild.yaml:3:18: Chinese comma; write ', ' (comma, space)\n"
                    "  3 |   x：{data：corpus/，rnk：8}\n"
                    "    |                    ^^\n"
                    "lorabuild.yaml:3:19: unknown key 'rnk'; did you mean 'rank'?\n"
                    "  3 |   x：{data：corpus/，rnk：8}\n"
                    "    |                      ^^^\n"
                    "lorabuild.yaml:3:22: Chinese colon; write ': ' (colon, space)\n"
                    "  3 |   x：{data：corpus/，rnk：8}\n"
                    "    |                         ^^\n",
                    "5 errors. Nothing was built.");
}

static void hostile_text_is_escaped_and_long_lines_are_cut(void **state)
{
    struct project *p = *state;
    project_refuses(p, BASE "adapters:\n  x: {data: corpus/, \"\\e[2J\": 1}\n",
                    "lorabuild.yaml:3:22: unknown key '\\x1b[2J' in an adapter\n"
                    "  3 |   x: {data: corpus/, \"\\e[2J\": 1}\n"
                    "    |                      ^^^^^^^\n",
                    "1 error. Nothing was built.");
    struct strbuf text = {0};
    strbuf_add_text(&text, BASE HERE ", trigger: '");
    for (int i = 0; i < 500; i++)
        strbuf_add_text(&text, "字");
    strbuf_add_text(&text, "', rnk: 8}\n");
    assert_null(project_load(p, text.data));
    assert_true(strlen(project_report(p)) < 500);
    assert_non_null(strstr(project_report(p), ":3:535: unknown key 'rnk'"));
    strbuf_free(&text);
}

static void many_errors_are_counted(void **state)
{
    struct project *p = *state;
    struct strbuf text = {0};
    strbuf_add_text(&text, BASE "adapters:\n");
    for (int i = 0; i < 250; i++)
        strbuf_printf(&text, "  x%d: {data: corpus/, rnk: 1}\n", i);
    assert_null(project_load(p, text.data));
    assert_non_null(strstr(project_report(p), "... and 150 more\n"));
    assert_string_equal(p->e.message, "250 errors. Nothing was built.");
    strbuf_free(&text);
}

static void bombs_stay_small(void **state)
{
    struct project *p = *state;
    struct strbuf text = {0};
    strbuf_add_text(&text, BASE "x-0: &a0 {k: v}\n");
    for (int i = 1; i < 40; i++) {
        strbuf_printf(&text, "x-%d: &a%d {", i, i);
        for (int k = 0; k < 9; k++)
            strbuf_printf(&text, "k%d: *a%d, ", k, i - 1);
        strbuf_add_text(&text, "}\n");
    }
    strbuf_add_text(&text, "adapters: {x: {data: corpus/}}\n");
    assert_non_null(project_load(p, text.data));
    strbuf_free(&text);
    for (int i = 0; i < 20000; i++)
        strbuf_add_byte(&text, '[');
    project_says(p, text.data, "nested too deeply");
    strbuf_free(&text);
    for (int i = 0; i < 60000; i++)
        strbuf_printf(&text, "k%d: {a: b}\n", i);
    project_says(p, text.data, "this file is too large: more than 100000 values");
    strbuf_free(&text);
    while (text.size <= (size_t)1 << 20)
        strbuf_add_text(&text, "# a long comment\n");
    project_says(p, text.data, "lorabuild.yaml: ");
    strbuf_free(&text);
    project_says(p, "x-a: &a {b: *a}\n", "*a stands inside &a itself");
}

static void files_that_cannot_be_read_are_named(void **state)
{
    struct project *p = *state;
    project_forget(p);
    assert_null(rules_load("elsewhere.yaml", &p->report, &p->e));
    assert_string_equal(project_report(p), "elsewhere.yaml: No such file or directory\n");
    project_says(p, "include: more.yaml\n" BASE HERE "}\n",
                 "lorabuild.yaml:1:10: more.yaml: No such file or directory\n");
    project_bytes("lorabuild.yaml",
                  "\xFF\xFE"
                  "b\0a\0",
                  6);
    project_forget(p);
    assert_null(rules_load("lorabuild.yaml", &p->report, &p->e));
    assert_string_equal(project_report(p),
                        "lorabuild.yaml: this file is UTF-16; save it as UTF-8\n");
}

/* Any value under any key is taken or refused. */
static void every_shape_under_every_key(void **state)
{
    static const char *const shapes[] = {
        "x", "3", "", "[]", "[a, b]", "[[x], {b: c}]", "{}", "{a: b}", "{a: [b, {c: d}]}"};
    static const struct {
        const struct schema *schema;
        const char *format;
    } places[] = {
        {&schema_rules, BASE "%s: %s\nadapters:\n  x: {data: corpus/}\n"},
        {&schema_base, "base:\n  w: {path: models/m.gguf, %s: %s}\n" HERE ", base: w}\n"},
        {&schema_dataset, BASE "datasets:\n  d: {%s: %s}\nadapters:\n  x: {data: d}\n"},
        {&schema_adapter, BASE "adapters:\n  x: {%s: %s}\n"},
        {&schema_adapter, BASE HERE ", %s: %s}\n"},
        {&schema_defaults, BASE "defaults: {text: {%s: %s}}\n" HERE "}\n"},
    };
    struct project *p = *state;
    size_t refused = 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        for (size_t k = 0; k < places[i].schema->count + recipe_key_count; k++)
            for (size_t v = 0; v < sizeof shapes / sizeof *shapes; v++) {
                bool own = k < places[i].schema->count;
                const char *key = own ? places[i].schema->keys[k].name
                                      : recipe_keys[k - places[i].schema->count].name;
                char *text = mem_printf(places[i].format, key, shapes[v]);
                project_file("lorabuild.yaml", text);
                project_forget(p);
                struct rules *rules = rules_load("lorabuild.yaml", &p->report, &p->e);
                refused += !rules;
                if (!rules && !p->report.size)
                    fail_msg("refused without a word:\n%s", text);
                rules_free(rules);
                free(text);
            }
    assert_true(refused > 500);
}

static int open_it(void **state)
{
    struct project *p = malloc(sizeof *p);
    project_open(p);
    make();
    *state = p;
    return 0;
}

static int close_it(void **state)
{
    project_close(*state);
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_file_gets_every_error_at_once),
        cmocka_unit_test(each_error_is_told_exactly),
        cmocka_unit_test(marks_that_mean_nothing_are_taken_silently),
        cmocka_unit_test(chinese_names_stay_as_they_are),
        cmocka_unit_test(columns_behind_a_mend_are_the_files),
        cmocka_unit_test(hostile_text_is_escaped_and_long_lines_are_cut),
        cmocka_unit_test(many_errors_are_counted),
        cmocka_unit_test(bombs_stay_small),
        cmocka_unit_test(every_shape_under_every_key),
        cmocka_unit_test(files_that_cannot_be_read_are_named),
    };
    return cmocka_run_group_tests(tests, open_it, close_it);
}
