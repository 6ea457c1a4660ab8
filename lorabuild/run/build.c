#include "lorabuild/run/build.h"

#include "lorabuild/common/clock.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/build_parts.h"
#include "lorabuild/run/train_plan.h"
#include "lorabuild/train/checkpoint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

uint64_t build_free_bytes(void)
{
    return machine_free_bytes() / 10 * 9;
}

/* What one training could get if all others of this account had ended: what needs more can never
 * run, and waiting would not help. */
static uint64_t capacity(const struct build *b)
{
    uint64_t bytes = reservation_capacity(build_free_bytes()), most = b->options.memory_bytes;
    return most && most < bytes ? most : bytes;
}

static bool measure(struct build *b, struct build_job *job, struct error *e)
{
    struct workshop *w = b->workshop;
    json_t *plan = train_plan_measure(w, job, e);
    json_t *done = plan
                       ? child_run_seen("measure", plan, b->options.threads, b->options.interrupted,
                                        b->options.timeline, job->target->rule->name, e)
                       : NULL;
    if (!done)
        return error_context(e, "%s", job->target->rule->name);
    const struct {
        const char *name;
        uint64_t *bytes;
    } sizes[] = {{"needed_bytes", &job->needed_bytes},
                 {"least_bytes", &job->least_bytes},
                 {"save_bytes", &job->save_bytes},
                 {"version_bytes", &job->version_bytes}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        *sizes[i].bytes = (uint64_t)json_integer_value(json_object_get(done, sizes[i].name));
    double speed = machine_speed(&w->machine, job->precision);
    job->steps = json_integer_value(json_object_get(done, "steps"));
    job->steps_in_full = json_integer_value(json_object_get(done, "steps_in_full"));
    job->flop = json_number_value(json_object_get(done, "flop"));
    job->flop_in_full = json_number_value(json_object_get(done, "flop_in_full"));
    json_decref(job->notes);
    job->notes = json_incref(json_object_get(done, "notes"));
    job->estimate_s = job->flop / speed;
    job->estimate_in_full_s = job->flop_in_full / speed;
    json_decref(done);
    return true;
}

static struct digest attempt_key(const struct build *b, const struct build_job *job)
{
    const struct target *t = job->target;
    struct digest start = {{0}};
    for (size_t i = 0; t->plan.start && i < t->lineage.count; i++)
        if (t->lineage.versions[i].number == t->plan.start)
            start = t->lineage.versions[i].artifact;
    char *numerics = train_numerics(b->workshop, job->precision);
    struct digest key = plan_attempt_key(t->plan.want_key, start, &t->plan.learn, numerics);
    free(numerics);
    return key;
}

/* Measures, unless this very plan was measured before it waited for its turn. */
static bool measure_once(struct build *b, struct build_job *job, struct error *e)
{
    struct target *t = job->target;
    struct digest key = attempt_key(b, job);
    if (!digest_is_zero(job->measured) && digest_equal(key, job->measured)) {
        if (job->in_full)
            target_plan_in_full(t);
        return true;
    }
    job->in_full = false;
    if (!measure(b, job, e))
        return false;
    if (t->plan.start && job->flop >= job->flop_in_full) {
        target_plan_in_full(t);
        job->in_full = true;
        if (!measure(b, job, e))
            return false;
    }
    job->measured = key;
    return true;
}

static void name_attempt(struct build *b, struct build_job *job)
{
    struct target *t = job->target;
    char hex[DIGEST_HEX];
    job->attempt_key = attempt_key(b, job);
    digest_hex(job->attempt_key, hex);
    free(job->attempt);
    job->attempt = mem_printf("%s/attempts/%s/%s", t->scope->keep, t->lineage.name, hex);
    job->resumed_at = checkpoint_step(job->attempt);
    job->version = t->plan.version;
    job->start = t->plan.start;
}

struct disk_need build_disk_need(const struct build_job *job)
{
    return (struct disk_need){.keep = job->target->scope->keep,
                              .adapters = job->target->lineage.folder,
                              .save_bytes = job->save_bytes,
                              .version_bytes = job->version_bytes,
                              .saved = checkpoint_step(job->attempt) > 0};
}

bool build_prepare(struct build *b, struct build_job *job, struct error *e)
{
    if (job->target->plan.verdict != PLAN_TRAIN) {
        job->version = job->target->plan.version;
        return true;
    }
    struct disk_room room;
    job->available_bytes = capacity(b);
    if (!train_precision(b->workshop, job->target, job->precision, e) || !measure_once(b, job, e))
        return false;
    name_attempt(b, job);
    struct disk_need need = build_disk_need(job);
    disk_has_room(&need, &room);
    job->disk_bytes = room.needed_bytes;
    return disk_check(&need, e) || error_context(e, "%s", job->target->rule->name);
}

/* --- Which. --- */

static bool refuse(const struct workshop *w, int adapter, struct error *e)
{
    const struct target *t = &w->targets[adapter];
    const struct rule_dataset *d = &w->project->rules->datasets[t->rule->data[0]];
    size_t waiting = target_waiting(w, t);
    if (t->plan.verdict == PLAN_EMPTY && waiting)
        return error_set(
            e, ERROR_INPUT,
            _("%s: %zu of its captions wait for review, and nothing else is there to "
              "learn.\nRead them in metadata.csv, then: lorabuild caption --accept %s"),
            t->rule->name, waiting, t->rule->name);
    if (t->plan.verdict == PLAN_EMPTY)
        return error_set(e, ERROR_INPUT,
                         _("%s: %s holds nothing to learn yet; put .txt, .md or "
                           ".jsonl files there and run again"),
                         t->rule->name, d->written);
    return error_set(e, ERROR_INPUT,
                     _("%s stopped: over half of its documents are gone from %s at once.\n"
                       "Share not mounted? Mount it and run again.\n"
                       "Really withdrawn? lorabuild --rebuild %s"),
                     t->rule->name, d->written, t->rule->name);
}

static struct build_job new_job(struct build *b, int adapter)
{
    return (struct build_job){.adapter = adapter,
                              .target = &b->workshop->targets[adapter],
                              .lock = -1,
                              .share.fd = -1,
                              .child.events = -1,
                              .held_out_before = NAN,
                              .held_out_after = NAN,
                              .change = NAN,
                              .build = b};
}

/* What is known of an adapter while jobs are chosen. */
struct choice {
    bool needed, failed;
};

/* -k: told now, and left out. */
static void leave_out(struct build *b, struct choice *c, int adapter, enum job_state state,
                      const struct error *why)
{
    struct build_job *job = &b->unplanned[b->unplanned_count++];
    *job = new_job(b, adapter);
    job->target->rule = &b->workshop->project->rules->adapters[adapter];
    job->state = state;
    job->error = *why;
    c[adapter] = (struct choice){.failed = true};
    b->listener.ended(b->listener.context, job);
}

/* Plans an adapter, those beneath it first. Without keep_going the first error ends all; with it
 * the adapter is left out, and what stands on it. */
static bool plan_one(struct build *b, struct choice *c, int adapter, struct error *e)
{
    struct workshop *w = b->workshop;
    const struct rule_adapter *rule = &w->project->rules->adapters[adapter];
    struct error why = {0};
    if (c[adapter].failed)
        return true;
    if (b->options.keep_going && rule->parent >= 0) {
        if (!plan_one(b, c, rule->parent, e))
            return false;
        if (c[rule->parent].failed) {
            error_set(&why, ERROR_INPUT, _("stands on %s, which failed"),
                      w->project->rules->adapters[rule->parent].name);
            leave_out(b, c, adapter, JOB_SKIPPED, &why);
            return true;
        }
    }
    if (target_plan(w, adapter, &why))
        return true;
    if (b->options.keep_going && why.kind != ERROR_INTERRUPTED) {
        leave_out(b, c, adapter, JOB_FAILED, &why);
        return true;
    }
    if (e)
        *e = why;
    return false;
}

/* Which adapters must be built: those asked for that are not current, and parents they wait for. */
static bool mark_needed(struct build *b, struct choice *c, int adapter, struct error *e)
{
    double began_s = clock_seconds();
    if (!plan_one(b, c, adapter, e))
        return false;
    timeline_add(b->options.timeline, "plan", b->workshop->project->rules->adapters[adapter].name,
                 began_s);
    if (c[adapter].failed)
        return true;
    const struct target *t = &b->workshop->targets[adapter];
    const struct target *parent = t->parent_version ? &b->workshop->targets[t->rule->parent] : NULL;
    bool over_another = parent && parent->planned && parent->plan.verdict == PLAN_USE &&
                        parent->plan.version == t->parent_version;
    if ((t->parent_pending || over_another) && !mark_needed(b, c, t->rule->parent, e))
        return false;
    c[adapter].needed = t->plan.verdict == PLAN_TRAIN || t->plan.verdict == PLAN_USE;
    return true;
}

static bool add_job(struct build *b, struct choice *c, int adapter, struct error *e)
{
    const struct target *t = &b->workshop->targets[adapter];
    struct build_job *job = &b->jobs[b->job_count];
    struct error why = {0};
    bool parent_failed = t->rule && t->parent_pending && c[t->rule->parent].failed;
    if (c[adapter].failed || !t->planned || !(b->workshop->asked[adapter] || c[adapter].needed))
        return true;
    *job = new_job(b, adapter);
    bool ok = t->plan.verdict == PLAN_EMPTY || t->plan.verdict == PLAN_VANISHED
                  ? refuse(b->workshop, adapter, &why)
                  : !c[adapter].needed || parent_failed || build_prepare(b, job, &why);
    if (ok && parent_failed && c[adapter].needed) {
        error_set(&why, ERROR_INPUT, _("stands on %s, which failed"),
                  b->workshop->project->rules->adapters[t->rule->parent].name);
        leave_out(b, c, adapter, JOB_SKIPPED, &why);
        return true;
    }
    if (ok) {
        b->job_count += c[adapter].needed;
        return true;
    }
    json_decref(job->notes);
    free(job->attempt);
    if (b->options.keep_going && why.kind != ERROR_INTERRUPTED) {
        leave_out(b, c, adapter, JOB_FAILED, &why);
        return true;
    }
    if (e)
        *e = why;
    return false;
}

bool build_plan(struct build *b, struct workshop *w, const struct build_options *o,
                const struct build_listener *l, struct error *e)
{
    size_t count = w->project->rules->adapter_count;
    *b = (struct build){.workshop = w, .options = *o, .listener = *l};
    b->jobs = mem_array(count, sizeof *b->jobs);
    b->unplanned = mem_array(count, sizeof *b->unplanned);
    struct choice *c = mem_array(count, sizeof *c);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++)
        if (w->asked[i])
            ok = mark_needed(b, c, (int)i, e);
    for (size_t i = 0; ok && i < count; i++)
        ok = add_job(b, c, (int)i, e);
    free(c);
    if (ok && b->job_count)
        l->planned(l->context, b->jobs, b->job_count);
    return ok;
}

bool build_is_idle(const struct build *b, int adapter)
{
    const struct target *t = &b->workshop->targets[adapter];
    return b->workshop->asked[adapter] && t->planned &&
           (t->plan.verdict == PLAN_CURRENT || t->plan.verdict == PLAN_ASIDE);
}

size_t build_count(const struct build *b, enum job_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < b->job_count; i++)
        n += b->jobs[i].state == state;
    for (size_t i = 0; i < b->unplanned_count; i++)
        n += b->unplanned[i].state == state;
    return n;
}

void build_free(struct build *b)
{
    for (size_t i = 0; i < b->job_count; i++) {
        json_decref(b->jobs[i].notes);
        free(b->jobs[i].attempt);
        reservation_give_back(&b->jobs[i].share);
        child_free(&b->jobs[i].child);
    }
    free(b->unplanned);
    free(b->jobs);
    *b = (struct build){0};
}
