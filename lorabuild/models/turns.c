#include "lorabuild/models/turns.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS_COMPARED = 257 };
#define STOP "<|im_end|>"
#define START "<|im_start|>"

/* --- Rows. --- */

static void read_row(const struct matrix *head, int64_t row, float *to)
{
    size_t bytes;
    if (dtype_bytes(head->type, (uint64_t)head->cols, &bytes))
        dtype_to_f32(head->type, (const char *)head->data + (size_t)row * bytes, to,
                     (size_t)head->cols);
}

static float norm(const float *row, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)row[i] * row[i];
    return (float)sqrt(sum);
}

static int by_size(const void *a, const void *b)
{
    const float *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static float usual_norm(const struct matrix *head, float *row)
{
    float norms[ROWS_COMPARED];
    size_t n = head->rows < ROWS_COMPARED ? (size_t)head->rows : ROWS_COMPARED;
    for (size_t i = 0; i < n; i++) {
        read_row(head, (int64_t)(i * (size_t)head->rows / n), row);
        norms[i] = norm(row, head->cols);
    }
    qsort(norms, n, sizeof *norms, by_size);
    return norms[n / 2];
}

static void compare_rows(struct turns *t, const struct matrix *head, int32_t start, int32_t stop)
{
    float *row = mem_array((size_t)head->cols, sizeof *row);
    float *other = mem_array((size_t)head->cols, sizeof *other);
    t->usual_norm = usual_norm(head, row);
    read_row(head, start, other);
    t->start_norm = norm(other, head->cols);
    read_row(head, stop, row);
    t->stop_norm = norm(row, head->cols);
    for (int64_t i = 0; i < head->cols; i++)
        other[i] -= row[i];
    t->untrained =
        t->stop_norm < 0.2f * t->usual_norm || norm(other, head->cols) < 0.05f * t->stop_norm;
    free(other);
    free(row);
}

/* --- Where the model's own settings stop. --- */

static bool names(const json_t *ids, int32_t stop)
{
    if (json_is_integer(ids))
        return json_integer_value(ids) == stop;
    for (size_t i = 0; i < json_array_size(ids); i++)
        if (json_integer_value(json_array_get(ids, i)) == stop)
            return true;
    return false;
}

static bool settings_stop(const struct weights *w, int32_t stop)
{
    char *path = path_join(weights_path(w), "generation_config.json");
    json_t *settings = json_read_file(path, 1 << 24, NULL);
    const json_t *ids = json_object_get(settings, "eos_token_id");
    if (!ids || json_is_null(ids))
        ids = json_object_get(weights_config(w), "eos_token_id");
    bool stops = names(ids, stop);
    json_decref(settings);
    free(path);
    return stops;
}

void turns_look(struct turns *t, const struct model *m, const struct weights *w,
                const struct tokenizer *k, const struct chat_template *c)
{
    *t = (struct turns){.model_stops = true};
    if (!c->name)
        return;
    t->stop = STOP;
    /* llama.cpp knows the usual ends of turns by their names. */
    t->model_stops = weights_gguf(w) || settings_stop(w, c->end_of_turn);
    const struct matrix *head = m ? &model_head(m)->weight : NULL;
    int32_t start = tokenizer_control(k, START);
    if (head && start >= 0 && start < head->rows && c->end_of_turn < head->rows)
        compare_rows(t, head, start, c->end_of_turn);
}

bool turns_of_base(struct turns *t, const char *path, const char *template)
{
    struct chat_template c;
    struct weights *w = weights_open(path, NULL);
    struct tokenizer *k = w ? tokenizer_open(w, NULL) : NULL;
    bool ok = k && chat_template_find(&c, k, template, NULL);
    if (ok)
        turns_look(t, NULL, w, k, &c);
    if (k)
        tokenizer_close(k);
    if (w)
        weights_close(w);
    return ok;
}
