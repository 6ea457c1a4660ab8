#include "lorabuild/run/withdrawal.h"

#include "lorabuild/data/likeness.h"
#include "lorabuild/run/facts.h"

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

/* The texts of the version in use that are gone; the caller frees the array. */
static struct str *gone_texts(const struct facts_recalled *r, const struct digest_set *gone,
                              size_t *count)
{
    struct str *texts = NULL;
    *count = 0;
    for (size_t i = 0; i < r->count; i++)
        for (size_t d = 0; d < r->datasets[i].document_count; d++) {
            const struct document *doc = &r->datasets[i].documents[d];
            for (size_t k = 0; k < doc->count; k++)
                if (doc->samples[k].kind != SAMPLE_HEADING &&
                    digest_set_has(gone, doc->samples[k].content)) {
                    texts = mem_grow(texts, *count + 1, sizeof *texts);
                    texts[(*count)++] = doc->samples[k].text;
                }
        }
    return texts;
}

static void search_dataset(struct withdrawal *w, struct likeness *l, unsigned char *seen,
                           const struct dataset *data)
{
    for (size_t d = 0; d < data->document_count; d++)
        for (size_t k = 0; k < data->documents[d].count; k++) {
            size_t count, *found = likeness_find(l, data->documents[d].samples[k].text, &count);
            for (size_t i = 0; i < count; i++) {
                w->near += !seen[found[i]];
                seen[found[i]] = 1;
            }
            if (count && !w->near_in)
                w->near_in = mem_strdup(data->documents[d].path);
            free(found);
        }
}

static void find_near(struct withdrawal *w, struct workshop *workshop, const struct target *t,
                      const struct digest_set *gone)
{
    struct facts_recalled before;
    size_t count;
    if (!facts_recall_datasets(workshop, t, t->facts.in_use, true, &before))
        return;
    struct str *texts = gone_texts(&before, gone, &count);
    struct likeness *l = likeness_open(texts, count);
    unsigned char *seen = mem_zalloc(count + 1);
    for (size_t i = 0; i < t->rule->data_count; i++) {
        const struct source *s = &workshop->sources[t->rule->data[i]];
        struct dataset now;
        if (!seal_read_dataset(&now, s->scope->keep, s->data.key, true, NULL))
            continue;
        search_dataset(w, l, seen, &now);
        dataset_free(&now);
    }
    free(seen);
    likeness_close(l);
    free(texts);
    facts_recalled_free(&before);
}

struct withdrawal *withdrawal_of(struct workshop *workshop, const struct target *t)
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
    bool told = w->samples && w->version_count;
    if (told)
        find_near(w, workshop, t, &gone);
    digest_set_free(&gone);
    if (told)
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
    free(w->near_in);
    free(w->versions);
    free(w);
}
