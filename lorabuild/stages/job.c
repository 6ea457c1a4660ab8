#include "lorabuild/stages/job.h"

#include "lorabuild/stages/sandbox.h"

#include <stdlib.h>
#include <string.h>

static const char *text_or(const json_t *o, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : otherwise;
}

/* Everything the plan lets this child see: the base, the keep folders, adapters, the attempt. */
static bool enter_sandbox(const json_t *plan, struct error *e)
{
    const json_t *readable = json_object_get(plan, "readable");
    const char *attempt = text_or(plan, "attempt", NULL);
    size_t count = json_array_size(readable);
    struct sandbox_path *paths = mem_array(count + 1, sizeof *paths);
    for (size_t i = 0; i < count; i++)
        paths[i].path = json_string_value(json_array_get(readable, i));
    if (attempt)
        paths[count++] = (struct sandbox_path){attempt, true};
    bool ok = sandbox_enter(paths, count, e);
    free(paths);
    return ok;
}

static bool parse_digests(struct digest_set *s, const json_t *list, struct error *e)
{
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n; i++) {
        struct digest d;
        const char *text = json_string_value(json_array_get(list, i));
        if (!text || !digest_from_hex(&d, str_of(text)))
            return error_set(e, ERROR_INTERNAL, "plan: digest %zu is malformed", i);
        digest_set_add(s, d);
    }
    digest_set_seal(s);
    return true;
}

static bool open_base(struct job *j, struct error *e)
{
    const json_t *base = json_object_get(j->plan, "base");
    if (!json_get_text(base, "path", &j->base_path, "plan: base", e))
        return false;
    return (j->weights = weights_open(j->base_path, e)) &&
           (j->tokenizer = tokenizer_open(j->weights, e)) &&
           chat_template_find(&j->chat, j->tokenizer, text_or(base, "template", NULL), e) &&
           (j->model = model_open(j->weights, e));
}

static bool open_datasets(struct job *j, struct error *e)
{
    const json_t *list = json_object_get(j->plan, "datasets");
    size_t count = json_array_size(list);
    j->datasets = mem_array(count, sizeof *j->datasets);
    for (size_t i = 0; i < count; i++) {
        const char *keep, *key;
        struct digest d;
        const json_t *entry = json_array_get(list, i);
        if (!json_get_text(entry, "keep", &keep, "plan: dataset", e) ||
            !json_get_text(entry, "key", &key, "plan: dataset", e))
            return false;
        if (!digest_from_hex(&d, str_of(key)))
            return error_set(e, ERROR_INTERNAL, "plan: dataset key is malformed");
        j->dataset_count = i + 1;
        if (!seal_read_dataset(&j->datasets[i], keep, d, true, e))
            return false;
    }
    return true;
}

static enum sample_role role_of(void *context, const struct sample *s)
{
    const struct job *j = context;
    if (digest_set_has(&j->validate_ids, s->id))
        return ROLE_VALIDATE;
    return digest_set_has(&j->learn_ids, s->id) ? ROLE_LEARN : ROLE_CONTEXT;
}

static enum sample_role role_all(void *context, const struct sample *s)
{
    const struct job *j = context;
    return digest_set_has(&j->validate_ids, s->id) ? ROLE_VALIDATE : ROLE_LEARN;
}

static bool make_windows(struct job *j, struct windows *w, enum sample_role wanted,
                         enum sample_role (*role)(void *, const struct sample *), struct error *e)
{
    const struct dataset **list = mem_array(j->dataset_count, sizeof *list);
    for (size_t i = 0; i < j->dataset_count; i++)
        list[i] = &j->datasets[i];
    struct window_options o = {.tokenizer = j->tokenizer,
                               .chat = &j->chat,
                               .raw = j->raw,
                               .max_length = j->recipe.max_length,
                               .role = role,
                               .context = j,
                               .wanted = wanted};
    bool ok = windows_make(w, list, j->dataset_count, &o, e);
    free(list);
    return ok;
}

const struct sample *job_next_sample(const struct job *j, struct job_walk *w)
{
    for (; w->dataset < j->dataset_count; w->dataset++, w->next_document = 0) {
        const struct dataset *d = &j->datasets[w->dataset];
        for (; w->next_document < d->document_count; w->next_document++, w->next_sample = 0) {
            w->document = &d->documents[w->next_document];
            if (w->next_sample == w->document->count)
                continue;
            w->number = w->given++;
            return &w->document->samples[w->next_sample++];
        }
    }
    return NULL;
}

bool job_all_windows(struct job *j, struct windows *all, struct error *e)
{
    return make_windows(j, all, ROLE_LEARN, role_all, e);
}

