#include "tests/unit/rules/project.h"

#define HEAD                        \
    "task_type: text-generation\n"  \
    "base_model: ./models/m.gguf\n" \
    "train_data_dir: ./data/client_docs\n"

static const char whole[] = HEAD "metadata_path: ./data/client_docs/metadata.csv\n"
                                 "lora_rank: 8\n"
                                 "lora_alpha: 32\n"
                                 "batch_size: 2\n"
                                 "epochs: 15\n"
                                 "learning_rate: 2e-4\n"
                                 "output_dir: ./output/client_doc_lora\n"
                                 "save_steps: 100\n";

static void make(void)
{
    project_file("models/m.gguf", "");
    project_file("data/client_docs/a.txt", "One line a sample.\n");
    project_file("data/pictures/metadata.csv", "a.png,blue\n");
}

/* A safetensors file with one A matrix of rank 16, all zero. */
static void make_adapter(const char *path)
{
    static const char header[] = "{\"base_model.model.x.lora_A.weight\":{\"dtype\":\"F32\","
                                 "\"shape\":[16,2],\"data_offsets\":[0,128]}}";
    struct strbuf b = {0};
    strbuf_add_byte(&b, (char)(sizeof header - 1));
    for (int i = 0; i < 7; i++)
        strbuf_add_byte(&b, 0);
    strbuf_add(&b, header, sizeof header - 1);
    for (int i = 0; i < 128; i++)
        strbuf_add_byte(&b, 0);
    project_bytes(path, b.data, b.size);
    strbuf_free(&b);
}

static void a_flat_file_is_one_adapter(void **state)
{
    struct project *p = *state;
    struct rules *r = project_takes(p, whole);
    const struct rule_adapter *a = &r->adapters[0];
    char *root = realpath(".", NULL), *output = path_join(root, "output/client_doc_lora");
    char *metadata = path_join(root, "data/client_docs/metadata.csv");
    assert_int_equal(r->adapter_count, 1);
    assert_string_equal(a->name, "client_doc_lora");
    assert_string_equal(a->output, output);
    assert_true(a->flat_output && a->parent == -1 && a->base == 0 && !a->client);
    assert_true(a->recipe.rank == 8 && a->recipe.alpha == 32 && a->recipe.batch_size == 2);
    assert_true(a->recipe.epochs == 15 && a->recipe.learning_rate == 2e-4);
    assert_int_equal(a->recipe_place[0].line, 5);
    assert_null(a->not_built_kind);
    assert_string_equal(r->datasets[0].written, "data/client_docs");
    assert_string_equal(r->datasets[0].metadata, metadata);
    assert_string_equal(r->root, root);
    free(metadata);
    free(output);
    free(root);
}

static void alpha_defaults_to_twice_the_rank(void **state)
{
    struct project *p = *state;
    struct rules *r = project_takes(p, HEAD "lora_rank: 4\noutput_dir: out/x/\n");
    assert_true(r->adapters[0].recipe.alpha == 8);
    assert_string_equal(r->adapters[0].name, "x");
}

/* The files stand in configs/ and are run from the folder above, or from anywhere. */
static void paths_start_where_the_data_is(void **state)
{
    struct project *p = *state;
    char *root = realpath(".", NULL);
    project_forget(p);
    project_file("configs/x.yaml", whole);
    p->rules = rules_load("configs/x.yaml", &p->report, &p->e);
    assert_non_null(p->rules);
    assert_string_equal(p->rules->root, root);
    assert_string_equal(p->rules->shown, "configs/x.yaml");
    assert_string_equal(p->rules->datasets[0].written, "data/client_docs");
    project_forget(p);
    assert_int_equal(chdir("configs"), 0);
    p->rules = rules_load("x.yaml", &p->report, &p->e);
    assert_non_null(p->rules);
    assert_string_equal(p->rules->root, root);
    assert_int_equal(chdir(".."), 0);
    project_forget(p);
    project_file("a/b/c/x.yaml", whole);
    p->rules = rules_load("a/b/c/x.yaml", &p->report, &p->e);
    assert_non_null(p->rules);
    assert_string_equal(p->rules->root, root);
    free(root);
}

