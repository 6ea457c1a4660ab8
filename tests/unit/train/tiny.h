/* tiny: the small golden Llama of tests/golden/train/ (made by make_train.py), for tests that
 * train and draft.
 */
#ifndef TESTS_UNIT_TRAIN_TINY_H
#define TESTS_UNIT_TRAIN_TINY_H

#include "lorabuild/common/file.h"
#include "lorabuild/common/json.h"
#include "lorabuild/data/batch.h"
#include "lorabuild/formats/peft.h"
#include "lorabuild/formats/tokenizer.h"
#include "lorabuild/models/model.h"

#include <stdlib.h>
#include <string.h>

#define TINY "tests/golden/train"

struct tiny {
    struct weights *weights;
    struct model *model;
    struct backend *backend;
    json_t *expected;            /* expected.json */
    struct windows windows;      /* its windows */
    struct peft_adapter adapter; /* the one to continue: rank 4, B not zero */
};

#define tiny_check(condition, e)                          \
    do {                                                  \
        if (!(condition))                                 \
            fail_msg("%s: %s", #condition, (e)->message); \
    } while (0)

static inline void tiny_windows(struct windows *w, const json_t *list)
{
    *w = (struct windows){.count = json_array_size(list)};
    w->items = arena_array(&w->arena, w->count, sizeof *w->items);
    for (size_t i = 0; i < w->count; i++) {
        const json_t *ids = json_object_get(json_array_get(list, i), "ids");
        const json_t *learned = json_object_get(json_array_get(list, i), "learned");
        size_t n = json_array_size(ids);
        struct window *one = &w->items[i];
        *one = (struct window){.ids = arena_array(&w->arena, n, sizeof(int32_t)),
                               .learned = arena_array(&w->arena, n, 1),
                               .count = (uint32_t)n,
                               .samples = arena_array(&w->arena, 1, sizeof(struct digest)),
                               .sample_count = 1,
                               .document = (uint32_t)i};
        for (size_t k = 0; k < n; k++) {
            one->ids[k] = (int32_t)json_integer_value(json_array_get(ids, k));
            one->learned[k] = (uint8_t)json_integer_value(json_array_get(learned, k));
            one->learned_count += one->learned[k];
        }
        one->samples[0] = digest_of(one->ids, n * sizeof *one->ids);
    }
}

static inline void tiny_open(struct tiny *t)
{
    struct error e = {0};
    *t = (struct tiny){0};
    t->weights = weights_open(TINY, &e);
    tiny_check(t->weights, &e);
    t->model = model_open(t->weights, &e);
    tiny_check(t->model, &e);
    t->backend = cpu_backend_open(COMPUTE_F32, 0, &e);
    tiny_check(t->backend, &e);
    t->expected = json_read_file(TINY "/expected.json", 1 << 20, &e);
    tiny_check(t->expected, &e);
    tiny_windows(&t->windows, json_object_get(t->expected, "windows"));
    tiny_check(peft_read(&t->adapter, TINY "/adapter", &e), &e);
}

static inline void tiny_close(struct tiny *t)
{
    peft_free(&t->adapter);
    arena_free(&t->windows.arena);
    json_decref(t->expected);
    cpu_backend_close(t->backend);
    model_close(t->model);
    weights_close(t->weights);
}

#endif
