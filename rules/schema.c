#include "rules/schema.h"

#include "lorabuild/common/text.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define TEXT_OR_LIST (NODE_TEXT | NODE_LIST)

static const char *const caption_words[] = {"auto", "headings", "none", "clip", NULL};
static const char *const edit_words[] = {"strict", "relearn", NULL};
static const char *const review_words[] = {"optional", "required", NULL};
static const char *const check_words[] = {"none", NULL};
static const char *const task_words[] = {"text-generation", "text-to-image", "image-generation",
                                         NULL};

static const struct schema_key rules_keys[] = {
    {"lorabuild", NODE_TEXT, "a version, such as 1", NULL},
    {"clients", NODE_TEXT, "a path that ends in %, such as clients/%/", NULL},
    {"shared", TEXT_OR_LIST | SCHEMA_EMPTY, "a path or a list of paths", NULL},
    {"include", TEXT_OR_LIST | SCHEMA_EMPTY, "a path or a list of paths", NULL},
    {"base", NODE_TEXT | NODE_MAP, "a path, or names with their paths", NULL},
    {"defaults", NODE_MAP | SCHEMA_EMPTY, "text: and image: with recipe keys", NULL},
    {"datasets", NODE_MAP | SCHEMA_EMPTY, "names with what they hold", NULL},
    {"adapters", NODE_MAP | SCHEMA_EMPTY, "names with what they hold", NULL},
    {"groups", NODE_MAP | SCHEMA_EMPTY, "names with lists of adapters", NULL},
};

static const struct schema_key base_keys[] = {
    {"path", NODE_TEXT, "a path", NULL},
    {"template", NODE_TEXT, "the name of a chat template", NULL},
    {"serve_base", NODE_TEXT, "the name of a base, or a path", NULL},
};

static const struct schema_key defaults_keys[] = {
    {"text", NODE_MAP | SCHEMA_EMPTY, "recipe keys, such as {rank: 16}", NULL},
    {"image", NODE_MAP | SCHEMA_EMPTY, "recipe keys, such as {rank: 16}", NULL},
};

static const struct schema_key recipe_only_keys[] = {
    {"max_chain", NODE_TEXT, "a whole number from 0 to 1000", NULL},
    {"check", NODE_TEXT | NODE_MAP, "none, or {limit: 1%, least_documents: 10}", check_words},
    {"report", TEXT_OR_LIST, "none, or the requests to draft", NULL},
};

static const struct schema_key dataset_keys[] = {
    {"text", NODE_TEXT, "a path", NULL},
    {"images", NODE_TEXT, "a path", NULL},
    {"captions", NODE_TEXT | NODE_MAP, "a word, or {command: …}", caption_words},
    {"edits", NODE_TEXT, "strict or relearn", edit_words},
    {"review", NODE_TEXT, "optional or required", review_words},
};

static const struct schema_key captions_keys[] = {
    {"command", TEXT_OR_LIST, "a command, or a list of its words", NULL},
};

static const struct schema_key adapter_keys[] = {
    {"base", NODE_TEXT, "the name of a base, or a path", NULL},
    {"data", TEXT_OR_LIST, "a dataset, a path, or a list of them", NULL},
    {"from", NODE_TEXT, "the name of an adapter", NULL},
    {"continue", NODE_TEXT, "the name of an adapter", NULL},
    {"trigger", NODE_TEXT, "a word", NULL},
    {"max_chain", NODE_TEXT, "a whole number from 0 to 1000", NULL},
    {"report", TEXT_OR_LIST, "none, or the requests to draft", NULL},
    {"check", NODE_TEXT | NODE_MAP, "none, or {limit: 1%, least_documents: 10}", check_words},
};

static const struct schema_key check_keys[] = {
    {"limit", NODE_TEXT, "a percentage from 0% to 100%, such as 1%", NULL},
    {"least_documents", NODE_TEXT, "a whole number from 2 to 1000000", NULL},
};

