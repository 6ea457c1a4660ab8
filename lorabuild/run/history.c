#include "lorabuild/run/history.h"

#include "lorabuild/run/facts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CHANGES = 8, RECORD_MOST_BYTES = 1 << 24 };

static const char *name_of(const struct plan_change *c)
{
    return c->document ? c->document : "documents whose names are lost";
}

/* Several places of one document, changed alike, are one entry. */
static bool joins_last(json_t *list, const struct plan_change *c, const char *sign)
{
    json_t *last = json_array_get(list, json_array_size(list) - 1);
    if (!last || strcmp(json_string_value(json_array_get(last, 0)), sign) != 0 ||
        strcmp(json_string_value(json_array_get(last, 1)), name_of(c)) != 0)
        return false;
    json_int_t count = json_integer_value(json_array_get(last, 3));
    json_array_set_new(last, 2, json_integer(0));
    json_array_set_new(last, 3, json_integer(count + (json_int_t)c->count));
    return true;
}

json_t *history_describe(const struct plan *p)
{
    static const char *const signs[] = {"+", "-", "~", "c", "~"};
    json_t *list = json_array();
    json_int_t more = 0;
    for (size_t i = 0; i < p->change_count; i++) {
        const struct plan_change *c = &p->changes[i];
        if (joins_last(list, c, signs[c->kind]))
            continue;
        if (json_array_size(list) == MOST_CHANGES)
            more++;
        else
            json_array_append_new(list,
                                  json_pack("[s, o, I, I]", signs[c->kind], json_bytes(name_of(c)),
                                            (json_int_t)c->place, (json_int_t)c->count));
    }
    return json_pack("{s:o, s:I, s:b, s:b, s:b}", "changes", list, "more", more, "recipe",
                     p->recipe_changed, "base", p->base_changed, "parent", p->parent_changed);
}

static json_t *recorded_changes(const struct target *t, int version)
{
    char *path = facts_record_path(t, version);
    json_t *o = json_read_file(path, RECORD_MOST_BYTES, NULL);
    json_t *changes = json_object_get(o, "changes");
    json_restore_bytes(changes);
    if (!json_is_array(json_object_get(changes, "changes")))
        changes = NULL;
    json_incref(changes);
    json_decref(o);
    free(path);
    return changes;
}

static void fill(struct history_row *row, const struct target *t, const struct version *v)
{
    const json_t *m = v->manifest, *parent = json_object_get(m, "parent");
    const json_t *after = json_object_get(json_object_get(m, "metrics"), "held_out_after");
    *row = (struct history_row){.version = v,
                                .parent = json_string_value(json_object_get(parent, "name")),
                                .parent_version =
                                    (int)json_integer_value(json_object_get(parent, "version")),
                                .samples = json_integer_value(json_object_get(m, "samples")),
                                .documents = json_integer_value(json_object_get(m, "documents")),
                                .learned = json_integer_value(json_object_get(m, "learned")),
                                .held_out = json_is_number(after) ? json_number_value(after) : NAN,
                                .changes = recorded_changes(t, v->number)};
}

/* An archive that was packed again has a later line; the first one tells when it was built. */
static void add_dates(struct history *h)
{
    for (size_t i = 0; i < h->event_count; i++)
        for (size_t k = 0; k < h->count; k++)
            if (h->rows[k].version->number == h->events[i].number && !h->rows[k].built) {
                h->rows[k].built = &h->events[i];
                break;
            }
}

bool history_load(struct history *h, const struct target *t, size_t most, struct error *e)
{
    const struct lineage *l = &t->lineage;
    size_t count = most && most < l->count ? most : l->count;
    *h = (struct history){.lineage = l, .count = count, .left_out = l->count - count};
    h->rows = mem_array(count ? count : 1, sizeof *h->rows);
    for (size_t i = 0; i < count; i++)
        fill(&h->rows[i], t, &l->versions[l->count - 1 - i]);
    bool ok = lineage_history_read(l->folder, &h->events, &h->event_count, e) &&
              lineage_read_blocked(l->folder, &h->blocks, &h->block_count, e);
    if (ok)
        add_dates(h);
    else
        history_free(h);
    return ok;
}

void history_free(struct history *h)
{
    for (size_t i = 0; i < h->count; i++)
        json_decref(h->rows[i].changes);
    lineage_blocked_free(h->blocks, h->block_count);
    free(h->events);
    free(h->rows);
    *h = (struct history){0};
}
