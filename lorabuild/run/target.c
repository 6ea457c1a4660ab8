#include "lorabuild/run/target.h"

#include "cache/lock.h"
#include "cache/scan.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/formats/weights.h"
#include "lorabuild/run/blocked.h"
#include "lorabuild/run/facts.h"
#include "lorabuild/run/forget.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void workshop_open(struct workshop *w, struct project *p)
{
    const struct rules *r = p->rules;
    *w = (struct workshop){.project = p};
    w->sources = mem_array(r->dataset_count, sizeof *w->sources);
    w->targets = mem_array(r->adapter_count, sizeof *w->targets);
    w->base_digests = mem_array(r->base_count, sizeof *w->base_digests);
    w->base_files = mem_array(r->base_count, sizeof *w->base_files);
}

void target_forget(struct target *t)
{
    plan_free(&t->plan);
    facts_free(t);
    lineage_free(&t->lineage);
    for (size_t i = 0; i < t->mended_count; i++)
        free(t->mended[i]);
    free(t->mended);
    arena_free(&t->arena);
    *t = (struct target){0};
}

static void free_base_files(struct base_files *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->names[i]);
    free(f->names);
    free(f->digests);
    *f = (struct base_files){0};
}

void workshop_close(struct workshop *w)
{
    const struct rules *r = w->project->rules;
    for (size_t i = 0; i < r->adapter_count; i++)
        target_forget(&w->targets[i]);
    for (size_t i = 0; i < r->dataset_count; i++)
        source_free(&w->sources[i]);
    for (size_t i = 0; i < r->base_count; i++)
        free_base_files(&w->base_files[i]);
    free(w->base_files);
    free(w->base_digests);
    free(w->targets);
    free(w->sources);
    *w = (struct workshop){0};
}

/* Captions are made from headings unless the rule says otherwise or every adapter that learns
 * from this dataset takes its text as it is. */
static const char *caption_mode(const struct rules *r, int dataset)
{
    const char *headings = r->datasets[dataset].review_required ? "reviewed" : "headings";
    if (r->datasets[dataset].captions == CAPTIONS_NONE)
        return "none";
    if (r->datasets[dataset].captions == CAPTIONS_HEADINGS)
        return headings;
    for (size_t i = 0; i < r->adapter_count; i++)
        for (size_t k = 0; k < r->adapters[i].data_count; k++)
            if (r->adapters[i].data[k] == dataset && r->adapters[i].recipe.mode != MODE_TEXT)
                return headings;
    return "none";
}

struct source *workshop_source(struct workshop *w, int dataset, struct error *e)
{
    struct source *s = &w->sources[dataset];
    if (s->rule)
        return s;
    const struct rules *r = w->project->rules;
    if (source_load(s, w->project, &r->datasets[dataset], caption_mode(r, dataset),
                    &w->source_options, e))
        return s;
    source_free(s);
    return NULL;
}

bool workshop_base_digest(struct workshop *w, int base, struct digest *d, struct error *e)
{
    const struct rule_base *b = &w->project->rules->bases[base];
    char **files = NULL;
    size_t count = 0;
    *d = w->base_digests[base];
    if (!digest_is_zero(*d))
        return true;
    struct store *hashes = project_hashes(w->project, project_scope(w->project, NULL), e);
    bool ok = hashes && weights_list_files(b->path, &files, &count, e);
    struct digest_stream *s = digest_begin("base model");
    struct base_files found = {mem_array(count, sizeof *found.names),
                               mem_array(count, sizeof *found.digests), 0};
    digest_add_text(s, b->template ? b->template : "");
    for (size_t i = 0; ok && i < count; i++) {
        struct digest *file = &found.digests[i];
        ok = scan_file_digest(file, files[i], hashes, w->source_options.rehash, e);
        found.names[found.count++] = mem_strdup(path_base(files[i]));
        digest_add_text(s, count == 1 ? "weights" : path_base(files[i]));
        digest_add_digest(s, *file);
    }
    *d = digest_end(s);
    if (ok) {
        w->base_digests[base] = *d;
        w->base_files[base] = found;
    } else {
        free_base_files(&found);
    }
    for (size_t i = 0; i < count; i++)
        free(files[i]);
    free(files);
    return ok;
}