static bool choose_mode(struct job *j, struct error *e)
{
    bool chat = j->chat.name != NULL;
    if (j->recipe.mode == MODE_CHAT && !chat)
        return error_set(e, ERROR_USAGE,
                         "%s has no chat template; set `mode: text`, or `template:` "
                         "at the base",
                         j->base_path);
    j->raw = !chat || j->recipe.mode == MODE_TEXT;
    if (j->recipe.max_length > model_shape(j->model)->context)
        return error_set(e, ERROR_USAGE,
                         "max_length %lld is more than the %lld tokens that the base "
                         "model reads at once",
                         (long long)j->recipe.max_length,
                         (long long)model_shape(j->model)->context);
    return true;
}

bool job_open(struct job *j, const json_t *plan, struct error *e)
{
    *j = (struct job){.plan = plan};
    return enter_sandbox(plan, e) && json_get_text(plan, "adapter", &j->adapter_name, "plan", e) &&
           recipe_from_json(&j->recipe, &j->arena, json_object_get(plan, "recipe"), "plan", e) &&
           parse_digests(&j->learn_ids, json_object_get(plan, "learn"), e) &&
           parse_digests(&j->validate_ids, json_object_get(plan, "validate"), e) &&
           open_base(j, e) && choose_mode(j, e) && open_datasets(j, e) &&
           make_windows(j, &j->learn, ROLE_LEARN, role_of, e) &&
           make_windows(j, &j->validate, ROLE_VALIDATE, role_of, e);
}

void job_close(struct job *j)
{
    windows_free(&j->validate);
    windows_free(&j->learn);
    for (size_t i = 0; i < j->dataset_count; i++)
        dataset_free(&j->datasets[i]);
    free(j->datasets);
    if (j->model)
        model_close(j->model);
    if (j->tokenizer)
        tokenizer_close(j->tokenizer);
    if (j->weights)
        weights_close(j->weights);
    digest_set_free(&j->validate_ids);
    digest_set_free(&j->learn_ids);
    arena_free(&j->arena);
}

bool job_read_adapter(struct job_adapter *a, const json_t *plan, const char *key, struct error *e)
{
    const json_t *o = json_object_get(plan, key);
    *a = (struct job_adapter){.there = json_is_object(o),
                              .foreign = json_is_true(json_object_get(o, "foreign"))};
    return !a->there || (json_get_text(o, "folder", &a->folder, key, e) &&
                         json_get_text(o, "weights", &a->weights, key, e) &&
                         peft_read(&a->adapter, a->weights, e));
}

/* Tokens of the largest batch that can occur: the longest windows together. */
static int64_t largest_batch(const struct windows *w, int64_t batch_size)
{
    uint32_t longest[64] = {0};
    size_t n = batch_size < 64 ? (size_t)batch_size : 64;
    for (size_t i = 0; i < w->count; i++) {
        uint32_t length = w->items[i].count;
        for (size_t k = 0; k < n; k++)
            if (length > longest[k]) {
                uint32_t other = longest[k];
                longest[k] = length;
                length = other;
            }
    }
    int64_t sum = 0;
    for (size_t k = 0; k < n; k++)
        sum += longest[k];
    return sum * ((batch_size + (int64_t)n - 1) / (int64_t)n);
}

bool job_plan_memory(const struct job *j, struct job_memory *m, struct error *e)
{
    const struct model_shape *shape = model_shape(j->model);
    const uint64_t program = (uint64_t)96 << 20; /* libraries, tokenizer, windows */
    int64_t allowed = 0, tokens = largest_batch(&j->learn, j->recipe.batch_size);
    if (!json_get_int_or(j->plan, "memory_bytes", &allowed, 0, "plan", e))
        return false;
    uint64_t panels = 4 * (shape->block_parameters + (uint64_t)(shape->vocabulary * shape->width));
    uint64_t quick = model_step_bytes(j->model, tokens, (int)j->recipe.rank, false) + program;
    uint64_t small = model_step_bytes(j->model, tokens, (int)j->recipe.rank, true) + program;
    *m = (struct job_memory){.allowed_bytes = (uint64_t)allowed, .least_bytes = small};
    m->checkpoint_layers = quick > m->allowed_bytes;
    m->step_bytes = m->checkpoint_layers ? small : quick;
    if (m->step_bytes > m->allowed_bytes)
        return error_set(e, ERROR_LIMIT,
                         "training needs at least %.1f GB and %.1f GB are free; "
                         "close other programs, or set a smaller batch_size or max_length",
                         (double)small / 1e9, (double)allowed / 1e9);
    uint64_t left = m->allowed_bytes - m->step_bytes;
    m->panel_bytes = left < panels ? left : panels;
    m->needed_bytes = m->step_bytes + m->panel_bytes;
    return true;
}
