#include "lorabuild/commands/build_view.h"
#include "lorabuild/commands/screen.h"
#include "lorabuild/commands/show_json.h"
#include "lorabuild/common/clock.h"
#include "lorabuild/common/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct build_json {
    struct workshop *workshop;
    const struct options *options;
    double started_s;
};

static const struct rule_adapter *rule_of(const struct build_job *job)
{
    return &job->build->workshop->project->rules->adapters[job->adapter];
}

static json_t *job_event(const char *event, const struct build_job *job)
{
    return json_pack("{s:s, s:s}", "event", event, "adapter", rule_of(job)->name);
}

static void on_planned(void *context, struct build_job *jobs, size_t count)
{
    struct build_json *b = context;
    json_t *list = json_array();
    if (b->options->why)
        return;
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_plan(b->workshop, jobs[i].target, &jobs[i]));
    json_print(json_pack("{s:s, s:o}", "event", "planned", "adapters", list));
}

/* What was read and could not be learned, and what there is to say about it. */
static void add_sources(json_t *event, const struct build_json *b, const struct build_job *job)
{
    const struct target *t = job->target;
    json_t *unread = json_array(), *notes = json_array();
    for (size_t i = 0; i < t->rule->data_count; i++) {
        const struct source *s = &b->workshop->sources[t->rule->data[i]];
        for (size_t k = 0; k < s->data.unread_count; k++)
            json_array_append_new(unread, json_pack("{s:o, s:o}", "document",
                                                    json_shown(s->data.unread[k].path), "reason",
                                                    json_shown(s->data.unread[k].reason)));
        for (size_t k = 0; k < s->data.note_count; k++)
            json_array_append_new(notes, json_shown(s->data.notes[k]));
    }
    for (size_t i = 0; i < json_array_size(job->notes); i++)
        json_array_append(notes, json_array_get(job->notes, i));
    json_object_set_new(event, "unread", unread);
    json_object_set_new(event, "notes", notes);
}

static void on_started(void *context, struct build_job *job)
{
    struct build_json *b = context;
    json_t *event = job_event("started", job);
    json_object_set_new(event, "version", json_integer(job->version));
    json_object_set_new(event, "documents",
                        json_integer((json_int_t)job->target->now.document_count));
    json_object_set_new(event, "samples", json_integer((json_int_t)job->target->now.sample_count));
    add_sources(event, b, job);
    json_print(event);
}

static void on_progress(void *context, struct build_job *job, double loss, double tokens_per_s,
                        double seconds_left)
{
    (void)context;
    json_t *event = job_event("progress", job);
    json_object_set_new(event, "step", json_integer(job->last_step));
    json_object_set_new(event, "steps", json_integer(job->steps));
    json_object_set_new(event, "loss", json_finite(loss));
    json_object_set_new(event, "tokens_per_s", json_finite(tokens_per_s));
    json_object_set_new(event, "seconds_left", json_finite(seconds_left));
    json_print(event);
}

static void on_trained(void *context, struct build_job *job)
{
    (void)context;
    json_t *event = job_event("trained", job);
    json_object_set_new(event, "steps", json_integer(job->steps));
    json_object_set_new(event, "resumed_at", json_integer(job->resumed_at));
    json_object_set_new(event, "seconds", json_finite(job->train_seconds));
    json_object_set_new(event, "threads", json_integer(job->threads));
    json_object_set_new(event, "memory_bytes", json_integer((json_int_t)job->available_bytes));
    json_object_set_new(event, "memory_peak_bytes",
                        job->peak_bytes ? json_integer((json_int_t)job->peak_bytes) : json_null());
    json_object_set_new(event, "held_out_before", json_finite(job->held_out_before));
    json_object_set_new(event, "held_out_after", json_finite(job->held_out_after));
    json_object_set_new(event, "change", json_finite(job->change));
    json_object_set_new(event, "passed", job->checked ? json_boolean(job->passed) : json_null());
    json_print(event);
}

static void on_ready(void *context, struct build_job *job)
{
    (void)context;
    char *folder = mem_printf("%s/v%d", rule_of(job)->output, job->version);
    json_t *event = job_event("ready", job);
    json_object_set_new(event, "version", json_integer(job->version));
    json_object_set_new(event, "in_use", json_boolean(!job->checked || job->passed));
    json_object_set_new(event, "folder", json_shown(folder));
    json_print(event);
    free(folder);
}

static void on_ended(void *context, struct build_job *job)
{
    (void)context;
    json_t *event = job_event(job->state == JOB_STOPPED   ? "stopped"
                              : job->state == JOB_SKIPPED ? "skipped"
                                                          : "failed",
                              job);
    json_object_set_new(event, "kind", json_string(json_kind(job->error.kind)));
    json_t *text = json_string(job->error.message);
    json_object_set_new(event, "message", text ? text : json_shown(job->error.message));
    json_object_set_new(event, "saved_step", json_integer(job->saved_step));
    json_object_set_new(event, "steps", json_integer(job->steps));
    json_print(event);
    if (job->state == JOB_FAILED)
        screen_error(&job->error);
}

