#include "cache/lock.h"
#include "lorabuild/common/clock.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/build_parts.h"
#include "lorabuild/run/commit.h"
#include "lorabuild/run/train_plan.h"
#include "lorabuild/train/checkpoint.h"

#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A training of less work says nothing about this machine's speed: it waits more than it works. */
static const double LEAST_TELLING_FLOP = 1e12;
/* How often a lock or a share that another holds is asked for, and Ctrl-C looked at. */
enum { ASK_AGAIN_MS = 200, LOOK_MS = 500 };

static bool interrupted(const struct build *b)
{
    return b->options.interrupted && *b->options.interrupted;
}

static struct build_job *job_of(struct build *b, int adapter)
{
    for (size_t i = 0; i < b->job_count; i++)
        if (b->jobs[i].adapter == adapter)
            return &b->jobs[i];
    return NULL;
}

static const char *name_of(const struct build_job *job)
{
    return job->build->workshop->project->rules->adapters[job->adapter].name;
}

/* --- The end of a job. --- */

static void end_job(struct build_job *job, enum job_state state)
{
    job->state = state;
    job->total_seconds = job->started_s > 0 ? clock_seconds() - job->started_s : 0;
    reservation_give_back(&job->share);
    lock_release(job->lock);
    job->lock = -1;
    child_free(&job->child);
}

/* A write that failed for lack of room says how much is missing, as the check before would have. */
static void add_missing_room(struct build_job *job)
{
    struct disk_room room;
    struct disk_need need = job->attempt ? build_disk_need(job) : (struct disk_need){0};
    char missing[24];
    if (!job->attempt || !job->save_bytes || disk_has_room(&need, &room))
        return;
    size_t used = strlen(job->error.message);
    snprintf(job->error.message + used, sizeof job->error.message - used,
             _("\n%s is short of %s; with room there, the same command continues"), room.folder,
             disk_words(room.needed_bytes - room.free_bytes, missing));
}

static void fail_job(struct build_job *job, const struct error *why)
{
    struct build *b = job->build;
    job->error = *why;
    if (job->attempt)
        job->saved_step = checkpoint_step(job->attempt);
    if (why->kind == ERROR_LIMIT)
        add_missing_room(job);
    end_job(job, why->kind == ERROR_INTERRUPTED ? JOB_STOPPED : JOB_FAILED);
    b->listener.ended(b->listener.context, job);
}

static void skip_job(struct build_job *job, enum error_kind kind, const char *format,
                     const char *name)
{
    struct build *b = job->build;
    job->error = (struct error){.kind = kind};
    snprintf(job->error.message, sizeof job->error.message, format, name);
    end_job(job, JOB_SKIPPED);
    b->listener.ended(b->listener.context, job);
}

/* --- The beginning: its lock, its plan, its share. --- */

static void tell_waiting(struct build_job *job, const struct build_wait *wait)
{
    if (!job->told_waiting)
        job->build->listener.waiting(job->build->listener.context, job, wait);
    job->told_waiting = true;
}

static void begin_waiting(struct build_job *job)
{
    if (job->waiting_s <= 0)
        job->waiting_s = clock_seconds();
}

static void end_waiting(struct build_job *job, const char *what)
{
    if (job->waiting_s > 0)
        timeline_add(job->build->options.timeline, what, name_of(job), job->waiting_s);
    job->waiting_s = 0;
    job->told_waiting = false;
}

/* *taken false: another process holds it; it is told whom. */
static bool take_lock(struct build_job *job, bool *taken, struct error *e)
{
    struct target *t = job->target;
    char *path = target_lock_path(t), *folder = path_folder(path);
    struct lock_holder holder;
    struct error why = {0};
    bool ok = project_make_keep(t->scope, e) && folder_make(folder, 0777, e);
    if (ok)
        job->lock = lock_take(path, name_of(job), false, NULL, NULL, &why);
    *taken = job->lock >= 0;
    if (ok && !*taken && why.kind != ERROR_NONE) {
        *e = why;
        ok = false;
    } else if (ok && !*taken) {
        begin_waiting(job);
        lock_look(path, &holder);
        struct build_wait wait = {.why = WAIT_LOCK, .process = holder.process};
        snprintf(wait.name, sizeof wait.name, "%s", holder.name);
        tell_waiting(job, &wait);
    }
    free(folder);
    free(path);
    return ok;
}