static const struct schema_key flat_keys[] = {
    {"task_type", NODE_TEXT, "text-generation or text-to-image", task_words},
    {"base_model", NODE_TEXT, "a path", NULL},
    {"train_data_dir", NODE_TEXT, "a path", NULL},
    {"metadata_path", NODE_TEXT | SCHEMA_EMPTY, "a path", NULL},
    {"output_dir", NODE_TEXT, "a path", NULL},
    {"init_lora_weights", NODE_TEXT | SCHEMA_EMPTY, "a path", NULL},
    {"lora_rank", NODE_TEXT, "a whole number", NULL},
    {"lora_alpha", NODE_TEXT, "a number", NULL},
    {"lora_dropout", NODE_TEXT, "a number", NULL},
    {"save_steps", NODE_TEXT, "a whole number", NULL},
};

const struct schema schema_rules = {"in a rule file", rules_keys, COUNT(rules_keys), false};
const struct schema schema_base = {"in a base", base_keys, COUNT(base_keys), false};
const struct schema schema_defaults = {"in defaults:", defaults_keys, COUNT(defaults_keys), false};
const struct schema schema_dataset = {"in a dataset", dataset_keys, COUNT(dataset_keys), false};
const struct schema schema_captions = {"in captions:", captions_keys, COUNT(captions_keys), false};
const struct schema schema_adapter = {"in an adapter", adapter_keys, COUNT(adapter_keys), true};
const struct schema schema_check_keys = {"in check:", check_keys, COUNT(check_keys), false};
const struct schema schema_flat = {"in this file", flat_keys, COUNT(flat_keys), true};
static const struct schema schema_recipe = {"in a recipe", recipe_only_keys,
                                            COUNT(recipe_only_keys), true};

static const struct schema_key *find_key(const struct schema *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->keys[i].name, name) == 0)
            return &s->keys[i];
    return NULL;
}

static size_t choice_count(const char *const *choices)
{
    size_t n = 0;
    while (choices[n])
        n++;
    return n;
}

/* "a, b, c" */
static const char *joined(struct report *r, const char *const *words, size_t count)
{
    const char *text = "";
    for (size_t i = 0; i < count; i++)
        text = arena_printf(r->arena, "%s%s%s", text, i ? ", " : "", words[i]);
    return text;
}

static void unknown_key(struct report *r, const struct node *key, const struct schema *s)
{
    size_t count = 0;
    const char **words = mem_array(s->count + recipe_key_count, sizeof *words);
    for (size_t i = 0; i < s->count; i++)
        words[count++] = s->keys[i].name;
    for (size_t i = 0; s->recipe && i < recipe_key_count; i++)
        words[count++] = recipe_keys[i].name;
    const char *hint = report_did_you_mean(r, key->text, words, count);
    const char *colon = strchr(key->text, ':');
    if (colon && colon[1] && colon != key->text)
        report_error(r, key->mark, _("a space is missing behind the colon of '%s'"), key->text);
    else if (!*hint && count <= 10)
        report_error(r, key->mark, _("unknown key '%s' %s; here may stand %s"), key->text, s->where,
                     joined(r, words, count));
    else if (!*hint)
        report_error(r, key->mark, _("unknown key '%s' %s"), key->text, s->where);
    else
        report_error(r, key->mark, _("unknown key '%s'%s"), key->text, hint);
    free(words);
}

static const char *shape_words(const struct node *n)
{
    return n->kind == NODE_MAP ? _("a mapping") : n->kind == NODE_LIST ? _("a list") : _("a word");
}

/* Lists hold words only, everywhere in the language. */
static bool check_items(struct report *r, const struct node *list, const char *name)
{
    bool ok = true;
    for (size_t i = 0; i < list->count; i++) {
        const struct node *item = list->items[i];
        if (item->wrong || (item->kind == NODE_TEXT && !yaml_is_nothing(item)))
            continue;
        if (item->kind == NODE_TEXT)
            report_error(r, item->mark, _("an item of '%s' is empty"), name);
        else
            report_error(r, item->mark, _("an item of '%s' is %s; it must be a word"), name,
                         shape_words(item));
        ok = false;
    }
    return ok;
}