/* Repairs what an interrupted commit or a deleting hand left, unless somebody builds it now. */
static bool heal(struct target *t, struct error *e)
{
    char *path = target_lock_path(t), *folder = path_folder(path);
    struct error busy = {0};
    int lock = -1;
    if (project_make_keep(t->scope, NULL) && folder_make(folder, 0777, NULL))
        lock = lock_take(path, t->rule->name, false, NULL, NULL, &busy);
    bool ok = lock < 0 || lineage_heal(&t->lineage, &t->mended, &t->mended_count, e);
    if (lock >= 0)
        lock_release(lock);
    free(folder);
    free(path);
    return ok;
}

struct target *workshop_target(struct workshop *w, int adapter, struct error *e)
{
    struct target *t = &w->targets[adapter];
    if (t->loaded)
        return t;
    const struct rule_adapter *rule = &w->project->rules->adapters[adapter];
    t->rule = rule;
    t->scope = project_scope(w->project, rule->client);
    if (!forget_resume(w->project, rule->output, &t->mended, &t->mended_count, e) ||
        !lineage_load(&t->lineage, rule->output, path_base(rule->output), e))
        return NULL;
    if (!w->project->read_only && t->lineage.highest && !heal(t, e))
        return NULL;
    t->loaded = true;
    return t;
}

char *target_lock_path(const struct target *t)
{
    return mem_printf("%s/locks/%s", t->scope->keep, path_base(t->rule->output));
}

int target_lock(const struct target *t, void (*waiting)(void *context, const char *holder),
                void *context, struct error *e)
{
    char *path = target_lock_path(t), *folder = path_folder(path);
    int lock = -1;
    if (project_make_keep(t->scope, e) && folder_make(folder, 0777, e))
        lock = lock_take(path, t->rule->name, true, waiting, context, e);
    free(folder);
    free(path);
    return lock;
}

char *target_weights_folder(const struct target *t, int version)
{
    char *alone = mem_printf("%s/v%d/alone", t->lineage.folder, version);
    if (access(alone, F_OK) == 0)
        return alone;
    free(alone);
    return mem_printf("%s/v%d", t->lineage.folder, version);
}

/* May a new version be built on version `number` of the parent? It must be there, over the base
 * model as it is now, and must have seen nothing that its own datasets no longer hold. */
static bool parent_fits(struct workshop *w, int adapter, int number, bool *fits, struct error *e)
{
    struct target *parent = &w->targets[adapter];
    struct version *v = lineage_version(&parent->lineage, number);
    struct digest base;
    *fits = parent->settled && number == parent->plan.version;
    if (*fits || !v)
        return true;
    if (!workshop_base_digest(w, parent->rule->base, &base, e) || !target_plan_whole(w, adapter, e))
        return false;
    *fits = digest_equal(v->base, base);
    for (size_t i = 0; i + 1 < parent->plan.start_count; i++)
        if (parent->plan.starts[i].version == number && parent->plan.starts[i].exposed)
            *fits = false;
    return true;
}

/* The parent's version that the version in use was built on; 0: there is none, or it was one of
 * another adapter, or of another build. */
static int kept_parent(struct target *t, struct target *parent)
{
    struct version *mine = lineage_version(&t->lineage, t->lineage.current);
    const json_t *kept = mine ? json_object_get(mine->manifest, "parent") : NULL;
    const char *name = json_string_value(json_object_get(kept, "name"));
    int number = (int)json_integer_value(json_object_get(kept, "version"));
    struct version *v = lineage_version(&parent->lineage, number);
    bool same = v && name && strcmp(name, parent->rule->name) == 0 &&
                digest_equal(v->artifact, mine->parent);
    return same ? number : 0;
}

