#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/train/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *scratch(void)
{
    char *folder = mem_strdup("/tmp/checkpoint-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    return folder;
}

static void remove_scratch(char *folder)
{
    assert_true(folder_remove(folder, NULL));
    free(folder);
}

struct sample_state {
    float w[5], m[3];
    struct checkpoint_tensor tensors[2];
    double losses[2];
    float before[2];
    struct checkpoint_state state;
};

static void make(struct sample_state *s, int64_t step, const char *run)
{
    *s = (struct sample_state){.w = {1.5f, -0.0f, 1e-40f, 3.4e38f, 0.1f},
                               .m = {(float)step, 2, 3},
                               .losses = {0.1, 1.0 / 3},
                               .before = {0.1f, 2.0f / 3}};
    s->tensors[0] = (struct checkpoint_tensor){"w", s->w, 5};
    s->tensors[1] = (struct checkpoint_tensor){"m", s->m, 3};
    s->state = (struct checkpoint_state){.step = step,
                                         .run = digest_of(run, strlen(run)),
                                         .losses = s->losses,
                                         .loss_count = 2,
                                         .held_out_before = 1.0 / 7,
                                         .window_before = s->before,
                                         .window_count = 2};
    digest_set_add(&s->state.consumed, digest_of("x", 1));
    digest_set_add(&s->state.consumed, digest_of("y", 1));
    digest_set_seal(&s->state.consumed);
}

static void save(const char *folder, int64_t step, const char *run)
{
    struct sample_state s;
    struct error e = {0};
    make(&s, step, run);
    if (!checkpoint_save(folder, &s.state, s.tensors, 2, &e))
        fail_msg("%s", e.message);
    digest_set_free(&s.state.consumed);
}

/* Loads for `run`; the step found, or 0. What comes back must be what make() made. */
static int64_t load(const char *folder, const char *run)
{
    struct sample_state wanted;
    float w[5] = {9, 9, 9, 9, 9}, m[3] = {9, 9, 9};
    struct checkpoint_tensor tensors[2] = {{"w", w, 5}, {"m", m, 3}};
    struct checkpoint_state s = {.run = digest_of(run, strlen(run))};
    struct error e = {0};
    bool found;
    if (!checkpoint_load(folder, &s, tensors, 2, &found, &e))
        fail_msg("%s", e.message);
    if (!found) {
        assert_true(w[0] == 9 && m[0] == 9 && s.step == 0);
        return 0;
    }
    int64_t step = s.step;
    make(&wanted, step, run);
    assert_memory_equal(w, wanted.w, sizeof w);
    assert_memory_equal(m, wanted.m, sizeof m);
    assert_memory_equal(s.losses, wanted.losses, sizeof wanted.losses);
    assert_memory_equal(s.window_before, wanted.before, sizeof wanted.before);
    assert_true(s.held_out_before == 1.0 / 7);
    assert_int_equal(s.consumed.count, 2);
    assert_true(digest_set_within(&wanted.state.consumed, &s.consumed));
    digest_set_free(&wanted.state.consumed);
    checkpoint_state_free(&s);
    return step;
}

static void goes_round_to_the_bit(void **state)
{
    (void)state;
    char *folder = scratch();
    assert_int_equal(load(folder, "run"), 0);
    assert_int_equal(checkpoint_step(folder), 0);
    save(folder, 1, "run");
    assert_int_equal(load(folder, "run"), 1);
    save(folder, 12, "run");
    assert_int_equal(load(folder, "run"), 12);
    assert_int_equal(checkpoint_step(folder), 12);
    char *older = path_join(folder, "step-00000001");
    assert_int_equal(access(older, F_OK), -1);
    free(older);
    remove_scratch(folder);
}

static void another_run_is_not_continued(void **state)
{
    (void)state;
    char *folder = scratch();
    save(folder, 700, "old recipe");
    assert_int_equal(load(folder, "new recipe"), 0);
    save(folder, 100, "new recipe"); /* T49: the smaller number is the newer save */
    assert_int_equal(load(folder, "new recipe"), 100);
    assert_int_equal(checkpoint_step(folder), 100);
    remove_scratch(folder);
}

static void overwrite(const char *folder, const char *name, off_t at, const char *bytes)
{
    char *path = path_join(folder, name);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    fseek(f, at, at < 0 ? SEEK_END : SEEK_SET);
    fputs(bytes, f);
    fclose(f);
    free(path);
}

static void a_torn_or_damaged_save_is_as_none(void **state)
{
    (void)state;
    char *folder = scratch();
    char *torn = path_join(folder, "step-00000009.tmp"),
         *empty = path_join(folder, "step-00000008");
    save(folder, 5, "run");
    assert_true(folder_make(torn, 0700, NULL)); /* killed while it was written */
    assert_true(folder_make(empty, 0700, NULL));
    assert_int_equal(load(folder, "run"), 5);
    overwrite(folder, "step-00000005/state.safetensors", -1, "?"); /* the last byte of a number */
    assert_int_equal(load(folder, "run"), 0);
    save(folder, 6, "run");
    assert_int_equal(access(torn, F_OK), -1);
    assert_int_equal(access(empty, F_OK), -1);
    overwrite(folder, "step-00000006/state.json", 0, "[");
    assert_int_equal(load(folder, "run"), 0);
    save(folder, 6, "run"); /* over the damaged one */
    assert_int_equal(load(folder, "run"), 6);
    free(torn);
    free(empty);
    remove_scratch(folder);
}

static void a_newer_format_is_refused(void **state)
{
    (void)state;
    char *folder = scratch();
    save(folder, 5, "run");
    char *path = path_join(folder, "step-00000005/state.json");
    assert_true(file_replace(path, STR("{\"version\": 2}\n"), 0600, NULL));
    struct checkpoint_state s = {0};
    struct error e = {0};
    bool found;
    assert_false(checkpoint_load(folder, &s, NULL, 0, &found, &e));
    assert_non_null(strstr(e.message, "newer"));
    free(path);
    remove_scratch(folder);
}

/* Written by the first version that had checkpoints (by save(folder, 5, "run") above): it must
 * stay readable. */
static void format_1_stays_readable(void **state)
{
    (void)state;
    assert_int_equal(load("tests/golden/checkpoint/1", "run"), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_round_to_the_bit),
        cmocka_unit_test(another_run_is_not_continued),
        cmocka_unit_test(a_torn_or_damaged_save_is_as_none),
        cmocka_unit_test(a_newer_format_is_refused),
        cmocka_unit_test(format_1_stays_readable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
