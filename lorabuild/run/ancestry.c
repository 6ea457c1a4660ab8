#include "lorabuild/run/ancestry.h"

#include "lorabuild/run/facts.h"

#include <stdlib.h>
#include <string.h>

struct walk {
    struct workshop *workshop;
    struct ancestor *list;
    size_t count;
};

static int find_adapter(const struct rules *r, const char *name)
{
    for (size_t i = 0; i < r->adapter_count; i++)
        if (strcmp(r->adapters[i].name, name) == 0)
            return (int)i;
    return -1;
}

static bool is_listed(const struct walk *walk, const char *name, int number)
{
    for (size_t i = 0; i < walk->count; i++)
        if (walk->list[i].number == number && strcmp(walk->list[i].name, name) == 0)
            return true;
    return false;
}

/* Its parent's line first, then its own: whoever is listed stands behind all that it came from. */
static bool visit(struct walk *walk, const char *name, int number, struct error *e)
{
    struct ancestor a = {.name = name, .number = number};
    if (is_listed(walk, name, number))
        return true;
    a.adapter = find_adapter(walk->workshop->project->rules, name);
    if (a.adapter >= 0) {
        a.target = workshop_target(walk->workshop, a.adapter, e);
        if (!a.target)
            return false;
        a.version = lineage_version(&a.target->lineage, number);
    }
    if (a.version) {
        const json_t *parent = json_object_get(a.version->manifest, "parent");
        const char *beneath = json_string_value(json_object_get(parent, "name"));
        int version = (int)json_integer_value(json_object_get(parent, "version"));
        if (beneath && version && !visit(walk, beneath, version, e))
            return false;
        if (a.version->ancestor && a.version->ancestor != number &&
            !visit(walk, name, a.version->ancestor, e))
            return false;
    }
    walk->list = mem_grow(walk->list, walk->count + 1, sizeof *walk->list);
    walk->list[walk->count++] = a;
    return true;
}

bool ancestry_list(struct workshop *w, int adapter, int number, struct ancestor **list,
                   size_t *count, struct error *e)
{
    struct walk walk = {.workshop = w};
    bool ok = visit(&walk, w->project->rules->adapters[adapter].name, number, e);
    if (!ok) {
        free(walk.list);
        walk = (struct walk){0};
    }
    *list = walk.list;
    *count = walk.count;
    return ok;
}

static void add_document(char ***documents, size_t *count, const char *name)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp((*documents)[i], name) == 0)
            return;
    *documents = mem_grow(*documents, *count + 1, sizeof **documents);
    (*documents)[(*count)++] = mem_strdup(name);
}

char **ancestry_name(struct workshop *w, const struct ancestor *list, size_t count,
                     const struct digest_set *contents, size_t *document_count, size_t *unnamed)
{
    struct digest_set named = {0};
    char **documents = NULL;
    *document_count = 0;
    for (size_t i = count; i-- > 0;) {
        struct plan_set *set =
            list[i].target ? facts_recall_set(w, list[i].target, list[i].number) : NULL;
        if (!set)
            continue;
        for (size_t k = 0; k < set->count; k++) {
            const struct plan_sample *s = &set->samples[k];
            if (!digest_set_has(contents, s->content))
                continue;
            digest_set_add(&named, s->content);
            add_document(&documents, document_count, set->documents[s->document]);
        }
        facts_free_set(set);
    }
    digest_set_seal(&named);
    *unnamed = contents->count - named.count;
    digest_set_free(&named);
    return documents;
}
