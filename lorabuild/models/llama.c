/* Llama: a stack of blocks, each
 *
 *     x += o_proj(attention(rope(q_proj(n)), rope(k_proj(n)), v_proj(n)))   n = norm(x)
 *     x += down_proj(silu(gate_proj(n)) · up_proj(n))                       n = norm(x)
 *
 * between the embedding and a last norm. Source: Touvron et al. 2023, "LLaMA: open and efficient
 * foundation language models", with grouped queries as in Llama 2.
 */
#include "lorabuild/common/str.h"
#include "lorabuild/formats/gguf.h"
#include "lorabuild/models/architecture.h"
#include "lorabuild/tensor/record.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum part { Q, K, V, O, GATE, UP, DOWN, PARTS };

static const struct part_name {
    const char *module, *gguf;
} part_names[PARTS] = {
    [Q] = {"self_attn.q_proj", "attn_q"},   [K] = {"self_attn.k_proj", "attn_k"},
    [V] = {"self_attn.v_proj", "attn_v"},   [O] = {"self_attn.o_proj", "attn_output"},
    [GATE] = {"mlp.gate_proj", "ffn_gate"}, [UP] = {"mlp.up_proj", "ffn_up"},
    [DOWN] = {"mlp.down_proj", "ffn_down"},
};

struct layer {
    struct linear part[PARTS];
    const float *attention_norm, *feed_forward_norm;
};

struct llama {
    struct layer *layers;
    const float *last_norm;
    float epsilon;
    float *inverse_frequency; /* (head_size / 2) */
    enum rope_pairing pairing;
};

struct settings { /* that are in no tensor's shape */
    double epsilon, theta;
    bool tied;
};

/* ---- the description in config.json ---- */

static bool config_rope(const json_t *config, const char *path, double *theta, struct error *e)
{
    const json_t *rope = json_object_get(config, "rope_parameters"); /* transformers 5 */
    if (!json_is_object(rope))
        rope = json_object_get(config, "rope_scaling");
    const json_t *type = json_object_get(rope, "rope_type");
    if (!type)
        type = json_object_get(rope, "type");
    const char *name = json_is_object(rope) ? json_string_value(type) : NULL;
    if (name && strcmp(name, "default") != 0)
        return error_set(e, ERROR_INPUT, "%s: rope scaling of type \"%s\" is not supported yet",
                         path, name);
    const json_t *nested = json_object_get(rope, "rope_theta");
    *theta = 10000;
    if (nested)
        return json_get_number(rope, "rope_theta", theta, path, e);
    return json_get_number_or(config, "rope_theta", theta, 10000, path, e);
}

static bool config_refuse(const json_t *config, const char *path, struct error *e)
{
    static const char *const flags[] = {"attention_bias", "mlp_bias"};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        bool on;
        if (!json_get_bool_or(config, flags[i], &on, false, path, e))
            return false;
        if (on)
            return error_set(e, ERROR_INPUT, "%s: %s is not supported", path, flags[i]);
    }
    const char *act = json_string_value(json_object_get(config, "hidden_act"));
    if (act && strcmp(act, "silu") != 0)
        return error_set(e, ERROR_INPUT, "%s: hidden_act \"%s\" is not supported", path, act);
    return true;
}

static bool read_config(struct model_shape *s, struct settings *set, const struct weights *w,
                        struct error *e)
{
    const json_t *config = weights_config(w);
    const char *path = weights_path(w);
    int64_t layers, heads, kv_heads, head_size;
    if (!json_get_int(config, "hidden_size", &s->width, path, e) ||
        !json_get_int(config, "intermediate_size", &s->feed_forward, path, e) ||
        !json_get_int(config, "vocab_size", &s->vocabulary, path, e) ||
        !json_get_int(config, "num_hidden_layers", &layers, path, e) ||
        !json_get_int(config, "num_attention_heads", &heads, path, e) ||
        !json_get_int_or(config, "num_key_value_heads", &kv_heads, heads, path, e) ||
        !json_get_int_or(config, "head_dim", &head_size, heads > 0 ? s->width / heads : 0, path,
                         e) ||
        !json_get_int_or(config, "max_position_embeddings", &s->context, 2048, path, e) ||
        !json_get_number_or(config, "rms_norm_eps", &set->epsilon, 1e-6, path, e) ||
        !json_get_bool_or(config, "tie_word_embeddings", &set->tied, false, path, e))
        return false;
    s->layers = (int)layers;
    s->heads = (int)heads;
    s->kv_heads = (int)kv_heads;
    s->head_size = (int)head_size;
    return config_refuse(config, path, e) && config_rope(config, path, &set->theta, e);
}

/* ---- the description in a GGUF's metadata ---- */

