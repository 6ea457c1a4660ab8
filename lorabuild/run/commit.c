#include "lorabuild/run/commit.h"

#include "lorabuild/common/file.h"
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
    time_t now = time(NULL);
    struct tm local;
    char date[16], sha[SHA256_HEX];
    localtime_r(&now, &local);
    strftime(date, sizeof date, "%Y-%m-%d", &local);
    return lineage_archive(t->lineage.folder, t->lineage.name, version, date, sha, e) &&
           lineage_history_append(t->lineage.folder, version, now, want_key, sha, e);
}

bool commit_version(struct workshop *w, struct build_job *job, struct error *e)
{
    struct target *t = job->target;
    char *out = path_join(job->attempt, "out");
    struct digest want_key = t->plan.want_key;
    bool keep = !job->checked || job->passed;
    bool ok = folder_make(t->lineage.folder, 0777, e) &&
              facts_record_version(w, t, job->version, job->train_seconds, e) &&
              lineage_set_aside(t->lineage.folder, job->version, !keep, e) &&
              (!keep || lineage_retire_choice(&t->lineage, e)) &&
              lineage_commit(t->lineage.folder, out, job->version, e) &&
              (!keep || commit_use(w, t, job->version, e)) && pack(t, job->version, want_key, e) &&
              folder_remove(job->attempt, e);
    free(out);
    return ok;
}
