#include "lorabuild/formats/weights.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/formats/gguf.h"
#include "lorabuild/formats/safetensors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SINGLE "model.safetensors"
#define INDEX "model.safetensors.index.json"

enum { MOST_CONFIG = 16 << 20, MOST_INDEX = 256 << 20 };

struct shard {
    char *name; /* within the folder */
    struct safetensors *file;
};

struct weights {
    char *path;
    json_t *config; /* of a folder */
    struct shard *shards;
    size_t shard_count;
    struct gguf *gguf;
    struct weight_tensor *tensors; /* by name */
    size_t count;
};

static bool has(const char *folder, const char *name)
{
    char *path = path_join(folder, name);
    bool is_there = access(path, F_OK) == 0;
    free(path);
    return is_there;
}

/* What a folder is when it is not a base model, by a file that it holds, and what to do. */
static const struct {
    const char *file, *advice;
} mistaken[] = {
    {"adapter_config.json", "holds an adapter, not a base model"},
    {"model_index.json", "holds a picture model (diffusers), which cannot be trained yet"},
    {"pytorch_model.bin",
     "holds its weights as pytorch_model.bin, a pickle, which can run code when it is read; "
     "convert it once: transformers' save_pretrained(..., safe_serialization=True)"},
    {"pytorch_model.bin.index.json",
     "holds its weights as pickles (pytorch_model-*.bin), which can run code when they are read; "
     "convert them once: transformers' save_pretrained(..., safe_serialization=True)"},
};

static bool refuse_folder(const char *path, struct error *e)
{
    for (size_t i = 0; i < sizeof mistaken / sizeof *mistaken; i++)
        if (has(path, mistaken[i].file))
            return error_set(e, ERROR_INPUT, "%s: %s", path, mistaken[i].advice);
    return error_set(e, ERROR_INPUT,
                     "%s: no base model in this folder: it needs config.json and " SINGLE
                     " or " INDEX " (a .gguf is named by its file)",
                     path);
}

/* A shard is a file of the same folder, by its name there: the name may be a link, as in the
 * hub's cache, and what it points to may be called anything. */
static bool is_shard_name(const char *name)
{
    return name && !strchr(name, '/') && name[0] != '.' && str_ends(str_of(name), ".safetensors");
}

static bool refuse_entry(const char *path, const char *tensor, const char *shard, const char *why,
                         struct error *e)
{
    struct strbuf shown = {0};
    strbuf_add_byte(&shown, '"');
    strbuf_add_shown(&shown, str_of(tensor));
    strbuf_add_text(&shown, "\": \"");
    strbuf_add_shown(&shown, str_of(shard));
    strbuf_add_text(&shown, "\"");
    error_set(e, ERROR_INPUT, "%s/" INDEX ": %.500s %s", path, shown.data, why);
    strbuf_free(&shown);
    return false;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The distinct values of the index's weight_map, sorted; they belong to `index`. */
static const char **shard_names(const char *path, const json_t *index, size_t *count,
                                struct error *e)
{
    json_t *map = json_object_get(index, "weight_map"), *value;
    const char *tensor, **names = mem_array(json_object_size(map) + 1, sizeof *names);
    size_t n = 0, kept = 0;
    bool ok =
        json_object_size(map) > 0 || error_set(e, ERROR_INPUT, "%s/" INDEX ": no weight_map", path);
    json_object_foreach (map, tensor, value) {
        names[n] = json_string_value(value);
        if (!names[n])
            ok = refuse_entry(path, tensor, "?", "is not the name of a file", e);
        else if (!is_shard_name(names[n]))
            ok = refuse_entry(path, tensor, names[n],
                              "is not the name of a .safetensors file in this folder", e);
        else if (!has(path, names[n]))
            ok = refuse_entry(path, tensor, names[n], "is missing or a dangling link", e);
        if (!ok)
            break;
        if (n == 0 || strcmp(names[n - 1], names[n]) != 0)
            n++;
    }
    qsort(names, ok ? n : 0, sizeof *names, by_text);
    for (size_t i = 0; i < n && ok; i++)
        if (kept == 0 || strcmp(names[kept - 1], names[i]) != 0)
            names[kept++] = names[i];
    *count = kept;
    if (ok)
        return names;
    free(names);
    return NULL;
}

static bool open_shard(struct weights *w, const char *name, struct error *e)
{
    char *path = path_join(w->path, name);
    struct safetensors *file = safetensors_open(path, e);
    free(path);
    if (!file)
        return false;
    w->shards[w->shard_count++] = (struct shard){mem_strdup(name), file};
    return true;
}

static int shard_by_name(const void *a, const void *b)
{
    return strcmp(((const struct shard *)a)->name, ((const struct shard *)b)->name);
}

static bool holds(const struct safetensors *file, const char *tensor)
{
    for (size_t i = 0; i < safetensors_other_count(file); i++)
        if (strcmp(safetensors_other(file, i), tensor) == 0)
            return true;
    return safetensors_find(file, tensor) != NULL;
}

/* What the index promises is there. */
static bool check_index(const struct weights *w, const json_t *index, struct error *e)
{
    json_t *map = json_object_get(index, "weight_map"), *value;
    const char *tensor;
    json_object_foreach (map, tensor, value) {
        struct shard key = {.name = (char *)(uintptr_t)json_string_value(value)};
        const struct shard *s = bsearch(&key, w->shards, w->shard_count, sizeof key, shard_by_name);
        if (!s || !holds(s->file, tensor))
            return refuse_entry(w->path, tensor, key.name, "does not hold this tensor", e);
    }
    return true;
}

static bool open_index(struct weights *w, struct error *e)
{
    char *path = path_join(w->path, INDEX);
    json_t *index = json_read_file(path, MOST_INDEX, e);
    size_t n = 0;
    const char **names = index ? shard_names(w->path, index, &n, e) : NULL;
    bool ok = names != NULL;
    w->shards = mem_array(n + 1, sizeof *w->shards);
    for (size_t i = 0; i < n && ok; i++)
        ok = open_shard(w, names[i], e);
    ok = ok && check_index(w, index, e);
    free(names);
    json_decref(index);
    free(path);
    return ok;
}

/* transformers prefers the single file where both are there; so do we. */
static bool open_folder(struct weights *w, struct error *e)
{
    bool is_single = has(w->path, SINGLE);
    if (!has(w->path, "config.json") || !(is_single || has(w->path, INDEX)))
        return refuse_folder(w->path, e);
    char *path = path_join(w->path, "config.json");
    w->config = json_read_file(path, MOST_CONFIG, e);
    bool ok = w->config != NULL;
    if (ok && !json_is_object(w->config))
        ok = error_set(e, ERROR_INPUT, "%s: not a JSON object", path);
    free(path);
    if (!ok || !is_single)
        return ok && open_index(w, e);
    w->shards = mem_array(1, sizeof *w->shards);
    return open_shard(w, SINGLE, e);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct weight_tensor *)a)->name, ((const struct weight_tensor *)b)->name);
}

