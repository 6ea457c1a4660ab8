/* Rule files broken at random, from a fixed seed: whatever comes, an answer without a crash, and
 * a refused file with at least one finding. */
#include "tests/unit/rules/project.h"

#include "lorabuild/common/random.h"

#include <stdio.h>

static const char *const files[] = {
    "lorabuild: 1\nclients: clients/%/\nshared: [corpus/, models/]\nbase:\n"
    "  writer: models/m.gguf\n  other: {path: models/m.gguf, template: chatml}\n"
    "defaults: {text: {rank: 16}}\ndatasets:\n  d: {text: corpus/}\n"
    "  p-%:\n    text: clients/%/texts/\n    captions: headings\n"
    "x-c: &c {rank: 4, seed: 7}\nadapters:\n  city: {base: writer, data: d, <<: *c}\n"
    "  t-%: {from: city@v2, data: [p-%, d], rank: 8, epochs: 1.5, targets: [q_proj]}\n"
    "  t-a: {epochs: 30, trigger: \"a\\tb\", mode: 'text'}\n"
    "groups:\n  g-%: [t-%]\n  all: [city]\n",
    "task_type: text-generation\nbase_model: models/m.gguf\ntrain_data_dir: corpus\n"
    "lora_rank: 8\nepochs: 3\noutput_dir: out/x\nsave_steps: 10\n",
    "base： models/m.gguf\nadapters：\n\tx： {data： 【corpus/， “corpus/”】， rank： 8}\n"
    "  y: |\n    text：，\n  z: % x\n",
};

static const char *const pieces[] = {"：",
                                     "，",
                                     "【",
                                     "】",
                                     "“",
                                     "”",
                                     "　",
                                     "％",
                                     "＃",
                                     "\t",
                                     "\n",
                                     "\r\n",
                                     " ",
                                     ": ",
                                     "- ",
                                     "{",
                                     "}",
                                     "[",
                                     "]",
                                     ",",
                                     "&a ",
                                     "*a",
                                     "*c",
                                     "<<: ",
                                     "'",
                                     "\"",
                                     "\\",
                                     "%",
                                     "#",
                                     "|",
                                     ">",
                                     "!x ",
                                     "---",
                                     "...",
                                     "\xFF",
                                     "\xEF\xBB\xBF",
                                     "\xC2\x85",
                                     "\xE2\x80\xA8",
                                     "@",
                                     "`",
                                     "?",
                                     "\x01",
                                     "9e999",
                                     "-1",
                                     "\xF0\x9F\x98\x80",
                                     "../",
                                     "/",
                                     "clients/b/",
                                     "from: t-%",
                                     "continue: city",
                                     "\n  ",
                                     "include: x"};

static void mutate(struct strbuf *b, struct random r)
{
    uint64_t steps = 1 + random_below(r, 0, 6);
    for (uint64_t i = 0; i < steps; i++) {
        size_t at = (size_t)random_below(r, 10 * i + 1, b->size + 1);
        size_t cut = (size_t)random_below(r, 10 * i + 2, 8);
        const char *piece = pieces[random_below(r, 10 * i + 3, sizeof pieces / sizeof *pieces)];
        struct strbuf next = {0};
        cut = cut > b->size - at ? b->size - at : cut;
        strbuf_add(&next, b->data, at);
        if (random_below(r, 10 * i + 4, 3) > 0)
            strbuf_add_text(&next, piece);
        if (random_below(r, 10 * i + 5, 2) > 0)
            cut = 0;
        strbuf_add(&next, b->data + at + cut, b->size - at - cut);
        strbuf_free(b);
        *b = next;
    }
}

static void broken_files_get_an_answer(void **state)
{
    struct project *p = *state;
    const char *rounds = getenv("MUTATE_ROUNDS");
    int most = rounds ? atoi(rounds) : 1500;
    for (int i = 0; i < most; i++) {
        struct random r = {.seed = 1, .purpose = random_purpose("rules"), .step = (uint32_t)i};
        struct strbuf b = {0};
        strbuf_add_text(&b, files[i % 3]);
        mutate(&b, r);
        project_bytes("lorabuild.yaml", b.data ? b.data : "", b.size);
        project_forget(p);
        p->rules = rules_load("lorabuild.yaml", &p->report, &p->e);
        if (!p->rules) {
            assert_int_equal(p->e.kind, ERROR_USAGE);
            assert_true(p->report.size > 0);
            assert_true(utf8_valid(strbuf_str(&p->report), NULL));
            assert_null(memchr(p->report.data, '\x01', p->report.size));
        }
        strbuf_free(&b);
    }
}

static int open_it(void **state)
{
    struct project *p = malloc(sizeof *p);
    static const char *const folders[] = {"corpus", "clients/a/texts", "clients/b", NULL};
    project_open(p);
    project_folders(folders);
    project_file("models/m.gguf", "");
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(broken_files_get_an_answer)};
    return cmocka_run_group_tests(tests, open_it, close_it);
}
