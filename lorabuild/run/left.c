#include "lorabuild/run/left.h"

#include "cache/lineage.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_made(const struct rules *r, const char *folder)
{
    for (size_t i = 0; i < r->adapter_count; i++)
        if (path_is_beneath(r->adapters[i].output, folder))
            return true;
    return false;
}

static const char *why_absent(const struct rules *r, const char *name)
{
    for (size_t i = 0; i < r->absent_count; i++)
        if (strcmp(r->absent[i].name, name) == 0)
            return r->absent[i].why;
    return NULL;
}

static void look(struct left_adapters *l, const struct rules *r, const char *above,
                 const char *name)
{
    char *folder = path_join(above, name);
    struct lineage versions;
    if (is_made(r, folder) || !lineage_load(&versions, folder, name, NULL)) {
        free(folder);
        return;
    }
    const struct version *v = lineage_version(&versions, versions.current);
    if (versions.count) {
        const json_t *documents = v ? json_object_get(v->manifest, "documents") : NULL;
        l->items = mem_grow(l->items, l->count + 1, sizeof *l->items);
        l->items[l->count++] =
            (struct left_adapter){.name = mem_strdup(name),
                                  .in_use = versions.current,
                                  .documents = (size_t)json_integer_value(documents),
                                  .why = why_absent(r, name)};
    }
    lineage_free(&versions);
    free(folder);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct left_adapter *)a)->name, ((const struct left_adapter *)b)->name);
}

/* A group lacks what its first missing member lacks. */
static bool is_asked(const struct rules *r, const char *name, const char *asked)
{
    if (!asked || strcmp(name, asked) == 0)
        return true;
    const char *mine = why_absent(r, name), *its = why_absent(r, asked);
    return mine && its && strcmp(mine, its) == 0;
}

void left_find(struct left_adapters *l, const struct rules *r, const char *name)
{
    *l = (struct left_adapters){0};
    char *folder = path_join(r->root, "adapters");
    DIR *d = opendir(folder);
    for (struct dirent *entry; d && (entry = readdir(d));)
        if (entry->d_name[0] != '.' && is_asked(r, entry->d_name, name))
            look(l, r, folder, entry->d_name);
    if (d)
        closedir(d);
    free(folder);
    if (l->count)
        qsort(l->items, l->count, sizeof *l->items, by_name);
}

void left_free(struct left_adapters *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->items[i].name);
    free(l->items);
    *l = (struct left_adapters){0};
}

void left_say(const struct left_adapter *a, struct error *e)
{
    struct strbuf name = {0}, why = {0};
    char learned[64] = "";
    strbuf_add_shown(&name, str_of(a->name));
    strbuf_add_shown(&why, str_of(a->why ? a->why : _("no rule makes it now")));
    if (a->in_use)
        snprintf(learned, sizeof learned, _("; v%d learned %zu %s"), a->in_use, a->documents,
                 a->documents == 1 ? _("document") : _("documents"));
    error_set(e, ERROR_INPUT,
              a->why ? _("%-8s  %s%s\n"
                         "          Share not mounted? Mount it and run again.\n"
                         "          All withdrawn? Make the folder anew, empty, and run\n"
                         "          lorabuild forget %s --all")
                     : _("%-8s  %s%s\n"
                         "          Share not mounted? Mount it and run again."),
              name.data, why.data, learned, name.data);
    strbuf_free(&why);
    strbuf_free(&name);
}
