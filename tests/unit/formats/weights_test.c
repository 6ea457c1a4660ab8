#include "tests/unit/formats/scratch.h"

#include "lorabuild/formats/gguf.h"
#include "lorabuild/formats/weights.h"

#include <fcntl.h>

#define SHARD_1 "model-00001-of-00002.safetensors"
#define SHARD_2 "model-00002-of-00002.safetensors"
#define INDEX "model.safetensors.index.json"

static void a_sharded_folder_is_one_model(void **state)
{
    (void)state;
    struct error e = {0};
    struct weights *w = weights_open(GOLDEN "sharded", &e);
    int64_t n = 0;
    assert_ok(w, e);
    assert_int_equal(weights_count(w), 21);
    assert_true(weights_bytes(w) == 3152); /* total_size of its index */
    for (size_t i = 1; i < weights_count(w); i++)
        assert_true(strcmp(weights_at(w, i - 1)->name, weights_at(w, i)->name) < 0);
    const struct weight_tensor *t = weights_find(w, "lm_head.weight");
    assert_true(t && t->type == DTYPE_BF16 && t->shape[0] == 24 && t->shape[1] == 8);
    assert_null(weights_find(w, "lm_head.weigh"));
    assert_true(json_get_int(weights_config(w), "hidden_size", &n, "x", &e) && n == 8);
    assert_null(weights_gguf(w));
    assert_string_equal(weights_path(w), GOLDEN "sharded");
    assert_true(weights_unchanged(w, &e));
    weights_close(w);
}

static void a_gguf_is_a_model(void **state)
{
    (void)state;
    struct error e = {0};
    struct weights *w = weights_open(GOLDEN "tiny.gguf", &e);
    assert_ok(w, e);
    assert_int_equal(weights_count(w), 6);
    assert_string_equal(weights_at(w, 0)->name, "bf16");
    assert_int_equal(weights_find(w, "q4_1")->shape[1], 96);
    assert_null(weights_config(w));
    assert_non_null(weights_gguf(w));
    weights_close(w);
}

/* A copy of the sharded folder; the caller frees the path. */
static char *copy_model(void **state)
{
    static const char *const names[] = {"config.json", SHARD_1, SHARD_2, INDEX};
    char *folder = path_join(*state, "model");
    assert_true(folder_make(folder, 0755, NULL));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *from = path_join(GOLDEN "sharded", names[i]), *to = path_join(folder, names[i]);
        copy_file(from, to);
        free(from);
        free(to);
    }
    return folder;
}

static void put(const char *folder, const char *name, const char *text)
{
    char *path = path_join(folder, name);
    write_file(path, text, strlen(text));
    free(path);
}

static void drop(const char *folder, const char *name)
{
    char *path = path_join(folder, name);
    assert_int_equal(unlink(path), 0);
    free(path);
}

static void refused(const char *folder, enum error_kind kind, const char *why)
{
    struct error e = {0};
    assert_null(weights_open(folder, &e));
    assert_error(e, kind, why);
}

static void t41_only_indexed_shards_are_read(void **state)
{
    struct error e = {0};
    char *folder = copy_model(state);
    put(folder, "model-00001-of-00003.safetensors", "stale");
    struct weights *w = weights_open(folder, &e);
    assert_ok(w, e);
    assert_int_equal(weights_count(w), 21);
    weights_close(w);
    free(folder);
}

static void t41_bad_entries_are_cited(void **state)
{
    static const struct {
        const char *index, *why;
    } cases[] = {
        {"{\"weight_map\":{\"a\":\"../../x.safetensors\"}}",
         INDEX ": \"a\": \"../../x.safetensors\" is not the name of a .safetensors file in this "
               "folder"},
        {"{\"weight_map\":{\"a\":\"/tmp/x.safetensors\"}}", "\"a\": \"/tmp/x.safetensors\" is not"},
        {"{\"weight_map\":{\"a\":\"\"}}", "\"a\": \"\" is not the name"},
        {"{\"weight_map\":{\"a\":\"..\"}}", "\"a\": \"..\" is not the name"},
        {"{\"weight_map\":{\"a\":\"x.bin\"}}", "\"a\": \"x.bin\" is not the name"},
        {"{\"weight_map\":{\"a\":7}}", "\"a\": \"?\" is not the name of a file"},
        {"{\"weight_map\":{\"a\":\"x.safetensors\"}}",
         "\"a\": \"x.safetensors\" is missing or a dangling link"},
        {"{\"weight_map\":{\"a\":\"" SHARD_2 "\"}}",
         "\"a\": \"" SHARD_2 "\" does not hold this tensor"},
        {"{\"weight_map\":{\"lm_head.weight\":\"" SHARD_1 "\"}}", "does not hold this tensor"},
        {"{\"weight_map\":{\"a\":\"x\",\"a\":\"y\"}}", "duplicate object key"},
        {"{}", "no weight_map"},
        {"[]", "no weight_map"},
        {"{", "not valid JSON"},
    };
    char *folder = copy_model(state);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put(folder, INDEX, cases[i].index);
        refused(folder, ERROR_INPUT, cases[i].why);
    }
    free(folder);
}

