/* Adapters: what they refer to, in which order they stand, and their recipes. */
#include "rules/load.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What is known of an instance before it is an adapter. */
struct reference {
    struct value value; /* of from: or continue: */
    size_t parent;      /* index of the instance + 1; 0 = none */
    bool continues;
    enum pin pin;
    int version;
    enum { NEW, ON_PATH, DONE } state;
};

struct building {
    struct load *load;
    struct reference *references; /* by instance */
    int64_t *joint_rank;          /* by adapter: its own and its parents' */
};

static const char **adapter_names(struct load *l)
{
    const struct instances *all = &l->adapters;
    const char **names = arena_array(l->arena, all->count + 1, sizeof *names);
    for (size_t i = 0; i < all->count; i++)
        names[i] = all->items[i].name;
    return names;
}

/* "city@v3" → city, 3; "city@latest" → city. */
static const char *split_pin(struct arena *a, const char *text, struct reference *r)
{
    const char *at = strrchr(text, '@');
    int64_t version;
    r->pin = PIN_STICKY;
    if (!at || at == text)
        return text;
    if (strcmp(at + 1, "latest") == 0)
        r->pin = PIN_LATEST;
    else if (at[1] == 'v' && at[2] >= '1' && at[2] <= '9' && str_to_int(str_of(at + 2), &version) &&
             version <= 1000000)
        r->pin = PIN_VERSION, r->version = (int)version;
    else
        return text;
    return arena_strndup(a, text, (size_t)(at - text));
}

static void refer(struct building *b, size_t index)
{
    struct load *l = b->load;
    const struct instance *i = &l->adapters.items[index];
    struct reference *r = &b->references[index];
    struct value from = instance_get(i, "from", "continue");
    struct value continued = instance_get(i, "continue", "from");
    r->value = continued.node ? continued : from;
    r->continues = continued.node != NULL;
    const char *text = r->value.node ? value_text(l, r->value) : NULL;
    size_t id;
    if (!text)
        return;
    const char *name = split_pin(l->arena, text, r);
    if (names_find(&l->adapters.index, name, &id))
        r->parent = id + 1;
    else
        report_error(&l->report, r->value.node->mark, _("there is no adapter '%s'%s"), name,
                     report_did_you_mean(&l->report, name, adapter_names(l), l->adapters.count));
}

static int find_base(struct load *l, const struct instance *i, const struct rule_adapter *parent)
{
    struct value own = instance_get(i, "base", NULL);
    if (own.node) {
        const char *text = value_text(l, own);
        int base = text ? base_find(l, own.node, text) : -1;
        if (base >= 0 && parent && parent->base >= 0 &&
            strcmp(l->rules->bases[base].path, l->rules->bases[parent->base].path) != 0)
            report_error(&l->report, own.node->mark,
                         _("'%s' is built on %s, but its parent '%s' on %s"), i->name, text,
                         parent->name, l->rules->bases[parent->base].name);
        return base;
    }
    if (parent)
        return parent->base;
    if (l->document.bases.count == 1)
        return l->rules->base_count ? 0 : -1;
    if (!instance_wrong(i))
        report_error(&l->report, instance_mark(i),
                     l->document.bases.count ? _("'%s' has no 'base', and there are several")
                                             : _("'%s' has no 'base'"),
                     i->name);
    return -1;
}

static void no_dataset(struct load *l, const struct node *n, const char *name)
{
    const struct instances *all = &l->datasets;
    const char **names = arena_array(l->arena, all->count + 1, sizeof *names);
    struct stat st;
    for (size_t i = 0; i < all->count; i++)
        names[i] = all->items[i].name;
    if (stat(path_absolute(l, n, name), &st) == 0)
        report_error(&l->report, n->mark, _("there is no dataset '%s'; for the path write './%s'"),
                     name, name);
    else
        report_error(&l->report, n->mark, _("there is no dataset '%s'%s"), name,
                     report_did_you_mean(&l->report, name, names, all->count));
}

/* The dataset of one item of data:, or -1. */
static int find_data(struct load *l, struct value v, size_t item, bool images, const char **absent)
{
    const char *text = value_item(l, v, item);
    size_t id;
    if (!text)
        return -1;
    if (strchr(text, '/'))
        return dataset_from_path(l, v, item, text, images, absent);
    if (!names_find(&l->datasets.index, text, &id)) {
        no_dataset(l, value_node(v, item), text);
        return -1;
    }
    const struct instance *dataset = &l->datasets.items[id];
    *absent = dataset->absent ? dataset->absent : *absent;
    return dataset->index;
}

