#include "rules/names.h"
#include "tests/unit/rules/project.h"

#define TOP "clients: clients/%/\nshared: [corpus/, models/]\n"

static const char presales[] =
    "lorabuild: 1\n" TOP "base:\n"
    "  writer: models/m.gguf\n"
    "  painter: {path: models/painter, template: chatml, serve_base: writer}\n"
    "defaults:\n"
    "  text:  {rank: 16}\n"
    "datasets:\n"
    "  city-papers: {text: corpus/smart-city/}\n"
    "  proposals-%:\n"
    "    text: clients/%/proposals/\n"
    "    captions: headings\n"
    "  pictures-%:\n"
    "    images: clients/%/pictures/\n"
    "adapters:\n"
    "  text-%:   {from: city, data: proposals-%, rank: 8, epochs: 15}\n"
    "  look-%:   {base: painter, data: pictures-%, trigger: '%_style'}\n"
    "  text-k:   {epochs: 30}\n"
    "  city:     {base: writer, data: city-papers}\n"
    "groups:\n"
    "  client-%: [text-%, look-%]\n";

static void make(void)
{
    static const char *const folders[] = {
        "corpus/smart-city",   "clients/a/pictures",   "clients/a/proposals",
        "clients/k/proposals", "clients/文/proposals", "clients/.hidden/proposals",
        "clients/empty",       "models/painter",       NULL};
    project_folders(folders);
    project_file("clients/read-me.txt", "no client");
    project_file("models/m.gguf", "");
    project_file("models/painter/model_index.json", "{}");
}

