/* The seed's flat dialect: one file, one adapter, known by its task_type.
 *
 * All relative paths of such a file start at one folder: the file's own; or, if train_data_dir
 * is not there, the folder above it, or the current folder (these files stand in configs/ and
 * are run from the project's folder). The first that has train_data_dir is taken. */
#include "rules/load.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/formats/safetensors.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool dialect_is_flat(const struct node *root)
{
    return yaml_get(root, "task_type") != NULL;
}

static const struct {
    const char *theirs, *ours;
} renamed[] = {{"lora_rank", "rank"}, {"lora_alpha", "alpha"}, {"lora_dropout", "dropout"}};

/* The file's map with the recipe's keys under our names. */
static struct node *with_our_names(struct load *l, const struct node *root)
{
    struct node *copy = arena_alloc(l->arena, sizeof *copy);
    *copy = *root;
    copy->pairs = arena_array(l->arena, root->count ? root->count : 1, sizeof *copy->pairs);
    for (size_t i = 0; i < root->count; i++) {
        copy->pairs[i] = root->pairs[i];
        for (size_t k = 0; k < sizeof renamed / sizeof *renamed; k++) {
            if (strcmp(root->pairs[i].key->text, renamed[k].theirs) != 0)
                continue;
            struct node *key = arena_alloc(l->arena, sizeof *key);
            *key = *root->pairs[i].key;
            key->text = renamed[k].ours;
            copy->pairs[i].key = key;
            if (yaml_get(root, renamed[k].ours))
                report_error(&l->report, root->pairs[i].key->mark,
                             _("'%s' and '%s' say the same; keep one"), renamed[k].theirs,
                             renamed[k].ours);
        }
    }
    return copy;
}

static const struct node *text_node(const struct node *root, const char *key)
{
    const struct node *n = yaml_get(root, key);
    return n && n->kind == NODE_TEXT && !n->wrong && !yaml_is_nothing(n) ? n : NULL;
}

static const struct node *needed(struct load *l, const struct node *root, const char *key)
{
    const struct node *n = text_node(root, key);
    if (!n && !root->wrong)
        report_error(&l->report,
                     text_node(root, "task_type") ? yaml_get_key(root, "task_type")->mark
                                                  : root->mark,
                     _("'%s' is missing"), key);
    return n;
}

static void choose_anchor(struct load *l, const struct node *data)
{
    const char *own = l->rules->root;
    char *above = path_folder(own), *here = getcwd(NULL, 0);
    const char *const folders[] = {own, above, here};
    l->anchor = own;
    for (size_t i = 0; data && i < sizeof folders / sizeof *folders; i++) {
        struct stat st;
        if (!folders[i])
            continue;
        char *path = path_join(folders[i], data->text);
        bool there = stat(path, &st) == 0;
        free(path);
        if (!there)
            continue;
        l->anchor = arena_strdup(l->arena, folders[i]);
        break;
    }
    l->rules->root = l->anchor;
    free(here);
    free(above);
}

/* A path that need not be there yet. */
static const char *clean_path(struct load *l, const struct node *n)
{
    char *clean = path_clean(path_absolute(l, n, n->text));
    const char *kept = arena_strdup(l->arena, clean);
    free(clean);
    return kept;
}

static void read_base(struct load *l, const struct node *n)
{
    struct rules *r = l->rules;
    struct judged j;
    r->bases = arena_array(l->arena, 1, sizeof *r->bases);
    r->bases[0] = (struct rule_base){.name = n->text,
                                     .path = clean_path(l, n),
                                     .written = path_written(l, n, n->text),
                                     .serve_base = -1,
                                     .place = schema_place(n->mark)};
    r->base_count = 1;
    if (path_judge(l, n, n->text, false, &j))
        r->bases[0].path = j.kept;
}

static void read_dataset(struct load *l, const struct node *n, const struct node *metadata,
                         bool pictures)
{
    struct rules *r = l->rules;
    struct judged j = {0};
    r->datasets = arena_array(l->arena, 1, sizeof *r->datasets);
    r->dataset_count = 1;
    path_judge(l, n, n->text, false, &j);
    r->datasets[0] = (struct rule_dataset){.name = j.written,
                                           .written = j.written,
                                           .path = j.real,
                                           .kind = pictures ? DATASET_IMAGES : DATASET_TEXT,
                                           .not_built_kind = pictures ? "pictures" : NULL,
                                           .place = schema_place(n->mark)};
    r->datasets[0].metadata = metadata ? clean_path(l, metadata) : NULL;
}

