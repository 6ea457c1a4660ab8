#include "lorabuild/common/clock.h"
#include "lorabuild/common/file.h"
#include "lorabuild/stages/job.h"
#include "lorabuild/stages/result.h"
#include "lorabuild/stages/stage.h"
#include "lorabuild/train/gate.h"
#include "lorabuild/train/trainer.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

static bool should_stop(void *context)
{
    (void)context;
    return stage_should_stop();
}

/* Of a training: what the trainer's callbacks are given. */
struct watch {
    const struct job *job;
    double last_step_s; /* when the newest step ended; 0 = none has */
};

/* What a person knows a window's document by. */
static const char *document_name(void *context, uint32_t document)
{
    const struct job *j = ((const struct watch *)context)->job;
    for (size_t i = 0; i < j->dataset_count; i++) {
        if (document < j->datasets[i].document_count)
            return j->datasets[i].documents[document].path;
        document -= (uint32_t)j->datasets[i].document_count;
    }
    return "?";
}

static void report_progress(void *context, const struct training_progress *p)
{
    struct watch *w = context;
    w->last_step_s = clock_seconds();
    stage_event(json_pack("{s:s, s:I, s:I, s:f, s:f, s:f}", "event", "progress", "step",
                          (json_int_t)p->step, "steps", (json_int_t)p->steps, "loss", p->loss,
                          "tokens_per_s", p->tokens_per_s, "seconds_left", p->seconds_left));
}

/* The attempt's folder belongs to one process at a time; the lock dies with it. */
static int own_attempt(const char *attempt, struct error *e)
{
    int fd = open(attempt, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        error_errno(e, "%s", attempt);
        return -1;
    }
    while (flock(fd, LOCK_EX) < 0)
        if (errno != EINTR) {
            error_errno(e, "%s", attempt);
            close(fd);
            return -1;
        }
    return fd;
}

/* The most memory that this process ever held, without the files that it has mapped: those the
 * system takes back when it needs to. 0 = not known. */
static uint64_t peak_bytes(void)
{
    struct rusage used;
    struct strbuf text = {0};
    bool known = getrusage(RUSAGE_SELF, &used) == 0 &&
                 file_read(&text, "/proc/self/status", 1 << 16, NULL) && text.size;
    const char *line = known ? strstr(text.data, "RssFile:") : NULL;
    uint64_t files = line ? strtoull(line + 8, NULL, 10) : 0;
    uint64_t most = known ? (uint64_t)used.ru_maxrss : 0;
    strbuf_free(&text);
    return most > files ? (most - files) * 1024 : 0;
}

static json_t *describe_end(const struct training_result *t, const struct gate *gate,
                            struct digest artifact)
{
    char hex[DIGEST_HEX];
    digest_hex(artifact, hex);
    json_t *o = json_pack("{s:s, s:I, s:I, s:I, s:I, s:f, s:s}", "event", "done", "steps",
                          (json_int_t)t->steps, "resumed_at", (json_int_t)t->resumed_at, "tokens",
                          (json_int_t)t->tokens, "peak_bytes", (json_int_t)peak_bytes(), "seconds",
                          t->seconds, "artifact", hex);
    if (isfinite(t->held_out_before) && isfinite(t->held_out_after)) {
        json_object_set_new(o, "held_out_before", json_real(t->held_out_before));
        json_object_set_new(o, "held_out_after", json_real(t->held_out_after));
    }
    if (gate) {
        json_object_set_new(o, "change", json_real(gate->change));
        json_object_set_new(o, "passed", json_boolean(!gate->failed));
    }
    return o;
}

/* What a training needs besides its job. */
struct run {
    struct job_adapter parent, start;
    struct backend *backend;
    int64_t steps, rewarm;
    bool checkpoint_layers;
};