/* Plans again: its parent may be new, or another process may have built it meanwhile. */
static bool settle(struct build_job *job, struct error *e)
{
    struct build *b = job->build;
    double began_s = clock_seconds();
    lock_note(job->lock, name_of(job), _("planning"));
    target_forget(job->target);
    bool ok = target_plan(b->workshop, job->adapter, e);
    timeline_add(b->options.timeline, "plan", name_of(job), began_s);
    return ok && build_prepare(b, job, e);
}

static bool launch(struct build_job *job, struct error *e)
{
    struct build *b = job->build;
    json_t *plan;
    char doing[80];
    if (!folder_make(job->attempt, 0777, e) || !(plan = train_plan_train(b->workshop, job, e)) ||
        !child_start(&job->child, "train", plan, job->threads, e))
        return false;
    job->child.timeline = b->options.timeline;
    job->child.lane = name_of(job);
    reservation_tell_child(&job->share, job->child.pid);
    snprintf(doing, sizeof doing, _("step %lld of %lld"), (long long)job->resumed_at,
             (long long)job->steps);
    lock_note(job->lock, name_of(job), doing);
    job->state = JOB_RUNNING;
    return true;
}

/* Its parent's job must have ended well, where it waits for that. */
static bool parent_is_done(struct build *b, const struct build_job *job, bool *failed)
{
    int parent = b->workshop->project->rules->adapters[job->adapter].parent;
    const struct build_job *p = parent >= 0 ? job_of(b, parent) : NULL;
    bool ended =
        !p || (p->state != JOB_WAITING && p->state != JOB_QUEUED && p->state != JOB_RUNNING);
    *failed = p && ended && p->state != JOB_DONE && job->target->parent_pending;
    return ended && !*failed;
}

/* How many could run at once just now: they share the processors. */
static int at_once(struct build *b)
{
    int n = 0;
    bool failed;
    for (size_t i = 0; i < b->job_count; i++)
        n += b->jobs[i].state == JOB_RUNNING || b->jobs[i].state == JOB_QUEUED ||
             (b->jobs[i].state == JOB_WAITING && parent_is_done(b, &b->jobs[i], &failed));
    return n < b->options.jobs ? n : b->options.jobs;
}

static struct reservation_limits limits_of(const struct build *b)
{
    return (struct reservation_limits){.free_bytes = build_free_bytes(),
                                       .processors = b->workshop->machine.processors,
                                       .own_bytes = b->options.memory_bytes,
                                       .own_threads = b->options.threads};
}

/* Only what another process holds is worth telling: one's own trainings are on the screen. */
static void tell_share(struct build_job *job, const struct reservation_answer *a)
{
    static const int why[] = {[RESERVATION_TURN] = WAIT_TURN,
                              [RESERVATION_MEMORY] = WAIT_MEMORY,
                              [RESERVATION_THREADS] = WAIT_THREADS};
    begin_waiting(job);
    if (!a->has_holder || a->holder.process == (long)getpid())
        return;
    struct build_wait wait = {.why = why[a->state],
                              .process = a->holder.process,
                              .needed_bytes = job->least_bytes,
                              .free_bytes = a->bytes,
                              .held_bytes = a->holder.bytes,
                              .held_threads = a->holder.threads};
    snprintf(wait.name, sizeof wait.name, "%s", a->holder.name);
    lock_note(job->lock, name_of(job), _("waiting for its share"));
    tell_waiting(job, &wait);
}