static bool refuse_double(const struct weights *w, const char *tensor, struct error *e)
{
    const char *first = NULL, *second = NULL;
    for (size_t i = 0; i < w->shard_count; i++)
        if (safetensors_find(w->shards[i].file, tensor)) {
            first = second;
            second = w->shards[i].name;
        }
    return error_set(e, ERROR_INPUT, "%s: tensor '%.200s' is in two shards, %s and %s", w->path,
                     tensor, first, second);
}

static bool make_table(struct weights *w, struct error *e)
{
    size_t n = w->gguf ? gguf_tensor_count(w->gguf) : 0;
    for (size_t i = 0; i < w->shard_count; i++)
        n += safetensors_count(w->shards[i].file);
    w->tensors = mem_array(n + 1, sizeof *w->tensors);
    for (size_t i = 0; w->gguf && i < n; i++)
        w->tensors[w->count++] = *gguf_tensor(w->gguf, i);
    for (size_t i = 0; i < w->shard_count; i++)
        for (size_t j = 0; j < safetensors_count(w->shards[i].file); j++)
            w->tensors[w->count++] = *safetensors_at(w->shards[i].file, j);
    qsort(w->tensors, w->count, sizeof *w->tensors, by_name);
    for (size_t i = 1; i < w->count; i++)
        if (strcmp(w->tensors[i].name, w->tensors[i - 1].name) == 0)
            return refuse_double(w, w->tensors[i].name, e);
    return true;
}

enum shape { FOLDER, GGUF_FILE, NEITHER };

static enum shape shape_of(const char *path, struct error *e)
{
    struct stat s;
    char magic[4];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &s) < 0) {
        error_errno(e, "%s", path);
        if (fd >= 0)
            close(fd);
        return NEITHER;
    }
    bool is_gguf = S_ISREG(s.st_mode) && ((read(fd, magic, 4) == 4 && !memcmp(magic, "GGUF", 4)) ||
                                          str_ends(str_of(path), ".gguf"));
    close(fd);
    if (S_ISDIR(s.st_mode))
        return FOLDER;
    if (is_gguf)
        return GGUF_FILE;
    error_set(e, ERROR_INPUT, "%s: neither a .gguf file nor a Hugging Face folder%s", path,
              str_ends(str_of(path), ".safetensors") ? "; name the folder that holds it" : "");
    return NEITHER;
}

static bool open_any(struct weights *w, struct error *e)
{
    switch (shape_of(w->path, e)) {
    case FOLDER: return open_folder(w, e);
    case GGUF_FILE: w->gguf = gguf_open(w->path, e); return w->gguf != NULL;
    case NEITHER: break;
    }
    return false;
}

