#include "lorabuild/train/recipe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const schedules[] = {"constant", "linear", "cosine", "wsd", NULL};
static const char *const modes[] = {"auto", "text", "chat", NULL};
static const char *const precisions[] = {"auto", "f32", "bf16", "int8", NULL};

#define FIELD(name) offsetof(struct recipe, name)

const struct recipe_key recipe_keys[] = {
    {"rank", RECIPE_INT, FIELD(rank), 1, 512, NULL, NULL, "inner width of each low-rank pair"},
    {"alpha", RECIPE_NUMBER, FIELD(alpha), 1e-3, 1e5, NULL, "auto",
     "scale of the pair, times rank; auto: twice the rank"},
    {"dropout", RECIPE_NUMBER, FIELD(dropout), 0, 0.9, NULL, NULL,
     "share of a pair's input that is dropped while training"},
    {"targets", RECIPE_NAMES, FIELD(targets), 0, 0, NULL, "all",
     "linear layers that get a pair, such as [q_proj, v_proj]; all: every one"},
    {"epochs", RECIPE_NUMBER, FIELD(epochs), 0.01, 10000, NULL, "auto",
     "passes over the samples; auto: 60 to 200 steps within 10 passes"},
    {"steps", RECIPE_INT, FIELD(steps), 1, 10000000, NULL, "auto",
     "optimizer steps; auto: by epochs"},
    {"learning_rate", RECIPE_NUMBER, FIELD(learning_rate), 1e-9, 1, NULL, NULL,
     "the highest learning rate"},
    {"schedule", RECIPE_CHOICE, FIELD(schedule), 0, 0, schedules, NULL,
     "how the learning rate moves after warm-up"},
    {"warmup", RECIPE_NUMBER, FIELD(warmup), 0, 1e6, NULL, NULL,
     "steps in which the rate rises; below 1: share of all steps"},
    {"decay", RECIPE_NUMBER, FIELD(decay), 0, 1, NULL, NULL,
     "wsd: share of the steps, at the end, in which the rate falls"},
    {"weight_decay", RECIPE_NUMBER, FIELD(weight_decay), 0, 1, NULL, NULL,
     "decoupled weight decay of AdamW"},
    {"batch_size", RECIPE_INT, FIELD(batch_size), 1, 65536, NULL, NULL,
     "windows that are computed together"},
    {"accumulation", RECIPE_INT, FIELD(accumulation), 1, 65536, NULL, NULL,
     "batches summed up before the weights move"},
    {"max_length", RECIPE_INT, FIELD(max_length), 8, 1048576, NULL, NULL,
     "tokens in a window, at most"},
    {"mode", RECIPE_CHOICE, FIELD(mode), 0, 0, modes, NULL,
     "text: learn to continue; chat: learn to answer; auto: chat if the base can"},
    {"seed", RECIPE_INT, FIELD(seed), 0, 9007199254740991, NULL, NULL,
     "of the first weights, the order and dropout"},
    {"max_grad_norm", RECIPE_NUMBER, FIELD(max_grad_norm), 0, 1e6, NULL, "off",
     "longer gradients are shortened to this"},
    {"precision", RECIPE_CHOICE, FIELD(precision), 0, 0, precisions, NULL,
     "number type for products with the base; auto: the faster one here"},
    {"max_rank", RECIPE_INT, FIELD(max_rank), 1, 4096, NULL, "none",
     "greatest rank that the server takes for the joint file"},
};
const size_t recipe_key_count = sizeof recipe_keys / sizeof recipe_keys[0];

const struct recipe_key *recipe_key_find(const char *name)
{
    for (size_t i = 0; i < recipe_key_count; i++)
        if (strcmp(recipe_keys[i].name, name) == 0)
            return &recipe_keys[i];
    return NULL;
}

struct recipe recipe_default(bool domain)
{
    return (struct recipe){
        .rank = 16,
        .learning_rate = domain ? 1e-4 : 2e-4,
        .schedule = SCHEDULE_WSD,
        .warmup = 0.05,
        .decay = 0.2,
        .batch_size = 4,
        .accumulation = 1,
        .max_length = 512,
        .seed = 42,
        .max_grad_norm = 1.0,
    };
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void recipe_resolve(struct recipe *r)
{
    if (r->alpha == 0)
        r->alpha = 2.0 * (double)r->rank;
    if (!r->targets)
        return;
    qsort(r->targets, r->target_count, sizeof *r->targets, by_name);
    size_t kept = 0;
    for (size_t i = 0; i < r->target_count; i++)
        if (kept == 0 || strcmp(r->targets[i], r->targets[kept - 1]) != 0)
            r->targets[kept++] = r->targets[i];
    r->target_count = kept;
}

static void *field(const struct recipe_key *key, const struct recipe *r)
{
    return (char *)(uintptr_t)r + key->offset;
}

/* The value of a number, whole number or choice; the count of names. */
static double number(const struct recipe_key *key, const struct recipe *r)
{
    if (key->kind == RECIPE_NAMES)
        return r->targets ? (double)r->target_count : 0;
    if (key->kind == RECIPE_NUMBER)
        return *(const double *)field(key, r);
    return (double)*(const int64_t *)field(key, r);
}

static json_t *names_to_json(char *const *names, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(names[i]));
    return list;
}

