#include "tests/unit/rules/project.h"

#include <sys/stat.h>

#define TOP "clients: clients/%/\nshared: [corpus/, models/]\nbase: models/m.gguf\nadapters:\n"

static void make(void)
{
    static const char *const folders[] = {
        "corpus/papers", "clients/a/texts", "clients/b/texts",        "clients/.git/texts",
        "outside/texts", "models/blobs",    "models/hub/snapshots/1", NULL};
    project_folders(folders);
    project_file("models/m.gguf", "");
    project_file("models/blobs/3f2a", "weights");
    project_link("../../../blobs/3f2a", "models/hub/snapshots/1/model.gguf");
    project_link("../b/texts", "clients/a/to-b");
    project_link("texts", "clients/a/to-a");
    project_link("../outside/texts", "corpus/to-outside");
    project_link("nowhere", "corpus/dangling");
    project_link("loop", "corpus/loop");
    project_link("papers", "corpus/to-papers");
}

/* One adapter with one wrong path: its message. */
static void path_is_refused(struct project *p, const char *data, const char *message)
{
    char *text = mem_printf("%s  x: {data: %s}\n", TOP, data);
    char *words = mem_printf("lorabuild.yaml:5:13: %s\n", message);
    project_says(p, text, words);
    assert_string_equal(p->e.message, "1 error. Nothing was built.");
    free(words);
    free(text);
}

static void paths_under_no_root_are_refused(void **state)
{
    struct project *p = *state;
    path_is_refused(p, "outside/texts/",
                    "'outside/texts/' lies neither in a client's folder nor under shared:; add its "
                    "folder to shared:");
    path_is_refused(p, "clients/",
                    "'clients/' holds the folders of all clients; name one beneath it");
    path_is_refused(p, "./", "'./' holds the folders of all clients; name one beneath it");
    path_is_refused(p, "clients/.git/texts",
                    "'clients/.git/texts' lies beneath clients:, but in no client's folder");
    path_is_refused(
        p, "corpus/../outside/texts",
        "'corpus/../outside/texts' lies neither in a client's folder nor under shared:; "
        "add its folder to shared:");
}

static void links_are_judged_by_where_they_end(void **state)
{
    struct project *p = *state;
    char *real = realpath("outside/texts", NULL);
    char *message = mem_printf("'corpus/to-outside' ends in '%s', neither in a client's folder nor "
                               "under shared:; add that folder to shared:",
                               real);
    path_is_refused(p, "corpus/to-outside", message);
    free(message);
    free(real);
    path_is_refused(p, "corpus/dangling",
                    "'corpus/dangling' is a link to 'nowhere', which does not exist");
    path_is_refused(p, "corpus/loop", "'corpus/loop' is a link that leads to itself");
    path_is_refused(p, "corpus/loop/x", "'corpus/loop' is a link that leads to itself");
    struct rules *r = project_takes(p, TOP "  x: {data: corpus/to-papers}\n"
                                           "  y: {data: clients/a/to-a/}\n"
                                           "  z: {data: clients/a/to-b/}\n");
    char *papers = realpath("corpus/papers", NULL);
    assert_string_equal(r->datasets[0].path, papers);
    assert_string_equal(r->datasets[0].written, "corpus/to-papers");
    assert_null(r->adapters[0].client);
    assert_string_equal(r->adapters[1].client, "a");
    assert_string_equal(r->adapters[2].client, "b");
    free(papers);
}

static void a_pattern_that_leads_to_another_client_is_refused(void **state)
{
    struct project *p = *state;
    project_refuses(p,
                    "clients: clients/%/\nshared: models\nbase: models/m.gguf\n"
                    "datasets:\n  d-%: {text: clients/%/to-b}\n"
                    "adapters:\n  x-%: {data: d-%}\n",
                    "lorabuild.yaml:5:15: 'd-a' belongs to client a and would learn from b\n"
                    "  5 |   d-%: {text: clients/%/to-b}\n"
                    "    |               ^^^^^^^^^^^^^^ secret to b (line 1)\n",
                    "1 error. Nothing was built.");
}