static void join_data(struct load *l, struct rule_adapter *a, const struct node *n, int index)
{
    const struct rule_dataset *d = &l->rules->datasets[index];
    const char *note = NULL;
    if (d->client && d->name == d->written)
        note = secret_by_path(l, d->client, n->mark);
    else if (d->client)
        note = arena_printf(l->arena, _("'%s' is secret to %s (%s:%zu)"), d->name, d->client,
                            d->place.file, d->place.line);
    client_join(l, &a->client, d->client, n->mark, a->name, _("learn from"), note);
}

/* false: this client does not have what it takes (`absent` is set). */
static bool read_data(struct load *l, struct instance *i, struct rule_adapter *a)
{
    struct value v = instance_get(i, "data", NULL);
    size_t count = value_count(v);
    bool images = a->base >= 0 && base_paints(l->rules->bases[a->base].path);
    int *data = arena_array(l->arena, count ? count : 1, sizeof *data);
    if (!count && !instance_wrong(i))
        report_error(&l->report, v.node ? v.node->mark : instance_mark(i), _("'%s' has no 'data'"),
                     i->name);
    for (size_t item = 0; item < count; item++) {
        const struct node *n = value_node(v, item);
        int found = find_data(l, v, item, images, &i->absent);
        if (i->absent)
            return false;
        bool twice = found < 0;
        for (size_t k = 0; k < a->data_count; k++)
            twice |= data[k] == found;
        if (twice)
            continue;
        data[a->data_count++] = found;
        join_data(l, a, n, found);
        if (l->rules->datasets[found].kind != l->rules->datasets[data[0]].kind)
            report_error(&l->report, n->mark, _("'%s' would learn from texts and pictures"),
                         a->name);
        if (l->rules->datasets[found].not_built_kind)
            a->not_built_kind = l->rules->datasets[found].not_built_kind;
    }
    a->data = data;
    if (images)
        a->not_built_kind = "pictures";
    return true;
}

static bool same_targets(const struct recipe *a, const struct recipe *b)
{
    if (a->target_count != b->target_count || !a->targets != !b->targets)
        return false;
    for (size_t i = 0; i < a->target_count; i++)
        if (strcmp(a->targets[i], b->targets[i]) != 0)
            return false;
    return true;
}

static void take_place(struct rule_adapter *a, const struct rule_adapter *parent, const char *key)
{
    size_t index = (size_t)(recipe_key_find(key) - recipe_keys);
    a->recipe_place[index] = parent->recipe_place[index];
}

/* T31: what goes on from its parent's own weights has their shape and scale. What the adapter
 * itself does not say it takes from the parent; what it says must agree. */
static void continue_recipe(struct load *l, const struct instance *i, struct rule_adapter *a,
                            const struct rule_adapter *parent)
{
    const struct node *rank = instance_get(i, "rank", NULL).node;
    const struct node *alpha = instance_get(i, "alpha", NULL).node;
    const struct node *targets = instance_get(i, "targets", NULL).node;
    if (!rank)
        a->recipe.rank = parent->recipe.rank, take_place(a, parent, "rank");
    if (!alpha)
        a->recipe.alpha = parent->recipe.alpha, take_place(a, parent, "alpha");
    if (!targets) {
        a->recipe.targets = parent->recipe.targets;
        a->recipe.target_count = parent->recipe.target_count;
        take_place(a, parent, "targets");
    }
    recipe_resolve(&a->recipe);
    if (rank && a->recipe.rank != parent->recipe.rank)
        report_error(&l->report, rank->mark,
                     _("'%s' has rank %lld, but continues '%s', whose rank is %lld; write rank: "
                       "%lld, or from: instead of continue:"),
                     a->name, (long long)a->recipe.rank, parent->name,
                     (long long)parent->recipe.rank, (long long)parent->recipe.rank);
    else if (alpha && a->recipe.alpha != parent->recipe.alpha)
        report_error(&l->report, alpha->mark,
                     _("'%s' continues '%s', whose alpha is another; leave alpha out"), a->name,
                     parent->name);
    if (targets && !same_targets(&a->recipe, &parent->recipe))
        report_error(&l->report, targets->mark,
                     _("'%s' continues '%s', whose targets are others; leave targets out"), a->name,
                     parent->name);
}