static bool ask_share(struct build_job *job, struct error *e)
{
    struct build *b = job->build;
    int together = at_once(b);
    struct reservation_limits limits = limits_of(b);
    struct reservation_need need = {job->least_bytes, job->needed_bytes,
                                    (b->options.threads + together - 1) / together};
    struct reservation_answer answer;
    if ((job->share.fd < 0 && !reservation_queue(&job->share, name_of(job), e)) ||
        !reservation_try(&job->share, &need, &limits, &answer, e))
        return false;
    if (answer.state != RESERVATION_GRANTED) {
        tell_share(job, &answer);
        return true;
    }
    end_waiting(job, "wait for memory and processors");
    job->available_bytes = answer.bytes;
    job->threads = answer.threads;
    return launch(job, e);
}

static void ask_or_fail(struct build_job *job)
{
    struct error e = {0};
    if (!ask_share(job, &e))
        fail_job(job, &e);
}

/* Locked and planned: nothing to do, an earlier version to use, or a training to queue for. */
static void start_planned(struct build_job *job)
{
    struct build *b = job->build;
    struct error e = {0};
    enum plan_verdict verdict = job->target->plan.verdict;
    if (verdict == PLAN_CURRENT || verdict == PLAN_ASIDE) {
        job->version = job->target->plan.version;
        end_job(job, JOB_DONE);
        b->listener.current(b->listener.context, job);
        return;
    }
    b->listener.started(b->listener.context, job);
    if (verdict != PLAN_USE) {
        job->state = JOB_QUEUED;
        ask_or_fail(job);
    } else if (commit_use(b->workshop, job->target, job->target->plan.version, &e)) {
        end_job(job, JOB_DONE);
        b->listener.ready(b->listener.context, job);
    } else {
        fail_job(job, &e);
    }
}

static void start_job(struct build_job *job)
{
    struct error e = {0};
    bool taken = false;
    if (!take_lock(job, &taken, &e)) {
        fail_job(job, &e);
        return;
    }
    if (!taken)
        return;
    end_waiting(job, "wait for another lorabuild");
    job->started_s = clock_seconds();
    if (settle(job, &e))
        start_planned(job);
    else
        fail_job(job, &e);
}

/* --- The child's words. --- */