static void two_clients_never_meet(void **state)
{
    struct project *p = *state;
    project_refuses(p, TOP "  x: {data: [clients/a/texts/, clients/b/texts/]}\n",
                    "lorabuild.yaml:5:32: 'x' belongs to client a and would learn from b\n"
                    "  5 |   x: {data: [clients/a/texts/, clients/b/texts/]}\n"
                    "    |                                ^^^^^^^^^^^^^^^^ secret to b (line 1)\n",
                    "1 error. Nothing was built.");
    project_refuses(p,
                    "clients: clients/%/\nshared: models\nbase: models/m.gguf\n"
                    "datasets:\n"
                    "  d-%: {text: clients/%/texts}\n"
                    "adapters:\n"
                    "  x: {data: [d-a, d-b]}\n",
                    "lorabuild.yaml:7:19: 'x' belongs to client a and would learn from b\n"
                    "  7 |   x: {data: [d-a, d-b]}\n"
                    "    |                   ^^^ 'd-b' is secret to b (lorabuild.yaml:5)\n",
                    "1 error. Nothing was built.");
}

/* What a parent learned, its children know. */
static void parents_pass_their_client_on(void **state)
{
    struct project *p = *state;
    project_refuses(p,
                    TOP "  city: {data: [corpus/papers/, clients/a/texts/]}\n"
                        "  text-%: {from: city, data: clients/%/texts/}\n",
                    "lorabuild.yaml:6:18: 'text-b' belongs to client b and would learn from a\n"
                    "  6 |   text-%: {from: city, data: clients/%/texts/}\n"
                    "    |                  ^^^^ 'city' belongs to a (lorabuild.yaml:5)\n",
                    "1 error. Nothing was built.");
    struct rules *r = project_takes(p, TOP "  x: {data: clients/a/texts/}\n"
                                           "  y: {from: x, data: corpus/papers/}\n"
                                           "groups:\n"
                                           "  all: [x, y]\n");
    assert_string_equal(r->adapters[1].client, "a");
    assert_string_equal(r->groups[0].client, "a");
}

/* A pattern's adapter is its client's, whatever it reads. */
static void patterns_belong_to_their_client(void **state)
{
    struct project *p = *state;
    struct rules *r = project_takes(p, TOP "  x-%: {data: corpus/papers/}\n");
    assert_int_equal(r->adapter_count, 2);
    assert_string_equal(r->adapters[0].client, "a");
    assert_string_equal(r->adapters[1].client, "b");
    assert_int_equal(r->dataset_count, 1);
    assert_null(r->datasets[0].client);
}

static void a_base_may_be_a_tree_of_links(void **state)
{
    struct project *p = *state;
    struct rules *r = project_takes(p, "clients: clients/%/\nshared: [corpus, models]\n"
                                       "base: {hub: models/hub/snapshots/1,\n"
                                       "       one: models/hub/snapshots/1/model.gguf}\n"
                                       "adapters: {x: {base: hub, data: corpus/papers}}\n");
    assert_true(str_ends(str_of(r->bases[1].path), "/models/hub/snapshots/1/model.gguf"));
    project_link("../../../../outside", "models/hub/snapshots/1/out");
    project_says(p,
                 "clients: clients/%/\nshared: [corpus, models]\nbase: models/hub/snapshots/1\n"
                 "adapters: {x: {data: corpus/papers}}\n",
                 "/models/hub/snapshots/1/out' ends in '");
    assert_int_equal(unlink("models/hub/snapshots/1/out"), 0);
    project_link("missing", "models/hub/snapshots/1/gone");
    project_says(p,
                 "clients: clients/%/\nshared: [corpus, models]\nbase: models/hub/snapshots/1\n"
                 "adapters: {x: {data: corpus/papers}}\n",
                 "models/hub/snapshots/1/gone' is a link to 'missing', which does not exist");
    assert_int_equal(unlink("models/hub/snapshots/1/gone"), 0);
}

