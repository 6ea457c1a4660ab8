#include "lorabuild/infer/draft.h"

#include "lorabuild/common/memory.h"
#include "lorabuild/infer/sampling.h"
#include "lorabuild/infer/utf8_stream.h"
#include "lorabuild/models/lora.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define PREFILL_TOKENS 256 /* read at once; fixed, so that the bits are the same everywhere */

struct drafting {
    const struct draft_request *r;
    struct tokens tokens; /* the prompt's and those written */
    struct lora_set set;
    bool has_set;
    struct tape *tape;
    struct model_cache *cache;
    float *logits; /* (vocabulary) */
    struct utf8_stream text;
};

/* ---- the prompt ---- */

static bool add_prompt(struct tokens *to, const struct draft_request *r, struct error *e)
{
    struct chat_message request = {CHAT_USER, r->prompt};
    struct tokens prompt = {0};
    bool ok = r->chat
                  ? chat_template_render(r->chat, r->tokenizer, &request, 1, true, &prompt, NULL, e)
                  : tokenizer_encode(r->tokenizer, r->prompt, &prompt, e);
    int32_t bos = tokenizer_bos(r->tokenizer);
    bool has_bos = prompt.count > 0 && prompt.ids[0] == bos;
    bool wants_bos = tokenizer_adds_bos(r->tokenizer) || prompt.count == 0;
    if (ok && bos >= 0 && wants_bos && !has_bos)
        tokens_add(to, bos);
    if (ok)
        tokens_append(to, prompt.ids, prompt.count);
    tokens_free(&prompt);
    if (ok && to->count == 0)
        return error_set(e, ERROR_USAGE, "the prompt is empty, and this model cannot begin alone");
    return ok;
}

static bool check_length(const struct drafting *d, struct error *e)
{
    int64_t context = model_shape(d->r->model)->context;
    if ((int64_t)d->tokens.count < context)
        return true;
    return error_set(e, ERROR_LIMIT,
                     "the prompt has %zu tokens; this model reads and writes %" PRId64 " in all",
                     d->tokens.count, context);
}

/* ---- reading and writing ---- */

/* Reads tokens first … first+n-1; the logits of what comes next, if they are wanted. */
static bool read_chunk(struct drafting *d, size_t first, size_t n, float *logits, struct error *e)
{
    int32_t *positions = mem_array(n, sizeof *positions), starts[2] = {0, (int32_t)n};
    int32_t last = (int32_t)n - 1;
    for (size_t i = 0; i < n; i++)
        positions[i] = (int32_t)(first + i);
    struct model_input in = {d->tokens.ids + first, positions, starts, (int64_t)n, 1};
    struct value *x = model_forward(d->r->model, d->tape, &in, d->cache, false, e);
    bool ok =
        x && (!logits || op_head_logits(d->tape, x, model_head(d->r->model), &last, 1, logits, e));
    tape_reset(d->tape);
    free(positions);
    return ok;
}

static bool read_from(struct drafting *d, size_t first, struct error *e)
{
    while (first < d->tokens.count) {
        size_t left = d->tokens.count - first, n = left < PREFILL_TOKENS ? left : PREFILL_TOKENS;
        if (!read_chunk(d, first, n, n == left ? d->logits : NULL, e))
            return false;
        first += n;
    }
    return true;
}

static bool is_end(const struct draft_request *r, int32_t id)
{
    return id >= 0 &&
           (id == tokenizer_eos(r->tokenizer) || (r->chat && id == r->chat->end_of_turn));
}

static void forbid_end(const struct draft_request *r, float *logits, int64_t vocabulary)
{
    for (int64_t id = 0; id < vocabulary; id++)
        if (is_end(r, (int32_t)id))
            logits[id] = -INFINITY;
}

/* false: the reader wants no more. */
static bool write_token(struct drafting *d, int32_t id)
{
    struct strbuf out = {0};
    if (!tokenizer_is_control(d->r->tokenizer, id))
        utf8_stream_add(&d->text, tokenizer_decode_one(d->r->tokenizer, id), &out);
    bool go_on = out.size == 0 || d->r->write(d->r->context, strbuf_str(&out));
    strbuf_free(&out);
    return go_on;
}

