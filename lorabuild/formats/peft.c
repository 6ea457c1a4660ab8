#include "lorabuild/formats/peft.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/json.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/formats/safetensors.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG "adapter_config.json"
#define MODEL "adapter_model.safetensors"
#define PREFIX "base_model.model."
#define A_END ".lora_A.weight"
#define B_END ".lora_B.weight"

enum { MOST_CONFIG = 1 << 20, MOST_RANK = 1 << 16 };

double peft_scale(const struct peft_adapter *a)
{
    return a->alpha / (a->rslora ? sqrt(a->rank) : a->rank);
}

void peft_free(struct peft_adapter *a)
{
    for (size_t i = 0; i < a->count; i++) {
        free(a->modules[i].name);
        free(a->modules[i].a);
        free(a->modules[i].b);
    }
    free(a->modules);
    free(a->base);
    *a = (struct peft_adapter){0};
}

int peft_served_rank(int rank)
{
    static const int ranks[] = {8, 16, 32, 64, 128, 256, 320, 512};
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++)
        if (rank <= ranks[i])
            return ranks[i];
    return rank;
}

/* Writing. */

static const char *last_part(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *target_modules(const struct peft_adapter *a)
{
    const char **parts = mem_array(a->count + 1, sizeof *parts);
    json_t *list = json_array();
    for (size_t i = 0; i < a->count; i++)
        parts[i] = last_part(a->modules[i].name);
    qsort(parts, a->count, sizeof *parts, by_text);
    for (size_t i = 0; i < a->count; i++)
        if (i == 0 || strcmp(parts[i], parts[i - 1]) != 0)
            json_array_append_new(list, json_string(parts[i]));
    free(parts);
    return list;
}

static json_t *number(double x)
{
    return x == floor(x) && fabs(x) < 1e15 ? json_integer((json_int_t)x) : json_real(x);
}

/* No key more than loaders need: old ones raise on those that they do not know (T35). */
static bool write_config(const char *folder, const struct peft_adapter *a, struct error *e)
{
    struct strbuf text = {0};
    char *path = path_join(folder, CONFIG);
    json_t *o = json_object();
    json_object_set_new(o, "peft_type", json_string("LORA"));
    json_object_set_new(o, "task_type", json_string("CAUSAL_LM"));
    json_object_set_new(o, "base_model_name_or_path", a->base ? json_string(a->base) : json_null());
    json_object_set_new(o, "revision", json_null());
    json_object_set_new(o, "r", json_integer(a->rank));
    json_object_set_new(o, "lora_alpha", number(a->alpha));
    json_object_set_new(o, "lora_dropout", json_real(a->dropout));
    json_object_set_new(o, "target_modules", target_modules(a));
    json_object_set_new(o, "bias", json_string("none"));
    json_object_set_new(o, "fan_in_fan_out", json_false());
    json_object_set_new(o, "inference_mode", json_true());
    json_object_set_new(o, "init_lora_weights", json_true());
    json_object_set_new(o, "use_rslora", json_boolean(a->rslora));
    json_object_set_new(o, "use_dora", json_false());
    json_object_set_new(o, "modules_to_save", json_null());
    json_object_set_new(o, "rank_pattern", json_object());
    json_object_set_new(o, "alpha_pattern", json_object());
    json_object_set_new(o, "layers_to_transform", json_null());
    json_write(&text, o, true);
    bool ok = file_replace(path, strbuf_str(&text), 0666, e);
    json_decref(o);
    strbuf_free(&text);
    free(path);
    return ok;
}

static struct weight_tensor matrix(const char *module, const char *end, int64_t rows,
                                   int64_t columns, const float *data)
{
    return (struct weight_tensor){.name = mem_printf(PREFIX "%s%s", module, end),
                                  .type = DTYPE_F32,
                                  .dims = 2,
                                  .shape = {rows, columns},
                                  .data = data,
                                  .size_bytes = (size_t)rows * (size_t)columns * sizeof *data};
}

static bool write_model(const char *folder, const struct peft_adapter *a, struct error *e)
{
    static const char *const metadata[] = {"format", "pt", NULL};
    char *path = path_join(folder, MODEL);
    struct weight_tensor *tensors = mem_array(2 * a->count + 1, sizeof *tensors);
    for (size_t i = 0; i < a->count; i++) {
        const struct peft_module *m = &a->modules[i];
        tensors[2 * i] = matrix(m->name, A_END, a->rank, m->in, m->a);
        tensors[2 * i + 1] = matrix(m->name, B_END, m->out, a->rank, m->b);
    }
    bool ok = safetensors_write(path, tensors, 2 * a->count, metadata, e);
    for (size_t i = 0; i < 2 * a->count; i++)
        free((char *)(uintptr_t)tensors[i].name);
    free(tensors);
    free(path);
    return ok;
}

bool peft_write(const char *folder, const struct peft_adapter *a, struct error *e)
{
    return write_model(folder, a, e) && write_config(folder, a, e);
}

/* Reading the configuration. */

/* Keys that are read, and keys that change nothing once an adapter is trained: how it was
 * initialised, where it was trained, what wrote it. A key that is in neither list must be null,
 * false or empty. */
static const char *const known_keys[] = {"alpha_pattern",
                                         "auto_mapping",
                                         "base_model_name_or_path",
                                         "bias",
                                         "corda_config",
                                         "ensure_weight_tying",
                                         "eva_config",
                                         "exclude_modules",
                                         "fan_in_fan_out",
                                         "inference_mode",
                                         "init_lora_weights",
                                         "layers_pattern",
                                         "layers_to_transform",
                                         "lora_alpha",
                                         "lora_dropout",
                                         "lora_ga_config",
                                         "loftq_config",
                                         "megatron_core",
                                         "peft_type",
                                         "peft_version",
                                         "qalora_group_size",
                                         "r",
                                         "rank_pattern",
                                         "revision",
                                         "runtime_config",
                                         "target_modules",
                                         "task_type",
                                         "use_rslora"};

static bool is_known(const char *key)
{
    for (size_t i = 0; i < sizeof known_keys / sizeof *known_keys; i++)
        if (strcmp(known_keys[i], key) == 0)
            return true;
    return false;
}

static bool is_nothing(const json_t *v)
{
    return json_is_null(v) || json_is_false(v) || (json_is_array(v) && !json_array_size(v)) ||
           (json_is_object(v) && !json_object_size(v)) ||
           (json_is_string(v) && !json_string_length(v));
}

static bool refuse_key(const char *path, const char *key, const char *why, struct error *e)
{
    struct strbuf shown = {0};
    strbuf_add_shown(&shown, str_of(key));
    error_set(e, ERROR_INPUT, "%s: '%.100s' %s", path, shown.data ? shown.data : "", why);
    strbuf_free(&shown);
    return false;
}

static const struct {
    const char *key, *why;
} unsupported[] = {
    {"use_dora", "asks for DoRA, which is not supported; vLLM and GGUF cannot carry it either"},
    {"modules_to_save", "names modules saved whole, which an adapter of A and B pairs cannot hold"},
    {"layer_replication", "repeats layers of the base, which is not supported"},
    {"trainable_token_indices", "changes rows of the embedding, which is not supported"},
    {"alora_invocation_tokens", "switches the adapter on within a text, which is not supported"},
    {"target_parameters", "adapts bare parameters, which is not supported"},
    {"lora_bias", "adds biases to B, which is not supported"},
    {"use_qalora", "asks for QALoRA, which is not supported"},
};

static bool check_unknown(const char *path, const json_t *o, struct error *e)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)o, key, value) {
        if (is_known(key) || is_nothing(value))
            continue;
        for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++)
            if (strcmp(unsupported[i].key, key) == 0)
                return refuse_key(path, key, unsupported[i].why, e);
        return refuse_key(path, key, "is not known here and may change the result", e);
    }
    return true;
}