/* What the parent's own plan says is to be used; 0: it must be built first. */
static int planned_parent(const struct target *parent)
{
    switch (parent->plan.verdict) {
    case PLAN_CURRENT:
    case PLAN_USE: return parent->plan.version;
    case PLAN_ASIDE: return parent->lineage.current;
    case PLAN_TRAIN:
    case PLAN_EMPTY:
    case PLAN_VANISHED: break;
    }
    return 0;
}

/* The version of the parent to build on, as a lock file would have it: the one that the version
 * in use was built on, unless it may no longer be used or -U was given. */
static bool choose_parent(struct workshop *w, struct target *t, struct error *e)
{
    if (t->rule->parent < 0)
        return true;
    if (!target_plan(w, t->rule->parent, e))
        return false;
    struct target *parent = workshop_target(w, t->rule->parent, e);
    bool sticky = t->rule->pin == PIN_STICKY, pinned = t->rule->pin == PIN_VERSION, fits = false;
    int number = pinned ? t->rule->pinned_version : 0;
    if (sticky && !w->newest_parents)
        number = kept_parent(t, parent);
    if (number && !parent_fits(w, t->rule->parent, number, &fits, e))
        return false;
    if (pinned && !fits)
        return error_at(e, ERROR_USAGE, t->rule->place.file, t->rule->place.line,
                        t->rule->place.column,
                        _("%s v%d does not exist, or has learned what "
                          "is no longer wanted, or was trained over another base model"),
                        parent->rule->name, number);
    if (!fits)
        number = planned_parent(parent);
    t->parent_pending = number == 0;
    t->parent_version = number;
    struct version *chosen = lineage_version(&parent->lineage, number);
    if (chosen)
        t->parent_artifact = chosen->artifact;
    if (sticky && number && parent->lineage.current > number)
        t->newer_parent = parent->lineage.current;
    return true;
}

char *target_initial_weights(const struct target *t)
{
    struct stat s;
    if (stat(t->rule->initial_adapter, &s) == 0 && S_ISDIR(s.st_mode))
        return path_join(t->rule->initial_adapter, "adapter_model.safetensors");
    return mem_strdup(t->rule->initial_adapter);
}

/* What the grammar knows and this lorabuild does not do yet must not be passed over in silence. */
static bool refuse_unbuilt(const struct workshop *w, const struct target *t, struct error *e)
{
    const struct rules *r = w->project->rules;
    if (r->bases[t->rule->base].serve_base >= 0 &&
        r->bases[t->rule->base].serve_base != t->rule->base)
        return error_at(e, ERROR_INPUT, r->bases[t->rule->base].place.file,
                        r->bases[t->rule->base].place.line, r->bases[t->rule->base].place.column,
                        _("'serve_base' cannot be measured by this lorabuild yet; take it out"));
    return true;
}

static bool find_digests(struct workshop *w, struct target *t, struct error *e)
{
    t->recipe = recipe_digest(&t->rule->recipe);
    if (t->rule->continues || t->rule->initial_adapter) {
        struct digest first = {{0}};
        char *weights = t->rule->initial_adapter ? target_initial_weights(t) : NULL;
        bool ok = !weights || digest_file(&first, weights, e);
        free(weights);
        if (!ok)
            return false;
        struct digest_stream *s = digest_begin("continued recipe");
        digest_add_digest(s, t->recipe);
        digest_add_digest(s, first);
        t->recipe = digest_end(s);
    }
    return workshop_base_digest(w, t->rule->base, &t->base, e);
}

/* Were all ancestors found current by their headers, and is the one in use kept? Then what this
 * adapter's version was exposed to through them is still wanted. */
static bool ancestors_settled(const struct workshop *w, const struct target *t)
{
    if (t->rule->parent < 0)
        return true;
    const struct target *parent = &w->targets[t->rule->parent];
    return parent->settled && t->parent_version == parent->plan.version;
}