/* The rank of the exported file, which joins an adapter with its parents. */
static void check_joint_rank(struct building *b, const struct instance *i,
                             const struct rule_adapter *a)
{
    struct load *l = b->load;
    int64_t parents = 0, most = a->recipe.max_rank;
    if (a->parent >= 0)
        parents = b->joint_rank[a->parent] -
                  (a->continues ? l->rules->adapters[a->parent].recipe.rank : 0);
    int64_t joint = b->joint_rank[l->rules->adapter_count] = a->recipe.rank + parents;
    if (!most || joint <= most)
        return;
    const struct node *own = instance_get(i, "max_rank", NULL).node;
    struct mark m = own ? own->mark : instance_mark(i);
    if (parents)
        report_error(&l->report, m,
                     _("'%s' joined with its parents has rank %lld (%lld + %lld), above max_rank "
                       "%lld"),
                     a->name, (long long)joint, (long long)a->recipe.rank, (long long)parents,
                     (long long)most);
    else
        report_error(&l->report, m, _("'%s' has rank %lld, above max_rank %lld"), a->name,
                     (long long)joint, (long long)most);
}

/* `none`, `auto`, or requests; a later layer replaces an earlier one's. */
static void read_report(struct load *l, const struct node *map, struct rule_adapter *a)
{
    const struct node *n = yaml_get(map, "report");
    if (!n)
        return;
    const struct node *word = n->kind == NODE_TEXT ? n : NULL;
    size_t count = word ? 1 : n->kind == NODE_LIST ? n->count : 0;
    a->no_report = word && strcmp(word->text, "none") == 0;
    a->request_count = 0;
    if (a->no_report || (word && strcmp(word->text, "auto") == 0))
        return;
    a->requests = arena_array(l->arena, count, sizeof *a->requests);
    for (size_t i = 0; i < count; i++) {
        const struct node *item = word ? word : n->items[i];
        if (item->kind == NODE_TEXT) /* else it is told already */
            a->requests[a->request_count++] = arena_strdup(l->arena, item->text);
    }
}

/* One layer of what is said of an adapter: of defaults:, a pattern, or its exact name. */
static void read_layer(struct load *l, const struct node *map, struct rule_adapter *a)
{
    const struct node *chain = yaml_get(map, "max_chain");
    recipe_read(&l->report, map, &a->recipe, a->recipe_place);
    if (chain)
        schema_int(&l->report, chain, "max_chain", 0, 1000, &a->max_chain);
    schema_read_check(&l->report, yaml_get(map, "check"), &a->check);
    read_report(l, map, a);
}

static void read_recipe(struct building *b, const struct instance *i, struct rule_adapter *a)
{
    struct load *l = b->load;
    bool pictures = a->not_built_kind && strcmp(a->not_built_kind, "pictures") == 0;
    const struct section *defaults =
        pictures ? &l->document.image_defaults : &l->document.text_defaults;
    const struct node *layers[] = {i->pattern ? i->pattern->value : NULL,
                                   i->exact ? i->exact->value : NULL};
    a->recipe = recipe_default(a->parent < 0);
    a->max_chain = 5;
    a->check = RULE_CHECK_DEFAULT;
    for (size_t k = 0; k < defaults->count; k++)
        read_layer(l, defaults->items[k].value, a);
    for (size_t k = 0; k < sizeof layers / sizeof *layers; k++)
        read_layer(l, layers[k], a);
    if (a->continues && a->parent >= 0)
        continue_recipe(l, i, a, &l->rules->adapters[a->parent]);
    recipe_resolve(&a->recipe);
    check_joint_rank(b, i, a);
}

/* Turns one instance into an adapter; its parent is done. */
static void finish(struct building *b, size_t index)
{
    struct load *l = b->load;
    struct instance *i = &l->adapters.items[index];
    const struct reference *r = &b->references[index];
    const struct instance *above = r->parent ? &l->adapters.items[r->parent - 1] : NULL;
    if (above && above->absent)
        i->absent = above->absent;
    if (i->absent)
        return;
    const struct rule_adapter *parent =
        above && above->index >= 0 ? &l->rules->adapters[above->index] : NULL;
    struct rule_adapter a = {.name = i->name,
                             .client = i->client,
                             .pin = r->pin,
                             .pinned_version = r->version,
                             .continues = r->continues,
                             .place = schema_place(instance_mark(i))};
    a.parent = parent ? above->index : -1;
    a.not_built_kind = parent ? parent->not_built_kind : NULL;
    a.base = find_base(l, i, parent);
    if (!read_data(l, i, &a))
        return;
    if (a.base >= 0 && l->rules->bases[a.base].client)
        client_join(l, &a.client, l->rules->bases[a.base].client, instance_mark(i), a.name,
                    _("learn from"), _("by its base"));
    if (parent && parent->client)
        client_join(l, &a.client, parent->client, r->value.node->mark, a.name, _("learn from"),
                    arena_printf(l->arena, _("'%s' belongs to %s (%s:%zu)"), parent->name,
                                 parent->client, parent->place.file, parent->place.line));
    struct value trigger = instance_get(i, "trigger", NULL);
    a.trigger = trigger.node ? value_text(l, trigger) : NULL;
    a.output = arena_printf(l->arena, "%s/adapters/%s",
                            strcmp(l->rules->root, "/") == 0 ? "" : l->rules->root, a.name);
    read_recipe(b, i, &a);
    i->index = (int)l->rules->adapter_count;
    l->rules->adapters[l->rules->adapter_count++] = a;
}