/* Initialisations that also rewrite the base's weights: without that base the pairs are wrong. */
static bool check_initialisation(const char *path, const json_t *value, struct error *e)
{
    static const char *const harmless[] = {"gaussian", "eva", "orthogonal", "true", "false"};
    if (!json_is_string(value))
        return true;
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (strcmp(json_string_value(value), harmless[i]) == 0)
            return true;
    return refuse_key(path, "init_lora_weights",
                      "names a method that may change the base; convert the adapter to plain LoRA",
                      e);
}

/* A per-module rank or alpha is harmless where all are the adapter's own. */
static bool check_pattern(const char *path, const json_t *o, const char *key, double uniform,
                          struct error *e)
{
    const json_t *pattern = json_object_get(o, key);
    const char *module;
    json_t *value;
    if (!pattern || is_nothing(pattern))
        return true;
    json_object_foreach ((json_t *)(uintptr_t)pattern, module, value)
        if (json_number_value(value) != uniform)
            return refuse_key(path, key,
                              "gives modules different values, which is not supported; "
                              "vLLM ignores it silently",
                              e);
    return json_is_object(pattern) || refuse_key(path, key, "is not an object", e);
}

static bool check_plain(const char *path, const json_t *o, struct error *e)
{
    const char *type = json_string_value(json_object_get(o, "peft_type"));
    const json_t *bias = json_object_get(o, "bias");
    if (!type || strcmp(type, "LORA") != 0)
        return refuse_key(path, "peft_type", "is not LORA", e);
    if (bias && !is_nothing(bias) &&
        !(json_is_string(bias) && strcmp(json_string_value(bias), "none") == 0))
        return refuse_key(path, "bias", "trains biases of the base, which is not supported", e);
    if (json_is_true(json_object_get(o, "fan_in_fan_out")))
        return refuse_key(path, "fan_in_fan_out", "is set: transposed layers are not supported", e);
    return check_initialisation(path, json_object_get(o, "init_lora_weights"), e);
}

