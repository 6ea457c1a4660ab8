#include "lorabuild/stages/report_drafts.h"

#include "cache/lineage.h"
#include "lorabuild/infer/draft.h"
#include "lorabuild/stages/stage.h"

#include <stdlib.h>
#include <string.h>

enum { REQUESTS = 3, TOKENS = 64, LONGEST_REQUEST = 400, BEGINNING = 60 };

/* ---- which requests ---- */

struct candidate {
    struct str text;
    bool held_out;
    struct digest digest;
};

struct choice {                          /* the best so far, each text once */
    struct candidate best[REQUESTS + 1]; /* one place over, to insert */
    size_t count;
    struct arena *arena;
};

static int compare(const struct candidate *x, const struct candidate *y)
{
    if (x->held_out != y->held_out)
        return x->held_out ? -1 : 1;
    int order = digest_compare(x->digest, y->digest);
    return order ? order : str_compare(x->text, y->text);
}

static void take_out(struct choice *c, size_t at)
{
    c->count--;
    memmove(c->best + at, c->best + at + 1, (c->count - at) * sizeof *c->best);
}

static void consider(struct choice *c, struct str text, bool held_out)
{
    text = str_trim(text);
    struct candidate new = {text, held_out, digest_of(text.data, text.size)};
    if (!text.size || text.size > LONGEST_REQUEST)
        return;
    for (size_t i = 0; i < c->count; i++)
        if (str_equal(c->best[i].text, text)) {
            if (compare(&c->best[i], &new) <= 0)
                return;
            take_out(c, i);
        }
    size_t at = c->count;
    while (at > 0 && compare(&new, &c->best[at - 1]) < 0)
        at--;
    if (at == REQUESTS)
        return;
    new.text.data = arena_strndup(c->arena, text.data, text.size);
    memmove(c->best + at + 1, c->best + at, (c->count - at) * sizeof *c->best);
    c->best[at] = new;
    c->count += c->count < REQUESTS;
}

/* The first words of a text, for a model that continues texts. */
static struct str beginning(struct str text)
{
    size_t end = 0, characters = 0, word = 0;
    while (end < text.size && characters < BEGINNING && text.data[end] != '\n') {
        if (text.data[end] == ' ')
            word = end;
        utf8_next(text, &end);
        characters++;
    }
    bool cut = end < text.size && text.data[end] != '\n' && word > end / 2;
    return (struct str){text.data, cut ? word : end};
}

/* The first thing that a user says in a conversation. */
static void consider_chat(struct choice *c, struct str conversation, bool held_out)
{
    json_t *list = json_parse(conversation, "conversation", 1, NULL), *message;
    size_t i;
    json_array_foreach (list, i, message) {
        const char *role = json_string_value(json_object_get(message, "role"));
        const char *text = json_string_value(json_object_get(message, "content"));
        if (role && text && strcmp(role, "user") == 0) {
            consider(c, str_of(text), held_out);
            break;
        }
    }
    json_decref(list);
}

static void consider_sample(struct choice *c, const struct job *j, const struct sample *s)
{
    bool held_out = digest_set_has(&j->validate_ids, s->id);
    if (s->kind == SAMPLE_CHAT && !j->raw)
        consider_chat(c, s->text, held_out);
    else if (s->kind == SAMPLE_TEXT)
        consider(c, j->raw ? beginning(s->text) : s->caption, held_out);
}

static void choose_requests(struct report_drafts *d, const struct job *j)
{
    struct choice c = {.arena = &d->arena};
    struct job_walk w = {0};
    for (const struct sample *s; (s = job_next_sample(j, &w));)
        consider_sample(&c, j, s);
    for (size_t i = 0; i < c.count; i++)
        d->requests[d->request_count++] = c.best[i].text;
}

static void take_requests(struct report_drafts *d, const struct job *j, const json_t *wanted)
{
    size_t n = json_array_size(wanted);
    d->requests = arena_array(&d->arena, n + REQUESTS, sizeof *d->requests);
    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_array_get(wanted, i));
        if (text)
            d->requests[d->request_count++] = str_of(text);
    }
    if (!d->request_count)
        choose_requests(d, j);
}

/* ---- who drafts ---- */

static void add_writer(struct report_drafts *d, const char *name, const char *folder,
                       const char *why_not)
{
    d->writers[d->writer_count++] = (struct report_writer){name, why_not, folder};
}

/* Why nothing may be drafted with a version; NULL: its words are such that this one's texts could
 * have given them. It is not needed for anything else, so what is wrong with it is no error. */
static const char *why_silent(const struct result *r, const char *folder)
{
    struct version v = {.folder = (char *)(uintptr_t)folder};
    const char *why = NULL;
    if (!lineage_load_exposure(&v, NULL, NULL))
        why = "Its list of samples cannot be read any more.";
    else if (!digest_set_within(&v.exposure, &r->exposure))
        why = "It learned texts that this version did not, so nothing is drafted with it.";
    digest_set_free(&v.exposure);
    free(v.samples);
    return why;
}

