/* The rule file and those that it includes, read into one document. */
#include "rules/load.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"

#include <stdlib.h>
#include <string.h>

enum { FILES_MOST = 100, VERSION = 1 };

struct reading {
    struct load *load;
    const char *paths[FILES_MOST]; /* files met so far */
};

void section_add(struct section *s, struct node *key, struct node *value)
{
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? s->capacity * 2 : 16;
        s->items = mem_grow(s->items, s->capacity, sizeof *s->items);
    }
    s->items[s->count++] = (struct entry){key, value};
}

static void add_map(struct section *s, const struct node *map)
{
    for (size_t i = 0; map && map->kind == NODE_MAP && i < map->count; i++)
        section_add(s, map->pairs[i].key, map->pairs[i].value);
}

static void add_words(struct section *s, struct node *n)
{
    if (yaml_is_nothing(n))
        return;
    if (n->kind == NODE_TEXT)
        section_add(s, n, n);
    for (size_t i = 0; n->kind == NODE_LIST && i < n->count; i++)
        if (n->items[i]->kind == NODE_TEXT)
            section_add(s, n->items[i], n->items[i]);
}

static void add_base(struct section *s, struct node *base)
{
    if (yaml_is_nothing(base) || base->kind == NODE_LIST)
        return;
    struct node *path = yaml_get(base, "path");
    if (base->kind == NODE_TEXT)
        section_add(s, base, base);
    else if (path && path->kind == NODE_TEXT)
        section_add(s, path, base); /* one base in long form: its path is its name */
    else
        add_map(s, base);
}

static void add_defaults(struct document *d, const struct node *defaults)
{
    struct node *text = yaml_get(defaults, "text"), *image = yaml_get(defaults, "image");
    if (text)
        section_add(&d->text_defaults, yaml_get_key(defaults, "text"), text);
    if (image)
        section_add(&d->image_defaults, yaml_get_key(defaults, "image"), image);
}

/* A newer language is not judged by this version's rules. */
static bool version_known(struct load *l, const struct node *root)
{
    const struct node *version = yaml_get(root, "lorabuild");
    int64_t number;
    if (!version || version->kind != NODE_TEXT || yaml_is_nothing(version))
        return true;
    if (!str_to_int(str_of(version->text), &number) || number < 1) {
        report_error(&l->report, version->mark,
                     _("'lorabuild' takes the version of the rule language, 1, not '%s'"),
                     version->text);
        return true;
    }
    if (number <= VERSION)
        return true;
    report_error(&l->report, version->mark,
                 _("this file is written in version %lld of the rule language; this lorabuild "
                   "knows version %d"),
                 (long long)number, VERSION);
    return false;
}

static void read_one(struct reading *r, const char *path, const struct node *included);

static void read_includes(struct reading *r, struct node *include)
{
    struct section paths = {0};
    add_words(&paths, include);
    for (size_t i = 0; i < paths.count; i++) {
        const struct node *n = paths.items[i].value;
        read_one(r, path_absolute(r->load, n, n->text), n);
    }
    free(paths.items);
}

static void add_file(struct reading *r, struct node *root)
{
    struct load *l = r->load;
    struct document *d = &l->document;
    struct node *clients = yaml_get(root, "clients");
    if (clients && d->clients)
        report_error(&l->report, clients->mark, _("'clients' stands twice; it is in %s already"),
                     place_words(l, clients->mark, d->clients->mark));
    else if (clients && clients->kind == NODE_TEXT && !yaml_is_nothing(clients))
        d->clients = clients;
    add_words(&d->shared, yaml_get(root, "shared"));
    add_words(&d->includes, yaml_get(root, "include"));
    add_base(&d->bases, yaml_get(root, "base"));
    add_defaults(d, yaml_get(root, "defaults"));
    add_map(&d->datasets, yaml_get(root, "datasets"));
    add_map(&d->adapters, yaml_get(root, "adapters"));
    add_map(&d->groups, yaml_get(root, "groups"));
    read_includes(r, yaml_get(root, "include"));
}