static bool check_choice(struct report *r, const struct node *n, const char *name,
                         const char *const *choices)
{
    size_t count = choice_count(choices);
    for (size_t i = 0; i < count; i++)
        if (strcmp(choices[i], n->text) == 0)
            return true;
    report_error(r, n->mark, _("'%s' takes %s, not '%s'%s"), name, joined(r, choices, count),
                 n->text, report_did_you_mean(r, n->text, choices, count));
    return false;
}

static bool check_value(struct report *r, const struct node *key, struct node *value,
                        const struct schema_key *k)
{
    if (value->wrong && value->kind == NODE_TEXT)
        return false;
    if (yaml_is_nothing(value)) {
        if (k->shapes & SCHEMA_EMPTY)
            return true;
        report_error(r, key->mark, _("'%s' has no value; it takes %s"), k->name, k->takes);
        return false;
    }
    if (!(value->kind & k->shapes)) {
        report_error(r, value->mark, _("'%s' takes %s, not %s"), k->name, k->takes,
                     value->kind == NODE_TEXT ? arena_printf(r->arena, "'%s'", value->text)
                                              : shape_words(value));
        return false;
    }
    if (value->kind == NODE_LIST)
        return check_items(r, value, k->name);
    return value->kind != NODE_TEXT || !k->choices || check_choice(r, value, k->name, k->choices);
}

bool schema_check(struct report *r, struct node *map, const struct schema *s, const char *name)
{
    if (map->kind != NODE_MAP) {
        if (!map->wrong && strpbrk(name, "{["))
            report_error(r, map->mark, _("a colon is missing before the bracket of '%s'"), name);
        else if (!map->wrong && map->kind == NODE_TEXT && strchr(map->text, ':'))
            report_error(r, map->mark, _("a space is missing behind the colon of '%s'"), map->text);
        else if (!map->wrong)
            report_error(r, map->mark, _("'%s' takes keys with values, not %s"), name,
                         yaml_is_nothing(map) ? _("nothing") : shape_words(map));
        map->wrong = true;
        return false;
    }
    for (size_t i = 0; i < map->count; i++) {
        const struct node *key = map->pairs[i].key;
        const struct schema_key *k = find_key(s, key->text);
        if (!k && s == &schema_rules && strncmp(key->text, "x-", 2) == 0)
            continue; /* a place for anchors */
        bool known = k || (s->recipe && recipe_key_find(key->text));
        if (!known)
            unknown_key(r, key, s);
        if (!known || (k && !check_value(r, key, map->pairs[i].value, k)))
            map->wrong = true;
    }
    return true;
}

/* "1%", "0.5 %": a share from 0 to 1. */
static bool percentage(const struct node *n, double *share)
{
    struct str text = str_trim(str_of(n->text));
    if (n->kind != NODE_TEXT || text.size < 2 || text.data[text.size - 1] != '%')
        return false;
    text.size--;
    if (!str_to_double(str_trim(text), share) || !(*share >= 0 && *share <= 100))
        return false;
    *share /= 100;
    return true;
}

void schema_read_check(struct report *r, const struct node *n, struct rule_check *check)
{
    if (!n || n->wrong)
        return;
    check->none = n->kind == NODE_TEXT;
    const struct node *limit = yaml_get(n, "limit"), *least = yaml_get(n, "least_documents");
    if (limit && !percentage(limit, &check->limit))
        report_error(r, limit->mark,
                     _("'limit' takes a percentage from 0%% to 100%%, such as 1%%, not '%s'"),
                     limit->text);
    if (least)
        schema_int(r, least, "least_documents", 2, 1000000, &check->least_documents);
}

/* The keys beside the recipe's that an adapter and the defaults share. */
static void check_adapter_keys(struct report *r, struct node *map)
{
    int64_t chain;
    struct node *check = yaml_get(map, "check");
    struct rule_check scratch;
    if (yaml_get(map, "max_chain"))
        schema_int(r, yaml_get(map, "max_chain"), "max_chain", 0, 1000, &chain);
    if (check && check->kind == NODE_MAP && schema_check(r, check, &schema_check_keys, "check"))
        schema_read_check(r, check, &scratch);
}