static void pictures_fail_only_when_they_are_built(void **state)
{
    struct project *p = *state;
    static const char *const kinds[] = {"text-to-image", "image-generation"};
    for (size_t i = 0; i < 2; i++) {
        char *text = mem_printf("task_type: %s\nbase_model: models/m.gguf\n"
                                "train_data_dir: data/pictures\noutput_dir: out/look\n",
                                kinds[i]);
        struct rules *r = project_takes(p, text);
        assert_string_equal(r->adapters[0].not_built_kind, "pictures");
        assert_int_equal(r->datasets[0].kind, DATASET_IMAGES);
        free(text);
    }
}

static void stored_weights_keep_their_rank(void **state)
{
    struct project *p = *state;
    make_adapter("old/adapter.safetensors");
    make_adapter("peft/adapter_model.safetensors");
    struct rules *r = project_takes(p, HEAD "output_dir: out/x\n"
                                            "init_lora_weights: old/adapter.safetensors\n");
    assert_int_equal(r->adapters[0].recipe.rank, 16);
    assert_true(str_ends(str_of(r->adapters[0].initial_adapter), "/old/adapter.safetensors"));
    r = project_takes(p, HEAD "output_dir: out/x\nlora_rank: 16\ninit_lora_weights: peft/\n");
    assert_true(str_ends(str_of(r->adapters[0].initial_adapter), "/peft"));
    project_refuses(p,
                    HEAD "output_dir: out/x\n"
                         "lora_rank: 8\n"
                         "init_lora_weights: old/adapter.safetensors\n",
                    "lorabuild.yaml:5:12: rank 8, but 'old/adapter.safetensors' has rank 16; write "
                    "lora_rank: 16\n"
                    "  5 | lora_rank: 8\n"
                    "    |            ^\n",
                    "1 error. Nothing was built.");
    project_says(p, HEAD "output_dir: out/x\ninit_lora_weights: models/m.gguf\n",
                 "lorabuild.yaml:5:20: ");
}

static void all_errors_of_a_flat_file_are_told(void **state)
{
    struct project *p = *state;
    project_refuses(p,
                    "task_type: text-generaton\n"
                    "base_model: models/n.gguf\n"
                    "train_data_dir: data/docs\n"
                    "lora_rank: eight\n"
                    "rank: 8\n"
                    "save_step: 100\n"
                    "output_dir: ..\n",
                    "lorabuild.yaml:1:12: 'task_type' takes text-generation, text-to-image, "
                    "image-generation, not 'text-generaton'; did you mean 'text-generation'?\n"
                    "  1 | task_type: text-generaton\n"
                    "    |            ^^^^^^^^^^^^^^\n"
                    "lorabuild.yaml:2:13: 'models/n.gguf' does not exist; did you mean "
                    "'models/m.gguf'?\n"
                    "  2 | base_model: models/n.gguf\n"
                    "    |             ^^^^^^^^^^^^^\n"
                    "lorabuild.yaml:3:17: 'data/docs' does not exist\n"
                    "  3 | train_data_dir: data/docs\n"
                    "    |                 ^^^^^^^^^\n"
                    "lorabuild.yaml:4:1: 'lora_rank' and 'rank' say the same; keep one\n"
                    "  4 | lora_rank: eight\n"
                    "    | ^^^^^^^^^\n"
                    "lorabuild.yaml:4:12: 'rank' takes a whole number from 1 to 512, not 'eight'\n"
                    "  4 | lora_rank: eight\n"
                    "    |            ^^^^^\n"
                    "lorabuild.yaml:6:1: unknown key 'save_step'; did you mean 'save_steps'?\n"
                    "  6 | save_step: 100\n"
                    "    | ^^^^^^^^^\n",
                    "6 errors. Nothing was built.");
    project_says(p, "task_type: text-generation\n", "'base_model' is missing");
    project_says(p, HEAD "output_dir: /\n", "the last part of 'output_dir' names the adapter");
}

static int open_it(void **state)
{
    struct project *p = malloc(sizeof *p);
    project_open(p);
    make();
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flat_file_is_one_adapter),
        cmocka_unit_test(alpha_defaults_to_twice_the_rank),
        cmocka_unit_test(paths_start_where_the_data_is),
        cmocka_unit_test(pictures_fail_only_when_they_are_built),
        cmocka_unit_test(stored_weights_keep_their_rank),
        cmocka_unit_test(all_errors_of_a_flat_file_are_told),
    };
    return cmocka_run_group_tests(tests, open_it, close_it);
}