static void t41_a_tensor_in_two_shards_is_an_error(void **state)
{
    char *folder = copy_model(state);
    char *copy = path_join(folder, "copy.safetensors");
    copy_file(GOLDEN "sharded/" SHARD_2, copy);
    put(folder, INDEX,
        "{\"weight_map\":{\"lm_head.weight\":\"" SHARD_2 "\","
        "\"model.norm.weight\":\"" SHARD_1 "\",\"lm_head.weight \":\"copy.safetensors\"}}");
    refused(folder, ERROR_INPUT, "\"lm_head.weight \": \"copy.safetensors\" does not hold");
    copy_file(GOLDEN "sharded/" SHARD_1, copy);
    put(folder, INDEX,
        "{\"weight_map\":{\"lm_head.weight\":\"" SHARD_2 "\","
        "\"model.norm.weight\":\"" SHARD_1 "\","
        "\"model.embed_tokens.weight\":\"copy.safetensors\"}}");
    refused(folder, ERROR_INPUT,
            "tensor 'model.embed_tokens.weight' is in two shards, copy.safetensors and " SHARD_1);
    free(copy);
    free(folder);
}

/* The hub's cache: snapshots/REVISION/NAME -> ../../blobs/DIGEST. */
static void t45_a_tree_of_links_is_a_model(void **state)
{
    static const char *const names[] = {"config.json", SHARD_1, SHARD_2, INDEX};
    struct error e = {0};
    char *folder = path_join(*state, "snapshots/abc"), *blobs = path_join(*state, "blobs");
    assert_true(folder_make(folder, 0755, NULL) && folder_make(blobs, 0755, NULL));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *from = path_join(GOLDEN "sharded", names[i]), *link = path_join(folder, names[i]);
        char *blob = mem_printf("%s/%zu", blobs, i), *aim = mem_printf("../../blobs/%zu", i);
        copy_file(from, blob);
        assert_int_equal(symlink(aim, link), 0);
        free(from);
        free(link);
        free(blob);
        free(aim);
    }
    struct weights *w = weights_open(folder, &e);
    assert_ok(w, e);
    assert_int_equal(weights_count(w), 21);
    weights_close(w);
    char *blob = path_join(blobs, "1");
    assert_int_equal(unlink(blob), 0);
    refused(folder, ERROR_INPUT, "\"" SHARD_1 "\" is missing or a dangling link");
    free(blob);
    free(blobs);
    free(folder);
}

static void other_things_are_refused_with_advice(void **state)
{
    static const struct {
        const char *file, *why;
    } cases[] = {
        {"pytorch_model.bin", "convert it once"},
        {"adapter_config.json", "holds an adapter, not a base model"},
        {"model_index.json", "picture model"},
        {"readme.txt", "it needs config.json and model.safetensors"},
    };
    char *folder = path_join(*state, "thing");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(folder_make(folder, 0755, NULL));
        put(folder, "config.json", "{}");
        put(folder, cases[i].file, "");
        refused(folder, ERROR_INPUT, cases[i].why);
        assert_true(folder_remove(folder, NULL));
    }
    put(*state, "x.safetensors", "12345678");
    put(*state, "x.gguf", "");
    put(*state, "x.bin", "no");
    char *path = path_join(*state, "x.safetensors");
    refused(path, ERROR_INPUT, "name the folder that holds it");
    free(path);
    path = path_join(*state, "x.gguf");
    refused(path, ERROR_INPUT, "not a GGUF file");
    free(path);
    path = path_join(*state, "x.bin");
    refused(path, ERROR_INPUT, "neither a .gguf file nor a Hugging Face folder");
    free(path);
    refused(folder, ERROR_SYSTEM, "No such file");
    free(folder);
}

static void t43_a_changed_base_is_noticed(void **state)
{
    struct error e = {0};
    char *folder = copy_model(state), *shard = path_join(folder, SHARD_2);
    struct weights *w = weights_open(folder, &e);
    struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    assert_ok(w, e);
    assert_true(weights_unchanged(w, &e));
    assert_int_equal(utimensat(AT_FDCWD, shard, times, 0), 0);
    assert_false(weights_unchanged(w, &e));
    assert_error(e, ERROR_INPUT, SHARD_2 ": changed");
    weights_close(w);
    free(shard);
    free(folder);
}

static void check_list(const char *path, const char *const *wanted, size_t wanted_count)
{
    struct error e = {0};
    char **files = NULL;
    size_t n = 0;
    assert_ok(weights_list_files(path, &files, &n, &e), e);
    assert_int_equal(n, wanted_count);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(path_base(files[i]), wanted[i]);
        free(files[i]);
    }
    free(files);
}

static void the_files_of_a_base_are_listed(void **state)
{
    static const char *const sharded[] = {"config.json", "chat_template.jinja", INDEX, SHARD_1,
                                          SHARD_2};
    static const char *const single[] = {"config.json", "chat_template.jinja", "model.safetensors"};
    static const char *const one[] = {"tiny.gguf"};
    struct error e = {0};
    char *folder = copy_model(state), **files;
    size_t n;
    put(folder, "chat_template.jinja", "{{ x }}");
    put(folder, "stray.safetensors", "");
    check_list(folder, sharded, 5);
    put(folder, "model.safetensors", "");
    check_list(folder, single, 3);
    check_list(GOLDEN "tiny.gguf", one, 1);
    drop(folder, "model.safetensors");
    drop(folder, SHARD_1);
    assert_false(weights_list_files(folder, &files, &n, &e));
    assert_error(e, ERROR_INPUT, "is missing");
    assert_false(weights_list_files("/nowhere", &files, &n, &e));
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sharded_folder_is_one_model),
        cmocka_unit_test(a_gguf_is_a_model),
        cmocka_unit_test_setup_teardown(t41_only_indexed_shards_are_read, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(t41_bad_entries_are_cited, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(t41_a_tensor_in_two_shards_is_an_error, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(t45_a_tree_of_links_is_a_model, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(other_things_are_refused_with_advice, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(t43_a_changed_base_is_noticed, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(the_files_of_a_base_are_listed, scratch_make,
                                        scratch_remove),
    };
    return cmocka_run_group_tests_name("weights", tests, NULL, NULL);
}
