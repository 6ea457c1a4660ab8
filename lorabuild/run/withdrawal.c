#include "lorabuild/run/withdrawal.h"

#include <stdlib.h>
#include <string.h>

static void add_change(struct withdrawal *w, const struct plan_change *c)
{
    w->samples += c->count;
    if (!c->document || c->place) {
        free(w->place);
        w->place =
            c->document && w->samples == 1 ? mem_printf("%s §%zu", c->document, c->place) : NULL;
        return;
    }
    w->documents = mem_grow(w->documents, w->document_count + 1, sizeof *w->documents);
    w->documents[w->document_count++] = mem_strdup(c->document);
    w->stay += c->stay;
    if (c->stays_in && !w->stays_in)
        w->stays_in = mem_strdup(c->stays_in);
}

/* Did this version learn it? What it learned and should not have may be older than that. */
static bool concerns(const struct plan *p, const struct plan_start *s)
{
    if (!s->exposed || !s->path)
        return s->exposed;
    for (size_t i = 0; i < p->change_count; i++)
        if (p->changes[i].kind == CHANGE_GONE && p->changes[i].document &&
            strcmp(p->changes[i].document, s->path) == 0)
            return true;
    return false;
}

struct withdrawal *withdrawal_of(const struct target *t)
{
    const struct plan *p = &t->plan;
    struct withdrawal *w = mem_zalloc(sizeof *w);
    for (size_t i = 0; i < p->change_count; i++)
        if (p->changes[i].kind == CHANGE_GONE)
            add_change(w, &p->changes[i]);
    w->versions = mem_array(p->start_count, sizeof *w->versions);
    for (size_t i = p->start_count; i-- > 0;)
        if (concerns(p, &p->starts[i]))
            w->versions[w->version_count++] = p->starts[i].version;
    if (w->samples && w->version_count)
        return w;
    withdrawal_free(w);
    return NULL;
}

void withdrawal_free(struct withdrawal *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->document_count; i++)
        free(w->documents[i]);
    free(w->documents);
    free(w->place);
    free(w->stays_in);
    free(w->versions);
    free(w);
}
