/* engine: single parts of our engine for the oracle tests, which compare them with PyTorch, PEFT
 * and llama.cpp. MODEL is a Hugging Face folder or a .gguf file; adapters are PEFT folders, "-" is
 * none; IDS and JOB are JSON files.
 *
 *   engine fresh MODEL RANK SEED FOLDER        a fresh adapter
 *   engine logits MODEL ADAPTER IDS FILE       all logits of one sequence, as raw f32
 *   engine logprobs MODEL ADAPTER IDS          JSON: log-probability of each token
 *   engine encode MODEL TEXT                   JSON: token ids
 *   engine draft MODEL ADAPTER TOKENS TEXT     what follows the raw text, by temperature 0
 *   engine train MODEL ADAPTER JOB FOLDER      continues it: FOLDER/gradients.safetensors of the
 *                                              first step, FOLDER/adapter, losses as JSON
 *
 * ENGINE_COMPUTE=bf16 computes in bf16.
 */
#include "lorabuild/common/file.h"
#include "lorabuild/common/json.h"
#include "lorabuild/common/threads.h"
#include "lorabuild/formats/safetensors.h"
#include "lorabuild/infer/draft.h"
#include "lorabuild/train/optimizer.h"
#include "lorabuild/train/step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct engine {
    struct weights *weights;
    struct model *model;
    struct backend *backend;
    struct peft_adapter adapter;
    bool has_adapter;
};

static bool engine_open(struct engine *g, const char *model, const char *adapter, struct error *e)
{
    g->weights = weights_open(model, e);
    g->model = g->weights ? model_open(g->weights, e) : NULL;
    const char *compute = getenv("ENGINE_COMPUTE");
    bool bf16 = compute && strcmp(compute, "bf16") == 0;
    g->backend = g->model ? cpu_backend_open(bf16 ? COMPUTE_BF16 : COMPUTE_F32, 0, e) : NULL;
    if (!g->backend)
        return false;
    g->has_adapter = strcmp(adapter, "-") != 0;
    return !g->has_adapter || peft_read(&g->adapter, adapter, e);
}

static void engine_close(struct engine *g)
{
    peft_free(&g->adapter);
    if (g->backend)
        cpu_backend_close(g->backend);
    if (g->model)
        model_close(g->model);
    if (g->weights)
        weights_close(g->weights);
}

static int32_t *read_ids(const json_t *list, size_t *count)
{
    *count = json_array_size(list);
    int32_t *ids = mem_array(*count, sizeof *ids);
    for (size_t i = 0; i < *count; i++)
        ids[i] = (int32_t)json_integer_value(json_array_get(list, i));
    return ids;
}

static int32_t *read_id_file(const char *path, size_t *count, struct error *e)
{
    json_t *list = json_read_file(path, 1 << 24, e);
    int32_t *ids = list ? read_ids(list, count) : NULL;
    json_decref(list);
    return ids;
}

static void print_json(json_t *stolen)
{
    struct strbuf text = {0};
    json_write(&text, stolen, false);
    fputs(text.data, stdout);
    strbuf_free(&text);
    json_decref(stolen);
}

/* ---- commands ---- */

static bool fresh(struct engine *g, char **a, struct error *e)
{
    struct lora_set set;
    struct peft_adapter out = {0};
    int rank = atoi(a[0]);
    if (!lora_create(&set, g->model, NULL, 0, rank, 2.0 * rank, 0, (uint64_t)atoll(a[1]), e))
        return false;
    bool ok = folder_make(a[2], 0777, e) && lora_to_peft(&set, &out, 2.0 * rank, 0, "base", e) &&
              peft_write(a[2], &out, e);
    peft_free(&out);
    lora_free(&set);
    return ok;
}

static bool write_logits(struct engine *g, const int32_t *ids, size_t n, FILE *f, struct error *e)
{
    int32_t starts[2] = {0, (int32_t)n}, *rows = mem_array(n, sizeof *rows);
    for (size_t i = 0; i < n; i++)
        rows[i] = (int32_t)i;
    size_t numbers = n * (size_t)model_shape(g->model)->vocabulary;
    float *logits = mem_array(numbers, sizeof *logits);
    struct tape *t = tape_open(g->backend);
    struct model_input in = {ids, rows, starts, (int64_t)n, 1};
    tape_record(t, false);
    struct value *x = model_forward(g->model, t, &in, NULL, false, e);
    bool ok = x && op_head_logits(t, x, model_head(g->model), rows, (int64_t)n, logits, e);
    if (ok)
        ok = fwrite(logits, sizeof *logits, numbers, f) == numbers || error_errno(e, "writing");
    tape_close(t);
    free(logits);
    free(rows);
    return ok;
}