/* "a from b from a" */
static void report_cycle(struct building *b, size_t first)
{
    struct load *l = b->load;
    const char *words = l->adapters.items[first].name;
    size_t i = first, shown = 0;
    do {
        i = b->references[i].parent - 1;
        if (shown++ < 6)
            words = arena_printf(l->arena, _("%s from %s"), words, l->adapters.items[i].name);
    } while (i != first);
    report_error(&l->report, b->references[first].value.node->mark,
                 _("'%s' would learn from itself: %s%s"), l->adapters.items[first].name, words,
                 shown > 6 ? " …" : "");
    b->references[first].parent = 0;
}

/* Parents before children, otherwise by appearance. Without recursion: chains may be long. */
static void build_in_order(struct building *b)
{
    size_t count = b->load->adapters.count;
    size_t *path = mem_array(count, sizeof *path);
    for (size_t start = 0; start < count; start++) {
        size_t length = 0, at = start;
        while (b->references[at].state == NEW) {
            b->references[at].state = ON_PATH;
            path[length++] = at;
            size_t parent = b->references[at].parent;
            if (!parent)
                break;
            if (b->references[parent - 1].state == ON_PATH) {
                report_cycle(b, at);
                break;
            }
            at = parent - 1;
        }
        while (length > 0) {
            finish(b, path[--length]);
            b->references[path[length]].state = DONE;
        }
    }
    free(path);
}

static bool has_key(const struct section *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->items[i].key->text, name) == 0)
            return true;
    return false;
}

/* While there are no clients yet, patterns make nothing that could be looked up: then their
 * words are compared with the words of the other entries. */
static void check_unused_pattern(struct load *l, const struct entry *e)
{
    const struct instance as_written = {.name = e->key->text, .client = "%", .pattern = e};
    struct value data = instance_get(&as_written, "data", NULL);
    static const char *const keys[] = {"from", "continue"};
    struct reference pin;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct value v = instance_get(&as_written, keys[i], NULL);
        const char *text = v.node ? value_text(l, v) : NULL;
        const char *name = text ? split_pin(l->arena, text, &pin) : NULL;
        if (name && !has_key(&l->document.adapters, name))
            report_error(
                &l->report, v.node->mark, _("there is no adapter '%s'%s"), name,
                report_did_you_mean(&l->report, name, adapter_names(l), l->adapters.count));
    }
    for (size_t i = 0; i < value_count(data); i++) {
        const char *name = value_item(l, data, i);
        if (name && !strchr(name, '/') && !has_key(&l->document.datasets, name))
            no_dataset(l, value_node(data, i), name);
    }
}

static void check_unused_patterns(struct load *l)
{
    const struct section *s = &l->document.adapters;
    for (size_t i = 0; !l->rules->client_count && i < s->count; i++)
        if (strchr(s->items[i].key->text, '%'))
            check_unused_pattern(l, &s->items[i]);
}

void absent_add(struct load *l, const char *name, const char *why)
{
    struct rules *r = l->rules;
    if (r->absent_count == l->absent_capacity) {
        l->absent_capacity = l->absent_capacity ? l->absent_capacity * 2 : 16;
        struct rule_absent *larger = arena_array(l->arena, l->absent_capacity, sizeof *larger);
        if (r->absent_count)
            memcpy(larger, r->absent, r->absent_count * sizeof *larger);
        r->absent = larger;
    }
    r->absent[r->absent_count++] = (struct rule_absent){name, why};
}

void adapters_read(struct load *l)
{
    static const char *const needs[] = {"data", "from", "continue", NULL};
    expand(l, &l->document.adapters, needs, &l->adapters);
    size_t count = l->adapters.count;
    l->rules->adapters = arena_array(l->arena, count ? count : 1, sizeof *l->rules->adapters);
    struct building b = {.load = l};
    b.references = mem_array(count, sizeof *b.references);
    b.joint_rank = mem_array(count, sizeof *b.joint_rank);
    for (size_t i = 0; i < count; i++)
        refer(&b, i);
    build_in_order(&b);
    check_unused_patterns(l);
    for (size_t i = 0; i < count; i++)
        if (l->adapters.items[i].absent)
            absent_add(l, l->adapters.items[i].name, l->adapters.items[i].absent);
    free(b.joint_rank);
    free(b.references);
}
