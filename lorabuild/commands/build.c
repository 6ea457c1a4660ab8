#include "lorabuild/commands/commands.h"
#include "lorabuild/commands/screen.h"
#include "lorabuild/commands/show_plan.h"
#include "lorabuild/common/clock.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/build.h"
#include "lorabuild/train/gate.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct build_screen {
    struct screen screen;
    struct workshop *workshop;
    double started_s;
    bool why, verbose;
    int built;
};

/* Ctrl-C can reach the loop only through a static. */
static volatile sig_atomic_t interrupts;

static void on_interrupt(int number)
{
    (void)number;
    interrupts++;
}

/* While planning, Ctrl-C ends the program at once: what is kept gets its name when it is whole. */
static void listen_for_interrupts(void)
{
    struct sigaction act = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
}

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
        strbuf_printf(b, "%s %s, %s %s", show_count(documents, first),
                      show_plural(documents, _("new document"), _("new documents")),
                      show_count(samples, second), show_plural(samples, _("sample"), _("samples")));
        if (documents == 1)
            strbuf_printf(b, ": %s", name);
        return;
    }
    strbuf_printf(b, "%s %s, %s %s", show_count(t->now.document_count, first),
                  show_plural(t->now.document_count, _("document"), _("documents")),
                  show_count(t->now.sample_count, second),
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
    const char *root = b->workshop->project->rules->root;
    const char *path = s->captions_path;
    if (strncmp(path, root, strlen(root)) == 0 && path[strlen(root)] == '/')
        path += strlen(root) + 1;
    for (size_t i = 0; i < s->data.document_count; i++)
        for (size_t k = 0; k < s->data.documents[i].count; k++)
            captioned += s->data.documents[i].samples[k].caption.size > 0;
    if (captioned && s->read_now) {
        strbuf_printf(&line, _("%s from headings: %s"), show_count(captioned, count), path);
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
    if (b->verbose)
        show_numerics(b, job);
}

static void on_progress(void *context, struct build_job *job, double loss, double tokens_per_s,
                        double seconds_left)
{
    enum { BAR = 20 };
    struct build_screen *b = context;
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
        /* Worse by the mean, but on too few pages to be sure: that passes, and is not hidden. */
        const char *verdict = !job->passed               ? _("failed")
                              : job->change > GATE_LIMIT ? _("too few to be sure")
                                                         : _("passed");
        snprintf(line, sizeof line, _("earlier pages %+.1f %% (limit +1 %%): %s"),
                 100 * job->change, verdict);
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
    snprintf(line, sizeof line, "%s %s", show_count((uint64_t)job->steps, count),
             show_plural((size_t)job->steps, _("step"), _("steps")));
    screen_line(&b->screen, job->target->rule->name, _("train"), PAINT_NONE, line,
                job->train_seconds);
    show_check(b, job);
}

/* Path as a person types it: relative to the rule file's folder. */
static const char *shown_path(const struct workshop *w, const char *path)
{
    size_t n = strlen(w->project->rules->root);
    return strncmp(path, w->project->rules->root, n) == 0 && path[n] == '/' ? path + n + 1 : path;
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
    if (job->start || (job->version > 1 && job->target->plan.verdict != PLAN_USE))
        snprintf(line, sizeof line, _("ready, in use: %s/%s"),
                 shown_path(b->workshop, rule->output), version);
    else if (asked)
        snprintf(line, sizeof line, _("ready, in use: %s/%s"),
                 shown_path(b->workshop, rule->output), version);
    else
        snprintf(line, sizeof line, "%s", _("ready"));
    if (asked)
        snprintf(total, sizeof total, _("%s total"),
                 show_duration(clock_seconds() - b->started_s, took));
    screen_line_right(&b->screen, rule->name, version, PAINT_GREEN, line, total);
}

static void on_ended(void *context, struct build_job *job)
{
    struct build_screen *b = context;
    const char *name = job->target->rule ? job->target->rule->name : "";
    char line[300];
    screen_end_live(&b->screen);
    if (job->state == JOB_STOPPED && job->saved_step) {
        snprintf(line, sizeof line,
                 _("stopped after step %lld of %lld, saved. The same command "
                   "continues."),
                 (long long)job->saved_step, (long long)job->steps);
        if (job->last_step > job->saved_step)
            snprintf(line, sizeof line,
                     _("stopped; saved after step %lld of %lld. The same command "
                       "continues."),
                     (long long)job->saved_step, (long long)job->steps);
    } else if (job->state == JOB_STOPPED) {
        snprintf(line, sizeof line, "%s", _("stopped before the first step; nothing is lost"));
    } else {
        struct error e = job->error;
        error_context(&e, "%s", name);
        screen_error(&e);
        return;
    }
    b->screen.name = NULL;
    screen_line(&b->screen, name, NULL, PAINT_NONE, line, -1);
}

static void on_waiting(void *context, const char *adapter, const char *holder)
{
    struct build_screen *b = context;
    char line[300];
    snprintf(line, sizeof line, _("is being built by another lorabuild (%s); waiting"), holder);
    screen_line(&b->screen, adapter, _("wait"), PAINT_NONE, line, -1);
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

/* No name: everything that the rules hold and that can be built. */
static bool mark_asked(const struct rules *r, char *const *names, int count, bool *asked,
                       struct error *e)
{
    for (size_t i = 0; !count && i < r->adapter_count; i++)
        asked[i] = !r->adapters[i].not_built_kind;
    for (int n = 0; n < count; n++) {
        int adapter = -1, group = -1;
        if (!rules_target(r, names[n], &adapter, &group, e))
            return false;
        if (adapter >= 0)
            asked[adapter] = true;
        else
            for (size_t i = 0; i < r->groups[group].member_count; i++)
                asked[r->groups[group].members[i]] = true;
    }
    return true;
}

/* A kind that cannot be built yet fails alone: the others of its group are built. */
static int drop_not_built(const struct rules *r, bool *asked)
{
    int code = 0;
    for (size_t i = 0; i < r->adapter_count; i++)
        if (asked[i] && r->adapters[i].not_built_kind) {
            struct error e = {0};
            error_at(&e, ERROR_INPUT, r->adapters[i].place.file, r->adapters[i].place.line,
                     r->adapters[i].place.column,
                     _("'%s' would learn from %s, which this "
                       "lorabuild cannot do yet"),
                     r->adapters[i].name, r->adapters[i].not_built_kind);
            code = command_fail(&e);
            asked[i] = false;
        }
    return code;
}

static void show_idle(struct build_screen *b, const struct build *build)
{
    const struct rules *r = b->workshop->project->rules;
    for (size_t i = 0; i < r->adapter_count; i++) {
        const struct target *t = &b->workshop->targets[i];
        bool has_job = false;
        for (size_t k = 0; k < build->job_count; k++)
            has_job = has_job || build->jobs[k].adapter == (int)i;
        if (b->workshop->asked[i] && !has_job && t->planned) {
            show_current(&b->screen, t, clock_seconds() - b->started_s);
            b->screen.name = t->rule->name;
            show_waiting(b, t);
        }
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
    char *path = mem_printf("%s/v%d/report.html", rule->output, version), line[400];
    snprintf(line, sizeof line, _("Read it   %s"), shown_path(b->workshop, path));
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
        strbuf_printf(&line, _("Try it    lorabuild draft %s \"…\""),
                      r->adapters[job->adapter].name);
        screen_text(&b->screen, line.data);
        show_report(b, &r->adapters[job->adapter], job->version);
        strbuf_free(&line);
        return;
    }
}

static void explain(struct build_screen *b, struct build *build)
{
    const struct rules *r = b->workshop->project->rules;
    bool first = true;
    for (size_t i = 0; i < r->adapter_count; i++) {
        const struct build_job *job = NULL;
        for (size_t k = 0; k < build->job_count; k++)
            if (build->jobs[k].adapter == (int)i)
                job = &build->jobs[k];
        if (!job && !b->workshop->asked[i])
            continue;
        if (!first)
            screen_text(&b->screen, "");
        first = false;
        show_why(&b->screen, b->workshop, &b->workshop->targets[i], job);
    }
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
        snprintf(line, sizeof line, "%s %s", show_count((uint64_t)left, count),
                 show_plural((size_t)left, _("step"), _("steps")));
        if (job->resumed_at)
            snprintf(line, sizeof line, _("%s of %s steps are left"), count,
                     show_count((uint64_t)job->steps, all));
        screen_line(&b->screen, job->target->rule->name, _("train"), PAINT_NONE, line, -1);
    }
}

static int run(struct build_screen *b, struct build *build, const struct options *o)
{
    struct error e = {0};
    struct build_listener listener = {b,        on_planned, on_started, on_progress, on_trained,
                                      on_ready, on_ended,   on_waiting, on_current};
    struct build_options options = {.jobs = (int)o->jobs,
                                    .threads = command_threads(o),
                                    .memory_bytes = o->memory_bytes,
                                    .keep_going = o->keep_going,
                                    .interrupted = &interrupts};
    if (!machine_look(&b->workshop->machine, &e) ||
        !build_plan(build, b->workshop, &options, &listener, &e))
        return command_fail(&e);
    show_mended(b);
    if (b->why) {
        explain(b, build);
        return 0;
    }
    show_idle(b, build);
    if (o->dry_run) {
        show_steps(b, build);
        return 0;
    }
    listen_for_interrupts();
    if (build_run(build, &e)) {
        show_try(b, build);
        return 0;
    }
    return command_exit_code(&e);
}

int command_build(const struct options *o, char *const *names, int count)
{
    struct project project;
    struct workshop workshop;
    struct build build = {0};
    struct error e = {0};
    int code = 0;
    signal(SIGPIPE, SIG_IGN);
    struct build_screen b = {
        .workshop = &workshop, .why = o->why, .verbose = o->verbose, .started_s = clock_seconds()};
    screen_open(&b.screen, stdout, o->quiet);
    if (!command_open(&project, o, false, &code))
        return code;
    bool *asked = mem_array(project.rules->adapter_count, sizeof *asked);
    workshop_open(&workshop, &project);
    workshop.asked = asked;
    workshop.rebuild = o->rebuild;
    workshop.newest_parents = o->newest_parents;
    workshop.source_options = (struct source_options){
        .rehash = o->rehash, .threads = command_threads(o), .waiting = on_young, .context = &b};
    if (!mark_asked(project.rules, names, count, asked, &e)) {
        code = command_fail(&e);
    } else {
        int not_built = drop_not_built(project.rules, asked);
        code = run(&b, &build, o);
        code = code ? code : not_built;
    }
    build_free(&build);
    workshop_close(&workshop);
    project_close(&project);
    free(asked);
    return code;
}