static bool logits(struct engine *g, char **a, struct error *e)
{
    size_t n;
    struct lora_set set;
    int32_t *ids = read_id_file(a[0], &n, e);
    FILE *f = ids ? fopen(a[1], "wb") : NULL;
    if (!f)
        return ids && error_errno(e, "%s", a[1]);
    bool ok = !g->has_adapter || lora_from_peft(&set, g->model, &g->adapter, false, e);
    if (ok) {
        if (g->has_adapter)
            lora_attach(&set);
        ok = write_logits(g, ids, n, f, e);
        if (g->has_adapter) {
            lora_detach(&set);
            lora_free(&set);
        }
    }
    fclose(f);
    free(ids);
    return ok;
}

static bool logprobs(struct engine *g, char **a, struct error *e)
{
    size_t n;
    int32_t *ids = read_id_file(a[0], &n, e);
    if (!ids)
        return false;
    double *out = mem_array(n, sizeof *out);
    bool ok = draft_log_probabilities(g->model, g->backend, g->has_adapter ? &g->adapter : NULL,
                                      ids, n, out, e);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_real(out[i]));
    if (ok)
        print_json(list);
    free(out);
    free(ids);
    return ok;
}

static bool encode(struct engine *g, char **a, struct error *e)
{
    struct tokens tokens = {0};
    struct tokenizer *t = tokenizer_open(g->weights, e);
    if (!t || !tokenizer_encode(t, str_of(a[0]), &tokens, e))
        return false;
    json_t *list = json_array();
    for (size_t i = 0; i < tokens.count; i++)
        json_array_append_new(list, json_integer(tokens.ids[i]));
    print_json(list);
    tokens_free(&tokens);
    tokenizer_close(t);
    return true;
}

static bool print_bytes(void *context, struct str bytes)
{
    (void)context;
    return fwrite(bytes.data, 1, bytes.size, stdout) == bytes.size;
}

static bool draft(struct engine *g, char **a, struct error *e)
{
    struct tokenizer *t = tokenizer_open(g->weights, e);
    if (!t)
        return false;
    struct draft_request r = {
        .model = g->model,
        .backend = g->backend,
        .tokenizer = t,
        .prompt = str_of(a[1]),
        .adapter = g->has_adapter ? &g->adapter : NULL,
        .options = {.top_p = 1, .repeat_penalty = 1, .max_tokens = atoll(a[0])},
        .write = print_bytes,
    };
    bool ok = draft_run(&r, e);
    tokenizer_close(t);
    return ok;
}

/* ---- train ---- */

static void read_windows(struct windows *w, const json_t *list)
{
    w->count = json_array_size(list);
    w->items = arena_array(&w->arena, w->count, sizeof *w->items);
    for (size_t i = 0; i < w->count; i++) {
        const json_t *one = json_array_get(list, i);
        const json_t *learned = json_object_get(one, "learned");
        size_t n;
        int32_t *ids = read_ids(json_object_get(one, "ids"), &n);
        struct window *out = &w->items[i];
        out->ids = arena_array(&w->arena, n, sizeof *ids);
        out->learned = arena_array(&w->arena, n, 1);
        out->count = (uint32_t)n;
        memcpy(out->ids, ids, n * sizeof *ids);
        for (size_t k = 0; k < n; k++)
            out->learned[k] = (uint8_t)json_integer_value(json_array_get(learned, k));
        free(ids);
    }
}

/* As PEFT files have them: B's rows in the Hugging Face order. */
static bool write_gradients(const struct lora_set *s, const char *path, struct error *e)
{
    struct arena arena = {0};
    struct weight_tensor *list = arena_array(&arena, 2 * s->count, sizeof *list);
    for (size_t i = 0; i < s->count; i++) {
        const struct matrix *w = &s->modules[i]->linear->weight;
        float *b = arena_array(&arena, (size_t)(w->rows * s->rank), sizeof *b);
        model_export_rows(s->modules[i], s->pairs[i].grad_b, s->rank, b);
        list[2 * i] = (struct weight_tensor){
            .name = arena_printf(&arena, "%s.lora_A.weight", s->modules[i]->name),
            .type = DTYPE_F32,
            .dims = 2,
            .shape = {s->rank, w->cols},
            .data = s->pairs[i].grad_a,
            .size_bytes = (size_t)(s->rank * w->cols) * sizeof(float)};
        list[2 * i + 1] = (struct weight_tensor){
            .name = arena_printf(&arena, "%s.lora_B.weight", s->modules[i]->name),
            .type = DTYPE_F32,
            .dims = 2,
            .shape = {w->rows, s->rank},
            .data = b,
            .size_bytes = (size_t)(w->rows * s->rank) * sizeof(float)};
    }
    bool ok = safetensors_write(path, list, 2 * s->count, NULL, e);
    arena_free(&arena);
    return ok;
}

