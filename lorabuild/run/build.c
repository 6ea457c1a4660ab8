#include "lorabuild/run/build.h"

#include "cache/lock.h"
#include "lorabuild/common/clock.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/commit.h"
#include "lorabuild/run/train_plan.h"
#include "lorabuild/train/checkpoint.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A training of less work says nothing about this machine's speed: it waits more than it works. */
static const double LEAST_TELLING_FLOP = 1e12;

static bool interrupted(const struct build *b)
{
    return b->options.interrupted && *b->options.interrupted;
}

/* Which adapters must be built: those asked for that are not current, and parents they wait for. */
static bool mark_needed(struct workshop *w, int adapter, bool *needed, struct error *e)
{
    if (!target_plan(w, adapter, e))
        return false;
    struct target *t = &w->targets[adapter];
    if (t->parent_pending && !mark_needed(w, t->rule->parent, needed, e))
        return false;
    needed[adapter] = t->plan.verdict == PLAN_TRAIN || t->plan.verdict == PLAN_USE;
    return true;
}

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

/* Paths and estimates of a job, from what its measuring child says. */
static bool measure(struct build *b, struct build_job *job, struct error *e)
{
    struct workshop *w = b->workshop;
    json_t *plan = train_plan_measure(w, job, e);
    json_t *done =
        plan ? child_run("measure", plan, b->options.threads, b->options.interrupted, e) : NULL;
    if (!done)
        return error_context(e, "%s", job->target->rule->name);
    double speed = machine_speed(&w->machine, job->precision);
    job->steps = json_integer_value(json_object_get(done, "steps"));
    job->steps_in_full = json_integer_value(json_object_get(done, "steps_in_full"));
    job->flop = json_number_value(json_object_get(done, "flop"));
    job->flop_in_full = json_number_value(json_object_get(done, "flop_in_full"));
    job->needed_bytes = (uint64_t)json_integer_value(json_object_get(done, "needed_bytes"));
    json_decref(job->notes);
    job->notes = json_incref(json_object_get(done, "notes"));
    job->estimate_s = job->flop / speed;
    job->estimate_in_full_s = job->flop_in_full / speed;
    json_decref(done);
    return true;
}

static void name_attempt(struct build *b, struct build_job *job)
{
    struct target *t = job->target;
    struct digest start = {{0}};
    for (size_t i = 0; t->plan.start && i < t->lineage.count; i++)
        if (t->lineage.versions[i].number == t->plan.start)
            start = t->lineage.versions[i].artifact;
    char hex[DIGEST_HEX], *numerics = train_numerics(b->workshop, job->precision);
    job->attempt_key = plan_attempt_key(t->plan.want_key, start, &t->plan.learn, numerics);
    digest_hex(job->attempt_key, hex);
    free(job->attempt);
    job->attempt = mem_printf("%s/attempts/%s/%s", t->scope->keep, t->lineage.name, hex);
    job->resumed_at = checkpoint_step(job->attempt);
    job->version = t->plan.version;
    job->start = t->plan.start;
    free(numerics);
}

static uint64_t memory_share(const struct build *b)
{
    uint64_t bytes = b->options.memory_bytes;
    if (!bytes)
        bytes = b->workshop->machine.free_bytes / 10 * 9;
    return bytes / (uint64_t)b->options.jobs;
}

static bool prepare(struct build *b, struct build_job *job, struct error *e)
{
    if (job->target->plan.verdict != PLAN_TRAIN) {
        job->version = job->target->plan.version;
        return true;
    }
    job->available_bytes = memory_share(b);
    if (!train_precision(b->workshop, job->target, job->precision, e) || !measure(b, job, e))
        return false;
    if (job->target->plan.start && job->flop >= job->flop_in_full) {
        target_plan_in_full(job->target);
        if (!measure(b, job, e))
            return false;
    }
    name_attempt(b, job);
    return true;
}

bool build_plan(struct build *b, struct workshop *w, const struct build_options *o,
                const struct build_listener *l, struct error *e)
{
    const struct rules *r = w->project->rules;
    *b = (struct build){.workshop = w, .options = *o, .listener = *l};
    b->jobs = mem_array(r->adapter_count, sizeof *b->jobs);
    bool *needed = mem_array(r->adapter_count, sizeof *needed), ok = true;
    for (size_t i = 0; ok && i < r->adapter_count; i++)
        if (w->asked[i])
            ok = mark_needed(w, (int)i, needed, e);
    for (size_t i = 0; ok && i < r->adapter_count; i++) {
        const struct target *t = &w->targets[i];
        if (t->planned && (w->asked[i] || needed[i]) &&
            (t->plan.verdict == PLAN_EMPTY || t->plan.verdict == PLAN_VANISHED))
            ok = refuse(w, (int)i, e);
        if (!ok || !needed[i])
            continue;
        struct build_job *job = &b->jobs[b->job_count++];
        *job = (struct build_job){.adapter = (int)i,
                                  .target = &w->targets[i],
                                  .lock = -1,
                                  .child.events = -1,
                                  .held_out_before = NAN,
                                  .held_out_after = NAN,
                                  .change = NAN,
                                  .build = b};
        ok = prepare(b, job, e);
    }
    free(needed);
    if (ok && b->job_count)
        l->planned(l->context, b->jobs, b->job_count);
    return ok;
}