static void check_recipe(struct report *r, struct node *map, const char *name)
{
    struct recipe scratch = recipe_default(true);
    size_t before = r->errors;
    if (yaml_is_nothing(map) || !schema_check(r, map, &schema_recipe, name))
        return;
    recipe_read(r, map, &scratch, NULL);
    check_adapter_keys(r, map);
    map->wrong |= r->errors > before;
}

static void check_adapter(struct report *r, struct node *map, const char *name)
{
    struct recipe scratch = recipe_default(true);
    size_t before = r->errors;
    if (!schema_check(r, map, &schema_adapter, name))
        return;
    recipe_read(r, map, &scratch, NULL);
    check_adapter_keys(r, map);
    if (yaml_get(map, "from") && yaml_get(map, "continue"))
        report_error(r, yaml_get_key(map, "continue")->mark,
                     _("'%s' has both 'from' and 'continue'; keep one"), name);
    map->wrong |= r->errors > before;
}

static void check_dataset(struct report *r, struct node *map, const char *name)
{
    struct node *captions = yaml_get(map, "captions");
    size_t before = r->errors;
    if (!schema_check(r, map, &schema_dataset, name))
        return;
    if (captions && captions->kind == NODE_MAP &&
        schema_check(r, captions, &schema_captions, "captions") && !captions->wrong &&
        !yaml_get(captions, "command"))
        report_error(r, captions->mark, _("'captions' has no 'command'"));
    if (yaml_get(map, "text") && yaml_get(map, "images"))
        report_error(r, yaml_get_key(map, "images")->mark,
                     _("'%s' has both 'text' and 'images'; make two datasets"), name);
    map->wrong |= r->errors > before;
}

static void check_base(struct report *r, struct node *value, const char *name)
{
    if (value->kind == NODE_TEXT && !yaml_is_nothing(value))
        return;
    if (yaml_is_nothing(value)) {
        report_error(r, value->mark, _("base '%s' has no path"), name);
        value->wrong = true;
    } else if (schema_check(r, value, &schema_base, name) && !value->wrong &&
               !yaml_get(value, "path")) {
        report_error(r, value->mark, _("base '%s' has no 'path'"), name);
        value->wrong = true;
    }
}

static void check_group(struct report *r, struct node *value, const char *name)
{
    if (value->kind == NODE_TEXT && !yaml_is_nothing(value))
        return;
    value->wrong = true;
    if (value->kind == NODE_LIST)
        value->wrong = !check_items(r, value, name);
    else
        report_error(r, value->mark, _("group '%s' takes a list of adapters"), name);
}

static void each(struct report *r, struct node *section,
                 void (*check)(struct report *, struct node *, const char *))
{
    for (size_t i = 0; section && section->kind == NODE_MAP && i < section->count; i++) {
        struct pair *pair = &section->pairs[i];
        if (!pair->value->wrong || pair->value->kind != NODE_TEXT)
            check(r, pair->value, pair->key->text);
    }
}

void schema_check_file(struct report *r, struct node *root)
{
    struct node *base = yaml_get(root, "base"), *defaults = yaml_get(root, "defaults");
    if (root->kind != NODE_MAP) {
        report_error(r, root->mark, _("a rule file begins with keys, such as base: and adapters:"));
        return;
    }
    schema_check(r, root, &schema_rules, "");
    if (base && yaml_get(base, "path"))
        check_base(r, base, "base");
    else
        each(r, base, check_base);
    if (!yaml_is_nothing(defaults) && schema_check(r, defaults, &schema_defaults, "defaults"))
        each(r, defaults, check_recipe);
    each(r, yaml_get(root, "datasets"), check_dataset);
    each(r, yaml_get(root, "adapters"), check_adapter);
    each(r, yaml_get(root, "groups"), check_group);
}

struct place schema_place(struct mark m)
{
    return (struct place){m.source ? m.source->shown : "", m.line, m.column};
}