struct weights *weights_open(const char *path, struct error *e)
{
    struct weights *w = mem_zalloc(sizeof *w);
    w->path = mem_strdup(path);
    if (open_any(w, e) && make_table(w, e))
        return w;
    weights_close(w);
    return NULL;
}

void weights_close(struct weights *w)
{
    if (!w)
        return;
    free(w->tensors);
    gguf_close(w->gguf);
    for (size_t i = 0; i < w->shard_count; i++) {
        safetensors_close(w->shards[i].file);
        free(w->shards[i].name);
    }
    free(w->shards);
    json_decref(w->config);
    free(w->path);
    free(w);
}

const struct weight_tensor *weights_find(const struct weights *w, const char *name)
{
    struct weight_tensor key = {.name = name};
    return bsearch(&key, w->tensors, w->count, sizeof key, by_name);
}

size_t weights_count(const struct weights *w)
{
    return w->count;
}

const struct weight_tensor *weights_at(const struct weights *w, size_t i)
{
    return &w->tensors[i];
}

uint64_t weights_bytes(const struct weights *w)
{
    uint64_t total = 0;
    for (size_t i = 0; i < w->count; i++)
        total += w->tensors[i].size_bytes;
    return total;
}

const json_t *weights_config(const struct weights *w)
{
    return w->config;
}

const struct gguf *weights_gguf(const struct weights *w)
{
    return w->gguf;
}

const char *weights_path(const struct weights *w)
{
    return w->path;
}

bool weights_unchanged(const struct weights *w, struct error *e)
{
    bool ok = !w->gguf || file_map_unchanged(gguf_map(w->gguf), w->path, e);
    for (size_t i = 0; i < w->shard_count && ok; i++) {
        char *path = path_join(w->path, w->shards[i].name);
        ok = file_map_unchanged(safetensors_map(w->shards[i].file), path, e);
        free(path);
    }
    return ok;
}

struct files {
    char **paths;
    size_t count;
};

static void add_file(struct files *f, char *path)
{
    f->paths = mem_grow(f->paths, f->count + 1, sizeof *f->paths);
    f->paths[f->count++] = path;
}

/* The index and the shards that it names. */
static bool list_index(struct files *f, const char *folder, struct error *e)
{
    char *path = path_join(folder, INDEX);
    json_t *index = json_read_file(path, MOST_INDEX, e);
    size_t n = 0;
    add_file(f, path);
    const char **names = index ? shard_names(folder, index, &n, e) : NULL;
    bool ok = names != NULL;
    for (size_t i = 0; i < n && ok; i++)
        add_file(f, path_join(folder, names[i]));
    free(names);
    json_decref(index);
    return ok;
}

static bool list_folder(struct files *f, const char *folder, struct error *e)
{
    static const char *const names[] = {
        "config.json",           "generation_config.json",  "tokenizer.json",
        "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"};
    if (!has(folder, "config.json") || !(has(folder, SINGLE) || has(folder, INDEX)))
        return refuse_folder(folder, e);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (has(folder, names[i]))
            add_file(f, path_join(folder, names[i]));
    if (!has(folder, SINGLE))
        return list_index(f, folder, e);
    add_file(f, path_join(folder, SINGLE));
    return true;
}

bool weights_list_files(const char *path, char ***files, size_t *count, struct error *e)
{
    struct files f = {0};
    bool ok = false;
    *files = NULL;
    *count = 0;
    switch (shape_of(path, e)) {
    case FOLDER: ok = list_folder(&f, path, e); break;
    case GGUF_FILE:
        add_file(&f, mem_strdup(path));
        ok = true;
        break;
    case NEITHER: break;
    }
    if (ok) {
        *files = f.paths;
        *count = f.count;
        return true;
    }
    for (size_t i = 0; i < f.count; i++)
        free(f.paths[i]);
    free(f.paths);
    return false;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void weights_list_strays(const char *path, char ***names, size_t *count)
{
    struct files strays = {0}, f = {0};
    DIR *d = NULL;
    if (shape_of(path, NULL) == FOLDER && !has(path, SINGLE) && list_index(&f, path, NULL))
        d = opendir(path);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        bool named = !str_ends(str_of(entry->d_name), ".safetensors");
        for (size_t i = 0; i < f.count && !named; i++)
            named = strcmp(path_base(f.paths[i]), entry->d_name) == 0;
        if (!named)
            add_file(&strays, mem_strdup(entry->d_name));
    }
    if (d)
        closedir(d);
    for (size_t i = 0; i < f.count; i++)
        free(f.paths[i]);
    free(f.paths);
    if (strays.count)
        qsort(strays.paths, strays.count, sizeof *strays.paths, by_bytes);
    *names = strays.paths;
    *count = strays.count;
}
