/* Values of recipe keys, by the table that train/recipe.h defines. */
#include "rules/schema.h"

#include "lorabuild/common/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* 1e-09 or 16, whatever the locale: whole numbers and powers only stand in the table. */
static const char *number_words(struct report *r, double x)
{
    return x == floor(x) && fabs(x) < 1e16 ? arena_printf(r->arena, "%lld", (long long)x)
           : x < 1e-2                      ? arena_printf(r->arena, "1e%d", (int)round(log10(x)))
                                           : arena_printf(r->arena, "0.%02d", (int)round(x * 100));
}

static bool wrong_number(struct report *r, const struct node *n, const char *name, const char *kind,
                         double least, double most, const char *special)
{
    if (n->kind == NODE_TEXT && !n->wrong)
        report_error(r, yaml_is_nothing(n) ? n->origin : n->mark,
                     _("'%s' takes %s from %s to %s%s%s, not '%s'"), name, kind,
                     number_words(r, least), number_words(r, most), special ? _(", or ") : "",
                     special ? special : "", n->text);
    else if (!n->wrong)
        report_error(r, n->mark, _("'%s' takes %s, not %s"), name, kind,
                     n->kind == NODE_LIST ? _("a list") : _("a mapping"));
    return false;
}

/* A whole number; also one that is written as 1e3 or 8.0. */
static bool whole(const struct node *n, double least, double most, int64_t *value)
{
    double x;
    if (n->kind != NODE_TEXT)
        return false;
    if (!str_to_int(str_of(n->text), value)) {
        if (!str_to_double(str_of(n->text), &x) || x != floor(x) || fabs(x) > 9e15)
            return false;
        *value = (int64_t)x;
    }
    return (double)*value >= least && (double)*value <= most;
}

bool schema_int(struct report *r, const struct node *n, const char *name, int64_t least,
                int64_t most, int64_t *value)
{
    return whole(n, (double)least, (double)most, value) ||
           wrong_number(r, n, name, _("a whole number"), (double)least, (double)most, NULL);
}

static bool real(const struct node *n, double least, double most, double *value)
{
    int64_t i;
    if (n->kind != NODE_TEXT)
        return false;
    if (!str_to_double(str_of(n->text), value)) {
        if (!str_to_int(str_of(n->text), &i)) /* 0x10 */
            return false;
        *value = (double)i;
    }
    return *value >= least && *value <= most;
}

static bool read_choice(struct report *r, const struct node *n, const struct recipe_key *k,
                        int64_t *value)
{
    size_t count = 0;
    const char *words = "";
    for (; k->choices[count]; count++) {
        if (n->kind == NODE_TEXT && strcmp(k->choices[count], n->text) == 0) {
            *value = (int64_t)count;
            return true;
        }
        words = arena_printf(r->arena, "%s%s%s", words, count ? ", " : "", k->choices[count]);
    }
    if (n->kind != NODE_TEXT)
        report_error(r, n->mark, _("'%s' takes one of %s"), k->name, words);
    else if (!n->wrong)
        report_error(r, n->mark, _("'%s' takes %s, not '%s'%s"), k->name, words, n->text,
                     report_did_you_mean(r, n->text, k->choices, count));
    return false;
}

static bool read_names(struct report *r, const struct node *n, const struct recipe_key *k,
                       struct recipe *recipe)
{
    struct node *one = (struct node *)(uintptr_t)n;
    struct node *const *items = n->kind == NODE_LIST ? n->items : &one;
    size_t count = n->kind == NODE_LIST ? n->count : 1;
    char **names = arena_array(r->arena, count ? count : 1, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        bool fine = n->kind != NODE_MAP && items[i]->kind == NODE_TEXT && items[i]->text[0];
        if (!fine && !items[i]->wrong)
            report_error(r, items[i]->mark, _("'%s' takes names of layers, such as [q_proj]"),
                         k->name);
        if (!fine)
            return false;
        names[i] = arena_strdup(r->arena, items[i]->text);
    }
    if (!count) {
        report_error(r, n->mark, _("'%s' names no layer; leave it out for all"), k->name);
        return false;
    }
    recipe->targets = names;
    recipe->target_count = count;
    return true;
}

static bool read_value(struct report *r, const struct node *n, const struct recipe_key *k,
                       struct recipe *recipe)
{
    void *field = (char *)recipe + k->offset;
    bool special = k->special && n->kind == NODE_TEXT && strcmp(n->text, k->special) == 0;
    switch (k->kind) {
    case RECIPE_INT: {
        int64_t value = 0;
        if (!special && !whole(n, k->least, k->most, &value))
            return wrong_number(r, n, k->name, _("a whole number"), k->least, k->most, k->special);
        *(int64_t *)field = value;
        return true;
    }
    case RECIPE_NUMBER: {
        double value = 0;
        if (!special && !real(n, k->least, k->most, &value))
            return wrong_number(r, n, k->name, _("a number"), k->least, k->most, k->special);
        *(double *)field = value;
        return true;
    }
    case RECIPE_CHOICE: return read_choice(r, n, k, field);
    case RECIPE_NAMES: break;
    }
    if (!special)
        return read_names(r, n, k, recipe);
    recipe->targets = NULL;
    recipe->target_count = 0;
    return true;
}

/* Of steps and epochs the one given last, that is, nearest to the adapter, counts. */
static void settle_length(const struct node *map, struct recipe *recipe, struct place *places)
{
    struct recipe initial = recipe_default(true);
    bool steps = yaml_get(map, "steps") && recipe->steps;
    if (!steps && !yaml_get(map, "epochs"))
        return;
    if (steps)
        recipe->epochs = initial.epochs;
    else
        recipe->steps = initial.steps;
    const struct recipe_key *other = recipe_key_find(steps ? "epochs" : "steps");
    if (places && other)
        places[other - recipe_keys] = (struct place){0};
}

void recipe_read(struct report *r, const struct node *map, struct recipe *recipe,
                 struct place *places)
{
    for (size_t i = 0; map && map->kind == NODE_MAP && i < map->count; i++) {
        const struct recipe_key *k = recipe_key_find(map->pairs[i].key->text);
        if (!k)
            continue;
        const struct node *value = map->pairs[i].value;
        if (yaml_is_nothing(value))
            report_error(r, map->pairs[i].key->mark, _("'%s' has no value; leave it out"), k->name);
        else if (read_value(r, value, k, recipe) && places)
            places[k - recipe_keys] = schema_place(value->origin);
    }
    if (yaml_get(map, "steps") && yaml_get(map, "epochs"))
        report_error(r, yaml_get_key(map, "epochs")->mark,
                     _("'steps' and 'epochs' say two things; keep one (steps: line %zu)"),
                     yaml_get_key(map, "steps")->mark.line);
    settle_length(map, recipe, places);
}