static bool run_steps(struct engine *g, struct lora_set *set, const json_t *job, const char *folder,
                      struct error *e)
{
    const json_t *steps = json_object_get(job, "steps"), *rates = json_object_get(job, "rates");
    struct windows windows = {0};
    struct optimizer optimizer;
    struct tape *tape = tape_open(g->backend);
    json_t *losses = json_array();
    bool ok = true;
    read_windows(&windows, json_object_get(job, "windows"));
    optimizer_init(&optimizer, set->number_count);
    for (size_t i = 0; ok && i < json_array_size(steps); i++) {
        struct step s = {.model = g->model, .tape = tape, .set = set, .windows = &windows};
        struct step_result r;
        s.micro = (size_t)json_integer_value(json_object_get(job, "micro"));
        int32_t *which = read_ids(json_array_get(steps, i), &s.count);
        s.which = (const uint32_t *)which;
        ok = step_gradients(&s, &r, e);
        char *path = path_join(folder, "gradients.safetensors");
        if (ok && i == 0)
            ok = write_gradients(set, path, e);
        if (ok)
            optimizer_step(&optimizer, set->weights, set->gradients,
                           json_number_value(json_array_get(rates, i)),
                           json_number_value(json_object_get(job, "weight_decay")),
                           json_number_value(json_object_get(job, "max_grad_norm")));
        json_array_append_new(losses, json_real(r.loss));
        free(path);
        free(which);
    }
    if (ok)
        print_json(json_incref(losses));
    json_decref(losses);
    optimizer_free(&optimizer);
    arena_free(&windows.arena);
    tape_close(tape);
    return ok;
}

static bool train(struct engine *g, char **a, struct error *e)
{
    struct lora_set set;
    struct peft_adapter out = {0};
    char *trained = path_join(a[1], "adapter");
    json_t *job = json_read_file(a[0], 1 << 24, e);
    bool ok = job && folder_make(trained, 0777, e) &&
              lora_from_peft(&set, g->model, &g->adapter, true, e);
    if (ok) {
        lora_attach(&set);
        ok = run_steps(g, &set, job, a[1], e) &&
             lora_to_peft(&set, &out, g->adapter.alpha, 0, "base", e) &&
             peft_write(trained, &out, e);
        lora_detach(&set);
        lora_free(&set);
    }
    peft_free(&out);
    json_decref(job);
    free(trained);
    return ok;
}

static const struct command {
    const char *name;
    int arguments; /* behind MODEL and ADAPTER */
    bool takes_adapter;
    bool (*run)(struct engine *g, char **a, struct error *e);
} commands[] = {
    {"fresh", 3, false, fresh},   {"logits", 2, true, logits}, {"logprobs", 1, true, logprobs},
    {"encode", 1, false, encode}, {"draft", 2, true, draft},   {"train", 2, true, train},
};

int main(int argc, char **argv)
{
    const char *threads = getenv("OMP_NUM_THREADS");
    threads_set(threads ? atoi(threads) : 2);
    for (size_t i = 0; argc > 2 && i < sizeof commands / sizeof commands[0]; i++) {
        const struct command *c = &commands[i];
        int first = c->takes_adapter ? 4 : 3;
        if (strcmp(c->name, argv[1]) != 0 || argc != first + c->arguments)
            continue;
        struct engine g = {0};
        struct error e = {0};
        bool ok = engine_open(&g, argv[2], c->takes_adapter ? argv[3] : "-", &e) &&
                  c->run(&g, argv + first, &e);
        engine_close(&g);
        if (!ok)
            fprintf(stderr, "engine: %s\n", e.message);
        return !ok;
    }
    fprintf(stderr, "engine: wrong usage; see the top of tests/oracle/tools/engine.c\n");
    return 2;
}