static bool gguf_int(const struct weights *w, const char *key, int64_t *value, int64_t otherwise,
                     struct error *e)
{
    if (gguf_get_int(weights_gguf(w), key, value))
        return true;
    *value = otherwise;
    return otherwise > 0 ||
           error_set(e, ERROR_INPUT, "%s: %s is missing or no integer", weights_path(w), key);
}

static bool gguf_refuse(const struct weights *w, int64_t head_size, struct error *e)
{
    struct str scaling = {0};
    int64_t turned = head_size;
    if (gguf_get_str(weights_gguf(w), "llama.rope.scaling.type", &scaling) &&
        !str_is(scaling, "none"))
        return error_set(e, ERROR_INPUT, "%s: rope scaling of type \"%.*s\" is not supported yet",
                         weights_path(w), (int)scaling.size, scaling.data);
    if (weights_find(w, "rope_freqs.weight"))
        return error_set(e, ERROR_INPUT,
                         "%s: rope scaling (tensor rope_freqs.weight) is not supported yet",
                         weights_path(w));
    if (gguf_get_int(weights_gguf(w), "llama.rope.dimension_count", &turned) && turned != head_size)
        return error_set(e, ERROR_INPUT, "%s: rope over %lld of %lld columns is not supported",
                         weights_path(w), (long long)turned, (long long)head_size);
    return true;
}

static bool read_gguf(struct model_shape *s, struct settings *set, const struct weights *w,
                      struct error *e)
{
    const struct gguf *g = weights_gguf(w);
    const struct weight_tensor *table = weights_find(w, "token_embd.weight");
    int64_t layers, heads, kv_heads, head_size;
    size_t tokens = 0;
    if (!gguf_int(w, "llama.embedding_length", &s->width, 0, e) ||
        !gguf_int(w, "llama.feed_forward_length", &s->feed_forward, 0, e) ||
        !gguf_int(w, "llama.block_count", &layers, 0, e) ||
        !gguf_int(w, "llama.attention.head_count", &heads, 0, e) ||
        !gguf_int(w, "llama.attention.head_count_kv", &kv_heads, heads, e) ||
        !gguf_int(w, "llama.attention.key_length", &head_size,
                  heads > 0 && s->width >= heads ? s->width / heads : 1, e) ||
        !gguf_int(w, "llama.context_length", &s->context, 2048, e))
        return false;
    if (!gguf_get_number(g, "llama.attention.layer_norm_rms_epsilon", &set->epsilon))
        return error_set(e, ERROR_INPUT, "%s: llama.attention.layer_norm_rms_epsilon is missing",
                         weights_path(w));
    if (!gguf_get_number(g, "llama.rope.freq_base", &set->theta))
        set->theta = 10000;
    s->vocabulary = table && table->dims == 2 ? table->shape[0] : 0;
    if (gguf_get_strs(g, "tokenizer.ggml.tokens", &tokens))
        s->vocabulary = (int64_t)tokens;
    s->layers = (int)layers;
    s->heads = (int)heads;
    s->kv_heads = (int)kv_heads;
    s->head_size = (int)head_size;
    set->tied = !weights_find(w, "output.weight");
    return gguf_refuse(w, head_size, e);
}

/* ---- tensors ---- */

static bool check_shape(const struct model_shape *s, const char *path, struct error *e)
{
    bool good = s->width > 0 && s->width < 1 << 20 && s->feed_forward > 0 &&
                s->feed_forward < 1 << 24 && s->vocabulary > 0 && s->vocabulary < 1 << 28 &&
                s->layers > 0 && s->layers < 10000 && s->heads > 0 && s->heads < 1 << 16 &&
                s->kv_heads > 0 && s->heads % s->kv_heads == 0 && s->head_size > 0 &&
                s->head_size < 1 << 16 && s->head_size % 2 == 0;
    return good ||
           error_set(e, ERROR_INPUT,
                     "%s: impossible shape: width %lld, feed-forward %lld, vocabulary %lld, %d "
                     "layers, %d heads over %d of size %d",
                     path, (long long)s->width, (long long)s->feed_forward,
                     (long long)s->vocabulary, s->layers, s->heads, s->kv_heads, s->head_size);
}

static void part_size(const struct model_shape *s, enum part part, int64_t *out, int64_t *in)
{
    int64_t attention = (int64_t)s->heads * s->head_size, kv = (int64_t)s->kv_heads * s->head_size;
    const int64_t sizes[PARTS][2] = {
        [Q] = {attention, s->width},
        [K] = {kv, s->width},
        [V] = {kv, s->width},
        [O] = {s->width, attention},
        [GATE] = {s->feed_forward, s->width},
        [UP] = {s->feed_forward, s->width},
        [DOWN] = {s->width, s->feed_forward},
    };
    *out = sizes[part][0];
    *in = sizes[part][1];
}

