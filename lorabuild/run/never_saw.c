#include "lorabuild/run/never_saw.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/facts.h"
#include "lorabuild/run/private_texts.h"

#include <stdlib.h>
#include <string.h>

struct question {
    struct never_saw *n;
    struct workshop *workshop;
    const struct dataset *file;
    struct digest_set contents; /* of the file */
    struct digest_set seen;     /* of these, what had a part */
};

/* --- What the line was exposed to. --- */

static bool load_line(struct question *q, struct digest_set *all, struct error *e)
{
    struct never_saw *n = q->n;
    for (size_t i = 0; i < n->line_count; i++) {
        struct version *v = n->line[i].version;
        if (!v) {
            n->missing++;
            continue;
        }
        if (!lineage_load_exposure(v, NULL, e))
            return error_context(e, _("without its list of samples nothing can be said of %s v%d"),
                                 n->line[i].name, v->number);
        for (size_t k = 0; k < v->exposure.count; k++)
            digest_set_add(all, v->exposure.items[k]);
    }
    digest_set_seal(all);
    n->exposure = all->count;
    return true;
}

static const struct ancestor *first_that_saw(const struct never_saw *n, struct digest content)
{
    for (size_t i = 0; i < n->line_count; i++)
        if (n->line[i].version && digest_set_has(&n->line[i].version->exposure, content))
            return &n->line[i];
    return NULL;
}

/* --- Headings. --- */

/* Has a document other than the file (one that holds a text which is none of the file's) this
 * heading? */
static bool stands_elsewhere(const struct plan_set *set, const struct digest_set *file,
                             struct digest heading)
{
    for (size_t d = 0; d < set->document_count; d++) {
        bool has = false, other = false;
        for (size_t i = set->first[d]; i < set->first[d + 1]; i++) {
            const struct plan_sample *s = &set->samples[i];
            has |= s->heading && digest_equal(s->content, heading);
            other |= !s->heading && !digest_set_has(file, s->content);
        }
        if (has && other)
            return true;
    }
    return false;
}

static bool is_shared(const struct question *q, struct digest heading)
{
    bool shared = false;
    for (size_t i = 0; !shared && i < q->n->line_count; i++) {
        const struct ancestor *a = &q->n->line[i];
        struct plan_set *set =
            a->target ? facts_recall_set(q->workshop, a->target, a->number) : NULL;
        if (!set)
            continue;
        shared = stands_elsewhere(set, &q->contents, heading);
        facts_free_set(set);
    }
    return shared;
}

/* --- The answer. --- */

static void add_sample(struct question *q, const struct sample *s)
{
    struct never_saw *n = q->n;
    bool heading = s->kind == SAMPLE_HEADING;
    const struct ancestor *by = first_that_saw(n, s->content);
    char *text = mem_printf("%.*s", (int)s->text.size, s->text.data);
    for (char *c = text; *c; c++)
        if (*c == '\n' || *c == '\t')
            *c = ' ';
    n->text_count += !heading;
    if (heading && (!by || is_shared(q, s->content))) {
        if (by) {
            n->shared = mem_grow(n->shared, n->shared_count + 1, sizeof *n->shared);
            n->shared[n->shared_count++] = mem_strdup(text + strspn(text, "# "));
        }
        free(text);
        return;
    }
    n->seen += by && !heading;
    n->seen_headings += heading;
    if (by)
        digest_set_add(&q->seen, s->content);
    n->samples = mem_grow(n->samples, n->sample_count + 1, sizeof *n->samples);
    n->samples[n->sample_count++] = (struct never_saw_sample){
        s->place, text, by != NULL, by ? by->name : NULL, by ? by->number : 0};
}

static void add_others(struct question *q, const char *file)
{
    struct never_saw *n = q->n;
    size_t count, unnamed;
    char **names = ancestry_name(q->workshop, n->line, n->line_count, &q->seen, &count, &unnamed);
    n->others = mem_array(count, sizeof *n->others);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(path_base(names[i]), path_base(file)) == 0)
            free(names[i]);
        else
            n->others[n->other_count++] = names[i];
    }
    free(names);
}

static bool answer(struct question *q, const char *file, struct error *e)
{
    struct digest_set all = {0};
    if (!load_line(q, &all, e))
        return false;
    for (size_t d = 0; d < q->file->document_count; d++)
        for (size_t i = 0; i < q->file->documents[d].count; i++)
            digest_set_add(&q->contents, q->file->documents[d].samples[i].content);
    digest_set_seal(&q->contents);
    for (size_t d = 0; d < q->file->document_count; d++)
        for (size_t i = 0; i < q->file->documents[d].count; i++)
            add_sample(q, &q->file->documents[d].samples[i]);
    digest_set_seal(&q->seen);
    add_others(q, file);
    digest_set_free(&all);
    digest_set_free(&q->seen);
    digest_set_free(&q->contents);
    return q->n->text_count || error_set(e, ERROR_INPUT, _("%s: there is no text in it"), file);
}

bool never_saw_ask(struct never_saw *n, struct workshop *w, int adapter, int version,
                   const char *file, int threads, struct error *e)
{
    struct private_texts texts;
    struct question q = {.n = n, .workshop = w, .file = &texts.data};
    *n = (struct never_saw){0};
    bool ok = private_texts_read(&texts, &file, 1, threads, e) &&
              ancestry_list(w, adapter, version, &n->line, &n->line_count, e) &&
              answer(&q, file, e);
    private_texts_free(&texts);
    if (!ok)
        never_saw_free(n);
    return ok;
}

void never_saw_free(struct never_saw *n)
{
    for (size_t i = 0; i < n->sample_count; i++)
        free(n->samples[i].text);
    for (size_t i = 0; i < n->other_count; i++)
        free(n->others[i]);
    for (size_t i = 0; i < n->shared_count; i++)
        free(n->shared[i]);
    free(n->samples);
    free(n->others);
    free(n->shared);
    free(n->line);
    *n = (struct never_saw){0};
}
