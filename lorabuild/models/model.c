#include "lorabuild/models/architecture.h"

#include "lorabuild/formats/gguf.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct architecture *const architectures[] = {&architecture_llama};
#define ARCHITECTURES (sizeof architectures / sizeof *architectures)

/* Matrix ids must differ within a process, whatever models it opens: the one number that is
 * shared by them all. */
static atomic_int next_matrix_id;

static bool refuse(const char *found, const char *path, struct error *e)
{
    char names[200] = "";
    for (size_t i = 0; i < ARCHITECTURES; i++) {
        size_t n = strlen(names);
        snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "", architectures[i]->name);
    }
    return error_set(e, ERROR_INPUT, "%s: the architecture \"%s\" is not supported; we have: %s",
                     path, found, names);
}

static const struct architecture *find(const char *name, size_t field)
{
    for (size_t i = 0; i < ARCHITECTURES; i++) {
        const char *ours = *(const char *const *)((const char *)architectures[i] + field);
        if (!strcmp(ours, name))
            return architectures[i];
    }
    return NULL;
}

/* By class first: a wrapper class may carry the model_type of what it wraps. */
static const struct architecture *of_config(const struct weights *w, struct error *e)
{
    const json_t *config = weights_config(w);
    const char *path = weights_path(w);
    const json_t *classes = json_object_get(config, "architectures");
    const char *class_name = json_string_value(json_array_get(classes, 0));
    const char *type = json_string_value(json_object_get(config, "model_type"));
    if (class_name && strstr(class_name, "ForConditionalGeneration")) {
        error_set(e, ERROR_INPUT,
                  "%s: %s wraps a text model inside another; an adapter trained on it would not "
                  "fit what serves it. Give the text model's own folder",
                  path, class_name);
        return NULL;
    }
    const struct architecture *a =
        class_name ? find(class_name, offsetof(struct architecture, class_name))
                   : find(type ? type : "", offsetof(struct architecture, name));
    if (!a)
        refuse(class_name ? class_name : type ? type : "(config.json names none)", path, e);
    return a;
}

static const struct architecture *of_gguf(const struct weights *w, struct error *e)
{
    struct str name = {0};
    char text[64];
    if (!gguf_get_str(weights_gguf(w), "general.architecture", &name)) {
        error_set(e, ERROR_INPUT, "%s: general.architecture is missing", weights_path(w));
        return NULL;
    }
    snprintf(text, sizeof text, "%.*s", (int)(name.size < 60 ? name.size : 60), name.data);
    const struct architecture *a = find(text, offsetof(struct architecture, gguf_name));
    if (!a)
        refuse(text, weights_path(w), e);
    return a;
}

struct model *model_open(const struct weights *w, struct error *e)
{
    const struct architecture *a = weights_gguf(w) ? of_gguf(w, e) : of_config(w, e);
    if (!a)
        return NULL;
    struct model *m = mem_zalloc(sizeof *m);
    m->architecture = a;
    if (a->load(m, w, e))
        return m;
    model_close(m);
    return NULL;
}

void model_close(struct model *m)
{
    if (!m)
        return;
    arena_free(&m->arena);
    free(m);
}

const struct model_shape *model_shape(const struct model *m)
{
    return &m->shape;
}

const char *model_architecture(const struct model *m)
{
    return m->architecture->name;
}

size_t model_linear_count(const struct model *m)
{
    return m->linear_count;
}

struct model_linear *model_linear_at(struct model *m, size_t i)
{
    return &m->linears[i];
}

const struct linear *model_head(const struct model *m)
{
    return &m->head;
}

static void move_rows(const struct model_linear *l, const float *b, int rank, float *to, bool out)
{
    size_t bytes = (size_t)rank * sizeof *b;
    for (int64_t i = 0; i < l->linear->weight.rows; i++) {
        int64_t other = l->row_order ? l->row_order[i] : i;
        memcpy(to + (out ? other : i) * rank, b + (out ? i : other) * rank, bytes);
    }
}

void model_export_rows(const struct model_linear *l, const float *b, int rank, float *to)
{
    move_rows(l, b, rank, to, true);
}

void model_import_rows(const struct model_linear *l, const float *b, int rank, float *to)
{
    move_rows(l, b, rank, to, false);
}

static void shape_text(char *text, size_t size, const int64_t *shape, int dims)
{
    size_t n = 0;
    for (int i = 0; i < dims && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, "%s%lld", i ? ", " : "", (long long)shape[i]);
}

const struct weight_tensor *model_tensor(const struct weights *w, const char *name, int64_t rows,
                                         int64_t cols, struct error *e)
{
    const struct weight_tensor *t = weights_find(w, name);
    int64_t expected[2] = {rows, cols};
    int dims = cols ? 2 : 1;
    if (!t) {
        error_set(e, ERROR_INPUT, "%s: tensor %s is missing", weights_path(w), name);
        return NULL;
    }
    if (t->dims == dims && t->shape[0] == rows && (dims == 1 || t->shape[1] == cols))
        return t;
    char found[100] = "", wanted[100] = "";
    shape_text(found, sizeof found, t->shape, t->dims);
    shape_text(wanted, sizeof wanted, expected, dims);
    error_set(e, ERROR_INPUT, "%s: tensor %s is [%s], expected [%s]", weights_path(w), name, found,
              wanted);
    return NULL;
}

bool model_load_matrix(struct matrix *m, const struct weights *w, const char *name, int64_t rows,
                       int64_t cols, struct error *e)
{
    const struct weight_tensor *t = model_tensor(w, name, rows, cols, e);
    if (!t)
        return false;
    *m = (struct matrix){.type = t->type,
                         .rows = rows,
                         .cols = cols,
                         .data = t->data,
                         .id = atomic_fetch_add(&next_matrix_id, 1)};
    return true;
}

const float *model_load_vector(struct model *m, const struct weights *w, const char *name,
                               int64_t size, struct error *e)
{
    const struct weight_tensor *t = model_tensor(w, name, size, 0, e);
    if (!t)
        return NULL;
    float *numbers = arena_array(&m->arena, (size_t)size, sizeof *numbers);
    dtype_to_f32(t->type, t->data, numbers, (size_t)size);
    return numbers;
}

struct value *model_forward(struct model *m, struct tape *t, const struct model_input *in,
                            struct model_cache *cache, bool checkpoint_layers, struct error *e)
{
    if (in->count <= 0 || (cache && (in->sequences != 1 || tape_recording(t)))) {
        error_set(e, ERROR_INTERNAL, "a forward of %lld tokens in %d sequences%s",
                  (long long)in->count, in->sequences, cache ? " with a cache" : "");
        return NULL;
    }
    if (cache && in->count > cache->capacity - cache->length) {
        error_set(e, ERROR_LIMIT, "%lld tokens do not fit behind the %lld of %lld in the cache",
                  (long long)in->count, (long long)cache->length, (long long)cache->capacity);
        return NULL;
    }
    struct value *out = m->architecture->forward(m, t, in, cache, checkpoint_layers, e);
    if (out && cache)
        cache->length += in->count;
    return out;
}
