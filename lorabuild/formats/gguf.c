#include "lorabuild/formats/gguf.h"

#include "lorabuild/common/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* GGUF: "GGUF", u32 version, u64 tensors, u64 pairs; the pairs (text key, u32 kind, value); the
 * tensors (text name, u32 dims, u64 ne[dims], u32 type, u64 offset); zeros up to a multiple of
 * general.alignment; the data, to which offsets are relative. A text is u64 size and bytes; a
 * list is u32 kind, u64 count and the values. All numbers are little-endian. */
enum { DEFAULT_ALIGNMENT = 32, MOST_DIMS = 4, MOST_NESTING = 4, MOST_ALIGNMENT = 1 << 24 };

enum kind { U8, I8, U16, I16, U32, I32, F32, BOOL, TEXT, LIST, U64, I64, F64, KIND_COUNT };
static const unsigned char kind_bytes[KIND_COUNT] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

static const struct {
    const char *name;
    bool is_known;
    enum dtype type;
} types[] = {
    [0] = {"F32", true, DTYPE_F32},
    [1] = {"F16", true, DTYPE_F16},
    [2] = {"Q4_0", true, DTYPE_Q4_0},
    [3] = {"Q4_1", true, DTYPE_Q4_1},
    [6] = {"Q5_0", true, DTYPE_Q5_0},
    [7] = {"Q5_1", true, DTYPE_Q5_1},
    [8] = {"Q8_0", true, DTYPE_Q8_0},
    [9] = {.name = "Q8_1"},
    [10] = {"Q2_K", true, DTYPE_Q2_K},
    [11] = {"Q3_K", true, DTYPE_Q3_K},
    [12] = {"Q4_K", true, DTYPE_Q4_K},
    [13] = {"Q5_K", true, DTYPE_Q5_K},
    [14] = {"Q6_K", true, DTYPE_Q6_K},
    [15] = {.name = "Q8_K"},
    [16] = {.name = "IQ2_XXS"},
    [17] = {.name = "IQ2_XS"},
    [18] = {.name = "IQ3_XXS"},
    [19] = {.name = "IQ1_S"},
    [20] = {"IQ4_NL", true, DTYPE_IQ4_NL},
    [21] = {.name = "IQ3_S"},
    [22] = {.name = "IQ2_S"},
    [23] = {"IQ4_XS", true, DTYPE_IQ4_XS},
    [24] = {.name = "I8"},
    [25] = {.name = "I16"},
    [26] = {.name = "I32"},
    [27] = {.name = "I64"},
    [28] = {.name = "F64"},
    [29] = {.name = "IQ1_M"},
    [30] = {"BF16", true, DTYPE_BF16},
    [34] = {.name = "TQ1_0"},
    [35] = {.name = "TQ2_0"},
    [39] = {"MXFP4", true, DTYPE_MXFP4},
    [40] = {.name = "NVFP4"},
    [41] = {.name = "Q1_0"},
    [42] = {.name = "Q2_0"},
};

struct pair {
    struct str key;
    enum kind kind; /* of the value, or of a list's elements */
    bool is_list;
    const char *value; /* of a scalar, as it lies in the file */
    struct str text;
    size_t count;     /* of a list */
    const void *list; /* struct str, int32_t or float by kind; NULL if not decoded */
};

struct gguf {
    char *path;
    struct file_map map;
    struct arena arena; /* everything below */
    struct pair *pairs; /* by key */
    size_t pair_count;
    struct weight_tensor *tensors; /* in the file's order */
    size_t tensor_count;
};

/* What is still unread. Nothing is taken that is not there. */
struct reader {
    struct gguf *g;
    const char *at;
    size_t left;
    struct error *e;
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct reader *r, const char *why, ...)
{
    char reason[400];
    va_list args;
    va_start(args, why);
    vsnprintf(reason, sizeof reason, why, args);
    va_end(args);
    return error_set(r->e, ERROR_INPUT, "%s: %s", r->g->path, reason);
}

