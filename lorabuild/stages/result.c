#include "lorabuild/stages/result.h"

#include "cache/lineage.h"
#include "lorabuild/common/file.h"
#include "lorabuild/stages/report.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Padded to a rank that servers take, but not beyond the recipe's max_rank. */
static int joint_rank(const struct result *r)
{
    int sum = r->parent->adapter.rank + r->training->adapter.rank, padded = peft_served_rank(sum);
    int64_t most = r->job->recipe.max_rank;
    return most >= sum && padded > most ? (int)most : padded;
}

static bool write_adapters(struct result *r, const char *folder, struct error *e)
{
    const struct peft_adapter *own = &r->training->adapter;
    char *alone = path_join(folder, "alone");
    char *weights = mem_printf("%s/adapter_model.safetensors", r->parent->there ? alone : folder);
    struct peft_adapter joined = {0};
    bool ok;
    if (r->parent->there)
        ok = folder_make(alone, 0777, e) && peft_write(alone, own, e) &&
             peft_join(&joined, &r->parent->adapter, own, joint_rank(r), e) &&
             peft_write(folder, &joined, e);
    else
        ok = peft_write(folder, own, e);
    ok = ok && digest_file(&r->artifact, weights, e);
    peft_free(&joined);
    free(weights);
    free(alone);
    return ok;
}

static bool add_exposure(struct digest_set *exposure, const struct job_adapter *a, struct error *e)
{
    if (!a->there || a->foreign)
        return true;
    struct version v = {.folder = (char *)(uintptr_t)a->folder};
    bool ok = lineage_load_exposure(&v, NULL, e);
    for (size_t i = 0; ok && i < v.exposure.count; i++)
        digest_set_add(exposure, v.exposure.items[i]);
    digest_set_free(&v.exposure);
    free(v.samples);
    return ok;
}

static char role_letter(const struct result *r, const struct sample *s)
{
    if (digest_set_has(&r->job->validate_ids, s->id))
        return 'v';
    return s->kind == SAMPLE_HEADING ? 'h' : 'l';
}

static void list_samples(struct result *r, struct lineage_sample **list, size_t *count)
{
    struct job_walk all = {0}, w = {0};
    while (job_next_sample(r->job, &all))
        ;
    *list = mem_array(all.given, sizeof **list);
    *count = 0;
    for (const struct sample *s; (s = job_next_sample(r->job, &w));) {
        (*list)[(*count)++] = (struct lineage_sample){s->content, s->id, role_letter(r, s)};
        if (digest_set_has(&r->job->validate_ids, s->id))
            digest_set_add(&r->exposure, s->content);
    }
}

/* The plan's "corrections": which old texts in the exposure were edited, and to what. */
static bool read_corrections(struct lineage_correction **list, size_t *count, const json_t *plan,
                             struct error *e)
{
    const json_t *pairs = json_object_get(plan, "corrections");
    *count = json_array_size(pairs);
    *list = *count ? mem_array(*count, sizeof **list) : NULL;
    for (size_t i = 0; i < *count; i++) {
        const char *old, *now;
        if (json_unpack(json_array_get(pairs, i), "[ss]", &old, &now) < 0 ||
            !digest_from_hex(&(*list)[i].old, str_of(old)) ||
            !digest_from_hex(&(*list)[i].now, str_of(now)))
            return error_set(e, ERROR_INTERNAL, "plan: correction %zu is malformed", i);
    }
    return true;
}

/* What was learned is what went through the trainer, not what was planned. */
static bool write_samples(struct result *r, const char *folder, struct error *e)
{
    struct digest_set *exposure = &r->exposure;
    struct lineage_sample *list = NULL;
    struct lineage_correction *corrections = NULL;
    size_t count, correction_count;
    char *path = path_join(folder, "samples");
    for (size_t i = 0; i < r->training->consumed.count; i++)
        digest_set_add(exposure, r->training->consumed.items[i]);
    bool ok = add_exposure(exposure, r->start, e) && add_exposure(exposure, r->parent, e) &&
              read_corrections(&corrections, &correction_count, r->job->plan, e);
    if (ok) {
        list_samples(r, &list, &count);
        digest_set_seal(exposure);
        ok = lineage_write_samples_corrected(path, list, count, exposure, corrections,
                                             correction_count, e);
    }
    free(path);
    free(corrections);
    free(list);
    return ok;
}