static bool take_config(struct peft_adapter *a, const char *path, const json_t *o, struct error *e)
{
    const char *base = json_string_value(json_object_get(o, "base_model_name_or_path"));
    int64_t rank = 0;
    if (!check_plain(path, o, e) || !check_unknown(path, o, e) ||
        !json_get_int(o, "r", &rank, path, e) ||
        !json_get_number(o, "lora_alpha", &a->alpha, path, e) ||
        !json_get_bool_or(o, "use_rslora", &a->rslora, false, path, e) ||
        !json_get_number_or(o, "lora_dropout", &a->dropout, 0, path, e))
        return false;
    if (rank < 1 || rank > MOST_RANK)
        return refuse_key(path, "r", "is not a possible rank", e);
    if (!check_pattern(path, o, "rank_pattern", (double)rank, e) ||
        !check_pattern(path, o, "alpha_pattern", a->alpha, e))
        return false;
    a->rank = (int)rank;
    a->base = base ? mem_strdup(base) : NULL;
    return true;
}

/* Reading the tensors. */

__attribute__((format(printf, 4, 5))) static bool refuse_tensor(const char *path, const char *name,
                                                                struct error *e, const char *why,
                                                                ...)
{
    struct strbuf shown = {0};
    char reason[400];
    va_list args;
    va_start(args, why);
    vsnprintf(reason, sizeof reason, why, args);
    va_end(args);
    strbuf_add_shown(&shown, str_of(name));
    error_set(e, ERROR_INPUT, "%s: tensor '%.300s' %s", path, shown.data ? shown.data : "", reason);
    strbuf_free(&shown);
    return false;
}

static void print_shape(char *text, size_t size, const struct weight_tensor *t)
{
    int n = snprintf(text, size, "[");
    for (int i = 0; i < t->dims; i++)
        n += snprintf(text + n, size - (size_t)n, "%s%lld", i ? ", " : "", (long long)t->shape[i]);
    snprintf(text + n, size - (size_t)n, "]");
}

/* What other trainers put beside the pairs, and who could not carry it (T39). */
static bool refuse_stranger(const char *path, const struct weight_tensor *t, struct error *e)
{
    char shape[100];
    print_shape(shape, sizeof shape, t);
    if (strstr(t->name, "lora_magnitude_vector"))
        return refuse_tensor(path, t->name, e,
                             "is a DoRA magnitude, which is not supported; GGUF cannot carry it");
    if (strstr(t->name, "lora_embedding_"))
        return refuse_tensor(path, t->name, e,
                             "adapts an embedding, which is not supported; GGUF and vLLM cannot "
                             "carry it");
    if (strstr(t->name, ".lora_A.") || strstr(t->name, ".lora_B."))
        return refuse_tensor(path, t->name, e,
                             "is not named '" PREFIX "MODULE" A_END "' or '…" B_END "'");
    return refuse_tensor(path, t->name, e,
                         "of shape %s is neither an A nor a B: an adapter of pairs cannot hold it, "
                         "nor can GGUF and vLLM; merge it into the base instead",
                         shape);
}

/* The module of an A or B key, or an empty slice. */
static struct str module_of(const char *name, const char *end)
{
    struct str s = str_of(name);
    if (!str_starts(s, PREFIX) || !str_ends(s, end) || s.size <= strlen(PREFIX) + strlen(end))
        return STR("");
    return (struct str){s.data + strlen(PREFIX), s.size - strlen(PREFIX) - strlen(end)};
}

