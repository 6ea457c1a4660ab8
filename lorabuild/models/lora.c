#include "lorabuild/models/lora.h"

#include "lorabuild/common/memory.h"
#include "lorabuild/common/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory ---- */

/* Rooms for the pairs of these modules: one flat array of weights, one of gradients. */
static bool make_room(struct lora_set *s, int rank, bool trainable, struct error *e)
{
    s->rank = rank;
    s->number_count = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct matrix *w = &s->modules[i]->linear->weight;
        s->number_count += (size_t)rank * (size_t)(w->rows + w->cols);
    }
    size_t bytes = s->number_count * sizeof(float);
    s->weights = mem_try_alloc(bytes);
    s->gradients = s->weights && trainable ? mem_try_alloc(bytes) : NULL;
    if (!s->weights || (trainable && !s->gradients))
        return error_set(e, ERROR_LIMIT, "out of memory: no room for %zu adapter weights",
                         s->number_count);
    if (s->gradients)
        memset(s->gradients, 0, bytes);
    s->pairs = mem_array(s->count, sizeof *s->pairs);
    size_t at = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct matrix *w = &s->modules[i]->linear->weight;
        size_t a = (size_t)rank * (size_t)w->cols, b = (size_t)rank * (size_t)w->rows;
        s->pairs[i] =
            (struct lora_pair){.rank = rank, .a = s->weights + at, .b = s->weights + at + a};
        if (s->gradients) {
            s->pairs[i].grad_a = s->gradients + at;
            s->pairs[i].grad_b = s->gradients + at + a;
        }
        at += a + b;
    }
    return true;
}

void lora_free(struct lora_set *s)
{
    free(s->pairs);
    free(s->modules);
    free(s->weights);
    free(s->gradients);
    *s = (struct lora_set){0};
}

static uint64_t purpose_of(const char *use, const char *module)
{
    char *text = mem_printf("%s %s", use, module);
    uint64_t purpose = random_purpose(text);
    free(text);
    return purpose;
}

/* ---- fresh ---- */

static bool refuse_target(struct model *m, const char *target, struct error *e)
{
    char names[600] = "";
    for (size_t i = 0; i < model_linear_count(m); i++) {
        const char *name = model_linear_at(m, i)->target;
        char quoted[80];
        snprintf(quoted, sizeof quoted, "%s%s", *names ? ", " : "", name);
        if (!strstr(names, name) && strlen(names) + strlen(quoted) < sizeof names)
            strcat(names, quoted);
    }
    return error_set(e, ERROR_USAGE, "%s has no linear layer \"%s\" to target; it has: %s",
                     model_architecture(m), target, names);
}

static bool is_target(const struct model_linear *l, char *const *targets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(l->target, targets[i]))
            return true;
    return !targets;
}

static bool choose(struct lora_set *s, struct model *m, char *const *targets, size_t target_count,
                   struct error *e)
{
    size_t all = model_linear_count(m);
    for (size_t j = 0; targets && j < target_count; j++) {
        bool known = false;
        for (size_t i = 0; i < all; i++)
            known |= !strcmp(model_linear_at(m, i)->target, targets[j]);
        if (!known)
            return refuse_target(m, targets[j], e);
    }
    s->modules = mem_array(all, sizeof *s->modules);
    for (size_t i = 0; i < all; i++)
        if (is_target(model_linear_at(m, i), targets, target_count))
            s->modules[s->count++] = model_linear_at(m, i);
    return s->count > 0 || error_set(e, ERROR_USAGE, "an adapter needs at least one target");
}

bool lora_create(struct lora_set *s, struct model *m, char *const *targets, size_t target_count,
                 int rank, double alpha, double dropout, uint64_t seed, struct error *e)
{
    *s = (struct lora_set){0};
    if (rank < 1 || rank > 65536)
        return error_set(e, ERROR_USAGE, "rank %d is impossible", rank);
    if (!choose(s, m, targets, target_count, e) || !make_room(s, rank, true, e)) {
        lora_free(s);
        return false;
    }
    for (size_t i = 0; i < s->count; i++) {
        struct lora_pair *p = &s->pairs[i];
        const char *name = s->modules[i]->name;
        const struct matrix *w = &s->modules[i]->linear->weight;
        struct random r = {.seed = seed, .purpose = purpose_of("lora_A", name)};
        float bound = (float)(1 / sqrt((double)w->cols));
        for (int64_t j = 0; j < rank * w->cols; j++)
            p->a[j] = random_uniform(r, (uint64_t)j, -bound, bound);
        memset(p->b, 0, (size_t)(rank * w->rows) * sizeof *p->b);
        p->scale = (float)(alpha / rank);
        p->dropout = (float)dropout;
        p->dropout_seed = seed;
        p->dropout_purpose = purpose_of("dropout", name);
    }
    return true;
}

