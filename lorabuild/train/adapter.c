#include "lorabuild/train/adapter.h"

#include "lorabuild/common/random.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool adapter_frozen(struct lora_set *s, struct model *m, const struct peft_adapter *a,
                    struct error *e)
{
    if (!lora_from_peft(s, m, a, false, e))
        return false;
    for (size_t i = 0; i < s->count; i++)
        s->pairs[i].dropout = 0;
    return true;
}

/* Does the adapter hold exactly the modules that the recipe's targets choose? */
static bool same_modules(const struct lora_set *s, struct model *m, const struct recipe *r,
                         struct error *e)
{
    struct lora_set wanted;
    if (!lora_create(&wanted, m, r->targets, r->target_count, 1, 1, 0, 0, e))
        return false;
    const char *missing = NULL;
    for (size_t i = 0, j = 0; i < wanted.count && !missing; i++, j++) { /* both in forward order */
        while (j < s->count && s->modules[j] != wanted.modules[i])
            j++;
        if (j == s->count)
            missing = wanted.modules[i]->name;
    }
    bool ok = !missing && s->count == wanted.count;
    if (missing)
        error_set(e, ERROR_INPUT,
                  "the adapter to continue has no pair for %s, which 'targets' asks for", missing);
    else if (!ok)
        error_set(
            e, ERROR_INPUT,
            "the adapter to continue has pairs for %zu layers, 'targets' asks for %zu of them",
            s->count, wanted.count);
    lora_free(&wanted);
    return ok;
}

/* scale · B stays what it was. */
static void set_scale(struct lora_pair *p, int64_t out, float scale)
{
    if (p->scale != scale) {
        float factor = p->scale / scale;
        for (int64_t i = 0; i < out * p->rank; i++)
            p->b[i] *= factor;
    }
    p->scale = scale;
}

static bool continued(struct lora_set *s, struct model *m, const struct recipe *r,
                      const struct peft_adapter *start, struct error *e)
{
    if (start->rank != r->rank)
        return error_set(e, ERROR_INPUT,
                         "the adapter to continue has rank %d, the recipe asks for %" PRId64,
                         start->rank, r->rank);
    if (!lora_from_peft(s, m, start, true, e))
        return false;
    if (!same_modules(s, m, r, e)) {
        lora_free(s);
        return false;
    }
    for (size_t i = 0; i < s->count; i++)
        set_scale(&s->pairs[i], s->modules[i]->linear->weight.rows,
                  (float)(r->alpha / (double)r->rank));
    return true;
}

bool adapter_trainable(struct lora_set *s, struct model *m, const struct recipe *r,
                       const struct peft_adapter *start, struct error *e)
{
    bool ok = start ? continued(s, m, r, start, e)
                    : lora_create(s, m, r->targets, r->target_count, (int)r->rank, r->alpha,
                                  r->dropout, (uint64_t)r->seed, e);
    if (!ok)
        return false;
    for (size_t i = 0; i < s->count; i++) {
        char *purpose = mem_printf("dropout %s", s->modules[i]->name);
        s->pairs[i].dropout = (float)r->dropout;
        s->pairs[i].dropout_seed = (uint64_t)r->seed;
        s->pairs[i].dropout_purpose = random_purpose(purpose);
        free(purpose);
    }
    return true;
}

struct digest adapter_digest(const struct peft_adapter *a)
{
    if (!a)
        return (struct digest){{0}};
    struct digest_stream *s = digest_begin("adapter weights");
    double scale = peft_scale(a);
    digest_add(s, &scale, sizeof scale);
    digest_add_u64(s, (uint64_t)a->rank);
    for (size_t i = 0; i < a->count; i++) {
        const struct peft_module *m = &a->modules[i];
        digest_add_text(s, m->name);
        digest_add(s, m->a, (size_t)(a->rank * m->in) * sizeof *m->a);
        digest_add(s, m->b, (size_t)(m->out * a->rank) * sizeof *m->b);
    }
    return digest_end(s);
}
