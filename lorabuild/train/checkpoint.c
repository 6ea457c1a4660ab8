#include "lorabuild/train/checkpoint.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/json.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/formats/safetensors.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECKPOINT_VERSION 1
#define MOST_STATE_BYTES ((size_t)1 << 30)

/* ---- state.json ---- */

static json_t *number_or_null(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *state_to_json(const struct checkpoint_state *s, struct digest tensors)
{
    char run[DIGEST_HEX], content[DIGEST_HEX];
    json_t *o = json_object(), *consumed = json_array(), *losses = json_array(),
           *before = json_array();
    digest_hex(s->run, run);
    for (size_t i = 0; i < s->consumed.count; i++) {
        digest_hex(s->consumed.items[i], content);
        json_array_append_new(consumed, json_string(content));
    }
    for (size_t i = 0; i < s->loss_count; i++)
        json_array_append_new(losses, number_or_null(s->losses[i]));
    for (size_t i = 0; i < s->window_count; i++)
        json_array_append_new(before, number_or_null((double)s->window_before[i]));
    json_object_set_new(o, "version", json_integer(CHECKPOINT_VERSION));
    json_object_set_new(o, "step", json_integer(s->step));
    json_object_set_new(o, "run", json_string(run));
    digest_hex(tensors, content);
    json_object_set_new(o, "tensors", json_string(content));
    json_object_set_new(o, "consumed", consumed);
    json_object_set_new(o, "losses", losses);
    json_object_set_new(o, "held_out_before", number_or_null(s->held_out_before));
    json_object_set_new(o, "window_before", before);
    return o;
}

static double number_or_nan(const json_t *v)
{
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

static bool read_consumed(struct checkpoint_state *s, const json_t *o, const char *where,
                          struct error *e)
{
    const json_t *list = json_object_get(o, "consumed");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        struct digest d;
        if (!text || !digest_from_hex(&d, str_of(text)))
            return error_set(e, ERROR_INPUT, "%s: 'consumed' holds something else than digests",
                             where);
        digest_set_add(&s->consumed, d);
    }
    digest_set_seal(&s->consumed);
    return true;
}

static bool state_from_json(struct checkpoint_state *s, struct digest *tensors, const json_t *o,
                            const char *where, struct error *e)
{
    const char *run, *of_tensors;
    if (!json_get_int(o, "step", &s->step, where, e) || !json_get_text(o, "run", &run, where, e) ||
        !json_get_text(o, "tensors", &of_tensors, where, e) || !read_consumed(s, o, where, e))
        return false;
    if (!digest_from_hex(&s->run, str_of(run)) || !digest_from_hex(tensors, str_of(of_tensors)))
        return error_set(e, ERROR_INPUT, "%s: 'run' or 'tensors' is no digest", where);
    const json_t *losses = json_object_get(o, "losses"), *before;
    s->loss_count = json_array_size(losses);
    s->losses = mem_array(s->loss_count, sizeof *s->losses);
    for (size_t i = 0; i < s->loss_count; i++)
        s->losses[i] = number_or_nan(json_array_get(losses, i));
    s->held_out_before = number_or_nan(json_object_get(o, "held_out_before"));
    before = json_object_get(o, "window_before");
    s->window_count = json_array_size(before);
    s->window_before = mem_array(s->window_count, sizeof *s->window_before);
    for (size_t i = 0; i < s->window_count; i++)
        s->window_before[i] = (float)number_or_nan(json_array_get(before, i));
    return true;
}

void checkpoint_state_free(struct checkpoint_state *s)
{
    digest_set_free(&s->consumed);
    free(s->losses);
    free(s->window_before);
    *s = (struct checkpoint_state){0};
}

/* ---- the saves in an attempt's folder ---- */

/* The step of "step-00000012", or -1 for any other name. */
static int64_t step_of(const char *name)
{
    int64_t step;
    if (strncmp(name, "step-", 5) != 0 || strlen(name) != 13 ||
        strspn(name + 5, "0123456789") != 8 || !str_to_int(str_of(name + 5), &step))
        return -1;
    return step;
}

static int newest_first(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

/* Steps of all complete saves, newest first; a folder that cannot be read has none. */
static int64_t *list_saves(const char *attempt, size_t *count)
{
    int64_t *steps = NULL, step;
    struct dirent *entry;
    DIR *d = opendir(attempt);
    *count = 0;
    while (d && (entry = readdir(d)))
        if ((step = step_of(entry->d_name)) >= 0) {
            steps = mem_grow(steps, *count + 1, sizeof *steps);
            steps[(*count)++] = step;
        }
    if (d)
        closedir(d);
    if (*count)
        qsort(steps, *count, sizeof *steps, newest_first);
    return steps;
}

static char *save_folder(const char *attempt, int64_t step)
{
    return mem_printf("%s/step-%08" PRId64, attempt, step);
}

int64_t checkpoint_step(const char *attempt)
{
    size_t count;
    int64_t *steps = list_saves(attempt, &count), newest = count ? steps[0] : 0;
    free(steps);
    return newest;
}

/* Everything named step-… but the save just made: older ones, another run's, torn ones. */
static bool remove_others(const char *attempt, const char *kept, struct error *e)
{
    struct dirent *entry;
    bool ok = true;
    DIR *d = opendir(attempt);
    if (!d)
        return error_errno(e, "%s", attempt);
    while (ok && (entry = readdir(d))) {
        if (strncmp(entry->d_name, "step-", 5) != 0 || strcmp(entry->d_name, kept) == 0)
            continue;
        char *path = path_join(attempt, entry->d_name);
        ok = folder_remove(path, e);
        free(path);
    }
    closedir(d);
    return ok;
}

/* ---- save and load ---- */

static bool write_tensors(const char *folder, const struct checkpoint_tensor *tensors, size_t count,
                          struct error *e)
{
    char *path = path_join(folder, "state.safetensors");
    struct weight_tensor *list = mem_array(count, sizeof *list);
    for (size_t i = 0; i < count; i++)
        list[i] = (struct weight_tensor){.name = tensors[i].name,
                                         .type = DTYPE_F32,
                                         .dims = 1,
                                         .shape = {tensors[i].count},
                                         .data = tensors[i].data,
                                         .size_bytes = (size_t)tensors[i].count * sizeof(float)};
    bool ok = safetensors_write(path, list, count, NULL, e);
    free(list);
    free(path);
    return ok;
}

static struct digest digest_of_tensors(const struct checkpoint_tensor *tensors, size_t count,
                                       const void *const *data)
{
    struct digest_stream *s = digest_begin("checkpoint tensors");
    for (size_t i = 0; i < count; i++) {
        digest_add_text(s, tensors[i].name);
        digest_add(s, data ? data[i] : tensors[i].data, (size_t)tensors[i].count * sizeof(float));
    }
    return digest_end(s);
}

static bool write_state(const char *folder, const struct checkpoint_state *s, struct digest tensors,
                        struct error *e)
{
    char *path = path_join(folder, "state.json");
    struct strbuf text = {0};
    json_t *o = state_to_json(s, tensors);
    json_write(&text, o, true);
    bool ok = file_replace(path, strbuf_str(&text), 0666, e);
    json_decref(o);
    strbuf_free(&text);
    free(path);
    return ok;
}

bool checkpoint_save(const char *attempt, const struct checkpoint_state *s,
                     const struct checkpoint_tensor *tensors, size_t count, struct error *e)
{
    char *folder = save_folder(attempt, s->step), *temporary = mem_printf("%s.tmp", folder);
    bool ok = folder_remove(temporary, e) && folder_make(temporary, 0777, e) &&
              write_tensors(temporary, tensors, count, e) &&
              write_state(temporary, s, digest_of_tensors(tensors, count, NULL), e) &&
              folder_sync_all(temporary, e);
    /* Only a damaged save, or one of another run, can stand where the new one goes. */
    ok = ok && folder_remove(folder, e);
    if (ok && rename(temporary, folder) < 0)
        ok = error_errno(e, "%s", folder);
    ok = ok && folder_sync(attempt, e) && remove_others(attempt, path_base(folder), e);
    if (!ok)
        folder_remove(temporary, NULL);
    free(temporary);
    free(folder);
    return ok;
}

/* Copies nothing unless every tensor is there, whole and of the bits that were saved. */
static bool read_tensors(const char *folder, struct digest wanted,
                         const struct checkpoint_tensor *tensors, size_t count, struct error *e)
{
    char *path = path_join(folder, "state.safetensors");
    const void **data = mem_array(count, sizeof *data);
    struct safetensors *file = safetensors_open(path, e);
    bool ok = file != NULL;
    for (size_t i = 0; ok && i < count; i++) {
        const struct weight_tensor *t = safetensors_find(file, tensors[i].name);
        if (!t || t->type != DTYPE_F32 || t->size_bytes != (size_t)tensors[i].count * sizeof(float))
            ok = error_set(e, ERROR_INPUT, "%s: lacks '%s' of %" PRId64 " f32 numbers", path,
                           tensors[i].name, tensors[i].count);
        else
            data[i] = t->data;
    }
    if (ok && !digest_equal(digest_of_tensors(tensors, count, data), wanted))
        ok = error_set(e, ERROR_INPUT, "%s: damaged", path);
    for (size_t i = 0; ok && i < count; i++)
        if (tensors[i].count)
            memcpy(tensors[i].data, data[i], (size_t)tensors[i].count * sizeof(float));
    if (file)
        safetensors_close(file);
    free(data);
    free(path);
    return ok;
}

/* *usable false: torn, damaged, or of another run; training then starts as if it were not there,
 * which ends in the same bits. */
static bool read_save(const char *folder, struct digest run, struct checkpoint_state *s,
                      const struct checkpoint_tensor *tensors, size_t count, bool *usable,
                      struct error *e)
{
    char *path = path_join(folder, "state.json");
    json_t *o = json_read_file(path, MOST_STATE_BYTES, NULL);
    struct digest of_tensors;
    int64_t version;
    bool ok = true;
    *usable = false;
    if (o && json_get_int(o, "version", &version, path, NULL) && version > CHECKPOINT_VERSION)
        ok = error_set(e, ERROR_INPUT, "%s: written by a newer lorabuild (format %" PRId64 ")",
                       path, version);
    else if (o && state_from_json(s, &of_tensors, o, path, NULL) && digest_equal(s->run, run))
        *usable = read_tensors(folder, of_tensors, tensors, count, NULL);
    json_decref(o);
    free(path);
    return ok;
}

bool checkpoint_load(const char *attempt, struct checkpoint_state *s,
                     const struct checkpoint_tensor *tensors, size_t count, bool *found,
                     struct error *e)
{
    size_t saves;
    int64_t *steps = list_saves(attempt, &saves);
    struct digest run = s->run;
    bool ok = true;
    *found = false;
    for (size_t i = 0; ok && !*found && i < saves; i++) {
        char *folder = save_folder(attempt, steps[i]);
        struct checkpoint_state read = {0};
        ok = read_save(folder, run, &read, tensors, count, found, e);
        if (*found)
            *s = read;
        else
            checkpoint_state_free(&read);
        free(folder);
    }
    free(steps);
    return ok;
}
