#include "lorabuild/run/commit.h"

#include "lorabuild/common/clock.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/facts.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The seed's users look for the adapter's files in output_dir itself. */
static bool copy_flat(const char *from, const char *to, struct error *e)
{
    static const char *const names[] = {"adapter_config.json", "adapter_model.safetensors"};
    for (size_t i = 0; i < 2; i++) {
        char *source = path_join(from, names[i]), *target = path_join(to, names[i]);
        struct file_map m;
        bool ok = file_map(&m, source, e);
        if (ok) {
            ok = file_replace(target, m.bytes, 0666, e);
            file_unmap(&m);
        }
        free(target);
        free(source);
        if (!ok)
            return false;
    }
    return true;
}

bool commit_current(const struct target *t, int version, struct error *e)
{
    char *folder = mem_printf("%s/v%d", t->lineage.folder, version);
    bool ok = lineage_set_current(t->lineage.folder, version, e) &&
              (!t->rule->flat_output || copy_flat(folder, t->lineage.folder, e));
    free(folder);
    return ok;
}

bool commit_use(struct workshop *w, struct target *t, int version, struct error *e)
{
    (void)w;
    return lineage_retire_choice(&t->lineage, e) &&
           lineage_set_aside(t->lineage.folder, version, false, e) && commit_current(t, version, e);
}

/* The version's archive and its line in the history: the only places where a date stands. */
static bool pack(const struct target *t, int version, struct digest want_key, struct error *e)
{
    struct lineage_event event = lineage_event_now(version, want_key);
    return lineage_pack(t->lineage.folder, t->lineage.name, &event, NULL, e);
}

/* The version stands. What is missing behind it is made by the next run: a note, not a failure. */
static void finish(struct build_job *job, struct digest want_key)
{
    struct error why = {0};
    struct build *b = job->build;
    double began_s = clock_seconds();
    if (!pack(job->target, job->version, want_key, &why)) {
        char *note = mem_printf(_("its archive could not be written; the next run makes it: %s"),
                                why.message);
        b->listener.note(b->listener.context, job, note);
        free(note);
    }
    timeline_add(b->options.timeline, "pack", job->target->rule->name, began_s);
    folder_remove(job->attempt, NULL);
}

bool commit_version(struct workshop *w, struct build_job *job, struct error *e)
{
    struct target *t = job->target;
    char *out = path_join(job->attempt, "out");
    struct digest want_key = t->plan.want_key;
    bool keep = !job->checked || job->passed;
    double began_s = clock_seconds();
    bool ok = folder_make(t->lineage.folder, 0777, e) &&
              facts_record_version(w, t, job->version, job->train_seconds, e) &&
              lineage_set_aside(t->lineage.folder, job->version, !keep, e) &&
              (!keep || lineage_retire_choice(&t->lineage, e)) &&
              lineage_commit(t->lineage.folder, out, job->version, e) &&
              (!keep || commit_use(w, t, job->version, e));
    timeline_add(job->build->options.timeline, "commit", t->rule->name, began_s);
    if (ok)
        finish(job, want_key);
    free(out);
    return ok;
}