/* `e` names the file by the path that was opened; a person knows it by another. */
static void cannot_read(struct load *l, const struct source *s, const char *path,
                        const struct node *included, const struct error *e)
{
    size_t n = strlen(path);
    const char *why = strncmp(e->message, path, n) == 0 ? e->message + n : e->message;
    why += strspn(why, ": ");
    report_error(&l->report, included ? included->mark : (struct mark){0}, "%s: %s", s->shown, why);
    l->document.whole = false;
}

/* A file that was met before is done already (or, if files include each other, under way). */
static bool met_before(struct reading *r, const char *path)
{
    size_t count = r->load->document.source_count;
    for (size_t i = 0; i < count; i++)
        if (strcmp(r->paths[i], path) == 0)
            return true;
    return false;
}

static void read_one(struct reading *r, const char *path, const struct node *included)
{
    struct load *l = r->load;
    struct document *d = &l->document;
    struct error e = {0};
    struct source *s = arena_alloc(l->arena, sizeof *s);
    s->order = d->source_count;
    if (d->source_count == FILES_MOST) {
        report_error(&l->report, included->mark, _("more than %d files are included"), FILES_MOST);
        return;
    }
    bool ok = source_read(s, path, l->arena, &e);
    if (ok && met_before(r, s->path))
        return;
    r->paths[d->source_count++] = s->path;
    if (!ok) {
        cannot_read(l, s, path, included, &e);
        return;
    }
    bool whole = false;
    struct node *root = yaml_read(s, &l->report, &whole);
    d->whole &= whole;
    if (!included)
        d->root = root;
    if (!root)
        return;
    if (!included && dialect_is_flat(root))
        return;
    if (!version_known(l, root)) {
        d->whole = false;
        return;
    }
    schema_check_file(&l->report, root);
    if (root->kind == NODE_MAP)
        add_file(r, root);
}

/* Keys that stand in two files. Within one file yaml.c has found them. */
static void report_twins(struct load *l, const struct section *s, const char *what)
{
    struct names names = {0};
    for (size_t i = 0; i < s->count; i++)
        names_add(&names, s->items[i].key->text, i);
    names_sort(&names);
    for (size_t i = 1; i < names.count; i++) {
        if (strcmp(names.sorted[i].text, names.sorted[i - 1].text) != 0)
            continue;
        const struct node *first = s->items[names.sorted[i - 1].id].key;
        const struct node *second = s->items[names.sorted[i].id].key;
        report_error(&l->report, second->mark, _("%s '%s' stands twice; it is in %s already"), what,
                     second->text, place_words(l, second->mark, first->mark));
    }
    names_free(&names);
}

static void report_default_twins(struct load *l, const struct section *maps, const char *what)
{
    struct section keys = {0};
    for (size_t i = 0; i < maps->count; i++)
        add_map(&keys, maps->items[i].value);
    report_twins(l, &keys, what);
    free(keys.items);
}

void document_read(struct load *l, const char *file)
{
    struct reading r = {.load = l};
    struct document *d = &l->document;
    d->whole = true;
    read_one(&r, file, NULL);
    if (d->source_count > 1) {
        report_twins(l, &d->bases, _("base"));
        report_twins(l, &d->datasets, _("dataset"));
        report_twins(l, &d->adapters, _("adapter"));
        report_twins(l, &d->groups, _("group"));
        report_default_twins(l, &d->text_defaults, _("the default"));
        report_default_twins(l, &d->image_defaults, _("the default"));
    }
    bool empty = d->whole && !d->root && l->report.errors == 0;
    if (empty)
        report_error(&l->report, (struct mark){0},
                     _("%s is empty; it needs at least base: and adapters:"), l->rules->shown);
    else if (d->whole && d->root && d->root->kind == NODE_MAP && !dialect_is_flat(d->root) &&
             !d->adapters.count && l->report.errors == 0)
        report_error(&l->report, (struct mark){0}, _("%s names no adapter; add adapters:"),
                     l->rules->shown);
}