static bool plan_from_lists(struct workshop *w, struct target *t, struct error *e)
{
    if (!facts_gather_samples(w, t, e) || !facts_gather_versions(w, t, e))
        return false;
    plan_adapter(&t->plan, &t->facts, &t->arena);
    t->planned = true;
    if (!w->project->read_only)
        blocked_update(t, NULL); /* what could not be written now is written by the next run */
    return true;
}

bool target_plan(struct workshop *w, int adapter, struct error *e)
{
    struct target *t = workshop_target(w, adapter, e);
    if (!t)
        return false;
    if (t->planned)
        return true;
    if (t->rule->not_built_kind)
        return error_at(e, ERROR_INPUT, t->rule->place.file, t->rule->place.line,
                        t->rule->place.column,
                        _("'%s' learns from %s, which this lorabuild cannot "
                          "do yet; its texts are built without it"),
                        t->rule->name, t->rule->not_built_kind);
    if (!refuse_unbuilt(w, t, e) || !choose_parent(w, t, e) || !find_digests(w, t, e))
        return false;
    if (!t->parent_pending && ancestors_settled(w, t) && !facts_is_current(w, t, &t->settled, e))
        return false;
    if (t->settled) {
        t->planned = true;
        return true;
    }
    return plan_from_lists(w, t, e);
}

bool target_plan_whole(struct workshop *w, int adapter, struct error *e)
{
    if (!target_plan(w, adapter, e))
        return false;
    struct target *t = &w->targets[adapter];
    if (!t->settled)
        return true;
    t->settled = false;
    return plan_from_lists(w, t, e);
}

size_t target_waiting(const struct workshop *w, const struct target *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->rule->data_count; i++)
        n += w->sources[t->rule->data[i]].data.waiting_texts;
    return n;
}

void target_plan_in_full(struct target *t)
{
    plan_free(&t->plan);
    t->facts.in_full = true;
    plan_adapter(&t->plan, &t->facts, &t->arena);
}

static bool refuse_missing(const struct workshop *w, const struct target *t, struct error *e)
{
    const struct plan_version *in_use = NULL;
    const char *name = t->rule->name,
               *written = w->project->rules->datasets[t->rule->data[0]].written;
    for (size_t i = 0; i < t->facts.version_count; i++)
        if (t->facts.versions[i].number == t->facts.in_use)
            in_use = &t->facts.versions[i];
    size_t before = in_use ? in_use->document_count : 0, now = t->now.document_count;
    size_t waiting = target_waiting(w, t);
    if (!before && waiting)
        return error_set(
            e, ERROR_INPUT,
            _("%s: %zu of its captions wait for review, and nothing else is there to "
              "learn.\nRead them in metadata.csv, then: lorabuild caption --accept %s"),
            name, waiting, name);
    if (!before)
        return error_set(e, ERROR_INPUT,
                         _("%s: %s holds nothing to learn yet; put .txt, .md or "
                           ".jsonl files there and run again"),
                         name, written);
    if (!now)
        return error_set(e, ERROR_INPUT,
                         _("%-8s  stopped: %s/ is empty; v%d learned %zu %s\n"
                           "          Share not mounted? Mount it and run again.\n"
                           "          All withdrawn? lorabuild forget %s --all"),
                         name, written, in_use->number, before,
                         before == 1 ? _("document") : _("documents"), name);
    return error_set(e, ERROR_INPUT,
                     _("%-8s  stopped: %zu of %zu documents are gone from %s/ at once\n"
                       "          Share not mounted? Mount it and run again.\n"
                       "          Really withdrawn? lorabuild --rebuild %s"),
                     name, before - now, before, written, name);
}

bool target_is_refused(const struct workshop *w, const struct target *t, struct error *e)
{
    switch (t->plan.verdict) {
    case PLAN_EMPTY:
    case PLAN_VANISHED: refuse_missing(w, t, e); return true;
    case PLAN_CURRENT:
    case PLAN_ASIDE:
    case PLAN_USE:
    case PLAN_TRAIN: break;
    }
    return false;
}
