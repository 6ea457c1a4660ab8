#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/data/likeness.h"

#include <stdlib.h>

static const char *const texts[] = {
    "4.1 The works cover nine tram junctions on the Aldmoor ring, from Mill Cross to the depot.",
    "一号线的信号系统报价如下：联锁、车载和轨旁设备共计三千六百万元，含两年质保。",
    "Too short.",
};

/* text → the numbers of those that nearly stand in it */
static const struct {
    const char *text, *found;
} table[] = {
    {"4.1 The works cover nine tram junctions on the Aldmoor ring, from Mill Cross to the depot.",
     "0"},
    {"THE WORKS COVER nine tram-junctions,\n on the Aldmoor ring from Mill Cross to the old depot!",
     "0"},
    {"In short: the works cover nine tram junctions on the Aldmoor ring, from Mill Cross to the "
     "depot gates. We renew the detectors, the priority logic and the cabinet doors.",
     "0"},
    {"一号线的信号系统报价如下：联锁、车载和轨旁设备共计三千八百万元，含两年质保。", "1"},
    {"二号线的供电系统报价另行提供，联锁设备不在范围之内，质保期以合同为准。", ""},
    {"The works cover four bus lanes on the northern ring, from the mill to the river.", ""},
    {"Too short.", ""},
    {"", ""},
};

static void what_nearly_stands_there_is_found(void **state)
{
    (void)state;
    struct str list[3];
    for (size_t i = 0; i < 3; i++)
        list[i] = str_of(texts[i]);
    struct likeness *l = likeness_open(list, 3);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        size_t count, *found = likeness_find(l, str_of(table[i].text), &count);
        char seen[8] = "";
        for (size_t k = 0; k < count; k++)
            seen[k] = (char)('0' + found[k]);
        assert_string_equal(seen, table[i].found);
        free(found);
    }
    likeness_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_nearly_stands_there_is_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
