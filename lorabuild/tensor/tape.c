#include "lorabuild/tensor/record.h"

#include "lorabuild/common/memory.h"
#include "lorabuild/tensor/pool.h"

#include <stdlib.h>
#include <string.h>

struct owned { /* a value with the real sizes of its buffers */
    struct value value;
    size_t data_bytes, grad_bytes;
    struct owned *older;
};

struct node {
    struct op_call call;
    tape_segment *segment; /* a checkpoint: call.in[0] → call.out by running it again */
    void *context;
};

struct tape {
    struct backend *backend;
    struct pool pool;
    struct arena arena;
    bool recording;
    struct owned *newest;
    struct node *nodes;
    size_t node_count, node_capacity;
};

struct tape *tape_open(struct backend *b)
{
    struct tape *t = mem_zalloc(sizeof *t);
    t->backend = b;
    pool_open(&t->pool, b);
    return t;
}

void tape_close(struct tape *t)
{
    if (!t)
        return;
    tape_reset(t);
    pool_close(&t->pool);
    free(t->nodes);
    free(t);
}

struct backend *tape_backend(struct tape *t)
{
    return t->backend;
}

void tape_record(struct tape *t, bool on)
{
    t->recording = on;
}

bool tape_recording(const struct tape *t)
{
    return t->recording;
}

size_t tape_peak_bytes(const struct tape *t)
{
    return t->pool.peak_bytes;
}

void *tape_copy(struct tape *t, const void *from, size_t bytes)
{
    return memcpy(arena_alloc(&t->arena, bytes), from, bytes);
}

static struct owned *new_value(struct tape *t, int64_t rows, int64_t cols, bool needs_grad)
{
    struct owned *o = arena_alloc(&t->arena, sizeof *o);
    o->value = (struct value){.rows = rows, .cols = cols, .needs_grad = needs_grad};
    o->older = t->newest;
    t->newest = o;
    return o;
}

static bool value_bytes(int64_t rows, int64_t cols, size_t *bytes)
{
    int64_t n;
    if (rows < 0 || cols < 0 || __builtin_mul_overflow(rows, cols, &n) || n > INT64_MAX / 8)
        return false;
    *bytes = (size_t)n * sizeof(float);
    return true;
}

struct value *tape_value(struct tape *t, int64_t rows, int64_t cols, bool needs_grad,
                         struct error *e)
{
    size_t bytes;
    if (!value_bytes(rows, cols, &bytes)) {
        error_set(e, ERROR_LIMIT, "a value of %lld by %lld numbers is too large", (long long)rows,
                  (long long)cols);
        return NULL;
    }
    void *data = pool_take(&t->pool, &bytes, e);
    if (!data)
        return NULL;
    struct owned *o = new_value(t, rows, cols, needs_grad);
    o->value.data = data;
    o->data_bytes = bytes;
    return &o->value;
}

struct value *tape_move(struct tape *t, struct value *from)
{
    struct owned *source = (struct owned *)from;
    struct owned *o = new_value(t, from->rows, from->cols, from->needs_grad);
    o->value.data = from->data;
    o->data_bytes = source->data_bytes;
    from->data = NULL;
    source->data_bytes = 0;
    return &o->value;
}

static void give_data(struct tape *t, struct value *v)
{
    struct owned *o = (struct owned *)v;
    pool_give(&t->pool, v->data, o->data_bytes);
    v->data = NULL;
    o->data_bytes = 0;
}

static void give_gradient(struct tape *t, struct value *v)
{
    struct owned *o = (struct owned *)v;
    pool_give(&t->pool, v->grad, o->grad_bytes);
    v->grad = NULL;
    o->grad_bytes = 0;
}

static void give_saved(struct tape *t, struct op_call *call)
{
    for (int i = 0; i < 4; i++) {
        pool_give(&t->pool, call->saved[i], call->saved_bytes[i]);
        call->saved[i] = NULL;
    }
}

void tape_drop(struct tape *t, struct value *v)
{
    if (!v->kept)
        give_data(t, v);
}

bool tape_gradient(struct tape *t, struct value *v, bool *adds, struct error *e)
{
    *adds = v->grad != NULL;
    if (v->grad)
        return true;
    size_t bytes;
    value_bytes(v->rows, v->cols, &bytes);
    v->grad = pool_take(&t->pool, &bytes, e);
    ((struct owned *)v)->grad_bytes = bytes;
    return v->grad != NULL;
}