/* The rank of a stored adapter: the first dimension of any A (PEFT) or down (kohya) matrix. */
static int64_t stored_rank(const struct safetensors *s)
{
    for (size_t i = 0; i < safetensors_count(s); i++) {
        const struct weight_tensor *t = safetensors_at(s, i);
        struct str name = str_of(t->name);
        if (t->dims >= 2 &&
            (str_ends(name, ".lora_A.weight") || str_ends(name, ".lora_down.weight") ||
             str_ends(name, ".lora_A.default.weight")))
            return t->shape[0];
    }
    return 0;
}

/* T31: what goes on from stored weights has their rank; nothing is cut or padded silently. */
static void read_initial(struct load *l, const struct node *root, const struct node *n,
                         struct rule_adapter *a)
{
    struct judged j;
    struct stat st;
    struct error e = {0};
    if (!path_judge(l, n, n->text, false, &j))
        return;
    a->initial_adapter = j.kept;
    bool folder = stat(j.real, &st) == 0 && S_ISDIR(st.st_mode);
    char *path = path_join(j.kept, folder ? "adapter_model.safetensors" : "");
    struct safetensors *s = safetensors_open(folder ? path : j.kept, &e);
    free(path);
    int64_t rank = s ? stored_rank(s) : 0;
    const struct node *own =
        text_node(root, "lora_rank") ? text_node(root, "lora_rank") : text_node(root, "rank");
    if (!s)
        report_error(&l->report, n->mark, "%s", e.message);
    else if (!rank)
        report_error(&l->report, n->mark, _("'%s' holds no LoRA adapter"), n->text);
    else if (own && rank != a->recipe.rank)
        report_error(&l->report, own->mark,
                     _("rank %lld, but '%s' has rank %lld; write lora_rank: %lld"),
                     (long long)a->recipe.rank, n->text, (long long)rank, (long long)rank);
    else
        a->recipe.rank = rank;
    safetensors_close(s);
}

static void read_adapter(struct load *l, struct node *root, const struct node *output,
                         bool pictures)
{
    static const int data[] = {0};
    struct rules *r = l->rules;
    const struct node *initial = text_node(root, "init_lora_weights");
    struct rule_adapter *a = r->adapters = arena_array(l->arena, 1, sizeof *a);
    r->adapter_count = 1;
    a->output = clean_path(l, output);
    a->name = path_base(a->output);
    a->parent = -1;
    a->data = data;
    a->data_count = 1;
    a->max_chain = 5;
    a->check = RULE_CHECK_DEFAULT;
    a->flat_output = true;
    a->place = schema_place(output->mark);
    a->not_built_kind = pictures ? "pictures" : NULL;
    a->recipe = recipe_default(true);
    recipe_read(&l->report, with_our_names(l, root), &a->recipe, a->recipe_place);
    if (initial)
        read_initial(l, root, initial, a);
    recipe_resolve(&a->recipe);
    if (a->recipe.max_rank && a->recipe.rank > a->recipe.max_rank)
        report_error(&l->report, yaml_get(root, "max_rank")->mark,
                     _("'%s' has rank %lld, above max_rank %lld"), a->name,
                     (long long)a->recipe.rank, (long long)a->recipe.max_rank);
    if (!a->name[0] || a->name[0] == '.' || a->name[0] == '-')
        report_error(&l->report, output->mark,
                     _("the last part of 'output_dir' names the adapter; '%s' is no such name"),
                     output->text);
}

void dialect_read(struct load *l)
{
    struct node *root = l->document.root;
    schema_check(&l->report, root, &schema_flat, l->rules->shown);
    const struct node *task = text_node(root, "task_type");
    const struct node *base = needed(l, root, "base_model");
    const struct node *data = needed(l, root, "train_data_dir");
    const struct node *output = needed(l, root, "output_dir");
    bool pictures = task && strcmp(task->text, "text-generation") != 0;
    int64_t steps;
    if (text_node(root, "save_steps"))
        schema_int(&l->report, yaml_get(root, "save_steps"), "save_steps", 1, 10000000, &steps);
    choose_anchor(l, data);
    if (base)
        read_base(l, base);
    if (data)
        read_dataset(l, data, text_node(root, "metadata_path"), pictures);
    if (output)
        read_adapter(l, root, output, pictures);
}
