#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/common/clock.h"
#include "lorabuild/common/threads.h"
#include "lorabuild/train/checkpoint.h"
#include "lorabuild/train/trainer.h"
#include "tests/unit/train/tiny.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct tiny tiny;
static double fake_now_s = -1; /* < 0: the clock is the computer's */

double clock_seconds(void) /* instead of common/clock.c's */
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return fake_now_s >= 0 ? fake_now_s : (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int open_tiny(void **state)
{
    (void)state;
    threads_set(1);
    tiny_open(&tiny);
    return 0;
}

static int close_tiny(void **state)
{
    (void)state;
    tiny_close(&tiny);
    return 0;
}

/* A training of the tiny model in a scratch folder; windows 0 … 4 learned, 5 and 6 held out. */
struct lesson {
    struct training t;
    struct recipe recipe;
    struct windows learn, validate;
    char folder[32];
    int stop_after;        /* questions of should_stop that are answered with no; -1 = always */
    int64_t reported;      /* progress calls */
    int64_t saved_at_step; /* newest save at the last progress call */
    const double *step_s;  /* by the fake clock, one a step; NULL: by the computer's */
    double saved_s[64];    /* when, by the fake clock, each save was seen */
    int save_count, asked; /* asked: questions since the last progress call */
};

/* The second question after a report (or after the start) comes from within the step. */
static bool ask_stop(void *context)
{
    struct lesson *l = context;
    if (l->step_s && ++l->asked == 2)
        fake_now_s += l->step_s[l->reported];
    return l->stop_after >= 0 && l->stop_after-- == 0;
}

static void note_progress(void *context, const struct training_progress *p)
{
    struct lesson *l = context;
    l->reported++;
    assert_true(p->step >= 1 && p->step <= p->steps && isfinite(p->loss));
    int64_t saved = checkpoint_step(l->folder);
    if (saved != l->saved_at_step)
        l->saved_s[l->save_count++] = fake_now_s;
    l->saved_at_step = saved;
    l->asked = 0;
}

static const char *name_document(void *context, uint32_t document)
{
    static const char *const names[] = {"a.txt", "b.txt", "c.txt", "d.txt", "e.txt"};
    (void)context;
    return names[document];
}

static void lesson_init(struct lesson *l)
{
    *l = (struct lesson){.stop_after = -1, .folder = "/tmp/trainer-test-XXXXXX"};
    assert_non_null(mkdtemp(l->folder));
    l->learn = (struct windows){.items = tiny.windows.items, .count = 5};
    l->validate = (struct windows){.items = tiny.windows.items + 5, .count = 2};
    l->recipe = recipe_default(false);
    l->recipe.rank = 4;
    l->recipe.batch_size = 2;
    l->recipe.accumulation = 1;
    l->recipe.dropout = 0.1;
    l->recipe.learning_rate = 5e-3;
    l->recipe.epochs = 3;
    recipe_resolve(&l->recipe);
    l->t = (struct training){.model = tiny.model,
                             .backend = tiny.backend,
                             .recipe = &l->recipe,
                             .learn = &l->learn,
                             .validate = &l->validate,
                             .steps = training_steps(&l->recipe, 5),
                             .attempt = l->folder,
                             .should_stop = ask_stop,
                             .progress = note_progress,
                             .document_name = name_document};
}

static void lesson_end(struct lesson *l)
{
    assert_true(folder_remove(l->folder, NULL));
}

static struct training_result run(struct lesson *l)
{
    struct training_result r;
    struct error e = {0};
    l->t.context = l;
    tiny_check(training_run(&l->t, &r, &e), &e);
    return r;
}

static void fails_with(struct lesson *l, const char *words)
{
    struct training_result r;
    struct error e = {0};
    l->t.context = l;
    assert_false(training_run(&l->t, &r, &e));
    if (!strstr(e.message, words))
        fail_msg("'%s' is not in: %s", words, e.message);
}

static bool same_adapter(const struct peft_adapter *x, const struct peft_adapter *y)
{
    if (x->count != y->count || x->rank != y->rank || x->alpha != y->alpha)
        return false;
    for (size_t i = 0; i < x->count; i++) {
        const struct peft_module *a = &x->modules[i], *b = &y->modules[i];
        if (strcmp(a->name, b->name) != 0 ||
            memcmp(a->a, b->a, (size_t)(x->rank * a->in) * sizeof(float)) != 0 ||
            memcmp(a->b, b->b, (size_t)(a->out * x->rank) * sizeof(float)) != 0)
            return false;
    }
    return true;
}

/* Everything but the times. */
static void assert_same(const struct training_result *x, const struct training_result *y)
{
    assert_true(same_adapter(&x->adapter, &y->adapter));
    assert_true(x->steps == y->steps && x->tokens == y->tokens);
    assert_true(x->first_loss == y->first_loss && x->last_loss == y->last_loss);
    assert_true(x->held_out_before == y->held_out_before);
    assert_true(x->held_out_after == y->held_out_after);
    assert_memory_equal(x->window_before, y->window_before, 2 * sizeof(float));
    assert_memory_equal(x->window_after, y->window_after, 2 * sizeof(float));
    assert_true(digest_set_within(&x->consumed, &y->consumed));
    assert_true(digest_set_within(&y->consumed, &x->consumed));
}

static void it_learns(void **state)
{
    (void)state;
    struct lesson l;
    lesson_init(&l);
    l.recipe.epochs = 30;
    l.t.steps = training_steps(&l.recipe, 5);
    struct training_result r = run(&l);
    assert_int_equal(r.steps, 90);
    assert_int_equal(l.reported, 90);
    assert_true(r.last_loss < 0.5 * r.first_loss);
    assert_int_equal(r.resumed_at, 0);
    assert_false(r.stopped);
    assert_int_equal(r.adapter.count, 14);
    assert_int_equal(r.adapter.rank, 4);
    assert_true(r.adapter.alpha == 8);
    assert_int_equal(r.consumed.count, 7); /* five learned, two validated on */
    int64_t learned = 0;
    for (int i = 0; i < 5; i++)
        learned += l.learn.items[i].learned_count;
    assert_int_equal(r.tokens, 30 * learned);
    assert_int_equal(checkpoint_step(l.folder), 90);
    double mean;
    float windows[2];
    struct error e = {0};
    tiny_check(training_evaluate(tiny.model, tiny.backend, &l.validate, NULL, &r.adapter, &mean,
                                 windows, &e),
               &e);
    assert_true(mean == r.held_out_after);
    assert_memory_equal(windows, r.window_after, sizeof windows);
    training_result_free(&r);
    lesson_end(&l);
}

static void the_same_bits_with_two_threads_and_checkpointing(void **state)
{
    (void)state;
    struct training_result results[4];
    for (int i = 0; i < 4; i++) {
        struct lesson l;
        lesson_init(&l);
        threads_set(i == 1 ? 2 : i == 2 ? 3 : 1);
        l.t.checkpoint_layers = i == 3;
        results[i] = run(&l);
        assert_same(&results[i], &results[0]);
        lesson_end(&l);
    }
    for (int i = 0; i < 4; i++)
        training_result_free(&results[i]);
    threads_set(1);
}

/* Stopped at every question in turn, then run again: as if never stopped. */
static void stopped_anywhere_and_continued(void **state)
{
    (void)state;
    struct lesson whole;
    lesson_init(&whole);
    whole.recipe.accumulation = 2;
    whole.t.steps = training_steps(&whole.recipe, 5);
    struct training_result wanted = run(&whole);
    lesson_end(&whole);
    bool was_stopped = true;
    for (int after = 0; was_stopped; after++) {
        struct lesson l;
        lesson_init(&l);
        l.recipe.accumulation = 2;
        l.t.steps = whole.t.steps;
        l.stop_after = after;
        struct training_result r = run(&l);
        was_stopped = r.stopped;
        if (was_stopped) {
            assert_int_equal(r.steps, checkpoint_step(l.folder));
            assert_int_equal(r.adapter.count, 0);
            int64_t saved = r.steps;
            training_result_free(&r);
            l.stop_after = -1;
            r = run(&l);
            assert_int_equal(r.resumed_at, saved);
        }
        assert_same(&r, &wanted);
        training_result_free(&r);
        lesson_end(&l);
        assert_true(after < 100);
    }
    training_result_free(&wanted);
}

static void die_at_step_three(void *context, const struct training_progress *p)
{
    (void)context;
    if (p->step == 3)
        raise(SIGKILL);
}

/* Started again after kill -9: from the save of step 1, to the same bits. */
static void killed_and_started_again(void **state)
{
    (void)state;
    struct lesson l, whole;
    int status;
    lesson_init(&l);
    lesson_init(&whole);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        l.t.progress = die_at_step_three;
        run(&l);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(checkpoint_step(l.folder), 1);
    struct training_result r = run(&l), wanted = run(&whole);
    assert_int_equal(r.resumed_at, 1);
    assert_same(&r, &wanted);
    training_result_free(&r);
    training_result_free(&wanted);
    lesson_end(&l);
    lesson_end(&whole);
}

static void first_save_after_step_one(void **state)
{
    (void)state;
    struct lesson l;
    lesson_init(&l);
    l.t.steps = 2;
    struct training_result r = run(&l);
    assert_int_equal(l.saved_at_step, 2);
    training_result_free(&r);
    lesson_end(&l);
    lesson_init(&l);
    l.t.steps = 3;
    l.stop_after = 4; /* 1 before the held-out batch, 1 in step 1, 1 behind it, 1 in step 2 … */
    r = run(&l);
    assert_true(r.stopped);
    assert_int_equal(l.saved_at_step, 1); /* at the report of step 1 or 2 */
    training_result_free(&r);
    lesson_end(&l);
}

/* Two saves are at most 30 s apart, or one step where that is longer. */
static void saves_are_half_a_minute_apart(void **state)
{
    (void)state;
    static const struct {
        double steps_s[13]; /* ended by 0 */
        int saves;          /* in time */
    } cases[] = {
        {{20, 20, 20, 20, 20, 20}, 6},             /* each */
        {{40, 40, 40, 40}, 4},                     /* each: longer than half a minute */
        {{12, 12, 12, 12, 12, 12, 12, 12, 12}, 5}, /* 1, 3, 5, 7, 9 */
        {{10, 10, 10, 10, 10, 10, 10, 10}, 4},     /* 1, 4, 7, 8 (the last) */
        {{30, 30, 30}, 3},
        {{0.1, 0.1, 0.1, 0.1, 0.1, 0.1}, 2}, /* the first and the last */
        {{100, 1, 1, 1, 1, 25, 1, 1}, 3},    /* a slow first step, a slow one later */
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct lesson l;
        lesson_init(&l);
        l.step_s = cases[k].steps_s;
        l.t.steps = 0;
        while (l.step_s[l.t.steps] > 0)
            l.t.steps++;
        fake_now_s = 1000;
        struct training_result r = run(&l);
        assert_int_equal(l.reported, l.t.steps);
        assert_true(l.saved_s[0] == 1000 + l.step_s[0]); /* after step 1 */
        double longest_s = 30;
        for (int64_t i = 0; i < l.t.steps; i++)
            longest_s = l.step_s[i] > longest_s ? l.step_s[i] : longest_s;
        for (int i = 1; i < l.save_count; i++)
            if (l.saved_s[i] - l.saved_s[i - 1] > longest_s)
                fail_msg("case %zu: %g s between saves", k, l.saved_s[i] - l.saved_s[i - 1]);
        if (l.save_count != cases[k].saves)
            fail_msg("case %zu: %d saves", k, l.save_count);
        training_result_free(&r);
        lesson_end(&l);
    }
    fake_now_s = -1;
}

static void another_recipe_does_not_resume(void **state)
{
    (void)state;
    struct lesson l;
    lesson_init(&l);
    struct training_result r = run(&l);
    training_result_free(&r);
    l.recipe.learning_rate *= 0.5;
    r = run(&l);
    assert_int_equal(r.resumed_at, 0);
    training_result_free(&r);
    r = run(&l);
    assert_int_equal(r.resumed_at, l.t.steps); /* finished before: nothing is trained again */
    training_result_free(&r);
    lesson_end(&l);
}

static void places_change_no_bit(void **state)
{
    (void)state;
    struct window turned[5];
    struct lesson l, other;
    lesson_init(&l);
    lesson_init(&other);
    for (int i = 0; i < 5; i++) {
        turned[i] = tiny.windows.items[4 - i];
        turned[i].document = (uint32_t)i;
    }
    other.learn.items = turned;
    struct training_result x = run(&l), y = run(&other);
    assert_same(&x, &y);
    training_result_free(&x);
    training_result_free(&y);
    lesson_end(&l);
    lesson_end(&other);
}

static void over_a_frozen_parent(void **state)
{
    (void)state;
    struct lesson l;
    lesson_init(&l);
    l.recipe.rank = 2; /* a rank of its own */
    l.recipe.alpha = 4;
    l.t.parent = &tiny.adapter;
    struct training_result r = run(&l);
    assert_int_equal(r.adapter.rank, 2);
    double alone, mean;
    struct error e = {0};
    tiny_check(training_evaluate(tiny.model, tiny.backend, &l.validate, &tiny.adapter, NULL, &alone,
                                 NULL, &e),
               &e);
    assert_true(alone == r.held_out_before);
    tiny_check(training_evaluate(tiny.model, tiny.backend, &l.validate, &tiny.adapter, &r.adapter,
                                 &mean, NULL, &e),
               &e);
    assert_true(mean == r.held_out_after);
    struct peft_adapter joined = {0};
    tiny_check(peft_join(&joined, &tiny.adapter, &r.adapter, 8, &e), &e);
    tiny_check(
        training_evaluate(tiny.model, tiny.backend, &l.validate, NULL, &joined, &mean, NULL, &e),
        &e);
    assert_true(fabs(mean - r.held_out_after) < 1e-5);
    peft_free(&joined);
    training_result_free(&r);
    lesson_end(&l);
}

static void continuing_keeps_what_was_learned(void **state)
{
    (void)state;
    struct lesson l;
    double start;
    struct error e = {0};
    tiny_check(training_evaluate(tiny.model, tiny.backend,
                                 &(struct windows){.items = tiny.windows.items + 5, .count = 2},
                                 NULL, &tiny.adapter, &start, NULL, &e),
               &e);
    for (int alpha = 8; alpha <= 16; alpha += 8) { /* another alpha is folded into B */
        lesson_init(&l);
        l.recipe.alpha = alpha;
        l.t.start = &tiny.adapter;
        struct training_result r = run(&l);
        assert_true(r.held_out_before == start);
        assert_true(r.adapter.alpha == alpha);
        training_result_free(&r);
        lesson_end(&l);
    }
}

/* T31: what continuing cannot honour is an error that cites both. */
static void rank_and_targets_of_a_continued_adapter(void **state)
{
    (void)state;
    struct lesson l;
    char *targets[] = {"q_proj", "v_proj"}, *unknown[] = {"query"};
    lesson_init(&l);
    l.t.start = &tiny.adapter;
    l.recipe.rank = 8;
    fails_with(&l, "rank 4, the recipe asks for 8");
    l.recipe.rank = 4;
    l.recipe.targets = targets;
    l.recipe.target_count = 2;
    fails_with(&l, "14 layers, 'targets' asks for 4");
    l.t.start = NULL;
    struct training_result r = run(&l);
    assert_int_equal(r.adapter.count, 4);
    l.t.start = &r.adapter;
    l.recipe.targets = NULL;
    l.recipe.target_count = 0;
    fails_with(&l, "no pair for model.layers.0");
    l.t.start = NULL;
    l.recipe.targets = unknown;
    l.recipe.target_count = 1;
    fails_with(&l, "q_proj");
    training_result_free(&r);
    lesson_end(&l);
}

static void what_cannot_be_trained_is_refused(void **state)
{
    (void)state;
    struct lesson l;
    lesson_init(&l);
    l.recipe.precision = PRECISION_INT8;
    fails_with(&l, "int8 comes later");
    l.recipe.precision = PRECISION_AUTO;
    l.learn.count = 0;
    fails_with(&l, "nothing to learn");
    lesson_end(&l);
}

static void a_loss_that_is_no_number_names_its_document(void **state)
{
    (void)state;
    struct lesson l;
    struct error e = {0};
    struct peft_adapter broken = {0};
    tiny_check(peft_read(&broken, TINY "/adapter", &e), &e);
    for (int64_t i = 0; i < broken.modules[0].out * broken.rank; i++)
        broken.modules[0].b[i] = NAN;
    lesson_init(&l);
    l.validate.count = 0;
    l.learn.items = tiny.windows.items + 3;
    l.learn.count = 1;
    l.t.start = &broken;
    fails_with(&l, "no longer a number at step 1, in d.txt");
    l.t.document_name = NULL;
    fails_with(&l, "document 4");
    peft_free(&broken);
    lesson_end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_and_started_again), /* before there is a team of threads */
        cmocka_unit_test(it_learns),
        cmocka_unit_test(the_same_bits_with_two_threads_and_checkpointing),
        cmocka_unit_test(stopped_anywhere_and_continued),
        cmocka_unit_test(first_save_after_step_one),
        cmocka_unit_test(saves_are_half_a_minute_apart),
        cmocka_unit_test(another_recipe_does_not_resume),
        cmocka_unit_test(places_change_no_bit),
        cmocka_unit_test(over_a_frozen_parent),
        cmocka_unit_test(continuing_keeps_what_was_learned),
        cmocka_unit_test(rank_and_targets_of_a_continued_adapter),
        cmocka_unit_test(what_cannot_be_trained_is_refused),
        cmocka_unit_test(a_loss_that_is_no_number_names_its_document),
    };
    return cmocka_run_group_tests(tests, open_tiny, close_tiny);
}
