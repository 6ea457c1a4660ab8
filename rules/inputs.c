/* Bases and datasets: what adapters are made from. */
#include "rules/load.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void read_shared(struct load *l)
{
    struct rules *r = l->rules;
    const struct section *s = &l->document.shared;
    const char **roots = arena_array(l->arena, s->count ? s->count : 1, sizeof *roots);
    for (size_t i = 0; i < s->count; i++) {
        const struct node *n = s->items[i].value;
        char *real = realpath(path_absolute(l, n, n->text), NULL);
        if (!real)
            report_warning(&l->report, n->mark, _("'%s' does not exist"), n->text);
        else if (r->clients_root && path_is_beneath(real, r->clients_root))
            report_error(&l->report, n->mark, _("'%s' lies beneath clients: and cannot be shared"),
                         n->text);
        else
            roots[r->shared_count++] = arena_strdup(l->arena, real);
        free(real);
    }
    r->shared = roots;
}

static void check_includes(struct load *l)
{
    const struct section *s = &l->document.includes;
    for (size_t i = 0; l->rules->clients_root && i < s->count; i++) {
        const struct node *n = s->items[i].value;
        char *real = realpath(path_absolute(l, n, n->text), NULL);
        if (real && path_is_beneath(real, l->rules->clients_root))
            report_error(&l->report, n->mark,
                         _("'%s' lies beneath clients:; rules are read from elsewhere only"),
                         n->text);
        free(real);
    }
}

bool base_paints(const char *path)
{
    struct stat st;
    char *index = path_join(path, "model_index.json");
    bool folder = stat(index, &st) == 0;
    free(index);
    return folder || str_ends(str_of(path), ".safetensors");
}

/* T45: every link in a base's folder ends inside what may be read, as the folder itself. */
static void check_links(struct load *l, const struct node *n, const char *folder, int depth)
{
    DIR *d = opendir(folder);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *path = path_join(folder, entry->d_name);
        struct stat st;
        struct judged j;
        if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
            path_judge(l, n, path, false, &j);
        else if (depth > 0 && S_ISDIR(st.st_mode))
            check_links(l, n, path, depth - 1);
        free(path);
    }
    if (d)
        closedir(d);
}

static int add_base(struct load *l, struct rule_base base)
{
    struct rules *r = l->rules;
    if (r->base_count == l->base_capacity) {
        l->base_capacity = l->base_capacity ? l->base_capacity * 2 : 8;
        struct rule_base *larger = arena_array(l->arena, l->base_capacity, sizeof *larger);
        if (r->base_count)
            memcpy(larger, r->bases, r->base_count * sizeof *larger);
        r->bases = larger;
    }
    r->bases[r->base_count] = base;
    names_add(&l->bases, base.name, r->base_count);
    names_sort(&l->bases);
    return (int)r->base_count++;
}

static void judge_base(struct load *l, const struct node *n, struct rule_base *base)
{
    struct judged j;
    struct stat st;
    base->written = path_written(l, n, n->text);
    base->path = path_absolute(l, n, n->text);
    base->serve_base = -1;
    if (!path_judge(l, n, n->text, false, &j))
        return;
    base->path = j.kept;
    base->client = j.owner;
    if (l->rules->clients_root && stat(j.real, &st) == 0 && S_ISDIR(st.st_mode))
        check_links(l, n, j.kept, 2);
}

static void read_base(struct load *l, const struct entry *e)
{
    const struct node *path = e->value->kind == NODE_MAP ? yaml_get(e->value, "path") : e->value;
    const struct node *template = yaml_get(e->value, "template");
    if (e->value->wrong || !path || path->kind != NODE_TEXT || path->wrong)
        return;
    struct rule_base base = {.name = e->key->text, .place = schema_place(e->key->mark)};
    base.template = template && template->kind == NODE_TEXT ? template->text : NULL;
    if (strchr(path->text, '%') || strchr(e->key->text, '%')) {
        report_error(&l->report, path->mark, _("a base is the same for all clients: no %%"));
        return;
    }
    judge_base(l, path, &base);
    add_base(l, base);
}

