#include "rules/rules.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "rules/load.h"

#include <stdlib.h>
#include <string.h>

static void name_file(struct load *l, const char *file)
{
    struct rules *r = l->rules;
    char *folder = path_folder(file), *real = realpath(folder, NULL);
    char *path = path_join(real ? real : folder, path_base(file));
    r->root = arena_strdup(l->arena, real ? real : folder);
    r->file = arena_strdup(l->arena, path);
    r->shown = source_shown(path, l->arena);
    free(path);
    free(real);
    free(folder);
}

static void read_all(struct load *l, const char *file)
{
    name_file(l, file);
    document_read(l, file);
    if (!l->document.whole || !l->document.root)
        return;
    if (dialect_is_flat(l->document.root)) {
        dialect_read(l);
        return;
    }
    clients_read(l);
    bases_read(l);
    datasets_read(l);
    adapters_read(l);
    groups_read(l);
}

static void free_load(struct load *l)
{
    struct section *sections[] = {&l->document.shared,        &l->document.includes,
                                  &l->document.bases,         &l->document.datasets,
                                  &l->document.adapters,      &l->document.groups,
                                  &l->document.text_defaults, &l->document.image_defaults};
    struct instances *instances[] = {&l->datasets, &l->adapters, &l->groups};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        free(sections[i]->items);
    for (size_t i = 0; i < sizeof instances / sizeof *instances; i++) {
        free(instances[i]->items);
        names_free(&instances[i]->index);
    }
    names_free(&l->clients);
    names_free(&l->bases);
    report_free(&l->report);
}

struct rules *rules_load(const char *file, struct strbuf *report, struct error *e)
{
    struct rules *r = mem_zalloc(sizeof *r);
    struct load l = {.rules = r, .arena = &r->arena, .report = {.arena = &r->arena}};
    read_all(&l, file);
    report_show(&l.report, report);
    size_t errors = l.report.errors;
    free_load(&l);
    if (!errors)
        return r;
    error_set(e, ERROR_USAGE,
              ngettext("%zu error. Nothing was built.", "%zu errors. Nothing was built.", errors),
              errors);
    rules_free(r);
    return NULL;
}

void rules_free(struct rules *r)
{
    if (!r)
        return;
    arena_free(&r->arena);
    free(r);
}