static float *expand(const struct weight_tensor *t)
{
    size_t n = (size_t)t->shape[0] * (size_t)t->shape[1];
    float *to = mem_try_alloc(n * sizeof *to);
    if (to)
        dtype_to_f32(t->type, t->data, to, n);
    return to;
}

static bool take_pair(struct peft_adapter *a, const char *path, struct str module,
                      const struct weight_tensor *ta, const struct weight_tensor *tb,
                      struct error *e)
{
    char shape_a[100], shape_b[100];
    print_shape(shape_a, sizeof shape_a, ta);
    print_shape(shape_b, sizeof shape_b, tb);
    if (ta->dims != 2 || tb->dims != 2 || ta->shape[0] != a->rank || tb->shape[1] != a->rank ||
        ta->shape[1] < 1 || tb->shape[0] < 1)
        return refuse_tensor(path, ta->name, e,
                             "has shape %s and its B %s, where rank %d asks for "
                             "[%d, in] and [out, %d]",
                             shape_a, shape_b, a->rank, a->rank, a->rank);
    struct peft_module *m = &a->modules[a->count++];
    *m = (struct peft_module){.name = mem_printf("%.*s", (int)module.size, module.data),
                              .in = ta->shape[1],
                              .out = tb->shape[0]};
    m->a = expand(ta);
    m->b = expand(tb);
    return (m->a && m->b) || error_set(e, ERROR_LIMIT, "%s: no memory for %zu bytes of '%s'", path,
                                       ta->size_bytes + tb->size_bytes, m->name);
}

static int by_module(const void *a, const void *b)
{
    return strcmp(((const struct peft_module *)a)->name, ((const struct peft_module *)b)->name);
}

/* Each tensor is an A with its B, or a B whose A takes care of it. */
static bool take_tensor(struct peft_adapter *a, const char *path, const struct safetensors *s,
                        const struct weight_tensor *t, struct error *e)
{
    bool is_a = module_of(t->name, A_END).size > 0;
    struct str module = module_of(t->name, is_a ? A_END : B_END);
    if (!module.size)
        return refuse_stranger(path, t, e);
    char *other = mem_printf(PREFIX "%.*s%s", (int)module.size, module.data, is_a ? B_END : A_END);
    const struct weight_tensor *pair = safetensors_find(s, other);
    bool ok = pair || refuse_tensor(path, t->name, e, "has no %s beside it", is_a ? "B" : "A");
    if (ok && is_a)
        ok = take_pair(a, path, module, t, pair, e);
    free(other);
    return ok;
}

static bool take_model(struct peft_adapter *a, const char *path, struct error *e)
{
    struct safetensors *s = safetensors_open(path, e);
    if (!s)
        return false;
    size_t n = safetensors_count(s);
    bool ok = safetensors_other_count(s) == 0 ||
              refuse_tensor(path, safetensors_other(s, 0), e, "holds whole numbers, no weights");
    if (ok && n == 0)
        ok = error_set(e, ERROR_INPUT, "%s: holds no tensor", path);
    a->modules = mem_array(n + 1, sizeof *a->modules);
    for (size_t i = 0; i < n && ok; i++)
        ok = take_tensor(a, path, s, safetensors_at(s, i), e);
    qsort(a->modules, a->count, sizeof *a->modules, by_module);
    safetensors_close(s);
    return ok;
}

/* As PEFT matches: the whole name, or its last parts. */
static bool is_target(const char *module, const char *target)
{
    struct str name = str_of(module);
    size_t n = strlen(target);
    return str_ends(name, target) && (name.size == n || name.data[name.size - n - 1] == '.');
}

/* A list of targets and the tensors name the same modules; else PEFT would leave some out. */
static bool check_targets(const struct peft_adapter *a, const char *path, const json_t *targets,
                          struct error *e)
{
    size_t n = json_array_size(targets);
    for (size_t t = 0; t < n; t++) {
        const char *target = json_string_value(json_array_get(targets, t));
        size_t i = 0;
        while (target && i < a->count && !is_target(a->modules[i].name, target))
            i++;
        if (i == a->count || !target)
            return refuse_key(path, target ? target : "target_modules",
                              "is a target module without tensors", e);
    }
    for (size_t i = 0; i < a->count && json_is_array(targets); i++) {
        size_t t = 0;
        while (t < n &&
               !is_target(a->modules[i].name, json_string_value(json_array_get(targets, t))))
            t++;
        if (t == n)
            return refuse_key(path, a->modules[i].name,
                              "has tensors but is not among target_modules", e);
    }
    return true;
}