static const char **base_names(struct load *l)
{
    const char **names = arena_array(l->arena, l->rules->base_count + 1, sizeof *names);
    for (size_t i = 0; i < l->rules->base_count; i++)
        names[i] = l->rules->bases[i].name;
    return names;
}

static bool is_path(const char *text)
{
    struct str s = str_of(text);
    return strchr(text, '/') || text[0] == '~' || str_ends(s, ".gguf") ||
           str_ends(s, ".safetensors");
}

int base_find(struct load *l, const struct node *n, const char *text)
{
    size_t id;
    if (names_find(&l->bases, text, &id))
        return (int)id;
    if (is_path(text)) {
        struct rule_base base = {.name = arena_strdup(l->arena, text)};
        base.place = schema_place(n->mark);
        judge_base(l, n, &base);
        return add_base(l, base);
    }
    report_error(&l->report, n->mark, _("there is no base '%s'%s"), text,
                 report_did_you_mean(&l->report, text, base_names(l), l->rules->base_count));
    return -1;
}

void bases_read(struct load *l)
{
    const struct section *s = &l->document.bases;
    read_shared(l);
    check_includes(l);
    for (size_t i = 0; i < s->count; i++)
        read_base(l, &s->items[i]);
    for (size_t i = 0; i < s->count; i++) {
        const struct node *serve = yaml_get(s->items[i].value, "serve_base");
        size_t id;
        if (!serve || serve->kind != NODE_TEXT || s->items[i].value->wrong ||
            !names_find(&l->bases, s->items[i].key->text, &id))
            continue;
        int found = base_find(l, serve, serve->text);
        l->rules->bases[id].serve_base = found;
    }
}

static int add_dataset(struct load *l, struct rule_dataset dataset)
{
    struct rules *r = l->rules;
    if (r->dataset_count == l->dataset_capacity) {
        l->dataset_capacity = l->dataset_capacity ? l->dataset_capacity * 2 : 32;
        struct rule_dataset *larger = arena_array(l->arena, l->dataset_capacity, sizeof *larger);
        if (r->dataset_count)
            memcpy(larger, r->datasets, r->dataset_count * sizeof *larger);
        r->datasets = larger;
    }
    r->datasets[r->dataset_count] = dataset;
    return (int)r->dataset_count++;
}

/* "client c has no clients/c/proposals (lorabuild.yaml:17)" */
static const char *lacking(struct load *l, const char *client, const char *written, struct mark m)
{
    return arena_printf(l->arena, _("client %s has no %s (%s:%zu)"), client, written,
                        m.source->shown, m.line);
}

/* The place of a path in a dataset. false: wrong. `absent`: the client does not have it. */
static bool place_dataset(struct load *l, const struct instance *i, const struct node *n,
                          const char *text, struct rule_dataset *d, const char **absent)
{
    struct judged j;
    bool own = i->client && strchr(n->text, '%');
    d->written = path_written(l, n, text);
    d->path = path_absolute(l, n, text);
    d->client = i->client;
    if (!path_judge(l, n, text, own, &j))
        return false;
    if (!j.there) {
        *absent = lacking(l, i->client, j.written, n->mark);
        return true;
    }
    d->written = j.written;
    d->path = j.real;
    return client_join(l, &d->client, j.owner, n->mark, d->name, _("learn from"),
                       j.owner ? secret_by_path(l, j.owner, n->mark) : NULL);
}

static const char *text_of(const struct node *n)
{
    return n && n->kind == NODE_TEXT ? n->text : "";
}

static void read_options(const struct instance *i, struct rule_dataset *d)
{
    const struct node *captions = instance_get(i, "captions", NULL).node;
    const char *word = text_of(captions);
    d->captions = strcmp(word, "headings") == 0 ? CAPTIONS_HEADINGS
                  : strcmp(word, "none") == 0   ? CAPTIONS_NONE
                                                : CAPTIONS_AUTO;
    d->edits_relearn = strcmp(text_of(instance_get(i, "edits", NULL).node), "relearn") == 0;
    d->review_required = strcmp(text_of(instance_get(i, "review", NULL).node), "required") == 0;
    if (d->kind == DATASET_IMAGES)
        d->not_built_kind = "pictures";
    else if (captions && captions->kind == NODE_MAP)
        d->not_built_kind = "captions by a command";
    else if (strcmp(word, "clip") == 0)
        d->not_built_kind = "captions by a model";
}

