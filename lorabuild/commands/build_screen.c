#include "cache/lock.h"
#include "lorabuild/commands/build_view.h"
#include "lorabuild/commands/screen.h"
#include "lorabuild/commands/show_plan.h"
#include "lorabuild/common/clock.h"
#include "lorabuild/common/file.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/disk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct build_screen {
    struct screen screen;
    struct workshop *workshop;
    double started_s;
    bool why, verbose;
    int built;
    char missing[400]; /* the first right that is missing, for --why */
};

static void on_planned(void *context, struct build_job *jobs, size_t count)
{
    struct build_screen *b = context;
    for (size_t i = 0; i < count; i++)
        screen_fit_name(&b->screen, jobs[i].target->rule->name);
    if (!b->why)
        show_plan(&b->screen, jobs, count);
}

/* Documents and samples that were not there when the version in use was built. */
static void count_new(const struct plan *p, size_t *documents, size_t *samples, const char **name)
{
    *documents = *samples = 0;
    for (size_t i = 0; i < p->change_count; i++)
        if (p->changes[i].kind == CHANGE_NEW) {
            *samples += p->changes[i].count;
            if (!p->changes[i].place) {
                *documents += 1;
                *name = p->changes[i].document;
            }
        }
}

static void add_read_fact(struct strbuf *b, const struct target *t)
{
    size_t documents = 0, samples = 0;
    const char *name = NULL;
    char first[32], second[32];
    count_new(&t->plan, &documents, &samples, &name);
    if (t->plan.start && documents) {
        strbuf_printf(b, "%s %s, %s %s", str_count(documents, first),
                      show_plural(documents, _("new document"), _("new documents")),
                      str_count(samples, second), show_plural(samples, _("sample"), _("samples")));
        if (documents == 1)
            strbuf_printf(b, ": %s", name);
        return;
    }
    strbuf_printf(b, "%s %s, %s %s", str_count(t->now.document_count, first),
                  show_plural(t->now.document_count, _("document"), _("documents")),
                  str_count(t->now.sample_count, second),
                  show_plural(t->now.sample_count, _("sample"), _("samples")));
}

static void show_read(struct build_screen *b, const struct build_job *job)
{
    const struct target *t = job->target;
    struct strbuf fact = {0};
    double seconds = 0;
    size_t unread = 0;
    add_read_fact(&fact, t);
    for (size_t i = 0; i < t->rule->data_count; i++) {
        const struct source *s = &b->workshop->sources[t->rule->data[i]];
        seconds += s->seconds;
        unread += s->data.unread_count;
    }
    if (unread)
        strbuf_printf(&fact, "; %zu %s", unread,
                      show_plural(unread, _("file not learned"), _("files not learned")));
    screen_line(&b->screen, t->rule->name, _("read"), PAINT_NONE, fact.data, seconds);
    strbuf_free(&fact);
}

static void show_details(struct build_screen *b, const struct source *s)
{
    struct strbuf line = {0};
    for (size_t i = 0; i < s->data.unread_count; i++) {
        line.size = 0;
        strbuf_printf(&line, "%s  %s", s->data.unread[i].path, s->data.unread[i].reason);
        screen_more(&b->screen, line.data);
    }
    strbuf_free(&line);
}

static void show_captions(struct build_screen *b, const struct target *t, const struct source *s)
{
    struct strbuf line = {0};
    size_t captioned = 0;
    char count[32];
    const char *path = path_behind(s->captions_path, b->workshop->project->rules->root);
    for (size_t i = 0; i < s->data.document_count; i++)
        for (size_t k = 0; k < s->data.documents[i].count; k++)
            captioned += s->data.documents[i].samples[k].caption.size > 0;
    if (captioned && s->read_now) {
        strbuf_printf(&line, _("%s from headings: %s"), str_count(captioned, count), path);
        screen_line(&b->screen, t->rule->name, _("captions"), PAINT_NONE, line.data, -1);
    }
    strbuf_free(&line);
}

