/* The pure planner: for each kind of change, alone and together, what it decides and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/plan/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A world in letters: a document is a name and a string of samples, "d1:ab" has samples a and b.
 * An upper-case letter is the sample of the lower-case one with another caption; '#' is a heading.
 */
struct world {
    struct arena arena;
    struct plan_set now;
    struct digest_set wanted;
    struct plan_version versions[8];
    struct plan_facts facts;
    struct plan plan;
};

static struct digest name(const char *kind, char letter)
{
    struct digest_stream *s = digest_begin(kind);
    digest_add(s, &letter, 1);
    return digest_end(s);
}

static struct digest content_of(char letter)
{
    return name("content", letter >= 'A' && letter <= 'Z' ? (char)(letter + 32) : letter);
}

static struct plan_set *make_set(struct arena *a, const char *text)
{
    struct plan_set *set = arena_alloc(a, sizeof *set);
    set->documents = arena_array(a, 32, sizeof *set->documents);
    set->first = arena_array(a, 33, sizeof *set->first);
    set->samples = arena_array(a, 256, sizeof *set->samples);
    struct digest_set texts = {0};
    for (const char *p = text; *p;) {
        const char *colon = strchr(p, ':');
        uint32_t document = (uint32_t)set->document_count++;
        size_t place = 0;
        set->documents[document] = arena_strndup(a, p, (size_t)(colon - p));
        set->first[document] = set->count;
        for (p = colon + 1; *p && *p != ' '; p++) {
            bool heading = *p == '#';
            struct plan_sample s = {content_of(*p), name("id", *p), heading, document,
                                    heading ? place : ++place};
            set->samples[set->count++] = s;
            digest_set_add(&set->ids, s.id);
            digest_set_add(&set->contents, s.content);
            if (!heading)
                digest_set_add(&texts, s.id);
        }
        p += strspn(p, " ");
    }
    set->first[set->document_count] = set->count;
    digest_set_seal(&texts);
    digest_set_seal(&set->ids);
    digest_set_seal(&set->contents);
    set->set = digest_set_digest(&set->ids, "samples");
    set->sample_count = texts.count;
    digest_set_free(&texts);
    return set;
}

/* Version `number` built for `text`, exposed besides to the samples of `also`. */
static struct plan_version *add_version(struct world *w, const char *text, const char *also)
{
    struct plan_version *v = &w->versions[w->facts.version_count++];
    struct plan_set *set = make_set(&w->arena, text);
    struct digest_set *exposure = arena_alloc(&w->arena, sizeof *exposure);
    for (size_t i = 0; i < set->contents.count; i++)
        digest_set_add(exposure, set->contents.items[i]);
    for (; *also; also++)
        digest_set_add(exposure, content_of(*also));
    digest_set_seal(exposure);
    *v = (struct plan_version){.number = (int)w->facts.version_count,
                               .recipe = name("recipe", 'r'),
                               .base = name("base", 'b'),
                               .parent = name("parent", 'p'),
                               .artifact = name("artifact", (char)w->facts.version_count),
                               .exposure = exposure,
                               .ids = &set->ids,
                               .validated = arena_alloc(&w->arena, sizeof(struct digest_set)),
                               .has_weights = true,
                               .set = set};
    v->want_key = plan_want_key(v->recipe, v->base, v->parent, set->set);
    w->facts.in_use = w->facts.highest = v->number;
    w->facts.versions = w->versions;
    return v;
}

static struct world *make_world(const char *now)
{
    struct world *w = calloc(1, sizeof *w);
    w->facts = (struct plan_facts){.recipe = name("recipe", 'r'),
                                   .base = name("base", 'b'),
                                   .parent = name("parent", 'p'),
                                   .max_chain = 5};
    struct plan_set *set = make_set(&w->arena, now);
    w->now = *set;
    for (size_t i = 0; i < set->contents.count; i++)
        digest_set_add(&w->wanted, set->contents.items[i]);
    digest_set_seal(&w->wanted);
    w->facts.now = &w->now;
    w->facts.wanted = &w->wanted;
    return w;
}

static void decide(struct world *w)
{
    plan_adapter(&w->plan, &w->facts, &w->arena);
}

static void end_world(struct world *w)
{
    for (size_t i = 0; i < w->facts.version_count; i++) {
        digest_set_free((struct digest_set *)(uintptr_t)w->versions[i].exposure);
        digest_set_free((struct digest_set *)(uintptr_t)w->versions[i].ids);
        digest_set_free((struct digest_set *)(uintptr_t)&w->versions[i].set->contents);
    }
    digest_set_free(&w->wanted);
    digest_set_free(&w->now.ids);
    digest_set_free(&w->now.contents);
    plan_free(&w->plan);
    arena_free(&w->arena);
    free(w);
}