static void read_dataset(struct load *l, struct instance *i)
{
    struct value text = instance_get(i, "text", "images");
    struct value images = instance_get(i, "images", "text");
    struct value path = text.node ? text : images;
    const char *name = path.node ? value_text(l, path) : NULL;
    if (!name) {
        if (!path.node && !instance_wrong(i) && !i->absent)
            report_error(&l->report, instance_mark(i),
                         _("dataset '%s' has neither 'text' nor 'images'"), i->name);
        return;
    }
    struct rule_dataset d = {.name = i->name, .place = schema_place(instance_mark(i))};
    d.kind = text.node ? DATASET_TEXT : DATASET_IMAGES;
    if (strchr(i->name, '/'))
        report_error(&l->report, instance_mark(i),
                     _("the name of a dataset has no '/': '%s' would be read as a path"), i->name);
    place_dataset(l, i, path.node, name, &d, &i->absent);
    read_options(i, &d);
    if (!i->absent)
        i->index = add_dataset(l, d);
}

/* A pattern whose path no client has may be early; if a client has one of nearly that name, it is
 * likely misspelt. */
static void warn_of_slip(struct load *l, const struct instance *i, const struct node *path)
{
    struct value v = {(struct node *)(uintptr_t)path, i};
    const char *text = value_text(l, v);
    const char *hint = text ? path_did_you_mean(l, path_absolute(l, path, text), text) : "";
    if (*hint)
        report_warning(&l->report, path->mark, _("no client has '%s'%s"), path->text, hint);
}

static void warn_of_empty_patterns(struct load *l)
{
    const struct instances *all = &l->datasets;
    for (size_t i = 0; i < all->count;) {
        const struct entry *pattern = all->items[i].pattern;
        size_t from = i;
        bool there = false;
        for (; i < all->count && all->items[i].pattern == pattern; i++)
            there |= !all->items[i].absent;
        const struct node *path = pattern ? yaml_get(pattern->value, "text") : NULL;
        path = pattern && !path ? yaml_get(pattern->value, "images") : path;
        for (size_t k = from; path && path->kind == NODE_TEXT && !there && k < i; k++)
            warn_of_slip(l, &all->items[k], path);
    }
}

void datasets_read(struct load *l)
{
    static const char *const needs[] = {"text", "images", NULL};
    expand(l, &l->document.datasets, needs, &l->datasets);
    for (size_t i = 0; i < l->datasets.count; i++)
        read_dataset(l, &l->datasets.items[i]);
    warn_of_empty_patterns(l);
}

int dataset_from_path(struct load *l, struct value v, size_t item, const char *text, bool images,
                      const char **absent)
{
    const struct node *n = value_node(v, item);
    struct judged j;
    struct rule_dataset d = {.name = path_written(l, n, text), .place = schema_place(n->mark)};
    d.kind = images ? DATASET_IMAGES : DATASET_TEXT;
    d.not_built_kind = images ? "pictures" : NULL;
    for (size_t i = 0; i < l->rules->dataset_count; i++) {
        const struct rule_dataset *other = &l->rules->datasets[i];
        if (other->name == other->written && other->kind == d.kind &&
            strcmp(other->written, d.name) == 0)
            return (int)i;
    }
    if (!path_judge(l, n, text, v.instance->client && strchr(n->text, '%'), &j))
        return -1;
    if (!j.there) {
        *absent = lacking(l, v.instance->client, j.written, n->mark);
        return -1;
    }
    d.written = d.name; /* one pointer: that is how a path is told from a name above */
    d.path = j.real;
    d.client = j.owner;
    return add_dataset(l, d);
}
