#include "lorabuild/formats/safetensors.h"

#include "lorabuild/common/file_writer.h"
#include "lorabuild/common/json.h"
#include "lorabuild/common/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_FIELD = 8, MOST_HEADER = 100 * 1000 * 1000, MOST_DIMS = 4 };

struct safetensors {
    char *path;
    struct file_map map;
    json_t *header; /* owns the names */
    struct weight_tensor *tensors;
    size_t count;
    const char **others; /* names of tensors that are not weights: integers and truth values */
    size_t other_count;
};

/* The format's types, less the floating-point ones that cannot be expanded here. */
static const struct type {
    const char *name;
    unsigned bytes;
    bool is_weight; /* the others are skipped */
    enum dtype type;
} types[] = {
    {"F32", 4, true, DTYPE_F32},  {"F16", 2, true, DTYPE_F16}, {"BF16", 2, true, DTYPE_BF16},
    {.name = "BOOL", .bytes = 1}, {.name = "U8", .bytes = 1},  {.name = "I8", .bytes = 1},
    {.name = "U16", .bytes = 2},  {.name = "I16", .bytes = 2}, {.name = "U32", .bytes = 4},
    {.name = "I32", .bytes = 4},  {.name = "U64", .bytes = 8}, {.name = "I64", .bytes = 8},
};

/* A tensor as the header tells it, before it is believed. */
struct entry {
    const char *name;
    const struct type *type;
    int dims;
    int64_t shape[MOST_DIMS];
    uint64_t begin, end; /* within the data */
};

__attribute__((format(printf, 4, 5))) static bool refuse(const struct safetensors *s,
                                                         const char *tensor, struct error *e,
                                                         const char *why, ...)
{
    struct strbuf shown = {0};
    char reason[200];
    va_list args;
    va_start(args, why);
    vsnprintf(reason, sizeof reason, why, args);
    va_end(args);
    strbuf_add_shown(&shown, str_of(tensor));
    error_set(e, ERROR_INPUT, "%s: tensor '%s' %s", s->path, shown.data ? shown.data : "", reason);
    strbuf_free(&shown);
    return false;
}

static const struct type *find_type(const char *name)
{
    for (size_t i = 0; name && i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    return NULL;
}

static bool read_shape(const struct safetensors *s, struct entry *t, const json_t *shape,
                       uint64_t *bytes, struct error *e)
{
    uint64_t n = t->type->bytes;
    if (!json_is_array(shape))
        return refuse(s, t->name, e, "has no shape");
    size_t dims = json_array_size(shape);
    if (dims > MOST_DIMS && t->type->is_weight)
        return refuse(s, t->name, e, "has more than 4 dimensions");
    for (size_t i = 0; i < dims; i++) {
        const json_t *size = json_array_get(shape, i);
        if (!json_is_integer(size) || json_integer_value(size) < 0)
            return refuse(s, t->name, e, "has a shape that is not a list of whole numbers");
        if (i < MOST_DIMS)
            t->shape[i] = json_integer_value(size);
        if (__builtin_mul_overflow(n, (uint64_t)json_integer_value(size), &n))
            return refuse(s, t->name, e, "has an impossible shape");
    }
    t->dims = (int)(dims < MOST_DIMS ? dims : MOST_DIMS);
    *bytes = n;
    return true;
}

static bool read_entry(const struct safetensors *s, struct entry *t, const char *name,
                       const json_t *value, uint64_t data_bytes, struct error *e)
{
    const json_t *offsets = json_object_get(value, "data_offsets");
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    const char *type = json_string_value(json_object_get(value, "dtype"));
    uint64_t bytes = 0;
    *t = (struct entry){.name = name, .type = find_type(type)};
    if (!type)
        return refuse(s, name, e, "has no dtype");
    if (!t->type)
        return refuse(s, name, e, "is of type %.20s; weights are read as F32, F16 or BF16", type);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
        json_integer_value(begin) < 0 || json_integer_value(end) < json_integer_value(begin))
        return refuse(s, name, e, "has no valid data_offsets");
    t->begin = (uint64_t)json_integer_value(begin);
    t->end = (uint64_t)json_integer_value(end);
    if (t->end > data_bytes)
        return refuse(s, name, e, "ends behind the end of the file: it is damaged or cut off");
    if (!read_shape(s, t, json_object_get(value, "shape"), &bytes, e))
        return false;
    return bytes == t->end - t->begin ||
           refuse(s, name, e, "has a shape that does not fit its bytes");
}

static int by_offset(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* Every byte of the data belongs to exactly one tensor. */
static bool check_layout(const struct safetensors *s, const struct entry *entries, size_t n,
                         uint64_t data_bytes, struct error *e)
{
    uint64_t at = 0;
    for (size_t i = 0; i < n; at = entries[i++].end)
        if (entries[i].begin != at)
            return refuse(s, entries[i].name, e, "%s",
                          entries[i].begin < at ? "overlaps another one"
                                                : "leaves a gap in the data before it");
    return at == data_bytes ||
           error_set(e, ERROR_INPUT, "%s: %llu bytes at the end belong to no tensor", s->path,
                     (unsigned long long)(data_bytes - at));
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct weight_tensor *)a)->name, ((const struct weight_tensor *)b)->name);
}

