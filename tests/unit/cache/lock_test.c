#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cache/lock.h"
#include "tests/unit/cache/scratch.h"

#include <signal.h>
#include <sys/wait.h>

static void remember_holder(void *context, const char *holder)
{
    snprintf(context, 100, "%s", holder);
}

/* A child that takes the lock, says so, and holds it until it is killed. */
static pid_t holder(const char *path)
{
    int said[2];
    char byte;
    assert_int_equal(pipe(said), 0);
    pid_t child = fork();
    if (child == 0) {
        int lock = lock_take(path, "text-a: training", true, NULL, NULL, NULL);
        if (lock < 0 || write(said[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(said[1]);
    assert_int_equal(read(said[0], &byte, 1), 1);
    close(said[0]);
    return child;
}

static void a_lock_dies_with_its_process(void **state)
{
    (void)state;
    struct scratch d = scratch_make();
    const char *path = at(&d, "lock");
    char told[100] = "", expected[100];
    struct error e = {.kind = ERROR_INTERNAL};
    pid_t child = holder(path);
    assert_int_equal(lock_take(path, "me", false, remember_holder, told, &e), -1);
    assert_int_equal(e.kind, ERROR_NONE);
    assert_string_equal(told, "");
    snprintf(expected, sizeof expected, "%ld text-a: training", (long)child);
    struct lock_holder h;
    assert_true(lock_look(path, &h));
    assert_int_equal(h.process, child);
    assert_string_equal(h.name, "text-a: training");
    assert_string_equal(h.doing, "");
    pid_t killer = fork();
    if (killer == 0) { /* lets us wait for a moment */
        nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
        kill(child, SIGKILL);
        _exit(0);
    }
    int lock = lock_take(path, "me", true, remember_holder, told, &e);
    assert_true(lock >= 0);
    snprintf(expected, sizeof expected, "%ld text-a: training", (long)child);
    assert_string_equal(told, expected);
    lock_note(lock, "me", "step 40 of 128");
    assert_true(lock_look(path, &h));
    assert_string_equal(h.name, "me"); /* nothing left of the longer text */
    assert_string_equal(h.doing, "step 40 of 128");
    assert_int_equal(chmod(path, 0444), 0);
    assert_true(lock_look(path, &h));
    lock_release(lock);
    lock = lock_take(path, "again", false, NULL, NULL, &e);
    assert_true(lock >= 0);
    assert_true(fcntl(lock, F_GETFD) & FD_CLOEXEC);
    lock_release(lock);
    assert_false(lock_look(path, &h));
    assert_false(lock_look(at(&d, "no/lock"), &h));
    waitpid(child, NULL, 0);
    waitpid(killer, NULL, 0);
    scratch_remove(&d);
}

/* What a killed holder wrote stays in the file, and must not be believed. */
static void the_dead_hold_nothing(void **state)
{
    (void)state;
    struct scratch d = scratch_make();
    const char *path = at(&d, "lock");
    struct lock_holder h;
    pid_t child = holder(path);
    assert_true(lock_look(path, &h));
    kill(child, SIGKILL);
    siginfo_t ended;
    assert_int_equal(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT), 0);
    assert_false(lock_look(path, &h)); /* not even before it is buried */
    waitpid(child, NULL, 0);
    assert_false(lock_look(path, &h));
    char text[200];
    int n = snprintf(text, sizeof text, "%ld another\n12345\nstep 1 of 2\n", (long)getpid());
    assert_true(file_replace(path, (struct str){text, (size_t)n}, 0600, NULL));
    assert_false(lock_look(path, &h)); /* our number, but a process of another time */
    assert_true(file_replace(path, STR("4242 torn"), 0600, NULL));
    assert_false(lock_look(path, &h));
    scratch_remove(&d);
}

static void a_lock_that_cannot_be(void **state)
{
    (void)state;
    struct scratch d = scratch_make();
    struct error e = {0};
    assert_int_equal(lock_take(at(&d, "no/lock"), "me", true, NULL, NULL, &e), -1);
    assert_int_equal(e.kind, ERROR_SYSTEM);
    lock_release(-1);
    scratch_remove(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lock_dies_with_its_process),
        cmocka_unit_test(the_dead_hold_nothing),
        cmocka_unit_test(a_lock_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