/* What `review: required` leaves out until somebody has read it. */
static void show_waiting(struct build_screen *b, const struct target *t)
{
    char line[300];
    size_t n = target_waiting(b->workshop, t);
    if (!n)
        return;
    snprintf(line, sizeof line, "%zu %s", n,
             show_plural(n, _("caption waits for you; its text is not learned yet"),
                         _("captions wait for you; their texts are not learned yet")));
    screen_line(&b->screen, t->rule->name, _("review"), PAINT_YELLOW, line, -1);
    snprintf(line, sizeof line, "lorabuild caption --accept %s", t->rule->name);
    screen_more(&b->screen, line);
}

static void show_notes(struct build_screen *b, const struct build_job *job)
{
    const struct target *t = job->target;
    char line[120];
    show_waiting(b, t);
    for (size_t i = 0; i < t->rule->data_count; i++) {
        const struct source *s = &b->workshop->sources[t->rule->data[i]];
        for (size_t k = 0; k < s->data.note_count; k++)
            screen_line(&b->screen, t->rule->name, _("note"), PAINT_NONE, s->data.notes[k], -1);
    }
    for (size_t i = 0; i < json_array_size(job->notes); i++)
        screen_line(&b->screen, t->rule->name, _("note"), PAINT_NONE,
                    json_string_value(json_array_get(job->notes, i)), -1);
    if (t->now.repeated_count) {
        snprintf(line, sizeof line, _("%zu %s more than once; learned once"), t->now.repeated_count,
                 show_plural(t->now.repeated_count, _("sample stands"), _("samples stand")));
        screen_line(&b->screen, t->rule->name, _("note"), PAINT_NONE, line, -1);
    }
}

/* -v: how the numbers are made, and where a stopped training is kept. */
static void show_numerics(struct build_screen *b, const struct build_job *job)
{
    const struct recipe *r = &job->target->rule->recipe;
    const struct machine *m = &b->workshop->machine;
    struct strbuf line = {0};
    strbuf_printf(&line, _("%s on %s (%s), rank %lld, %lld steps of %lld windows"), job->precision,
                  m->instruction_set, m->library, (long long)r->rank, (long long)job->steps,
                  (long long)(r->batch_size * r->accumulation));
    screen_line(&b->screen, job->target->rule->name, _("numbers"), PAINT_NONE, line.data, -1);
    line.size = 0;
    strbuf_printf(&line, _("%.3g floating point operations; saves in %s"), job->flop, job->attempt);
    screen_more(&b->screen, line.data);
    strbuf_free(&line);
}

static void on_started(void *context, struct build_job *job)
{
    struct build_screen *b = context;
    const struct target *t = job->target;
    if (!b->built++ && !b->screen.quiet)
        screen_text(&b->screen, "");
    if (b->screen.name && strcmp(b->screen.name, "Plan") == 0)
        b->screen.name = NULL;
    if (t->plan.verdict != PLAN_TRAIN)
        return;
    show_read(b, job);
    for (size_t i = 0; i < t->rule->data_count; i++)
        show_details(b, &b->workshop->sources[t->rule->data[i]]);
    for (size_t i = 0; i < t->rule->data_count; i++)
        show_captions(b, t, &b->workshop->sources[t->rule->data[i]]);
    show_notes(b, job);
    show_remains(&b->screen, job);
    if (b->verbose)
        show_numerics(b, job);
}

/* Several at once share the one line that moves: "city 40/128, text-b 12/60". */
static void show_several(struct build_screen *b, const struct build *build, double seconds_left)
{
    struct strbuf fact = {0};
    char about[40], right[60];
    for (size_t i = 0; i < build->job_count; i++) {
        const struct build_job *job = &build->jobs[i];
        if (job->state != JOB_RUNNING)
            continue;
        strbuf_printf(&fact, "%s%s %lld/%lld", fact.size ? ", " : "",
                      b->workshop->project->rules->adapters[job->adapter].name,
                      (long long)job->last_step, (long long)job->steps);
    }
    snprintf(right, sizeof right, _("%s left"), show_about(seconds_left, about));
    screen_live(&b->screen, b->screen.name ? b->screen.name : "", _("train"), fact.data, right);
    strbuf_free(&fact);
}