/* ---- from and to PEFT ---- */

static const struct peft_module *find_module(const struct peft_adapter *a, const char *name)
{
    for (size_t i = 0; i < a->count; i++)
        if (!strcmp(a->modules[i].name, name))
            return &a->modules[i];
    return NULL;
}

/* Every module of the adapter must be one of the model's, with its shape. */
static bool match(const struct peft_adapter *a, struct model *m, struct error *e)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct peft_module *module = &a->modules[i];
        const struct model_linear *found = NULL;
        for (size_t j = 0; j < model_linear_count(m) && !found; j++)
            if (!strcmp(model_linear_at(m, j)->name, module->name))
                found = model_linear_at(m, j);
        if (!found)
            return error_set(e, ERROR_INPUT,
                             "the adapter has a module %s that the base (%s, %d "
                             "layers) has not",
                             module->name, model_architecture(m), model_shape(m)->layers);
        const struct matrix *w = &found->linear->weight;
        if (module->in != w->cols || module->out != w->rows)
            return error_set(e, ERROR_INPUT,
                             "the adapter's module %s is %lld to %lld, the base's %lld to %lld",
                             module->name, (long long)module->in, (long long)module->out,
                             (long long)w->cols, (long long)w->rows);
    }
    return true;
}

bool lora_from_peft(struct lora_set *s, struct model *m, const struct peft_adapter *a,
                    bool trainable, struct error *e)
{
    *s = (struct lora_set){0};
    if (!match(a, m, e))
        return false;
    s->modules = mem_array(a->count, sizeof *s->modules);
    for (size_t i = 0; i < model_linear_count(m); i++)
        if (find_module(a, model_linear_at(m, i)->name))
            s->modules[s->count++] = model_linear_at(m, i);
    if (s->count != a->count)
        error_set(e, ERROR_INPUT, "the adapter names a module twice");
    if (s->count != a->count || !make_room(s, a->rank, trainable, e)) {
        lora_free(s);
        return false;
    }
    for (size_t i = 0; i < s->count; i++) {
        const struct peft_module *module = find_module(a, s->modules[i]->name);
        struct lora_pair *p = &s->pairs[i];
        memcpy(p->a, module->a, (size_t)(a->rank * module->in) * sizeof *p->a);
        model_import_rows(s->modules[i], module->b, a->rank, p->b);
        p->scale = (float)peft_scale(a);
        p->dropout = trainable ? (float)a->dropout : 0;
        p->dropout_purpose = purpose_of("dropout", module->name);
    }
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct peft_module *)a)->name, ((const struct peft_module *)b)->name);
}

static bool export_module(const struct lora_set *s, size_t i, struct peft_module *to)
{
    const struct model_linear *module = s->modules[i];
    const struct matrix *w = &module->linear->weight;
    size_t a = (size_t)(s->rank * w->cols) * sizeof(float);
    *to = (struct peft_module){.name = mem_strdup(module->name), .in = w->cols, .out = w->rows};
    to->a = mem_try_alloc(a);
    to->b = mem_try_alloc((size_t)(s->rank * w->rows) * sizeof(float));
    if (!to->a || !to->b)
        return false;
    memcpy(to->a, s->pairs[i].a, a);
    model_export_rows(module, s->pairs[i].b, s->rank, to->b);
    return true;
}

bool lora_to_peft(const struct lora_set *s, struct peft_adapter *a, double alpha, double dropout,
                  const char *base, struct error *e)
{
    *a = (struct peft_adapter){.rank = s->rank, .alpha = alpha, .dropout = dropout};
    a->base = base ? mem_strdup(base) : NULL;
    a->modules = mem_array(s->count, sizeof *a->modules);
    double scale = s->count ? s->pairs[0].scale : 0;
    a->rslora = s->rank > 1 && fabs(scale * sqrt(s->rank) - alpha) < 1e-5 * fabs(alpha);
    for (; a->count < s->count; a->count++)
        if (!export_module(s, a->count, &a->modules[a->count])) {
            a->count++;
            peft_free(a);
            return error_set(e, ERROR_LIMIT, "out of memory: no room for a copy of the adapter");
        }
    qsort(a->modules, a->count, sizeof *a->modules, by_name);
    return true;
}

/* ---- on and off ---- */

void lora_attach(struct lora_set *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct linear *l = s->modules[i]->linear;
        if (l->pair_count < LINEAR_MOST_PAIRS)
            l->pairs[l->pair_count++] = &s->pairs[i];
    }
}

void lora_detach(struct lora_set *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct linear *l = s->modules[i]->linear;
        if (l->pair_count > 0 && l->pairs[l->pair_count - 1] == &s->pairs[i])
            l->pairs[--l->pair_count] = NULL;
    }
}
