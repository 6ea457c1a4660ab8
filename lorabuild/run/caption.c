#include "lorabuild/run/caption.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void choose_adapter(const struct rules *r, int adapter, bool *chosen)
{
    for (size_t i = 0; i < r->adapters[adapter].data_count; i++)
        chosen[r->adapters[adapter].data[i]] = true;
}

static bool find_dataset(const struct rules *r, const char *name, bool *chosen)
{
    for (size_t i = 0; i < r->dataset_count; i++)
        if (strcmp(r->datasets[i].name, name) == 0)
            return chosen[i] = true;
    return false;
}

bool caption_choose(const struct rules *r, const char *name, bool *chosen, struct error *e)
{
    int adapter = -1, group = -1;
    struct error no_target = {0};
    const char *kind = NULL;
    size_t left = 0;
    if (rules_target(r, name, &adapter, &group, &no_target)) {
        if (adapter >= 0)
            choose_adapter(r, adapter, chosen);
        for (size_t i = 0; group >= 0 && i < r->groups[group].member_count; i++)
            choose_adapter(r, r->groups[group].members[i], chosen);
    } else if (!find_dataset(r, name, chosen)) {
        if (e)
            *e = no_target;
        return false;
    }
    for (size_t i = 0; i < r->dataset_count; i++) {
        if (chosen[i] && r->datasets[i].not_built_kind) {
            kind = r->datasets[i].not_built_kind;
            chosen[i] = false;
        }
        left += chosen[i];
    }
    return left ||
           error_set(e, ERROR_INPUT, _("%s holds %s, which this lorabuild cannot caption yet"),
                     name, kind ? kind : _("nothing"));
}

/* A file as its dataset's table writes it, from what a person types: relative to the current
 * folder, absolute, or so already. Caller frees. */
static char *as_in_table(const struct rule_dataset *d, const char *typed)
{
    struct stat s;
    char here[4096];
    if (!getcwd(here, sizeof here))
        return mem_strdup(typed);
    bool is_folder = stat(d->path, &s) == 0 && S_ISDIR(s.st_mode);
    char *joined = path_join(here, typed), *absolute = path_clean(joined);
    char *folder = is_folder ? mem_strdup(d->path) : path_folder(d->path);
    const char *behind = path_behind(absolute, folder);
    char *shown = mem_strdup(behind == absolute ? typed : behind);
    free(folder);
    free(absolute);
    free(joined);
    return shown;
}

static json_t *table_name(const struct rule_dataset *d, const char *typed)
{
    char *name = as_in_table(d, typed);
    json_t *text = json_bytes(name);
    free(name);
    return text;
}

static json_t *describe_wish(const struct rule_dataset *d, const struct caption_wish *wish)
{
    json_t *picks = json_array();
    for (size_t i = 0; i < wish->file_count; i++)
        json_array_append_new(picks, table_name(d, wish->files[i]));
    return json_pack("{s:b, s:o, s:o*}", "accept", wish->accept, "picks", picks, "redo",
                     wish->redo ? table_name(d, wish->redo) : NULL);
}

static size_t count_of(const struct source *s, const char *key)
{
    return (size_t)json_integer_value(json_object_get(s->captions, key));
}

static bool run_one(struct workshop *w, int dataset, const struct caption_wish *wish,
                    struct caption_result *result, size_t *picked, struct error *e)
{
    json_t *edit = describe_wish(&w->project->rules->datasets[dataset], wish);
    w->source_options.caption_edit = edit;
    const struct source *s = workshop_source(w, dataset, e);
    w->source_options.caption_edit = NULL;
    json_decref(edit);
    if (!s)
        return false;
    *picked += count_of(s, "picked");
    *result = (struct caption_result){.source = s,
                                      .machine = count_of(s, "machine"),
                                      .fresh = count_of(s, "new"),
                                      .accepted = count_of(s, "accepted"),
                                      .waiting = count_of(s, "waiting"),
                                      .yours = count_of(s, "yours"),
                                      .skipped = count_of(s, "skipped"),
                                      .edited = count_of(s, "edited")};
    return true;
}

bool caption_run(struct workshop *w, const bool *chosen, const struct caption_wish *wish,
                 struct caption_result *results, struct error *e)
{
    size_t picked = 0;
    for (size_t i = 0; i < w->project->rules->dataset_count; i++)
        if (chosen[i] && !run_one(w, (int)i, wish, &results[i], &picked, e))
            return false;
    const char *named = wish->redo ? wish->redo : wish->file_count ? wish->files[0] : NULL;
    if (named && !picked)
        return error_set(e, ERROR_USAGE,
                         _("no caption stands for '%s'; name a file as in metadata.csv's first "
                           "column, one of its texts as FILE:§3, or a row by its id"),
                         named);
    return true;
}
