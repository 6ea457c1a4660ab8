#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/run/reservations.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define GB 1000000000ull

/* --- The decision, from entries alone. --- */

static const struct reservation_limits eight = {
    .free_bytes = 10 * GB, .processors = 8, .own_threads = 8};
static const struct reservation_need training = {
    .least_bytes = 2 * GB, .wanted_bytes = 4 * GB, .threads = 4};
enum { ME = 100, OTHER = 200, MY_PLACE = 5 };

static struct reservation_answer decide(const struct reservation_entry *others, size_t count,
                                        const struct reservation_limits *l)
{
    struct reservation_answer a;
    reservation_decide(&a, others, count, MY_PLACE, ME, &training, l);
    return a;
}

static void alone_it_gets_what_it_wants(void **state)
{
    (void)state;
    struct reservation_answer a = decide(NULL, 0, &eight);
    assert_int_equal(a.state, RESERVATION_GRANTED);
    assert_int_equal(a.bytes, 4 * GB);
    assert_int_equal(a.threads, 4);
}

static void what_others_were_granted_is_theirs(void **state)
{
    (void)state;
    struct reservation_entry other = {
        .place = 1, .process = OTHER, .granted = true, .bytes = 7 * GB, .threads = 6};
    struct reservation_answer a = decide(&other, 1, &eight);
    assert_int_equal(a.state, RESERVATION_GRANTED); /* with less: 3 of 4 GB, 2 of 4 threads */
    assert_int_equal(a.bytes, 3 * GB);
    assert_int_equal(a.threads, 2);
    other.bytes = 9 * GB;
    a = decide(&other, 1, &eight);
    assert_int_equal(a.state, RESERVATION_MEMORY);
    assert_int_equal(a.bytes, 1 * GB);
    assert_true(a.has_holder);
    assert_int_equal(a.holder.process, OTHER);
    /* What its child holds by now is no longer free, and must not count twice. */
    other.used_bytes = 8 * GB;
    struct reservation_limits used = eight;
    used.free_bytes = 2 * GB + GB;
    a = decide(&other, 1, &used);
    assert_int_equal(a.state, RESERVATION_GRANTED);
    assert_int_equal(a.bytes, 2 * GB);
    other.used_bytes = 12 * GB; /* more than it said: nothing is left to take off */
    a = decide(&other, 1, &used);
    assert_int_equal(a.bytes, 3 * GB);
}

static void no_processor_is_given_twice(void **state)
{
    (void)state;
    struct reservation_entry others[] = {
        {.place = 1, .process = OTHER, .granted = true, .bytes = GB, .threads = 3},
        {.place = 2, .process = OTHER, .granted = true, .bytes = GB, .threads = 5}};
    struct reservation_answer a = decide(others, 2, &eight);
    assert_int_equal(a.state, RESERVATION_THREADS);
    assert_int_equal(a.threads, 0);
    assert_int_equal(a.holder.place, 2); /* the one that holds most */
    struct reservation_limits more = eight;
    more.own_threads = 9; /* asked for more than there are: so much is there for it */
    assert_int_equal(decide(others, 2, &more).threads, 1);
}

static void first_come_first_served(void **state)
{
    (void)state;
    struct reservation_entry others[] = {{.place = 9, .process = OTHER},
                                         {.place = 3, .process = OTHER},
                                         {.place = 2, .process = OTHER}};
    struct reservation_answer a = decide(others, 3, &eight);
    assert_int_equal(a.state, RESERVATION_TURN);
    assert_int_equal(a.holder.place, 2);
    assert_int_equal(decide(others, 1, &eight).state, RESERVATION_GRANTED); /* it came later */
}

static void ones_own_limits_hold_for_ones_own(void **state)
{
    (void)state;
    struct reservation_limits l = eight;
    l.own_bytes = 5 * GB;
    l.own_threads = 3;
    struct reservation_entry others[] = {
        {.place = 1, .process = OTHER, .granted = true, .bytes = 5 * GB, .threads = 2},
        {.place = 2, .process = ME, .granted = true, .bytes = 2 * GB, .threads = 2}};
    struct reservation_answer a = decide(others, 2, &l);
    assert_int_equal(a.state, RESERVATION_GRANTED);
    assert_int_equal(a.bytes, 3 * GB);
    assert_int_equal(a.threads, 1);
    others[1].bytes = 4 * GB;
    a = decide(others, 2, &l);
    assert_int_equal(a.state, RESERVATION_MEMORY);
    assert_int_equal(a.holder.process, OTHER); /* of another process first */
}

/* --- The files. --- */

static char folder[64];

