/* Products by oneDNN's matmul primitives. One is made for each shape of a tile (0.2 to 3 ms),
 * before the threads start, and kept; tiles and their order of sums depend on the shape alone. */
#include "lorabuild/tensor/cpu/cpu.h"

#include "lorabuild/common/memory.h"
#include "lorabuild/common/threads.h"

#include <dnnl.h>
#include <stdatomic.h>
#include <stdlib.h>

struct key {
    enum dtype type;
    int64_t m, n, k, stride_c;
    int64_t stride_b;
    bool turn_b, add;
};

struct matmul {
    struct key key;
    dnnl_primitive_t primitive;
    dnnl_memory_desc_t a, b, c, scratchpad;
    struct matmul *next;
};

#define BUCKETS 256

struct product_cache {
    dnnl_engine_t engine;
    struct matmul *buckets[BUCKETS];
};

struct product_cache *product_cache_open(struct error *e)
{
    struct product_cache *p = mem_zalloc(sizeof *p);
    if (dnnl_engine_create(&p->engine, dnnl_cpu, 0) == dnnl_success)
        return p;
    free(p);
    error_set(e, ERROR_SYSTEM, "oneDNN cannot use this processor");
    return NULL;
}

void product_cache_close(struct product_cache *p)
{
    if (!p)
        return;
    for (int i = 0; i < BUCKETS; i++)
        while (p->buckets[i]) {
            struct matmul *next = p->buckets[i]->next;
            dnnl_primitive_destroy(p->buckets[i]->primitive);
            free(p->buckets[i]);
            p->buckets[i] = next;
        }
    dnnl_engine_destroy(p->engine);
    free(p);
}

static bool same_key(const struct key *a, const struct key *b)
{
    return a->type == b->type && a->m == b->m && a->n == b->n && a->k == b->k &&
           a->stride_b == b->stride_b && a->stride_c == b->stride_c && a->turn_b == b->turn_b &&
           a->add == b->add;
}

static size_t bucket(const struct key *k)
{
    uint64_t h = (uint64_t)k->m;
    const int64_t parts[] = {k->n, k->k, k->stride_b, k->stride_c, k->turn_b, k->add};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        h = (h ^ (uint64_t)parts[i]) * 0x9E3779B97F4A7C15u;
    return (size_t)(h >> 32) % BUCKETS;
}

static bool describe(struct matmul *p)
{
    const struct key *k = &p->key;
    dnnl_data_type_t type = k->type == DTYPE_BF16 ? dnnl_bf16 : dnnl_f32;
    const dnnl_dims_t a = {k->m, k->k}, b = {k->k, k->n}, c = {k->m, k->n};
    const dnnl_dims_t stride_a = {k->k, 1}, stride_c = {k->stride_c, 1};
    const dnnl_dims_t stride_b = {k->turn_b ? 1 : k->stride_b, k->turn_b ? k->stride_b : 1};
    return dnnl_memory_desc_init_by_strides(&p->a, 2, a, type, stride_a) == dnnl_success &&
           dnnl_memory_desc_init_by_strides(&p->b, 2, b, type, stride_b) == dnnl_success &&
           dnnl_memory_desc_init_by_strides(&p->c, 2, c, dnnl_f32, stride_c) == dnnl_success;
}

/* Scratch memory is ours, so that threads may run one primitive at a time each. */
static dnnl_primitive_attr_t attributes(bool add)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t after = NULL;
    if (dnnl_primitive_attr_create(&attr) != dnnl_success)
        return NULL;
    bool ok =
        dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user) == dnnl_success;
    if (ok && add) {
        ok = dnnl_post_ops_create(&after) == dnnl_success &&
             dnnl_post_ops_append_sum(after, 1.0f) == dnnl_success &&
             dnnl_primitive_attr_set_post_ops(attr, after) == dnnl_success;
        dnnl_post_ops_destroy(after);
    }
    if (ok)
        return attr;
    dnnl_primitive_attr_destroy(attr);
    return NULL;
}

static bool make(const struct product_cache *cache, struct matmul *p)
{
    dnnl_matmul_desc_t desc;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_attr_t attr = describe(p) ? attributes(p->key.add) : NULL;
    if (!attr)
        return false;
    int threads = product_one_thread_begin(); /* primitives plan for the threads they see */
    bool ok = dnnl_matmul_desc_init(&desc, &p->a, &p->b, NULL, &p->c) == dnnl_success &&
              dnnl_primitive_desc_create(&pd, &desc, attr, cache->engine, NULL) == dnnl_success;
    if (ok) {
        p->scratchpad = *dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
        ok = dnnl_primitive_create(&p->primitive, pd) == dnnl_success;
        dnnl_primitive_desc_destroy(pd);
    }
    product_one_thread_end(threads);
    dnnl_primitive_attr_destroy(attr);
    return ok;
}