/* GGUF's rows of q and k: row h·D + 2j + a of the file is Hugging Face's h·D + a·D/2 + j. */
static const int32_t *permuted_rows(struct model *m, int64_t rows)
{
    int32_t *order = arena_array(&m->arena, (size_t)rows, sizeof *order);
    int32_t size = m->shape.head_size;
    for (int32_t i = 0; i < rows; i++) {
        int32_t in_head = i % size;
        order[i] = i - in_head + in_head % 2 * (size / 2) + in_head / 2;
    }
    return order;
}

static bool load_part(struct model *m, const struct weights *w, int layer, enum part part,
                      struct error *e)
{
    struct llama *l = m->own;
    struct linear *linear = &l->layers[layer].part[part];
    bool gguf = weights_gguf(w) != NULL;
    char name[100];
    int64_t out, in;
    part_size(&m->shape, part, &out, &in);
    if (gguf)
        snprintf(name, sizeof name, "blk.%d.%s.weight", layer, part_names[part].gguf);
    else
        snprintf(name, sizeof name, "model.layers.%d.%s.weight", layer, part_names[part].module);
    if (!model_load_matrix(&linear->weight, w, name, out, in, e))
        return false;
    struct model_linear *entry = &m->linears[m->linear_count++];
    entry->linear = linear;
    entry->name = arena_printf(&m->arena, "model.layers.%d.%s", layer, part_names[part].module);
    entry->target = strrchr(entry->name, '.') + 1;
    entry->row_order = gguf && (part == Q || part == K) ? permuted_rows(m, out) : NULL;
    m->shape.block_parameters += (uint64_t)(out * in);
    return true;
}

static bool load_layer(struct model *m, const struct weights *w, int i, struct error *e)
{
    struct llama *l = m->own;
    bool gguf = weights_gguf(w) != NULL;
    char first[100], second[100];
    snprintf(first, sizeof first,
             gguf ? "blk.%d.attn_norm.weight" : "model.layers.%d.input_layernorm.weight", i);
    snprintf(second, sizeof second,
             gguf ? "blk.%d.ffn_norm.weight" : "model.layers.%d.post_attention_layernorm.weight",
             i);
    struct layer *layer = &l->layers[i];
    layer->attention_norm = model_load_vector(m, w, first, m->shape.width, e);
    if (!layer->attention_norm)
        return false;
    layer->feed_forward_norm = model_load_vector(m, w, second, m->shape.width, e);
    if (!layer->feed_forward_norm)
        return false;
    for (int part = 0; part < PARTS; part++)
        if (!load_part(m, w, i, (enum part)part, e))
            return false;
    return true;
}

/* As transformers computes it, each step rounded to f32. */
static float *inverse_frequency(struct model *m, double theta)
{
    int size = m->shape.head_size;
    float *f = arena_array(&m->arena, (size_t)size / 2, sizeof *f);
    for (int i = 0; i < size / 2; i++)
        f[i] = 1.0f / (float)pow(theta, (double)((float)(2 * i) / (float)size));
    return f;
}

static bool load(struct model *m, const struct weights *w, struct error *e)
{
    struct model_shape *s = &m->shape;
    struct settings set = {0};
    bool gguf = weights_gguf(w) != NULL;
    if (!(gguf ? read_gguf : read_config)(s, &set, w, e) || !check_shape(s, weights_path(w), e))
        return false;
    struct llama *l = m->own = arena_alloc(&m->arena, sizeof *l);
    if (!model_load_matrix(&m->embedding, w,
                           gguf ? "token_embd.weight" : "model.embed_tokens.weight", s->vocabulary,
                           s->width, e))
        return false;
    m->head.weight = m->embedding;
    if (!set.tied &&
        !model_load_matrix(&m->head.weight, w, gguf ? "output.weight" : "lm_head.weight",
                           s->vocabulary, s->width, e))
        return false;
    l->last_norm =
        model_load_vector(m, w, gguf ? "output_norm.weight" : "model.norm.weight", s->width, e);
    if (!l->last_norm)
        return false;
    l->epsilon = (float)set.epsilon;
    l->inverse_frequency = inverse_frequency(m, set.theta);
    l->pairing = gguf ? ROPE_NEIGHBOURS : ROPE_HALVES;
    l->layers = arena_array(&m->arena, (size_t)s->layers, sizeof *l->layers);
    m->linears = arena_array(&m->arena, (size_t)s->layers * PARTS, sizeof *m->linears);
    for (int i = 0; i < s->layers; i++)
        if (!load_layer(m, w, i, e))
            return false;
    return true;
}

/* ---- forward ---- */