static int make_place(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/lorabuild-shares-XXXXXX");
    return mkdtemp(folder) && setenv("TMPDIR", folder, 1) == 0 ? 0 : -1;
}

static int remove_place(void **state)
{
    (void)state;
    return folder_remove(folder, NULL) ? 0 : -1;
}

/* A process that has been granted `bytes`, and holds them until it is killed. */
static pid_t holder(uint64_t bytes)
{
    int said[2];
    char byte;
    assert_int_equal(pipe(said), 0);
    pid_t child = fork();
    if (child == 0) {
        struct reservation r;
        struct reservation_answer a;
        struct reservation_need n = {bytes, bytes, 1};
        bool ok = reservation_queue(&r, "city", NULL) && reservation_try(&r, &n, &eight, &a, NULL);
        if (!ok || write(said[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(said[1]);
    assert_int_equal(read(said[0], &byte, 1), 1);
    close(said[0]);
    return child;
}

static void a_share_dies_with_its_process(void **state)
{
    (void)state;
    struct reservation mine;
    struct reservation_answer a;
    struct error e = {0};
    pid_t other = holder(9 * GB);
    assert_true(reservation_queue(&mine, "text-a", &e));
    assert_true(reservation_try(&mine, &training, &eight, &a, &e));
    assert_int_equal(a.state, RESERVATION_MEMORY);
    assert_int_equal(a.holder.process, other);
    assert_string_equal(a.holder.name, "city");
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    assert_true(reservation_try(&mine, &training, &eight, &a, &e));
    assert_int_equal(a.state, RESERVATION_GRANTED);
    assert_int_equal(mine.bytes, 4 * GB);
    reservation_give_back(&mine);
    reservation_give_back(&mine); /* once more is nothing */
    pid_t again = holder(9 * GB); /* everything is free again */
    kill(again, SIGKILL);
    waitpid(again, NULL, 0);
}

static void one_that_waits_keeps_its_place(void **state)
{
    (void)state;
    struct reservation first, second;
    struct reservation_answer a;
    struct reservation_need large = {20 * GB, 20 * GB, 1}, small = {1, 1, 1};
    assert_true(reservation_queue(&first, "large", NULL));
    assert_true(reservation_queue(&second, "small", NULL));
    assert_true(reservation_try(&first, &large, &eight, &a, NULL));
    assert_int_equal(a.state, RESERVATION_MEMORY);
    assert_true(reservation_try(&second, &small, &eight, &a, NULL));
    assert_int_equal(a.state, RESERVATION_TURN);
    reservation_give_back(&first);
    assert_true(reservation_try(&second, &small, &eight, &a, NULL));
    assert_int_equal(a.state, RESERVATION_GRANTED);
    reservation_give_back(&second);
}

static void memory_that_a_child_holds_comes_back(void **state)
{
    (void)state;
    struct reservation r;
    struct reservation_answer a;
    assert_true(reservation_queue(&r, "text-a", NULL));
    assert_true(reservation_try(&r, &training, &eight, &a, NULL));
    assert_int_equal(reservation_capacity(GB), GB);
    reservation_tell_child(&r, getpid()); /* stands for a child: it holds some memory */
    assert_true(reservation_capacity(GB) > GB);
    reservation_give_back(&r);
    assert_int_equal(reservation_capacity(GB), GB);
}

static void a_folder_laid_there_by_others_is_refused(void **state)
{
    (void)state;
    struct reservation r;
    struct error e = {0};
    char *path = mem_printf("%s/lorabuild-%ld", folder, (long)getuid());
    assert_true(folder_remove(path, NULL));
    assert_int_equal(symlink("/tmp", path), 0);
    assert_false(reservation_queue(&r, "text-a", &e));
    assert_non_null(strstr(e.message, "is not yours"));
    assert_int_equal(unlink(path), 0);
    assert_true(reservation_queue(&r, "text-a", &e));
    struct stat s;
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0700);
    reservation_give_back(&r);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone_it_gets_what_it_wants),
        cmocka_unit_test(what_others_were_granted_is_theirs),
        cmocka_unit_test(no_processor_is_given_twice),
        cmocka_unit_test(first_come_first_served),
        cmocka_unit_test(ones_own_limits_hold_for_ones_own),
        cmocka_unit_test(a_share_dies_with_its_process),
        cmocka_unit_test(one_that_waits_keeps_its_place),
        cmocka_unit_test(memory_that_a_child_holds_comes_back),
        cmocka_unit_test(a_folder_laid_there_by_others_is_refused),
    };
    return cmocka_run_group_tests(tests, make_place, remove_place);
}