static json_t *number_or_null(double x)
{
    return isfinite(x) ? json_real(round(x * 1e6) / 1e6) : json_null();
}

static json_t *describe_metrics(const struct result *r)
{
    const struct training_result *t = r->training;
    json_t *m = json_pack("{s:I, s:I, s:o, s:o, s:o, s:o, s:I}", "steps", (json_int_t)t->steps,
                          "tokens", (json_int_t)t->tokens, "first_loss",
                          number_or_null(t->first_loss), "last_loss", number_or_null(t->last_loss),
                          "held_out_before", number_or_null(t->held_out_before), "held_out_after",
                          number_or_null(t->held_out_after), "held_out_windows",
                          (json_int_t)r->job->validate.count);
    json_object_set_new(m, "check",
                        !r->gate ? json_string("not gated")
                                 : json_pack("{s:o, s:o, s:b}", "change",
                                             number_or_null(r->gate->change), "limit",
                                             number_or_null(r->limit), "passed", !r->gate->failed));
    return m;
}

static bool describe_file(json_t *files, const char *folder, const char *name, struct error *e)
{
    char *path = path_join(folder, name), sha[SHA256_HEX], xxh[DIGEST_HEX];
    struct digest d;
    struct stat s;
    bool ok = digest_file(&d, path, e) && sha256_file(path, sha, e) &&
              (stat(path, &s) == 0 || error_errno(e, "%s", path));
    if (ok) {
        digest_hex(d, xxh);
        json_object_set_new(files, name,
                            json_pack("{s:s, s:s, s:I}", "sha256", sha, "xxh3", xxh, "size",
                                      (json_int_t)s.st_size));
    }
    free(path);
    return ok;
}

static bool describe_files(json_t *files, const struct result *r, const char *folder,
                           struct error *e)
{
    static const char *const names[] = {"adapter_config.json", "adapter_model.safetensors",
                                        "samples", "alone/adapter_config.json",
                                        "alone/adapter_model.safetensors"};
    size_t n = r->parent->there ? 5 : 3;
    for (size_t i = 0; i < n; i++)
        if (!describe_file(files, folder, names[i], e))
            return false;
    return true;
}

/* The report tells the other files' digests, and the manifest its. */
static bool write_report(const struct result *r, const char *folder, json_t *files, struct error *e)
{
    return !json_is_object(json_object_get(r->job->plan, "report")) ||
           (report_write(r, folder, files, e) && describe_file(files, folder, LINEAGE_REPORT, e));
}

/* The plan's "manifest" object (what the parent decided), and what came out of it. */
static bool write_manifest(const struct result *r, const char *folder, struct error *e)
{
    char hex[DIGEST_HEX], *path = path_join(folder, "manifest.json");
    json_t *m = json_deep_copy(json_object_get(r->job->plan, "manifest")), *files = json_object();
    struct strbuf text = {0};
    bool ok = json_is_object(m) || error_set(e, ERROR_INTERNAL, "plan: no manifest");
    ok = ok && describe_files(files, r, folder, e) && write_report(r, folder, files, e);
    if (ok) {
        digest_hex(r->artifact, hex);
        json_object_set_new(m, "artifact", json_string(hex));
        json_object_set_new(m, "tool", json_string("lorabuild " LORABUILD_VERSION));
        json_object_set_new(m, "recipe", recipe_to_json(&r->job->recipe));
        json_object_set_new(m, "metrics", describe_metrics(r));
        json_object_set(m, "files", files);
        json_write(&text, m, true);
        ok = file_replace(path, strbuf_str(&text), 0666, e);
    }
    strbuf_free(&text);
    json_decref(files);
    json_decref(m);
    free(path);
    return ok;
}

void result_free(struct result *r)
{
    digest_set_free(&r->exposure);
}

bool result_write(struct result *r, const char *folder, struct error *e)
{
    return folder_remove(folder, e) && folder_make(folder, 0777, e) &&
           write_adapters(r, folder, e) && write_samples(r, folder, e) &&
           write_manifest(r, folder, e);
}