/* refuse() with "WHAT 'NAME' " in front. */
__attribute__((format(printf, 4, 5))) static bool refuse_named(struct reader *r, const char *what,
                                                               struct str name, const char *why,
                                                               ...)
{
    struct strbuf shown = {0};
    char reason[300];
    va_list args;
    va_start(args, why);
    vsnprintf(reason, sizeof reason, why, args);
    va_end(args);
    strbuf_add_shown(&shown, name.size > 80 ? (struct str){name.data, 80} : name);
    refuse(r, "%s '%.320s' %s", what, shown.data ? shown.data : "", reason);
    strbuf_free(&shown);
    return false;
}

static bool take(struct reader *r, uint64_t n, const char **bytes)
{
    if (n > r->left)
        return refuse(r, "damaged or cut off: the header needs bytes behind the end of the file");
    *bytes = r->at;
    r->at += n;
    r->left -= (size_t)n;
    return true;
}

static bool take_u32(struct reader *r, uint32_t *value)
{
    const char *bytes = NULL;
    if (!take(r, sizeof *value, &bytes))
        return false;
    memcpy(value, bytes, sizeof *value);
    return true;
}

static bool take_u64(struct reader *r, uint64_t *value)
{
    const char *bytes = NULL;
    if (!take(r, sizeof *value, &bytes))
        return false;
    memcpy(value, bytes, sizeof *value);
    return true;
}

static bool take_text(struct reader *r, struct str *text)
{
    uint64_t n = 0;
    if (!take_u64(r, &n) || !take(r, n, &text->data))
        return false;
    text->size = (size_t)n;
    return true;
}

/* A count of things of at least `least` bytes each: bounds every table by the file's size. */
static bool take_count(struct reader *r, size_t least, size_t *count)
{
    uint64_t n = 0;
    if (!take_u64(r, &n))
        return false;
    if (n > r->left / least)
        return refuse(r, "damaged or cut off: it claims %llu entries in %zu bytes",
                      (unsigned long long)n, r->left);
    *count = (size_t)n;
    return true;
}

static bool take_kind(struct reader *r, enum kind *kind)
{
    uint32_t n = 0;
    if (!take_u32(r, &n))
        return false;
    if (n >= KIND_COUNT)
        return refuse(r, "a value of unknown kind %u", (unsigned)n);
    *kind = (enum kind)n;
    return true;
}

static bool is_integer(enum kind kind)
{
    return kind != F32 && kind != F64 && kind != TEXT && kind != LIST;
}

/* The integer at `bytes`; false where it does not fit int64_t. */
static bool load_integer(enum kind kind, const char *bytes, int64_t *value)
{
    uint64_t raw = 0;
    unsigned unused = 64 - 8u * kind_bytes[kind];
    memcpy(&raw, bytes, kind_bytes[kind]);
    if (kind == I8 || kind == I16 || kind == I32 || kind == I64) {
        *value = (int64_t)(raw << unused) >> unused;
        return true;
    }
    *value = (int64_t)raw;
    return raw <= INT64_MAX;
}

/* An element outside int32_t leaves the list undecoded: nobody here asks for such. */
static const int32_t *decode_integers(struct gguf *g, enum kind kind, const char *bytes, size_t n)
{
    struct arena_mark mark = arena_mark(&g->arena);
    int32_t *list = arena_array(&g->arena, n + 1, sizeof *list);
    for (size_t i = 0; i < n; i++) {
        int64_t value;
        if (!load_integer(kind, bytes + i * kind_bytes[kind], &value) || value < INT32_MIN ||
            value > INT32_MAX) {
            arena_release(&g->arena, mark);
            return NULL;
        }
        list[i] = (int32_t)value;
    }
    return list;
}

static bool take_texts(struct reader *r, struct pair *p)
{
    struct str *list = arena_array(&r->g->arena, p->count + 1, sizeof *list);
    for (size_t i = 0; i < p->count; i++)
        if (!take_text(r, &list[i]))
            return false;
    p->list = list;
    return true;
}

