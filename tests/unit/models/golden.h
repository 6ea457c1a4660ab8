/* The tiny Llama of tests/golden/llama and what transformers and PEFT computed with it. */
#ifndef LORABUILD_TESTS_GOLDEN_H
#define LORABUILD_TESTS_GOLDEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/common/memory.h"
#include "lorabuild/common/threads.h"
#include "lorabuild/formats/safetensors.h"
#include "lorabuild/models/lora.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN "tests/golden/llama/"
#define TOKENS 21
#define VOCABULARY 64

static const int32_t golden_starts[] = {0, 13, 21};
static const int32_t golden_positions[TOKENS] = {0,  1,  2, 3, 4, 5, 6, 7, 8, 9, 10,
                                                 11, 12, 0, 1, 2, 3, 4, 5, 6, 7};

struct golden {
    struct safetensors *expected;
    struct weights *weights;
    struct model *model;
    struct backend *backend;
    struct tape *tape;
    int32_t ids[TOKENS];
};

static inline const float *expected_of(const struct golden *g, const char *name)
{
    const struct weight_tensor *t = safetensors_find(g->expected, name);
    if (!t)
        fail_msg("expected.safetensors has no %s", name);
    return t->data;
}

static inline void golden_open(struct golden *g, const char *name, size_t panel_bytes)
{
    struct error e = {0};
    char path[200];
    *g = (struct golden){0};
    snprintf(path, sizeof path, GOLDEN "%s", name);
    g->expected = safetensors_open(GOLDEN "expected.safetensors", &e);
    if (!g->expected || !(g->weights = weights_open(path, &e)) ||
        !(g->model = model_open(g->weights, &e)) ||
        !(g->backend = cpu_backend_open(COMPUTE_F32, panel_bytes, &e)))
        fail_msg("%s", e.message);
    g->tape = tape_open(g->backend);
    for (int i = 0; i < TOKENS; i++)
        g->ids[i] = (int32_t)expected_of(g, "ids")[i];
}

static inline void golden_close(struct golden *g)
{
    tape_close(g->tape);
    cpu_backend_close(g->backend);
    model_close(g->model);
    weights_close(g->weights);
    safetensors_close(g->expected);
}

static inline struct model_input golden_input(const struct golden *g)
{
    return (struct model_input){.ids = g->ids,
                                .positions = golden_positions,
                                .starts = golden_starts,
                                .count = TOKENS,
                                .sequences = 2};
}

static inline struct value *golden_forward(struct golden *g, bool checkpoint)
{
    struct error e = {0};
    struct model_input in = golden_input(g);
    struct value *x = model_forward(g->model, g->tape, &in, NULL, checkpoint, &e);
    if (!x)
        fail_msg("%s", e.message);
    return x;
}

static inline void golden_logits(struct golden *g, float *logits)
{
    struct error e = {0};
    int32_t rows[TOKENS];
    for (int i = 0; i < TOKENS; i++)
        rows[i] = i;
    struct value *x = golden_forward(g, false);
    assert_true(op_head_logits(g->tape, x, model_head(g->model), rows, TOKENS, logits, &e));
    tape_reset(g->tape);
}

static inline double farthest(const float *a, const float *b, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        double off = fabs((double)a[i] - (double)b[i]);
        most = off > most || off != off ? off : most;
    }
    return most;
}

/* The adapter of expected.safetensors: rank 4, alpha 8, all linear layers. */
static inline void golden_adapter(const struct golden *g, struct peft_adapter *a)
{
    size_t n = model_linear_count(g->model);
    *a = (struct peft_adapter){.rank = 4, .alpha = 8, .count = n};
    a->modules = mem_array(n, sizeof *a->modules);
    for (size_t i = 0; i < n; i++) {
        const struct model_linear *l = model_linear_at(g->model, i);
        char name[200];
        struct peft_module *m = &a->modules[i];
        *m = (struct peft_module){.name = mem_strdup(l->name),
                                  .in = l->linear->weight.cols,
                                  .out = l->linear->weight.rows};
        size_t a_bytes = (size_t)(4 * m->in) * sizeof(float);
        size_t b_bytes = (size_t)(4 * m->out) * sizeof(float);
        snprintf(name, sizeof name, "%s.lora_A", l->name);
        m->a = memcpy(mem_alloc(a_bytes), expected_of(g, name), a_bytes);
        snprintf(name, sizeof name, "%s.lora_B", l->name);
        m->b = memcpy(mem_alloc(b_bytes), expected_of(g, name), b_bytes);
    }
}

/* Loss of all next tokens in each sequence; gradients into the attached set. */
static inline double golden_step(struct golden *g, bool checkpoint)
{
    struct error e = {0};
    int32_t targets[TOKENS];
    float weights[TOKENS];
    for (int i = 0; i < TOKENS; i++) {
        targets[i] = i + 1 < TOKENS ? g->ids[i + 1] : 0;
        weights[i] = i == 12 || i == 20 ? 0 : 1;
    }
    double loss = 0;
    struct head_loss h = {.head = model_head(g->model),
                          .targets = targets,
                          .weights = weights,
                          .grad_scale = 1,
                          .loss_sum = &loss};
    tape_record(g->tape, true);
    struct value *x = golden_forward(g, checkpoint);
    if (!op_head_loss(g->tape, x, &h, &e) || !tape_backward(g->tape, &e))
        fail_msg("%s", e.message);
    tape_record(g->tape, false);
    tape_reset(g->tape);
    return loss;
}

#endif
