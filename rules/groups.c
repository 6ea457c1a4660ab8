/* Groups, and what must hold for all names that can be built. */
#include "rules/load.h"

#include "lorabuild/common/text.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_MOST_BYTES = 200 }; /* the archive's name adds a date and a version, below 255 */

static void no_adapter(struct load *l, const struct node *n, const char *name)
{
    const struct instances *all = &l->adapters;
    const char **names = arena_array(l->arena, all->count + 1, sizeof *names);
    size_t id;
    for (size_t i = 0; i < all->count; i++)
        names[i] = all->items[i].name;
    if (names_find(&l->groups.index, name, &id))
        report_error(&l->report, n->mark, _("'%s' is a group; a group lists adapters"), name);
    else
        report_error(&l->report, n->mark, _("there is no adapter '%s'%s"), name,
                     report_did_you_mean(&l->report, name, names, all->count));
}

static bool has(const int *members, size_t count, int member)
{
    for (size_t i = 0; i < count; i++)
        if (members[i] == member)
            return true;
    return false;
}

static void read_group(struct load *l, struct instance *i)
{
    struct value v = {(i->exact ? i->exact : i->pattern)->value, i};
    struct rule_group g = {
        .name = i->name, .client = i->client, .place = schema_place(instance_mark(i))};
    size_t count = value_count(v), id;
    int *members = arena_array(l->arena, count ? count : 1, sizeof *members);
    const char *why = NULL;
    for (size_t item = 0; item < count; item++) {
        const char *name = value_item(l, v, item);
        if (!name)
            continue;
        if (!names_find(&l->adapters.index, name, &id)) {
            no_adapter(l, value_node(v, item), name);
            continue;
        }
        const struct instance *a = &l->adapters.items[id];
        why = a->absent && !why ? a->absent : why;
        if (a->index >= 0 && !has(members, g.member_count, a->index))
            members[g.member_count++] = a->index;
    }
    g.members = members;
    if (!g.member_count) {
        i->absent = why ? why : _("its list is empty");
        absent_add(l, i->name, i->absent);
        return;
    }
    const char *client = l->rules->adapters[members[0]].client;
    for (size_t m = 1; m < g.member_count && client; m++) {
        const char *other = l->rules->adapters[members[m]].client;
        client = other && strcmp(client, other) == 0 ? client : NULL;
    }
    g.client = g.client ? g.client : client;
    l->rules->groups[l->rules->group_count++] = g;
}

/* A target's name is also a folder's, a part of a command line and a part of "name@v3". */
static void check_name(struct load *l, const struct instance *i)
{
    const char *name = i->name, *at = strrchr(name, '@'), *what = NULL;
    bool pinned = at && (strcmp(at, "@latest") == 0 ||
                         (at[1] == 'v' && at[2] && strspn(at + 2, "0123456789") == strlen(at + 2)));
    if (!name[0])
        what = _("must not be empty");
    else if (strchr(name, '/'))
        what = _("must not hold '/'");
    else if (name[0] == '-' || name[0] == '.')
        what = _("must not begin with '-' or '.'");
    else if (pinned)
        what = _("must not end as a version does");
    else if (strlen(name) > NAME_MOST_BYTES)
        what = _("is longer than 200 bytes");
    for (const char *c = name; *c && !what; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7F)
            what = _("must not hold control characters");
    if (what)
        report_error(&l->report, instance_mark(i), _("the name '%s' %s"), name, what);
}

static const struct instance *target_at(const struct load *l, size_t id)
{
    return id < l->adapters.count ? &l->adapters.items[id]
                                  : &l->groups.items[id - l->adapters.count];
}

/* Adapters and groups share one space of names; and folders that differ only in upper and lower
 * case would meet on a share that ignores it. */
static void report_meeting_names(struct load *l)
{
    struct names folded = {0};
    size_t count = l->adapters.count + l->groups.count;
    for (size_t i = 0; i < count; i++)
        names_add(&folded, name_folded(target_at(l, i)->name), i);
    names_sort(&folded);
    for (size_t i = 1; i < folded.count; i++) {
        if (strcmp(folded.sorted[i].text, folded.sorted[i - 1].text) != 0)
            continue;
        const struct instance *a = target_at(l, folded.sorted[i - 1].id);
        const struct instance *b = target_at(l, folded.sorted[i].id);
        struct mark m = instance_mark(b);
        if (strcmp(a->name, b->name) != 0)
            report_error(&l->report, m, _("'%s' and '%s' (%s) differ only in upper and lower case"),
                         b->name, a->name, place_words(l, m, instance_mark(a)));
        else if (folded.sorted[i].id >= l->adapters.count &&
                 folded.sorted[i - 1].id < l->adapters.count)
            report_error(&l->report, m, _("'%s' is an adapter already (%s)"), b->name,
                         place_words(l, m, instance_mark(a)));
    }
    for (size_t i = 0; i < folded.count; i++)
        free((char *)(uintptr_t)folded.sorted[i].text);
    names_free(&folded);
}

void groups_read(struct load *l)
{
    static const char *const needs[] = {NULL};
    expand(l, &l->document.groups, needs, &l->groups);
    size_t count = l->groups.count;
    l->rules->groups = arena_array(l->arena, count ? count : 1, sizeof *l->rules->groups);
    for (size_t i = 0; i < l->adapters.count; i++)
        check_name(l, &l->adapters.items[i]);
    for (size_t i = 0; i < count; i++) {
        check_name(l, &l->groups.items[i]);
        read_group(l, &l->groups.items[i]);
    }
    report_meeting_names(l);
}
