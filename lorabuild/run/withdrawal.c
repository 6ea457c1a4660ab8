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

static const struct plan_version *find_version(const struct target *t, int number)
{
    for (size_t i = 0; i < t->facts.version_count; i++)
        if (t->versions[i].number == number)
            return &t->versions[i];
    return NULL;
}

/* The texts of the version in use that are wanted no longer. */
static void list_gone(struct digest_set *gone, const struct target *t)
{
    const struct plan_version *v = find_version(t, t->facts.in_use);
    for (size_t i = 0; v && i < v->contents->count; i++)
        if (!digest_set_has(&t->wanted, v->contents->items[i]) &&
            !digest_set_has(&t->plan.tolerated, v->contents->items[i]))
            digest_set_add(gone, v->contents->items[i]);
    digest_set_seal(gone);
}

static bool learned_any(const struct plan_version *v, const struct digest_set *gone)
{
    for (size_t i = 0; i < gone->count; i++)
        if (digest_set_has(v->exposure, gone->items[i]))
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
    struct digest_set gone = {0};
    if (w->samples)
        list_gone(&gone, t);
    for (size_t i = 0; gone.count && i < t->facts.version_count; i++)
        if (learned_any(&t->versions[i], &gone))
            w->versions[w->version_count++] = t->versions[i].number;
    digest_set_free(&gone);
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