static struct build_job *job_of(struct build *b, int adapter)
{
    for (size_t i = 0; i < b->job_count; i++)
        if (b->jobs[i].adapter == adapter)
            return &b->jobs[i];
    return NULL;
}

static void end_job(struct build_job *job, enum job_state state)
{
    job->state = state;
    job->total_seconds = clock_seconds() - job->started_s;
    if (job->lock >= 0)
        lock_release(job->lock);
    job->lock = -1;
    child_free(&job->child);
}

static void fail_job(struct build *b, struct build_job *job, const struct error *why)
{
    job->error = *why;
    if (job->attempt)
        job->saved_step = checkpoint_step(job->attempt);
    end_job(job, why->kind == ERROR_INTERRUPTED ? JOB_STOPPED : JOB_FAILED);
    b->listener.ended(b->listener.context, job);
}

struct lock_wait {
    struct build *build;
    const char *adapter;
};

static void tell_waiting(void *context, const char *holder)
{
    struct lock_wait *l = context;
    l->build->listener.waiting(l->build->listener.context, l->adapter, holder);
}

/* Takes the adapter's lock and plans it again: its parent may be new, or another process may
 * have built it meanwhile. */
static bool settle(struct build *b, struct build_job *job, struct error *e)
{
    struct target *t = job->target;
    struct lock_wait wait = {b, t->rule->name};
    char *path = target_lock_path(t), *folder = path_folder(path);
    bool ok = project_make_keep(t->scope, e) && folder_make(folder, 0777, e) &&
              (job->lock = lock_take(path, t->rule->name, true, tell_waiting, &wait, e)) >= 0;
    free(path);
    free(folder);
    if (!ok)
        return false;
    target_forget(t);
    return target_plan(b->workshop, job->adapter, e) && prepare(b, job, e);
}

static bool launch(struct build *b, struct build_job *job, struct error *e)
{
    json_t *plan;
    if (!folder_make(job->attempt, 0777, e) || !(plan = train_plan_train(b->workshop, job, e)))
        return false;
    int threads = b->options.threads / b->options.jobs;
    return child_start(&job->child, "train", plan, threads > 0 ? threads : 1, e);
}

static void start_job(struct build *b, struct build_job *job)
{
    struct error e = {0};
    job->started_s = clock_seconds();
    if (!settle(b, job, &e)) {
        fail_job(b, job, &e);
        return;
    }
    if (job->target->plan.verdict == PLAN_CURRENT || job->target->plan.verdict == PLAN_ASIDE) {
        job->version = job->target->plan.version;
        end_job(job, JOB_DONE);
        b->listener.current(b->listener.context, job);
        return;
    }
    b->listener.started(b->listener.context, job);
    if (job->target->plan.verdict == PLAN_USE) {
        if (!commit_use(b->workshop, job->target, job->target->plan.version, &e)) {
            fail_job(b, job, &e);
            return;
        }
        end_job(job, JOB_DONE);
        b->listener.ready(b->listener.context, job);
    } else if (launch(b, job, &e)) {
        job->state = JOB_RUNNING;
    } else {
        fail_job(b, job, &e);
    }
}