struct pass_context { /* of one layer in one pass */
    struct model *model;
    int layer;
    struct model_input in;
    struct model_cache *cache;
};

static struct value *attend(struct tape *t, const struct pass_context *c, struct value *q,
                            struct value *k, struct value *v, struct error *e)
{
    const struct model_shape *s = &c->model->shape;
    struct attention a = {.heads = s->heads,
                          .kv_heads = s->kv_heads,
                          .head_size = s->head_size,
                          .scale = (float)(1 / sqrt(s->head_size)),
                          .starts = c->in.starts,
                          .sequences = c->in.sequences};
    if (!c->cache)
        return op_attention(t, q, k, v, &a, e);
    struct value all_k = *k, all_v = *v; /* views: nothing is recorded with a cache */
    if (!model_cache_add(c->cache, c->layer, &all_k, &all_v, e))
        return NULL;
    return op_attention(t, q, &all_k, &all_v, &a, e);
}

/* Each step takes what the one before made; a value that is used no more is dropped at once. */
static struct value *attention_part(struct tape *t, const struct pass_context *c, struct value *n,
                                    struct error *e)
{
    const struct llama *l = c->model->own;
    const struct linear *part = l->layers[c->layer].part;
    int size = c->model->shape.head_size;
    struct value *q, *k, *v, *out;
    if (!(q = op_linear(t, n, &part[Q], e)) || !(k = op_linear(t, n, &part[K], e)) ||
        !(v = op_linear(t, n, &part[V], e)))
        return NULL;
    tape_drop(t, n);
    if (!(q = op_rope(t, q, c->in.positions, size, l->inverse_frequency, l->pairing, e)) ||
        !(k = op_rope(t, k, c->in.positions, size, l->inverse_frequency, l->pairing, e)) ||
        !(out = attend(t, c, q, k, v, e)))
        return NULL;
    tape_drop(t, q);
    tape_drop(t, k);
    tape_drop(t, v);
    struct value *y = op_linear(t, out, &part[O], e);
    tape_drop(t, out);
    return y;
}

static struct value *feed_forward_part(struct tape *t, const struct pass_context *c,
                                       struct value *n, struct error *e)
{
    const struct llama *l = c->model->own;
    const struct linear *part = l->layers[c->layer].part;
    struct value *gate, *up, *hidden;
    if (!(gate = op_linear(t, n, &part[GATE], e)) || !(up = op_linear(t, n, &part[UP], e)))
        return NULL;
    tape_drop(t, n);
    if (!(hidden = op_swiglu(t, gate, up, e)))
        return NULL;
    tape_drop(t, gate);
    tape_drop(t, up);
    struct value *y = op_linear(t, hidden, &part[DOWN], e);
    tape_drop(t, hidden);
    return y;
}

static struct value *add_to(struct tape *t, struct value *x, struct value *y, struct error *e)
{
    struct value *sum = y ? op_add(t, x, y, e) : NULL;
    if (!sum)
        return NULL;
    tape_drop(t, x);
    tape_drop(t, y);
    return sum;
}

static struct value *block(struct tape *t, void *context, struct value *x, struct error *e)
{
    const struct pass_context *c = context;
    const struct llama *l = c->model->own;
    const struct layer *layer = &l->layers[c->layer];
    struct value *n = op_rms_norm(t, x, layer->attention_norm, l->epsilon, e);
    x = n ? add_to(t, x, attention_part(t, c, n, e), e) : NULL;
    if (!x)
        return NULL;
    n = op_rms_norm(t, x, layer->feed_forward_norm, l->epsilon, e);
    return n ? add_to(t, x, feed_forward_part(t, c, n, e), e) : NULL;
}

static struct value *forward(struct model *m, struct tape *t, const struct model_input *in,
                             struct model_cache *cache, bool checkpoint_layers, struct error *e)
{
    const struct llama *l = m->own;
    struct value *x = op_embedding(t, &m->embedding, in->ids, in->count, 1, e);
    for (int i = 0; x && i < m->shape.layers; i++) {
        struct pass_context c = {m, i, *in, cache};
        void *kept = tape_copy(t, &c, sizeof c);
        struct value *before = x;
        x = checkpoint_layers ? tape_checkpoint(t, block, kept, x, e) : block(t, kept, x, e);
        if (checkpoint_layers && x)
            tape_drop(t, before);
    }
    struct value *out = x ? op_rms_norm(t, x, l->last_norm, l->epsilon, e) : NULL;
    if (out)
        tape_drop(t, x);
    return out;
}

const struct architecture architecture_llama = {
    .name = "llama",
    .class_name = "LlamaForCausalLM",
    .gguf_name = "llama",
    .load = load,
    .forward = forward,
};