/* One version stands, built for `before`; now there is `now`. */
static const struct {
    const char *what, *before, *also, *now;
    enum plan_verdict verdict;
    int start;
    size_t learn, changes;
} table[] = {
    {"nothing changed", "x:abc", "", "x:abc", PLAN_CURRENT, 0, 0, 0},
    {"a sample added", "x:abc", "", "x:abcd", PLAN_TRAIN, 1, 1, 1},
    {"a document added", "x:abc", "", "x:abc y:de", PLAN_TRAIN, 1, 2, 1},
    {"a sample removed", "x:abc", "", "x:ab", PLAN_TRAIN, 0, 2, 1},
    {"a document removed", "x:ab y:cd", "", "x:ab", PLAN_TRAIN, 0, 2, 1},
    {"a text edited", "x:abc", "", "x:adc", PLAN_TRAIN, 0, 3, 1},
    {"a caption edited", "x:abc", "", "x:aBc", PLAN_TRAIN, 1, 1, 1},
    {"a document renamed", "x:abc", "", "y:abc", PLAN_CURRENT, 0, 0, 0},
    {"samples reordered", "x:abc", "", "x:cba", PLAN_CURRENT, 0, 0, 0},
    {"a sample moved to another document", "x:abc y:de", "", "x:ab y:cde", PLAN_CURRENT, 0, 0, 0},
    {"a sample repeated elsewhere", "x:abc", "", "x:abc y:a", PLAN_CURRENT, 0, 0, 0},
    {"a repeated sample removed once", "x:abc y:a", "", "x:abc", PLAN_CURRENT, 0, 0, 0},
    {"a heading edited", "x:#ab", "", "x:ab", PLAN_TRAIN, 0, 2, 0},
    {"the ancestor saw something withdrawn", "x:abc", "z", "x:abcd", PLAN_TRAIN, 0, 4, 1},
    {"added and removed at once", "x:abc y:de", "", "x:abcf y:d", PLAN_TRAIN, 0, 5, 2},
    {"added and a caption edited", "x:abc", "", "x:Abc y:d", PLAN_TRAIN, 1, 2, 2},
    {"everything is gone", "x:abc", "", "", PLAN_EMPTY, 0, 0, 1},
    {"over half vanish, but a heading stands in all", "a:#a b:#b c:#c d:#d e:#e", "", "a:#a",
     PLAN_VANISHED, 0, 0, 4},
    {"over half of the documents vanish", "a:a b:b c:c d:d e:e", "", "a:a", PLAN_VANISHED, 0, 0, 4},
};

static void each_kind_of_change_is_decided_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct world *w = make_world(table[i].now);
        add_version(w, table[i].before, table[i].also);
        decide(w);
        bool trains = table[i].verdict == PLAN_TRAIN;
        if (w->plan.verdict != table[i].verdict || (trains && w->plan.start != table[i].start) ||
            w->plan.learn_count != table[i].learn)
            fail_msg("%s: verdict %d, start v%d, learn %zu", table[i].what, w->plan.verdict,
                     w->plan.start, w->plan.learn_count);
        if (table[i].changes != w->plan.change_count)
            fail_msg("%s: %zu changes", table[i].what, w->plan.change_count);
        end_world(w);
    }
}

static void another_recipe_base_or_parent_starts_from_the_parent(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct world *w = make_world("x:abc");
        add_version(w, "x:abc", "");
        struct digest *part[] = {&w->facts.recipe, &w->facts.base, &w->facts.parent};
        static const enum start_reason reason[] = {START_RECIPE, START_BASE, START_PARENT};
        *part[kind] = name("other", 'o');
        decide(w);
        assert_int_equal(w->plan.verdict, PLAN_TRAIN);
        assert_int_equal(w->plan.start, 0);
        assert_int_equal(w->plan.starts[0].reason, reason[kind]);
        assert_int_equal(w->plan.version, 2);
        end_world(w);
    }
}

static void a_withdrawal_goes_back_to_the_version_that_never_saw_it(void **state)
{
    (void)state;
    struct world *w = make_world("x:abc z:f");
    add_version(w, "x:abc", "");
    add_version(w, "x:abc y:de", "");
    decide(w);
    assert_int_equal(w->plan.start, 1);
    assert_int_equal(w->plan.learn_count, 1);
    assert_int_equal(w->plan.version, 3);
    assert_int_equal(w->plan.starts[0].reason, START_EXPOSED);
    assert_string_equal(w->plan.starts[0].example, "y §1");
    end_world(w);
}

static void a_restored_set_uses_its_version_again(void **state)
{
    (void)state;
    struct world *w = make_world("x:abc");
    add_version(w, "x:abc", "");
    add_version(w, "x:abc y:de", "");
    decide(w);
    assert_int_equal(w->plan.verdict, PLAN_USE);
    assert_int_equal(w->plan.version, 1);
    end_world(w);
}

