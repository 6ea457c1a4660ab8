#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/train/recipe.h"

#include <string.h>

static struct recipe parsed(struct arena *a, const char *text)
{
    struct error e = {0};
    struct recipe r = recipe_default(false);
    json_t *o = json_parse(str_of(text), "test", 1, &e);
    assert_non_null(o);
    if (!recipe_from_json(&r, a, o, "test", &e))
        fail_msg("%s", e.message);
    json_decref(o);
    return r;
}

static void defaults(void **state)
{
    (void)state;
    struct recipe client = recipe_default(false), domain = recipe_default(true);
    assert_true(client.learning_rate == 2e-4 && domain.learning_rate == 1e-4);
    assert_int_equal(client.rank, 16);
    assert_int_equal(client.schedule, SCHEDULE_WSD);
    assert_true(client.alpha == 0 && client.epochs == 0);
    recipe_resolve(&client);
    assert_true(client.alpha == 32);
    client = recipe_default(false);
    client.rank = 8; /* alpha follows the rank that inheritance left */
    recipe_resolve(&client);
    assert_true(client.alpha == 16);
}

static void every_key_goes_round(void **state)
{
    (void)state;
    struct arena a = {0};
    struct recipe r = parsed(&a, "{\"rank\":8,\"alpha\":\"auto\",\"dropout\":0.1,\"targets\":"
                                 "[\"v_proj\",\"q_proj\"],\"epochs\":2.5,\"steps\":\"auto\","
                                 "\"learning_rate\":0.0003,\"schedule\":\"cosine\",\"warmup\":3,"
                                 "\"decay\":0.5,\"weight_decay\":0.01,\"batch_size\":2,"
                                 "\"accumulation\":3,\"max_length\":64,\"mode\":\"chat\","
                                 "\"seed\":7,\"max_grad_norm\":\"off\",\"precision\":\"bf16\","
                                 "\"max_rank\":32}");
    json_t *o = recipe_to_json(&r);
    assert_int_equal(json_object_size(o), recipe_key_count);
    struct strbuf once = {0}, twice = {0};
    json_write(&once, o, false);
    struct recipe again = parsed(&a, once.data);
    json_t *o2 = recipe_to_json(&again);
    json_write(&twice, o2, false);
    assert_string_equal(once.data, twice.data);
    assert_true(again.epochs == 2.5 && again.max_rank == 32 && again.max_grad_norm == 0);
    assert_int_equal(again.precision, PRECISION_BF16);
    assert_int_equal(again.target_count, 2);
    strbuf_free(&once);
    strbuf_free(&twice);
    json_decref(o);
    json_decref(o2);
    arena_free(&a);
}

static void wrong_values_name_their_key(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"rank\":0}", "rank"},
        {"{\"rank\":1.5}", "rank"},
        {"{\"rank\":\"auto\"}", "rank"},
        {"{\"epochs\":0}", "epochs"},
        {"{\"dropout\":1}", "dropout"},
        {"{\"schedule\":\"step\"}", "constant, linear, cosine, wsd"},
        {"{\"targets\":[]}", "targets"},
        {"{\"targets\":[1]}", "targets"},
        {"{\"epoch\":3}", "epoch"},
        {"{\"learning_rate\":\"fast\"}", "learning_rate"},
        {"{\"seed\":-1}", "seed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error e = {0};
        struct arena a = {0};
        struct recipe r = recipe_default(false);
        json_t *o = json_parse(str_of(cases[i][0]), "test", 1, &e);
        assert_false(recipe_from_json(&r, &a, o, "place", &e));
        assert_non_null(strstr(e.message, cases[i][1]));
        assert_non_null(strstr(e.message, "place"));
        json_decref(o);
        arena_free(&a);
    }
}

static void digest_is_of_the_meaning(void **state)
{
    (void)state;
    struct arena a = {0};
    struct recipe r = parsed(&a, "{\"targets\":[\"v_proj\",\"q_proj\",\"v_proj\"]}");
    struct recipe same = parsed(&a, "{\"targets\":[\"q_proj\",\"v_proj\"],\"alpha\":32}");
    assert_true(digest_equal(recipe_digest(&r), recipe_digest(&same)));
    assert_string_equal(r.targets[0], "v_proj"); /* the caller's list is as it was */
    struct recipe all = parsed(&a, "{}");
    assert_false(digest_equal(recipe_digest(&r), recipe_digest(&all)));
    const char *others[] = {"{\"rank\":8}",
                            "{\"seed\":43}",
                            "{\"precision\":\"f32\"}",
                            "{\"learning_rate\":0.0002000001}",
                            "{\"schedule\":\"constant\"}",
                            "{\"max_rank\":64}"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct recipe other = parsed(&a, others[i]);
        assert_false(digest_equal(recipe_digest(&all), recipe_digest(&other)));
    }
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(every_key_goes_round),
        cmocka_unit_test(wrong_values_name_their_key),
        cmocka_unit_test(digest_is_of_the_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
