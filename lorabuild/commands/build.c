#include "lorabuild/commands/build_view.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/text.h"
#include "lorabuild/run/left.h"

#include <signal.h>
#include <stdlib.h>

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

/* No name: everything that the rules hold and that can be built. */
static bool mark_asked(const struct rules *r, char *const *names, int count, bool *asked,
                       struct error *e)
{
    for (size_t i = 0; !count && i < r->adapter_count; i++)
        asked[i] = !r->adapters[i].not_built_kind;
    for (int n = 0; n < count; n++) {
        int adapter = -1, group = -1;
        if (!command_target(r, names[n], &adapter, &group, e))
            return false;
        if (adapter >= 0)
            asked[adapter] = true;
        else
            for (size_t i = 0; i < r->groups[group].member_count; i++)
                asked[r->groups[group].members[i]] = true;
    }
    return true;
}

static int fail(struct build_view *v, const struct error *e)
{
    v->failed(v->listener.context, e);
    return command_exit_code(e);
}

/* A kind that cannot be built yet fails alone: the others of its group are built. */
static int drop_not_built(struct build_view *v, const struct rules *r, bool *asked)
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
            code = fail(v, &e);
            asked[i] = false;
        }
    return code;
}

/* Without a name all is asked for, also what the rules would make if its folder were there: that
 * fails alone. What no rule makes is only mentioned. */
static int tell_missing(struct build_view *v, const struct rules *r)
{
    struct left_adapters left;
    struct error nothing = {0};
    int code = 0;
    left_find(&left, r, NULL);
    if (!left.count && !rules_make_something(r, &nothing))
        return fail(v, &nothing);
    for (size_t i = 0; i < left.count; i++) {
        struct error e = {0};
        left_say(&left.items[i], &e);
        int failed = fail(v, &e);
        code = left.items[i].why ? failed : code;
    }
    left_free(&left);
    return code;
}

/* What --why could not tell for lack of a right is no failure: it is said. */
static bool all_untold(const struct build *build)
{
    for (size_t i = 0; i < build->unplanned_count; i++)
        if (build->unplanned[i].state == JOB_FAILED &&
            build->unplanned[i].error.kind != ERROR_PERMISSION)
            return false;
    return true;
}

static int run(struct build_view *v, struct build *build, struct workshop *w,
               struct timeline *timeline, const struct options *o)
{
    struct error e = {0};
    struct build_options options = {.jobs = (int)o->jobs,
                                    .threads = command_threads(o),
                                    .memory_bytes = o->memory_bytes,
                                    .keep_going = o->keep_going || o->why,
                                    .interrupted = &interrupts,
                                    .timeline = timeline};
    if (!machine_look(&w->machine, &e) || !build_plan(build, w, &options, &v->listener, &e))
        return fail(v, &e);
    v->found(v->listener.context, build);
    if (o->why) {
        v->why(v->listener.context, build);
        return all_untold(build) ? 0 : 1;
    }
    if (o->dry_run) {
        v->dry_run(v->listener.context, build);
        return build->unplanned_count ? 1 : 0;
    }
    listen_for_interrupts();
    return build_run(build, &e) ? 0 : command_exit_code(&e);
}

/* The trace is written whatever came of the build. */
static int write_trace(struct build_view *v, const struct timeline *t, const char *path)
{
    struct error e = {0};
    return timeline_write(t, path, &e) ? 0 : fail(v, &e);
}

static int build_all(struct build_view *v, struct build *build, struct workshop *w,
                     const struct options *o, char *const *names, int count)
{
    struct error e = {0};
    struct timeline timeline;
    const struct rules *r = w->project->rules;
    bool *asked = mem_array(r->adapter_count, sizeof *asked);
    int code;
    timeline_begin(&timeline);
    w->asked = asked;
    w->rebuild = o->rebuild;
    w->newest_parents = o->newest_parents;
    w->source_options = (struct source_options){.rehash = o->rehash,
                                                .threads = command_threads(o),
                                                .waiting = v->young,
                                                .context = v->listener.context,
                                                .timeline = o->trace ? &timeline : NULL};
    if (!mark_asked(r, names, count, asked, &e)) {
        code = fail(v, &e);
    } else {
        int not_built = drop_not_built(v, r, asked);
        int missing = count ? 0 : tell_missing(v, r);
        code = run(v, build, w, o->trace ? &timeline : NULL, o);
        code = code ? code : not_built ? not_built : missing;
    }
    int traced = o->trace ? write_trace(v, &timeline, o->trace) : 0;
    timeline_free(&timeline);
    v->end(v->listener.context, build, code ? code : traced);
    free(asked);
    w->asked = NULL;
    return code ? code : traced;
}

int command_build(const struct options *o, char *const *names, int count)
{
    struct project project;
    struct workshop workshop = {0};
    struct build build = {0};
    int code = 0;
    signal(SIGPIPE, SIG_IGN);
    struct build_view view =
        o->json ? build_json_open(&workshop, o) : build_screen_open(&workshop, o);
    if (!command_open(&project, o, false, &code)) {
        view.end(view.listener.context, &build, code);
        return code;
    }
    workshop_open(&workshop, &project);
    code = build_all(&view, &build, &workshop, o, names, count);
    build_free(&build);
    workshop_close(&workshop);
    project_close(&project);
    return code;
}