static void the_chain_of_updates_has_an_end(void **state)
{
    (void)state;
    struct world *w = make_world("x:abcd");
    add_version(w, "x:abc", "")->updates = 5;
    decide(w);
    assert_int_equal(w->plan.start, 0);
    assert_int_equal(w->plan.starts[0].reason, START_CHAIN);
    end_world(w);
}

static void what_failed_its_check_is_not_tried_again(void **state)
{
    (void)state;
    struct world *w = make_world("x:abcd");
    add_version(w, "x:abc", "");
    add_version(w, "x:abcd", "")->set_aside = true;
    w->facts.in_use = 1;
    decide(w);
    assert_int_equal(w->plan.verdict, PLAN_ASIDE);
    assert_int_equal(w->plan.version, 2);
    plan_free(&w->plan);
    w->facts.rebuild = true;
    decide(w);
    assert_int_equal(w->plan.verdict, PLAN_TRAIN);
    assert_int_equal(w->plan.start, 0);
    assert_int_equal(w->plan.version, 3);
    end_world(w);
}

static void lost_weights_are_not_continued(void **state)
{
    (void)state;
    struct world *w = make_world("x:abcd");
    add_version(w, "x:abc", "")->has_weights = false;
    decide(w);
    assert_int_equal(w->plan.start, 0);
    assert_int_equal(w->plan.starts[0].reason, START_LOST);
    end_world(w);
}

static void a_tenth_of_the_documents_is_held_out_and_stays_held_out(void **state)
{
    (void)state;
    const char *twelve = "a:ab b:cd c:ef d:gh e:ij f:kl g:mn h:op i:qr j:st k:uv l:wx";
    struct world *w = make_world(twelve);
    decide(w);
    assert_int_equal(w->plan.validate.count, 2);
    assert_int_equal(w->plan.learn.count, 22);
    struct world *next =
        make_world("a:ab b:cd c:ef d:gh e:ij f:kl g:mn h:op i:qr j:st k:uv l:wx m:yz");
    struct plan_version *v = add_version(next, twelve, "");
    struct digest_set held = {0};
    for (size_t i = 0; i < next->now.count; i++)
        if (digest_set_has(&w->plan.validate, next->now.samples[i].id))
            digest_set_add(&held, next->now.samples[i].content);
    digest_set_seal(&held);
    v->validated = &held;
    decide(next);
    assert_int_equal(next->plan.start, 1);
    assert_int_equal(next->plan.learn.count, 2);
    assert_true(digest_set_within(&w->plan.validate, &next->plan.validate));
    assert_int_equal(next->plan.validate.count, 2);
    digest_set_free(&held);
    end_world(next);
    end_world(w);
}

static void nine_documents_are_all_learned(void **state)
{
    (void)state;
    struct world *w = make_world("a:a b:b c:c d:d e:e f:f g:g h:h i:i");
    decide(w);
    assert_int_equal(w->plan.validate.count, 0);
    assert_int_equal(w->plan.learn.count, 9);
    end_world(w);
}

static void a_key_depends_on_each_of_its_parts_and_on_no_order(void **state)
{
    (void)state;
    struct world *w = make_world("x:abc"), *other = make_world("y:cb z:a");
    struct digest r = w->facts.recipe, b = w->facts.base, p = w->facts.parent;
    struct digest key = plan_want_key(r, b, p, w->now.set);
    assert_true(digest_equal(key, plan_want_key(r, b, p, other->now.set)));
    assert_false(digest_equal(key, plan_want_key(b, r, p, w->now.set)));
    assert_false(digest_equal(key, plan_want_key(r, b, (struct digest){{0}}, w->now.set)));
    struct digest attempt = plan_attempt_key(key, p, &w->now.ids, "avx2");
    assert_false(digest_equal(attempt, plan_attempt_key(key, p, &w->now.ids, "avx512")));
    assert_false(digest_equal(attempt, plan_attempt_key(key, b, &w->now.ids, "avx2")));
    end_world(w);
    end_world(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_change_is_decided_right),
        cmocka_unit_test(another_recipe_base_or_parent_starts_from_the_parent),
        cmocka_unit_test(a_withdrawal_goes_back_to_the_version_that_never_saw_it),
        cmocka_unit_test(a_restored_set_uses_its_version_again),
        cmocka_unit_test(the_chain_of_updates_has_an_end),
        cmocka_unit_test(what_failed_its_check_is_not_tried_again),
        cmocka_unit_test(lost_weights_are_not_continued),
        cmocka_unit_test(a_tenth_of_the_documents_is_held_out_and_stays_held_out),
        cmocka_unit_test(nine_documents_are_all_learned),
        cmocka_unit_test(a_key_depends_on_each_of_its_parts_and_on_no_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