static void the_guides_file_is_spread_over_the_clients(void **state)
{
    struct project *p = *state;
    struct rules *r = project_takes(p, presales);
    static const char *const names[] = {"city", "text-a", "text-k", "text-文", "look-a"};
    static const char *const clients[] = {"a", "empty", "k", "文"};
    assert_int_equal(r->client_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(r->clients[i], clients[i]);
    assert_int_equal(r->adapter_count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(r->adapters[i].name, names[i]);
    const struct rule_adapter *city = project_adapter(r, "city"), *a = project_adapter(r, "text-a");
    assert_null(city->client);
    assert_int_equal(city->recipe.rank, 16);
    assert_true(city->recipe.alpha == 32 && city->recipe.learning_rate == 1e-4);
    assert_string_equal(a->client, "a");
    assert_int_equal(a->parent, city - r->adapters);
    assert_int_equal(a->base, city->base);
    assert_true(a->recipe.rank == 8 && a->recipe.alpha == 16 && a->recipe.epochs == 15);
    assert_true(a->recipe.learning_rate == 2e-4);
    assert_true(a->pin == PIN_STICKY && !a->continues && a->max_chain == 5);
    assert_string_equal(r->datasets[a->data[0]].written, "clients/a/proposals");
    assert_int_equal(r->datasets[a->data[0]].captions, CAPTIONS_HEADINGS);
    assert_string_equal(r->bases[a->base].written, "models/m.gguf");
    assert_int_equal(r->bases[a->base].path[0], '/');
    assert_int_equal(r->bases[1].serve_base, 0);
    assert_string_equal(r->bases[1].template, "chatml");
    char *output = path_join(r->root, "adapters/text-a");
    assert_string_equal(a->output, output);
    free(output);
}

static void an_exact_name_is_laid_over_key_by_key(void **state)
{
    struct project *p = *state;
    struct rules *r = project_takes(p, presales);
    const struct rule_adapter *k = project_adapter(r, "text-k");
    size_t rank = (size_t)(recipe_key_find("rank") - recipe_keys);
    size_t epochs = (size_t)(recipe_key_find("epochs") - recipe_keys);
    size_t seed = (size_t)(recipe_key_find("seed") - recipe_keys);
    assert_true(k->recipe.rank == 8 && k->recipe.epochs == 30);
    assert_int_equal(k->recipe_place[rank].line, 17);
    assert_int_equal(k->recipe_place[epochs].line, 19);
    assert_int_equal(k->recipe_place[epochs].column, 22);
    assert_int_equal(k->recipe_place[seed].line, 0);
    assert_int_equal(k->place.line, 19);
    assert_true(project_adapter(r, "text-a")->recipe.epochs == 15);
}

static void pictures_are_marked_and_not_refused(void **state)
{
    struct project *p = *state;
    struct rules *r = project_takes(p, presales);
    const struct rule_adapter *look = project_adapter(r, "look-a");
    assert_string_equal(look->not_built_kind, "pictures");
    assert_string_equal(look->trigger, "a_style");
    assert_null(project_adapter(r, "text-a")->not_built_kind);
}

static void a_client_without_the_input_has_no_such_target(void **state)
{
    struct project *p = *state;
    struct rules *r = project_takes(p, presales);
    int adapter, group;
    struct error e = {0};
    assert_true(rules_target(r, "client-a", &adapter, &group, &e));
    assert_true(adapter == -1 && r->groups[group].member_count == 2);
    assert_string_equal(r->groups[group].client, "a");
    assert_true(rules_target(r, "client-k", &adapter, &group, &e));
    assert_int_equal(r->groups[group].member_count, 1);
    assert_false(rules_target(r, "text-empty", &adapter, &group, &e));
    assert_string_equal(e.message, "there is no 'text-empty': client empty has no "
                                   "clients/empty/proposals (lorabuild.yaml:12)");
    assert_int_equal(e.kind, ERROR_USAGE);
    assert_false(rules_target(r, "client-empty", &adapter, &group, &e));
    assert_string_equal(e.message, "there is no 'client-empty': client empty has no "
                                   "clients/empty/proposals (lorabuild.yaml:12)");
    assert_false(rules_target(r, "text-A", &adapter, &group, &e));
    assert_string_equal(e.message,
                        "there is no 'text-A' in lorabuild.yaml; did you mean 'text-a', 'text-k', "
                        "'text-文'?");
    assert_false(rules_target(r, "zzzzz", &adapter, &group, &e));
    assert_string_equal(e.message, "there is no 'zzzzz' in lorabuild.yaml");
}

static void three_lines_are_a_rule_file(void **state)
{
    struct project *p = *state;
    struct rules *r = project_takes(p, "base: models/m.gguf\nadapters:\n  x: {data: corpus/}\n");
    assert_int_equal(r->adapter_count, 1);
    assert_string_equal(r->datasets[0].name, "corpus");
    assert_string_equal(r->bases[0].name, "models/m.gguf");
    assert_null(r->clients_root);
    r = project_takes(
        p, "adapters:\n  x: {base: models/m.gguf, data: [corpus/, ./corpus/smart-city]}\n");
    assert_string_equal(r->bases[0].written, "models/m.gguf");
    assert_int_equal(r->adapters[0].data_count, 2);
    assert_string_equal(r->datasets[1].written, "corpus/smart-city");
    r = project_takes(p, "base: {path: models/m.gguf, template: chatml}\n"
                         "adapters: {x: {data: corpus/}}\n");
    assert_string_equal(r->bases[0].template, "chatml");
}

static void merge_keys_and_aliases_know_where_they_stand(void **state)
{
    struct project *p = *state;
    size_t rank = (size_t)(recipe_key_find("rank") - recipe_keys);
    size_t seed = (size_t)(recipe_key_find("seed") - recipe_keys);
    struct rules *r = project_takes(p, TOP "base: models/m.gguf\n"
                                           "x-common: &common {rank: 4, seed: 7, data: corpus/}\n"
                                           "adapters:\n"
                                           "  x: {<<: *common, rank: 8}\n"
                                           "  y: *common\n"
                                           "  text-%:\n"
                                           "    <<: [{seed: 9}, *common]\n"
                                           "    data: clients/%/proposals/\n"
                                           "  text-a: {rank: 2}\n");
    const struct rule_adapter *x = project_adapter(r, "x"), *y = project_adapter(r, "y");
    assert_true(x->recipe.rank == 8 && x->recipe.seed == 7);
    assert_int_equal(x->recipe_place[seed].line, 6);
    assert_int_equal(x->recipe_place[seed].column, 11);
    assert_true(y->recipe.rank == 4 && y->recipe_place[rank].line == 7);
    assert_int_equal(project_adapter(r, "text-a")->recipe.rank, 2);
    assert_int_equal(project_adapter(r, "text-k")->recipe.rank, 4);
    assert_int_equal(project_adapter(r, "text-k")->recipe.seed, 9);
}

static void parents_come_first_and_pins_are_read(void **state)
{
    struct project *p = *state;
    struct rules *r = project_takes(p, "base: models/m.gguf\n"
                                       "adapters:\n"
                                       "  c: {from: b@v3, data: corpus/}\n"
                                       "  d: {data: corpus/}\n"
                                       "  b: {from: a@latest, data: corpus/}\n"
                                       "  a: {data: corpus/, rank: 8, alpha: 8}\n"
                                       "  e: {continue: a, data: corpus/}\n");
    static const char *const order[] = {"a", "b", "c", "d", "e"};
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(r->adapters[i].name, order[i]);
    assert_true(r->adapters[1].pin == PIN_LATEST);
    assert_true(r->adapters[2].pin == PIN_VERSION && r->adapters[2].pinned_version == 3);
    assert_true(r->adapters[4].continues && r->adapters[4].parent == 0);
    assert_true(r->adapters[4].recipe.rank == 8 && r->adapters[4].recipe.alpha == 8);
}

static void every_recipe_key_is_taken(void **state)
{
    struct project *p = *state;
    struct rules *r = project_takes(
        p,
        "base: models/m.gguf\n"
        "defaults: {text: {epochs: 3, alpha: auto, targets: all, max_chain: 7}}\n"
        "adapters:\n"
        "  x: {data: corpus/, rank: 8, alpha: 12.5, dropout: 0.05, targets: [v_proj, q_proj],\n"
        "      steps: 1e3, learning_rate: 1e-4, schedule: cosine, warmup: 0.1, decay: 0.3,\n"
        "      weight_decay: 0.01, batch_size: 2, accumulation: 4, max_length: 256, mode: text,\n"
        "      seed: 0x10, max_grad_norm: off, precision: f32, max_rank: 16, max_chain: 0}\n"
        "  y: {data: corpus/}\n");
    const struct recipe *x = &project_adapter(r, "x")->recipe, *y = &r->adapters[1].recipe;
    assert_true(x->alpha == 12.5 && x->dropout == 0.05 && x->steps == 1000 && x->epochs == 0);
    assert_true(x->target_count == 2);
    assert_string_equal(x->targets[0], "q_proj");
    assert_true(x->schedule == SCHEDULE_COSINE && x->mode == MODE_TEXT && x->seed == 16);
    assert_true(x->max_grad_norm == 0 && x->precision == PRECISION_F32 && x->max_rank == 16);
    assert_true(r->adapters[0].max_chain == 0 && r->adapters[1].max_chain == 7);
    assert_true(y->epochs == 3 && y->alpha == 32 && !y->targets);
}

static void the_check_is_laid_over_key_by_key(void **state)
{
    struct project *p = *state;
    struct rules *r =
        project_takes(p, "base: models/m.gguf\n"
                         "defaults: {text: {check: {limit: 2 %, least_documents: 4}}}\n"
                         "adapters:\n"
                         "  a: {data: corpus/}\n"
                         "  b: {data: corpus/, check: none}\n"
                         "  c: {data: corpus/, check: {limit: 0.5%}}\n"
                         "  d: {data: corpus/, check: {least_documents: 20}}\n");
    const struct rule_check *a = &project_adapter(r, "a")->check;
    const struct rule_check *c = &project_adapter(r, "c")->check;
    const struct rule_check *d = &project_adapter(r, "d")->check;
    assert_true(!a->none && a->limit == 0.02 && a->least_documents == 4);
    assert_true(project_adapter(r, "b")->check.none);
    assert_true(!c->none && c->limit == 0.005 && c->least_documents == 4);
    assert_true(!d->none && d->limit == 0.02 && d->least_documents == 20);
}

static void datasets_have_options(void **state)
{
    struct project *p = *state;
    struct rules *r =
        project_takes(p, "base: models/m.gguf\n"
                         "datasets:\n"
                         "  a: {text: corpus/, captions: none, edits: relearn, review: required}\n"
                         "  b: {text: corpus/, captions: {command: [my-captions, -x]}}\n"
                         "  c: {images: corpus/, captions: clip}\n"
                         "adapters:\n"
                         "  x: {data: a}\n"
                         "  y: {data: b}\n"
                         "  z: {data: c}\n");
    assert_true(r->datasets[0].captions == CAPTIONS_NONE && r->datasets[0].edits_relearn &&
                r->datasets[0].review_required);
    assert_null(r->adapters[0].not_built_kind);
    assert_string_equal(r->adapters[1].not_built_kind, "captions by a command");
    assert_string_equal(r->adapters[2].not_built_kind, "pictures");
}

static void included_files_count_as_one(void **state)
{
    struct project *p = *state;
    project_file("more/rules.yaml", "include: ../lorabuild.yaml\n"
                                    "shared: ../corpus\n"
                                    "datasets: {d: {text: ../corpus/}}\n"
                                    "adapters: {x: {data: d}}\n");
    struct rules *r = project_takes(p, "include: [more/rules.yaml]\n"
                                       "clients: clients/%/\nshared: models/\n"
                                       "base: models/m.gguf\n"
                                       "adapters: {y: {from: x, data: d}}\n");
    assert_int_equal(r->adapter_count, 2);
    assert_string_equal(r->datasets[0].written, "corpus");
    assert_string_equal(project_adapter(r, "x")->place.file, "more/rules.yaml");
    project_refuses(p,
                    "include: more/rules.yaml\nbase: models/m.gguf\n"
                    "adapters: {x: {data: corpus/}}\n",
                    "more/rules.yaml:4:12: adapter 'x' stands twice; it is in lorabuild.yaml:3 "
                    "already\n"
                    "  4 | adapters: {x: {data: d}}\n"
                    "    |            ^\n",
                    "1 error. Nothing was built.");
    project_file("clients/a/rules.yaml", "adapters: {}\n");
    project_says(p,
                 TOP "include: clients/a/rules.yaml\nbase: models/m.gguf\n"
                     "adapters: {x: {data: corpus/}}\n",
                 "lorabuild.yaml:3:10: 'clients/a/rules.yaml' lies beneath clients:");
}

static void two_patterns_for_one_name_are_refused(void **state)
{
    struct project *p = *state;
    static const char *const folders[] = {"clients/x", NULL};
    project_folders(folders);
    project_refuses(p,
                    TOP "base: models/m.gguf\n"
                        "adapters:\n"
                        "  a-%: {data: corpus/}\n"
                        "  '%-x': {data: corpus/}\n",
                    "lorabuild.yaml:6:3: '%-x' and 'a-%' (line 5) both make 'a-x'\n"
                    "  6 |   '%-x': {data: corpus/}\n"
                    "    |   ^^^^^\n",
                    "1 error. Nothing was built.");
    assert_true(folder_remove("clients/x", NULL));
}

static void clients_that_differ_in_case_are_refused(void **state)
{
    struct project *p = *state;
    static const char *const folders[] = {"clients/Acme", "clients/acme", NULL};
    project_folders(folders);
    project_refuses(p, TOP "base: models/m.gguf\nadapters: {x: {data: corpus/}}\n",
                    "lorabuild.yaml:1:10: the clients 'Acme' and 'acme' differ only in upper and "
                    "lower case; rename one\n"
                    "  1 | clients: clients/%/\n"
                    "    |          ^^^^^^^^^^\n",
                    "1 error. Nothing was built.");
    assert_true(folder_remove("clients/Acme", NULL) && folder_remove("clients/acme", NULL));
}

/* What some file system holds for one name; and what none does. */
static void names_are_folded_as_file_systems_do(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } pairs[] = {
        {"Acme", "aCME", true},
        {"caf\xC3\xA9", "cafe\xCC\x81", true}, /* composed, apart: macOS */
        {"CAF\xC3\x89", "cafe\xCC\x81", true}, /* and both at once */
        {"Stra\xC3\x9F"
         "e",
         "STRASSE", true},                                              /* full folding, as ext4 */
        {"\xCE\xA3\xCE\xAF\xCF\x82", "\xCF\x83\xCE\xAF\xCF\x83", true}, /* final sigma */
        {"\xEF\xBC\xA1", "\xEF\xBD\x81", true},                         /* full width A and a */
        {"\xEF\xBC\xA1", "A", false}, /* but no file system makes it narrow */
        {"\xE5\xAE\xA2", "\xE5\xAE\xA3", false},
        {"a", "a ", false},
        {"I", "\xC4\xB1", false}, /* dotless i */
        {"", "", true},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char *a = name_folded(pairs[i].a), *b = name_folded(pairs[i].b);
        if ((strcmp(a, b) == 0) != pairs[i].same)
            fail_msg("%s and %s: folded %s and %s", pairs[i].a, pairs[i].b, a, b);
        free(a);
        free(b);
    }
}

static void projects_without_clients_yet_are_fine(void **state)
{
    struct project *p = *state;
    static const char *const folders[] = {"none", NULL};
    project_folders(folders);
    struct rules *r = project_takes(p, "clients: none/%/\nshared: [corpus, models]\n"
                                       "base: models/m.gguf\n"
                                       "datasets: {notes-%: {text: none/%/notes}}\n"
                                       "adapters:\n"
                                       "  city: {data: corpus/}\n"
                                       "  text-%: {from: city, data: notes-%}\n"
                                       "groups: {client-%: [text-%]}\n");
    assert_int_equal(r->adapter_count, 1);
    assert_int_equal(r->group_count, 0);
    project_says(p,
                 "clients: none/%/\nshared: [corpus, models]\nbase: models/m.gguf\n"
                 "adapters:\n"
                 "  city: {data: corpus/}\n"
                 "  text-%: {from: ciyt, data: notes-%}\n",
                 "lorabuild.yaml:6:18: there is no adapter 'ciyt'; did you mean 'city'?");
    assert_non_null(strstr(project_report(p), ":6:30: there is no dataset 'notes-%'"));
}

static void likely_slips_are_warned_of(void **state)
{
    struct project *p = *state;
    assert_non_null(project_load(p, TOP "base: models/m.gguf\n"
                                        "datasets: {d-%: {text: clients/%/propsals/}}\n"
                                        "adapters:\n"
                                        "  city: {data: corpus/}\n"
                                        "  text-%: {from: city, data: d-%}\n"
                                        "  text-zz: {rank: 4}\n"));
    assert_string_equal(
        project_report(p),
        "lorabuild.yaml:4:24: warning: no client has 'clients/%/propsals/'; did you "
        "mean 'clients/a/proposals/'?\n"
        "  4 | datasets: {d-%: {text: clients/%/propsals/}}\n"
        "    |                        ^^^^^^^^^^^^^^^^^^^\n"
        "lorabuild.yaml:8:3: warning: there is no client 'zz', so no 'text-zz'\n"
        "  8 |   text-zz: {rank: 4}\n"
        "    |   ^^^^^^^\n");
}

static void the_same_file_gives_the_same_rules(void **state)
{
    struct project *p = *state;
    struct rules *first = project_takes(p, presales);
    struct strbuf report = {0};
    struct rules *second = rules_load("lorabuild.yaml", &report, NULL);
    assert_int_equal(first->adapter_count, second->adapter_count);
    for (size_t i = 0; i < first->adapter_count; i++) {
        assert_string_equal(first->adapters[i].name, second->adapters[i].name);
        assert_true(digest_equal(recipe_digest(&first->adapters[i].recipe),
                                 recipe_digest(&second->adapters[i].recipe)));
    }
    rules_free(second);
    strbuf_free(&report);
}

static void long_chains_need_no_stack(void **state)
{
    struct project *p = *state;
    struct strbuf text = {0};
    strbuf_add_text(&text, "base: models/m.gguf\nadapters:\n");
    for (int i = 0; i < 10000; i++)
        strbuf_printf(&text, "  a%d: {data: corpus/, from: a%d}\n", i, i + 1);
    strbuf_add_text(&text, "  a10000: {data: corpus/}\n");
    struct rules *r = project_takes(p, text.data);
    assert_string_equal(r->adapters[0].name, "a10000");
    assert_string_equal(r->adapters[10000].name, "a0");
    strbuf_free(&text);
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
        cmocka_unit_test(the_guides_file_is_spread_over_the_clients),
        cmocka_unit_test(an_exact_name_is_laid_over_key_by_key),
        cmocka_unit_test(pictures_are_marked_and_not_refused),
        cmocka_unit_test(a_client_without_the_input_has_no_such_target),
        cmocka_unit_test(three_lines_are_a_rule_file),
        cmocka_unit_test(merge_keys_and_aliases_know_where_they_stand),
        cmocka_unit_test(parents_come_first_and_pins_are_read),
        cmocka_unit_test(every_recipe_key_is_taken),
        cmocka_unit_test(the_check_is_laid_over_key_by_key),
        cmocka_unit_test(datasets_have_options),
        cmocka_unit_test(included_files_count_as_one),
        cmocka_unit_test(two_patterns_for_one_name_are_refused),
        cmocka_unit_test(clients_that_differ_in_case_are_refused),
        cmocka_unit_test(names_are_folded_as_file_systems_do),
        cmocka_unit_test(projects_without_clients_yet_are_fine),
        cmocka_unit_test(likely_slips_are_warned_of),
        cmocka_unit_test(the_same_file_gives_the_same_rules),
        cmocka_unit_test(long_chains_need_no_stack),
    };
    return cmocka_run_group_tests(tests, open_it, close_it);
}