static void on_progress(void *context, struct build_job *job, double loss, double tokens_per_s,
                        double seconds_left)
{
    enum { BAR = 20 };
    struct build_screen *b = context;
    if (build_count(job->build, JOB_RUNNING) > 1) {
        show_several(b, job->build, seconds_left);
        return;
    }
    struct strbuf fact = {0};
    char about[40], right[60];
    int filled = job->steps > 0 ? (int)(job->last_step * BAR / job->steps) : 0;
    for (int i = 0; i < BAR; i++)
        strbuf_add_text(&fact, i < filled ? "━" : "─");
    strbuf_printf(&fact, _("  %lld/%lld  loss %.2f  %.0f tok/s"), (long long)job->last_step,
                  (long long)job->steps, loss, tokens_per_s);
    snprintf(right, sizeof right, _("%s left"), show_about(seconds_left, about));
    screen_live(&b->screen, job->target->rule->name, _("train"), fact.data, right);
    strbuf_free(&fact);
}

static void show_check(struct build_screen *b, struct build_job *job)
{
    const struct target *t = job->target;
    const char *name = t->rule->name;
    char line[200];
    if (job->checked) {
        show_check_words(line, job);
        screen_line(&b->screen, name, _("check"), PAINT_NONE, line, -1);
        screen_more(&b->screen, _("new pages: too few to hold any out"));
    } else if (!isnan(job->held_out_after)) {
        char *parent = show_parent(b->workshop, t);
        if (t->rule->parent >= 0)
            snprintf(line, sizeof line, _("held-out loss %.2f with %.*s alone, %.2f now"),
                     job->held_out_before, (int)strcspn(parent, " "), parent, job->held_out_after);
        else
            snprintf(line, sizeof line, _("held-out loss %.2f before, %.2f now"),
                     job->held_out_before, job->held_out_after);
        screen_line(&b->screen, name, _("check"), PAINT_NONE, line, -1);
        free(parent);
    } else {
        screen_line(&b->screen, name, _("check"), PAINT_NONE,
                    _("too few documents to hold any out"), -1);
    }
}

static void on_trained(void *context, struct build_job *job)
{
    struct build_screen *b = context;
    char line[100], count[32];
    snprintf(line, sizeof line, "%s %s", str_count((uint64_t)job->steps, count),
             show_plural((size_t)job->steps, _("step"), _("steps")));
    screen_line(&b->screen, job->target->rule->name, _("train"), PAINT_NONE, line,
                job->train_seconds);
    show_check(b, job);
}

static void on_ready(void *context, struct build_job *job)
{
    struct build_screen *b = context;
    const struct rule_adapter *rule = &b->workshop->project->rules->adapters[job->adapter];
    char version[24], line[400], total[60] = "", took[40];
    bool asked = b->workshop->asked[job->adapter];
    snprintf(version, sizeof version, "v%d", job->version);
    if (job->checked && !job->passed) {
        snprintf(line, sizeof line, _("built, not used: earlier pages %+.1f %%"),
                 100 * job->change);
        screen_line(&b->screen, rule->name, version, PAINT_YELLOW, line, -1);
        return;
    }
    if (job->withdrawal)
        show_never_saw(line, job->withdrawal);
    else if (job->start || (job->version > 1 && job->target->plan.verdict != PLAN_USE))
        snprintf(line, sizeof line, _("ready, in use: %s/%s"),
                 path_behind(rule->output, b->workshop->project->rules->root), version);
    else if (asked)
        snprintf(line, sizeof line, _("ready, in use: %s/%s"),
                 path_behind(rule->output, b->workshop->project->rules->root), version);
    else
        snprintf(line, sizeof line, "%s", _("ready"));
    if (asked)
        snprintf(total, sizeof total, _("%s total"),
                 show_duration(clock_seconds() - b->started_s, took));
    screen_line_right(&b->screen, rule->name, version, PAINT_GREEN, line, total);
    show_blocked(&b->screen, rule->name, job->withdrawal);
}