static void take_entries(struct safetensors *s, const struct entry *entries, size_t n,
                         const char *data)
{
    s->tensors = mem_array(n, sizeof *s->tensors);
    s->others = mem_array(n, sizeof *s->others);
    for (size_t i = 0; i < n; i++) {
        const struct entry *t = &entries[i];
        if (!t->type->is_weight) {
            s->others[s->other_count++] = t->name;
            continue;
        }
        struct weight_tensor *w = &s->tensors[s->count++];
        *w = (struct weight_tensor){.name = t->name,
                                    .type = t->type->type,
                                    .dims = t->dims,
                                    .data = data + t->begin,
                                    .size_bytes = (size_t)(t->end - t->begin)};
        memcpy(w->shape, t->shape, sizeof w->shape);
    }
    qsort(s->tensors, s->count, sizeof *s->tensors, by_name);
}

static bool read_entries(struct safetensors *s, size_t header_bytes, struct error *e)
{
    uint64_t data_bytes = s->map.bytes.size - SIZE_FIELD - header_bytes;
    struct entry *entries = mem_array(json_object_size(s->header), sizeof *entries);
    size_t n = 0;
    bool ok = true;
    const char *name;
    json_t *value;
    json_object_foreach (s->header, name, value) {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        ok = read_entry(s, &entries[n++], name, value, data_bytes, e);
        if (!ok)
            break;
    }
    if (ok && n)
        qsort(entries, n, sizeof *entries, by_offset);
    ok = ok && check_layout(s, entries, n, data_bytes, e);
    if (ok)
        take_entries(s, entries, n, s->map.bytes.data + SIZE_FIELD + header_bytes);
    free(entries);
    return ok;
}

static bool check_metadata(const struct safetensors *s, struct error *e)
{
    const json_t *metadata = json_object_get(s->header, "__metadata__");
    const char *key;
    json_t *value;
    if (metadata && !json_is_object(metadata))
        return error_set(e, ERROR_INPUT, "%s: __metadata__ is not an object", s->path);
    json_object_foreach ((json_t *)(uintptr_t)metadata, key, value)
        if (!json_is_string(value))
            return error_set(e, ERROR_INPUT, "%s: __metadata__ holds something that is not text",
                             s->path);
    return true;
}

static bool read_header(struct safetensors *s, struct error *e)
{
    struct str file = s->map.bytes;
    uint64_t n = 0;
    if (file.size < SIZE_FIELD)
        return error_set(e, ERROR_INPUT, "%s: %zu bytes are too few for a safetensors file",
                         s->path, file.size);
    for (int i = 0; i < SIZE_FIELD; i++)
        n |= (uint64_t)(unsigned char)file.data[i] << 8 * i;
    if (n > MOST_HEADER)
        return error_set(e, ERROR_INPUT, "%s: not a safetensors file (a header of %llu bytes)",
                         s->path, (unsigned long long)n);
    if (n > file.size - SIZE_FIELD)
        return error_set(e, ERROR_INPUT,
                         "%s: cut off: the header needs %llu bytes, the file has %zu", s->path,
                         (unsigned long long)n + SIZE_FIELD, file.size);
    struct str text = {file.data + SIZE_FIELD, (size_t)n};
    if (!str_starts(text, "{"))
        return error_set(e, ERROR_INPUT, "%s: not a safetensors file", s->path);
    s->header = json_parse(text, s->path, 1, e);
    return s->header && check_metadata(s, e) && read_entries(s, (size_t)n, e);
}

struct safetensors *safetensors_open(const char *path, struct error *e)
{
    struct safetensors *s = mem_zalloc(sizeof *s);
    s->path = mem_strdup(path);
    if (file_map(&s->map, path, e) && read_header(s, e))
        return s;
    safetensors_close(s);
    return NULL;
}

void safetensors_close(struct safetensors *s)
{
    if (!s)
        return;
    free(s->others);
    free(s->tensors);
    json_decref(s->header);
    file_unmap(&s->map);
    free(s->path);
    free(s);
}

size_t safetensors_count(const struct safetensors *s)
{
    return s->count;
}

const struct weight_tensor *safetensors_at(const struct safetensors *s, size_t i)
{
    return &s->tensors[i];
}

const struct weight_tensor *safetensors_find(const struct safetensors *s, const char *name)
{
    struct weight_tensor key = {.name = name};
    return s->count ? bsearch(&key, s->tensors, s->count, sizeof key, by_name) : NULL;
}

size_t safetensors_other_count(const struct safetensors *s)
{
    return s->other_count;
}

const char *safetensors_other(const struct safetensors *s, size_t i)
{
    return s->others[i];
}