static void clients_and_shared_stay_apart(void **state)
{
    struct project *p = *state;
    project_says(
        p,
        "clients: clients/%/\nshared: clients/a/texts\nbase: models/m.gguf\n"
        "adapters: {x: {data: clients/a/texts/}}\n",
        "lorabuild.yaml:2:9: 'clients/a/texts' lies beneath clients: and cannot be shared");
    project_link("../outside", "clients/linked");
    project_says(p, TOP "  x: {data: corpus/}\n",
                 "lorabuild.yaml:1:10: the client's folder 'linked' is a link; it must be a folder "
                 "itself");
    assert_int_equal(unlink("clients/linked"), 0);
    project_says(p,
                 "clients: clients/\nshared: models\nbase: models/m.gguf\n"
                 "adapters: {x: {data: clients/a/texts/}}\n",
                 "'clients' must end in %, which stands for each client's folder: clients/%/");
    project_says(p,
                 "clients: clients/%/docs\nshared: models\nbase: models/m.gguf\n"
                 "adapters: {x: {data: clients/a/texts/}}\n",
                 "'clients' has one %, as its last part: clients/%/");
}

static void without_clients_there_are_no_walls(void **state)
{
    struct project *p = *state;
    struct rules *r =
        project_takes(p, "base: models/m.gguf\n"
                         "adapters: {x: {data: [outside/texts/, corpus/to-outside]}}\n");
    assert_null(r->adapters[0].client);
}

static void home_and_absolute_paths_are_taken(void **state)
{
    struct project *p = *state;
    char *here = realpath(".", NULL), *old = getenv("HOME") ? mem_strdup(getenv("HOME")) : NULL;
    char *text = mem_printf("clients: clients/%%/\nshared: [~/corpus, %s/models]\n"
                            "base: ~/models/m.gguf\nadapters: {x: {data: ~/corpus/papers/}}\n",
                            here);
    setenv("HOME", here, 1);
    struct rules *r = project_takes(p, text);
    char *expected = path_join(here, "corpus/papers");
    assert_string_equal(r->datasets[0].path, expected);
    assert_string_equal(r->datasets[0].written, "~/corpus/papers");
    free(expected);
    if (old)
        setenv("HOME", old, 1);
    free(text);
    free(old);
    free(here);
}

static void the_rule_file_is_searched_upwards_but_not_in_a_clients_folder(void **state)
{
    struct project *p = *state;
    assert_non_null(project_takes(p, TOP "  x: {data: corpus/}\n"));
    char *real = realpath("lorabuild.yaml", NULL), *found;
    static const char *const folders[] = {".", "corpus/papers", "clients", "clients/a/texts"};
    project_file("clients/a/lorabuild.yaml", "base: evil.gguf\n");
    project_file("clients/a/texts/lorabuild.yaml", "base: evil.gguf\n");
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        assert_non_null(found = rules_find(folders[i]));
        assert_string_equal(found, real);
        free(found);
    }
    /* A project inside a project, elsewhere than in a client's folder, is its own. */
    project_file("corpus/papers/lorabuild.yaml", "base: m.gguf\n");
    assert_non_null(found = rules_find("corpus/papers"));
    assert_true(str_ends(str_of(found), "/corpus/papers/lorabuild.yaml"));
    free(found);
    /* One that cannot be read to its end might claim the folder: it is taken, and told of. */
    project_file("lorabuild.yaml", "base: {\n");
    assert_non_null(found = rules_find("clients/a/texts"));
    assert_string_equal(found, real);
    free(found);
    assert_null(rules_find("no/such/folder"));
    free(real);
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
        cmocka_unit_test(paths_under_no_root_are_refused),
        cmocka_unit_test(links_are_judged_by_where_they_end),
        cmocka_unit_test(a_pattern_that_leads_to_another_client_is_refused),
        cmocka_unit_test(two_clients_never_meet),
        cmocka_unit_test(parents_pass_their_client_on),
        cmocka_unit_test(patterns_belong_to_their_client),
        cmocka_unit_test(a_base_may_be_a_tree_of_links),
        cmocka_unit_test(clients_and_shared_stay_apart),
        cmocka_unit_test(without_clients_there_are_no_walls),
        cmocka_unit_test(home_and_absolute_paths_are_taken),
        cmocka_unit_test(the_rule_file_is_searched_upwards_but_not_in_a_clients_folder),
    };
    return cmocka_run_group_tests(tests, open_it, close_it);
}