static const struct matmul *matmul_of(struct product_cache *cache, const struct key *key)
{
    struct matmul **at = &cache->buckets[bucket(key)];
    for (struct matmul *p = *at; p; p = p->next)
        if (same_key(&p->key, key))
            return p;
    struct matmul *p = mem_zalloc(sizeof *p);
    p->key = *key;
    if (!make(cache, p)) {
        free(p);
        return NULL;
    }
    p->next = *at;
    return *at = p;
}

bool product_has_bf16(struct product_cache *cache)
{
    return matmul_of(cache, &(struct key){.type = DTYPE_BF16,
                                          .m = 64,
                                          .n = 64,
                                          .k = 64,
                                          .stride_b = 64,
                                          .stride_c = 64,
                                          .turn_b = true}) != NULL;
}

struct tiles {
    const struct product_cache *cache;
    const struct product_typed *product;
    struct tiling tiling;
    const struct matmul *kinds[2][2]; /* [last row of tiles][last column of tiles] */
    size_t scratchpad_bytes;
    atomic_bool failed;
};

static bool run_tile(const struct tiles *t, size_t i, dnnl_stream_t stream, void *scratchpad)
{
    const struct product_typed *p = t->product;
    int64_t down = (int64_t)i % t->tiling.down, across = (int64_t)i / t->tiling.down;
    int64_t row = down * t->tiling.rows, col = across * t->tiling.cols;
    const struct matmul *m = t->kinds[down == t->tiling.down - 1][across == t->tiling.across - 1];
    int64_t item = p->type == DTYPE_BF16 ? 2 : 4;
    const char *a = (const char *)p->a + row * p->k * item;
    const char *b = (const char *)p->b + (p->turn_b ? col * p->k : col) * item;
    void *data[4] = {(void *)(uintptr_t)a, (void *)(uintptr_t)b, p->c + row * p->n + col,
                     scratchpad};
    const dnnl_memory_desc_t *descs[4] = {&m->a, &m->b, &m->c, &m->scratchpad};
    const int names[4] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD};
    dnnl_exec_arg_t args[4];
    int made = 0;
    while (made < 4 && dnnl_memory_create(&args[made].memory, descs[made], t->cache->engine,
                                          data[made]) == dnnl_success) {
        args[made].arg = names[made];
        made++;
    }
    bool ok = made == 4 && dnnl_primitive_execute(m->primitive, stream, 4, args) == dnnl_success &&
              dnnl_stream_wait(stream) == dnnl_success;
    while (made > 0)
        dnnl_memory_destroy(args[--made].memory);
    return ok;
}

static void run_tiles(void *context, size_t begin, size_t end)
{
    struct tiles *t = context;
    int threads = product_one_thread_begin();
    void *scratchpad = mem_try_alloc(t->scratchpad_bytes);
    dnnl_stream_t stream = NULL;
    bool ok = scratchpad && dnnl_stream_create(&stream, t->cache->engine,
                                               dnnl_stream_default_flags) == dnnl_success;
    for (size_t i = begin; ok && i < end; i++)
        ok = run_tile(t, i, stream, scratchpad);
    if (!ok)
        atomic_store(&t->failed, true);
    dnnl_stream_destroy(stream);
    free(scratchpad);
    product_one_thread_end(threads);
}

/* The up to four shapes of tiles: inside, at the lower edge, at the right one, in the corner. */
static bool find_kinds(struct tiles *t, struct product_cache *cache)
{
    const struct product_typed *p = t->product;
    int64_t rest_m = p->m - (t->tiling.down - 1) * t->tiling.rows;
    int64_t rest_n = p->n - (t->tiling.across - 1) * t->tiling.cols;
    for (int i = 0; i < 4; i++) {
        bool last_row = i & 2, last_col = i & 1;
        if ((!last_row && t->tiling.down == 1) || (!last_col && t->tiling.across == 1))
            continue;
        struct key key = {.type = p->type,
                          .m = last_row ? rest_m : t->tiling.rows,
                          .n = last_col ? rest_n : t->tiling.cols,
                          .k = p->k,
                          .stride_c = p->n,
                          .stride_b = p->turn_b ? p->k : p->n,
                          .turn_b = p->turn_b,
                          .add = p->add};
        const struct matmul *m = t->kinds[last_row][last_col] = matmul_of(cache, &key);
        if (!m)
            return false;
        size_t bytes = dnnl_memory_desc_get_size(&m->scratchpad);
        t->scratchpad_bytes = bytes > t->scratchpad_bytes ? bytes : t->scratchpad_bytes;
    }
    return true;
}

bool product_typed_run(struct product_cache *cache, const struct product_typed *p, struct error *e)
{
    if (p->m == 0 || p->n == 0)
        return true;
    struct tiles t = {.cache = cache, .product = p, .tiling = product_tiling(p->m, p->n)};
    bool ok = find_kinds(&t, cache);
    if (ok)
        threads_for((size_t)(t.tiling.down * t.tiling.across), 1, run_tiles, &t);
    if (!ok || atomic_load(&t.failed))
        return error_set(e, ERROR_INTERNAL, "oneDNN refused a %s product of (%lld, %lld, %lld)",
                         dtype_name(p->type), (long long)p->m, (long long)p->n, (long long)p->k);
    return true;
}