static bool write_answer(struct drafting *d, struct error *e)
{
    const struct draft_request *r = d->r;
    const struct model_shape *shape = model_shape(r->model);
    size_t read = 0;
    for (int64_t written = 0; written < r->options.max_tokens; written++) {
        if ((int64_t)d->tokens.count > shape->context - 1)
            return error_set(e, ERROR_LIMIT,
                             "stopped: all %" PRId64 " tokens that this model can hold are used",
                             shape->context);
        if (!read_from(d, read, e))
            return false;
        read = d->tokens.count;
        if (r->options.ignore_end)
            forbid_end(r, d->logits, shape->vocabulary);
        int32_t id = sampling_pick(&r->options, d->logits, (size_t)shape->vocabulary, d->tokens.ids,
                                   d->tokens.count, (uint32_t)written);
        if (id < 0)
            return error_set(e, ERROR_INPUT, "the model's output is no number: is %s damaged?",
                             r->adapter ? "its adapter" : "it");
        if (is_end(r, id) || !write_token(d, id))
            return true;
        tokens_add(&d->tokens, id);
    }
    if (r->cut)
        *r->cut = true;
    return true;
}

/* ---- the whole ---- */

static bool attach(struct lora_set *s, struct model *m, const struct peft_adapter *a,
                   bool *attached, struct error *e)
{
    *attached = false;
    if (!a)
        return true;
    if (!lora_from_peft(s, m, a, false, e))
        return false;
    for (size_t i = 0; i < s->count; i++)
        s->pairs[i].dropout = 0;
    lora_attach(s);
    *attached = true;
    return true;
}

static void take_off(struct lora_set *s, bool attached)
{
    if (!attached)
        return;
    lora_detach(s);
    lora_free(s);
}

static bool prepare(struct drafting *d, struct error *e)
{
    const struct draft_request *r = d->r;
    const struct model_shape *shape = model_shape(r->model);
    if (!add_prompt(&d->tokens, r, e) || !check_length(d, e) ||
        !attach(&d->set, r->model, r->adapter, &d->has_set, e))
        return false;
    int64_t capacity = (int64_t)d->tokens.count + r->options.max_tokens;
    d->cache = model_cache_open(r->model, r->backend,
                                capacity < shape->context ? capacity : shape->context, e);
    d->tape = tape_open(r->backend);
    tape_record(d->tape, false);
    d->logits = mem_array((size_t)shape->vocabulary, sizeof *d->logits);
    return d->cache != NULL;
}

bool draft_run(const struct draft_request *r, struct error *e)
{
    struct drafting d = {.r = r};
    bool ok = prepare(&d, e) && write_answer(&d, e);
    utf8_stream_free(&d.text);
    free(d.logits);
    if (d.tape)
        tape_close(d.tape);
    if (d.cache)
        model_cache_close(d.cache);
    take_off(&d.set, d.has_set);
    tokens_free(&d.tokens);
    return ok;
}

/* ---- measuring given text ---- */

/* Each row's target is the next token; the last row has none. */
static bool row_losses(struct model *m, struct tape *t, const int32_t *ids, size_t n, float *losses,
                       struct error *e)
{
    int32_t starts[2] = {0, (int32_t)n};
    int32_t *positions = mem_array(n, sizeof *positions), *targets = mem_array(n, sizeof *targets);
    float *weights = mem_array(n, sizeof *weights);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        positions[i] = (int32_t)i;
        targets[i] = i + 1 < n ? ids[i + 1] : 0;
        weights[i] = i + 1 < n ? 1.0f : 0.0f;
    }
    struct model_input in = {ids, positions, starts, (int64_t)n, 1};
    struct head_loss h = {model_head(m), targets, weights, 1.0, &sum, losses};
    struct value *x = model_forward(m, t, &in, NULL, false, e);
    bool ok = x && op_head_loss(t, x, &h, e);
    tape_reset(t);
    free(weights);
    free(targets);
    free(positions);
    return ok;
}

bool draft_log_probabilities(struct model *m, struct backend *b, const struct peft_adapter *adapter,
                             const int32_t *ids, size_t n, double *out, struct error *e)
{
    struct lora_set set;
    bool attached;
    if (n == 0)
        return true;
    if (!attach(&set, m, adapter, &attached, e))
        return false;
    struct tape *t = tape_open(b);
    float *losses = mem_array(n, sizeof *losses);
    tape_record(t, false);
    bool ok = n < 2 || row_losses(m, t, ids, n, losses, e);
    out[0] = 0;
    for (size_t i = 1; ok && i < n; i++)
        out[i] = -(double)losses[i - 1];
    free(losses);
    tape_close(t);
    take_off(&set, attached);
    return ok;
}