static double number_or_nan(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

/* The child has said "done": its result becomes a version. */
static void finish_job(struct build *b, struct build_job *job)
{
    struct error e = {0};
    const json_t *done = job->child.done;
    struct workshop *w = b->workshop;
    job->steps = json_integer_value(json_object_get(done, "steps"));
    job->resumed_at = json_integer_value(json_object_get(done, "resumed_at"));
    job->train_seconds = json_number_value(json_object_get(done, "seconds"));
    job->held_out_before = number_or_nan(done, "held_out_before");
    job->held_out_after = number_or_nan(done, "held_out_after");
    job->change = number_or_nan(done, "change");
    job->checked = !isnan(job->change);
    job->passed = !job->checked || json_is_true(json_object_get(done, "passed"));
    if (!job->resumed_at && job->flop > LEAST_TELLING_FLOP)
        machine_learn(&w->machine, job->precision, job->flop / job->train_seconds);
    b->listener.trained(b->listener.context, job);
    if (!commit_version(w, job, &e)) {
        fail_job(b, job, &e);
        return;
    }
    target_forget(job->target);
    job->target->rule = &w->project->rules->adapters[job->adapter];
    end_job(job, JOB_DONE);
    for (size_t i = 0; i < w->project->rules->adapter_count; i++)
        w->targets[i].planned = w->targets[i].planned && (int)i == job->adapter;
    b->listener.ready(b->listener.context, job);
}

static void take_progress(void *context, const json_t *event)
{
    struct build_job *job = context;
    struct build *b = job->build;
    job->last_step = json_integer_value(json_object_get(event, "step"));
    b->listener.progress(b->listener.context, job,
                         json_number_value(json_object_get(event, "loss")),
                         json_number_value(json_object_get(event, "tokens_per_s")),
                         json_number_value(json_object_get(event, "seconds_left")));
}

static size_t count_state(const struct build *b, enum job_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < b->job_count; i++)
        n += b->jobs[i].state == state;
    return n;
}

/* Can it start? Its parent's job must have ended; if that failed, it is skipped. */
static bool may_start(struct build *b, struct build_job *job)
{
    int parent = b->workshop->project->rules->adapters[job->adapter].parent;
    struct build_job *p = parent >= 0 ? job_of(b, parent) : NULL;
    if (!p || p->state == JOB_DONE)
        return true;
    if (p->state != JOB_WAITING && p->state != JOB_RUNNING)
        job->state = JOB_SKIPPED;
    return false;
}

static void start_ready_jobs(struct build *b)
{
    bool failed = count_state(b, JOB_FAILED) + count_state(b, JOB_STOPPED) > 0;
    for (size_t i = 0; i < b->job_count; i++) {
        struct build_job *job = &b->jobs[i];
        if (job->state != JOB_WAITING)
            continue;
        if (interrupted(b) || (failed && !b->options.keep_going)) {
            job->state = JOB_SKIPPED;
            continue;
        }
        if ((int)count_state(b, JOB_RUNNING) < b->options.jobs && may_start(b, job)) {
            start_job(b, job);
            failed = failed || job->state == JOB_FAILED;
        }
    }
}

static void stop_children(struct build *b)
{
    for (size_t i = 0; i < b->job_count; i++)
        if (b->jobs[i].state == JOB_RUNNING) {
            if (*b->options.interrupted > 1)
                kill(b->jobs[i].child.pid, SIGKILL);
            else
                child_stop(&b->jobs[i].child);
        }
}

static void await_children(struct build *b, int *told)
{
    struct pollfd *fds = mem_array(b->job_count, sizeof *fds);
    for (size_t i = 0; i < b->job_count; i++)
        fds[i] = (struct pollfd){
            .fd = b->jobs[i].state == JOB_RUNNING ? b->jobs[i].child.events : -1, .events = POLLIN};
    poll(fds, (nfds_t)b->job_count, 500);
    if (interrupted(b) && *told < *b->options.interrupted) {
        *told = *b->options.interrupted;
        stop_children(b);
    }
    for (size_t i = 0; i < b->job_count; i++) {
        struct build_job *job = &b->jobs[i];
        if (!(fds[i].revents & (POLLIN | POLLHUP)) || child_read(&job->child, take_progress, job))
            continue;
        if (job->child.done) {
            finish_job(b, job);
        } else {
            struct error why = job->child.failure;
            if (interrupted(b))
                why.kind = ERROR_INTERRUPTED;
            fail_job(b, job, &why);
        }
    }
    free(fds);
}

bool build_run(struct build *b, struct error *e)
{
    int told = 0;
    while (count_state(b, JOB_WAITING) + count_state(b, JOB_RUNNING) > 0) {
        start_ready_jobs(b);
        if (count_state(b, JOB_RUNNING))
            await_children(b, &told);
    }
    for (size_t i = 0; i < b->job_count; i++)
        if (b->jobs[i].state == JOB_STOPPED || b->jobs[i].state == JOB_FAILED) {
            if (e)
                *e = b->jobs[i].error;
            return false;
        }
    return !interrupted(b) || error_set(e, ERROR_INTERRUPTED, "interrupted");
}

void build_free(struct build *b)
{
    for (size_t i = 0; i < b->job_count; i++) {
        json_decref(b->jobs[i].notes);
        free(b->jobs[i].attempt);
        child_free(&b->jobs[i].child);
    }
    free(b->jobs);
    *b = (struct build){0};
}