static void show_stopped(struct build_screen *b, const struct build_job *job, const char *name)
{
    char line[300];
    if (job->saved_step && job->last_step > job->saved_step)
        snprintf(line, sizeof line,
                 _("stopped; saved after step %lld of %lld. The same command continues."),
                 (long long)job->saved_step, (long long)job->steps);
    else if (job->saved_step)
        snprintf(line, sizeof line,
                 _("stopped after step %lld of %lld, saved. The same command continues."),
                 (long long)job->saved_step, (long long)job->steps);
    else
        snprintf(line, sizeof line, "%s", _("stopped before the first step; nothing is lost"));
    b->screen.name = NULL;
    screen_line(&b->screen, name, NULL, PAINT_NONE, line, -1);
}

/* --why of what cannot be read for lack of a right: what stands, and the right once at the end. */
static void show_untold(struct build_screen *b, const struct build_job *job, const char *name)
{
    char line[200];
    int in_use = job->target->lineage.current;
    if (!b->missing[0])
        snprintf(b->missing, sizeof b->missing, "%.*s", (int)sizeof b->missing - 1,
                 job->error.message);
    if (in_use)
        snprintf(line, sizeof line, _("v%d is in use; what changed since cannot be told"), in_use);
    else
        snprintf(line, sizeof line, "%s", _("never built; what it would learn cannot be told"));
    b->screen.name = NULL;
    screen_line(&b->screen, name, NULL, PAINT_NONE, line, -1);
}

static void on_ended(void *context, struct build_job *job)
{
    struct build_screen *b = context;
    const char *name = b->workshop->project->rules->adapters[job->adapter].name;
    screen_end_live(&b->screen);
    if (job->state == JOB_STOPPED) {
        show_stopped(b, job, name);
    } else if (job->state == JOB_SKIPPED) {
        if (job->error.kind != ERROR_INTERRUPTED)
            screen_line(&b->screen, name, _("skipped"), PAINT_NONE, job->error.message, -1);
    } else if (b->why && job->error.kind == ERROR_PERMISSION) {
        show_untold(b, job, name);
    } else {
        struct error e = job->error;
        if (strncmp(e.message, name, strlen(name)) != 0)
            error_context(&e, "%s", name);
        screen_error(&e);
    }
}

static void on_waiting(void *context, struct build_job *job, const struct build_wait *wait)
{
    struct build_screen *b = context;
    char line[400], free_now[24], needed[24];
    const char *name = b->workshop->project->rules->adapters[job->adapter].name;
    long process = wait->process;
    if (wait->why == WAIT_LOCK && process)
        snprintf(line, sizeof line, _("is being built by another lorabuild (%ld %s); waiting"),
                 process, wait->name);
    else if (wait->why == WAIT_LOCK)
        snprintf(line, sizeof line, "%s", _("is being built by another lorabuild; waiting"));
    else if (wait->why == WAIT_TURN)
        snprintf(line, sizeof line, _("behind %s (process %ld), which came first"), wait->name,
                 process);
    else if (wait->why == WAIT_MEMORY)
        snprintf(line, sizeof line, _("for %s of memory, %s are free"),
                 disk_words(wait->needed_bytes, needed), disk_words(wait->free_bytes, free_now));
    else
        snprintf(line, sizeof line, _("for processors: %s (process %ld) uses %d"), wait->name,
                 process, wait->held_threads);
    screen_line(&b->screen, name, _("wait"), PAINT_NONE, line, -1);
    if (wait->why != WAIT_MEMORY)
        return;
    snprintf(line, sizeof line, _("%s (process %ld) holds %s"), wait->name, process,
             disk_words(wait->held_bytes, needed));
    screen_more(&b->screen, line);
}