/* Lists of lists are valid and of no use to us. */
static bool skip_lists(struct reader *r, size_t count, int depth)
{
    for (size_t i = 0; i < count; i++) {
        enum kind kind = U8;
        size_t n = 0;
        const char *bytes;
        struct str text;
        if (depth > MOST_NESTING)
            return refuse(r, "lists within lists, deeper than %d", MOST_NESTING);
        if (!take_kind(r, &kind))
            return false;
        size_t least = kind == TEXT ? 8 : kind == LIST ? 12 : kind_bytes[kind];
        if (!take_count(r, least, &n))
            return false;
        if (kind == LIST && !skip_lists(r, n, depth + 1))
            return false;
        for (size_t j = 0; kind == TEXT && j < n; j++)
            if (!take_text(r, &text))
                return false;
        if (kind_bytes[kind] && !take(r, n * kind_bytes[kind], &bytes))
            return false;
    }
    return true;
}

static bool take_list(struct reader *r, struct pair *p)
{
    const char *bytes = NULL;
    p->is_list = true;
    if (!take_kind(r, &p->kind))
        return false;
    size_t width = kind_bytes[p->kind];
    if (!take_count(r, p->kind == TEXT ? 8 : p->kind == LIST ? 12 : width, &p->count))
        return false;
    if (p->kind == TEXT)
        return take_texts(r, p);
    if (p->kind == LIST)
        return skip_lists(r, p->count, 1);
    if (!take(r, p->count * width, &bytes))
        return false;
    if (is_integer(p->kind)) {
        p->list = decode_integers(r->g, p->kind, bytes, p->count);
    } else if (p->kind == F32) {
        float *list = arena_array(&r->g->arena, p->count + 1, sizeof *list);
        memcpy(list, bytes, p->count * sizeof *list);
        p->list = list;
    }
    return true;
}

static bool take_pair(struct reader *r, struct pair *p)
{
    if (!take_text(r, &p->key) || !take_kind(r, &p->kind))
        return false;
    if (p->kind == LIST)
        return take_list(r, p);
    if (p->kind == TEXT)
        return take_text(r, &p->text);
    if (!take(r, kind_bytes[p->kind], &p->value))
        return false;
    if (p->kind == BOOL && (unsigned char)*p->value > 1)
        return refuse_named(r, "value", p->key, "is neither true nor false");
    return true;
}