bool peft_read(struct peft_adapter *a, const char *folder, struct error *e)
{
    char *config_path = path_join(folder, CONFIG), *model_path = path_join(folder, MODEL);
    json_t *config = json_read_file(config_path, MOST_CONFIG, e);
    *a = (struct peft_adapter){0};
    bool ok = config && take_config(a, config_path, config, e) && take_model(a, model_path, e) &&
              check_targets(a, config_path, json_object_get(config, "target_modules"), e);
    if (!ok)
        peft_free(a);
    json_decref(config);
    free(config_path);
    free(model_path);
    return ok;
}

/* Joining. Both deltas are linear in B, so B takes the scale and the joint scale is 1:
 * s1·B1·A1 + s2·B2·A2 = [s1·B1 | s2·B2 | 0] · [A1; A2; 0]. */

static void place(struct peft_module *to, int rank_to, const struct peft_module *from, int rank,
                  int at, double scale)
{
    memcpy(to->a + (int64_t)at * to->in, from->a, (size_t)rank * (size_t)to->in * sizeof *to->a);
    for (int64_t row = 0; row < to->out; row++)
        for (int k = 0; k < rank; k++)
            to->b[row * rank_to + at + k] = (float)(scale * (double)from->b[row * rank + k]);
}

static float *zeros(int64_t rows, int64_t columns)
{
    size_t n = (size_t)rows * (size_t)columns * sizeof(float);
    float *to = mem_try_alloc(n);
    if (to)
        memset(to, 0, n);
    return to;
}

/* `x` or `y` may be NULL, not both. */
static bool join_module(struct peft_adapter *joined, const struct peft_adapter *a,
                        const struct peft_module *x, const struct peft_adapter *b,
                        const struct peft_module *y, struct error *e)
{
    const struct peft_module *any = x ? x : y;
    if (x && y && (x->in != y->in || x->out != y->out))
        return error_set(e, ERROR_INPUT,
                         "'%s' is %lld to %lld in one adapter, %lld to %lld in the "
                         "other: they belong to different bases",
                         x->name, (long long)x->in, (long long)x->out, (long long)y->in,
                         (long long)y->out);
    struct peft_module *m = &joined->modules[joined->count++];
    *m = (struct peft_module){.name = mem_strdup(any->name), .in = any->in, .out = any->out};
    m->a = zeros(joined->rank, m->in);
    m->b = zeros(m->out, joined->rank);
    if (!m->a || !m->b)
        return error_set(e, ERROR_LIMIT, "no memory to join '%s' at rank %d", m->name,
                         joined->rank);
    if (x)
        place(m, joined->rank, x, a->rank, 0, peft_scale(a));
    if (y)
        place(m, joined->rank, y, b->rank, a->rank, peft_scale(b));
    return true;
}

bool peft_join(struct peft_adapter *joined, const struct peft_adapter *a,
               const struct peft_adapter *b, int rank_to, struct error *e)
{
    const char *base = a->base ? a->base : b->base;
    int sum = a->rank + b->rank;
    size_t i = 0, j = 0;
    bool ok = true;
    *joined = (struct peft_adapter){0};
    if (rank_to && rank_to < sum)
        return error_set(e, ERROR_LIMIT, "ranks %d and %d need %d together, above the %d allowed",
                         a->rank, b->rank, sum, rank_to);
    joined->rank = rank_to ? rank_to : sum;
    joined->alpha = joined->rank;
    joined->base = base ? mem_strdup(base) : NULL;
    joined->modules = mem_array(a->count + b->count + 1, sizeof *joined->modules);
    while (ok && (i < a->count || j < b->count)) {
        int order = i == a->count   ? 1
                    : j == b->count ? -1
                                    : strcmp(a->modules[i].name, b->modules[j].name);
        ok = join_module(joined, a, order <= 0 ? &a->modules[i] : NULL, b,
                         order >= 0 ? &b->modules[j] : NULL, e);
        i += order <= 0;
        j += order >= 0;
    }
    if (!ok)
        peft_free(joined);
    return ok;
}