static void on_note(void *context, struct build_job *job, const char *text)
{
    struct build_screen *b = context;
    screen_line(&b->screen, b->workshop->project->rules->adapters[job->adapter].name, _("note"),
                PAINT_YELLOW, text, -1);
}

static void on_current(void *context, struct build_job *job)
{
    struct build_screen *b = context;
    if (b->workshop->asked[job->adapter])
        show_current(&b->screen, job->target, clock_seconds() - b->started_s);
}

static void on_young(void *context, const char *path)
{
    struct build_screen *b = context;
    (void)path;
    screen_live(&b->screen, "", NULL, _("waiting: a file was written just now"), "");
    b->screen.name = NULL;
}

static void show_idle(struct build_screen *b, const struct build *build)
{
    const struct rules *r = b->workshop->project->rules;
    for (size_t i = 0; i < r->adapter_count; i++) {
        const struct target *t = &b->workshop->targets[i];
        if (!build_is_idle(build, (int)i))
            continue;
        show_current(&b->screen, t, clock_seconds() - b->started_s);
        b->screen.name = t->rule->name;
        show_waiting(b, t);
    }
}

static void show_note(struct build_screen *b, const char *name, const char *note)
{
    b->screen.name = NULL;
    screen_line(&b->screen, name, _("note"), PAINT_NONE, note, -1);
}

/* What was found damaged, and mended: one line each. */
static void show_mended(struct build_screen *b)
{
    const struct rules *r = b->workshop->project->rules;
    for (size_t i = 0; i < r->adapter_count; i++) {
        const struct target *t = &b->workshop->targets[i];
        for (size_t k = 0; k < t->lineage.note_count; k++)
            show_note(b, r->adapters[i].name, t->lineage.notes[k]);
        for (size_t k = 0; k < t->mended_count; k++)
            show_note(b, r->adapters[i].name, t->mended[k]);
    }
    if (b->workshop->project->note[0])
        show_note(b, "", b->workshop->project->note);
    b->workshop->project->note[0] = '\0';
}

static void show_report(struct build_screen *b, const struct rule_adapter *rule, int version)
{
    char *path = mem_printf("%s/v%d/" LINEAGE_REPORT, rule->output, version), line[400];
    snprintf(line, sizeof line, _("Read it   %s"),
             path_behind(path, b->workshop->project->rules->root));
    if (access(path, R_OK) == 0)
        screen_text(&b->screen, line);
    free(path);
}

static void show_try(struct build_screen *b, const struct build *build)
{
    const struct rules *r = b->workshop->project->rules;
    for (size_t i = build->job_count; i-- > 0;) {
        const struct build_job *job = &build->jobs[i];
        if (job->state != JOB_DONE || !job->steps || job->version != 1 ||
            !b->workshop->asked[job->adapter])
            continue;
        struct strbuf line = {0};
        screen_text(&b->screen, "");
        char *name = show_quoted(r->adapters[job->adapter].name);
        strbuf_printf(&line, _("Try it    lorabuild draft %s \"…\""), name);
        free(name);
        screen_text(&b->screen, line.data);
        show_report(b, &r->adapters[job->adapter], job->version);
        strbuf_free(&line);
        return;
    }
}

/* Who builds it just now, as its lock says. */
static void show_builder(struct build_screen *b, const struct target *t)
{
    char *path = target_lock_path(t), line[500];
    struct lock_holder h;
    if (lock_look(path, &h)) {
        snprintf(line, sizeof line, _("Being built now by process %ld%s%s."), h.process,
                 h.doing[0] ? ": " : "", h.doing);
        screen_text(&b->screen, line);
    }
    free(path);
}

