/* Patterns and exact names → one instance a name. */
#include "rules/load.h"

#include "lorabuild/common/text.h"

#include <stdlib.h>
#include <string.h>

static struct instance *add(struct instances *out, struct instance i)
{
    if (out->count == out->capacity) {
        out->capacity = out->capacity ? out->capacity * 2 : 32;
        out->items = mem_grow(out->items, out->capacity, sizeof *out->items);
    }
    i.index = -1;
    out->items[out->count] = i;
    return &out->items[out->count++];
}

static const char *with_client(struct arena *a, const char *text, const char *client)
{
    struct strbuf b = {0};
    for (const char *p = text; *p; p++) {
        if (*p == '%')
            strbuf_add_text(&b, client);
        else
            strbuf_add_byte(&b, *p);
    }
    const char *result = arena_strndup(a, b.data ? b.data : "", b.size);
    strbuf_free(&b);
    return result;
}

static bool is_pattern(const struct entry *e)
{
    return strchr(e->key->text, '%') != NULL;
}

static bool pattern_fine(struct load *l, const struct node *key)
{
    const char *first = strchr(key->text, '%');
    if (!l->document.clients)
        report_error(&l->report, key->mark, _("'%s' needs clients:, such as clients: clients/%%/"),
                     key->text);
    else if (strchr(first + 1, '%'))
        report_error(&l->report, key->mark, _("'%s' has two %%; a name has one"), key->text);
    else
        return l->rules->clients_root != NULL;
    return false;
}

/* Two patterns that make one name: the later one is at fault. */
static void drop_twins(struct load *l, struct instances *out)
{
    names_sort(&out->index);
    for (size_t i = 1; i < out->index.count; i++) {
        if (strcmp(out->index.sorted[i].text, out->index.sorted[i - 1].text) != 0)
            continue;
        struct instance *a = &out->items[out->index.sorted[i - 1].id];
        struct instance *b = &out->items[out->index.sorted[i].id];
        report_error(&l->report, b->pattern->key->mark, _("'%s' and '%s' (%s) both make '%s'"),
                     b->pattern->key->text, a->pattern->key->text,
                     place_words(l, b->pattern->key->mark, a->pattern->key->mark), b->name);
    }
}

/* Has the name the form of a pattern, for a client that is not there? */
static const struct entry *pattern_like(const struct section *s, const char *name,
                                        struct str *client)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < s->count; i++) {
        const char *pattern = s->items[i].key->text, *percent = strchr(pattern, '%');
        if (!percent || strchr(percent + 1, '%'))
            continue;
        size_t before = (size_t)(percent - pattern), behind = strlen(percent + 1);
        if (size <= before + behind || memcmp(name, pattern, before) != 0 ||
            strcmp(name + size - behind, percent + 1) != 0)
            continue;
        *client = (struct str){name + before, size - before - behind};
        return &s->items[i];
    }
    return NULL;
}

static bool has_any(const struct node *map, const char *const *keys)
{
    for (size_t i = 0; keys[i]; i++)
        if (yaml_get(map, keys[i]))
            return true;
    return map->kind != NODE_MAP;
}

static void exact(struct load *l, const struct section *s, const struct entry *e,
                  const char *const *needs, struct instances *out)
{
    size_t id;
    struct str client;
    const struct entry *like;
    const char *name = e->key->text;
    if (names_find(&out->index, name, &id)) {
        out->items[id].exact = e;
        return;
    }
    struct instance *i = add(out, (struct instance){.name = name, .exact = e});
    if (has_any(e->value, needs) || e->value->wrong || !(like = pattern_like(s, name, &client)))
        return;
    i->absent = arena_printf(l->arena, _("there is no client '%.*s' ('%s' makes it, %s:%zu)"),
                             (int)client.size, client.data, like->key->text,
                             like->key->mark.source->shown, like->key->mark.line);
    report_warning(&l->report, e->key->mark, _("there is no client '%.*s', so no '%s'"),
                   (int)client.size, client.data, name);
}

static size_t position(const struct section *s, const struct instance *i)
{
    return (size_t)((i->pattern ? i->pattern : i->exact) - s->items);
}

/* By appearance; the instances of a pattern by client. `index` = position, for the moment. */
static int by_position(const void *a, const void *b)
{
    const struct instance *x = a, *y = b;
    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return x->client && y->client ? strcmp(x->client, y->client) : 0;
}

static void order(const struct section *s, struct instances *out)
{
    for (size_t i = 0; i < out->count; i++)
        out->items[i].index = (int)position(s, &out->items[i]);
    if (out->count)
        qsort(out->items, out->count, sizeof *out->items, by_position);
    out->index.count = 0;
    for (size_t i = 0; i < out->count; i++) {
        out->items[i].index = -1;
        names_add(&out->index, out->items[i].name, i);
    }
    names_sort(&out->index);
}

void expand(struct load *l, const struct section *s, const char *const *needs,
            struct instances *out)
{
    const struct rules *r = l->rules;
    for (size_t i = 0; i < s->count; i++) {
        const struct entry *e = &s->items[i];
        if (!is_pattern(e) || !pattern_fine(l, e->key))
            continue;
        for (size_t c = 0; c < r->client_count; c++) {
            struct instance instance = {.client = r->clients[c], .pattern = e};
            instance.name = with_client(l->arena, e->key->text, r->clients[c]);
            add(out, instance);
            names_add(&out->index, instance.name, out->count - 1);
        }
    }
    drop_twins(l, out);
    for (size_t i = 0; i < s->count; i++)
        if (!is_pattern(&s->items[i]))
            exact(l, s, &s->items[i], needs, out);
    order(s, out);
}

struct mark instance_mark(const struct instance *i)
{
    return (i->exact ? i->exact : i->pattern)->key->mark;
}

bool instance_wrong(const struct instance *i)
{
    return (i->exact && i->exact->value->wrong) || (i->pattern && i->pattern->value->wrong);
}

struct value instance_get(const struct instance *i, const char *key, const char *rival)
{
    struct node *n = i->exact ? yaml_get(i->exact->value, key) : NULL;
    bool hidden = rival && i->exact && yaml_get(i->exact->value, rival);
    if (!n && i->pattern && !hidden)
        n = yaml_get(i->pattern->value, key);
    return (struct value){yaml_is_nothing(n) ? NULL : n, i};
}

size_t value_count(struct value v)
{
    return !v.node || v.node->kind == NODE_MAP ? 0 : v.node->kind == NODE_LIST ? v.node->count : 1;
}

struct node *value_node(struct value v, size_t item)
{
    return v.node->kind == NODE_LIST ? v.node->items[item] : v.node;
}

const char *value_item(struct load *l, struct value v, size_t item)
{
    const struct node *n = value_node(v, item);
    if (n->kind != NODE_TEXT || n->wrong)
        return NULL;
    if (!strchr(n->text, '%'))
        return n->text;
    if (v.instance->client)
        return with_client(l->arena, n->text, v.instance->client);
    report_error(&l->report, n->mark,
                 _("%% stands for a client, but '%s' has none; put %% into its name"),
                 v.instance->name);
    return NULL;
}

const char *value_text(struct load *l, struct value v)
{
    return v.node && v.node->kind == NODE_TEXT ? value_item(l, v, 0) : NULL;
}
