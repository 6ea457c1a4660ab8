/* architecture: what a model's own file (llama.c) gives to model.c, and what it may use. */
#ifndef LORABUILD_MODELS_ARCHITECTURE_H
#define LORABUILD_MODELS_ARCHITECTURE_H

#include "lorabuild/common/memory.h"
#include "lorabuild/models/model.h"

struct architecture {
    const char *name;       /* config.json's model_type */
    const char *class_name; /* config.json's architectures[0] */
    const char *gguf_name;  /* general.architecture */
    bool (*load)(struct model *m, const struct weights *w, struct error *e);
    struct value *(*forward)(struct model *m, struct tape *t, const struct model_input *in,
                             struct model_cache *cache, bool checkpoint_layers, struct error *e);
};
extern const struct architecture architecture_llama;

struct model {
    const struct architecture *architecture;
    struct model_shape shape;
    struct arena arena; /* owns all below */
    struct model_linear *linears;
    size_t linear_count;
    struct matrix embedding;
    struct linear head;
    void *own; /* the architecture's */
};

struct model_cache {
    struct backend *backend;
    int64_t capacity, length;
    int layers;
    size_t row_bytes;
    float **keys, **values; /* a layer: (capacity, kv_heads · head_size) */
};

/* A tensor that must be there with this shape; errors name tensor, found and expected. */
const struct weight_tensor *model_tensor(const struct weights *w, const char *name, int64_t rows,
                                         int64_t cols, struct error *e); /* cols 0: a vector */
bool model_load_matrix(struct matrix *m, const struct weights *w, const char *name, int64_t rows,
                       int64_t cols, struct error *e);
/* A vector in f32, of the model's arena; NULL and an error. */
const float *model_load_vector(struct model *m, const struct weights *w, const char *name,
                               int64_t size, struct error *e);
/* Adds rows to layer i of the cache; *k and *v become views of all its rows. */
bool model_cache_add(struct model_cache *c, int layer, struct value *k, struct value *v,
                     struct error *e);

#endif