static void add_previous(struct report_drafts *d, const struct result *r, const json_t *previous)
{
    const char *folder = json_string_value(json_object_get(previous, "folder"));
    const char *why_not = json_string_value(json_object_get(previous, "why_not"));
    const char *name = arena_printf(&d->arena, "%s v%d", r->job->adapter_name,
                                    (int)json_integer_value(json_object_get(previous, "version")));
    if (!why_not && folder)
        why_not = why_silent(r, folder);
    add_writer(d, name, folder, why_not);
}

static void list_writers(struct report_drafts *d, const struct result *r, const char *folder)
{
    const json_t *manifest = json_object_get(r->job->plan, "manifest");
    const json_t *previous = json_object_get(json_object_get(r->job->plan, "report"), "previous");
    const json_t *parent = json_object_get(manifest, "parent");
    const char *base = json_string_value(json_object_get(manifest, "base"));
    add_writer(d, base ? base : "the base model", NULL, NULL);
    if (json_is_object(previous))
        add_previous(d, r, previous);
    const char *parent_name = json_string_value(json_object_get(parent, "name"));
    if (d->writer_count == 1 && r->parent->there && parent_name)
        add_writer(d,
                   arena_printf(&d->arena, "%s v%d", parent_name,
                                (int)json_integer_value(json_object_get(parent, "version"))),
                   r->parent->folder, NULL);
    add_writer(d,
               arena_printf(&d->arena, "%s v%d", r->job->adapter_name,
                            (int)json_integer_value(json_object_get(manifest, "version"))),
               folder, NULL);
}

/* ---- drafting ---- */

static bool take_text(void *context, struct str bytes)
{
    strbuf_add_str(context, bytes);
    return !stage_should_stop();
}

/* Without white space around it, and with one blank line where there are several. */
static void tidy(struct strbuf *text)
{
    struct str all = str_trim(strbuf_str(text));
    size_t breaks = 0, n = 0;
    for (size_t i = 0; i < all.size; i++) {
        breaks = all.data[i] == '\n' ? breaks + 1 : strchr(" \t\r", all.data[i]) ? breaks : 0;
        if (breaks <= 2)
            text->data[n++] = all.data[i];
    }
    text->size = n;
}

static void draft_one(struct report_drafts *d, const struct result *r, size_t request,
                      const struct peft_adapter *adapter, struct report_draft *to)
{
    const struct job *j = r->job;
    struct error problem = {0};
    struct draft_request q = {
        .model = j->model,
        .backend = r->backend,
        .tokenizer = j->tokenizer,
        .chat = j->raw ? NULL : &j->chat,
        .prompt = d->requests[request],
        .adapter = adapter,
        .options = {.top_p = 1, .repeat_penalty = 1.1, .max_tokens = d->tokens, .seed = 1},
        .write = take_text,
        .context = &to->text,
        .cut = &to->cut};
    if (!draft_run(&q, &problem) && !to->text.size)
        to->failure = arena_strdup(&d->arena, problem.message);
    tidy(&to->text);
}

/* All requests by one writer, whose adapter is in memory only meanwhile. */
static bool draft_all(struct report_drafts *d, const struct result *r, size_t writer,
                      struct error *e)
{
    struct report_writer *w = &d->writers[writer];
    bool own = writer + 1 == d->writer_count;
    struct peft_adapter adapter = {0};
    if (w->why_not)
        return true;
    if (w->folder && !peft_read(&adapter, w->folder, own ? e : NULL)) {
        w->why_not = "Its files cannot be read any more.";
        return !own;
    }
    bool stop = false;
    for (size_t i = 0; !stop && i < d->request_count; i++) {
        draft_one(d, r, i, w->folder ? &adapter : NULL, &d->drafts[i * d->writer_count + writer]);
        stop = stage_should_stop();
    }
    peft_free(&adapter);
    return !stop || error_set(e, ERROR_INTERRUPTED, "stopped after step %lld of %lld",
                              (long long)r->training->steps, (long long)r->training->steps);
}

bool report_drafts_make(struct report_drafts *d, const struct result *r, const char *folder,
                        struct error *e)
{
    const json_t *wish = json_object_get(r->job->plan, "report");
    *d = (struct report_drafts){0};
    take_requests(d, r->job, json_object_get(wish, "requests"));
    bool ok = json_get_int_or(wish, "tokens", &d->tokens, TOKENS, "plan: report", e);
    list_writers(d, r, folder);
    d->drafts = arena_array(&d->arena, d->request_count * d->writer_count, sizeof *d->drafts);
    for (size_t i = 0; ok && i < d->writer_count; i++)
        ok = draft_all(d, r, i, e);
    return ok;
}

void report_drafts_free(struct report_drafts *d)
{
    for (size_t i = 0; d->drafts && i < d->request_count * d->writer_count; i++)
        strbuf_free(&d->drafts[i].text);
    arena_free(&d->arena);
    *d = (struct report_drafts){0};
}