static bool finish(struct job *j, const struct run *run, const struct training_result *t,
                   const char *attempt, struct error *e)
{
    struct gate gate, *checked = NULL;
    const json_t *check = json_object_get(j->plan, "check"),
                 *most = json_object_get(check, "limit");
    double limit = json_is_number(most) ? json_number_value(most) : INFINITY;
    if (run->start.there && json_is_object(check) && t->window_before && t->window_after &&
        j->validate.count) {
        gate = gate_check(t->window_before, t->window_after, j->validate.count, limit);
        checked = &gate;
    }
    struct result r = {.job = j,
                       .parent = &run->parent,
                       .start = &run->start,
                       .training = t,
                       .gate = checked,
                       .limit = limit,
                       .backend = run->backend};
    char *out = path_join(attempt, "out");
    double began_s = clock_seconds();
    bool ok = weights_unchanged(j->weights, e) && result_write(&r, out, e);
    stage_span("write", began_s);
    if (ok)
        stage_event(describe_end(t, checked, r.artifact));
    result_free(&r);
    free(out);
    return ok;
}

/* The steps, and behind the last one the check on what was held out. */
static void tell_spans(const struct watch *w, double began_s)
{
    double steps_end_s = w->last_step_s > began_s ? w->last_step_s : clock_seconds();
    stage_event(json_pack("{s:s, s:s, s:f, s:f}", "event", "span", "name", "train", "begin",
                          began_s, "end", steps_end_s));
    if (w->last_step_s > began_s && w->job->validate.count)
        stage_span("check", steps_end_s);
}

static bool open_run(struct run *r, struct job *j, struct error *e)
{
    struct job_memory memory;
    const char *precision;
    if (!json_get_int(j->plan, "steps", &r->steps, "plan", e) ||
        !json_get_int_or(j->plan, "rewarm", &r->rewarm, 0, "plan", e) ||
        !json_get_text(j->plan, "precision", &precision, "plan", e) ||
        !job_read_adapter(&r->parent, j->plan, "parent", e) ||
        !job_read_adapter(&r->start, j->plan, "start", e) || !job_plan_memory(j, &memory, e))
        return false;
    r->checkpoint_layers = memory.checkpoint_layers;
    r->backend = cpu_backend_open(strcmp(precision, "bf16") == 0 ? COMPUTE_BF16 : COMPUTE_F32,
                                  memory.panel_bytes, e);
    return r->backend != NULL;
}

static void close_run(struct run *r)
{
    if (r->backend)
        cpu_backend_close(r->backend);
    peft_free(&r->start.adapter);
    peft_free(&r->parent.adapter);
}

static bool take_steps(struct training_result *result, const struct run *r, struct job *j,
                       const char *attempt, struct error *e)
{
    struct watch watch = {.job = j};
    struct training t = {.model = j->model,
                         .backend = r->backend,
                         .recipe = &j->recipe,
                         .learn = &j->learn,
                         .validate = &j->validate,
                         .parent = r->parent.there ? &r->parent.adapter : NULL,
                         .start = r->start.there ? &r->start.adapter : NULL,
                         .steps = r->steps,
                         .rewarm_steps = r->rewarm,
                         .checkpoint_layers = r->checkpoint_layers,
                         .attempt = attempt,
                         .document_name = document_name,
                         .context = &watch,
                         .should_stop = should_stop,
                         .progress = report_progress};
    stage_listen();
    double began_s = clock_seconds();
    bool ok = training_run(&t, result, e);
    tell_spans(&watch, began_s);
    if (ok && result->stopped)
        return error_set(e, ERROR_INTERRUPTED, "stopped after step %lld of %lld",
                         (long long)result->steps, (long long)r->steps);
    if (ok)
        result->adapter.base = mem_strdup(path_base(j->base_path));
    return ok;
}

static bool train(struct job *j, const char *attempt, struct error *e)
{
    struct run r = {0};
    struct training_result result = {0};
    bool ok = open_run(&r, j, e) && take_steps(&result, &r, j, attempt, e) &&
              finish(j, &r, &result, attempt, e);
    training_result_free(&result);
    close_run(&r);
    return ok;
}

bool stage_train(const json_t *plan, struct error *e)
{
    const char *attempt;
    if (!json_get_text(plan, "attempt", &attempt, "plan", e))
        return false;
    int lock = own_attempt(attempt, e);
    if (lock < 0)
        return false;
    struct job j;
    double began_s = clock_seconds();
    bool ok = job_open(&j, plan, e);
    stage_span("open", began_s);
    ok = ok && train(&j, attempt, e);
    job_close(&j);
    close(lock);
    return ok;
}