static int by_key(const void *a, const void *b)
{
    return str_compare(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

static bool take_pairs(struct reader *r, size_t count)
{
    struct gguf *g = r->g;
    g->pairs = arena_array(&g->arena, count + 1, sizeof *g->pairs);
    for (size_t i = 0; i < count; i++)
        if (!take_pair(r, &g->pairs[i]))
            return false;
    g->pair_count = count;
    qsort(g->pairs, count, sizeof *g->pairs, by_key);
    for (size_t i = 1; i < count; i++)
        if (str_equal(g->pairs[i].key, g->pairs[i - 1].key))
            return refuse_named(r, "key", g->pairs[i].key, "stands in the file twice");
    return true;
}

/* A tensor as the header tells it. */
struct entry {
    struct str name;
    uint64_t offset, bytes;
    struct weight_tensor *tensor;
};

static bool refuse_type(struct reader *r, struct str tensor, const char *type)
{
    struct strbuf known = {0};
    for (int i = 0; i < DTYPE_COUNT; i++)
        strbuf_printf(&known, "%s%s", i ? ", " : "", dtype_name((enum dtype)i));
    refuse_named(r, "tensor", tensor,
                 "is %s, which cannot be read here; take a file whose tensors are of these: %s",
                 type, known.data);
    strbuf_free(&known);
    return false;
}

static bool take_type(struct reader *r, struct entry *t)
{
    uint32_t type = 0;
    if (!take_u32(r, &type))
        return false;
    const char *name = type < sizeof types / sizeof *types ? types[type].name : NULL;
    if (!name)
        return refuse_named(r, "tensor", t->name, "has the unknown type %u", (unsigned)type);
    if (!types[type].is_known)
        return refuse_type(r, t->name, name);
    t->tensor->type = types[type].type;
    return true;
}

/* ne counts from the innermost dimension; shape from the outermost. */
static bool take_shape(struct reader *r, struct entry *t, uint64_t *numbers)
{
    uint32_t dims = 0;
    uint64_t row = 1;
    *numbers = 1;
    if (!take_u32(r, &dims))
        return false;
    if (dims > MOST_DIMS)
        return refuse_named(r, "tensor", t->name, "has %u dimensions", (unsigned)dims);
    t->tensor->dims = (int)dims;
    for (uint32_t i = 0; i < dims; i++) {
        uint64_t n = 0;
        if (!take_u64(r, &n))
            return false;
        if (n > INT64_MAX || __builtin_mul_overflow(*numbers, n, numbers))
            return refuse_named(r, "tensor", t->name, "has an impossible shape");
        t->tensor->shape[dims - 1 - i] = (int64_t)n;
        row = i ? row : n;
    }
    if (!take_type(r, t))
        return false;
    return row % dtype_block(t->tensor->type) == 0 ||
           refuse_named(
               r, "tensor", t->name, "is %s, in blocks of %zu numbers, but has rows of %llu",
               dtype_name(t->tensor->type), dtype_block(t->tensor->type), (unsigned long long)row);
}

static bool take_entry(struct reader *r, struct entry *t)
{
    uint64_t numbers = 0;
    size_t bytes = 0;
    if (!take_text(r, &t->name))
        return false;
    if (t->name.size == 0 || memchr(t->name.data, 0, t->name.size) || !utf8_valid(t->name, NULL))
        return refuse_named(r, "tensor", t->name, "has an impossible name");
    if (!take_shape(r, t, &numbers) || !take_u64(r, &t->offset))
        return false;
    if (!dtype_bytes(t->tensor->type, numbers, &bytes))
        return refuse_named(r, "tensor", t->name, "has an impossible size");
    t->bytes = t->tensor->size_bytes = bytes;
    t->tensor->name = arena_strndup(&r->g->arena, t->name.data, t->name.size);
    return true;
}

static int by_name(const void *a, const void *b)
{
    return str_compare(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static int by_offset(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static bool take_alignment(struct reader *r, uint64_t *alignment)
{
    int64_t value = DEFAULT_ALIGNMENT;
    gguf_get_int(r->g, "general.alignment", &value);
    if (value < 1 || value > MOST_ALIGNMENT || (value & (value - 1)))
        return refuse(r, "general.alignment is %lld, not a power of two", (long long)value);
    *alignment = (uint64_t)value;
    return true;
}

/* Each name once; each tensor within the data, aligned, and with no byte of another. */
static bool place_entries(struct reader *r, struct entry *entries, size_t n)
{
    uint64_t alignment = 0, end = 0;
    if (!take_alignment(r, &alignment))
        return false;
    uint64_t header = (uint64_t)(r->at - r->g->map.bytes.data);
    uint64_t start = (header + alignment - 1) / alignment * alignment;
    uint64_t data = start < r->g->map.bytes.size ? r->g->map.bytes.size - start : 0;
    qsort(entries, n, sizeof *entries, by_name);
    for (size_t i = 1; i < n; i++)
        if (str_equal(entries[i].name, entries[i - 1].name))
            return refuse_named(r, "tensor", entries[i].name, "stands in the file twice");
    qsort(entries, n, sizeof *entries, by_offset);
    for (size_t i = 0; i < n; i++) {
        const struct entry *t = &entries[i];
        if (t->offset % alignment)
            return refuse_named(r, "tensor", t->name, "does not lie at a multiple of %llu bytes",
                                (unsigned long long)alignment);
        if (t->offset > data || t->bytes > data - t->offset)
            return refuse_named(r, "tensor", t->name,
                                "ends behind the end of the file: it is damaged or cut off");
        if (t->offset < end)
            return refuse_named(r, "tensor", t->name, "overlaps another one");
        end = t->offset + t->bytes;
        t->tensor->data = r->g->map.bytes.data + (data ? start : 0) + t->offset;
    }
    return true;
}

static bool take_tensors(struct reader *r, size_t count)
{
    struct gguf *g = r->g;
    struct entry *entries = mem_array(count + 1, sizeof *entries);
    bool ok = true;
    g->tensors = arena_array(&g->arena, count + 1, sizeof *g->tensors);
    for (size_t i = 0; i < count && ok; i++) {
        entries[i].tensor = &g->tensors[i];
        ok = take_entry(r, &entries[i]);
    }
    ok = ok && place_entries(r, entries, count);
    g->tensor_count = ok ? count : 0;
    free(entries);
    return ok;
}

static bool take_file(struct reader *r)
{
    /* The least a tensor and a pair take: sizes, kind and an empty or one-byte value. */
    enum { LEAST_TENSOR = 8 + 4 + 4 + 8, LEAST_PAIR = 8 + 4 + 1 };
    const char *magic = NULL;
    uint32_t version = 0;
    size_t tensors = 0, pairs = 0;
    if (r->left < 4 || memcmp(r->at, "GGUF", 4) != 0)
        return refuse(r, "not a GGUF file");
    if (!take(r, 4, &magic) || !take_u32(r, &version))
        return false;
    if (version && (version & 0xFFFF) == 0)
        return refuse(r, "a big-endian GGUF file, which cannot be read here");
    if (version != 2 && version != 3)
        return refuse(r, "GGUF version %u; versions 2 and 3 can be read", (unsigned)version);
    return take_count(r, LEAST_TENSOR, &tensors) && take_count(r, LEAST_PAIR, &pairs) &&
           take_pairs(r, pairs) && take_tensors(r, tensors);
}

struct gguf *gguf_open(const char *path, struct error *e)
{
    struct gguf *g = mem_zalloc(sizeof *g);
    g->path = mem_strdup(path);
    if (file_map(&g->map, path, e)) {
        struct reader r = {g, g->map.bytes.data, g->map.bytes.size, e};
        if (take_file(&r))
            return g;
    }
    gguf_close(g);
    return NULL;
}

void gguf_close(struct gguf *g)
{
    if (!g)
        return;
    arena_free(&g->arena);
    file_unmap(&g->map);
    free(g->path);
    free(g);
}

static const struct pair *find(const struct gguf *g, const char *key, bool is_list)
{
    struct pair wanted = {.key = str_of(key)};
    const struct pair *p = bsearch(&wanted, g->pairs, g->pair_count, sizeof wanted, by_key);
    return p && p->is_list == is_list ? p : NULL;
}

bool gguf_get_int(const struct gguf *g, const char *key, int64_t *value)
{
    const struct pair *p = find(g, key, false);
    int64_t found;
    if (!p || !is_integer(p->kind) || p->kind == BOOL || !load_integer(p->kind, p->value, &found))
        return false;
    *value = found;
    return true;
}

bool gguf_get_number(const struct gguf *g, const char *key, double *value)
{
    const struct pair *p = find(g, key, false);
    float narrow;
    if (!p || (p->kind != F32 && p->kind != F64))
        return false;
    if (p->kind == F64) {
        memcpy(value, p->value, sizeof *value);
    } else {
        memcpy(&narrow, p->value, sizeof narrow);
        *value = (double)narrow;
    }
    return true;
}

bool gguf_get_bool(const struct gguf *g, const char *key, bool *value)
{
    const struct pair *p = find(g, key, false);
    if (!p || p->kind != BOOL)
        return false;
    *value = *p->value != 0;
    return true;
}

bool gguf_get_str(const struct gguf *g, const char *key, struct str *value)
{
    const struct pair *p = find(g, key, false);
    if (!p || p->kind != TEXT)
        return false;
    *value = p->text;
    return true;
}

static const void *find_list(const struct gguf *g, const char *key, bool fits(enum kind),
                             size_t *count)
{
    const struct pair *p = find(g, key, true);
    *count = 0;
    if (!p || !p->list || !fits(p->kind))
        return NULL;
    *count = p->count;
    return p->list;
}

static bool is_text(enum kind kind)
{
    return kind == TEXT;
}

static bool is_float(enum kind kind)
{
    return kind == F32;
}

const struct str *gguf_get_strs(const struct gguf *g, const char *key, size_t *count)
{
    return find_list(g, key, is_text, count);
}

const int32_t *gguf_get_ints(const struct gguf *g, const char *key, size_t *count)
{
    return find_list(g, key, is_integer, count);
}

const float *gguf_get_floats(const struct gguf *g, const char *key, size_t *count)
{
    return find_list(g, key, is_float, count);
}

size_t gguf_tensor_count(const struct gguf *g)
{
    return g->tensor_count;
}

const struct weight_tensor *gguf_tensor(const struct gguf *g, size_t i)
{
    return &g->tensors[i];
}

const struct file_map *gguf_map(const struct gguf *g)
{
    return &g->map;
}