static void on_waiting(void *context, struct build_job *job, const struct build_wait *wait)
{
    static const char *const what[] = {[WAIT_LOCK] = "lock",
                                       [WAIT_TURN] = "turn",
                                       [WAIT_MEMORY] = "memory",
                                       [WAIT_THREADS] = "processors"};
    (void)context;
    json_t *event = job_event("waiting", job);
    json_object_set_new(event, "for", json_string(what[wait->why]));
    json_object_set_new(event, "process",
                        wait->process ? json_integer(wait->process) : json_null());
    json_object_set_new(event, "holder", json_shown(wait->process ? wait->name : NULL));
    if (wait->why == WAIT_MEMORY) {
        json_object_set_new(event, "needed_bytes", json_integer((json_int_t)wait->needed_bytes));
        json_object_set_new(event, "free_bytes", json_integer((json_int_t)wait->free_bytes));
        json_object_set_new(event, "held_bytes", json_integer((json_int_t)wait->held_bytes));
    }
    json_print(event);
}

static void print_current(const struct target *t)
{
    json_print(json_pack(
        "{s:s, s:s, s:i, s:I, s:I, s:b}", "event", "current", "adapter", t->rule->name, "version",
        t->plan.version, "documents", (json_int_t)t->now.document_count, "samples",
        (json_int_t)t->now.sample_count, "set_aside", t->plan.verdict == PLAN_ASIDE));
}

static void on_current(void *context, struct build_job *job)
{
    (void)context;
    print_current(job->target);
}

static void print_note(const char *adapter, const char *text)
{
    json_print(json_pack("{s:s, s:o, s:o}", "event", "note", "adapter", json_shown(adapter), "text",
                         json_shown(text)));
}

static void on_note(void *context, struct build_job *job, const char *text)
{
    (void)context;
    print_note(rule_of(job)->name, text);
}

static void on_young(void *context, const char *path)
{
    (void)context;
    json_print(
        json_pack("{s:s, s:s, s:o}", "event", "waiting", "for", "file", "path", json_shown(path)));
}

static void on_failed(void *context, const struct error *e)
{
    struct build_json *b = context;
    screen_error(e);
    json_print_error(b->options, e);
}

static const struct build_job *job_of(const struct build *build, int adapter)
{
    for (size_t i = 0; i < build->job_count; i++)
        if (build->jobs[i].adapter == adapter)
            return &build->jobs[i];
    return NULL;
}

static void on_found(void *context, const struct build *build)
{
    struct build_json *b = context;
    const struct rules *r = b->workshop->project->rules;
    for (size_t i = 0; i < r->adapter_count; i++) {
        const struct target *t = &b->workshop->targets[i];
        for (size_t k = 0; k < t->lineage.note_count; k++)
            print_note(r->adapters[i].name, t->lineage.notes[k]);
        for (size_t k = 0; k < t->mended_count; k++)
            print_note(r->adapters[i].name, t->mended[k]);
    }
    if (b->workshop->project->note[0])
        print_note(NULL, b->workshop->project->note);
    for (size_t i = 0; i < r->adapter_count && !b->options->why; i++)
        if (build_is_idle(build, (int)i))
            print_current(&b->workshop->targets[i]);
}

static void on_why(void *context, const struct build *build)
{
    struct build_json *b = context;
    for (size_t i = 0; i < b->workshop->project->rules->adapter_count; i++) {
        const struct build_job *job = job_of(build, (int)i);
        const struct target *t = &b->workshop->targets[i];
        if (!t->planned || (!job && !b->workshop->asked[i]))
            continue;
        json_t *plan = json_plan(b->workshop, t, job);
        json_object_set_new(plan, "event", json_string("why"));
        json_print(plan);
    }
}

static void on_dry_run(void *context, const struct build *build)
{
    (void)context;
    (void)build; /* "planned" has said it all */
}

static void on_end(void *context, const struct build *build, int exit_code)
{
    struct build_json *b = context;
    size_t failed = build_count(build, JOB_FAILED), skipped = build_count(build, JOB_SKIPPED);
    json_print(json_pack("{s:s, s:i, s:I, s:I, s:I, s:I, s:f}", "event", "end", "exit", exit_code,
                         "built", (json_int_t)build_count(build, JOB_DONE), "failed",
                         (json_int_t)failed, "skipped", (json_int_t)skipped, "stopped",
                         (json_int_t)build_count(build, JOB_STOPPED), "seconds",
                         clock_seconds() - b->started_s));
    free(b);
}

struct build_view build_json_open(struct workshop *w, const struct options *o)
{
    struct build_json *b = mem_zalloc(sizeof *b);
    *b = (struct build_json){.workshop = w, .options = o, .started_s = clock_seconds()};
    return (struct build_view){.listener = {.context = b,
                                            .planned = on_planned,
                                            .started = on_started,
                                            .progress = on_progress,
                                            .trained = on_trained,
                                            .ready = on_ready,
                                            .ended = on_ended,
                                            .waiting = on_waiting,
                                            .current = on_current,
                                            .note = on_note},
                               .young = on_young,
                               .failed = on_failed,
                               .found = on_found,
                               .why = on_why,
                               .dry_run = on_dry_run,
                               .end = on_end};
}
