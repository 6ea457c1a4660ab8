#include "rules/rules.h"

#include "lorabuild/common/text.h"
#include "rules/nearest.h"
#include "rules/source.h"

#include <stdlib.h>
#include <string.h>

enum { NEAREST_SHOWN = 3 };

/* The names of all targets; caller frees the array. */
static const char **all_names(const struct rules *r, size_t *count)
{
    const char **names = mem_array(r->adapter_count + r->group_count, sizeof *names);
    *count = 0;
    for (size_t i = 0; i < r->group_count; i++)
        names[(*count)++] = r->groups[i].name;
    for (size_t i = 0; i < r->adapter_count; i++)
        names[(*count)++] = r->adapters[i].name;
    return names;
}

static void unknown(const struct rules *r, const char *name, struct error *e)
{
    struct strbuf hint = {0}, shown = {0};
    size_t count;
    const char **names = all_names(r, &count);
    strbuf_add_shown(&shown, str_of(name));
    for (int i = 0; i < NEAREST_SHOWN; i++) {
        const char *nearest = nearest_word(name, names, count);
        if (!nearest)
            break;
        strbuf_add_text(&hint, i ? ", '" : _("; did you mean '"));
        strbuf_add_shown(&hint, str_of(nearest));
        strbuf_add_byte(&hint, '\'');
        for (size_t k = 0; k < count; k++)
            if (names[k] == nearest)
                names[k] = names[--count];
    }
    if (hint.size)
        strbuf_add_byte(&hint, '?');
    error_set(e, ERROR_USAGE, _("there is no '%s' in %s%s"), shown.data ? shown.data : "", r->shown,
              hint.data ? hint.data : "");
    strbuf_free(&hint);
    strbuf_free(&shown);
    free(names);
}

bool rules_target(const struct rules *r, const char *name, int *adapter, int *group,
                  struct error *e)
{
    *adapter = *group = -1;
    for (size_t i = 0; i < r->adapter_count && *adapter < 0; i++)
        if (strcmp(r->adapters[i].name, name) == 0)
            *adapter = (int)i;
    for (size_t i = 0; i < r->group_count && *group < 0; i++)
        if (strcmp(r->groups[i].name, name) == 0)
            *group = (int)i;
    if (*adapter >= 0 || *group >= 0)
        return true;
    for (size_t i = 0; i < r->absent_count; i++) {
        if (strcmp(r->absent[i].name, name) != 0)
            continue;
        struct strbuf why = {0};
        strbuf_add_shown(&why, str_of(r->absent[i].why));
        error_set(e, ERROR_USAGE, _("there is no '%s': %s"), name, why.data);
        strbuf_free(&why);
        return false;
    }
    unknown(r, name, e);
    return false;
}

bool rules_make_something(const struct rules *r, struct error *e)
{
    if (r->adapter_count)
        return true;
    if (r->absent_count)
        return error_set(e, ERROR_INPUT, _("there is nothing to build yet: %s"), r->absent[0].why);
    struct arena arena = {0};
    error_set(e, ERROR_INPUT,
              _("there is nothing to build yet: %s has no folder; make one for each client, put "
                "its files there and run again"),
              source_shown(r->clients_root, &arena));
    arena_free(&arena);
    return false;
}
