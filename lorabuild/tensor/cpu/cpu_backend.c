#include "lorabuild/tensor/cpu/cpu.h"

#include "lorabuild/common/memory.h"

#include <stdlib.h>
#include <string.h>

static void *allocate(struct backend *b, size_t bytes)
{
    (void)b;
    return mem_try_alloc(bytes);
}

static void give_back(struct backend *b, void *p, size_t bytes)
{
    (void)b, (void)bytes;
    free(p);
}

static bool copy(struct backend *b, void *to, const void *from, size_t bytes, struct error *e)
{
    (void)b, (void)e;
    memcpy(to, from, bytes);
    return true;
}

static bool synchronise(struct backend *b, struct error *e)
{
    (void)b, (void)e;
    return true;
}

void *cpu_scratch(struct cpu *c, enum scratch_use use, size_t bytes, struct error *e)
{
    struct scratch *s = &c->scratch[use];
    if (s->bytes >= bytes && s->data)
        return s->data;
    free(s->data);
    s->data = mem_try_alloc(bytes);
    s->bytes = s->data ? bytes : 0;
    if (!s->data)
        error_set(e, ERROR_LIMIT, "out of memory: no room for %.1f MiB of scratch memory",
                  (double)bytes / 1048576);
    return s->data;
}

static const struct backend cpu_functions = {
    .name = "cpu",
    .alloc = allocate,
    .free = give_back,
    .to_device = copy,
    .to_host = copy,
    .sync = synchronise,
    .kernel = {[OP_EMBEDDING] = {cpu_embedding, NULL},
               [OP_RMS_NORM] = {cpu_rms_norm, cpu_rms_norm_back},
               [OP_LINEAR] = {cpu_linear, cpu_linear_back},
               [OP_ROPE] = {cpu_rope, cpu_rope_back},
               [OP_ATTENTION] = {cpu_attention, cpu_attention_back},
               [OP_SWIGLU] = {cpu_swiglu, cpu_swiglu_back},
               [OP_ADD] = {cpu_add, cpu_add_back},
               [OP_HEAD_LOSS] = {cpu_head_loss, NULL},
               [OP_HEAD_LOGITS] = {cpu_head_logits, NULL}},
};

struct backend *cpu_backend_open(enum compute compute, size_t panel_bytes, struct error *e)
{
    struct cpu *c = mem_zalloc(sizeof *c);
    c->backend = cpu_functions;
    c->backend.compute = compute;
    c->backend.own = c;
    c->loops = loops_choose();
    c->panels = panel_cache_open(panel_bytes);
    c->products = product_cache_open(e);
    if (!c->products) {
        cpu_backend_close(&c->backend);
        return NULL;
    }
    c->rounds = compute == COMPUTE_BF16 && !product_has_bf16(c->products);
    return &c->backend;
}

void cpu_backend_close(struct backend *b)
{
    if (!b)
        return;
    struct cpu *c = b->own;
    product_cache_close(c->products);
    panel_cache_close(c->panels);
    for (int i = 0; i < SCRATCH_COUNT; i++)
        free(c->scratch[i].data);
    free(c);
}

size_t cpu_backend_bytes(const struct backend *b)
{
    const struct cpu *c = b->own;
    size_t bytes = panel_cache_bytes(c->panels);
    for (int i = 0; i < SCRATCH_COUNT; i++)
        bytes += c->scratch[i].bytes;
    return bytes;
}