bool tape_save(struct tape *t, struct op_call *call, int slot, size_t bytes, struct error *e)
{
    if (!bytes)
        return true;
    call->saved_bytes[slot] = bytes;
    call->saved[slot] = pool_take(&t->pool, &call->saved_bytes[slot], e);
    if (!call->saved[slot])
        give_saved(t, call);
    return call->saved[slot] != NULL;
}

bool tape_will_record(const struct tape *t, const struct value *out)
{
    return t->recording && out->needs_grad;
}

static struct node *add_node(struct tape *t)
{
    if (t->node_count == t->node_capacity) {
        t->node_capacity = t->node_capacity ? 2 * t->node_capacity : 256;
        t->nodes = mem_grow(t->nodes, t->node_capacity, sizeof *t->nodes);
    }
    struct node *n = &t->nodes[t->node_count++];
    *n = (struct node){0};
    return n;
}

bool tape_run(struct tape *t, struct op_call *call, struct error *e)
{
    call->recorded = call->out && tape_will_record(t, call->out);
    bool ok = backend_run(t->backend, call->op, FORWARD, call, e);
    if (ok && call->recorded)
        add_node(t)->call = *call;
    else
        give_saved(t, call);
    return ok;
}

/* Data of every value younger than `mark`, but `result`'s. */
static void give_since(struct tape *t, const struct owned *mark, const struct value *result)
{
    for (struct owned *o = t->newest; o != mark; o = o->older)
        if (&o->value != result)
            give_data(t, &o->value);
}

struct value *tape_checkpoint(struct tape *t, tape_segment *fn, void *context, struct value *x,
                              struct error *e)
{
    bool recording = t->recording, kept = x->kept;
    struct owned *mark = t->newest;
    x->kept = true; /* the segment must not drop its own input */
    t->recording = false;
    struct value *out = fn(t, context, x, e);
    t->recording = recording;
    give_since(t, mark, out);
    x->kept = kept;
    if (!out || !tape_will_record(t, out))
        return out;
    x->kept = true;
    struct node *n = add_node(t);
    n->call.in[0] = x;
    n->call.out = out;
    n->segment = fn;
    n->context = context;
    return out;
}

static bool run_back(struct tape *t, size_t until, struct error *e);

static bool replay(struct tape *t, const struct node *n, struct error *e)
{
    size_t until = t->node_count;
    struct owned *mark = t->newest;
    bool recording = t->recording;
    t->recording = true;
    struct value *out = n->segment(t, n->context, n->call.in[0], e);
    t->recording = recording;
    if (!out)
        return false;
    struct owned *again = (struct owned *)out, *first = (struct owned *)n->call.out;
    out->grad = first->value.grad;
    again->grad_bytes = first->grad_bytes;
    first->value.grad = NULL;
    first->grad_bytes = 0;
    bool ok = run_back(t, until, e);
    give_since(t, mark, NULL);
    return ok;
}

static bool run_one(struct tape *t, struct op_call *call, struct error *e)
{
    for (int i = 0; i < 4; i++)
        if (call->in[i] && call->in[i]->needs_grad &&
            !tape_gradient(t, call->in[i], &call->adds[i], e))
            return false;
    return backend_run(t->backend, call->op, BACKWARD, call, e);
}

static bool run_back(struct tape *t, size_t until, struct error *e)
{
    while (t->node_count > until) {
        struct node n = t->nodes[--t->node_count]; /* a replay may move the array */
        bool ok = true;
        if (n.call.out->grad)
            ok = n.segment ? replay(t, &n, e) : run_one(t, &n.call, e);
        give_saved(t, &n.call);
        give_data(t, n.call.out);
        give_gradient(t, n.call.out);
        if (!ok)
            return false;
    }
    return true;
}

bool tape_backward(struct tape *t, struct error *e)
{
    return run_back(t, 0, e) && t->backend->sync(t->backend, e);
}

void tape_reset(struct tape *t)
{
    while (t->node_count)
        give_saved(t, &t->nodes[--t->node_count].call);
    for (struct owned *o = t->newest; o; o = o->older) {
        give_data(t, &o->value);
        give_gradient(t, &o->value);
    }
    t->newest = NULL;
    arena_free(&t->arena);
}