static double number_or_nan(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static void take_result(struct build_job *job, const json_t *done)
{
    job->steps = json_integer_value(json_object_get(done, "steps"));
    job->resumed_at = json_integer_value(json_object_get(done, "resumed_at"));
    job->train_seconds = json_number_value(json_object_get(done, "seconds"));
    job->peak_bytes = (uint64_t)json_integer_value(json_object_get(done, "peak_bytes"));
    job->held_out_before = number_or_nan(done, "held_out_before");
    job->held_out_after = number_or_nan(done, "held_out_after");
    job->change = number_or_nan(done, "change");
    job->checked = !isnan(job->change);
    job->passed = !job->checked || json_is_true(json_object_get(done, "passed"));
}

/* The child has said "done": its result becomes a version. */
static void finish_job(struct build_job *job)
{
    struct error e = {0};
    struct build *b = job->build;
    struct workshop *w = b->workshop;
    take_result(job, job->child.done);
    reservation_give_back(&job->share);
    lock_note(job->lock, name_of(job), _("packing"));
    if (!job->resumed_at && job->flop > LEAST_TELLING_FLOP && job->threads == b->options.threads)
        machine_learn(&w->machine, job->precision, job->flop / job->train_seconds);
    b->listener.trained(b->listener.context, job);
    if (!commit_version(w, job, &e)) {
        fail_job(job, &e);
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
    char doing[80];
    job->last_step = json_integer_value(json_object_get(event, "step"));
    if (clock_seconds() - job->noted_s >= 1) {
        job->noted_s = clock_seconds();
        snprintf(doing, sizeof doing, _("step %lld of %lld"), (long long)job->last_step,
                 (long long)job->steps);
        lock_note(job->lock, name_of(job), doing);
    }
    b->listener.progress(b->listener.context, job,
                         json_number_value(json_object_get(event, "loss")),
                         json_number_value(json_object_get(event, "tokens_per_s")),
                         json_number_value(json_object_get(event, "seconds_left")));
}

/* --- The loop. --- */

/* The first that failed, where that ends all others. */
static const struct build_job *failure(const struct build *b)
{
    for (size_t i = 0; i < b->job_count; i++)
        if (b->jobs[i].state == JOB_STOPPED ||
            (b->jobs[i].state == JOB_FAILED && !b->options.keep_going))
            return &b->jobs[i];
    return NULL;
}

static void advance(struct build *b, struct build_job *job)
{
    const struct build_job *failed = failure(b);
    const struct error stop = {ERROR_INTERRUPTED, "interrupted"};
    bool parent_failed = false, waits = job->state == JOB_WAITING;
    if (!waits && job->state != JOB_QUEUED)
        return;
    if (interrupted(b) && waits && job->waiting_s <= 0)
        skip_job(job, ERROR_INTERRUPTED, "%s", "interrupted");
    else if (interrupted(b))
        fail_job(job, &stop);
    else if (failed)
        skip_job(job, ERROR_INPUT, _("not begun, because %s failed; -k goes on with the others"),
                 name_of(failed));
    else if (!waits)
        ask_or_fail(job);
    else if (parent_is_done(b, job, &parent_failed) &&
             (int)(build_count(b, JOB_RUNNING) + build_count(b, JOB_QUEUED)) < b->options.jobs)
        start_job(job);
    else if (parent_failed)
        skip_job(job, ERROR_INPUT, _("stands on %s, which failed"),
                 b->workshop->project->rules
                     ->adapters[b->workshop->project->rules->adapters[job->adapter].parent]
                     .name);
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

static void hear_child(struct build *b, struct build_job *job)
{
    if (child_read(&job->child, take_progress, job))
        return;
    if (job->child.done) {
        finish_job(job);
        return;
    }
    struct error why = job->child.failure;
    if (interrupted(b))
        why.kind = ERROR_INTERRUPTED;
    fail_job(job, &why);
}

static void await_children(struct build *b, int *told)
{
    struct pollfd *fds = mem_array(b->job_count, sizeof *fds);
    bool asks = build_count(b, JOB_QUEUED) > 0;
    for (size_t i = 0; i < b->job_count; i++) {
        fds[i] = (struct pollfd){
            .fd = b->jobs[i].state == JOB_RUNNING ? b->jobs[i].child.events : -1, .events = POLLIN};
        asks = asks || (b->jobs[i].state == JOB_WAITING && b->jobs[i].waiting_s > 0);
    }
    poll(fds, (nfds_t)b->job_count, asks ? ASK_AGAIN_MS : LOOK_MS);
    if (interrupted(b) && *told < *b->options.interrupted) {
        *told = *b->options.interrupted;
        stop_children(b);
    }
    for (size_t i = 0; i < b->job_count; i++)
        if (fds[i].revents & (POLLIN | POLLHUP))
            hear_child(b, &b->jobs[i]);
    free(fds);
}

static bool goes_on(const struct build *b)
{
    return build_count(b, JOB_WAITING) + build_count(b, JOB_QUEUED) + build_count(b, JOB_RUNNING) >
           0;
}

bool build_run(struct build *b, struct error *e)
{
    int told = 0;
    while (goes_on(b)) {
        for (size_t i = 0; i < b->job_count; i++)
            advance(b, &b->jobs[i]);
        if (goes_on(b))
            await_children(b, &told);
    }
    for (size_t i = 0; i < b->job_count; i++)
        if (b->jobs[i].state == JOB_STOPPED || b->jobs[i].state == JOB_FAILED) {
            *e = b->jobs[i].error;
            break;
        }
    if (interrupted(b))
        return error_set(e, ERROR_INTERRUPTED, "interrupted");
    if (!e->kind && b->unplanned_count)
        *e = b->unplanned[0].error;
    if (e->kind == ERROR_USAGE && b->options.keep_going)
        e->kind = ERROR_INPUT;
    return !e->kind;
}