static void explain(struct build_screen *b, const struct build *build)
{
    const struct rules *r = b->workshop->project->rules;
    bool first = true;
    for (size_t i = 0; i < r->adapter_count; i++) {
        const struct build_job *job = build_job_of(build, (int)i);
        if (!b->workshop->targets[i].planned || (!job && !b->workshop->asked[i]))
            continue;
        if (!first)
            screen_text(&b->screen, "");
        first = false;
        show_why(&b->screen, b->workshop, &b->workshop->targets[i], job);
        show_builder(b, &b->workshop->targets[i]);
    }
    if (b->missing[0])
        screen_missing_right(&b->screen, b->missing);
}

/* A dry run also says how many steps each adapter takes. */
static void show_steps(struct build_screen *b, const struct build *build)
{
    for (size_t i = 0; i < build->job_count; i++) {
        const struct build_job *job = &build->jobs[i];
        char line[100], count[32], all[32];
        int64_t left = job->steps - job->resumed_at;
        if (job->target->plan.verdict != PLAN_TRAIN)
            continue;
        snprintf(line, sizeof line, "%s %s", str_count((uint64_t)left, count),
                 show_plural((size_t)left, _("step"), _("steps")));
        if (job->resumed_at)
            snprintf(line, sizeof line, _("%s of %s steps are left"), count,
                     str_count((uint64_t)job->steps, all));
        screen_line(&b->screen, job->target->rule->name, _("train"), PAINT_NONE, line, -1);
    }
}

/* --- The view. --- */

static void on_failed(void *context, const struct error *e)
{
    struct build_screen *b = context;
    screen_end_live(&b->screen);
    screen_error(e);
}

static void on_found(void *context, const struct build *build)
{
    struct build_screen *b = context;
    show_mended(b);
    if (!b->why)
        show_idle(b, build);
}

static void on_why(void *context, const struct build *build)
{
    explain(context, build);
}

static void on_dry_run(void *context, const struct build *build)
{
    show_steps(context, build);
}

static void add_names(struct strbuf *line, const struct build_screen *b,
                      const struct build_job *jobs, size_t count, enum job_state state, size_t *n)
{
    enum { MOST_NAMES = 5 };
    for (size_t i = 0; i < count; i++) {
        if (jobs[i].state != state)
            continue;
        if (*n < MOST_NAMES)
            strbuf_printf(line, "%s%s", *n ? ", " : " (",
                          b->workshop->project->rules->adapters[jobs[i].adapter].name);
        else if (*n == MOST_NAMES)
            strbuf_add_text(line, ", …");
        *n += 1;
    }
}

/* "2 built, 1 failed (text-c), 1 not built (text-d)", where several were to be built. */
static void show_summary(struct build_screen *b, const struct build *build)
{
    static const enum job_state states[] = {JOB_DONE, JOB_FAILED, JOB_SKIPPED};
    const char *const words[] = {_("built"), _("failed"), _("not built")};
    struct strbuf line = {0};
    if (!build_count(build, JOB_FAILED) || build->job_count + build->unplanned_count < 2)
        return;
    for (size_t i = 0; i < 3; i++) {
        size_t count = build_count(build, states[i]), named = 0;
        if (!count && states[i] != JOB_DONE)
            continue;
        strbuf_printf(&line, "%s%zu %s", line.size ? ", " : "", count, words[i]);
        if (states[i] == JOB_DONE)
            continue;
        add_names(&line, b, build->jobs, build->job_count, states[i], &named);
        add_names(&line, b, build->unplanned, build->unplanned_count, states[i], &named);
        strbuf_add_text(&line, ")");
    }
    screen_gap(&b->screen);
    screen_text(&b->screen, line.data);
    strbuf_free(&line);
}

static void on_end(void *context, const struct build *build, int exit_code)
{
    struct build_screen *b = context;
    if (!exit_code && b->built)
        show_try(b, build);
    if (!b->why)
        show_summary(b, build);
    free(b);
}

struct build_view build_screen_open(struct workshop *w, const struct options *o)
{
    struct build_screen *b = mem_zalloc(sizeof *b);
    *b = (struct build_screen){
        .workshop = w, .why = o->why, .verbose = o->verbose, .started_s = clock_seconds()};
    screen_open(&b->screen, stdout, o->quiet);
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