static json_t *value_to_json(const struct recipe_key *key, const struct recipe *r)
{
    if (key->special && number(key, r) == 0)
        return json_string(key->special);
    switch (key->kind) {
    case RECIPE_NAMES: return names_to_json(r->targets, r->target_count);
    case RECIPE_NUMBER: return json_real(*(const double *)field(key, r));
    case RECIPE_CHOICE: return json_string(key->choices[*(const int64_t *)field(key, r)]);
    case RECIPE_INT: break;
    }
    return json_integer(*(const int64_t *)field(key, r));
}

json_t *recipe_to_json(const struct recipe *r)
{
    json_t *o = json_object();
    for (size_t i = 0; i < recipe_key_count; i++)
        json_object_set_new(o, recipe_keys[i].name, value_to_json(&recipe_keys[i], r));
    return o;
}

static bool read_names(const struct recipe_key *key, struct recipe *r, struct arena *a,
                       const json_t *v, const char *where, struct error *e)
{
    size_t n = json_array_size(v);
    if (!json_is_array(v) || n == 0)
        return error_set(e, ERROR_INPUT, "%s: '%s' must be '%s' or a list of names", where,
                         key->name, key->special);
    char **names = arena_array(a, n, sizeof *names);
    for (size_t i = 0; i < n; i++) {
        const json_t *name = json_array_get(v, i);
        if (!json_is_string(name))
            return error_set(e, ERROR_INPUT, "%s: '%s' has an entry that is no name", where,
                             key->name);
        names[i] = arena_strdup(a, json_string_value(name));
    }
    r->targets = names;
    r->target_count = n;
    return true;
}

static bool read_choice(const struct recipe_key *key, struct recipe *r, const json_t *v,
                        const char *where, struct error *e)
{
    for (int64_t i = 0; json_is_string(v) && key->choices[i]; i++)
        if (strcmp(key->choices[i], json_string_value(v)) == 0) {
            *(int64_t *)field(key, r) = i;
            return true;
        }
    struct strbuf all = {0};
    for (size_t i = 0; key->choices[i]; i++)
        strbuf_printf(&all, "%s%s", i ? ", " : "", key->choices[i]);
    error_set(e, ERROR_INPUT, "%s: '%s' must be one of %s", where, key->name, all.data);
    strbuf_free(&all);
    return false;
}

static bool read_number(const struct recipe_key *key, struct recipe *r, const json_t *o,
                        const char *where, struct error *e)
{
    double value;
    int64_t whole = 0;
    if (key->kind == RECIPE_INT) {
        if (!json_get_int(o, key->name, &whole, where, e))
            return false;
        value = (double)whole;
    } else if (!json_get_number(o, key->name, &value, where, e)) {
        return false;
    }
    if (!(value >= key->least && value <= key->most))
        return error_set(e, ERROR_INPUT, "%s: '%s' must lie between %.15g and %.15g, found %.15g",
                         where, key->name, key->least, key->most, value);
    if (key->kind == RECIPE_INT)
        *(int64_t *)field(key, r) = whole;
    else
        *(double *)field(key, r) = value;
    return true;
}

static void set_special(const struct recipe_key *key, struct recipe *r)
{
    if (key->kind == RECIPE_NAMES) {
        r->targets = NULL;
        r->target_count = 0;
    } else if (key->kind == RECIPE_NUMBER) {
        *(double *)field(key, r) = 0;
    } else {
        *(int64_t *)field(key, r) = 0;
    }
}

static bool read_key(const struct recipe_key *key, struct recipe *r, struct arena *a,
                     const json_t *o, const char *where, struct error *e)
{
    const json_t *v = json_object_get(o, key->name);
    if (key->special && json_is_string(v) && strcmp(json_string_value(v), key->special) == 0) {
        set_special(key, r);
        return true;
    }
    switch (key->kind) {
    case RECIPE_NAMES: return read_names(key, r, a, v, where, e);
    case RECIPE_CHOICE: return read_choice(key, r, v, where, e);
    case RECIPE_INT:
    case RECIPE_NUMBER: break;
    }
    return read_number(key, r, o, where, e);
}

bool recipe_from_json(struct recipe *r, struct arena *a, const json_t *o, const char *where,
                      struct error *e)
{
    const char *name;
    json_t *value, *object = (json_t *)(uintptr_t)o;
    if (!json_is_object(o))
        return error_set(e, ERROR_INPUT, "%s: a recipe must be an object", where);
    json_object_foreach (object, name, value) {
        const struct recipe_key *key = recipe_key_find(name);
        if (!key)
            return error_set(e, ERROR_INPUT, "%s: unknown key '%s'", where, name);
        if (!read_key(key, r, a, o, where, e))
            return false;
    }
    return true;
}

struct digest recipe_digest(const struct recipe *r)
{
    struct recipe resolved = *r;
    if (r->targets) { /* resolving sorts in place: not in the caller's list */
        resolved.targets = mem_array(r->target_count, sizeof *resolved.targets);
        memcpy(resolved.targets, r->targets, r->target_count * sizeof *resolved.targets);
    }
    recipe_resolve(&resolved);
    json_t *o = recipe_to_json(&resolved);
    for (size_t i = 0; i < recipe_key_count; i++)
        if (number(&recipe_keys[i], &resolved) == 0)
            json_object_del(o, recipe_keys[i].name);
    struct strbuf text = {0};
    json_write(&text, o, false);
    struct digest_stream *s = digest_begin("recipe");
    digest_add_str(s, strbuf_str(&text));
    struct digest d = digest_end(s);
    strbuf_free(&text);
    json_decref(o);
    if (r->targets)
        free(resolved.targets);
    return d;
}
