#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/data/wording.h"

#include <string.h>

static void check(struct strbuf *found, const char *right)
{
    struct str s = strbuf_str(found);
    if (!str_is(s.data ? s : STR(""), right))
        fail_msg("found \"%s\", right \"%s\"", found->data, right);
    found->size = 0;
}

static void titles_lose_numbers_and_marks(void **state)
{
    (void)state;
    static const char *const titles[][2] = {
        {"## Risks", "Risks"},
        {"# 3. Risks ##", "Risks"},
        {"### 3.2 Risks", "Risks"},
        {"### 3.2.1. Risks and limits", "Risks and limits"},
        {"## 4) **Risks**", "Risks"},
        {"## (4) Risks", "Risks"},
        {"## IV. Risks", "Risks"},
        {"## B. Risks", "Risks"},
        {"## 12 Risks", "Risks"},
        {"Clause 4.2 – Risks\n------", "Risks"},
        {"## Section 3: Risks", "Risks"},
        {"## Appendix A", "Appendix A"},
        {"## Part of the plan", "Part of the plan"},
        {"## 2024 budget", "2024 budget"},
        {"## 5 reasons", "5 reasons"},
        {"## 3D models", "3D models"},
        {"## 5G networks", "5G networks"},
        {"## A plan", "A plan"},
        {"## The \"golden\" rule", "The 'golden' rule"},
        {"## 24/7 support", "24/7 support"},
        {"## 1.", "1."},
        {"#", ""},
        {"## 第三章 风险管理", "风险管理"},
        {"## 第12节：风险", "风险"},
        {"## 三、风险", "风险"},
        {"## （三）风险", "风险"},
        {"## 3、风险", "风险"},
        {"## 3.2 风险", "风险"},
        {"## 十五种方案", "十五种方案"},
        {"## 一体化平台", "一体化平台"},
    };
    struct strbuf b = {0};
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
        wording_title(&b, str_of(titles[i][0]));
        check(&b, titles[i][1]);
    }
    strbuf_free(&b);
}

static void names_become_titles(void **state)
{
    (void)state;
    struct strbuf b = {0};
    wording_name(&b, "in/2024_security-proposal.md");
    check(&b, "2024 security proposal");
    wording_name(&b, "地铁方案.txt");
    check(&b, "地铁方案");
    wording_name(&b, "v1.2 plan.md");
    check(&b, "v1.2 plan");
    wording_name(&b, "a\xFF.md");
    check(&b, "a\\xff");
    strbuf_free(&b);
}

static void requests(void **state)
{
    (void)state;
    struct strbuf b = {0};
    struct wording w = {.title = STR("Security proposal")};
    wording_request(&b, &w);
    check(&b, "Write a passage for \"Security proposal\".");
    w.section = STR("Risks");
    wording_request(&b, &w);
    check(&b, "Write the section \"Risks\" of \"Security proposal\".");
    w.chapter = STR("Operation");
    wording_request(&b, &w);
    check(&b, "Write the section \"Risks\" of the chapter \"Operation\" in \"Security proposal\".");
    w = (struct wording){.title = STR("proposal"), .section = STR("风险")};
    wording_request(&b, &w);
    check(&b, "请撰写“proposal”的“风险”部分。");
    w = (struct wording){.title = STR("方案")};
    wording_request(&b, &w);
    check(&b, "请为“方案”撰写一段内容。");
    strbuf_free(&b);
}

static void a_renamed_file_asks_for_the_same_place(void **state)
{
    (void)state;
    struct wording w = {.title = STR("new name"), .section = STR("Risks")};
    assert_true(wording_same_place(STR("Write the section \"Risks\" of \"old\"."), &w));
    assert_true(wording_same_place(STR("请撰写“旧”的“Risks”部分。"), &w));
    assert_false(wording_same_place(STR("Write the section \"Costs\" of \"old\"."), &w));
    assert_false(wording_same_place(STR("Write a passage for \"old\"."), &w));
    assert_false(wording_same_place(STR(""), &w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(titles_lose_numbers_and_marks),
        cmocka_unit_test(names_become_titles),
        cmocka_unit_test(requests),
        cmocka_unit_test(a_renamed_file_asks_for_the_same_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