const char *safetensors_metadata(const struct safetensors *s, const char *key)
{
    return json_string_value(json_object_get(json_object_get(s->header, "__metadata__"), key));
}

const struct file_map *safetensors_map(const struct safetensors *s)
{
    return &s->map;
}

/* Wide numbers first, so that each lies at a multiple of its size; then by name. */
static int by_place(const void *a, const void *b)
{
    const struct weight_tensor *x = a, *y = b;
    size_t wide_x = dtype_block_bytes(x->type), wide_y = dtype_block_bytes(y->type);
    if (wide_x != wide_y)
        return wide_x > wide_y ? -1 : 1;
    return strcmp(x->name, y->name);
}

static bool check_writable(const struct weight_tensor *t, struct error *e)
{
    uint64_t n = 1;
    size_t bytes;
    for (int i = 0; i < t->dims; i++)
        if (t->shape[i] < 0 || __builtin_mul_overflow(n, (uint64_t)t->shape[i], &n))
            return error_set(e, ERROR_INTERNAL, "tensor '%s' has an impossible shape", t->name);
    if (dtype_block(t->type) != 1 || !dtype_bytes(t->type, n, &bytes) || bytes != t->size_bytes ||
        !utf8_valid(str_of(t->name), NULL))
        return error_set(e, ERROR_INTERNAL, "tensor '%s' (%s, %zu bytes) cannot be written",
                         t->name, dtype_name(t->type), t->size_bytes);
    return true;
}

/* A copy of the table in the order of the file. */
static bool order_for_writing(struct weight_tensor **ordered, const struct weight_tensor *tensors,
                              size_t count, struct error *e)
{
    struct weight_tensor *t = mem_array(count, sizeof *t);
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++)
        ok = check_writable(&tensors[i], e);
    if (count)
        memcpy(t, tensors, count * sizeof *t);
    qsort(t, count, sizeof *t, by_name);
    for (size_t i = 1; i < count && ok; i++)
        if (strcmp(t[i].name, t[i - 1].name) == 0)
            ok = error_set(e, ERROR_INTERNAL, "tensor '%s' is written twice", t[i].name);
    qsort(t, count, sizeof *t, by_place);
    *ordered = t;
    return ok;
}

static void add_compact(struct strbuf *b, json_t *value)
{
    json_write(b, value, false);
    b->size--; /* without the newline */
    json_decref(value);
}

static void add_metadata(struct strbuf *b, const char *const *metadata)
{
    json_t *o = json_object();
    for (; metadata && *metadata; metadata += 2)
        json_object_set_new(o, metadata[0], json_string(metadata[1]));
    strbuf_add_text(b, "\"__metadata__\":");
    add_compact(b, o);
}

static void add_tensor(struct strbuf *b, const struct weight_tensor *t, uint64_t at)
{
    add_compact(b, json_string(t->name));
    strbuf_printf(b, ":{\"dtype\":\"%s\",\"shape\":[", dtype_name(t->type));
    for (int d = 0; d < t->dims; d++)
        strbuf_printf(b, "%s%lld", d ? "," : "", (long long)t->shape[d]);
    strbuf_printf(b, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)at,
                  (unsigned long long)(at + t->size_bytes));
}

static void make_header(struct strbuf *b, const struct weight_tensor *tensors, size_t count,
                        const char *const *metadata)
{
    uint64_t at = 0;
    strbuf_add(b, "\0\0\0\0\0\0\0", SIZE_FIELD);
    strbuf_add_byte(b, '{');
    if (metadata && *metadata)
        add_metadata(b, metadata);
    for (size_t i = 0; i < count; at += tensors[i++].size_bytes) {
        if (b->size > SIZE_FIELD + 1)
            strbuf_add_byte(b, ',');
        add_tensor(b, &tensors[i], at);
    }
    strbuf_add_byte(b, '}');
    while (b->size % SIZE_FIELD)
        strbuf_add_byte(b, ' ');
    for (int i = 0; i < SIZE_FIELD; i++)
        b->data[i] = (char)((b->size - SIZE_FIELD) >> 8 * i);
}

bool safetensors_write(const char *path, const struct weight_tensor *tensors, size_t count,
                       const char *const *metadata, struct error *e)
{
    struct weight_tensor *ordered = NULL;
    struct strbuf header = {0};
    struct file_writer w;
    bool ok = order_for_writing(&ordered, tensors, count, e);
    if (!ok)
        goto out;
    make_header(&header, ordered, count, metadata);
    ok = file_writer_open(&w, path, 0666, e);
    if (!ok)
        goto out;
    ok = file_writer_add(&w, header.data, header.size, e);
    for (size_t i = 0; i < count && ok; i++)
        ok = file_writer_add(&w, ordered[i].data, ordered[i].size_bytes, e);
    if (ok)
        ok = file_writer_commit(&w, e);
    else
        file_writer_discard(&w);
out:
    strbuf_free(&header);
    free(ordered);
    return ok;
}
